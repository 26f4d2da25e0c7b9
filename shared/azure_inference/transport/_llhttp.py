"""HTTP/1.1 parsed by llhttp (the package httptools), as a connection of httpcore's pool: a tenth of the work of h11."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, cast

import httpcore
import httptools

_READ_SIZE = 64 * 1024
_HEAD_LIMIT = 100 * 1024
"""The most bytes that the head of an answer may have."""
_FINAL = 200
"""The first status of an answer; those below only announce one."""
_PROTOCOL_ERROR = httpcore.RemoteProtocolError


class LlhttpConnection(httpcore.HTTPConnection):
    """A connection that httpcore makes, and llhttp reads."""

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Sends a request and reads the head of its answer."""
        try:
            with self._request_lock:
                if self._connection is None:
                    self._connection = _Exchanges(self._origin, self._connect(request), self._keepalive_expiry)
        except BaseException:
            self._connect_failed = True
            raise
        return self._connection.handle_request(request)


class _Exchanges(httpcore.ConnectionInterface):
    """Requests and answers, one pair after another."""

    def __init__(self, origin: httpcore.Origin, stream: httpcore.NetworkStream, keepalive_expiry: float | None) -> None:
        self._origin = origin
        self._stream = stream
        self._keepalive_expiry = keepalive_expiry
        self._expires_at: float | None = None
        self._answer = _Answer()
        self._is_busy = False
        self._is_closed = False
        self._lock = threading.Lock()

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        with self._lock:
            if self._is_busy or self._is_closed:
                raise httpcore.ConnectionNotAvailable
            self._is_busy = True
        limits: Mapping[str, float | None] = cast("Any", request).extensions.get("timeout", {})
        try:
            self._send(request, limits.get("write"))
            answer = self._answer
            while not answer.has_head:
                self._receive(limits.get("read"))
        except BaseException:
            self.close()
            raise
        return httpcore.Response(answer.status, headers=answer.headers, content=_Body(self, limits.get("read")))

    def _send(self, request: httpcore.Request, timeout: float | None) -> None:
        lines = [b"%b %b HTTP/1.1" % (request.method, request.url.target)]
        lines += [b"%b: %b" % header for header in request.headers]
        head = b"\r\n".join(lines)
        if head.count(b"\n") >= len(lines) or head.count(b"\r") >= len(lines):
            raise httpcore.LocalProtocolError("a header of the request holds the end of a line")
        # A server may refuse a request before it has read it all, and its answer says why.
        with suppress(httpcore.WriteError):
            self._stream.write(b"".join([head, b"\r\n\r\n", *cast("Iterable[bytes]", request.stream)]), timeout)

    def pieces(self, timeout: float | None) -> Iterator[bytes]:
        """The body of the answer, as it comes."""
        answer = self._answer
        try:
            while True:
                if answer.pieces:
                    yield answer.take()
                elif answer.is_whole:
                    return
                else:
                    self._receive(timeout)
        except BaseException:
            self.close()
            raise

    def finish(self) -> None:
        """Makes ready for the next request, if this one was answered to the end and nothing came after it."""
        with self._lock:
            if not self._answer.leaves_open:
                self.close()
            elif not self._is_closed:
                self._answer.reset()
                self._is_busy = False
                if self._keepalive_expiry is not None:
                    self._expires_at = time.monotonic() + self._keepalive_expiry

    def _receive(self, timeout: float | None) -> None:
        data = self._stream.read(_READ_SIZE, timeout)
        if data:
            self._answer.feed(data)
        else:
            self._answer.end()

    def close(self) -> None:
        self._is_closed = True
        self._stream.close()

    def info(self) -> str:
        state = "CLOSED" if self._is_closed else "ACTIVE" if self._is_busy else "IDLE"
        return f"{str(self._origin)!r}, HTTP/1.1, {state}"

    def can_handle_request(self, origin: httpcore.Origin) -> bool:
        return origin == self._origin

    def is_available(self) -> bool:
        return self.is_idle()

    def has_expired(self) -> bool:
        if self._is_busy or self._is_closed:
            return False
        is_late = self._expires_at is not None and time.monotonic() > self._expires_at
        # An idle server has nothing to say: what it sends is its goodbye, or would be taken for the next answer.
        return is_late or bool(self._stream.get_extra_info("is_readable"))

    def is_idle(self) -> bool:
        return not self._is_busy and not self._is_closed

    def is_closed(self) -> bool:
        return self._is_closed


class _Body:
    """The body of an answer as httpcore's pool wants it: to be looped over, and closed."""

    def __init__(self, exchanges: _Exchanges, timeout: float | None) -> None:
        self._exchanges = exchanges
        self._timeout = timeout

    def __iter__(self) -> Iterator[bytes]:
        return self._exchanges.pieces(self._timeout)

    def close(self) -> None:
        self._exchanges.finish()


class _Answer:
    """What llhttp tells of the bytes of an answer; it calls the methods that begin with `on_`."""

    def __init__(self) -> None:
        self._parser: Any = httptools.HttpResponseParser(self)
        self.reset()

    def reset(self) -> None:
        """Forgets the answer: the next one follows on the same connection."""
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.has_head = False
        self.is_whole = False
        self._head_size = 0
        self._has_surplus = False
        self._ends_with_connection = False

    @property
    def leaves_open(self) -> bool:
        """Whether the connection can be used again."""
        return self.is_whole and not (self._has_surplus or self._ends_with_connection)

    def feed(self, data: bytes) -> None:
        """Takes in bytes of the connection."""
        if not self.has_head:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise _PROTOCOL_ERROR("the server wants to speak another protocol") from None
        except httptools.HttpParserError as error:
            if not self.is_whole:  # else it is about bytes that come after the answer
                raise _PROTOCOL_ERROR(str(error) or type(error).__name__) from None
            self._has_surplus = True
        if self._head_size > _HEAD_LIMIT and not self.has_head:
            raise _PROTOCOL_ERROR(f"the head of the answer has more than {_HEAD_LIMIT} bytes")

    def end(self) -> None:
        """Says that the connection has ended, which ends a body of no announced length."""
        if not self.has_head:
            raise _PROTOCOL_ERROR("Server disconnected without sending a response.")
        if any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self.headers):
            raise _PROTOCOL_ERROR("the connection ended before the answer did")
        self.is_whole = self._ends_with_connection = True

    def take(self) -> bytes:
        """What has come of the body and was not taken yet."""
        body = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        self.pieces.clear()
        return body

    def on_message_begin(self) -> None:
        self._has_surplus = self._has_surplus or self.is_whole

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:  # else it is a trailer
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self.is_whole:
            return
        self.status = self._parser.get_status_code()
        if self.status < _FINAL:
            self.headers.clear()
            return
        self.has_head = True
        self._ends_with_connection = not self._parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        if not self.is_whole:
            self.pieces.append(piece)

    def on_message_complete(self) -> None:
        if self.status >= _FINAL:
            self.is_whole = True
