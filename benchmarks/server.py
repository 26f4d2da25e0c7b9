"""The server that all clients are measured against: answers made beforehand, in a process of its own.

The first part of the path says what is played: `answer` (chat), `answer-50` (after 50 ms), `text-1000` and `tools-1000`
(streams of so many deltas), `vectors-1536` (embeddings of so many numbers), `unknown-1536` (the same of a model that
nobody knows), `apart-1000` (each delta by itself, a millisecond after the last). `GET /cpu` tells the seconds of CPU
time that this process has used.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import resource
import socket
import sys
import time
from collections.abc import Iterator

from benchmarks import bodies

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SEGMENT = 4096
_APART = 0.001


class Played(asyncio.Protocol):
    """One connection: waits until a request is whole, then plays what its path says."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()
        self.missing = 0

    def data_received(self, data: bytes) -> None:
        self.received += data
        if len(self.received) < self.missing:
            return
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        found = _LENGTH.search(self.received, 0, end)
        self.missing = end + 4 + (int(found.group(1)) if found else 0)
        if len(self.received) < self.missing:
            return
        body = bytes(self.received[end + 4 :])
        path = bytes(self.received[: self.received.find(b"\r\n")]).split(b" ")[1].decode()
        self.received.clear()
        self.missing = 0
        self.play(path, body)

    def play(self, path: str, body: bytes) -> None:
        kind, _, number = path.split("/")[1].partition("-")
        if kind == "cpu":
            self.transport.write(cpu_time())
        elif "/info" in path:
            self.transport.write(bodies.info())
        elif kind == "answer" and number:
            asyncio.get_running_loop().call_later(int(number) / 1000, self.transport.write, bodies.whole())
        elif kind == "answer":
            self.transport.write(bodies.whole())
        elif kind in ("text", "tools"):
            for segment in segments(kind, int(number)):
                self.transport.write(segment)
        elif kind == "apart":
            self.drip(iter(bodies.streamed("text", int(number))))
        elif kind in ("vectors", "unknown"):
            asked = json.loads(body)
            encoding = asked.get("encoding_format") or "float"
            self.transport.write(bodies.embeddings(len(asked["input"]), int(number), encoding))
        else:
            self.transport.write(bodies.missing())

    def drip(self, pieces: Iterator[bytes]) -> None:
        piece = next(pieces, None)
        if piece is not None and not self.transport.is_closing():
            self.transport.write(piece)
            asyncio.get_running_loop().call_later(_APART, self.drip, pieces)


_SEGMENTS: dict[tuple[str, int], list[bytes]] = {}


def segments(kind: str, count: int) -> list[bytes]:
    """A streamed answer, cut every 4 KiB."""
    if (kind, count) not in _SEGMENTS:
        text = b"".join(bodies.streamed(kind, count))
        _SEGMENTS[kind, count] = [text[at : at + _SEGMENT] for at in range(0, len(text), _SEGMENT)]
    return _SEGMENTS[kind, count]


def cpu_time() -> bytes:
    body = b"%.6f" % time.process_time()
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def allow_many_connections() -> None:
    """Raises this process's limit of open files as far as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve() -> None:
    """Tells the port on standard output, and serves until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Played, "127.0.0.1", 0, backlog=16384)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = loop.create_future()
    loop.add_reader(sys.stdin, lambda: None if sys.stdin.read(1) else over.done() or over.set_result(None))
    await over
    os._exit(0)


if __name__ == "__main__":
    gc.disable()
    allow_many_connections()
    asyncio.run(serve())
