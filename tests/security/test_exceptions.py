"""Whatever fails, by whichever door: nothing that a report of the exception may show holds the credential."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from azure_inference import ConfigurationError, InferenceError
from tests.canary import KEY

from .doors import DOORS, WAYS
from .exposure import chain, exposed


class HeldKey:
    """As azure-core's `AzureKeyCredential`."""

    def __init__(self, key: str) -> None:
        self.key = key


class Tokens:
    """As the sync credentials of azure-identity."""

    def get_token(self, *scopes: str, **options: Any) -> Any:
        return SimpleNamespace(token=KEY, expires_on=4_000_000_000)


class AsyncTokens:
    """As those of azure.identity.aio."""

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        await asyncio.sleep(0)
        return SimpleNamespace(token=KEY, expires_on=4_000_000_000)


def refused_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


REFUSAL = b'{"error": {"code": "x", "message": "no"}}'
FAILURES: dict[str, tuple[Any, ...] | None] = {
    "401": ("request", b"HTTP/1.1 401 No\r\ncontent-length: %d\r\n\r\n%s" % (len(REFUSAL), REFUSAL)),
    "500": ("request", b"HTTP/1.1 500 No\r\ncontent-length: %d\r\n\r\n%s" % (len(REFUSAL), REFUSAL)),
    "redirect": ("request", b"HTTP/1.1 307 Away\r\nlocation: http://localhost:9/\r\ncontent-length: 0\r\n\r\n"),
    "no JSON": ("request", b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\noops"),
    "no HTTP": ("request", b"SSH-2.0-server\r\n\r\n"),
    "cut body": ("request", b"HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n{"),
    "cut stream": (
        "request",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b'50\r\ndata: {"choices": [{"index": 0, "delta": {"content": "hello hello hello hello "}}]}\n\n\r\n',
    ),
    "reset": ("request", "reset"),
    "reset at once": ("reset",),
    "no answer": ("request", "stall"),
    "drip": ("request", b"HTTP/1.1 200 OK\r\nx: ", ("drip", b"x")),
    "nobody there": None,
}


def failed(door: str, way: str, **arguments: Any) -> InferenceError:
    """The error that a call ends with."""
    model = DOORS[door].model(way, max_retries=0, **arguments)
    with pytest.raises(InferenceError) as caught:
        DOORS[door].ask(way, model)
    return caught.value


def assert_hidden(error: BaseException) -> None:
    """Nothing that the error exposes holds the key."""
    assert [where for where, text in exposed(error) if KEY in text] == []


ASKED = [
    *(("core", way, engine) for way in WAYS for engine in ("", "httpx") if way.startswith("a") or not engine),
    *((door, way, "") for door in ("langchain", "llamaindex") for way in ("chat", "astream", "aembed")),
]
HTTP = {"aiohttp", "h11", "httpcore", "httpx"}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
def test_failed_calls(raw: Any, monkeypatch: pytest.MonkeyPatch, asked: tuple[str, str, str], failure: str) -> None:
    """A call that fails, however it does, shows no key in its exception, and no frame of an HTTP library."""
    door, way, engine = asked
    if engine:
        monkeypatch.setattr("azure_inference.transport._engines.find_spec", lambda name: None)
    steps = FAILURES[failure]
    raw.script(*(steps or ()))
    url = f"http://127.0.0.1:{refused_port()}/models" if steps is None else raw.url
    error = failed(door, way, endpoint=url, credential=KEY, timeout=0.1, headers={"x-key": KEY})

    assert_hidden(error)
    foreign = [one for one in chain(error) if type(one).__module__.partition(".")[0] in HTTP]
    assert all(one.__traceback__ is None for one in foreign)


@pytest.mark.parametrize(
    "make", [HeldKey, Tokens, AsyncTokens, lambda *_: lambda: KEY], ids=["key", "token", "async", "f"]
)
@pytest.mark.parametrize("door", DOORS)
def test_other_credentials(raw: Any, door: str, make: Any) -> None:
    """Nor does it show what a credential object gives."""
    raw.script(*(FAILURES["reset"] or ()))
    credential = make(KEY) if make is HeldKey else make()

    assert_hidden(failed(door, "achat", endpoint=raw.url, credential=credential))


@pytest.mark.parametrize("secret", [f"{KEY}\n{KEY}", f"{KEY}\r\nx-header: 1", f"{KEY}\0", f"{KEY}é", f"a {KEY}"])
@pytest.mark.parametrize("form", [str, SecretStr, HeldKey])
@pytest.mark.parametrize("way", ["chat", "embed"])
@pytest.mark.parametrize("door", DOORS)
def test_keys_that_cannot_be_sent(door: str, way: str, form: Any, secret: str) -> None:
    """A key that no header can carry is refused when the model is made; no report of that shows it."""
    with pytest.raises(ConfigurationError, match="credential") as caught:
        DOORS[door].model(way, endpoint="https://x.example", credential=form(secret))

    assert_hidden(caught.value)


@pytest.mark.parametrize(
    "arguments", [{"endpoint": "http://x.example"}, {"endpoint": "ftp://x"}, {"timeout": -1}], ids=str
)
@pytest.mark.parametrize("door", DOORS)
def test_models_that_cannot_be_made(door: str, arguments: dict[str, Any]) -> None:
    """A model that is refused for another argument (plain http is, with a key) shows the key as little."""
    with pytest.raises(ConfigurationError) as caught:
        DOORS[door].make(**{"endpoint": "https://x.example", "credential": KEY, **arguments})

    assert_hidden(caught.value)


@pytest.mark.parametrize("form", [str, SecretStr])
@pytest.mark.parametrize(
    ("key", "more"),
    [(f"{KEY}\n", {}), (KEY, {"host": "x"}), (KEY, {"bad header": "x"})],
    ids=["no text", "not theirs", "no name"],
)
@pytest.mark.parametrize("door", DOORS)
def test_headers_that_cannot_be_sent(door: str, key: str, more: dict[str, str], form: Any) -> None:
    """Headers that are refused when a model is made are not shown either, since they may hold keys."""
    headers = {"x-key": form(key), **more}
    with pytest.raises(ConfigurationError, match="headers") as caught:
        DOORS[door].make(endpoint="https://x.example", credential="key", headers=headers)

    assert_hidden(caught.value)


@pytest.mark.parametrize("door", DOORS)
def test_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch, door: str) -> None:
    """Nor is a key shown that comes from the environment and cannot be sent."""
    monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", f"{KEY} {KEY}")
    with pytest.raises(ConfigurationError, match="credential") as caught:
        DOORS[door].make(endpoint="https://x.example")

    assert_hidden(caught.value)
