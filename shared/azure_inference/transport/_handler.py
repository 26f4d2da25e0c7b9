"""aiohttp's connection, made safe, and the bodies that are read of it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import StreamReader
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage

from azure_inference.timeouts import Deadline, Timeouts

from ._arrivals import arrivals_of
from ._errors import NO_ANSWER

_FINAL = 200
"""The first status of an answer; those below only announce one."""
_REFUSED = 300
"""The first status of a refusal; before one, the rest of a request may still be asked for."""
_SWITCHING_PROTOCOLS = 101
"""The exception: nothing of HTTP follows, and nobody asked for that."""
_PIECE = 64 * 1024
"""Bytes that are read ahead at most, and written at once of a large body."""
_LARGE = 1024 * 1024
"""Bytes from which on a body is large."""
_HEAD_LIMIT = 100 * 1024
"""The most bytes of a head, as of those that llhttp and h11 read in its place."""
_PARSER_LIMITS: dict[str, Any] = dict.fromkeys(
    # All bytes are counted here; older versions of aiohttp do not count the headers.
    {"max_line_size", "max_field_size", "max_headers"}
    & (ResponseHandler.set_response_params.__kwdefaults__ or {}).keys(),
    _HEAD_LIMIT,
)


class Handler(ResponseHandler):
    """A connection whose bytes never reach another call, and whose readers never wait for ever.

    aiohttp takes bytes that come after an answer for the next one, and a connection that is lost for the end of a body
    of no announced length; it counts the time in which nobody reads as silence of the server; and it tells whoever
    waits for a head that the bytes are not HTTP, or that the connection was closed, but not whoever reads the body.

    It has one alarm for all that may take too long: when it rings, it is set again to the moment that counts by then.
    To set and stop a timer for each wait would take an eighth of the time of a whole call.
    """

    failure: BaseException | None = None
    """Why there is no more of a body than what came of it."""
    _answered = 0
    """The status of the answer, once its head has come."""
    _unanswered = 0
    """Bytes that came without the head of an answer."""
    _writer: asyncio.Task[None] | None = None
    _alarm: asyncio.TimerHandle | None = None
    _silent_until = math.inf
    """When the server has been silent for too long, on the event loop's clock; without an end while nobody waits."""
    _wait_until = math.inf
    """When whoever waits has waited for too long; at rest, when the connection has not been used for too long."""
    _at_rest = False

    def send(self, head: bytes, body: bytes, timeouts: Timeouts) -> None:
        """Sends a request; of a large one, the rest while its answer is awaited, which may be a refusal."""
        self._at_rest = False
        self._answered = self._unanswered = 0  # from here on, bytes belong to the next answer
        self._wait_until = math.inf
        self.set_response_params(
            read_until_eof=True,
            auto_decompress=False,
            read_timeout=timeouts.read,
            read_bufsize=_PIECE,
            **_PARSER_LIMITS,
        )
        if len(body) < _LARGE:
            self._write(head + body)
        else:
            self._write(head)
            self._writer = self._loop.create_task(self._write_slowly(body, timeouts.write))

    async def answer(self, deadline: Deadline) -> tuple[RawResponseMessage, StreamReader]:
        """The head of the answer to what was sent, and its body to be read."""
        self.wait_until(deadline)
        if self._is_writing:
            self._drop_timeout()  # it is not the server's turn yet
        try:
            while True:
                message, payload = await self.read()
                if message.code >= _FINAL:
                    return message, payload
                if message.code == _SWITCHING_PROTOCOLS:
                    raise aiohttp.ClientPayloadError("the server wants to speak another protocol")
                if not self._is_writing:
                    self.start_timeout()  # which aiohttp stops at the end of any answer
        finally:
            self.end_wait()

    def wait_until(self, deadline: Deadline) -> None:
        """Has whoever waits from now on told when the deadline is over, or the server silent for too long."""
        remaining = deadline.remaining
        if remaining is not None:
            self._wait_until = self._loop.time() + remaining
        self.start_timeout()

    def end_wait(self) -> None:
        """Says that nobody waits any more."""
        self._wait_until = self._silent_until = math.inf

    def rest(self, seconds: float) -> None:
        """Waits for the next request, and ends if there is none for so long."""
        self._at_rest = True
        self._silent_until = math.inf
        self._wait_until = self._loop.time() + seconds
        self._set_alarm()

    @property
    def is_usable(self) -> bool:
        """Whether a connection at rest can take a request.

        Where the event loop stood still, its alarm is late, and what has come of the server has not been noticed: the
        end of the connection, or bytes that would be taken for the answer.
        """
        return self.is_connected() and self._loop.time() < self._wait_until and not self._arrivals()

    @property
    def has_surplus(self) -> bool:
        """Whether part of a head came with the end of the answer.

        The parser is asked by feeding it the end of a head: it passes over that if it has no beginning of one.
        """
        parser: Any = self._parser
        try:
            heads, _, _ = parser.feed_data(b"\r\n\r\n")
        except Exception:  # noqa: BLE001 - of any class, by versions of aiohttp
            return True
        return bool(heads)

    def _set_alarm(self) -> None:
        at = min(self._silent_until, self._wait_until)
        if self._alarm is not None and self._alarm.when() > at:
            self._stop_alarm()
        if self._alarm is None and at < math.inf:
            self._alarm = self._loop.call_at(at, self._ring)

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        self._alarm = None
        now = self._loop.time()
        if self._wait_until <= now and self._at_rest:
            self.close()
        elif self._wait_until <= now:
            self.set_exception(OverdueError())
        elif self._silent_until <= now:
            self.set_exception(aiohttp.ServerTimeoutError())
        else:
            self._set_alarm()

    def start_timeout(self) -> None:
        """Counts the silence of the server from now on."""
        if self._read_timeout is not None:
            self._silent_until = self._loop.time() + self._read_timeout
        self._set_alarm()

    def _reschedule_timeout(self) -> None:  # at whatever comes of the server; an alarm that rings too early is set anew
        if self._silent_until < math.inf and self._read_timeout is not None:
            self._silent_until = self._loop.time() + self._read_timeout

    def _drop_timeout(self) -> None:
        self._silent_until = math.inf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._arrivals = arrivals_of(transport.get_extra_info("socket"))

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_alarm()
        payload, parser = self._payload, self._parser
        if payload is not None and parser is not None and not payload.is_eof():
            self._parser = None  # else it would be asked, which knows nothing of a loss
            self._break_off(payload, exc or _missing(parser))
        super().connection_lost(exc)

    def _write(self, data: bytes) -> None:
        if self.transport is None:
            raise aiohttp.ServerDisconnectedError(NO_ANSWER)
        self.transport.write(data)

    async def _write_slowly(self, body: bytes, patience: float | None) -> None:
        try:
            for start in range(0, len(body), _PIECE):
                if await self._is_refused():
                    self._should_close = True
                    return
                self._write(body[start : start + _PIECE])
                async with asyncio.timeout(patience):
                    await self._drain_helper()
        except (ConnectionError, aiohttp.ServerDisconnectedError):
            return  # the answer's reader is told
        except TimeoutError:
            self._should_close = True
            if not self._answered:
                self.set_exception(WriteTimeoutError())
        else:
            if not self._answered:  # else it is for who reads the answer to start it
                self.start_timeout()

    async def _is_refused(self) -> bool:
        """Whether nobody wants the rest of a request: to write it all the same could lose the answer that says why."""
        if self._arrivals():
            await asyncio.sleep(0)  # the event loop sees what has come,
            await asyncio.sleep(0)  # and then has read it
        return self._answered >= _REFUSED or self.transport is None or self.transport.is_closing()

    @property
    def _is_writing(self) -> bool:
        return self._writer is not None and not self._writer.done()

    @property
    def should_close(self) -> bool:
        return super().should_close or self._is_writing

    def close(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
        transport = self.transport
        self._leave(super().close)
        if transport is not None:
            transport.abort()  # else a server that reads no more, or is silent to TLS's farewell, would delay the end

    def abort(self) -> None:
        self._leave(super().abort)

    def _leave(self, end: Callable[[], None]) -> None:
        payload = self._payload
        end()
        self._stop_alarm()
        self._break_off(payload, aiohttp.ClientConnectionError("the connection was closed"))

    def feed_data(self, data: Any, size: int = 0) -> None:
        message, payload = data
        if message.code >= _FINAL:
            self._answered = message.code
        if type(payload) is StreamReader:
            payload.__class__ = _Body  # made by aiohttp's parser, which asks nobody of which class
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        if data and self._answered and (self._payload is None or self._payload.is_eof()):
            self.close()
            return
        super().data_received(data)
        if not self._answered:
            self._unanswered += len(data)
            if self._unanswered > _HEAD_LIMIT:
                self.set_exception(
                    aiohttp.ClientPayloadError(f"the head of the answer has more than {_HEAD_LIMIT} bytes")
                )

    def resume_reading(self, *arguments: Any, **options: Any) -> None:
        if self._reading_paused:  # else aiohttp would parse nothing, after each piece that is taken
            super().resume_reading(*arguments, **options)

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:  # noqa: ARG002 - it quotes what the server sent
        if isinstance(exc, aiohttp.ServerDisconnectedError):
            exc = aiohttp.ServerDisconnectedError(NO_ANSWER)  # aiohttp's own holds what has come of a head
        elif not isinstance(exc, aiohttp.ClientError):
            exc = aiohttp.ClientPayloadError(getattr(exc, "message", "") or str(exc) or "the answer is not HTTP")
        payload = self._payload
        super().set_exception(exc, exc)
        self._break_off(payload, exc)

    def _break_off(self, payload: StreamReader | None, error: BaseException | None) -> None:
        """Ends a body: who reads it gets what came of it, and then the error."""
        if payload is not None and not payload.is_eof():
            self.failure = error
            payload.feed_eof()


class _Body(StreamReader):
    """A body that does not remember where its HTTP chunks end, which nobody asks for here.

    Servers make a chunk of each event of a stream: to note where it ends, and to take it by itself, is a fortieth of
    all that an event costs, with the objects of the framework.
    """

    __slots__ = ()

    def begin_http_chunk_receiving(self) -> None:
        pass

    def end_http_chunk_receiving(self) -> None:
        pass

    def _read_nowait(self, n: int) -> bytes:  # noqa: ARG002 - all of it, always
        pieces = b"".join(self._buffer)
        self._buffer.clear()
        self._size = 0
        self._protocol.resume_reading()
        return pieces


def _missing(parser: Any) -> Exception | None:
    """What is missing from the answer that a connection ended with, if anything is."""
    try:
        parser.feed_eof()
    except Exception:  # noqa: BLE001 - of any class, by versions of aiohttp
        return aiohttp.ClientPayloadError("the connection ended before the answer did")
    return None


class OverdueError(aiohttp.ServerTimeoutError):
    """The deadline of the wait is over."""


class WriteTimeoutError(aiohttp.ServerTimeoutError):
    """The server takes nothing of a request."""
