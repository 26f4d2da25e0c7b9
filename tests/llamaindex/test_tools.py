"""Tool calls of the chat model: what is its own, beside what every chat model of LlamaIndex should do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.tools import FunctionTool

from azure_inference import ConfigurationError
from llamaindex_azure_inference import AzureInference, ToolCallError

from .conformance import Says, ScriptedServer, ask, call, user
from .conformance.base import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable

    LLMOf = Callable[..., AzureInference]

WITH_TOOLS = [f"{method}_with_tools" for method in ("chat", "achat", "stream_chat", "astream_chat")]
RENAMED = {"my.tool!": "my_tool_", "a" * 70: "a" * 70}
"""Names of tools, and what they are on the wire."""


def test_incomplete_arguments(script: ScriptedServer, llm: AzureInference) -> None:
    """While a stream is under way, a call shows the arguments so far, without numbers that may still grow."""
    script.will(Says(calls=[call("multiply", {"a": 12345678, "b": 2})]))
    responses = list(llm.stream_chat_with_tools(TOOLS, user_msg="Well?"))
    seen = [llm.get_tool_calls_from_response(one, error_on_no_tool_call=False) for one in responses]
    arguments = [calls[0].tool_kwargs for calls in seen if calls]
    assert [one for place, one in enumerate(arguments) if one not in arguments[:place]] == [
        {},
        {"a": 12345678},
        {"a": 12345678, "b": 2},
    ]


@pytest.mark.parametrize("method", ["stream_chat", "astream_chat"])
def test_no_reason_given(script: ScriptedServer, llm: AzureInference, method: str) -> None:
    """A stream that is done without saying why still has its calls whole in the end."""
    script.will(Says(calls=[call("weather", {"city": "Rome"})], choice={"finish_reason": None}))
    last = ask(llm, method, user("Rome?"))[-1]
    assert llm.get_tool_calls_from_response(last)[0].tool_kwargs == {"city": "Rome"}


def test_choice_of_a_renamed_tool(script: ScriptedServer, llm: AzureInference) -> None:
    """A tool whose name is not fit for the wire is chosen by its own name, and by that on the wire."""
    tool = FunctionTool.from_defaults(lambda: "x", name="my tool!", description="x")
    names = ("my tool!", "my_tool_")
    objects = [{"type": "function", "function": {"name": name}} for name in names]
    for name in (*names, *objects, {"type": "tool", "name": "my tool!"}):
        llm.chat_with_tools([tool], user_msg="Well?", tool_choice=name)
        assert script.bodies[-1]["tool_choice"] == {"type": "function", "function": {"name": "my_tool_"}}
        assert script.bodies[-1]["tools"][0]["function"]["name"] == "my_tool_"


@pytest.mark.parametrize("method", WITH_TOOLS)
@pytest.mark.parametrize("strict", [None, True])
@pytest.mark.parametrize("name", RENAMED)
def test_call_of_a_renamed_tool(
    script: ScriptedServer, llm_of: LLMOf, method: str, strict: bool | None, name: str
) -> None:
    """A tool whose name is not fit for the wire is called by its own name here, and goes back as it came."""
    sent = RENAMED[name]
    llm, tool = llm_of(strict=strict), FunctionTool.from_defaults(lambda city: city, name=name, description="x")
    script.will(Says(calls=[call(sent, {"city": "Rome"})]))
    responses = ask(llm, method, [tool], user_msg="Well?")
    assert script.bodies[-1]["tools"][0]["function"]["name"] == sent
    for response in responses:
        names = {one.tool_name for one in llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)}
        kept = {one["function"]["name"] for one in response.message.additional_kwargs.get("tool_calls", ())}
        assert names | kept <= {name}
    assert names == {name}

    answer = responses[-1].message
    noted = ChatMessage(role=answer.role, content="", additional_kwargs=answer.additional_kwargs)
    for message in (answer, noted):
        llm.chat([*user("Well?"), message])
        assert script.bodies[-1]["messages"][1]["tool_calls"][0]["function"]["name"] == sent


@pytest.mark.parametrize("method", ["predict_and_call", "apredict_and_call"])
def test_renamed_tool_is_run(script: ScriptedServer, llm: AzureInference, method: str) -> None:
    """A tool whose name is not fit for the wire is found and run."""
    script.will(Says(calls=[call("math_add", {"a": 1, "b": 2})]))
    tool = FunctionTool.from_defaults(lambda a, b: a + b, name="math.add", description="x")
    assert str(ask(llm, method, [tool], "1 + 2?")[-1]) == "3"


def test_names_that_are_one_on_the_wire(script: ScriptedServer, llm: AzureInference) -> None:
    """Tools that could not be told apart are refused."""
    tools = [FunctionTool.from_defaults(lambda: "x", name=name, description="x") for name in ("a.b", "a_b")]
    with pytest.raises(ConfigurationError, match=r"'a\.b' and 'a_b' would both be sent as 'a_b': rename one"):
        llm.chat_with_tools(tools, user_msg="Well?")
    assert script.bodies == []


@pytest.mark.parametrize(("text", "expected"), [('{"city": "Rome"}', {"city": "Rome"}), (" ", {})])
def test_arguments_as_text(llm: AzureInference, text: str, expected: dict[str, str]) -> None:
    """Arguments that another model's class keeps as text are read, if they are a JSON object."""
    blocks = [ToolCallBlock(tool_call_id="c", tool_name="weather", tool_kwargs=text)]
    response = ChatResponse(message=ChatMessage(role="assistant", blocks=blocks))
    for is_error in (True, False):
        (selected,) = llm.get_tool_calls_from_response(response, error_on_no_tool_call=is_error)
        assert (selected.tool_name, selected.tool_kwargs) == ("weather", expected)


def test_broken_arguments_stay(script: ScriptedServer, llm: AzureInference) -> None:
    """Broken arguments can be read as they came, and go back as they came."""
    script.will(Says(calls=[call("weather", '{"city": "Ro')]))
    answer = llm.chat(user("Rome?")).message
    assert [block.tool_kwargs for block in answer.blocks if isinstance(block, ToolCallBlock)] == ['{"city": "Ro']
    llm.chat([*user("Rome?"), answer])
    assert script.bodies[-1]["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"city": "Ro'


def test_foreign_calls(llm: AzureInference) -> None:
    """What stands for calls beside a message and is none is refused."""
    message = ChatMessage(role="assistant", additional_kwargs={"tool_calls": ["weather"]})
    with pytest.raises(ConfigurationError, match=r"tool_calls.*ToolCallBlock"):
        llm.chat([message])


def test_unknown_tool(llm: AzureInference) -> None:
    """A choice of a tool that is not there is refused."""
    with pytest.raises(ConfigurationError, match=r"forecast.*multiply, weather"):
        llm.chat_with_tools(TOOLS, user_msg="Rome?", tool_choice="forecast")


@pytest.mark.parametrize(
    ("own", "of_call", "strict"),
    [({}, {}, None), ({"strict": True}, {}, True), ({"strict": True}, {"strict": False}, False)],
)
def test_strict(
    script: ScriptedServer, llm_of: LLMOf, own: dict[str, Any], of_call: dict[str, Any], strict: bool | None
) -> None:
    """The model or the call says whether arguments must keep to the schemas of the tools exactly."""
    llm_of(**own).chat_with_tools(TOOLS, user_msg="Rome?", **of_call)
    told = [tool["function"] for tool in script.bodies[-1]["tools"]]
    assert [one.get("strict") for one in told] == [strict] * len(TOOLS)
    assert all(("additionalProperties" in one["parameters"]) is bool(strict) for one in told)
    assert "strict" not in script.bodies[-1]


@pytest.mark.parametrize("method", ["predict_and_call", "apredict_and_call"])
@pytest.mark.parametrize("named", ["forecast", "weather"])
@pytest.mark.parametrize("parallel", [False, True])
def test_calls_that_cannot_be_made(
    script: ScriptedServer, llm: AzureInference, method: str, named: str, parallel: bool
) -> None:
    """A call of no tool, or with broken arguments, is an error that says so, whatever is to be an error else."""
    script.will(Says(calls=[call(named, '{"city": "Ro' if named == "weather" else "{}")]))
    options = {"error_on_no_tool_call": False, "allow_parallel_tool_calls": parallel}
    with pytest.raises(ToolCallError, match=f"{named}.*multiply, weather"):
        ask(llm, method, TOOLS, "Rome?", **options)
