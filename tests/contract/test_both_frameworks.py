"""One table of answers and failures for both frameworks: the same bytes of a service mean the same in each."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from azure_inference import (
    Connection,
    ContentFilterError,
    InferenceError,
    ParameterNotSupportedError,
    RateLimitError,
    StreamInterruptedError,
    parse_arguments,
)
from langchain_azure_inference import AzureInferenceEmbeddings, ChatAzureInference
from llamaindex_azure_inference import AzureInference, AzureInferenceEmbedding
from tests.core.conftest import Reply, ScriptedServer, sse

QUESTION = "What is the weather in Paris?"
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


@dataclass
class Heard:
    """What a framework made of an answer."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    tokens: int | None = None
    finish_reason: str | None = None


def from_langchain(message: Any) -> Heard:
    """A LangChain message, as any user of the framework reads it."""
    blocks = message.content_blocks
    return Heard(
        text=message.text,
        reasoning="".join(block["reasoning"] for block in blocks if block["type"] == "reasoning"),
        calls=[(call["name"], call["args"]) for call in message.tool_calls],
        tokens=message.usage_metadata and message.usage_metadata["total_tokens"],
        finish_reason=message.response_metadata.get("finish_reason"),
    )


def from_llamaindex(response: Any) -> Heard:
    """A LlamaIndex response, as any user of the framework reads it."""
    blocks = response.message.blocks
    return Heard(
        text="".join(block.text for block in blocks if block.block_type == "text"),
        reasoning="".join(block.content or "" for block in blocks if block.block_type == "thinking"),
        calls=[(b.tool_name, _arguments(b.tool_kwargs)) for b in blocks if b.block_type == "tool_call"],
        tokens=response.additional_kwargs.get("total_tokens"),
        finish_reason=response.additional_kwargs.get("finish_reason"),
    )


def _arguments(value: Any) -> Any:
    return parse_arguments(value) if isinstance(value, str) else value


def langchain(url: str, *, is_async: bool, is_stream: bool) -> Heard:
    """The question by way of LangChain."""
    model = ChatAzureInference(endpoint=url, credential="key", model="m", max_retries=0)

    async def asked() -> Any:
        if not is_stream:
            return await model.ainvoke(QUESTION)
        return _sum([chunk async for chunk in model.astream(QUESTION)])

    if is_async:
        return from_langchain(asyncio.run(asked()))
    return from_langchain(_sum(list(model.stream(QUESTION))) if is_stream else model.invoke(QUESTION))


def _sum(chunks: list[Any]) -> Any:
    return sum(chunks[1:], chunks[0])


def llamaindex(url: str, *, is_async: bool, is_stream: bool) -> Heard:
    """The question by way of LlamaIndex."""
    from llama_index.core.llms import ChatMessage

    llm = AzureInference(endpoint=url, credential="key", model="m", max_retries=0)
    messages = [ChatMessage(role="user", content=QUESTION)]

    async def asked() -> Any:
        if not is_stream:
            return await llm.achat(messages)
        return [response async for response in await llm.astream_chat(messages)][-1]

    if is_async:
        return from_llamaindex(asyncio.run(asked()))
    return from_llamaindex(list(llm.stream_chat(messages))[-1] if is_stream else llm.chat(messages))


WEATHER = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
ANSWERS: dict[str, tuple[dict[str, Any], list[dict[str, Any]], Heard]] = {
    "text": (
        {"content": "It rains."},
        [{"role": "assistant", "content": ""}, {"content": "It "}, {"content": "rains."}],
        Heard("It rains.", tokens=12, finish_reason="stop"),
    ),
    "reasoning in its own field": (
        {"content": "Rain.", "reasoning_content": "Clouds."},
        [{"reasoning_content": "Clo"}, {"reasoning_content": "uds."}, {"content": "Rain."}],
        Heard("Rain.", "Clouds.", tokens=12, finish_reason="stop"),
    ),
    "reasoning between tags": (
        {"content": "<think>Clouds.</think>\n\nRain."},
        [{"content": "<thi"}, {"content": "nk>Clouds.</th"}, {"content": "ink>\n"}, {"content": "\nRain."}],
        Heard("Rain.", "Clouds.", tokens=12, finish_reason="stop"),
    ),
    "a tool call": (
        {"content": None, "tool_calls": [{"id": "1", "type": "function", "function": WEATHER}]},
        [
            {"tool_calls": [{"index": 0, "id": "1", "function": {"name": "get_weather", "arguments": ""}}]},
            {"tool_calls": [{"index": 0, "id": None, "function": {"name": None, "arguments": '{"city": '}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]},
        ],
        Heard(calls=[("get_weather", {"city": "Paris"})], tokens=12, finish_reason="tool_calls"),
    ),
    "two calls without an index, arguments as an object": (
        {
            "tool_calls": [
                {"id": "1", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}},
                {"id": "2", "function": {"name": "get_weather", "arguments": {"city": "Rome"}}},
            ]
        },
        [
            {"tool_calls": [{"id": "1", "function": WEATHER}]},
            {"tool_calls": [{"id": "2", "function": {**WEATHER, "arguments": '{"city": "Rome"}'}}]},
        ],
        Heard(
            calls=[("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})],
            tokens=12,
            finish_reason="tool_calls",
        ),
    ),
}
FAILURES: dict[str, tuple[int, dict[str, Any], type[InferenceError]]] = {
    "parameter": (
        422,
        {"code": "parameter_not_supported", "detail": {"loc": ["body", "seed"], "input": 1}, "message": "No."},
        ParameterNotSupportedError,
    ),
    "filter": (400, {"error": {"code": "content_filter", "message": "Filtered."}}, ContentFilterError),
    "rate": (429, {"error": {"code": "429", "message": "Slower."}}, RateLimitError),
}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that says what the test tells it to."""
    with ScriptedServer() as server:
        yield server


frameworks = pytest.mark.parametrize("ask", [langchain, llamaindex], ids=lambda ask: ask.__name__)
modes = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
ways = pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
Ask = Callable[..., Heard]


@frameworks
@modes
@ways
@pytest.mark.parametrize("case", ANSWERS)
def test_the_same_answer_is_heard(server: Any, case: str, ask: Ask, is_async: bool, is_stream: bool) -> None:
    """Text, reasoning, tool calls, tokens and the reason of the end are the same in both frameworks, in every way."""
    message, deltas, heard = ANSWERS[case]
    head = {"id": "1", "model": "m", "created": 1}
    if is_stream:
        chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        end = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": heard.finish_reason}], "usage": USAGE}
        server.reply_events(*chunks, end)
    else:
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": heard.finish_reason}
        server.reply_json({**head, "choices": [choice], "usage": USAGE})

    assert ask(server.url, is_async=is_async, is_stream=is_stream) == heard


@frameworks
@modes
@ways
@pytest.mark.parametrize("case", FAILURES)
def test_the_same_failure_is_told(server: Any, case: str, ask: Ask, is_async: bool, is_stream: bool) -> None:
    """A refusal is the same class of ours in both frameworks, in every way."""
    status, body, kind = FAILURES[case]
    server.reply_json(body, status)

    with pytest.raises(kind) as caught:
        ask(server.url, is_async=is_async, is_stream=is_stream)
    assert caught.value.status_code == status


@frameworks
@modes
def test_a_cut_stream_is_no_answer(server: Any, ask: Ask, is_async: bool) -> None:
    """A stream that ends too early is an error with what had arrived, in both frameworks."""
    server.reply(Reply(pieces=[sse({"choices": [{"index": 0, "delta": {"content": "It ra"}}]})]))

    with pytest.raises(StreamInterruptedError) as caught:
        ask(server.url, is_async=is_async, is_stream=True)
    assert caught.value.partial.choices[0].message.text == "It ra"


def _asker(framework: str, url: str) -> Callable[[], list[str]]:
    """Asks one model object, in plain and in async code."""
    if framework == "langchain":
        model = ChatAzureInference(endpoint=url, credential="key", model="m")
        return lambda: [model.invoke(QUESTION).text, asyncio.run(model.ainvoke(QUESTION)).text]
    llm = AzureInference(endpoint=url, credential="key", model="m")
    return lambda: [llm.complete(QUESTION).text, asyncio.run(llm.acomplete(QUESTION)).text]


@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # newer Pythons warn of any fork beside a thread
def test_a_fork_after_use(server: Any, framework: str) -> None:
    """A model that was used before a fork answers in both processes, over connections of their own."""
    server.reply_json({"choices": [{"index": 0, "message": {"content": "It rains."}, "finish_reason": "stop"}]})
    ask = _asker(framework, server.url)
    before = ask()
    used = server.connections
    context = multiprocessing.get_context("fork")
    outcomes = context.Queue()
    child = context.Process(target=lambda: outcomes.put(ask()))
    child.start()
    texts = outcomes.get(timeout=30)
    child.join(30)

    in_the_child = server.connections - used
    assert texts == before == ask() == ["It rains.", "It rains."]
    assert in_the_child == 2  # one for each kind of code: none is shared with the parent
    assert server.connections == used + in_the_child + 1  # the parent's plain one is still its own; a new loop's is new


@pytest.mark.parametrize(
    ("url", "wanted", "sent"),
    [
        ("https://name.services.ai.azure.com/openai/v1", None, "base64"),
        ("https://name.openai.azure.com/openai/deployments/embed", None, "base64"),
        ("https://name.services.ai.azure.com/openai/v1", "float", "float"),
        ("https://name.services.ai.azure.com/models", None, None),
        ("https://gateway.example/v1", None, None),
    ],
)
def test_base64_where_it_is_known_to_be_taken(url: str, wanted: str | None, sent: str | None) -> None:
    """Vectors are asked for in base64 on the OpenAI routes of Azure resources, unless the user says otherwise."""
    assert Connection(url, "key").encoding_format(wanted) == sent


@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
def test_embeddings_say_how_they_travel(server: Any, framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both embedding classes send the format that the connection decides on, and give floats back."""
    monkeypatch.setattr(Connection, "encoding_format", lambda self, wanted: "base64")
    server.reply_json({"data": [{"index": 0, "embedding": "AACAPwAAAEA="}]})
    given = {"endpoint": server.url, "credential": "key"}
    if framework == "langchain":
        vector = AzureInferenceEmbeddings(**given, model="m").embed_query("hello")
    else:
        vector = AzureInferenceEmbedding(**given, model_name="m").get_query_embedding("hello")

    assert json.loads(server.requests[0].body)["encoding_format"] == "base64"
    assert vector == [1.0, 2.0]
