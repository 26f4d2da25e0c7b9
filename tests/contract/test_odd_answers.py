"""Answers whose lesser parts are not of the form that they should have: what is said is told all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock

from azure_inference import ConfigurationError, ResponseValidationError
from langchain_azure_inference import ChatAzureInference
from llamaindex_azure_inference import AzureInference
from tests.core.conftest import ScriptedServer

ODD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "annotations that are no list": ({"annotations": 5}, {}),
    "annotations that are no objects": ({"annotations": [None, "x", {"url_citation": 5}]}, {}),
    "keys with names of Python's": ({"self": 1, "model_config": {}, "model_extra": 3}, {"self": 1}),
    "log probabilities without tokens": ({}, {"logprobs": {"content": [{"x": 1}, {"token": "a", "logprob": None}]}}),
    "log probabilities that are text": ({}, {"logprobs": {"content": "x"}}),
    "log probabilities in a list": ({}, {"logprobs": [1]}),
    "parts that are bare texts": ({"content": ["h", "i"]}, {}),
    "parts that are none": ({"content": [{"type": "image_url", "image_url": {"url": "x"}}, None, 5, "hi"]}, {}),
}


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(("message", "choice"), ODD.values(), ids=ODD)
def test_odd_parts(message: dict[str, Any], choice: dict[str, Any], *, is_async: bool, is_streamed: bool) -> None:
    """No part that is beside the point ends a call with an error of another library's."""
    said = {"content": "hi", **message}
    with ScriptedServer() as server:
        if is_streamed:
            server.reply_events({"choices": [{"index": 0, "delta": said, "finish_reason": "stop", **choice}]})
        else:
            server.reply_json({"choices": [{"index": 0, "message": said, "finish_reason": "stop", **choice}]})
        answer, response = _both(server, is_async=is_async, is_streamed=is_streamed)
    assert "hi" in str(answer.content_blocks)
    assert response.message.content == "hi"


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_choices_that_are_not_counted_from_0(*, is_async: bool, is_streamed: bool) -> None:
    """The only choice of an answer is the answer, whatever number a server gives it."""
    choices = [{"index": 1, "delta" if is_streamed else "message": {"content": text}} for text in ("h", "i")]
    with ScriptedServer() as server:
        if is_streamed:
            server.reply_events(*({"choices": [choice]} for choice in choices), {"choices": [_END]})
        else:
            server.reply_json({"choices": [{"index": 1, "message": {"content": "hi"}, "finish_reason": "stop"}]})
        answer, response = _both(server, is_async=is_async, is_streamed=is_streamed)
    assert (answer.content, answer.response_metadata["finish_reason"]) == ("hi", "stop")
    assert (response.message.content, response.additional_kwargs["finish_reason"]) == ("hi", "stop")


_END = {"index": 1, "delta": {}, "finish_reason": "stop"}


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("number", [{}, {"index": None}, {"index": 0}], ids=["no number", "null", "0"])
def test_answers_are_not_mixed(number: dict[str, Any], *, is_async: bool) -> None:
    """Of two choices that come by turns, one is told, even if a server does not number its first."""
    turns = [
        {"choices": [{**own, "delta": {"content": name + turn}}]} for turn in "12" for own, name in ((number, "a"), _B)
    ]
    ends = [{"choices": [{**own, "delta": {}, "finish_reason": "stop"}]} for own in (number, _B[0])]
    with ScriptedServer() as server:
        server.reply_events(*turns, *ends)
        answer, response = _both(server, is_async=is_async, is_streamed=True, n=2)
    assert answer.content == response.message.content == "a1a2"


_B = ({"index": 1}, "b")


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_pieces_of_a_choice_in_one_chunk(*, is_async: bool) -> None:
    """Each piece is told, and the end, where a server puts several of one choice into a chunk."""
    with ScriptedServer() as server:
        server.reply_events(
            {"choices": [{"index": 0, "delta": {"content": text}} for text in "ab"]},
            {"choices": [{"index": 0, "delta": {"content": "c"}}, {"index": 0, "delta": {}, "finish_reason": "stop"}]},
        )
        answer, response = _both(server, is_async=is_async, is_streamed=True)
    assert (answer.content, answer.response_metadata["finish_reason"]) == ("abc", "stop")
    assert (response.message.content, response.additional_kwargs["finish_reason"]) == ("abc", "stop")


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("parts", [('{"x": 1}',), ('{"x"', ": 1}"), ("", '{"x": 1}')], ids=["one", "two", "empty"])
def test_pieces_of_a_call_in_the_first_chunk(parts: tuple[str, ...], *, is_async: bool) -> None:
    """They are one call, wherever the chunk ends."""
    begin = {"index": 0, "id": "1", "function": {"name": "f", "arguments": ""}}
    pieces = [begin, *({"index": 0, "function": {"arguments": part}} for part in parts)]
    with ScriptedServer() as server:
        server.reply_events(
            {"choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": pieces}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        )
        answer, response = _both(server, is_async=is_async, is_streamed=True)
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("f", {"x": 1})]
    assert not answer.invalid_tool_calls
    (call,) = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    assert (call.tool_name, call.tool_kwargs) == ("f", {"x": 1})


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_what_a_model_wants_back_with_its_call(*, is_async: bool, is_streamed: bool) -> None:
    """The signature that Gemini gives with a call, and refuses the next turn without, goes back with that call."""
    signed = {"extra_content": {"google": {"thought_signature": "s"}}, "index": 0}
    calls = [{"id": id_, "function": {"name": "f", "arguments": "{}"}} for id_ in ("1", "2")]
    said = {"tool_calls": [{**calls[0], **signed}, {**calls[1], "index": 1}]}
    kind = "delta" if is_streamed else "message"
    answer = {"choices": [{"index": 0, kind: said, "finish_reason": "tool_calls"}]}
    with ScriptedServer() as server:
        server.reply_events(answer) if is_streamed else server.reply_json(answer)
        server.reply_json({"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]})
        chain = ChatAzureInference(endpoint=server.url, credential="k")
        turn = asyncio.run(_of_chain_async(chain, is_streamed)) if is_async else _of_chain(chain, is_streamed)
        chain.invoke([turn])
        server.replies.clear()
        server.reply_events(answer) if is_streamed else server.reply_json(answer)
        server.reply_json({"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]})
        llm = AzureInference(endpoint=server.url, credential="k", model="m")
        response = asyncio.run(_of_llm_async(llm, is_streamed)) if is_async else _of_llm(llm, is_streamed)
        llm.chat([response.message])

    for request in (server.requests[1], server.requests[3]):
        first, second = request.json["messages"][0]["tool_calls"]
        assert first["extra_content"] == signed["extra_content"]
        assert "extra_content" not in second
        assert "index" not in first


NAMELESS = [
    {"id": "1", "type": "function", "function": {"name": None, "arguments": "{}"}},
    {"id": "1", "type": "function", "function": None},
    {"id": "1", "type": "custom", "custom": {"name": "f", "input": "x"}},
]


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("call", NAMELESS, ids=["name", "null", "custom"])
def test_calls_of_no_function(call: dict[str, Any], *, is_async: bool, is_streamed: bool) -> None:
    """A tool call without a function is an error, and no call of a tool without a name; a stream tells the rest."""
    kind = "delta" if is_streamed else "message"
    answer = {"choices": [{"index": 0, kind: {"content": "hi", "tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    with ScriptedServer() as server:
        server.reply_events(answer) if is_streamed else server.reply_json(answer)
        chain = ChatAzureInference(endpoint=server.url, credential="k")
        llm = AzureInference(endpoint=server.url, credential="k", model="m")
        for ask, ask_async, model in ((_of_chain, _of_chain_async, chain), (_of_llm, _of_llm_async, llm)):
            with pytest.raises(ResponseValidationError, match="function") as caught:
                asyncio.run(ask_async(model, is_streamed)) if is_async else ask(model, is_streamed)
            partial = caught.value.partial
            assert (partial and partial.choices[0].message.text) == ("hi" if is_streamed else None)
            assert caught.value.attempts == 1
            assert (caught.value.url or "").startswith(server.url)


def _both(server: ScriptedServer, *, is_async: bool, is_streamed: bool, **parameters: Any) -> tuple[Any, Any]:
    """What both frameworks make of a server's answer: LangChain's message, and LlamaIndex's response."""
    chain = ChatAzureInference(endpoint=server.url, credential="k", model_kwargs=parameters)
    llm = AzureInference(endpoint=server.url, credential="k", model="m", model_kwargs=parameters)
    if is_async:
        return asyncio.run(_of_chain_async(chain, is_streamed)), asyncio.run(_of_llm_async(llm, is_streamed))
    return _of_chain(chain, is_streamed), _of_llm(llm, is_streamed)


def _of_chain(model: ChatAzureInference, is_streamed: bool) -> Any:
    return _sum(list(model.stream("x"))) if is_streamed else model.invoke("x")


async def _of_chain_async(model: ChatAzureInference, is_streamed: bool) -> Any:
    return _sum([chunk async for chunk in model.astream("x")]) if is_streamed else await model.ainvoke("x")


def _sum(chunks: list[Any]) -> Any:
    first, *others = chunks
    return first + others


def _of_llm(llm: AzureInference, is_streamed: bool) -> Any:
    question = [ChatMessage(content="x")]
    return list(llm.stream_chat(question))[-1] if is_streamed else llm.chat(question)


async def _of_llm_async(llm: AzureInference, is_streamed: bool) -> Any:
    question = [ChatMessage(content="x")]
    return [each async for each in await llm.astream_chat(question)][-1] if is_streamed else await llm.achat(question)


def test_arguments_that_json_cannot_say() -> None:
    """A tool call of a history whose arguments cannot be sent is refused by name."""
    arguments, said = {"a": object()}, r"tool_calls\.0\.function\.arguments=a dict cannot be sent"
    chain = ChatAzureInference(endpoint="http://127.0.0.1/models", credential="k")
    calling = AIMessage("", tool_calls=[{"name": "f", "args": arguments, "id": "1"}])
    with pytest.raises(ConfigurationError, match=said):
        chain.invoke([HumanMessage("x"), calling, ToolMessage("r", tool_call_id="1")])
    llm = AzureInference(endpoint="http://127.0.0.1/models", credential="k", model="m")
    block = ToolCallBlock(tool_call_id="1", tool_name="f", tool_kwargs=arguments)
    with pytest.raises(ConfigurationError, match=said):
        llm.chat([ChatMessage(role=MessageRole.ASSISTANT, blocks=[block])])
