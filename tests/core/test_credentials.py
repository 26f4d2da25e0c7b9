"""Credentials of every kind: what they become, how often they are asked, and that no secret is ever shown."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from azure_inference import AsyncInferenceClient, AuthenticationError, ConfigurationError, InferenceClient, credentials
from azure_inference.credentials import to_authorizer

if TYPE_CHECKING:
    from collections.abc import Callable

SCOPES = ("https://scope/.default",)
KEY_HEADERS = (("authorization", "Bearer k-1"), ("api-key", "k-1"))
URL = "https://x.services.ai.azure.com/models"


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that credentials look at."""
    clock = Clock()
    monkeypatch.setattr(credentials, "time", clock)
    return clock


class Provider:
    """Gives numbered tokens that live an hour, and counts."""

    def __init__(self, clock: Clock | None = None, lifetime: float = 3600) -> None:
        self._clock = clock or Clock()
        self._clock.now = self._clock.now if clock else time.time()
        self._lifetime = lifetime
        self.scopes: list[tuple[str, ...]] = []

    @property
    def asked(self) -> int:
        return len(self.scopes)

    def _token(self, *scopes: str) -> Any:
        self.scopes.append(scopes)
        return SimpleNamespace(token=f"t-{self.asked}", expires_on=int(self._clock.now + self._lifetime))


class SyncCredential(Provider):
    def get_token(self, *scopes: str, **_: Any) -> Any:
        return self._token(*scopes)


class AsyncCredential(Provider):
    async def get_token(self, *scopes: str, **_: Any) -> Any:
        await asyncio.sleep(0)
        return self._token(*scopes)


class HeldKey:
    """Like azure-core's AzureKeyCredential: a key that can be replaced."""

    def __init__(self, key: Any) -> None:
        self._key = key

    @property
    def key(self) -> Any:
        return self._key

    def update(self, key: str) -> None:
        self._key = key


async def _give() -> str:
    return "t-1"


class AsyncCall:
    async def __call__(self) -> str:
        return "t-1"


def headers(credential: Any, *, is_async: bool) -> Any:
    """What a credential puts on a request, in plain and in async code."""
    authorizer = to_authorizer(credential, SCOPES)
    return asyncio.run(authorizer.headers_async()) if is_async else authorizer.headers()


IN_BOTH = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@IN_BOTH
@pytest.mark.parametrize(
    "credential", ["k-1", " k-1\n", SecretStr("k-1"), HeldKey("k-1"), SimpleNamespace(key="k-1")], ids=repr
)
def test_keys(credential: Any, is_async: bool) -> None:
    """A key in any form goes out in both headers."""
    assert headers(credential, is_async=is_async) == KEY_HEADERS


@IN_BOTH
@pytest.mark.parametrize(
    "make",
    [SyncCredential, lambda: lambda: "t-1", lambda: functools.partial(str, "t-1")],
    ids=["object", "function", "partial"],
)
def test_token_providers(make: Any, is_async: bool) -> None:
    """A token goes out as a bearer token only; a plain provider serves async code too."""
    assert headers(make(), is_async=is_async) == (("authorization", "Bearer t-1"),)


ASYNC_GIVERS: dict[str, Callable[[], Any]] = {
    "object": AsyncCredential,
    "function": lambda: _give,
    "partial": lambda: functools.partial(_give),
    "callable object": AsyncCall,
    "function that returns an awaitable": lambda: lambda: _give(),  # noqa: PLW0108 - the point of it
}


@pytest.mark.parametrize("make", ASYNC_GIVERS.values(), ids=ASYNC_GIVERS)
def test_async_providers(make: Callable[[], Any]) -> None:
    """An async provider serves async code; for plain code it is a clear error."""
    assert headers(make(), is_async=True) == (("authorization", "Bearer t-1"),)
    with pytest.raises(ConfigurationError, match="async and cannot serve a sync call"):
        headers(make(), is_async=False)


@pytest.mark.parametrize("kind", [SyncCredential, AsyncCredential])
def test_scope(kind: type[Provider]) -> None:
    """The credential is asked for the scope of the endpoint, or for those that the user says."""
    plain, named = kind(), kind()
    for credential, options in ((plain, {}), (named, {"credential_scopes": ["https://mine/.default"]})):
        client: Any = AsyncInferenceClient(URL, credential, **options)
        asyncio.run(client._settings.transport.authorizer.headers_async())

    assert plain.scopes == [("https://cognitiveservices.azure.com/.default",)]
    assert named.scopes == [("https://mine/.default",)]


@IN_BOTH
def test_tokens_are_kept_until_shortly_before_they_expire(clock: Clock, is_async: bool) -> None:
    """A token is asked for once, and again some minutes before it expires."""
    provider = (AsyncCredential if is_async else SyncCredential)(clock)
    authorizer = to_authorizer(provider, SCOPES)

    def asked() -> tuple[str, int]:
        given = asyncio.run(authorizer.headers_async()) if is_async else authorizer.headers()
        return given[0][1], provider.asked

    assert asked() == asked() == ("Bearer t-1", 1)
    clock.now += 3600 - credentials.REFRESH_BEFORE_EXPIRY - 1
    assert asked() == ("Bearer t-1", 1)
    clock.now += 2
    assert asked() == asked() == ("Bearer t-2", 2)


@pytest.mark.parametrize(("lifetime", "fresh_for"), [(60, 1), (0, 0), (-5, 0), (1000, 690)])
def test_short_lived_tokens(clock: Clock, lifetime: float, fresh_for: float) -> None:
    """A token that lives shorter than the margin is used, if only for a moment."""
    provider = SyncCredential(clock, lifetime)
    authorizer = to_authorizer(provider, SCOPES)

    assert authorizer.headers() == (("authorization", "Bearer t-1"),)
    clock.now += max(0.0, fresh_for - 0.5)
    authorizer.headers()
    assert provider.asked == (2 if fresh_for == 0 else 1)
    clock.now += 1000
    assert authorizer.headers() == (("authorization", f"Bearer t-{provider.asked}"),)


def test_tokens_without_a_time(clock: Clock) -> None:
    """A token that does not say when it expires is kept for some minutes."""
    given = iter(["t-1", "t-2"])
    authorizer = to_authorizer(lambda: next(given), SCOPES)

    assert authorizer.headers() == authorizer.headers() == (("authorization", "Bearer t-1"),)
    clock.now += 301
    assert authorizer.headers() == (("authorization", "Bearer t-2"),)


@pytest.mark.parametrize("credential", ["key", HeldKey("key"), SyncCredential(), AsyncCredential()], ids=repr)
def test_forget(credential: Any) -> None:
    """After a 401, a new token can be had, but no new key."""
    authorizer = to_authorizer(credential, SCOPES)
    refused = asyncio.run(authorizer.headers_async())
    assert authorizer.forget(refused) is isinstance(credential, Provider)
    assert asyncio.run(authorizer.headers_async()) == (
        (("authorization", "Bearer t-2"),) if isinstance(credential, Provider) else refused
    )


@IN_BOTH
@pytest.mark.parametrize("is_cached", [False, True])
def test_one_new_token_for_many_refusals(is_async: bool, is_cached: bool) -> None:
    """However many calls were refused with a token, and whenever they tell, it is replaced once, be it by itself."""
    asked: list[int] = []

    def give() -> str:
        asked.append(1)
        return "t" if is_cached else f"t-{len(asked)}"

    async def give_async() -> str:
        return give()

    authorizer = to_authorizer(give_async if is_async else give, SCOPES)

    async def main() -> None:
        async def ask() -> Any:
            return await authorizer.headers_async() if is_async else authorizer.headers()

        for refused in [await ask() for _ in range(5)]:
            assert authorizer.forget(refused)
            assert (await ask())[0][1] == ("Bearer t" if is_cached else "Bearer t-2")

    asyncio.run(main())
    assert len(asked) == 2


@IN_BOTH
def test_a_late_refusal_of_an_old_token(is_async: bool) -> None:
    """A token that was refused stays so when somebody tells, late, of the refusal of the one before."""
    credential = AsyncCredential() if is_async else SyncCredential()
    authorizer = to_authorizer(credential, SCOPES)

    async def main() -> None:
        first = await authorizer.headers_async()
        authorizer.forget(first)
        authorizer.forget(await authorizer.headers_async())
        authorizer.forget(first)
        assert (await authorizer.headers_async())[0][1] == "Bearer t-3"

    asyncio.run(main())


def test_one_question_for_many_threads() -> None:
    """However many threads wait for a token, it is asked for once."""
    asked: list[int] = []

    def give() -> str:
        asked.append(1)
        end = time.monotonic() + 20
        while authorizer._in_thread._flight.waiting < 7 and time.monotonic() < end:
            time.sleep(0.001)
        return "t"

    authorizer: Any = to_authorizer(give, SCOPES)
    given: list[Any] = []
    threads = [threading.Thread(target=lambda: given.append(authorizer.headers())) for _ in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert given == [(("authorization", "Bearer t"),)] * 7
    assert len(asked) == 1


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_one_question_for_many_tasks(kind: str) -> None:
    """However many tasks wait for a token, it is asked for once; one that gives up takes nothing from the others."""
    provider = (AsyncCredential if kind == "async" else SyncCredential)()
    authorizer = to_authorizer(provider, SCOPES)

    async def main() -> list[Any]:
        first = asyncio.create_task(authorizer.headers_async())
        others = [asyncio.create_task(authorizer.headers_async()) for _ in range(20)]
        await asyncio.sleep(0)
        first.cancel()
        return await asyncio.gather(*others)

    assert asyncio.run(main()) == [(("authorization", "Bearer t-1"),)] * 20
    assert provider.asked == 1


def test_one_provider_for_several_event_loops() -> None:
    """An async provider serves one event loop after another, also when a loop ended while it was asked."""
    authorizer = to_authorizer(AsyncCredential(), SCOPES)

    async def give_up() -> None:
        task = asyncio.create_task(authorizer.headers_async())
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(give_up())
    assert asyncio.run(authorizer.headers_async())[0][1].startswith("Bearer t-")
    authorizer.forget(asyncio.run(authorizer.headers_async()))
    assert asyncio.run(authorizer.headers_async())[0][1].startswith("Bearer t-")


class FailingKey:
    @property
    def key(self) -> str:
        raise RuntimeError("vault is closed, password hunter2")


def _fails() -> str:
    raise RuntimeError("no identity, password hunter2")


async def _fails_async() -> str:
    raise RuntimeError("no identity, password hunter2")


def _fails_late() -> Any:
    return _fails_async()


@pytest.mark.parametrize(
    "credential", [_fails, _fails_async, FailingKey(), _fails_late], ids=["sync", "async", "key", "late"]
)
def test_providers_that_fail(credential: Any) -> None:
    """What a provider raises is the cause of one clear error, whose own text repeats nothing of it."""
    with pytest.raises(AuthenticationError, match="RuntimeError") as caught:
        headers(credential, is_async=True)

    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "hunter2" not in str(caught.value)
    assert caught.value.status_code == 0


@pytest.mark.parametrize(
    "secret",
    ["", "   ", "\n", "hunter2 x", "hunter2\nx", "hunter2\x00", "hünter2", "hunter2\u200b", "“hunter2”", "\x7fhunter2"],
)
@pytest.mark.parametrize("form", [str, SecretStr, HeldKey])
def test_keys_that_cannot_be_sent(form: Any, secret: str) -> None:
    """A key that no header can carry is refused at once, and never shown."""
    with pytest.raises(ConfigurationError) as caught:
        to_authorizer(form(secret), SCOPES)

    assert "credential" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "ünter" not in str(caught.value)


@IN_BOTH
@pytest.mark.parametrize(
    "token", [None, 5, b"t", "", "to ken", SimpleNamespace(token=None), SimpleNamespace(token="a\nb")], ids=repr
)
def test_tokens_that_are_none(token: Any, is_async: bool) -> None:
    """A provider that gives no token is a clear error."""
    with pytest.raises(ConfigurationError, match="credential"):
        headers(lambda: token, is_async=is_async)


@pytest.mark.parametrize(
    "credential", [None, 5, b"key", ["key"], {"key": "k"}, object(), HeldKey(None), HeldKey(b"key")], ids=repr
)
def test_what_is_no_credential(credential: Any) -> None:
    """Anything else is refused when the client is made, with what to pass."""
    with pytest.raises(ConfigurationError, match="credential"):
        to_authorizer(credential, SCOPES)


def test_rotated_keys() -> None:
    """A key that was replaced counts from the next request on."""
    holder = HeldKey("k-0")
    authorizer = to_authorizer(holder, SCOPES)
    holder.update("k-1")

    assert authorizer.headers() == KEY_HEADERS


@pytest.mark.parametrize("kind", [InferenceClient, AsyncInferenceClient])
def test_environment(monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    """Endpoint and key come from the environment where they are not passed; what is passed counts first."""
    with pytest.raises(ConfigurationError, match="AZURE_INFERENCE_ENDPOINT"):
        kind()
    monkeypatch.setenv("AZURE_INFERENCE_ENDPOINT", URL)
    with pytest.raises(ConfigurationError, match="AZURE_INFERENCE_CREDENTIAL"):
        kind()
    monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", "from-environment")

    assert kind()._settings.target.base_url == URL
    assert kind()._settings.transport.authorizer.headers()[1] == ("api-key", "from-environment")
    assert kind("https://other", "mine")._settings.transport.authorizer.headers()[1] == ("api-key", "mine")
    assert kind("https://other")._settings.target.base_url == "https://other"


@pytest.mark.parametrize(
    "credential", ["hunter2", SecretStr("hunter2"), HeldKey("hunter2"), lambda: "hunter2"], ids=repr
)
def test_no_repr_shows_a_secret(credential: Any) -> None:
    """Nothing that a client is made of shows the key or the token when printed."""
    client = InferenceClient(URL, credential)
    authorizer = client._settings.transport.authorizer
    authorizer.headers()

    for shown in (client, client._settings, client._settings.transport, authorizer):
        assert "hunter2" not in repr(shown)
        assert "hunter2" not in str(shown)
