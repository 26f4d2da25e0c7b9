"""HTTP/1.1 parsed by llhttp (the package httptools), as a connection of httpcore's pool: a tenth of the work of h11."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, cast

import httpcore
import httptools

from ._errors import NO_ANSWER

_READ_SIZE = 64 * 1024
_AT_HAND = 0.001
"""The seconds in which bytes are read that have come already."""
_TALK_LIMIT = 100 * 1024
"""The most bytes at a stretch that may bring nothing of a body: those of heads and trailers."""
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
        self._answer: _Answer | None = None
        self._state = "NEW"
        # One that is held twice: garbage collection may end an answer that was left, wherever this thread is.
        self._lock = threading.RLock()

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        with self._lock:
            if self._state not in ("NEW", "IDLE"):
                raise httpcore.ConnectionNotAvailable
            self._state = "ACTIVE"
            answer = self._answer = _Answer()
        limits: Mapping[str, float | None] = cast("Any", request).extensions.get("timeout", {})
        try:
            self._send(request, answer, limits.get("write"))
            while not answer.has_head:
                self.receive(answer, limits.get("read"))
        except BaseException:
            self.close()
            raise
        response = _Response(answer.status, answer.headers, _Body(self, answer, limits.get("read")), {})
        return cast("httpcore.Response", response)

    def _send(self, request: httpcore.Request, answer: _Answer, timeout: float | None) -> None:
        lines = [b"%b %b HTTP/1.1" % (request.method, request.url.target), *map(b": ".join, request.headers)]
        head = b"\r\n".join(lines)
        if head.count(b"\n") >= len(lines) or head.count(b"\r") >= len(lines):
            raise httpcore.LocalProtocolError("a header of the request holds the end of a line")
        try:
            self._stream.write(b"".join([head, b"\r\n\r\n", *cast("Iterable[bytes]", request.stream)]), timeout)
        except httpcore.WriteError:
            # A server may refuse a request before it has read it all, and its answer says why.
            answer.is_last = True
        except httpcore.WriteTimeout:
            # One that reads no more may have said why, too.
            answer.is_last = True
            with suppress(httpcore.ReadTimeout):
                self.receive(answer, _AT_HAND)
            if not answer.has_head:
                raise

    def receive(self, answer: _Answer, timeout: float | None) -> None:
        """Waits for the next bytes of an answer."""
        data = self._stream.read(_READ_SIZE, timeout)
        if data:
            answer.feed(data)
        else:
            answer.end()

    def finish(self, answer: _Answer) -> None:
        """Makes ready for the next request, if this answer was read to its end and nothing came after it."""
        with self._lock:
            if answer is not self._answer:  # ended before: the connection belongs to another answer by now
                return
            self._answer = None
            if not answer.leaves_open:
                self.close()
            elif self._state == "ACTIVE":
                self._state = "IDLE"
                if self._keepalive_expiry is not None:
                    self._expires_at = time.monotonic() + self._keepalive_expiry

    def close(self) -> None:
        self._state = "CLOSED"
        self._stream.close()

    def info(self) -> str:
        return f"{str(self._origin)!r}, HTTP/1.1, {self._state}"

    def is_available(self) -> bool:
        return self._state == "IDLE"

    def has_expired(self) -> bool:
        if self._state != "IDLE":
            return False
        is_late = self._expires_at is not None and time.monotonic() > self._expires_at
        # An idle server has nothing to say: what it sends is its goodbye, or would be taken for the next answer.
        return is_late or bool(self._stream.get_extra_info("is_readable"))

    def is_idle(self) -> bool:
        return self._state == "IDLE"

    def is_closed(self) -> bool:
        return self._state == "CLOSED"


class _Body:
    """The body of an answer as httpcore's pool wants it: to be looped over, and closed."""

    def __init__(self, exchanges: _Exchanges, answer: _Answer, timeout: float | None) -> None:
        self._exchanges = exchanges
        self._answer = answer
        self._timeout = timeout

    def __iter__(self) -> Iterator[bytes]:
        answer = self._answer
        try:
            while True:
                if answer.pieces:
                    yield answer.take()
                elif answer.is_whole:
                    return
                else:
                    self._exchanges.receive(answer, self._timeout)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._exchanges.finish(self._answer)


class _Response(NamedTuple):
    """What httpcore's pool reads of a response, of which it makes its own: there, every header is looked at."""

    status: int
    headers: list[tuple[bytes, bytes]]
    stream: _Body
    extensions: dict[str, Any]


class _Answer:
    """What llhttp tells of the bytes of an answer; it calls the methods that begin with `on_`."""

    def __init__(self) -> None:
        self._parser: Any = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.has_head = False
        self.is_whole = False
        self.is_last = False
        """Whether the connection ends with it."""
        self._talk = 0
        self._has_surplus = False

    @property
    def leaves_open(self) -> bool:
        """Whether the connection can be used again."""
        return self.is_whole and not (self._has_surplus or self.is_last)

    def feed(self, data: bytes) -> None:
        """Takes in bytes of the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise _PROTOCOL_ERROR("the server wants to speak another protocol") from None
        except httptools.HttpParserError as error:
            if not self.is_whole:  # else it is about bytes that come after the answer
                raise _PROTOCOL_ERROR(str(error) or type(error).__name__) from None
            self._has_surplus = True
        self._talk = 0 if self.pieces else self._talk + len(data)
        if self._talk > _TALK_LIMIT and not self.is_whole:
            raise _PROTOCOL_ERROR(f"the head or the trailers of the answer have more than {_TALK_LIMIT} bytes")

    def end(self) -> None:
        """Says that the connection has ended, which ends a body of no announced length."""
        if not self.has_head:
            raise _PROTOCOL_ERROR(NO_ANSWER)
        if any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self.headers):
            raise _PROTOCOL_ERROR("the connection ended before the answer did")
        self.is_whole = self.is_last = True

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
        self.is_last = self.is_last or not self._parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        if not self.is_whole:
            self.pieces.append(piece)

    def on_message_complete(self) -> None:
        if self.status >= _FINAL:
            self.is_whole = True
