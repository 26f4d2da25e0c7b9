"""Requests written to the connections of aiohttp: those that nobody reads, and those that must not be sent."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from azure_inference import APIStatusError, AsyncInferenceClient, ChatRequest, ConfigurationError, to_request
from azure_inference.credentials import Authorizer, Headers
from tests.core.test_wire_faults import answer, plain
from tests.faults.server import PATIENCE

pytest.importorskip("aiohttp")
HELLO = to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}]})
LARGE = to_request(ChatRequest, {"messages": [{"role": "user", "content": "x" * 30_000_000}]})


class Deaf:
    """What a server does that reads no more, until it is told to go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, peer: Any) -> bytes:
        self.go_on.wait(PATIENCE)
        return b""


async def test_refusals_of_what_is_still_being_sent(raw: Any) -> None:
    """A refusal counts at once, however much of the request nobody has read; its connection is not used again."""
    deaf = Deaf()
    raw.script(plain(b'{"error": {"message": "too large"}}', "413 Too Large"), deaf, "stall")
    raw.script("request", answer(), "stall")
    async with AsyncInferenceClient(raw.url, "canary-5ecret", timeout=PATIENCE) as client:
        with pytest.raises(APIStatusError, match="too large"):
            await client.chat(LARGE)
        assert (await client.chat(HELLO)).choices[0].message.text == "hi"
        assert raw.connections == 2
        deaf.go_on.set()
        assert await asyncio.to_thread(raw.hung_up.acquire, timeout=PATIENCE)


async def test_requests_left_half_sent(raw: Any) -> None:
    """Of a request that is cancelled while nobody reads it, the rest is not sent, and its connection ends."""
    deaf = Deaf()
    raw.script("reached", deaf, "request", "stall")
    async with AsyncInferenceClient(raw.url, "canary-5ecret") as client:
        call = asyncio.create_task(client.chat(LARGE))
        assert await asyncio.to_thread(raw.reached.acquire, timeout=PATIENCE)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        deaf.go_on.set()
        assert await asyncio.to_thread(raw.hung_up.acquire, timeout=PATIENCE)
    assert raw.requests == []


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
async def test_no_header_hides_another(raw: Any, end: str) -> None:
    """Nothing is sent of a header that would end within its value."""

    class Careless(Authorizer):
        def headers(self) -> Headers:
            return (("api-key", f"key{end}x-injected: yes"),)

    raw.script("request", answer(), "stall")
    credential: Any = Careless()
    async with AsyncInferenceClient(raw.url, credential) as client:
        with pytest.raises(ConfigurationError, match="withheld"):
            await client.chat(HELLO)
    assert raw.requests == []
