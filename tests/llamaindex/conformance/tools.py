"""Tool calls: asked for, answered whole and in pieces, right and wrong."""

from __future__ import annotations

from typing import Any

import pytest

from .base import STREAMED, TOOLS, WHOLE, ModelUnderTest, ask, user
from .scripted import Says, ScriptedServer, call

WITH_TOOLS = [f"{method}_with_tools" for method in (*WHOLE, *STREAMED)]
STREAMED_TOOLS = WITH_TOOLS[2:]
TWO = [call("multiply", {"a": 6, "b": 7}, "call-1"), call("weather", {"city": "Rome"}, "call-2")]


def piece(call_id: str | None, name: str | None, arguments: str, **more: Any) -> dict[str, Any]:
    """A delta with one piece of a tool call."""
    return {"tool_calls": [{"id": call_id, "function": {"name": name, "arguments": arguments}, **more}]}


SHAPES = {
    "whole calls, no index, no type": [
        piece("call-1", "multiply", '{"a": 6, "b": 7}'),
        piece("call-2", "weather", '{"city": "Rome"}'),
    ],
    "interleaved": [
        piece("call-1", "multiply", "", index=0),
        piece("call-2", "weather", "", index=1),
        piece(None, None, '{"a": 6,', index=0),
        piece(None, None, '{"city": ', index=1),
        piece(None, None, ' "b": 7}', index=0),
        piece(None, None, '"Rome"}', index=1),
    ],
    "all calls in one chunk": [{"tool_calls": [{**TWO[0], "index": 0}, {**TWO[1], "index": 1}]}],
}


def selected(llm: Any, response: Any, **options: Any) -> list[tuple[str, dict[str, Any]]]:
    """Names and arguments of the calls that a model finds in a response."""
    return [(one.tool_name, one.tool_kwargs) for one in llm.get_tool_calls_from_response(response, **options)]


BOTH = [("multiply", {"a": 6, "b": 7}), ("weather", {"city": "Rome"})]


class ToolConformance(ModelUnderTest):
    """Tool calls."""

    @pytest.mark.parametrize("method", WITH_TOOLS)
    def test_tool_call(self, endpoint: str, method: str) -> None:
        """A model that is given tools calls one, and the call is found whole with its id."""
        llm = self.make_llm(endpoint)
        response = ask(llm, method, TOOLS, user_msg="What is the weather in Rome?")[-1]
        (found,) = llm.get_tool_calls_from_response(response)

        assert (found.tool_name, found.tool_kwargs) == ("weather", {"city": "Rome"})
        assert found.tool_id

    @pytest.mark.parametrize("method", WITH_TOOLS)
    def test_parallel_calls(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """Several calls arrive in order where they are allowed."""
        script.will(Says(calls=TWO))
        response = ask(llm, method, TOOLS, user_msg="Both!", allow_parallel_tool_calls=True)[-1]
        assert selected(llm, response) == BOTH

    @pytest.mark.parametrize("method", WITH_TOOLS)
    def test_single_call(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """Of several calls only the first arrives where they are not allowed."""
        script.will(Says(calls=TWO))
        response = ask(llm, method, TOOLS, user_msg="Both!")[-1]
        assert selected(llm, response) == BOTH[:1]

    @pytest.mark.parametrize("method", STREAMED_TOOLS)
    @pytest.mark.parametrize("shape", SHAPES)
    def test_shapes_of_streams(self, script: ScriptedServer, llm: Any, method: str, shape: str) -> None:
        """Calls are put together right from every shape that servers stream them in."""
        script.will(Says(deltas=SHAPES[shape], finish="tool_calls"))
        response = ask(llm, method, TOOLS, user_msg="Both!", allow_parallel_tool_calls=True)[-1]
        assert selected(llm, response) == BOTH

    @pytest.mark.parametrize("method", STREAMED_TOOLS)
    def test_each_chunk_can_be_asked(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """Asking each chunk for its calls never raises; the last has them all, and text beside calls is kept."""
        script.will(Says("One moment.", calls=TWO))
        responses = ask(llm, method, TOOLS, user_msg="Both!", allow_parallel_tool_calls=True)
        seen = [selected(llm, response, error_on_no_tool_call=False) for response in responses]

        assert seen[-1] == BOTH
        assert responses[-1].message.content == "One moment."

    @pytest.mark.parametrize("method", WITH_TOOLS)
    @pytest.mark.parametrize("arguments", ["", None, "{}", "null"])
    def test_no_arguments(self, script: ScriptedServer, llm: Any, method: str, arguments: str | None) -> None:
        """Arguments that are null or empty are no arguments."""
        script.will(Says(calls=[call("weather", arguments)]))
        assert selected(llm, ask(llm, method, TOOLS, user_msg="Weather?")[-1]) == [("weather", {})]

    @pytest.mark.parametrize("method", WITH_TOOLS)
    @pytest.mark.parametrize("arguments", ['{"city": "Ro', '{"city": "Rome", "when"', "[1]", '"Rome"'])
    def test_broken_arguments(self, script: ScriptedServer, llm: Any, method: str, arguments: str) -> None:
        """Arguments that are no JSON object crash no loop, and are neither mended nor taken for none."""
        script.will(Says(calls=[call("weather", arguments)]))
        response = ask(llm, method, TOOLS, user_msg="Weather?")[-1]

        assert "weather" not in dict(selected(llm, response, error_on_no_tool_call=False))
        with pytest.raises(ValueError, match="weather"):
            llm.get_tool_calls_from_response(response)

    def test_no_call(self, llm: Any) -> None:
        """A response without calls raises or gives none, as asked."""
        response = llm.chat(user("Well?"))
        assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []
        with pytest.raises(ValueError, match=r"(?i)tool"):
            llm.get_tool_calls_from_response(response)

    @pytest.mark.parametrize(
        ("asked", "sent"),
        [
            ({}, (None, "auto")),
            ({"tool_required": True}, ("required",)),
            ({"tool_choice": "auto"}, (None, "auto")),
            ({"tool_choice": "none"}, ("none",)),
            ({"tool_choice": "required"}, ("required",)),
            ({"tool_choice": "weather"}, ({"type": "function", "function": {"name": "weather"}},)),
        ],
        ids=str,
    )
    def test_tool_choice(self, script: ScriptedServer, llm: Any, asked: dict[str, Any], sent: tuple[Any, ...]) -> None:
        """What is asked of tools is said in the words of the API."""
        script.will(Says(calls=TWO[:1]))
        llm.chat_with_tools(TOOLS, user_msg="Weather?", **asked)
        assert script.bodies[-1].get("tool_choice") in sent

    def test_tools_on_the_wire(self, script: ScriptedServer, llm: Any) -> None:
        """Tools go out with name, description and the schema of their arguments; no tools are not sent at all."""
        llm.chat_with_tools(TOOLS, user_msg="Weather?")
        (_, sent) = script.bodies[-1]["tools"]
        assert sent["function"]["name"] == "weather"
        assert "Tell the weather" in sent["function"]["description"]
        assert sent["function"]["parameters"]["properties"]["city"]["type"] == "string"

        llm.chat_with_tools([], user_msg="Weather?")
        assert not script.bodies[-1].keys() & {"tools", "tool_choice"}

    @pytest.mark.parametrize("method", ["predict_and_call", "apredict_and_call"])
    def test_predict_and_call(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """The tool that the model calls is run."""
        script.will(Says(calls=TWO))
        assert str(ask(llm, method, TOOLS, "Weather?")[-1]) == "42"

    def test_history_is_left_alone(self, script: ScriptedServer, llm: Any) -> None:
        """The caller's list of messages is not changed."""
        history = user("Earlier.")
        llm.chat_with_tools(TOOLS, user_msg="Weather?", chat_history=history)
        assert history == user("Earlier.")
        assert [message["content"] for message in script.bodies[-1]["messages"]] == ["Earlier.", "Weather?"]
