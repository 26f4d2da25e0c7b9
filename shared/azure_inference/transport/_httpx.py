"""httpx made safe: connections that know a deadline and are never reused with bytes left over; errors of ours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import httpcore
import httpx

from azure_inference.errors import ConfigurationError, InferenceError
from azure_inference.timeouts import NEVER, Deadline

from ._errors import closed_error, connection_error, keep_words
from ._settings import TransportSettings
from ._sockets import Backend
from ._tls import tls_context


class AnswerHeaders(Mapping[str, str]):
    """The headers of an answer, of one that came more than once the first, as aiohttp has it.

    httpx joins them, which makes neither a number nor an id of two.
    """

    def __init__(self, headers: httpx.Headers) -> None:
        self._raw = headers.raw

    def __contains__(self, name: object) -> bool:
        return str(name).encode() in [key.lower() for key, _ in self._raw]

    def __getitem__(self, name: str) -> str:
        for key, value in self._raw:
            if key.lower() == name.encode():
                return value.decode("utf-8", "replace")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter({key.decode("utf-8", "replace").lower(): None for key, _ in self._raw})

    def __len__(self) -> int:
        return len(list(iter(self)))


def was_read(response: httpx.Response) -> bool:
    """Whether nothing of a response is left on the wire: an event hook or an `httpx.Auth` of the user's read it."""
    return response.is_stream_consumed or response.is_closed


def headers_once_read(response: httpx.Response) -> Mapping[str, str]:
    """The headers that fit a body as httpx keeps it once it was read: it is decompressed by then."""
    headers = response.headers.copy()
    headers.pop("content-encoding", None)
    return AnswerHeaders(headers)


_PHASES: dict[type[httpx.TimeoutException], str] = {
    httpx.ConnectTimeout: "connect",
    httpx.PoolTimeout: "pool",
    httpx.WriteTimeout: "write",
    httpx.ReadTimeout: "read",
}


HTTP_ERRORS = (httpx.TransportError, RuntimeError)
"""What httpx raises where it is used here; RuntimeError: a StreamError, or a client that was closed."""


def to_error(error: Exception, server: str, deadline: Deadline = NEVER, *, is_closed: bool = False) -> InferenceError:
    """The error of ours for one of `HTTP_ERRORS`; `server` is the address of the server.

    `is_closed` says that what it was sent over was closed, which the error does not tell by itself.
    """
    keep_words(error)
    if isinstance(error, httpx.TransportError) and is_closed:
        return closed_error(server)
    if isinstance(error, httpx.TimeoutException):
        late = deadline if deadline.is_over else Deadline(None, _PHASES.get(type(error), "read"))
        return late.error(server)
    if isinstance(error, httpx.TransportError):
        dropped = isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError)
        return connection_error(server, error, dropped=dropped and not isinstance(error, httpx.ConnectError))
    if isinstance(error, httpx.StreamError):
        return connection_error(server, error, dropped=False)
    return ConfigurationError(f"http_client cannot send: {error}. Pass one that is open, or none")


class PatientTransport(httpx.HTTPTransport):
    """httpx's transport over a pool of our own."""

    def __init__(self, settings: TransportSettings) -> None:
        super().__init__(verify=tls_context(), trust_env=False)
        options: dict[str, Any] = {**_pool_options(settings), "network_backend": Backend()}
        self._pool = _Pool(**options) if settings.proxy is None else _ProxyPool(**options, **_through(settings.proxy))

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, and sends nothing any more."""
        return cast("_Assigning", self._pool).is_closed


class PatientAsyncTransport(httpx.AsyncHTTPTransport):
    """httpx's async transport over a pool of our own; deadlines are the event loop's business."""

    def __init__(self, settings: TransportSettings) -> None:
        super().__init__(verify=tls_context(), trust_env=False)
        options, proxy = _pool_options(settings), settings.proxy
        self._pool = _AsyncPool(**options) if proxy is None else _AsyncProxyPool(**options, **_through(proxy))

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, and sends nothing any more."""
        return cast("_Assigning", self._pool).is_closed


def _pool_options(settings: TransportSettings) -> dict[str, Any]:
    return {
        "ssl_context": tls_context(),
        "max_connections": settings.max_connections,
        "max_keepalive_connections": settings.max_connections,
        "keepalive_expiry": settings.keepalive_expiry,
    }


def _through(proxy: httpx.Proxy) -> dict[str, Any]:
    tls = tls_context() if proxy.url.scheme == "https" else None
    return {"proxy_url": str(proxy.url), "proxy_auth": proxy.raw_auth, "proxy_ssl_context": tls}


def _has_surplus(connection: Any) -> bool:
    """Whether a server sent more than its answer: those bytes would be taken for the next one.

    Only an idle connection can tell: one that is in use has bytes of its answer at hand that nobody read yet.
    """
    state = getattr(connection, "_h11_state", None)
    return state is not None and connection.is_idle() and bool(state.trailing_data[0])


class _Connection(httpcore.HTTPConnection):
    def has_expired(self) -> bool:
        return super().has_expired() or _has_surplus(self._connection)


def _connection_class() -> type[httpcore.HTTPConnection]:
    """What reads HTTP in sync code: llhttp where it is installed, otherwise h11."""
    try:
        from ._llhttp import LlhttpConnection  # noqa: PLC0415 - optional
    except ImportError:
        return _Connection
    return LlhttpConnection


class _Closed:
    """In place of a connection of a pool that was closed."""

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:  # noqa: ARG002 - httpcore passes it
        raise httpcore.ConnectError("the client was closed")

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        return self.handle_request(request)


class _Assigning:
    """A pool of httpcore's, to one server, that finds a connection without looking at all of them.

    httpcore's own looks at each, and counts the idle ones anew for each of them: with 50 calls in flight that took
    10 ms of every call. Here they are in the order of their last use. The last one is used again, and the first ones
    are ended once they have expired; as many are kept as there were at once, so none needs to be counted.

    Once it is closed, connections that are in use are ended by who uses them, and nobody gets one any more.
    """

    is_closed = False
    _requests: list[Any]
    _connections: list[Any]
    _max_connections: int
    create_connection: Callable[[httpcore.Origin], Any]

    def _assign_requests_to_connections(self) -> list[Any]:
        """Gives each request that waits a connection, if there is one; returns those that are to be closed."""
        waiting = [request for request in self._requests if request.is_queued()]
        if self.is_closed:
            return self._leave(waiting)
        if not waiting:
            return []  # a connection was given back that nobody waits for: it is looked at when it is to be used again
        given = {id(request.connection) for request in self._requests}
        closing: list[Any] = []
        for request in waiting:
            connection = self._take_free(given, closing)
            if connection is None:
                if len(self._connections) >= self._max_connections:
                    break
                connection = self.create_connection(request.request.url.origin)
            given.add(id(connection))
            self._connections.append(connection)
            request.assign_to_connection(connection)
        while id(self._connections[0]) not in given and self._is_ended(self._connections[0], closing):
            del self._connections[0]
        return closing

    def _leave(self, waiting: list[Any]) -> list[Any]:
        """Refuses who waits for a connection of a closed pool; returns those that nobody uses any more."""
        for request in waiting:
            request.assign_to_connection(_Closed())
        used = {id(request.connection) for request in self._requests}
        left = [connection for connection in self._connections if id(connection) not in used]
        self._connections = [connection for connection in self._connections if id(connection) in used]
        return left

    def _take_free(self, given: set[int], closing: list[Any]) -> Any:
        """Takes out the connection used last of those that are free, and all ended ones before it."""
        for place in range(len(self._connections) - 1, -1, -1):
            connection = self._connections[place]
            if id(connection) in given:
                continue
            if self._is_ended(connection, closing):
                del self._connections[place]
            elif connection.is_available():
                return self._connections.pop(place)
            else:  # it was being made for a call that ended meanwhile: nobody would take it, nor ever give it back
                closing.append(self._connections.pop(place))
        return None

    @staticmethod
    def _is_ended(connection: Any, closing: list[Any]) -> bool:
        if connection.is_closed():
            return True
        if connection.has_expired():
            closing.append(connection)
            return True
        return False


class _Collectable(_Assigning, httpcore.ConnectionPool):
    """A pool that answers left by their readers can be given back to at any moment, by garbage collection too.

    That runs in whatever thread allocates, even one that is at work in this very pool: a plain lock would never open.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._optional_thread_lock = cast("Any", threading.RLock())
        self._is_assigning = False
        self._is_outdated = False

    def _assign_requests_to_connections(self) -> list[httpcore.ConnectionInterface]:
        self._is_outdated = True
        if self._is_assigning:  # by the same thread, which does it again
            return []
        self._is_assigning = True
        closing: list[httpcore.ConnectionInterface] = []
        try:
            while self._is_outdated:
                self._is_outdated = False
                closing += super()._assign_requests_to_connections()
        finally:
            self._is_assigning = False
        return closing

    def close(self) -> None:
        with self._optional_thread_lock:
            self.is_closed = True
            closing = self._assign_requests_to_connections()
        self._close_connections(closing)
        cast("Backend", self._network_backend).break_off()


class _Pool(_Collectable):
    def create_connection(self, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        return _connection_class()(
            origin,
            ssl_context=self._ssl_context,
            keepalive_expiry=self._keepalive_expiry,
            network_backend=self._network_backend,
        )


class _AsyncConnection(httpcore.AsyncHTTPConnection):
    def has_expired(self) -> bool:
        return super().has_expired() or _has_surplus(self._connection)


class _AsyncClosing(_Assigning, httpcore.AsyncConnectionPool):
    async def aclose(self) -> None:
        self.is_closed = True
        await self._close_connections([*self._assign_requests_to_connections(), *self._connections])


class _AsyncPool(_AsyncClosing):
    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        return _AsyncConnection(
            origin,
            ssl_context=self._ssl_context,
            keepalive_expiry=self._keepalive_expiry,
            network_backend=self._network_backend,
        )


class _Asking:
    """A connection to a proxy: how long that takes to make a tunnel is part of the time to connect."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        try:
            return cast("httpcore.Response", self._connection.handle_request(_hurried(request)))
        except (httpcore.ReadTimeout, httpcore.WriteTimeout) as error:
            raise httpcore.ConnectTimeout(error) from error

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        try:
            return cast("httpcore.Response", await self._connection.handle_async_request(_hurried(request)))
        except (httpcore.ReadTimeout, httpcore.WriteTimeout) as error:
            raise httpcore.ConnectTimeout(error) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def _hurried(request: httpcore.Request) -> httpcore.Request:
    """The request for a tunnel, each wait of which ends when the time to connect is over."""
    extensions: dict[str, Any] = cast("Any", request).extensions
    limits = extensions["timeout"]
    request.extensions = {**extensions, "timeout": dict.fromkeys(limits, limits["connect"])}
    return request


class _Tunneled:
    """A connection through a proxy, which also expires when its server sent more than its answer."""

    def __init__(self, connection: Any) -> None:
        self._tunnel = connection
        connection._connection = _Asking(connection._connection)  # noqa: SLF001 - held until the tunnel is made

    def has_expired(self) -> bool:
        # Once it has been made, the tunnel holds the connection to the server.
        return bool(self._tunnel.has_expired()) or _has_surplus(getattr(self._tunnel, "_connection", None))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tunnel, name)


class _ProxyPool(_Collectable, httpcore.HTTPProxy):
    def create_connection(self, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        return cast("httpcore.ConnectionInterface", _Tunneled(super().create_connection(origin)))


class _AsyncProxyPool(_AsyncClosing, httpcore.AsyncHTTPProxy):
    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        return cast("httpcore.AsyncConnectionInterface", _Tunneled(super().create_connection(origin)))
