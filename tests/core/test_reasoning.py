"""Reasoning that stands in the text: parted from what is said, whole and in a stream, and tags spoken of left alone."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from azure_inference import StreamInterruptedError
from azure_inference.accumulate import ChatAccumulator
from azure_inference.reader import StreamReader
from azure_inference.reasoning import with_reasoning

from .answers import CALL, answer, chunks_of, frame

THINKING = [
    ("<think>hm</think>hi", "hi", "hm"),
    ("<think>\nhm\n</think>\n\nhi", "hi", "\nhm\n"),
    ("\n<think>hm</think>hi", "hi", "hm"),
    ("<think></think>hi", "hi", ""),
    ("<think></think>\n\nhi", "hi", ""),
    ("<think></think>\n\n<think>hm</think>\nhi", "<think>hm</think>\nhi", ""),
    ("<think>hm</think>hi</think>\nho", "hi</think>\nho", "hm"),
    ("<think>hm", "", "hm"),
    ("<think>hm</think>", "", "hm"),
    ("hi", "hi", ""),
    ("1 < 2", "1 < 2", ""),
    ("I say <think> aloud", "I say <think> aloud", ""),
    ("", "", ""),
]
OF_TAGS = [
    "re.sub(r'<think>.*?</think>', '', text) strips it.",
    '{"regex": "<think>.*?</think>"}',
    '{"end": "</think>"}',
    "Write <think>, then\n</think>\n\nand go on.",
    "It ends with `</think>`.\n\nGo on.",
    "It ends with </think>",
    "It ends with </think>\n\n",
]
"""Answers that speak of tags."""
UNOPENED = [
    ("hm</think>\n\nhi", "hi", "hm"),
    ("hm\n</think> \nhi", "hi", "hm\n"),
    ("I may say </think> here.\n</think>\n\nhi", "hi", "I may say </think> here.\n"),
    ("\n\n</think>\n\nhi", "hi", "\n\n"),
    ("</think>\n\nhi", "hi", ""),
]


@pytest.mark.parametrize(
    ("content", "text", "thought"), [*THINKING, *UNOPENED, *((content, content, "") for content in OF_TAGS)]
)
def test_thought_in_the_text(content: str, text: str, thought: str) -> None:
    """Thought between tags is parted from the text, also where the opening tag is missing; tags spoken of are text."""
    message = with_reasoning(answer({"content": content})).choices[0].message

    assert (message.text, message.reasoning_text) == (text, thought)


@pytest.mark.parametrize(("model", "parts"), [("DeepSeek-R1", True), ("gpt-4o", False), ("mine", True), (None, True)])
def test_models_that_show_no_reasoning(model: str | None, parts: bool) -> None:
    """Where the model that answers is known to show no reasoning, no opening tag is missing."""
    whole = answer({"content": "hm</think>\n\nhi"}).model_copy(update={"model": model})
    message = with_reasoning(whole).choices[0].message

    assert (message.text, message.reasoning_text) == (("hi", "hm") if parts else ("hm</think>\n\nhi", ""))


@pytest.mark.parametrize("content", [content for content, _, _ in UNOPENED] + OF_TAGS)
@pytest.mark.parametrize("model", ["DeepSeek-R1", "gpt-4o"])
def test_tags_in_a_stream(content: str, model: str) -> None:
    """The answer put together is that which comes whole; what went out before a lone closing tag was text."""
    reader: Any = StreamReader(CALL, ChatAccumulator())
    for character in content:
        reader.feed(frame({"content": character}, model=model))
    reader.feed(frame({}, "stop"))
    whole = with_reasoning(answer({"content": content}).model_copy(update={"model": model})).choices[0].message
    message = reader.result().choices[0].message

    assert (message.text, message.reasoning_text) == (whole.text, whole.reasoning_text)
    assert "".join(chunk.choices[0].delta.text for chunk in chunks_of(reader)) == content


def test_thought_that_has_a_place_of_its_own() -> None:
    """Where the server tells thought apart, tags in the text are text; an answer without tags stays the same object."""
    both = answer({"content": "<think>x</think>", "reasoning_content": "hm"})
    plain = answer({"content": "hi"})

    assert with_reasoning(both) is both
    assert with_reasoning(plain) is plain


@given(st.sampled_from(THINKING), st.lists(st.integers(0, 40), max_size=8), st.booleans())
@example(("<think>hm</think>hi", "hi", "hm"), [1, 9, 12], True)
def test_thought_in_a_stream(case: tuple[str, str, str], cuts: list[int], ended: bool) -> None:
    """However a text with tags is cut, chunks bring thought and text apart, and the whole is the same."""
    content, text, thought = case
    places = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    reader: Any = StreamReader(CALL, ChatAccumulator())
    for start, end in pairwise(places):
        reader.feed(frame({"content": content[start:end]}))
    reader.feed(frame({}, "stop") if ended else b"")
    reader.feed(b"data: [DONE]\n\n")
    reader.end()
    chunks = chunks_of(reader)
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    message = reader.result().choices[0].message

    assert ("".join(delta.reasoning_text for delta in deltas), message.reasoning_text) == (thought, thought)
    assert ("".join(delta.text for delta in deltas), message.text) == (text, text)


@pytest.mark.parametrize(
    ("first", "then", "text", "thought"),
    [
        ("<", {"content": "", "reasoning_content": "hm"}, "<b>", "hm"),
        ("<", {"reasoning": "hm"}, "<b>", "hm"),
        ("<think>so</", {"content": [{"type": "text", "text": "A"}]}, "Ab>", "so</"),
        ("<", {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}, "<b>", "hm"),
    ],
)
def test_what_was_held_back_before_another_place(first: str, then: dict[str, Any], text: str, thought: str) -> None:
    """What might have become a tag is not lost where a later piece has reasoning, or parts, in a place of its own."""
    reader: Any = StreamReader(CALL, ChatAccumulator())
    for delta in ({"content": first}, then, {"content": "b>"}):
        reader.feed(frame(delta))
    reader.feed(frame({}, "stop"))
    message = reader.result().choices[0].message
    deltas = [choice.delta for chunk in chunks_of(reader) for choice in chunk.choices]

    assert (message.text, message.reasoning_text) == (text, thought)
    assert ("".join(delta.text for delta in deltas), "".join(d.reasoning_text for d in deltas)) == (text, thought)


def test_thought_may_be_left_in_the_text() -> None:
    """Without splitting, tags stay where they are."""
    reader: Any = StreamReader(CALL, ChatAccumulator(split_reasoning=False))
    reader.feed(frame({"content": "<think>hm</think>hi"}, "stop"))
    reader.end()

    assert chunks_of(reader)[0].choices[0].delta.text == "<think>hm</think>hi"
    assert reader.result().choices[0].message.text == "<think>hm</think>hi"


def test_text_held_back_is_not_lost() -> None:
    """What looked like the start of a tag when the stream broke is part of what had arrived."""
    reader: Any = StreamReader(CALL, ChatAccumulator())
    reader.feed(frame({"content": "<thi"}))
    reader.end()
    with pytest.raises(StreamInterruptedError) as caught:
        chunks_of(reader)

    assert caught.value.partial.choices[0].message.text == "<thi"
