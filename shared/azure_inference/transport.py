"""Bytes out and bytes in, over httpx: the only module that knows it.

`Transport` and `AsyncTransport` are the same few lines twice, without a decision in them: what to send is in
`protocol`, what to try again in `retry`, who asks in `credentials`.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import ssl
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, finalize

import httpx
import tenacity

from .credentials import Authorizer, Headers
from .endpoints import AnswerT
from .errors import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    InferenceError,
    ResponseValidationError,
)
from .protocol import Call, raise_for_status, read_answer
from .retry import RetryPolicy, Tries

HttpClient = httpx.Client
AsyncHttpClient = httpx.AsyncClient
ResultT = TypeVar("ResultT")
_LOGGER = logging.getLogger("azure_inference")
_ERROR_BODY_LIMIT = 1024 * 1024
_SUCCESS = 200
_INHERITED: list[Any] = []
"""Pools of a parent process: kept alive after a fork, since closing them would end the parent's connections."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that each phase of a request may take; None for no limit.

    Attributes:
        connect: To make a connection.
        read: Without a byte from the server.
        write: Without a byte taken by the server.
        pool: To get a connection when all are in use.
    """

    connect: float | None = 5.0
    read: float | None = 120.0
    write: float | None = 60.0
    pool: float | None = 10.0

    @classmethod
    def of(cls, timeout: float | Timeouts | None) -> Timeouts:
        """The timeouts that a number of seconds means, which bounds every phase; None means the usual ones."""
        if timeout is None:
            return cls()
        if isinstance(timeout, Timeouts):
            return timeout
        if not timeout > 0:
            raise ConfigurationError(f"timeout={timeout!r} is not a number of seconds above 0")
        return cls(connect=min(timeout, 5.0), read=timeout, write=timeout, pool=min(timeout, 10.0))


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """How a transport sends: who asks, what is tried again, how long it waits, over how many connections."""

    authorizer: Authorizer
    retry: RetryPolicy
    timeouts: Timeouts
    user_agent: str
    max_connections: int = 1000
    max_keepalive_connections: int = 100
    limits: httpx.Limits = field(init=False)

    def __post_init__(self) -> None:
        limits = httpx.Limits(
            max_connections=self.max_connections, max_keepalive_connections=self.max_keepalive_connections
        )
        object.__setattr__(self, "limits", limits)


class Transport:
    """Sends calls and reads their answers, over one pool of connections per process."""

    def __init__(self, settings: TransportSettings, client: HttpClient | None = None) -> None:
        self._settings = settings
        self._client = client
        self._pool: httpx.HTTPTransport | None = None
        self._pid = 0
        self._release: Callable[[], object] = _nothing_to_release
        self._lock = threading.Lock()

    def fetch(self, call: Call[AnswerT], timeouts: Timeouts | None = None) -> AnswerT:
        """The typed answer to a call."""
        return self.run(call, lambda: self._fetch_once(call, timeouts))

    def run(self, call: Call[Any], attempt: Callable[[], ResultT]) -> ResultT:
        """What `attempt` returns, tried as often as the policy has it."""
        tries = Tries(self._settings.retry, call.client_request_id, self._settings.authorizer.forget)

        def counted() -> ResultT:
            tries.count += 1
            try:
                return attempt()
            except InferenceError as error:
                tries.note(error)
                raise

        try:
            result = counted()
        except InferenceError as error:
            # tenacity costs as much as a small request, so it is entered only once there is something to repeat.
            result = tenacity.Retrying(**tries.options())(_repeated(error, counted))
        _log_answered(call, tries)
        return result

    @contextmanager
    def response(self, call: Call[Any], timeouts: Timeouts | None = None) -> Generator[httpx.Response]:
        """The response to one attempt, its body not yet read; it is closed at the end of the block."""
        with _translated(call):
            response = self._send(call, timeouts)
            try:
                yield response
            finally:
                response.close()

    def open(self, call: Call[Any], timeouts: Timeouts | None = None) -> tuple[Iterator[bytes], Callable[[], None]]:
        """The pieces of one attempt's body as they come, and what closes it; raises if the service refused."""
        with _translated(call):
            response = self._send(call, timeouts)
            if response.status_code != _SUCCESS:
                try:
                    body = _bounded(response.iter_bytes(), _ERROR_BODY_LIMIT)
                finally:
                    response.close()
                raise_for_status(call, response.status_code, response.headers, body)
        return self._pieces(call, response), response.close

    def close(self) -> None:
        """Closes the connections; the next call makes new ones."""
        with self._lock:
            self._pool = None
            self._release()

    def _pieces(self, call: Call[Any], response: httpx.Response) -> Iterator[bytes]:
        # As a method, it keeps the connections alive for a stream that outlives its client.
        with _translated(call):
            yield from response.iter_bytes()

    def _fetch_once(self, call: Call[AnswerT], timeouts: Timeouts | None) -> AnswerT:
        with self.response(call, timeouts) as response:
            body = _bounded(response.iter_bytes(), call.endpoint.answer_limit)
        return read_answer(call, response.status_code, response.headers, body)

    def _send(self, call: Call[Any], timeouts: Timeouts | None) -> httpx.Response:
        headers = self._settings.authorizer.headers()
        if self._client is not None:
            return self._client.send(_built(self._client, call, headers), stream=True, follow_redirects=False)
        return self._own_pool().handle_request(_request(call, headers, self._settings, timeouts))

    def _own_pool(self) -> httpx.HTTPTransport:
        if self._pool is None or self._pid != os.getpid():
            with self._lock:
                if self._pool is None or self._pid != os.getpid():
                    _INHERITED.append(self._pool)
                    self._pool = httpx.HTTPTransport(
                        verify=tls_context(), trust_env=False, limits=self._settings.limits
                    )
                    self._pid = os.getpid()
                    # Model classes have no moment to close a client at: it is done once nobody holds it.
                    self._release = finalize(self, _close, self._pool, self._pid)
        return self._pool


class AsyncTransport:
    """Sends calls and reads their answers, over one pool of connections per event loop."""

    def __init__(self, settings: TransportSettings, client: AsyncHttpClient | None = None) -> None:
        self._settings = settings
        self._client = client
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopPool] = WeakKeyDictionary()
        self._pid = os.getpid()

    async def fetch(self, call: Call[AnswerT], timeouts: Timeouts | None = None) -> AnswerT:
        """The typed answer to a call."""
        return await self.run(call, lambda: self._fetch_once(call, timeouts))

    async def run(self, call: Call[Any], attempt: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """What `attempt` returns, tried as often as the policy has it."""
        tries = Tries(self._settings.retry, call.client_request_id, self._settings.authorizer.forget)

        async def counted() -> ResultT:
            tries.count += 1
            try:
                return await attempt()
            except InferenceError as error:
                tries.note(error)
                raise

        result: ResultT
        try:
            result = await counted()
        except InferenceError as error:
            result = await tenacity.AsyncRetrying(**tries.options())(_repeated_async(error, counted))
        _log_answered(call, tries)
        return result

    async def open(
        self, call: Call[Any], timeouts: Timeouts | None = None
    ) -> tuple[AsyncIterator[bytes], Callable[[], Awaitable[None]]]:
        """The pieces of one attempt's body as they come, and what closes it; raises if the service refused."""
        with _translated(call):
            response = await self._send(call, timeouts)
            if response.status_code != _SUCCESS:
                try:
                    body = await _bounded_async(response.aiter_bytes(), _ERROR_BODY_LIMIT)
                finally:
                    await response.aclose()
                raise_for_status(call, response.status_code, response.headers, body)
        return self._pieces(call, response), response.aclose

    async def close(self) -> None:
        """Closes the connections of the running event loop; the next call makes new ones."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()

    async def _pieces(self, call: Call[Any], response: httpx.Response) -> AsyncIterator[bytes]:
        # An event loop closes the generators that nobody holds any more: that frees the connection of a lost stream.
        # As a method, it keeps the connections alive for a stream that outlives its client.
        try:
            with _translated(call):
                async for piece in response.aiter_bytes():
                    yield piece
        finally:
            await response.aclose()

    async def _fetch_once(self, call: Call[AnswerT], timeouts: Timeouts | None) -> AnswerT:
        with _translated(call):
            response = await self._send(call, timeouts)
            try:
                body = await _bounded_async(response.aiter_bytes(), call.endpoint.answer_limit)
            finally:
                await response.aclose()
        return read_answer(call, response.status_code, response.headers, body)

    async def _send(self, call: Call[Any], timeouts: Timeouts | None) -> httpx.Response:
        headers = await self._settings.authorizer.headers_async()
        if self._client is not None:
            return await self._client.send(_built(self._client, call, headers), stream=True, follow_redirects=False)
        pool = await self._own_pool()
        return await pool.transport.handle_async_request(_request(call, headers, self._settings, timeouts))

    async def _own_pool(self) -> _LoopPool:
        if self._pid != os.getpid():
            _INHERITED.append(self._pools)
            self._pools, self._pid = WeakKeyDictionary(), os.getpid()
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            transport = httpx.AsyncHTTPTransport(verify=tls_context(), trust_env=False, limits=self._settings.limits)
            pool = self._pools[loop] = _LoopPool(transport)
            await pool.follow_loop()
        return pool


class _LoopPool:
    """The connections of one event loop, closed when the loop shuts down.

    Event loops tell nobody that they end, but they do close the async generators that run on them; so one that waits
    to be closed stands in for the pool.
    """

    def __init__(self, transport: httpx.AsyncHTTPTransport) -> None:
        self.transport = transport
        self._lifetime = _until_closed(transport)

    async def follow_loop(self) -> None:
        await anext(self._lifetime)

    async def close(self) -> None:
        await self._lifetime.aclose()


async def _until_closed(transport: httpx.AsyncHTTPTransport) -> AsyncGenerator[None]:
    # A function, so that no circle of references delays its end when nobody holds the client any more.
    try:
        yield
    finally:
        await transport.aclose()


def _log_answered(call: Call[Any], tries: Tries) -> None:
    if _LOGGER.isEnabledFor(logging.DEBUG):
        route = f"{call.endpoint.method} {call.url.partition('?')[0]}"
        _LOGGER.debug("call %s: %s answered at attempt %d", call.client_request_id, route, tries.count)


@functools.cache
def tls_context() -> ssl.SSLContext:
    """One TLS context for the whole process: loading the certificates takes longer than a request."""
    return httpx.create_ssl_context(trust_env=True)


@functools.lru_cache(maxsize=256)
def _url(text: str) -> httpx.URL:
    return httpx.URL(text)


def _request(
    call: Call[Any], authorization: Headers, settings: TransportSettings, timeouts: Timeouts | None
) -> httpx.Request:
    limits = timeouts or settings.timeouts
    return httpx.Request(
        call.endpoint.method,
        _url(call.url),
        headers=[*call.headers, *authorization, ("user-agent", settings.user_agent), ("accept-encoding", "identity")],
        content=call.body or None,
        extensions={
            "timeout": {
                "connect": limits.connect,
                "read": limits.read,
                "write": limits.write,
                "pool": limits.pool,
            }
        },
    )


def _built(client: httpx.Client | httpx.AsyncClient, call: Call[Any], authorization: Headers) -> httpx.Request:
    """The request by way of a client of the user's, with that client's headers, proxies and timeouts."""
    headers = [*call.headers, *authorization]
    return client.build_request(call.endpoint.method, _url(call.url), headers=headers, content=call.body or None)


_PHASES: dict[type[httpx.TimeoutException], str] = {
    httpx.ConnectTimeout: "connect",
    httpx.PoolTimeout: "pool",
    httpx.WriteTimeout: "write",
    httpx.ReadTimeout: "read",
}


@contextmanager
def _translated(call: Call[Any]) -> Generator[None]:
    """Turns whatever httpx raises into an exception of ours."""
    try:
        yield
    except httpx.TimeoutException as error:
        phase = _PHASES.get(type(error), "read")
        raise APITimeoutError(
            f"{_host(call)} took too long ({phase}): raise timeout, or look at the service", phase=phase
        ) from error
    except httpx.DecodingError as error:
        raise ResponseValidationError(f"{_host(call)} sent a body that cannot be decompressed: {error}") from error
    except RuntimeError as error:
        # What httpx says of a client that was closed, and asyncio of one that belongs to another event loop.
        raise ConfigurationError(f"http_client cannot send: {error} Pass one that is open, or none") from error
    except (httpx.TransportError, httpx.StreamError) as error:
        raise APIConnectionError(
            f"no answer from {_host(call)}: {str(error) or type(error).__name__}. Check the endpoint and the network."
        ) from error


def _host(call: Call[Any]) -> str:
    url = _url(call.url)
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _bounded(pieces: Iterator[bytes], limit: int) -> bytes:
    body: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        body.append(piece)
    return b"".join(body)


async def _bounded_async(pieces: AsyncIterator[bytes], limit: int) -> bytes:
    body: list[bytes] = []
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        body.append(piece)
    return b"".join(body)


def _too_large(limit: int) -> ResponseValidationError:
    return ResponseValidationError(f"the answer has more than {limit} bytes, the most that is read")


def _nothing_to_release() -> None:
    """Before the first call."""


def _close(pool: httpx.HTTPTransport, pid: int) -> None:
    if pid == os.getpid():
        pool.close()


def _repeated(first: InferenceError, attempt: Callable[[], ResultT]) -> Callable[[], ResultT]:
    """An attempt whose first outcome, which is known already, is a failure."""
    outcomes = iter([first])

    def next_outcome() -> ResultT:
        for error in outcomes:
            raise error
        return attempt()

    return next_outcome


def _repeated_async(
    first: InferenceError, attempt: Callable[[], Awaitable[ResultT]]
) -> Callable[[], Awaitable[ResultT]]:
    outcomes = iter([first])

    async def next_outcome() -> ResultT:
        for error in outcomes:
            raise error
        return await attempt()

    return next_outcome
