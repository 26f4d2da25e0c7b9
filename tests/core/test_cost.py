"""What a streamed chunk costs, counted exactly: one JSON parse, the same calls in streams of any length, its text."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
import tracemalloc
from collections import Counter
from typing import Any

import pytest

from azure_inference import ChatRequest, to_request
from azure_inference.accumulate import ChatAccumulator
from azure_inference.dialects import resolve
from azure_inference.protocol import prepare
from azure_inference.reader import StreamReader
from azure_inference.schema.chunks import CHAT_STREAM

CALL = prepare(
    resolve("http://127.0.0.1/models"),
    CHAT_STREAM,
    to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}], "stream": True}),
)
DELTAS: dict[str, dict[str, Any]] = {
    "text": {"content": "word "},
    "thought": {"reasoning_content": "word "},
    "a piece of a tool call": {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "1"}}]},
}


PARSE = re.compile("json|loads|decode|validate")


def event(delta: dict[str, Any]) -> bytes:
    """The event of a chunk."""
    return b"data: " + json.dumps({"id": "i", "choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"


def calls(delta: dict[str, Any], count: int, kinds: tuple[str, ...] = ("call", "c_call")) -> Counter[str]:
    """How often each function, those of C included, is called to read a stream of so many equal chunks."""
    data = event(delta)
    found: Counter[str] = Counter()

    def note(frame: Any, kind: str, argument: Any) -> None:
        if kind in kinds:
            found[frame.f_code.co_qualname if kind == "call" else argument.__name__] += 1

    reader: Any = StreamReader(CALL, ChatAccumulator())
    gc.collect()
    gc.disable()  # what other tests left behind is not to be counted when it is finalized
    sys.setprofile(note)
    try:
        for _ in range(count):
            reader.feed(data)
            reader.next()
    finally:
        sys.setprofile(None)
        gc.enable()
    return found


STEPS = {
    "StreamReader.feed",
    "Decoder.feed",
    "StreamReader._read",
    "ChatAccumulator.add",
    "_Head.add",
    "_ChoiceSoFar.add",
    "StreamReader.next",
}
"""The functions that every chunk goes through; one more is felt by every stream."""
FURTHER_STEPS: dict[str, set[str]] = {
    "a piece of a tool call": {"_ChoiceSoFar._placed", "ToolCalls.add"},
}


@pytest.mark.parametrize("kind", DELTAS)
def test_chunks_cost_the_same_however_many_came_before(kind: str) -> None:
    """A hundred chunks more make the same calls after a hundred chunks as after three hundred: one JSON parse each."""
    delta = DELTAS[kind]
    calls(delta, 10)  # what is done once is done here
    few, more, many, yet_more = (calls(delta, count) for count in (100, 200, 300, 400))

    assert more - few == yet_more - many
    parses = {name: count for name, count in (more - few).items() if PARSE.search(name)}
    assert parses == {"decode": 100}


@pytest.mark.parametrize("kind", DELTAS)
def test_a_chunk_goes_through_few_functions(kind: str) -> None:
    """The Python functions that a chunk goes through are these, and most of them once."""
    calls(DELTAS[kind], 10)
    few, more = (calls(DELTAS[kind], count, ("call",)) for count in (100, 200))

    assert (more - few).keys() == STEPS | FURTHER_STEPS.get(kind, set())
    assert {name: (more - few)[name] for name in STEPS} == dict.fromkeys(STEPS, 100)


@pytest.mark.parametrize(
    "beside",
    [
        {"delta": {"audio": {"data": "A" * 1000}}},
        {"delta": {}, "logprobs": {"content": [{"token": "a", "bytes": [97]}]}},
    ],
    ids=["sound", "logprobs"],
)
def test_what_has_come_is_not_copied(beside: dict[str, Any]) -> None:
    """A piece takes the memory of what it brings: nothing is made anew of all that came before it."""
    data = b"data: " + json.dumps({"choices": [{"index": 0, **beside}]}).encode() + b"\n\n"
    reader: Any = StreamReader(CALL, ChatAccumulator())
    for _ in range(2000):
        reader.feed(data)
        reader.next()
    peaks: list[int] = []
    tracemalloc.start()
    try:
        for _ in range(51):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            reader.feed(data)
            reader.next()
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()

    assert sorted(peaks)[25] < 8_000


@pytest.mark.parametrize("kind", ["content", "reasoning_content"])
def test_a_long_answer_is_held_once(kind: str) -> None:
    """Of a piece whose chunk is gone, its text is left and nothing else: a few bytes, not an object."""
    events = (event({kind: f"{number:04} "}) for number in range(4000))
    reader: Any = StreamReader(CALL, ChatAccumulator())
    tracemalloc.start()
    try:
        for number, data in enumerate(events):
            reader.feed(data)
            reader.next()
            if number == 1000:
                before = tracemalloc.get_traced_memory()[0]
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert grown < 3000 * 2 * len("0000 ")


_COUNT_TEXTS = """
import typing
import msgspec, pydantic

class Warm(pydantic.BaseModel):
    number: int | None = None

class WarmStruct(msgspec.Struct):
    number: "int | None" = None

msgspec.json.Decoder(WarmStruct)
pydantic.TypeAdapter(int)
texts = []
begin = typing.ForwardRef.__init__

def count(self, text, *arguments, **options):
    texts.append(text)
    begin(self, text, *arguments, **options)

typing.ForwardRef.__init__ = count
import azure_inference
print(*texts, sep="\\n")
"""


def test_an_import_compiles_no_annotations() -> None:
    """Annotations that are read as classes are made are not texts, of which each would be compiled first."""
    ran = subprocess.run([sys.executable, "-c", _COUNT_TEXTS], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""
