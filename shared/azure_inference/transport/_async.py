"""Calls sent and answers read by async code."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Self, TypeVar
from weakref import WeakKeyDictionary

import httpx

from azure_inference.bodies import BodyDecoder
from azure_inference.errors import InferenceError
from azure_inference.protocol import Call, body_of, error_of_unread, raise_for_status, read_answer, unchecked
from azure_inference.retry import Tries
from azure_inference.schema._endpoint import AnswerT
from azure_inference.timeouts import Deadline

from ._engines import Engine, Response, new_engine
from ._errors import closed_error
from ._proxies import name_proxy
from ._settings import TransportSettings

AsyncHttpClient = httpx.AsyncClient
ResultT = TypeVar("ResultT")
_SUCCESS = 200
_INHERITED: list[Any] = []
"""Pools of a parent process: kept alive after a fork, since closing them would end the parent's connections."""
_OPEN: dict[Engine, asyncio.AbstractEventLoop] = {}
"""Held until they are closed or their loop is: garbage in a circle would be taken apart before, with complaints."""


class AsyncOpenResponse:
    """A response being read: the pieces of its body as they come, each of them by the deadline set last."""

    def __init__(self, transport: AsyncTransport, response: Response, deadline: Deadline) -> None:
        # Held, so that a stream may outlive its client: the connections end with the transport.
        self._transport = transport
        self.status = response.status
        self.headers = response.headers
        self.deadline = deadline
        self._response = response

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._response.receive(self.deadline)
        if not piece:
            raise StopAsyncIteration
        return piece

    async def close(self) -> None:
        """Gives the connection back, if the body was read to its end; else ends it."""
        await self._response.close()


class AsyncTransport:
    """Sends calls and reads their answers, over one pool of connections per event loop."""

    def __init__(self, settings: TransportSettings, client: AsyncHttpClient | None = None) -> None:
        self._settings = settings
        self._client = client
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopPool] = WeakKeyDictionary()
        self._pid = os.getpid()

    def fetch(
        self,
        call: Call[AnswerT],
        tries: Tries,
        check: Callable[[AnswerT], AnswerT] = unchecked,
    ) -> Awaitable[AnswerT]:
        """The typed answer to a call, as `check` gives it back; what that raises is told of the attempt."""

        async def attempt(tries: Tries) -> AnswerT:
            response = await self._send(call, tries)
            body = await _read(call, response, tries.deadline)
            return check(read_answer(call, response.status, response.headers, body))

        return self.run(attempt, tries)

    async def open(self, call: Call[Any], tries: Tries) -> AsyncOpenResponse:
        """One attempt's response, its body not yet read; raises if the service refused."""
        response = await self._send(call, tries)
        if response.status != _SUCCESS:
            raise_for_status(call, response.status, response.headers, await _read(call, response, tries.deadline))
        return AsyncOpenResponse(self, response, tries.deadline)

    async def run(self, attempt: Callable[[Tries], Awaitable[ResultT]], tries: Tries) -> ResultT:
        """What `attempt` returns, tried as often as the policy has it, and no longer than the call may take."""
        try:
            with tries:
                return await attempt(tries)
        except InferenceError as error:
            first = error
        import tenacity  # noqa: PLC0415 - as slow to import as many calls, and only failures need it

        return await tenacity.AsyncRetrying(**tries.options())(_after(first, attempt, tries))

    async def close(self) -> None:
        """Closes the connections of the running event loop; the next call makes new ones.

        Calls under way fail, and are not sent again.
        """
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()

    async def _send(self, call: Call[Any], tries: Tries) -> Response:
        authorizer = self._settings.authorizer
        authorization = tries.authorization = authorizer.ready() or await authorizer.headers_async(tries.deadline)
        if self._pid != os.getpid():
            _INHERITED.append(self._pools)
            self._pools, self._pid = WeakKeyDictionary(), os.getpid()
        if tries.pool is not None and tries.pool.is_closed:
            raise closed_error(call.server)
        pool = self._pools.get(asyncio.get_running_loop()) or await self._new_pool()
        engine = tries.pool = pool.engine
        try:
            response = await engine.send(call, authorization, tries.timeouts, tries.deadline)
        except InferenceError as error:
            if self._client is None and not engine.is_closed:
                name_proxy(error, call.server, self._settings.proxy)
            raise
        tries.answer_headers = response.headers
        return response

    async def _new_pool(self) -> _LoopPool:
        pool = self._pools[asyncio.get_running_loop()] = _LoopPool(new_engine(self._settings, self._client))
        await pool.follow_loop()
        return pool


class _LoopPool:
    """The connections of one event loop, closed when the loop shuts down or nobody holds them any more.

    Event loops tell nobody that they end, but they do close the async generators that run on them, and those that are
    garbage; so one that waits to be closed stands in for the pool.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lifetime = _until_closed(engine)

    async def follow_loop(self) -> None:
        await anext(self._lifetime)

    async def close(self) -> None:
        await self.engine.close()
        await self._lifetime.aclose()


async def _until_closed(engine: Engine) -> AsyncGenerator[None]:
    # A function, so that no circle of references delays its end when nobody holds the client any more.
    for left in [other for other, loop in list(_OPEN.items()) if loop.is_closed()]:
        _OPEN.pop(left, None)
    _OPEN[engine] = asyncio.get_running_loop()
    is_closed_by_loop = sys.get_asyncgen_hooks().finalizer is not None
    try:
        yield
    finally:
        _OPEN.pop(engine, None)
        if is_closed_by_loop:
            await engine.close()
        else:
            _close_at_once(engine)


def _close_at_once(engine: Engine) -> None:
    """Closes connections as far as that goes without waiting.

    The event loops of nest_asyncio do not finalize async generators: nobody would resume one that waits.
    """
    closing = engine.close()
    with suppress(Exception):  # as without an event loop
        closing.send(None)
    closing.close()


async def _read(call: Call[Any], response: Response, deadline: Deadline) -> bytes:
    body = body_of(call, response.status, response.headers)
    try:
        while piece := await response.receive(deadline):
            body.add(piece)
        return body.whole()
    except InferenceError as error:
        raise error_of_unread(call, response.status, response.headers, body, error)  # noqa: B904 - it knows its cause
    finally:
        await response.close()


async def decoded_async(response: AsyncOpenResponse) -> AsyncIterator[bytes]:
    """The pieces of a body, decompressed if need be; a generator that is dropped gives its connection back."""
    # An event loop closes the generators that nobody holds any more: that frees the connection of a lost stream.
    try:
        decoder = BodyDecoder(response.headers)
        async for piece in response:
            for plain in decoder.feed(piece):
                yield plain
        decoder.end()
    finally:
        await response.close()


def _after(
    first: InferenceError, attempt: Callable[[Tries], Awaitable[ResultT]], tries: Tries
) -> Callable[[], Awaitable[ResultT]]:
    """The attempts of a call, of which the outcome of the first is known already."""
    known = [first]

    async def outcome() -> ResultT:
        if known:
            raise known.pop()
        with tries:
            return await attempt(tries)

    return outcome
