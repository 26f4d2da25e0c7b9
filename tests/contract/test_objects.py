"""Answers that should hold an object: what is made of those that do, and what is told of those that do not."""

from __future__ import annotations

import asyncio
import functools
import operator
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel

from langchain_azure_inference import ChatAzureInference
from llamaindex_azure_inference import AzureInference

from .entry_core import Mode, gathered, told

if TYPE_CHECKING:
    from tests.core.conftest import ScriptedServer


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


ADA = '{"name": "Ada", "age": 36}'
FILTERED = {"content_filter_results": {"hate": {"filtered": True}, "violence": {"filtered": False}}}
CALL = [{"index": 0, "id": "1", "type": "function", "function": {"name": "Person", "arguments": ADA[:15]}}]
CUT: dict[str, tuple[dict[str, Any], str, dict[str, Any], str]] = {
    "too long": ({"content": ADA[:15]}, "length", {}, "cut off at its token limit: raise max_tokens"),
    "nothing but thoughts": ({"content": None, "reasoning_content": "Hm"}, "length", {}, "raise max_tokens"),
    "a call too long": ({"content": None, "tool_calls": CALL}, "length", {}, "raise max_tokens"),
    "filtered": ({"content": ADA[:15]}, "content_filter", FILTERED, r"the content filter cut it off \(hate\)"),
    "filtered at once": ({"content": ""}, "content_filter", {}, "the content filter cut it off"),
    "a filtered call": ({"content": None, "tool_calls": CALL}, "content_filter", FILTERED, r"filter.*\(hate\)"),
    "a call of half a JSON": ({"content": None, "tool_calls": CALL}, "tool_calls", {}, "no complete JSON: '{\"name"),
    "a refusal": ({"content": None, "refusal": "I will not."}, "stop", {}, "the model refused: I will not."),
    "a long refusal": ({"content": None, "refusal": "No. " * 25_000}, "stop", {}, "the model refused: No. No."),
}
WORDS: dict[str, tuple[dict[str, Any], str, dict[str, Any], str]] = {
    "half a JSON": ({"content": ADA[:15]}, "stop", {}, "no complete JSON: '{\"name"),
    "words": ({"content": "I do not know. " * 7_000}, "stop", {}, "no complete JSON: 'I do not know"),
    "the wrong object": ({"content": f'{{"name": "{"Ada" * 30_000}"}}'}, "stop", {}, "Person"),
}
AROUND = {
    "alone": ADA,
    "a fence": f"```json\n{ADA}\n```",
    "words": f"Sure {{as asked}} [1], here it is: {ADA}\n\nIs {{that}} all? [2]",
    "words and a fence": f"Here you are:\n```\n{ADA}\n```\nMore?",
}


async def _langchain(url: str, way: str, mode: Mode, *, is_stream: bool) -> Any:
    model = ChatAzureInference(endpoint=url, credential="canary-5ecret", model="m")
    structured: Any = model.with_structured_output(Person, method=way)  # type: ignore[arg-type]
    if is_stream:
        return (await gathered(mode.of(structured, "stream")("Who?")))[-1]
    return await told(mode.of(structured, "invoke")("Who?"))


async def _llamaindex(url: str, way: str, mode: Mode, *, is_stream: bool) -> Any:
    modes = {"function_calling": PydanticProgramMode.FUNCTION, "words": PydanticProgramMode.LLM}
    program = modes.get(way, PydanticProgramMode.DEFAULT)
    llm = AzureInference(endpoint=url, credential="canary-5ecret", model="m", pydantic_program_mode=program)
    prompt = PromptTemplate("Who?")
    if is_stream:
        return (await gathered(mode.of(llm, "stream_structured_predict")(Person, prompt)))[-1]
    return await told(mode.of(llm, "structured_predict")(Person, prompt))


OF_TEXT = [
    (_langchain, "json_schema"),
    (_langchain, "json_mode"),
    (_llamaindex, "json_schema"),
    (_llamaindex, "words"),
]
OF_CALLS = [(_langchain, "function_calling"), (_llamaindex, "function_calling")]
both_modes = pytest.mark.parametrize("mode", [Mode(False), Mode(True)], ids=["sync", "async"])
whole_and_streamed = pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])


def _says(server: ScriptedServer, message: dict[str, Any], finish: str, more: dict[str, Any], *, stream: bool) -> None:
    head = {"id": "1", "model": "m", "created": 1}
    end = {"index": 0, "finish_reason": finish, **more}
    if stream:
        server.reply_events(
            {**head, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
            {**head, "choices": [{**end, "delta": {}}]},
        )
    else:
        server.reply_json({**head, "choices": [{**end, "message": {"role": "assistant", **message}}]})


@both_modes
@whole_and_streamed
@pytest.mark.parametrize(("ask", "way"), [*OF_TEXT, *OF_CALLS])
@pytest.mark.parametrize("case", [*CUT, *WORDS])
def test_no_object(  # noqa: PLR0917
    server: ScriptedServer, case: str, ask: Any, way: str, is_stream: bool, mode: Mode
) -> None:
    """Whatever keeps an object from being whole is told in the same words, briefly, and nothing is given for it."""
    message, finish, more, words = {**CUT, **WORDS}[case]
    if case in ("words", "half a JSON") and (ask, way) == OF_CALLS[0]:
        pytest.skip("LangChain has it that a model which may call something instead says something: None")
    _says(server, message, finish, more, stream=is_stream)

    with pytest.raises(ValueError, match=words) as raised:
        asyncio.run(ask(server.url, way, mode, is_stream=is_stream))
    assert "Person" in str(raised.value)
    assert len(str(raised.value)) < 1_100  # langchain-core adds an address


@both_modes
@whole_and_streamed
@pytest.mark.parametrize(("ask", "way"), [*OF_TEXT, *OF_CALLS])
@pytest.mark.parametrize("case", AROUND)
def test_words_around(  # noqa: PLR0917
    server: ScriptedServer, case: str, ask: Any, way: str, is_stream: bool, mode: Mode
) -> None:
    """Words and fences around an object are no harm, even in place of the call that was asked for."""
    _says(server, {"content": AROUND[case]}, "stop", {}, stream=is_stream)

    assert asyncio.run(ask(server.url, way, mode, is_stream=is_stream)) == Person(name="Ada", age=36)


@both_modes
@whole_and_streamed
@pytest.mark.parametrize(("ask", "way"), OF_CALLS)
@pytest.mark.parametrize("case", AROUND)
def test_words_around_arguments(  # noqa: PLR0917
    server: ScriptedServer, case: str, ask: Any, way: str, is_stream: bool, mode: Mode
) -> None:
    """Nor are they around the arguments of the call."""
    function = {"name": "Person", "arguments": AROUND[case]}
    message = {"content": "I do.", "tool_calls": [{"index": 0, "id": "1", "type": "function", "function": function}]}
    _says(server, message, "tool_calls", {}, stream=is_stream)

    assert asyncio.run(ask(server.url, way, mode, is_stream=is_stream)) == Person(name="Ada", age=36)


@both_modes
@whole_and_streamed
@pytest.mark.parametrize("way", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize("case", CUT)
def test_shown_beside_the_message(server: ScriptedServer, case: str, way: Any, is_stream: bool, mode: Mode) -> None:
    """With LangChain's `include_raw` nothing is raised: the reason is beside the message."""
    message, finish, more, words = CUT[case]
    _says(server, message, finish, more, stream=is_stream)
    model = ChatAzureInference(endpoint=server.url, credential="canary-5ecret", model="m")
    structured = model.with_structured_output(Person, method=way, include_raw=True)

    answered = mode.of(structured, "stream" if is_stream else "invoke")("Who?")
    pieces = asyncio.run(gathered(answered)) if is_stream else [asyncio.run(told(answered))]
    answer: Any = functools.reduce(operator.add, pieces)

    # What is streamed is the message, as it comes.
    assert [piece.keys() for piece in pieces[:-1]] == [{"raw"}] * (len(pieces) - 1)
    assert (len(pieces) > 1) is is_stream
    assert answer["parsed"] is None
    assert answer["raw"].response_metadata["finish_reason"] == finish
    with pytest.raises(ValueError, match=words):
        raise answer["parsing_error"]
