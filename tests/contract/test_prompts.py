"""Many prompts to the text model of LangChain, and what its streams tell beside the text."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from azure_inference import BadRequestError
from langchain_azure_inference import AzureInferenceLLM
from tests.core.conftest import Reply

USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
TOKENS = {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}
ways = pytest.mark.parametrize("way", ["batch", "abatch"])


class Together(dict[str, str]):
    """Headers of answers that are not sent before so many were asked for."""

    def __init__(self, count: int) -> None:
        self._barrier = threading.Barrier(count, timeout=20)
        super().__init__({"content-type": "application/json"})

    def items(self) -> Any:
        self._barrier.wait()
        return super().items()


class Crowd(dict[str, str]):
    """Headers of answers that count how many are under way at once."""

    def __init__(self) -> None:
        self.most = self._now = 0
        self._lock = threading.Lock()
        super().__init__()

    def items(self) -> Any:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        yield from {"content-type": "application/json"}.items()
        with self._lock:
            self._now -= 1


def completed(body: Any, headers: dict[str, str]) -> Reply:
    """The prompt as its own answer; a bad one is refused."""
    if body["prompt"] == "bad":
        return Reply(400, b'{"error": {"code": "x", "message": "no"}}', headers)
    choice = {"index": 0, "text": body["prompt"].upper(), "finish_reason": "stop"}
    return Reply(200, json.dumps({"choices": [choice], "usage": USAGE, "model": "m"}).encode(), headers)


def asked(llm: AzureInferenceLLM, way: str, prompts: list[str], **more: Any) -> list[Any]:
    """What a batch comes to."""
    outcome = getattr(llm, way)(prompts, **more)
    return asyncio.run(outcome) if way.startswith("a") else outcome


@pytest.fixture
def llm(server: Any) -> AzureInferenceLLM:
    """A text model on the scripted server."""
    return AzureInferenceLLM(endpoint=server.url, credential="key", model="m")


@ways
def test_prompts_of_a_batch_are_asked_at_once(server: Any, llm: AzureInferenceLLM, way: str) -> None:
    """The prompts of a batch do not wait for each other."""
    headers = Together(4)
    server.by_body = lambda body: completed(body, headers)

    assert asked(llm, way, ["a", "b", "c", "d"], config={"max_concurrency": 4}) == ["A", "B", "C", "D"]


@ways
def test_no_more_than_asked_for(server: Any, llm: AzureInferenceLLM, way: str) -> None:
    """`max_concurrency` is the most requests of a batch under way at once."""
    headers = Crowd()
    server.by_body = lambda body: completed(body, headers)

    assert asked(llm, way, ["a"] * 9, config={"max_concurrency": 2}) == ["A"] * 9
    assert 1 <= headers.most <= 2


@ways
def test_each_prompt_has_its_own_outcome(server: Any, llm: AzureInferenceLLM, way: str) -> None:
    """A prompt that is refused is an exception in its place, and the others are answered."""
    server.by_body = lambda body: completed(body, {})

    first, error, last = asked(llm, way, ["a", "bad", "c"], return_exceptions=True)
    assert (first, last) == ("A", "C")
    assert isinstance(error, BadRequestError)
    with pytest.raises(BadRequestError):
        asked(llm, way, ["a", "bad"])


def test_prompts_of_agenerate(server: Any, llm: AzureInferenceLLM) -> None:
    """The prompts of `agenerate` are asked several at once, in order, but not all; one that fails is the end."""
    headers = Crowd()
    server.by_body = lambda body: completed(body, headers)
    result = asyncio.run(llm.agenerate([str(number) for number in range(40)]))

    assert [generations[0].text for generations in result.generations] == [str(number) for number in range(40)]
    assert result.llm_output == {"token_usage": {key: 40 * n for key, n in TOKENS.items()}, "model_name": "m"}
    assert headers.most <= 8
    sent = len(server.requests)
    with pytest.raises(BadRequestError):
        asyncio.run(llm.agenerate(["bad"] + ["a"] * 100))
    assert len(server.requests) - sent < 100


class Ends(BaseCallbackHandler):
    """What callbacks are told at the end."""

    def __init__(self) -> None:
        self.results: list[Any] = []

    def on_llm_end(self, response: Any, **_: Any) -> None:
        self.results.append(response)


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_what_a_stream_tells(server: Any, llm: AzureInferenceLLM, way: str) -> None:
    """Usage, model, log probabilities and the reason of the end of a stream are told to callbacks, as of an answer."""
    head = {"id": "1", "model": "m"}
    server.reply_events(
        {**head, "choices": [{"index": 0, "text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": [-0.5]}}]},
        {**head, "choices": [{"index": 0, "text": "b", "logprobs": {"tokens": ["b"], "token_logprobs": [-0.25]}}]},
        {**head, "choices": [{"index": 0, "text": "", "finish_reason": "stop"}]},
        {**head, "choices": [], "usage": USAGE},
    )
    ends = Ends()
    config: Any = {"callbacks": [ends]}

    async def pieces() -> list[str]:
        return [piece async for piece in llm.astream("x", config)]

    assert "".join(asyncio.run(pieces()) if way == "astream" else llm.stream("x", config)) == "ab"
    info = ends.results[0].generations[0][0].generation_info
    assert info.pop("token_usage").items() >= TOKENS.items()
    assert info == {
        "finish_reason": "stop",
        "logprobs": {"tokens": ["a", "b"], "token_logprobs": [-0.5, -0.25]},
        "model_name": "m",
    }
