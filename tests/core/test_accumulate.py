"""The pieces of a streamed answer put together: in any cut and any order of calls, the answer is the same."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_inference import ChatCompletionChunk, CompletionChunk, ResponseValidationError
from azure_inference.accumulate import ChatAccumulator, CompletionAccumulator

from .answers import accumulated, calls, chunk, piece


@pytest.mark.parametrize(
    ("frame", "attribute", "value"),
    [
        ({"usage": {"prompt_tokens": 3}}, "usage", 3),
        ({"usage": None}, "usage", None),
        ({"choices": [{"index": 0}]}, "choices", None),
        ({"choices": [{"index": 0, "content_filter_offsets": {"check_offset": 1}, "finish_reason": None}]}, "x", None),
        ({}, "x", None),
    ],
)
def test_frames_without_text(frame: dict[str, Any], attribute: str, value: Any) -> None:
    """Frames of usage, of filters, without delta or choices take nothing away and add no text."""
    answer, _ = accumulated(chunk({"content": "hello"}), frame, chunk({"content": None, "role": None}))

    assert answer.choices[0].message.text == "hello"
    if attribute == "usage":
        assert (answer.usage.prompt_tokens if answer.usage else None) == value


def test_a_call_of_no_function_takes_nothing_along() -> None:
    """What the same frame says of other choices is taken in, though it ends one with a call that nobody can run."""
    accumulator = ChatAccumulator()
    begin = [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "a"}]}}, {"index": 1, "delta": {"content": "b"}}]
    end = [
        {"index": 0, "finish_reason": "tool_calls"},
        {"index": 1, "delta": {"content": "c"}, "finish_reason": "stop"},
    ]
    accumulator.add(ChatCompletionChunk.from_value({"choices": begin}))
    with pytest.raises(ResponseValidationError, match="names no function"):
        accumulator.add(ChatCompletionChunk.from_value({"choices": end}))

    answer = accumulator.result()
    assert answer is not None
    assert [(choice.message.text, choice.finish_reason) for choice in answer.choices] == [
        ("", "tool_calls"),
        ("bc", "stop"),
    ]


def test_head() -> None:
    """Id, model and time are the first that say something: the first frame often has them empty."""
    answer, _ = accumulated(
        {"id": "", "model": "", "created": 0, "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        chunk({"content": "a"}, id="i", model="m", created=5, system_fingerprint="fp", object="chat.completion.chunk"),
        chunk({"content": "b"}, id="j", model="n", created=6),
        {"id": "", "model": "", "choices": []},
    )

    assert (answer.id, answer.model, answer.created, answer.system_fingerprint) == ("i", "m", 5, "fp")
    assert answer.prompt_filter_results == [{"prompt_index": 0}]


def test_usage_is_that_of_the_last_frame() -> None:
    """Usage that grows with each frame is never added up; a frame without takes nothing away."""
    answer, _ = accumulated(
        chunk({"content": "a"}, usage={"prompt_tokens": 17, "completion_tokens": 0}),
        chunk({"content": "b"}, usage={"prompt_tokens": 17, "completion_tokens": 89, "reasoning_tokens": 4}),
        chunk({}, usage=None),
    )

    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (17, 89)
    assert answer.usage.model_extra == {"reasoning_tokens": 4}


def test_several_choices() -> None:
    """With n > 1, frames of the choices may come mixed, and one frame may hold several."""
    accumulator = ChatAccumulator()
    for frame in [
        {"choices": [{"index": 1, "delta": {"content": "b"}}]},
        {"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "B"}}]},
        {"choices": [{"index": 0, "finish_reason": "length"}]},
    ]:
        accumulator.add(ChatCompletionChunk.from_value(frame))
    assert not accumulator.is_finished, "one of them has not ended"
    accumulator.add(ChatCompletionChunk.from_value({"choices": [{"index": 1, "finish_reason": "stop"}]}))

    answer = accumulator.result()
    assert answer is not None
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert [choice.message.content for choice in answer.choices] == ["a", "bB"]
    assert [choice.finish_reason for choice in answer.choices] == ["length", "stop"]
    assert accumulator.is_finished


def test_choices_without_an_index() -> None:
    """Choices that no number tells apart are told apart by their place."""
    frame = {"choices": [{"delta": {"content": "a"}}, {"delta": {"content": "b"}}]}
    answer, _ = accumulated(frame, frame)

    assert [choice.message.text for choice in answer.choices] == ["aa", "bb"]


def test_everything_else_of_a_choice() -> None:
    """Reasoning, refusal, audio, log probabilities and filter results are put together too."""
    answer, _ = accumulated(
        chunk({"role": "assistant", "reasoning_content": "hm"}),
        chunk({"reasoning": "m", "audio": {"id": "au", "data": "QUJD", "transcript": "a"}}),
        chunk({"refusal": "n", "audio": {"data": "REVG", "transcript": "b", "expires_at": 9}}),
        {"choices": [{"index": 0, "logprobs": {"content": [1], "refusal": None}, "content_filter_results": {"a": 1}}]},
        {"choices": [{"index": 0, "logprobs": {"content": [2], "refusal": None}, "content_filter_results": {"b": 2}}]},
        {"choices": [{"index": 0, "logprobs": {"content": None}, "content_filter_results": {}}]},
        chunk({"refusal": "o"}),
    )
    (choice,) = answer.choices

    assert (choice.message.role, choice.message.reasoning_text, choice.message.refusal) == ("assistant", "hmm", "no")
    assert choice.message.audio is not None
    assert choice.message.audio.model_dump(exclude_none=True) == {
        "id": "au",
        "data": "QUJDREVG",
        "transcript": "ab",
        "expires_at": 9,
    }
    assert choice.logprobs == {"content": [1, 2], "refusal": None}
    assert choice.content_filter_results == {"a": 1, "b": 2}


def test_content_in_parts() -> None:
    """Content that comes as typed parts is text and thought."""
    answer, _ = accumulated(
        chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}),
        chunk({"content": [{"type": "text", "text": "a"}, {"type": "other"}]}),
        chunk({"content": "b"}),
    )

    message = answer.choices[0].message
    assert (message.text, message.reasoning_text) == ("ab", "hm")
    assert (
        message.said
        == message.content
        == [{"type": "text", "text": "a"}, {"type": "other"}, {"type": "text", "text": "b"}]
    )


def test_parts_stay_where_they_were() -> None:
    """Parts that are neither text nor thought have their place between the texts, whatever these are made of."""
    thought = {"type": "thinking", "thinking": "hm"}
    answer, seen = accumulated(
        chunk({"content": [{"type": "image", "n": 1}, {"type": "text", "text": "é"}]}),
        chunk({"content": "a"}),
        chunk({"content": ["b", thought, {"type": "image", "n": 2}, {"type": "image", "n": 3}]}),
    )

    assert answer.choices[0].message.said == [
        {"type": "image", "n": 1},
        {"type": "text", "text": "éab"},
        {"type": "image", "n": 2},
        {"type": "image", "n": 3},
    ]
    assert [len(each.choices[0].delta.said) for each in seen] == [2, 1, 3]


def test_keys_that_are_new() -> None:
    """What the API does not define is kept: pieces of a message added up, of anything else the last that says it."""
    answer, _ = accumulated(
        chunk({"annotations": [1], "context": {"a": 1}, "aside": "b", "odd": 1}, service_tier="flex", x=1),
        chunk({"annotations": [2], "context": {"b": 2}, "aside": "c", "odd": "d", "none": None}, x=2, y=None),
        {
            "choices": [{"index": 0, "delta": {}, "stop_reason": "e", "message": "no", "finish_reason": "stop"}],
            "x": None,
        },
    )
    choice = answer.choices[0]

    assert answer.model_extra == {"service_tier": "flex", "x": 2}
    assert choice.model_extra == {"stop_reason": "e"}
    assert choice.message.model_extra == {"annotations": [1, 2], "context": {"a": 1, "b": 2}, "aside": "bc", "odd": "d"}


def test_objects_in_pieces() -> None:
    """Objects under new keys are added up as deep as they go, but for names; so is the function call of old."""
    answer, _ = accumulated(
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"a"', "name": "f"}}),
        chunk({"function_call": {"arguments": ":1}", "name": None}}),
        chunk({"context": {"citations": [1], "intent": "a", "more": {"id": "i", "n": 1}, "none": None}}),
        chunk({"context": {"citations": [2], "intent": "b", "more": {"id": "i", "n": 2}}}),
    )

    assert answer.choices[0].message.model_extra == {
        "function_call": {"name": "f", "arguments": '{"a":1}'},
        "context": {"citations": [1, 2], "intent": "ab", "more": {"id": "i", "n": 2}, "none": None},
    }


def test_nothing_is_changed_that_was_given() -> None:
    """A chunk given in stays as it is; one that needed no change is given back itself."""
    plain = ChatCompletionChunk.from_value(chunk({"content": "a"}))
    nameless = ChatCompletionChunk.from_value(calls(piece("{}", "f", id="a")))
    before = copy.deepcopy(nameless)
    accumulator = ChatAccumulator()

    assert accumulator.add(plain) is plain
    assert accumulator.add(nameless).choices[0].delta.tool_calls[0].index == 0
    assert nameless == before


def test_before_anything_came() -> None:
    """Nothing makes no answer."""
    for accumulator in (ChatAccumulator(), CompletionAccumulator()):
        assert accumulator.result() is None
        assert accumulator.is_empty
        assert not accumulator.is_finished


def test_text_completions() -> None:
    """Texts of each choice are joined; the head, the end and the usage are those of a chat."""
    accumulator = CompletionAccumulator()
    for frame in [
        {"id": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        {"id": "c", "model": "m", "choices": [{"index": 1, "text": "x"}, {"index": 0, "text": "a"}]},
        {"id": "c", "choices": [{"index": 0, "text": "b", "finish_reason": "stop"}], "usage": {"total_tokens": 1}},
        {"choices": [{"index": 1, "text": None, "finish_reason": "length"}], "usage": {"total_tokens": 2}},
    ]:
        accumulator.add(CompletionChunk.from_value(frame))
    answer = accumulator.result()

    assert answer is not None
    assert [(choice.index, choice.text, choice.finish_reason) for choice in answer.choices] == [
        (0, "ab", "stop"),
        (1, "x", "length"),
    ]
    assert (answer.id, answer.model) == ("c", "m")
    assert answer.prompt_filter_results == [{"prompt_index": 0}]
    assert answer.usage is not None
    assert answer.usage.total_tokens == 2
    assert accumulator.is_finished


def test_everything_else_of_a_text_completion() -> None:
    """Log probabilities, filter results and new keys are put together, as those of a chat."""
    accumulator = CompletionAccumulator()
    for text, place, filtered in [("a", 0, {"hate": 1}), ("b", 1, {"violence": 2})]:
        logprobs = {"tokens": [text], "token_logprobs": [-1.0], "text_offset": [place], "top_logprobs": None}
        choice = {"index": 0, "text": text, "logprobs": logprobs, "content_filter_results": filtered, "x": place}
        accumulator.add(CompletionChunk.from_value({"choices": [choice], "y": place}))
    answer = accumulator.result()

    assert answer is not None
    assert answer.choices[0].logprobs == {
        "tokens": ["a", "b"],
        "token_logprobs": [-1.0, -1.0],
        "text_offset": [0, 1],
        "top_logprobs": None,
    }
    assert answer.choices[0].content_filter_results == {"hate": 1, "violence": 2}
    assert answer.choices[0].model_extra == {"x": 1}
    assert answer.model_extra == {"y": 1}


TEXTS = st.text(max_size=12)
ANSWERS = st.lists(
    st.fixed_dictionaries(
        {
            "content": TEXTS,
            "reasoning_content": TEXTS,
            "calls": st.lists(
                st.tuples(st.text("abc", min_size=1, max_size=3), st.text("fgh", min_size=1), TEXTS), max_size=3
            ),
        }
    ),
    min_size=1,
    max_size=3,
)


def _frame(number: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"index": number, "delta": delta}]}


def _pieces(draw: Any, text: str) -> list[str]:
    """A text cut somewhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@given(ANSWERS, st.booleans(), st.data())
def test_any_cut_in_any_order(answers: list[dict[str, Any]], by_id: bool, data: st.DataObject) -> None:
    """Whatever is cut into pieces, and however the pieces of choices and calls come mixed, the answer is the same."""
    frames: list[dict[str, Any]] = []
    queues: list[list[dict[str, Any]]] = []
    for number, answer in enumerate(answers):
        queues += [
            [_frame(number, {kind: text}) for text in _pieces(data.draw, answer[kind])]
            for kind in ("content", "reasoning_content")
        ]
        for position, (id_, name, arguments) in enumerate(answer["calls"]):
            whole_id = f"{position}{id_}"
            place = {"id": whole_id} if by_id else {"index": position}
            first, *rest = _pieces(data.draw, arguments)
            begin = _frame(number, {"tool_calls": [{**piece(first, name, **place), "id": whole_id}]})
            goes_on = [_frame(number, {"tool_calls": [piece(text, **place)]}) for text in rest]
            # Without an index, the order of calls is that in which they begin.
            frames += [begin] if by_id else []
            queues.append(goes_on if by_id else [begin, *goes_on])
    while queues := [queue for queue in queues if queue]:
        frames.append(data.draw(st.sampled_from(queues)).pop(0))

    accumulator = ChatAccumulator(split_reasoning=False)
    for frame in frames:
        accumulator.add(ChatCompletionChunk.from_value(frame))
    result = accumulator.result()

    assert result is not None
    for choice, answer in zip(result.choices, answers, strict=True):
        assert (choice.message.text, choice.message.reasoning_text) == (answer["content"], answer["reasoning_content"])
        read = [(call.id[1:], call.function.name, call.function.arguments) for call in choice.message.tool_calls]
        assert read == answer["calls"]
