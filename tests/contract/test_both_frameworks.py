"""Answers and failures in the shapes of many services: the same bytes mean the same by way of every entry point."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel

from azure_inference import (
    APITimeoutError,
    ConfigurationError,
    ContentFilterError,
    InferenceError,
    ParameterNotSupportedError,
    RateLimitError,
    StreamInterruptedError,
)
from langchain_azure_inference import ChatAzureInference
from llamaindex_azure_inference import AzureInference
from tests.core.conftest import Reply, ScriptedServer, sse

from .asks import Ask, Heard, Place, Route
from .entries import ENTRIES, Entry

QUESTION = "What is the weather in Paris?"
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
TOKENS = (7, 5, 12)
MESSAGES = ({"role": "user", "content": QUESTION},)


WEATHER = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
TWO_CALLS = {
    "tool_calls": [
        {"id": "1", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}},
        {"id": "2", "function": {"name": "get_weather", "arguments": {"city": "Rome"}}},
    ]
}
HEARD_TWO = Heard(
    calls=[("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})], usage=TOKENS, finish="tool_calls"
)
ANSWERS: dict[str, tuple[dict[str, Any], list[dict[str, Any]], Heard]] = {
    "text": (
        {"content": "It rains."},
        [{"role": "assistant", "content": ""}, {"content": "It "}, {"content": "rains."}],
        Heard("It rains.", usage=TOKENS, finish="stop"),
    ),
    "reasoning in its own field": (
        {"content": "Rain.", "reasoning_content": "Clouds."},
        [{"reasoning_content": "Clo"}, {"reasoning_content": "uds."}, {"content": "Rain."}],
        Heard("Rain.", "Clouds.", usage=TOKENS, finish="stop"),
    ),
    "reasoning between tags": (
        {"content": "<think>Clouds.</think>\n\nRain."},
        [{"content": "<thi"}, {"content": "nk>Clouds.</th"}, {"content": "ink>\n"}, {"content": "\nRain."}],
        Heard("Rain.", "Clouds.", usage=TOKENS, finish="stop"),
    ),
    "no reasoning between tags": (
        {"content": "<think></think>\n\nRain."},
        [{"content": "<think></"}, {"content": "think>\n"}, {"content": "\nRain."}],
        Heard("Rain.", usage=TOKENS, finish="stop"),
    ),
    "tags that the text speaks of": (
        {"content": "`<think>.*?</think>` is it."},
        [{"content": "`<think>.*?</"}, {"content": "think>` is it."}],
        Heard("`<think>.*?</think>` is it.", usage=TOKENS, finish="stop"),
    ),
    "a tool call": (
        {"content": None, "tool_calls": [{"id": "1", "type": "function", "function": WEATHER}]},
        [
            {"tool_calls": [{"index": 0, "id": "1", "function": {"name": "get_weather", "arguments": ""}}]},
            {"tool_calls": [{"index": 0, "id": None, "function": {"name": None, "arguments": '{"city": '}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]},
        ],
        Heard(calls=[("get_weather", {"city": "Paris"})], usage=TOKENS, finish="tool_calls"),
    ),
    "two calls of one index, in pieces": (
        TWO_CALLS,
        [
            {"tool_calls": [{"index": 0, "id": "1", "function": {"name": "get_weather", "arguments": ""}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": "Paris"}'}}]},
            {"tool_calls": [{"index": 0, "id": "2", "function": {"name": "get_weather", "arguments": '{"city'}}]},
            {"tool_calls": [{"index": 0, "id": None, "function": {"name": "", "arguments": '": "Rome"}'}}]},
        ],
        HEARD_TWO,
    ),
    "a tool call that is named in every piece": (
        {"content": None, "tool_calls": [{"id": "1", "type": "function", "function": WEATHER}]},
        [
            {"tool_calls": [{"index": 0, "id": "1", "function": {"name": "get_weather", "arguments": text}}]}
            for text in ("", '{"city": ', '"Paris"}')
        ],
        Heard(calls=[("get_weather", {"city": "Paris"})], usage=TOKENS, finish="tool_calls"),
    ),
    "two calls without an index, arguments as an object": (
        TWO_CALLS,
        [
            {"tool_calls": [{"id": "1", "function": WEATHER}]},
            {"tool_calls": [{"id": "2", "function": {**WEATHER, "arguments": '{"city": "Rome"}'}}]},
        ],
        HEARD_TWO,
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


entries = pytest.mark.parametrize("entry", ENTRIES, ids=str)
ways = pytest.mark.parametrize("route", ["chat", "stream"])


def _heard(server: ScriptedServer, entry: Entry, route: Route, retries: int = 0) -> Heard:
    place = Place(server.url, "key", {"chat": "m"}, retries=retries)
    return entry.hear(Ask(route, messages=MESSAGES), place)


@entries
@ways
@pytest.mark.parametrize("case", ANSWERS)
def test_the_same_answer_is_heard(server: ScriptedServer, case: str, entry: Entry, route: Route) -> None:
    """Text, reasoning, tool calls, tokens and the reason of the end are the same by way of every entry point."""
    message, deltas, expected = ANSWERS[case]
    head = {"id": "1", "model": "m", "created": 1}
    if route == "stream":
        chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
        end = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": expected.finish}], "usage": USAGE}
        server.reply_events(*chunks, end)
    else:
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": expected.finish}
        server.reply_json({**head, "choices": [choice], "usage": USAGE})

    heard = _heard(server, entry, route)
    assert replace(heard, pieces=0) == replace(expected, model="m")


@entries
@ways
@pytest.mark.parametrize("case", FAILURES)
def test_the_same_failure_is_told(server: ScriptedServer, case: str, entry: Entry, route: Route) -> None:
    """A refusal is the same class of ours by way of every entry point."""
    status, body, kind = FAILURES[case]
    server.reply_json(body, status)

    error: Any = _heard(server, entry, route).error
    assert isinstance(error, kind)
    assert error.status_code == status


@entries
@ways
@pytest.mark.parametrize(
    ("path", "is_told"), [("/models", False), ("/openai/v1", True), ("/openai/deployments/m", True)]
)
@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_who_speaks(server: ScriptedServer, entry: Entry, route: Route, path: str, role: str, *, is_told: bool) -> None:
    """OpenAI's routes are told who said a message, by way of every entry point; the Model Inference API cannot be."""
    server.reply(Reply(status=400))
    told = ({"role": role, "content": "Hello.", "name": "Ann"}, {"role": role, "content": "Hello."}, *MESSAGES)

    entry.hear(Ask(route, messages=told), Place(server.root + path, "key", {"chat": "m"}))

    sent = server.requests[0].json["messages"]
    assert [message.get("name") for message in sent] == ["Ann" if is_told else None, None, None]
    assert [message["content"] for message in sent] == ["Hello.", "Hello.", QUESTION]


@entries
@pytest.mark.parametrize("case", ["a whole answer", "a whole answer to a stream", "the first event"])
def test_a_refusal_under_200(server: ScriptedServer, entry: Entry, case: str) -> None:
    """A refusal that has no status but a code is what the code says, and is not asked for again."""
    refusal = {"error": {"code": "content_filter", "message": "Filtered."}}
    if case == "the first event":
        server.reply_events(refusal)
    else:
        server.reply_json(refusal)

    error: Any = _heard(server, entry, "chat" if case == "a whole answer" else "stream", retries=1).error
    assert isinstance(error, ContentFilterError)
    assert error.status_code == 400
    assert len(server.requests) == 1


@entries
@pytest.mark.parametrize("late", ["", '"Paris"}'])
def test_a_reason_that_comes_too_early(server: ScriptedServer, entry: Entry, late: str) -> None:
    """A piece of a tool call after the reason of the end belongs to the call, by way of every entry point."""
    begun = {"name": "get_weather", "arguments": WEATHER["arguments"].removesuffix(late)}
    server.reply_events(
        {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "1", "function": begun}]}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": late}}]}}]},
    )

    assert _heard(server, entry, "stream").calls == [("get_weather", {"city": "Paris"})]


def _ask_twice(framework: str, is_async: bool, streams: bool, url: str) -> None:
    """Asks for tool calls, and again with a result of each of them."""
    if framework == "langchain":
        model = ChatAzureInference(endpoint=url, credential="key", model="m", streaming=streams)
        ask = (lambda messages: asyncio.run(model.ainvoke(messages))) if is_async else model.invoke
        said = ask([HumanMessage(QUESTION)])
        ask(
            [HumanMessage(QUESTION), said, *(ToolMessage("Rain.", tool_call_id=call["id"]) for call in said.tool_calls)]
        )
        return
    llm = AzureInference(endpoint=url, credential="key", model="m")
    asked = ChatMessage(role="user", content=QUESTION)
    answer = _llamaindex_answer(llm, [asked], is_async=is_async, streams=streams)
    ids = [call.tool_id for call in llm.get_tool_calls_from_response(answer)]
    results = [ChatMessage(role="tool", content="Rain.", additional_kwargs={"tool_call_id": id_}) for id_ in ids]
    llm.chat([asked, answer.message, *results])


def _llamaindex_answer(llm: AzureInference, messages: list[ChatMessage], *, is_async: bool, streams: bool) -> Any:
    """The answer, or the last response of a stream."""

    async def ask() -> Any:
        return [one async for one in await llm.astream_chat(messages)][-1] if streams else await llm.achat(messages)

    if is_async:
        return asyncio.run(ask())
    return list(llm.stream_chat(messages))[-1] if streams else llm.chat(messages)


@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("missing", [{}, {"id": None}, {"id": ""}], ids=str)
def test_calls_without_an_id(
    server: ScriptedServer, framework: str, is_async: bool, streams: bool, missing: dict[str, Any]
) -> None:
    """Calls that came without an id can be answered, each by its own."""
    calls = [{"index": index, "type": "function", "function": WEATHER, **missing} for index in (0, 1)]
    if streams:
        begun = [{**call, "function": {**WEATHER, "arguments": ""}} for call in calls]
        goes_on = [{"index": i, "function": {"arguments": WEATHER["arguments"]}, **missing} for i in (1, 0)]
        deltas = [{"tool_calls": begun[:1]}, {"tool_calls": begun[1:]}, *({"tool_calls": [one]} for one in goes_on)]
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
        server.reply_events(*({"choices": [{"index": 0, "delta": delta}]} for delta in deltas), end)
    else:
        server.reply_json({"choices": [{"message": {"tool_calls": calls}, "finish_reason": "tool_calls"}]})
    server.reply_json({"choices": [{"message": {"content": "It rains."}, "finish_reason": "stop"}]})
    _ask_twice(framework, is_async, streams, server.url)

    _, said, *results = server.requests[-1].json["messages"]
    ids = [call["id"] for call in said["tool_calls"]]
    assert len({id_ for id_ in ids if id_}) == 2
    assert [result["tool_call_id"] for result in results] == ids


@pytest.mark.parametrize("named", ["sky", ""], ids=["name", "empty"])
@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
def test_a_history_without_ids(server: ScriptedServer, framework: str, named: str) -> None:
    """Calls that other models made without ids, as Ollama's, go out with ids, and so do the results that follow."""
    server.reply_json({"choices": [{"message": {"content": "It rains."}, "finish_reason": "stop"}]})
    if framework == "langchain":
        calls: list[Any] = [{"name": name, "args": {}, "id": None} for name in ("sky", "sky")]
        given = [AIMessage("", tool_calls=calls), *(ToolMessage(text, tool_call_id=named) for text in ("sun", "rain"))]
        ChatAzureInference(endpoint=server.url, credential="key", model="m").invoke(given)
    else:
        blocks = [ToolCallBlock(tool_name="sky"), ToolCallBlock(tool_name="sky")]
        kwargs = {"tool_call_id": named}
        results = [ChatMessage(role="tool", content=text, additional_kwargs=kwargs) for text in ("sun", "rain")]
        history = [ChatMessage(role="assistant", blocks=blocks), *results]
        AzureInference(endpoint=server.url, credential="key", model="m").chat(history)

    said, *sent = server.requests[-1].json["messages"]
    ids = [call["id"] for call in said["tool_calls"]]
    assert len(set(ids)) == 2
    assert [(one["tool_call_id"], one["content"]) for one in sent] == list(zip(ids, ["sun", "rain"], strict=True))


@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
def test_a_result_of_no_call(server: ScriptedServer, framework: str) -> None:
    """A result that names no call, where every call has an id, is refused before it is sent."""
    if framework == "langchain":
        calls: list[Any] = [{"name": "sky", "args": {}, "id": "c1"}]
        given: list[Any] = [AIMessage("", tool_calls=calls), ToolMessage("sun", tool_call_id="")]
        ask: Any = ChatAzureInference(endpoint=server.url, credential="key", model="m").invoke
    else:
        said = ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_name="sky", tool_call_id="c1")])
        given = [said, ChatMessage(role="tool", content="sun", additional_kwargs={"tool_call_id": ""})]
        ask = AzureInference(endpoint=server.url, credential="key", model="m").chat

    with pytest.raises(ConfigurationError, match=r"messages\.1 is the result of a tool, and has no tool_call_id"):
        ask(given)
    assert not server.requests


class Person(BaseModel):
    """Who is spoken of."""

    name: str
    age: int = 0


DRAFTED = 'I think {"name": "the draft of a name", "age": 1}, no.</think>\n\n{"name": "Ada"}'


@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
def test_an_object_behind_reasoning_that_was_not_opened(server: ScriptedServer, framework: str) -> None:
    """In a stream, too, the object at the end is what was said, not what was thought of, however long."""
    server.reply_events(
        *({"choices": [{"index": 0, "delta": {"content": DRAFTED[at : at + 5]}}]} for at in range(0, len(DRAFTED), 5)),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    )
    if framework == "langchain":
        chat = ChatAzureInference(endpoint=server.url, credential="key", model="m")
        objects: list[Any] = [*chat.with_structured_output(Person, method="json_schema").stream("Who?")]
    else:
        llm = AzureInference(endpoint=server.url, credential="key", model="gpt-4o")
        objects = [*llm.stream_structured_predict(Person, PromptTemplate("Who?"))]

    assert objects[-1] == Person(name="Ada")


@entries
def test_a_cut_stream_is_no_answer(server: ScriptedServer, entry: Entry) -> None:
    """A stream that ends too early is an error with what had arrived, by way of every entry point."""
    server.reply(Reply(pieces=[sse({"choices": [{"index": 0, "delta": {"content": "It ra"}}]})]))

    error = _heard(server, entry, "stream").error
    assert isinstance(error, StreamInterruptedError)
    assert error.partial.choices[0].message.text == "It ra"


@entries
@ways
def test_a_credential_that_hangs(server: ScriptedServer, entry: Entry, route: Route) -> None:
    """A call that had no token in its time says that it was the credential, by way of every entry point."""
    is_over = threading.Event()

    def give() -> str:
        is_over.wait(20)
        return "token"

    try:
        ask = Ask(route, messages=MESSAGES, arguments={"credential": give, "timeout": 0.1})
        error: Any = entry.hear(ask, Place(server.url, "", {"chat": "m"})).error
        assert isinstance(error, APITimeoutError)
        assert (error.phase, server.connections) == ("credential", 0)
    finally:
        is_over.set()


def _asker(framework: str, url: str) -> Callable[[], list[str]]:
    """Asks one model object, sync and async."""
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
    assert server.connections == used + in_the_child + 1  # the parent's sync one is still its own; a new loop's is new
