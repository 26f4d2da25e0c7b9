"""Calls sent and answers read by sync code."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast
from weakref import finalize

import httpx

from azure_inference.bodies import BodyDecoder
from azure_inference.errors import InferenceError
from azure_inference.protocol import Call, body_of, error_of_unread, raise_for_status, read_answer, unchecked
from azure_inference.retry import Tries
from azure_inference.schema._endpoint import AnswerT
from azure_inference.timeouts import Deadline

from ._errors import closed_error
from ._httpx import HTTP_ERRORS, AnswerHeaders, PatientTransport, headers_once_read, to_error, was_read
from ._proxies import name_proxy
from ._requests import Requests, to_request_of
from ._settings import TransportSettings
from ._sockets import keep_to

HttpClient = httpx.Client
ResultT = TypeVar("ResultT")
Pool = PatientTransport | httpx.Client
_SUCCESS = 200
_INHERITED: list[httpx.BaseTransport] = []
"""Pools of a parent process: kept alive after a fork, since closing them would end the parent's connections."""


class OpenResponse:
    """A response being read: the pieces of its body as they come, each of them by the deadline set last."""

    def __init__(
        self, transport: Transport, pool: Pool, call: Call[Any], response: httpx.Response, deadline: Deadline
    ) -> None:
        # Held, so that a stream may outlive its client: the connections end with the transport.
        self._transport = transport
        self._pool = pool
        self.status = response.status_code
        self.headers: Mapping[str, str] = AnswerHeaders(response.headers)
        self.deadline = deadline
        self._server = call.server
        self._stream = cast("httpx.SyncByteStream", response.stream)
        self._pieces = iter(self._stream)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        keep_to(self.deadline)
        try:
            return next(self._pieces)
        except HTTP_ERRORS as error:
            raise to_error(error, self._server, self.deadline, is_closed=self._pool.is_closed) from error

    def close(self) -> None:
        """Gives the connection back, if the body was read to its end; else ends it."""
        self._stream.close()


class _ResponseOfUser(OpenResponse):
    """One over a client of the user's, whose connections know no deadline: it is looked at after each piece."""

    def __init__(
        self, transport: Transport, pool: Pool, call: Call[Any], response: httpx.Response, deadline: Deadline
    ) -> None:
        super().__init__(transport, pool, call, response, deadline)
        if was_read(response):
            self.headers, self._pieces = headers_once_read(response), response.iter_bytes()

    def __next__(self) -> bytes:
        piece = super().__next__()
        if self.deadline.is_over:
            raise self.deadline.error(self._server)
        return piece


class Transport:
    """Sends calls and reads their answers, over one pool of connections per process."""

    def __init__(self, settings: TransportSettings, client: HttpClient | None = None) -> None:
        self._settings = settings
        self._client = client
        self._requests = Requests(settings.headers)
        self._pool: PatientTransport | None = None
        self._pid = os.getpid()
        self._release: Callable[[], object] = _nothing_to_release
        self._lock = threading.Lock()
        self._leaving: dict[int, threading.Lock] = {}

    def fetch(
        self,
        call: Call[AnswerT],
        tries: Tries,
        check: Callable[[AnswerT], AnswerT] = unchecked,
    ) -> AnswerT:
        """The typed answer to a call, as `check` gives it back; what that raises is told of the attempt."""

        def attempt(tries: Tries) -> AnswerT:
            response = self._send(call, tries)
            return check(read_answer(call, response.status, response.headers, _read(call, response)))

        return self.run(attempt, tries)

    def open(self, call: Call[Any], tries: Tries) -> OpenResponse:
        """One attempt's response, its body not yet read; raises if the service refused."""
        response = self._send(call, tries)
        if response.status != _SUCCESS:
            raise_for_status(call, response.status, response.headers, _read(call, response))
        return response

    def run(self, attempt: Callable[[Tries], ResultT], tries: Tries) -> ResultT:
        """What `attempt` returns, tried as often as the policy has it, and no longer than the call may take."""
        try:
            with tries:
                return attempt(tries)
        except InferenceError as error:
            # tenacity costs as much as a small request, so it is entered only once there is something to repeat.
            first = error
        import tenacity  # noqa: PLC0415 - as slow to import as many calls, and only failures need it

        return tenacity.Retrying(**tries.options())(_after(first, attempt, tries))

    def close(self) -> None:
        """Closes the connections; the next call makes new ones. Those under way fail, and are not sent again."""
        self._leave_parent()
        with self._lock:
            self._pool = None
            self._release()

    def _send(self, call: Call[Any], tries: Tries) -> OpenResponse:
        deadline = tries.deadline
        authorizer = self._settings.authorizer
        authorization = tries.authorization = authorizer.ready() or authorizer.headers(deadline)
        keep_to(deadline)
        if tries.pool is not None and tries.pool.is_closed:
            raise closed_error(call.server)
        pool = tries.pool = self._client or self._own_pool()
        try:
            if isinstance(pool, PatientTransport):
                request = self._requests.make(call, authorization, tries.timeouts.capped(deadline))
                response = pool.handle_request(request)
            else:
                request = to_request_of(pool, call, authorization)
                response = pool.send(request, stream=True, follow_redirects=False)
        except HTTP_ERRORS as error:
            told = to_error(error, call.server, deadline, is_closed=pool.is_closed)
            if self._client is None and not pool.is_closed:
                name_proxy(told, call.server, self._settings.proxy)
            raise told from error
        kind = OpenResponse if self._client is None else _ResponseOfUser
        opened = kind(self, pool, call, response, deadline)
        tries.answer_headers = opened.headers
        return opened

    def _own_pool(self) -> PatientTransport:
        self._leave_parent()
        pool = self._pool
        if pool is None:
            with self._lock:
                pool = self._pool
                if pool is None:
                    pool = self._pool = PatientTransport(self._settings)
                    # Model classes have no moment to close a client at: it is done once nobody holds it.
                    self._release = finalize(self, _close, pool, self._pid)
        return pool

    def _leave_parent(self) -> None:
        """In the child of a fork: leaves its parent's connections alone, and a lock that a thread there may hold."""
        pid = os.getpid()
        if self._pid == pid:
            return
        with self._leaving.setdefault(pid, threading.Lock()):  # one for each process: one thread of it leaves
            if self._pid != pid:
                if self._pool is not None:
                    _INHERITED.append(self._pool)
                self._pool, self._release, self._lock, self._pid = None, _nothing_to_release, threading.Lock(), pid


def _nothing_to_release() -> None:
    """Before the first call."""


def _close(pool: PatientTransport, pid: int) -> None:
    if pid == os.getpid():
        pool.close()


def _read(call: Call[Any], response: OpenResponse) -> bytes:
    body = body_of(call, response.status, response.headers)
    try:
        for piece in response:
            body.add(piece)
        return body.whole()
    except InferenceError as error:
        raise error_of_unread(call, response.status, response.headers, body, error)  # noqa: B904 - it knows its cause
    finally:
        response.close()


def decoded(response: OpenResponse) -> Iterator[bytes]:
    """The pieces of a body, decompressed if need be."""
    decoder = BodyDecoder(response.headers)
    for piece in response:
        yield from decoder.feed(piece)
    decoder.end()


def _after(first: InferenceError, attempt: Callable[[Tries], ResultT], tries: Tries) -> Callable[[], ResultT]:
    """The attempts of a call, of which the outcome of the first is known already."""
    known = [first]

    def outcome() -> ResultT:
        if known:
            raise known.pop()
        with tries:
            return attempt(tries)

    return outcome
