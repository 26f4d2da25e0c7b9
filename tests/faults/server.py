"""A server that knows no HTTP: what each of its connections does is told step by step, so that any fault can be played.

Only the standard library: the comparison of `python -m tests.faults` runs it beside clients of any kind.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Self

PATIENCE = 20.0
"""Seconds after which a server gives up on a client; it never decides whether a test passes."""

Step = bytes | str | tuple[Any, ...] | Callable[["Peer"], bytes]
"""What a server does next: bytes are sent, a function makes the bytes, anything else names a method of `Peer`, with its
arguments."""


class Peer:
    """The server's end of a connection."""

    def __init__(self, server: RawServer, connection: socket.socket) -> None:
        self.server = server
        self.body = b""
        """What the last request brought."""
        self._socket = connection
        self._rest = b""

    def play(self, steps: Iterable[Step]) -> None:
        """Takes the steps one after another, then closes the connection."""
        try:
            for step in steps:
                if isinstance(step, bytes):
                    self._socket.sendall(step)
                elif callable(step):
                    self._socket.sendall(step(self))
                else:
                    name, *arguments = (step,) if isinstance(step, str) else step
                    getattr(self, name)(*arguments)
        except OSError:
            self.server.hung_up.release()
        finally:
            self._socket.close()

    def request(self) -> None:
        """Reads a request."""
        while b"\r\n\r\n" not in self._rest:
            self._read()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        while length and len(self._rest) < int(length[1]):
            self._read()
        end = int(length[1]) if length else 0
        self.body, self._rest = self._rest[:end], self._rest[end:]
        self.server.received(head, self.body)

    def beginning(self) -> None:
        """Reads no more of a request than what has come of it."""
        self._read()

    def drip(self, piece: bytes, seconds: float = 0.01) -> None:
        """Sends this again and again, slowly, until the client hangs up."""
        while True:
            self._socket.sendall(piece)
            time.sleep(seconds)

    def flood(self, piece: bytes) -> None:
        """Sends this again and again, until the client hangs up."""
        while True:
            self._socket.sendall(piece)

    def stall(self) -> None:
        """Says nothing until the client hangs up."""
        while True:
            self._read()

    def wait(self, seconds: float) -> None:
        """Says nothing for so long."""
        time.sleep(seconds)

    def reached(self) -> None:
        """Tells the test that everything so far was done."""
        self.server.reached.release()

    def reset(self) -> None:
        """Breaks the connection off."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def hang_up(self) -> None:
        """Ends the connection, whatever it is at."""
        with suppress(OSError):  # it may have ended already
            self._socket.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionResetError
        self._rest += piece


class RawServer:
    """A server on 127.0.0.1 that knows no HTTP; each connection takes the next steps, or the last.

    `requests` are the heads of the requests read, `bodies` what they brought, `times` when (on the monotonic clock);
    `hung_up` counts the clients that closed a connection in use. `elsewhere` is the URL of another server, for steps
    that lead there.
    """

    def __init__(self, *, elsewhere: str = "") -> None:
        self.requests: list[bytes] = []
        self.bodies: list[bytes] = []
        self.times: list[float] = []
        self.connections = 0
        self.elsewhere = elsewhere
        self.hung_up = threading.Semaphore(0)
        self.reached = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._peers: list[Peer] = []
        self._scripts: deque[tuple[Step, ...]] = deque()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{self.root}/models"

    def script(self, *steps: Step) -> None:
        """What the next connection does."""
        self._scripts.append(steps)

    def from_now_on(self, *steps: Step) -> None:
        """What every further connection does."""
        self._scripts = deque([steps])

    def received(self, head: bytes, body: bytes) -> None:
        """Takes down a request."""
        with self._lock:
            self.requests.append(head)
            self.bodies.append(body)
            self.times.append(time.monotonic())

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE)
            self.connections += 1
            steps = self._scripts.popleft() if len(self._scripts) > 1 else self._scripts[0]
            peer = Peer(self, connection)
            self._peers.append(peer)
            threading.Thread(target=peer.play, args=(steps,), daemon=True).start()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)
        for peer in self._peers:
            peer.hang_up()
