"""aiohttp's connections and its parser as an engine, without its client: a request is written as it is."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

import aiohttp
import yarl
from aiohttp import StreamReader
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage

from azure_inference.credentials import Headers
from azure_inference.errors import InferenceError
from azure_inference.protocol import Call
from azure_inference.timeouts import Deadline, Timeouts

from ._httpx import connection_error, hide_frames, tls_context, to_head
from ._settings import TransportSettings

_FINAL = 200
"""The first status of an answer; those below only announce one."""
_SWITCHING_PROTOCOLS = 101
"""The exception: nothing of HTTP follows."""
_PIECE = 64 * 1024
"""Bytes that are read ahead at most, and written at once of a large body."""
_LARGE = 1024 * 1024
"""Bytes from which on a body is large."""


class AiohttpEngine:
    """Connections of one event loop.

    `aiohttp.ClientSession` would do more for a request than everything else here together, to no use: cookies,
    redirects, proxies, traces, bodies of any kind.
    """

    def __init__(self, settings: TransportSettings) -> None:
        self._headers = settings.headers
        self._free = asyncio.Semaphore(settings.max_connections)
        self._connector = _Connector(limit=0, keepalive_timeout=settings.keepalive_expiry, ssl=tls_context())
        self._servers: dict[str, aiohttp.ClientRequest] = {}

    async def send(self, call: Call[Any], authorization: Headers, timeouts: Timeouts) -> _Response:
        """Sends one attempt; raises errors of ours only."""
        await self._wait_for_place(call.server, timeouts.pool)
        try:
            connection = await self._connect(call.server, timeouts.connect)
            try:
                handler: _Handler = connection.protocol
                handler.send(to_head(call, authorization, self._headers), call.body, timeouts)
                message, payload = await handler.answer()
            except BaseException:
                connection.close()
                raise
        except BaseException as error:
            self._free.release()
            if isinstance(error, _HTTP_ERRORS):
                raise _to_error(error, call.server) from error
            raise
        return _Response(call, message, payload, connection, self._free)

    async def close(self) -> None:
        """Closes all connections."""
        await self._connector.close()

    async def _wait_for_place(self, where: str, seconds: float | None) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(seconds):
                await self._free.acquire()
        except TimeoutError:
            raise Deadline(None, "pool").error(where) from None

    async def _connect(self, server: str, seconds: float | None) -> Any:
        # A request is what the connector wants to be told a server by; it is never sent.
        request = self._servers.get(server)
        if request is None:
            request = self._servers[server] = aiohttp.ClientRequest("GET", yarl.URL(server))
        try:
            return await self._connector.connect(request, traces=[], timeout=_limits(seconds))
        except TimeoutError:
            raise Deadline(None, "connect").error(server) from None


class _Response:
    def __init__(self, call: Call[Any], message: Any, payload: Any, connection: Any, free: asyncio.Semaphore) -> None:
        self.status: int = message.code
        self.headers: Mapping[str, str] = message.headers
        self._where = call.server
        self._payload = payload
        self._connection = connection
        self._free: asyncio.Semaphore | None = free

    async def receive(self) -> bytes:
        """The next bytes of the body, or none at its end."""
        try:
            return cast("bytes", await self._payload.readany())
        except _HTTP_ERRORS as error:
            raise _to_error(error, self._where) from error

    async def close(self) -> None:
        """Gives the connection back, if the body was read to its end; else ends it."""
        self._end()

    def _end(self) -> None:
        free, self._free = self._free, None
        if free is not None:
            if self._payload.is_eof():
                self._connection.release()
            else:
                self._connection.close()
            free.release()

    def __del__(self) -> None:
        if self._free is not None:
            with suppress(RuntimeError):  # of an event loop that was closed, which ends its connections
                self._end()


class _Handler(ResponseHandler):
    """A connection that gives no answer away and leaves nobody waiting, where aiohttp's own would.

    aiohttp takes bytes that come after an answer for the next one; and it tells whoever waits for a head that the
    bytes are not HTTP, or that the connection was closed, but not whoever reads the body.
    """

    _answered = False
    _writer: asyncio.Task[None] | None = None

    def send(self, head: bytes, body: bytes, timeouts: Timeouts) -> None:
        """Sends a request; of a large one, the rest while its answer is awaited, which may be a refusal."""
        self._answered = False  # from here on, bytes belong to the next answer
        self.set_response_params(
            read_until_eof=True, auto_decompress=False, read_timeout=timeouts.read, read_bufsize=_PIECE
        )
        if len(body) < _LARGE:
            self._write(head + body)
            self.start_timeout()
        else:
            self._write(head)
            self._writer = self._loop.create_task(self._write_slowly(body, timeouts.write))

    async def answer(self) -> tuple[RawResponseMessage, StreamReader]:
        """The head of the answer to what was sent, and its body to be read."""
        while True:
            message, payload = await self.read()
            if message.code >= _FINAL or message.code == _SWITCHING_PROTOCOLS:
                return message, payload
            if not self._is_writing:
                self.start_timeout()  # which aiohttp stops at the end of any answer

    def _write(self, data: bytes) -> None:
        if self.transport is None:
            raise aiohttp.ServerDisconnectedError
        self.transport.write(data)

    async def _write_slowly(self, body: bytes, patience: float | None) -> None:
        try:
            for start in range(0, len(body), _PIECE):
                self._write(body[start : start + _PIECE])
                async with asyncio.timeout(patience):
                    await self._drain_helper()
        except (ConnectionError, aiohttp.ServerDisconnectedError):
            return  # the answer's reader is told
        except TimeoutError:
            self.force_close()
            if not self._answered:
                self.set_exception(_WriteTimeoutError())
        else:
            if not self._answered:  # else it is for the answer's bytes to start it, and for its end to stop it
                self.start_timeout()

    @property
    def _is_writing(self) -> bool:
        return self._writer is not None and not self._writer.done()

    @property
    def should_close(self) -> bool:
        return super().should_close or self._is_writing

    def close(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
        if self.transport is not None and self.transport.get_write_buffer_size():
            self.transport.abort()  # else the rest would wait, and the end with it, for a server that reads no more
        self._leave(super().close)

    def abort(self) -> None:
        self._leave(super().abort)

    def _leave(self, end: Callable[[], None]) -> None:
        payload = self._payload
        end()
        _tell(payload, aiohttp.ClientConnectionError("the connection was closed"))

    def feed_data(self, data: Any, size: int = 0) -> None:
        self._answered = data[0].code >= _FINAL
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        if data and self._answered and (self._payload is None or self._payload.is_eof()):
            self.close()
            return
        super().data_received(data)

    def resume_reading(self, *arguments: Any, **options: Any) -> None:
        if self._reading_paused:  # else aiohttp would parse nothing, after each piece that is taken
            super().resume_reading(*arguments, **options)

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        if not isinstance(exc, aiohttp.ClientError):
            text = getattr(exc, "message", "") or str(exc) or "the answer is not HTTP"
            exc, exc_cause = aiohttp.ClientPayloadError(" ".join(text.split())), exc
        payload = self._payload
        super().set_exception(exc, exc_cause or exc)
        _tell(payload, exc)


def _tell(payload: StreamReader | None, error: BaseException) -> None:
    if payload is not None and not payload.is_eof() and payload.exception() is None:
        payload.set_exception(error)


class _WriteTimeoutError(aiohttp.ServerTimeoutError):
    """The server takes nothing of a request."""


class _Connector(aiohttp.TCPConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType] - a type of aiohttp's own
        self._factory: Any = functools.partial(_Handler, loop=self._loop)


@functools.lru_cache(maxsize=256)
def _limits(connect: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=connect)


_HTTP_ERRORS = (aiohttp.ClientError, OSError, RuntimeError)


def _to_error(error: Exception, where: str) -> InferenceError:
    """The error of ours for one of `_HTTP_ERRORS`."""
    hide_frames(error)
    if isinstance(error, aiohttp.ServerTimeoutError):
        return Deadline(None, "write" if isinstance(error, _WriteTimeoutError) else "read").error(where)
    return connection_error(where, error, dropped=not isinstance(error, aiohttp.ClientConnectorError))
