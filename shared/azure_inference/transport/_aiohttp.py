"""aiohttp as an engine, without its conveniences: no redirects, no cookies, no proxies or netrc of the environment."""

from __future__ import annotations

import asyncio
import functools
import io
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import yarl
from aiohttp.client_proto import ResponseHandler

from azure_inference.credentials import Headers
from azure_inference.errors import InferenceError
from azure_inference.protocol import Call
from azure_inference.timeouts import Deadline, Timeouts

from ._httpx import connection_error, hide_frames, tls_context
from ._settings import TransportSettings

_FINAL = 200
"""The first status of an answer; those below only announce one."""
_LARGE = 1024 * 1024
"""Bytes from which on aiohttp warns of a body in one piece."""


class AiohttpEngine:
    """Connections of one event loop."""

    def __init__(self, settings: TransportSettings) -> None:
        self._headers = settings.headers
        self._free = asyncio.Semaphore(settings.max_connections)
        self._session = aiohttp.ClientSession(
            connector=_Connector(limit=0, keepalive_timeout=settings.keepalive_expiry, ssl=tls_context()),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def send(self, call: Call[Any], authorization: Headers, timeouts: Timeouts) -> _Response:
        """Sends one attempt; raises errors of ours only."""
        await self._wait_for_place(call.server, timeouts.pool)
        try:
            response = await self._session.request(
                call.endpoint.method,
                _parsed_url(call.url),
                headers=[*call.headers, *authorization, *self._headers],
                data=io.BytesIO(call.body) if len(call.body) >= _LARGE else call.body or None,
                allow_redirects=False,
                timeout=_limits(timeouts.connect, timeouts.read),
            )
        except BaseException as error:
            self._free.release()
            if isinstance(error, _HTTP_ERRORS):
                raise _to_error(error, call.server) from error
            raise
        return _Response(call, response, self._free)

    async def close(self) -> None:
        """Closes all connections."""
        await self._session.close()

    async def _wait_for_place(self, where: str, seconds: float | None) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(seconds):
                await self._free.acquire()
        except TimeoutError:
            raise Deadline(None, "pool").error(where) from None


class _Response:
    def __init__(self, call: Call[Any], response: aiohttp.ClientResponse, free: asyncio.Semaphore) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._where = call.server
        self._response = response
        self._free: asyncio.Semaphore | None = free

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._response.content.iter_any():
                yield piece
        except _HTTP_ERRORS as error:
            raise _to_error(error, self._where) from error

    async def close(self) -> None:
        """Gives the connection back, if the body was read to its end; else ends it."""
        free, self._free = self._free, None
        if free is not None:
            self._response.close()
            free.release()


class _Handler(ResponseHandler):
    """A connection that gives no answer away and leaves nobody waiting, where aiohttp's own would.

    aiohttp takes bytes that come after an answer for the next one; and it tells whoever waits for a head that the
    bytes are not HTTP, but not whoever reads the body.
    """

    _answered = False

    def set_response_params(self, **options: Any) -> None:
        self._answered = False  # from here on, bytes belong to the next answer
        super().set_response_params(**options)

    def feed_data(self, data: Any, size: int = 0) -> None:
        self._answered = data[0].code >= _FINAL
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        if data and self._answered and (self._payload is None or self._payload.is_eof()):
            self.close()
            return
        super().data_received(data)

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        payload = self._payload
        super().set_exception(exc, exc_cause or exc)
        if payload is not None and not payload.is_eof() and payload.exception() is None:
            known = isinstance(exc, aiohttp.ClientError)
            payload.set_exception(exc if known else aiohttp.ClientPayloadError(str(exc) or "the body is not HTTP"))


class _Connector(aiohttp.TCPConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType] - a type of aiohttp's own
        self._factory: Any = functools.partial(_Handler, loop=self._loop)


@functools.lru_cache(maxsize=256)
def _parsed_url(text: str) -> yarl.URL:
    return yarl.URL(text, encoded=True)


@functools.lru_cache(maxsize=256)
def _limits(connect: float | None, read: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=None, sock_connect=connect, sock_read=read)


_HTTP_ERRORS = (aiohttp.ClientError, OSError, RuntimeError)


def _to_error(error: Exception, where: str) -> InferenceError:
    """The error of ours for one of `_HTTP_ERRORS`."""
    hide_frames(error)
    if isinstance(error, aiohttp.ServerTimeoutError):
        phase = "connect" if isinstance(error, aiohttp.ConnectionTimeoutError) else "read"
        return Deadline(None, phase).error(where)
    return connection_error(where, error, dropped=not isinstance(error, aiohttp.ClientConnectorError))
