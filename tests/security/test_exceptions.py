"""Whatever fails, by whichever door: nothing that a report of the exception may show holds the credential."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest

from azure_inference import InferenceError
from tests.canary import KEY

from .doors import DOORS, WAYS
from .exposure import exposed


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


@pytest.fixture(params=["", "httpx"], ids=["aiohttp", "httpx"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What async code sends with: aiohttp, or httpx where that is not installed."""
    if request.param:
        monkeypatch.setattr("azure_inference.transport._engines.find_spec", lambda name: None)
    return str(request.param)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("door", DOORS)
def test_failed_calls(raw: Any, engine: str, door: str, way: str, failure: str) -> None:
    """A call that fails, however it does, shows the key in nothing of its exception."""
    if engine and not way.startswith("a"):
        pytest.skip("plain code has one engine")
    steps = FAILURES[failure]
    raw.script(*(steps or ()))
    url = f"http://127.0.0.1:{refused_port()}/models" if steps is None else raw.url

    assert_hidden(failed(door, way, endpoint=url, credential=KEY, timeout=0.2, headers={"x-key": KEY}))
