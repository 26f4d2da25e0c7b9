"""Sums of the chunks of a stream: of which class they are, and what they are after they were stored."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    message_chunk_to_message,
    messages_from_dict,
    messages_to_dict,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph.message import add_messages

from langchain_azure_inference._messages import to_wire
from tests.langchain.test_streaming import ANSWERS, chunks_of, model_of, piece, total

if TYPE_CHECKING:
    from types import SimpleNamespace


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("output_version", ["v0", "v1"])
@pytest.mark.parametrize(("message", "deltas", "reason"), ANSWERS.values(), ids=ANSWERS)
def test_sums_are_messages_of_langchain(  # noqa: PLR0917
    script: Any, wire: SimpleNamespace, way: str, output_version: str, message: Any, deltas: Any, reason: str
) -> None:
    """However the chunks of a stream are added up, the sum is of a class of LangChain, and so is the last chunk."""
    script.says(wire.events(*deltas, finish_reason=reason))
    chunks = chunks_of(model_of(script, output_version=output_version), way)

    one_by_one = chunks[0]
    for chunk in chunks[1:]:
        one_by_one += chunk
    sums = [one_by_one, total(chunks), chunks[-1]]

    assert [type(chunk) for chunk in sums] == [AIMessageChunk] * 3
    assert one_by_one == total(chunks)
    assert type(message_chunk_to_message(one_by_one)) is AIMessage


@pytest.mark.filterwarnings("ignore:.* is in beta")
@pytest.mark.parametrize("name", ANSWERS)
def test_sums_are_stored(script: Any, wire: SimpleNamespace, name: str) -> None:
    """The sum of a stream survives pickles, the JSON of LangChain and the strictest checkpoints of LangGraph."""
    _, deltas, reason = ANSWERS[name]
    script.says(wire.events(*deltas, finish_reason=reason))
    answer = total(chunks_of(model_of(script), "stream"))
    message = message_chunk_to_message(answer)
    checkpoint = JsonPlusSerializer(allowed_msgpack_modules=None)

    assert pickle.loads(pickle.dumps(answer)) == answer
    assert checkpoint.loads_typed(checkpoint.dumps_typed(message)) == message
    for made in (
        loads(dumps(answer), allowed_objects="messages"),
        checkpoint.loads_typed(checkpoint.dumps_typed(answer)),
    ):
        assert (type(made), made.content) == (AIMessageChunk, answer.content)


AGAIN: dict[str, Callable[[AIMessageChunk], Any]] = {
    "loads": lambda message: loads(dumps(message), allowed_objects="messages"),
    "dicts": lambda message: messages_from_dict(messages_to_dict([message]))[0],
    "pydantic": lambda message: AIMessageChunk.model_validate(message.model_dump()),
    "more": lambda message: message + AIMessageChunk(content=""),
}


@pytest.mark.filterwarnings("ignore:.* is in beta")
@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
@pytest.mark.parametrize("output_version", ["v0", "v1"])
def test_sums_are_not_mended(script: Any, wire: SimpleNamespace, output_version: str, again: Any) -> None:
    """A call that was cut off is still none that can be carried out, however often the sum is loaded or added to."""
    cut = '{"city": "Par'
    deltas = [piece(0, "{}", id_="c1", name="f"), piece(1, cut, id_="c2", name="g")]
    script.says(wire.events(*deltas, finish_reason="length"))
    answer = total(chunks_of(model_of(script, output_version=output_version), "stream"))

    for made in (again(answer), again(again(answer))):
        assert made.tool_calls == answer.tool_calls
        assert [(call["id"], json.loads(call["args"])) for call in made.invalid_tool_calls] == [("c2", cut)]
        said = [call["function"]["arguments"] for call in to_wire([made])[0]["tool_calls"]]
        assert said == [{}, cut], "what goes back to the model is what it wrote"
    assert [call["args"] for call in message_chunk_to_message(answer).invalid_tool_calls] == [cut]


def test_arguments_in_a_json_string(script: Any, wire: SimpleNamespace) -> None:
    """Arguments that a model encoded twice go back as it wrote them."""
    written = json.dumps('{"city": "Paris"}')
    script.says(wire.events(piece(0, written, id_="c1", name="f"), finish_reason="tool_calls"))
    answer = total(chunks_of(model_of(script), "stream"))

    assert [call["args"] for call in answer.invalid_tool_calls] == [written]
    assert [call["function"]["arguments"] for call in to_wire([answer])[0]["tool_calls"]] == [written]


@pytest.mark.parametrize("first", ["a chunk", "an empty one", "all that came"])
def test_sums_of_a_stream_that_was_left(script: Any, wire: SimpleNamespace, first: str) -> None:
    """Half an answer becomes a message of LangChain, too, as it does in the state of a graph."""
    _, deltas, reason = ANSWERS["text"]
    script.says(wire.events(*deltas, finish_reason=reason))
    chunks = chunks_of(model_of(script), "stream")[:-1]

    full = AIMessageChunk(content="") if first == "an empty one" else chunks.pop(0)
    for chunk in [] if first == "all that came" else chunks:
        full += chunk
    (kept,) = add_messages([], [full])

    assert type(kept) is type(message_chunk_to_message(full)) is AIMessage
    assert (kept.type, kept.content) == ("ai", full.content)
    assert pickle.loads(pickle.dumps(full)) == copy.deepcopy(full) == full


def test_checkpoints_of_a_stream_that_was_left(
    script: Any, wire: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    """LangGraph loads half an answer from a checkpoint as the message of its own that it is, however strict it is."""
    _, deltas, reason = ANSWERS["a broken call"]
    script.says(wire.events(*deltas, finish_reason=reason))
    first, *others = chunks_of(model_of(script), "stream")[:-1]
    full = first + others
    serializer = JsonPlusSerializer(allowed_msgpack_modules=None)

    loaded = serializer.loads_typed(serializer.dumps_typed(full))
    assert isinstance(loaded, AIMessageChunk)
    assert (loaded.content, loaded.tool_call_chunks) == (full.content, full.tool_call_chunks)
    assert caplog.text.count("unregistered") == 0


@pytest.mark.parametrize("name", ["text", "a broken call", "a broken and a whole call"])
def test_sums_that_start_empty(script: Any, wire: SimpleNamespace, name: str) -> None:
    """A loop that adds chunks to an empty one of langchain-core comes to the same message."""
    _, deltas, reason = ANSWERS[name]
    script.says(wire.events(*deltas, finish_reason=reason))
    chunks = chunks_of(model_of(script), "stream")

    full = AIMessageChunk(content="")
    for chunk in chunks:
        full += chunk

    assert full == total(chunks)
    assert type(full) is AIMessageChunk


def test_a_copied_piece_adds_up_truthfully(script: Any, wire: SimpleNamespace) -> None:
    """Copies, and pickles, of a piece are pieces: broken calls stay broken."""
    _, deltas, reason = ANSWERS["a broken call"]
    script.says(wire.events(*deltas, finish_reason=reason))
    first, *others = chunks_of(model_of(script), "stream")

    for again in (copy.copy(first), copy.deepcopy(first), first.model_copy(), pickle.loads(pickle.dumps(first))):
        assert [call["args"] for call in (again + others).invalid_tool_calls] == ['{"city": "Par']
