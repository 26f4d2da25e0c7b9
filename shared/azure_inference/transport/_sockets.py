"""Sockets of sync code: every wait on them ends at a deadline, and when the client is closed by another thread."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import httpcore

from azure_inference.timeouts import Deadline

from ._arrivals import arrivals_of

_CURRENT = threading.local()
_CLOSED = "the connection was closed"


def keep_to(deadline: Deadline) -> None:
    """Makes every wait of this thread on a connection of ours end at the deadline, until the next is set."""
    _CURRENT.at = deadline.at


def _within(timeout: float | None, error: type[httpcore.TimeoutException]) -> float | None:
    at: float | None = getattr(_CURRENT, "at", None)
    if at is not None:
        remaining = at - time.monotonic()
        timeout = remaining if timeout is None else min(timeout, remaining)
    if timeout is not None and timeout <= 0:
        raise error
    return timeout


class Backend(httpcore.SyncBackend):
    """Sockets whose every wait ends at the deadline of the call: a server that drips bytes cannot put it off.

    The time to connect is for look-up, all addresses and TLS together; a silent address leaves the next their share.
    """

    def __init__(self) -> None:
        self._streams: WeakSet[_Stream] = WeakSet()
        self._is_closed = False
        self._lock = threading.Lock()

    def add(self, stream: _Stream) -> None:
        """Takes in a new connection, to be broken off with the others."""
        with self._lock:
            self._streams.add(stream)
        if self._is_closed:
            stream.break_off()

    def break_off(self) -> None:
        """Ends all connections for whoever waits on them, also those that are still to be made."""
        self._is_closed = True
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.break_off()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        until = Deadline.within(timeout, "connect")
        addresses = _addresses(host, port)
        for left in range(len(addresses), 0, -1):
            limit = _within(until.remaining, httpcore.ConnectTimeout)
            share = None if limit is None else limit / left
            try:
                stream = super().connect_tcp(addresses[-left], port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
            else:
                return _SocketStream(stream, until, self)
        raise httpcore.ConnectError("the host has no address")


def _addresses(host: str, port: int) -> list[str]:
    """The addresses of a host, in a form that needs no look-up any more."""
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [socket.getnameinfo(address, numeric)[0] for *_, address in found]
    except OSError as error:
        raise httpcore.ConnectError(error) from error


class _Stream(httpcore.NetworkStream):
    """A connection, which must have been made until then, TLS included."""

    _is_broken_off = False

    def __init__(self, stream: httpcore.NetworkStream, until: Deadline, backend: Backend) -> None:
        self._stream = stream
        self._until = until
        self._backend = backend
        self._pid = os.getpid()
        backend.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _within(timeout, httpcore.ReadTimeout)) or self._end()

    def break_off(self) -> None:
        """Ends it for the thread that waits on it, which then closes it.

        If it were closed here, that thread might read from the next socket of the same number.
        """
        self._is_broken_off = True
        with suppress(OSError):  # as when it has ended already; TLS would not let a thread go on that waits
            socket.socket.shutdown(self.get_extra_info("socket"), socket.SHUT_RDWR)

    def _end(self) -> bytes:
        if self._is_broken_off:
            raise httpcore.ReadError(_CLOSED)  # else it would end a body of no announced length
        return b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _within(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        if self._pid == os.getpid():  # else it would end for the parent of a fork, too
            self.break_off()  # tells another thread that waits on it, whose stream is closed from here
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - it began when the connection did
    ) -> httpcore.NetworkStream:
        limit = _within(self._until.remaining, httpcore.ConnectTimeout)
        is_plain = not isinstance(self.get_extra_info("socket"), ssl.SSLSocket)
        secure = self._stream.start_tls(ssl_context, server_hostname, limit)
        kind = _SocketStream if is_plain else _Stream
        return kind(secure, self._until, self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _SocketStream(_Stream):
    """One that is nothing but a socket, plain or of TLS: httpcore's own takes as long again to translate no error."""

    def __init__(self, stream: httpcore.NetworkStream, until: Deadline, backend: Backend) -> None:
        super().__init__(stream, until, backend)
        self._socket: socket.socket = stream.get_extra_info("socket")
        self._arrivals = arrivals_of(self._socket)

    def get_extra_info(self, info: str) -> Any:
        return self._arrivals() if info == "is_readable" else super().get_extra_info(info)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            self._socket.settimeout(_within(timeout, httpcore.ReadTimeout))
            return self._socket.recv(max_bytes) or self._end()
        except TimeoutError as error:
            raise httpcore.ReadTimeout(error) from error
        except OSError as error:
            raise httpcore.ReadError(_CLOSED if self._is_broken_off else error) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        try:
            while rest:
                self._socket.settimeout(_within(timeout, httpcore.WriteTimeout))
                rest = rest[self._socket.send(rest) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(error) from error
        except OSError as error:
            raise httpcore.WriteError(error) from error
