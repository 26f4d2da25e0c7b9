"""aiohttp's connections and its parser as an engine, without its client: a request is written as it is."""

from __future__ import annotations

import asyncio
import functools
from collections import defaultdict, deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import aiohttp
import yarl

from azure_inference.credentials import Headers
from azure_inference.errors import InferenceError
from azure_inference.protocol import Call
from azure_inference.timeouts import Deadline, Timeouts

from ._deadlines import InTime
from ._errors import closed_error, connection_error, keep_words
from ._handler import Handler, OverdueError, WriteTimeoutError
from ._requests import Heads
from ._settings import TransportSettings
from ._tls import tls_context


class AiohttpEngine:
    """Connections of one event loop.

    `aiohttp.ClientSession` would do more for a request than everything else here together, to no use: cookies,
    redirects, proxies, traces, bodies of any kind.
    """

    def __init__(self, settings: TransportSettings) -> None:
        self.loop = asyncio.get_running_loop()
        self._heads = Heads(settings.headers)
        self._keepalive_expiry = settings.keepalive_expiry
        self._places = _Places(settings.max_connections)
        self._connector = _Connector(limit=0, ssl=tls_context())
        self._servers: dict[str, aiohttp.ClientRequest] = {}
        self._idle: defaultdict[str, deque[Any]] = defaultdict(deque)
        """Connections to each server that wait to be used again; to the connector, they are all in use."""
        self._used: set[Any] = set()
        """Connections in use: aiohttp would end one that nobody holds any more with a warning."""

    @property
    def is_closed(self) -> bool:
        """Whether the connections were closed."""
        return self._connector.closed

    async def send(self, call: Call[Any], authorization: Headers, timeouts: Timeouts, deadline: Deadline) -> _Response:
        """Sends one attempt; raises errors of ours only."""
        if not self._places.take():
            await self._wait_for_place(call.server, timeouts.pool, deadline)
        try:
            connection = self._rested(call.server) or await self._connect(call.server, timeouts.connect, deadline)
            try:
                handler: Handler = connection.protocol
                handler.send(self._heads.make(call, authorization), call.body, timeouts)
                message, payload = await handler.answer(deadline)
            except BaseException:
                connection.close()
                raise
            self._used.add(connection)
        except BaseException as error:
            self._places.give_back()
            if isinstance(error, _HTTP_ERRORS):
                raise _to_error(error, call.server, deadline, is_closed=self.is_closed) from error
            raise
        return _Response(self, call.server, connection, message, payload)

    async def close(self) -> None:
        """Closes all connections."""
        closed = self._connector.close()
        for idle in self._idle.values():
            while idle:
                idle.pop().close()  # else it would complain that it was not
        await closed

    def take_back(self, server: str, connection: Any, *, is_done: bool) -> None:
        """Keeps a connection for the next call, if its answer was read to the end; else ends it."""
        handler: Handler = connection.protocol
        idle = self._idle[server]
        self._used.discard(connection)
        if not is_done or handler.should_close or handler.has_surplus or self.is_closed:
            connection.close()
        else:
            handler.rest(self._keepalive_expiry)
            idle.append(connection)
        self._places.give_back()

    def _rested(self, server: str) -> Any:
        """A connection that was kept: the one used last, so that those not needed expire."""
        idle = self._idle[server]
        while idle:
            connection = idle.pop()
            if connection.protocol.is_usable:
                while idle and not idle[0].protocol.is_connected():
                    idle.popleft().close()
                return connection
            connection.close()
        return None

    async def _wait_for_place(self, server: str, seconds: float | None, deadline: Deadline) -> None:
        async with InTime(deadline.or_within(seconds, "pool"), server):
            await self._places.wait()

    async def _connect(self, server: str, seconds: float | None, deadline: Deadline) -> Any:
        # A request is what the connector wants to be told a server by; it is never sent.
        request = self._servers.get(server)
        if request is None:
            request = self._servers[server] = aiohttp.ClientRequest("GET", yarl.URL(server))
        # The connector's own limit would leave out the look-up of the address.
        async with InTime(deadline.or_within(seconds, "connect"), server):
            return await self._connector.connect(request, traces=[], timeout=_NO_LIMITS)


class _Places:
    """So many places, given to who asks for one in turn.

    As `asyncio.Semaphore`, but that looks at all whom it has just woken whenever a place is given back.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._queue: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Takes a place if one is free, which none is while somebody waits."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Takes the next place that is given back."""
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # whoever gave a place back since has passed over it
                    self._queue.remove(turn)
            else:  # its place was given to it just now
                self.give_back()
            raise

    def give_back(self) -> None:
        """Gives a place to who has waited longest; if nobody waits, it is free."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class _Response:
    def __init__(self, engine: AiohttpEngine, server: str, connection: Any, message: Any, payload: Any) -> None:
        self.status: int = message.code
        self.headers: Mapping[str, str] = message.headers
        self._engine = engine
        self._server = server
        self._connection = connection
        self._handler: Handler = connection.protocol
        self._payload = payload
        self._is_open = True

    async def receive(self, deadline: Deadline) -> bytes:
        """The next bytes of the body, or none at its end."""
        payload, handler = self._payload, self._handler
        try:
            # Of most answers all is there when their head is.
            piece: bytes = b"" if payload.at_eof() else payload.read_nowait()
            if not piece and not payload.at_eof():
                handler.wait_until(deadline)
                try:
                    piece = await payload.readany()
                finally:
                    handler.end_wait()
            if not piece and handler.failure is not None:
                raise handler.failure
        except _HTTP_ERRORS as error:
            raise _to_error(error, self._server, deadline, is_closed=self._engine.is_closed) from error
        return piece

    async def close(self) -> None:
        """Gives the connection back, if the body was read to its end; else ends it."""
        self._end()

    def _end(self) -> None:
        if self._is_open:
            self._is_open = False
            is_done = self._payload.is_eof() and self._handler.failure is None
            self._engine.take_back(self._server, self._connection, is_done=is_done)

    def __del__(self) -> None:
        if self._is_open:
            loop = self._engine.loop
            with suppress(RuntimeError):  # of an event loop that was closed, which ends its connections
                if loop.is_closed():
                    self._end()
                else:  # this is any thread, wherever garbage is collected
                    loop.call_soon_threadsafe(self._end)


class _Connector(aiohttp.TCPConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType] - a type of aiohttp's own
        self._factory: Any = functools.partial(Handler, loop=self._loop)


_NO_LIMITS = aiohttp.ClientTimeout(total=None)
_HTTP_ERRORS = (aiohttp.ClientError, OSError, RuntimeError)


def _to_error(error: Exception, server: str, deadline: Deadline, *, is_closed: bool) -> InferenceError:
    """The error of ours for one of `_HTTP_ERRORS`."""
    keep_words(error)
    if is_closed:
        return closed_error(server)
    if isinstance(error, OverdueError):
        return deadline.error(server)
    if isinstance(error, aiohttp.ServerTimeoutError):
        return Deadline(None, "write" if isinstance(error, WriteTimeoutError) else "read").error(server)
    return connection_error(server, error, dropped=not isinstance(error, aiohttp.ClientConnectorError))
