"""What sends a request in an event loop: aiohttp where it is installed, otherwise httpx, or a client of the user's.

The pool of aiohttp does not slow down with the number of requests under way, as that of httpx does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Protocol, cast

import httpx

from azure_inference.credentials import Headers
from azure_inference.protocol import Call
from azure_inference.timeouts import Deadline, Timeouts

from ._deadlines import InTime
from ._httpx import HTTP_ERRORS, AnswerHeaders, PatientAsyncTransport, headers_once_read, to_error, was_read
from ._requests import Requests, to_request_of
from ._settings import TransportSettings


class Response(Protocol):
    """An answer whose body is still to be read."""

    status: int
    headers: Mapping[str, str]

    async def receive(self, deadline: Deadline) -> bytes:
        """The next bytes of the body, or none at its end, by the deadline; raises errors of ours only."""
        ...

    async def close(self) -> None:
        """Gives the connection back, if the body was read to its end; else ends it."""
        ...


class Engine(Protocol):
    """Connections of one event loop."""

    @property
    def is_closed(self) -> bool:
        """Whether they were closed: calls that were under way are not sent again."""
        ...

    async def send(self, call: Call[Any], authorization: Headers, timeouts: Timeouts, deadline: Deadline) -> Response:
        """Sends one attempt, and has the head of its answer by the deadline; raises errors of ours only."""
        ...

    async def close(self) -> None:
        """Closes all connections."""
        ...


def new_engine(settings: TransportSettings, client: httpx.AsyncClient | None) -> Engine:
    """The engine for the running event loop; `client` is one of the user's. Through a proxy it is httpx."""
    if client is not None:
        return ClientEngine(client)
    if settings.proxy is None and find_spec("aiohttp") is not None:
        from ._aiohttp import AiohttpEngine  # noqa: PLC0415 - optional, and slow to import

        return AiohttpEngine(settings)
    return HttpxEngine(settings)


class HttpxEngine:
    """httpx's transport, without a client around it."""

    def __init__(self, settings: TransportSettings) -> None:
        self._requests = Requests(settings.headers)
        self._transport = PatientAsyncTransport(settings)

    @property
    def is_closed(self) -> bool:
        """Whether the connections were closed."""
        return self._transport.is_closed

    async def send(self, call: Call[Any], authorization: Headers, timeouts: Timeouts, deadline: Deadline) -> Response:
        """Sends one attempt; raises errors of ours only."""
        try:
            request = self._requests.make(call, authorization, timeouts)
            async with InTime(deadline, call.server):
                return _HttpxResponse(self, call, await self._transport.handle_async_request(request))
        except HTTP_ERRORS as error:
            raise to_error(error, call.server, is_closed=self.is_closed) from error

    async def close(self) -> None:
        """Closes all connections."""
        await self._transport.aclose()


class ClientEngine:
    """A client of the user's, which is theirs to close."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    @property
    def is_closed(self) -> bool:
        """Whether the user closed the client."""
        return self._client.is_closed

    async def send(
        self,
        call: Call[Any],
        authorization: Headers,
        timeouts: Timeouts,  # noqa: ARG002 - the client has its own
        deadline: Deadline,
    ) -> Response:
        """Sends one attempt; raises errors of ours only."""
        try:
            request = to_request_of(self._client, call, authorization)
            async with InTime(deadline, call.server):
                response = await self._client.send(request, stream=True, follow_redirects=False)
                return _ResponseOfUser(self, call, response)
        except HTTP_ERRORS as error:
            raise to_error(error, call.server, is_closed=self.is_closed) from error

    async def close(self) -> None:
        """Leaves the client open."""


class _HttpxResponse:
    def __init__(self, engine: Engine, call: Call[Any], response: httpx.Response) -> None:
        self._engine = engine
        self.status = response.status_code
        self.headers: Mapping[str, str] = AnswerHeaders(response.headers)
        self._server = call.server
        self._response = response
        self._pieces = aiter(cast("httpx.AsyncByteStream", response.stream))

    async def receive(self, deadline: Deadline) -> bytes:
        """The next bytes of the body, or none at its end."""
        try:
            async with InTime(deadline, self._server):
                async for piece in self._pieces:
                    if piece:
                        return piece
        except HTTP_ERRORS as error:
            raise to_error(error, self._server, is_closed=self._engine.is_closed) from error
        return b""

    async def close(self) -> None:
        # To the end, even if who closes it is cancelled: half closed, it would never give its connection back.
        await asyncio.shield(self._response.aclose())


class _ResponseOfUser(_HttpxResponse):
    def __init__(self, engine: Engine, call: Call[Any], response: httpx.Response) -> None:
        super().__init__(engine, call, response)
        if was_read(response):
            self.headers, self._pieces = headers_once_read(response), response.aiter_bytes()

    async def close(self) -> None:
        await self._response.aclose()  # in the task that asked: their transport may hold a cancel scope of it
