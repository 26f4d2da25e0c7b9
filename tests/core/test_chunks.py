"""Chunks of streamed answers: read at once or with patience, they say the same, and nothing of them is lost."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from azure_inference import ChatCompletionChunk, CompletionChunk, ResponseValidationError, Usage
from azure_inference.accumulate import ChatAccumulator
from azure_inference.dialects import resolve
from azure_inference.protocol import prepare
from azure_inference.reader import StreamReader
from azure_inference.schema.chunks import CHAT_STREAM

TOOL_CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a'}}
CHOICE = {"index": 0, "finish_reason": None, "delta": {"role": "assistant", "content": "hi"}}
FRAMES: dict[str, dict[str, Any]] = {
    "text": {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [CHOICE]},
    "thought": {"choices": [{"delta": {"reasoning_content": "hm"}}, {"index": 1, "delta": {"reasoning": "hm"}}]},
    "a tool call": {"choices": [{"delta": {"tool_calls": [TOOL_CALL]}}]},
    "parts": {"choices": [{"delta": {"content": [{"type": "text", "text": "hi"}]}}]},
    "usage": {"choices": [], "usage": {"prompt_tokens": 1, "more": {"a": 2}}},
    "sound": {"choices": [{"delta": {"audio": {"id": "a", "transcript": "hi"}}}]},
    "filters": {"choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
    "what was left out, as null": {"id": None, "choices": [{"index": None, "delta": {"tool_calls": None}}]},
    "noise": {"choices": [CHOICE], "service_tier": "default", "obfuscation": "x"},
}


def as_bytes(value: Any) -> bytes:
    """A value as a server writes it."""
    return json.dumps(value).encode()


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_fast_and_patient_readers_agree(frame: dict[str, Any]) -> None:
    """A chunk of the API's fields is the same whether it is read at once or with patience."""
    data = as_bytes(frame)

    assert ChatCompletionChunk.fast_reader()(data) == ChatCompletionChunk.from_json(data)


def test_a_key_that_looks_like_a_place_for_keys() -> None:
    """No key of a server's is taken for the place where unknown keys are kept."""
    frame = {"choices": [{"delta": {"content": "a", "<unknown>": {"content": 5}}}], "<unknown>": {"choices": []}}

    chunk = ChatCompletionChunk.from_json(as_bytes(frame))
    assert (chunk.model_extra, chunk.choices[0].delta.model_extra) == (
        {"<unknown>": {"choices": []}},
        {"<unknown>": {"content": 5}},
    )
    with pytest.raises(ValueError, match="unknown"):
        ChatCompletionChunk.fast_reader()(as_bytes(frame))


def test_unknown_keys_are_kept_at_every_level() -> None:
    """What the API does not name is where it came, and written out there again."""
    call = {**TOOL_CALL, "a": 1, "function": {"name": "f", "arguments": "", "b": None}}
    frame = {"choices": [{"delta": {"tool_calls": [call], "c": [2]}, "d": {}}], "e": "x", "model_extra": "y"}

    chunk = ChatCompletionChunk.from_json(as_bytes(frame))

    (choice,) = chunk.choices
    (piece,) = choice.delta.tool_calls or ()
    levels = (chunk, choice, choice.delta, piece, piece.function)
    kept = [{"e": "x", "model_extra": "y"}, {"d": {}}, {"c": [2]}, {"a": 1}, {"b": None}]
    assert [level.model_extra for level in levels] == kept
    assert chunk.to_dict() == frame
    assert (chunk["e"], chunk.get("f", 0)) == ("x", 0)
    assert ("e" in chunk, "usage" in chunk, 0 in chunk) == (True, False, False)
    assert list(chunk) == list(chunk.keys()) == [key for key, _ in chunk.items()] == list(chunk.to_dict())


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_written_out(frame: dict[str, Any]) -> None:
    """Written out and read again, a chunk is the same; pydantic and `dict` write it out, too."""
    chunk = ChatCompletionChunk.from_value(frame)

    assert ChatCompletionChunk.from_value(chunk.to_dict()) == chunk
    assert json.loads(TypeAdapter(Any).dump_json(chunk)) == chunk.to_dict()
    assert dict(chunk) == chunk.to_dict()
    assert pickle.loads(pickle.dumps(chunk)) == copy.deepcopy(chunk) == chunk


LENIENT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"created": "12"}, {"created": 12}),
    ({"created": 12.0}, {"created": 12}),
    ({"choices": None}, {}),
    ({"choices": [{"delta": None}]}, {"choices": [{}]}),
    ({"choices": [{"delta": {"tool_calls": [{"function": None}]}}]}, {"choices": [{"delta": {"tool_calls": [{}]}}]}),
    (
        {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": {"a": 1}}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": '{"a": 1}'}}]}}]},
    ),
]


@pytest.mark.parametrize(("written", "meant"), LENIENT)
def test_other_ways_to_write_it(written: dict[str, Any], meant: dict[str, Any]) -> None:
    """What servers write in another way than the API has it is read as what it means."""
    assert ChatCompletionChunk.from_json(as_bytes(written)) == ChatCompletionChunk.from_json(as_bytes(meant))


@pytest.mark.parametrize(
    "wrong", [1, "x", None, [], {"choices": 1}, {"choices": [1]}, {"id": [1]}, {"usage": {"total_tokens": "x"}}]
)
def test_what_is_no_chunk(wrong: Any) -> None:
    """What cannot be a chunk is none, in either reader."""
    for read in (ChatCompletionChunk.fast_reader(), ChatCompletionChunk.from_json):
        with pytest.raises(ValueError, match=r"\w"):
            read(as_bytes(wrong))


def some(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with some of these keys."""
    return st.fixed_dictionaries({}, optional=values)


WORDS, NUMBERS = st.none() | st.text(max_size=3), st.none() | st.integers(-9, 9)
ANY = st.recursive(
    WORDS | NUMBERS | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
CALLS = some(index=NUMBERS, id=WORDS | NUMBERS, type=WORDS, function=some(name=WORDS, arguments=WORDS | ANY))
DELTAS = some(role=WORDS, content=WORDS | st.lists(ANY, max_size=2), tool_calls=st.lists(CALLS, max_size=2), x=ANY)
BESIDE = {"index": NUMBERS, "finish_reason": WORDS, "logprobs": ANY}
HEADS = {"id": WORDS | NUMBERS, "model": WORDS, "created": NUMBERS, "usage": some(prompt_tokens=NUMBERS, x=ANY)}
SHAPED = {
    ChatCompletionChunk: some(**HEADS, choices=st.lists(some(**BESIDE, delta=DELTAS), max_size=2)),
    CompletionChunk: some(**HEADS, choices=st.lists(some(**BESIDE, text=st.text(max_size=3)), max_size=2)),
}
"""What servers might send, in nearly the form that they should: the fast reader takes about half of it."""


@pytest.mark.parametrize("kind", SHAPED)
@given(data=st.data())
def test_whatever_is_read_fast_is_read_with_patience(kind: Any, data: st.DataObject) -> None:
    """Of any JSON, the fast reader makes what the patient one makes, or leaves it to that."""
    value = data.draw(SHAPED[kind] | ANY)
    try:
        fast = kind.fast_reader()(as_bytes(value))
    except ValueError:
        return
    assert fast == kind.from_value(value)


def test_a_chunk_stays_as_it_is() -> None:
    """A chunk cannot be changed; what it has in common with whole answers is of the same type there."""
    chunk = ChatCompletionChunk.from_value(FRAMES["usage"])

    assert chunk.usage == Usage(prompt_tokens=1, more={"a": 2})
    with pytest.raises(AttributeError, match="immutable"):
        chunk.id = "2"  # type: ignore[misc]


def test_nested_beyond_the_stack() -> None:
    """An event that is nested deeper than the stack has room left is no chunk, however deep the caller stands."""
    call = prepare(resolve("http://127.0.0.1/models"), CHAT_STREAM, None)
    reader: Any = StreamReader(call, ChatAccumulator())
    event = b'data: {"choices": [{"index": 0, "logprobs": ' + b"[" * 700 + b"\n\n"

    def feed_from(depth: int) -> None:
        if depth:
            feed_from(depth - 1)
        else:
            reader.feed(event)

    feed_from(300)

    with pytest.raises(ResponseValidationError, match="not a chunk"):
        reader.next()
