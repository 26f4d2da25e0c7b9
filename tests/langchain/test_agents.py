"""Agents of LangChain and LangGraph over the emulator."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware, ModelRetryMiddleware
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_azure_inference import ChatAzureInference

if TYPE_CHECKING:
    from types import SimpleNamespace


@tool
def weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"The weather in {city} is fine."


@tool
def population(city: str) -> str:
    """Tells how many people live in a city."""
    return f"{city} has two million people."


class Report(BaseModel):
    """A report on a city."""

    city: str
    weather: str


QUESTION = {"messages": [("user", "What is the weather in the city Paris?")]}


@pytest.fixture
def model(emulator: Any) -> ChatAzureInference:
    """A model over the emulator."""
    return ChatAzureInference(endpoint=emulator.url, credential="canary-5ecret", model="emulated-chat")


@pytest.mark.parametrize("way", ["sync", "async"])
def test_agent(model: ChatAzureInference, way: str) -> None:
    """An agent calls the tool with arguments from the question, and answers from its result."""
    agent = create_agent(model, [weather, population])

    state = agent.invoke(QUESTION) if way == "sync" else asyncio.run(agent.ainvoke(QUESTION))

    _, call, result, *_, answer = state["messages"]
    assert call.tool_calls[0]["name"] == "weather"
    assert "Paris" in call.tool_calls[0]["args"]["city"]
    assert isinstance(result, ToolMessage)
    assert "fine" in answer.content


def calls(*names: str) -> list[dict[str, Any]]:
    """Calls of tools, for Paris."""
    return [
        {"index": i, "id": f"c{i}", "type": "function", "function": {"name": name, "arguments": '{"city": "Paris"}'}}
        for i, name in enumerate(names)
    ]


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_parallel_tools(script: Any, wire: SimpleNamespace, way: str) -> None:
    """Several calls of one answer all run, and their results go back with their ids, in one turn."""
    two = {"content": None, "tool_calls": calls("weather", "population")}
    if way == "invoke":
        script.says(wire.body(two, "tool_calls"), wire.body({"content": "Fine, and big."}))
    else:
        script.says(wire.events(two, finish_reason="tool_calls"), wire.events({"content": "Fine, and big."}))
    agent = create_agent(ChatAzureInference(endpoint=script.url, credential="k", model="m"), [weather, population])

    if way == "invoke":
        agent.invoke(QUESTION)
    else:
        list(agent.stream(QUESTION, stream_mode="messages"))

    roles = [message["role"] for message in script.requests[1]["messages"]]
    assert roles == ["user", "assistant", "tool", "tool"]
    assert [message["tool_call_id"] for message in script.requests[1]["messages"][2:]] == ["c0", "c1"]


def test_streaming_modes(model: ChatAzureInference) -> None:
    """Streamed by messages, updates or values, an agent does the same; messages come token by token, each once."""
    agent = create_agent(model, [weather])
    (*_, answer) = agent.invoke(QUESTION)["messages"]

    values = list(agent.stream(QUESTION, stream_mode="values"))
    updates = list(agent.stream(QUESTION, stream_mode="updates"))
    pieces = [piece for piece, _ in agent.stream(QUESTION, stream_mode="messages")]

    assert values[-1]["messages"][-1].content == answer.content
    assert [list(update) for update in updates] == [["model"], ["tools"], ["model"]]
    spoken = [piece for piece in pieces if isinstance(piece, AIMessageChunk)]
    assert len(spoken) > 4
    assert "".join(piece.text for piece in spoken) == answer.content


STRATEGIES = {"tool": ToolStrategy(Report), "provider": ProviderStrategy(Report), "by profile": Report}


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
@pytest.mark.parametrize("tools", [[], [weather]], ids=["no tools", "tools"])
def test_structured_agent(model: ChatAzureInference, sent: Any, strategy: Any, tools: Any) -> None:
    """An agent ends with an object, by tool or by the service's own JSON Schema; no empty list of tools goes out."""
    state = create_agent(model, tools, response_format=strategy).invoke(QUESTION)

    assert isinstance(state["structured_response"], Report)
    assert all(request["body"].get("tools", ["some"]) for request in sent())
    by_schema = ["response_format" in request["body"] for request in sent()]
    assert all(by_schema) if not isinstance(strategy, ToolStrategy) else not any(by_schema)


@pytest.mark.parametrize("strict", [None, True])
def test_a_strict_agent(script: Any, wire: SimpleNamespace, strict: bool | None) -> None:
    """The schema of a strategy that says it is strict goes out closed, as services want such a one."""
    script.says(wire.body({"content": '{"city": "Paris", "weather": "fine"}'}))
    model = ChatAzureInference(endpoint=script.url, credential="k", model="m")

    create_agent(model, [], response_format=ProviderStrategy(Report, strict=strict)).invoke(QUESTION)

    wanted = script.requests[0]["response_format"]["json_schema"]
    assert (wanted["name"], wanted.get("strict")) == ("Report", strict)
    assert wanted["schema"].get("additionalProperties") is (False if strict else None)


def test_broken_call_is_not_run(script: Any, wire: SimpleNamespace) -> None:
    """A call whose arguments were cut off is never run with arguments that were made up, streamed or not."""
    ran: list[str] = []

    @tool
    def delete(path: str) -> str:
        """Deletes a file."""
        ran.append(path)
        return "done"

    cut = [{"index": 0, "id": "c", "type": "function", "function": {"name": "delete", "arguments": '{"path": "/'}}]
    agent = create_agent(ChatAzureInference(endpoint=script.url, credential="k", model="m"), [delete])

    script.says(wire.body({"content": None, "tool_calls": cut}, "length"), wire.body({"content": "Sorry."}))
    whole = agent.invoke(QUESTION)["messages"]
    script.says(wire.events({"tool_calls": cut}, finish_reason="length"), wire.events({"content": "Sorry."}))
    streamed = [state for state in agent.stream(QUESTION, stream_mode=["messages", "values"]) if state[0] == "values"]

    assert ran == []
    for messages in (whole, streamed[-1][1]["messages"]):
        assert isinstance(messages[1], AIMessage)
        assert messages[1].tool_calls == []
        assert messages[1].invalid_tool_calls[0]["args"] == '{"path": "/'


def test_retry_and_fallback(script: Any, model: ChatAzureInference) -> None:
    """The middlewares for errors go by LangChain's classes: a refused request is not repeated, and a fallback helps."""
    script.says((422, {"content-type": "application/json"}, b'{"error": {"code": "Invalid input", "message": "no"}}'))
    refusing = ChatAzureInference(endpoint=script.url, credential="k", model="m", max_retries=0)
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0, jitter=False)

    with pytest.raises(ModelInvalidRequestError):
        create_agent(refusing, [weather], middleware=[retry]).invoke(QUESTION)
    assert len(script.requests) == 1
    state = create_agent(refusing, [weather], middleware=[ModelFallbackMiddleware(model)]).invoke(QUESTION)

    assert "fine" in state["messages"][-1].content


@pytest.mark.filterwarnings("ignore:create_react_agent has been moved")
def test_prebuilt_agent(model: ChatAzureInference) -> None:
    """LangGraph's own agent works, also with a model whose tools were bound before, and with an object as its end."""
    from langgraph.prebuilt import create_react_agent

    for brain in (model, model.bind_tools([weather])):
        assert "fine" in create_react_agent(brain, [weather]).invoke(QUESTION)["messages"][-1].content
    state = create_react_agent(model, [weather], response_format=Report).invoke(QUESTION)
    assert isinstance(state["structured_response"], Report)
