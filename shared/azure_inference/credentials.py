"""Who asks: a key, a token, or somebody who gives tokens; turned into headers for each attempt."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol, Self, runtime_checkable

from pydantic import SecretStr

from .errors import APITimeoutError, AuthenticationError, ConfigurationError, kind_of
from .singleflight import TaskFlight, ThreadFlight
from .timeouts import NEVER, REMEDIES, Deadline

REFRESH_BEFORE_EXPIRY = 300.0
REFRESH_AGAIN_AFTER = 30.0
_REFRESH_PATIENCE = 10.0
_LIFETIME_UNKNOWN = 300.0
_IS_ASYNC = "credential is async and cannot serve a sync call: pass a sync credential, or call the async method"
_LOGGER = logging.getLogger("azure_inference")

Headers = tuple[tuple[str, str], ...]


@runtime_checkable
class KeyHolder(Protocol):
    """An object with a `key`, such as azure-core's `AzureKeyCredential`; the key is read for each attempt."""

    @property
    def key(self) -> str:
        """The key."""
        ...


@runtime_checkable
class TokenCredential(Protocol):
    """An object with `get_token(*scopes)`, sync or async, such as those of azure-identity."""

    def get_token(self, *scopes: str) -> Any:
        """A token with `token` and `expires_on` (Unix seconds), or an awaitable of one."""
        ...


class Secret(str):
    """Text that goes out as it is, and is not shown by whatever prints the variables that hold it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"


TokenProvider = Callable[[], str | Awaitable[str]]
Credential = str | SecretStr | KeyHolder | TokenCredential | TokenProvider


class Authorizer:
    """Gives the headers that say who asks, to sync and to async callers."""

    def ready(self) -> Headers | None:
        """The headers for the next attempt, if nobody has to be waited for."""
        return None

    def headers(self, deadline: Deadline = NEVER) -> Headers:
        """The headers for the next attempt, waited for until the deadline.

        Raises:
            AuthenticationError: The credential failed.
            APITimeoutError: It gave nothing by the deadline; the phase is `credential`.
            ConfigurationError: What it gave cannot be sent.
        """
        raise NotImplementedError

    async def headers_async(self, deadline: Deadline = NEVER) -> Headers:
        """The same, without blocking the event loop."""
        return self.headers(deadline)

    def forget(self, refused: Headers) -> bool:  # noqa: ARG002 - what its kinds are told
        """Drops headers that were refused with 401; False if there is nothing newer to be had."""
        return False


class KeyAuthorizer(Authorizer):
    """A key, sent in both headers that endpoints of this API look for."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read
        self._headers = self._made()

    def ready(self) -> Headers:
        """Both key headers; the key is read anew, so that a rotated one counts at once."""
        if self._key() != self._headers[1][1]:
            self._headers = self._made()
        return self._headers

    def headers(self, deadline: Deadline = NEVER) -> Headers:  # noqa: ARG002 - a key is not waited for
        """Both key headers."""
        return self.ready()

    def _made(self) -> Headers:
        key = _checked(self._key())
        return (("authorization", Secret(f"Bearer {key}")), ("api-key", key))

    def _key(self) -> Any:
        try:
            return self._read()
        except Exception as error:
            raise _refused(error) from error


class TokenAuthorizer(Authorizer):
    """A token provider; a token is kept until shortly before it expires, and asked for once however many wait.

    Shortly before it expires, one caller asks for the next, and all go on with it while none is to be had.
    """

    def __init__(self, get: Callable[[], Any], *, is_async: bool) -> None:
        self._get = get
        self._is_async = is_async
        self._kept: Headers = ()
        self._refused: Headers = ()
        self._renew_at = 0.0
        self._expires_at = 0.0
        self._in_thread: ThreadFlight[Headers] = ThreadFlight()
        self._in_task: TaskFlight[Headers] = TaskFlight()

    def ready(self) -> Headers | None:
        """The bearer header, while it is fresh."""
        return self._kept if self._kept is not self._refused and time.time() < self._renew_at else None

    def headers(self, deadline: Deadline = NEVER) -> Headers:
        """The bearer header; a sync provider is asked in a thread, so that one that hangs can be left."""
        old = self._kept
        ready = self.ready()
        if ready is not None:
            return ready
        if self._is_async:
            raise ConfigurationError(_IS_ASYNC)
        spare, seconds = self._spare(deadline)
        return _settled(self._in_thread.wait(partial(self._ask, old), seconds), spare)

    async def headers_async(self, deadline: Deadline = NEVER) -> Headers:
        """The bearer header; a sync provider is asked in a thread."""
        old = self._kept
        ready = self.ready()
        if ready is not None:
            return ready
        spare, seconds = self._spare(deadline)
        outcome = None
        if not self._is_async:
            outcome = await self._in_thread.wait_async(partial(self._ask, old), seconds)
        if self._is_async:  # which may have turned out just now
            outcome = await self._in_task.wait(partial(self._ask_async, old), seconds)
        return _settled(outcome, spare)

    def forget(self, refused: Headers) -> bool:
        """Drops the token of these headers, so that the next attempt asks for a new one, if nobody has yet."""
        if refused is self._kept:  # else it was replaced before, and what is kept may have been refused since
            self._refused = refused
        return True

    def _spare(self, deadline: Deadline) -> tuple[Headers, float | None]:
        """The token to go on with if there is no other, if any, and the seconds to wait for another."""
        remaining = deadline.remaining
        now = time.time()
        if self._kept is self._refused or now >= self._expires_at:
            return (), remaining
        self._renew_at = min(now + REFRESH_AGAIN_AFTER, self._expires_at)  # all others go on with it at once
        return self._kept, _REFRESH_PATIENCE if remaining is None else min(_REFRESH_PATIENCE, remaining / 2)

    def _ask(self, old: Headers) -> Headers:
        """Asks a sync provider, if what is kept is still old; one that turns out async is left to who can await."""
        if self._kept is not old:
            return self._kept
        answer = self._get()
        if not inspect.isawaitable(answer):
            return self._keep(answer, old)
        self._is_async = True
        if inspect.iscoroutine(answer):
            answer.close()
        raise ConfigurationError(_IS_ASYNC)

    async def _ask_async(self, old: Headers) -> Headers:
        return self._keep(await self._get(), old) if self._kept is old else self._kept

    def _keep(self, answer: Any, old: Headers) -> Headers:
        token = answer if isinstance(answer, str) else getattr(answer, "token", None)
        if not isinstance(token, str):
            raise ConfigurationError(f"credential gave {kind_of(answer)}, not a token: it must return text")
        expires_on = getattr(answer, "expires_on", None)
        now = time.time()
        lifetime = float(expires_on) - now if isinstance(expires_on, int | float) else 2 * _LIFETIME_UNKNOWN
        headers = (("authorization", Secret(f"Bearer {_checked(token)}")),)
        if self._kept is old or self._kept is self._refused:  # else a later question was answered before this one
            self._kept = headers
            self._expires_at = now + lifetime
            self._renew_at = now + max(lifetime - REFRESH_BEFORE_EXPIRY, min(lifetime, 1.0))
        return headers


def _settled(outcome: Headers | BaseException | None, spare: Headers) -> Headers:
    """The headers that a question has brought, or those to spare; else an error that is this caller's own."""
    if isinstance(outcome, tuple):
        return outcome
    if spare:
        why = "it took too long" if outcome is None else type(outcome).__name__
        _LOGGER.warning("credential gave no new token (%s); the previous one is still valid, and is still sent", why)
        return spare
    if outcome is None:
        raise APITimeoutError(
            f"credential gave no token before the call timed out (total): {REMEDIES['credential']}",
            phase="credential",
        )
    if isinstance(outcome, ConfigurationError):
        raise ConfigurationError(outcome.message)
    raise _refused(outcome) from outcome


def to_authorizer(credential: Any, scopes: tuple[str, ...]) -> Authorizer:
    """The authorizer for whatever a user passes as `credential`.

    Raises:
        ConfigurationError: It is missing, blank, not sendable, or of a type this library does not know.
    """
    if isinstance(credential, Authorizer):
        return credential
    if isinstance(credential, str | SecretStr):
        return KeyAuthorizer(conceal(credential).get_secret_value)
    if _is_a(credential, TokenCredential):
        is_async = inspect.iscoroutinefunction(credential.get_token)
        return TokenAuthorizer(lambda: credential.get_token(*scopes), is_async=is_async)
    if _is_a(credential, KeyHolder):
        return KeyAuthorizer(lambda: credential.key)
    if callable(credential):
        is_async = inspect.iscoroutinefunction(credential) or inspect.iscoroutinefunction(type(credential).__call__)
        return TokenAuthorizer(credential, is_async=is_async)
    raise ConfigurationError(
        f"credential is {'missing' if credential is None else kind_of(credential)}: pass a key, a "
        "token credential or a callable that returns a token, or set AZURE_INFERENCE_CREDENTIAL"
    )


def _is_a(credential: Any, protocol: type) -> bool:
    """Whether a credential has what the protocol wants; to look may run its code, which may fail."""
    try:
        return isinstance(credential, protocol)
    except Exception as error:
        raise _refused(error) from error


def conceal(credential: Any) -> Any:
    """The credential as it is to be kept: a key as a `SecretStr`, anything else as it is."""
    return SecretStr(credential) if isinstance(credential, str) else credential


def concealed(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an object that asks, with key and headers concealed: reports of errors may show variables."""
    kept = {**arguments}
    for name, hidden in _CONCEALING:
        if name in kept:
            kept[name] = hidden(kept[name])
    return kept


def conceal_headers(keywords: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keywords of a call with its headers concealed: frameworks show what they are called with to traces."""
    if "headers" not in keywords:
        return keywords
    headers: Mapping[Any, Any] | None = keywords["headers"]
    if not isinstance(headers, Mapping):
        return keywords
    return {**keywords, "headers": _CallHeaders({name: conceal(value) for name, value in headers.items()})}


class _CallHeaders(dict[Any, Any]):
    """Headers of a call. They may be bound to a model: copies of that share them, and a pickle of it has none."""

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, ()


def _conceal_values(headers: Any) -> Any:
    if not hasattr(headers, "items"):
        return headers
    return {name: Secret(value) if isinstance(value, str) else value for name, value in headers.items()}


_CONCEALING: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("credential", conceal),
    ("api_key", conceal),
    ("headers", _conceal_values),
)


def _checked(secret: Any) -> Secret:
    """The secret without blanks around it, if a header can carry it. It is never part of a message."""
    if not isinstance(secret, str):
        raise ConfigurationError(f"credential holds {kind_of(secret)}, not a key: it must be text")
    key = secret = Secret(secret.strip())  # both names, since reports of errors may show variables
    if not key:
        raise ConfigurationError("credential is blank: pass the key of the endpoint, or set AZURE_INFERENCE_CREDENTIAL")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError(
            "credential holds a blank, a control character or a letter outside ASCII: copy it again (value withheld)"
        )
    return key


def _refused(error: BaseException) -> AuthenticationError:
    return AuthenticationError(f"credential gave no token: {type(error).__name__} (see the cause). Check the identity.")
