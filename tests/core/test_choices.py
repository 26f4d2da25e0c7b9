"""The choice that is followed through a stream."""

from __future__ import annotations

from typing import Any

import pytest

from azure_inference import ChatCompletion, ChatCompletionChunk, ChatRequest, FirstChoice, UserMessage

END = {"index": 0, "delta": {}, "finish_reason": "stop"}


@pytest.mark.parametrize(
    ("numbers", "followed"),
    [
        ([[0], [0]], ["a", "b"]),
        ([[1], [1]], ["a", "b"]),
        ([[None], [0]], ["a", "b"]),
        ([[1], [0], [1]], ["a", None, "c"]),
        ([[], [2, 1], [1, 2], []], [None, "a", "d", None]),
    ],
)
def test_one_is_followed(numbers: list[list[int | None]], followed: list[str | None]) -> None:
    """It is that which comes first, and no other after it, be they in one chunk or in many."""
    letters = iter("abcdefg")
    chunks = [
        ChatCompletionChunk.from_value(
            {"choices": [{"index": number, "delta": {"content": next(letters)}} for number in each]}
        )
        for each in numbers
    ]
    first = FirstChoice()
    found = [first.of(chunk.choices) for chunk in chunks]

    assert [choice and choice.delta.content for choice in found] == followed
    message = {"content": "whole"}
    whole = ChatCompletion.model_validate({"choices": [{"index": first.index, "message": message}]})
    assert first.of_whole(whole.choices).message.content == "whole"


def test_pieces_of_one_choice(server: Any, either: Any) -> None:
    """Several in one chunk come one by one; what stands beside them comes once."""
    pieces = [{"index": 0, "delta": {"content": text}} for text in "ab"]
    server.reply_events({"choices": pieces, "usage": {"total_tokens": 3}}, {"choices": [END]})
    stream = either.client(server.url).stream_chat(ChatRequest(messages=[UserMessage(content="x")]))
    chunks = list(stream)

    assert [[choice.delta.content for choice in chunk.choices] for chunk in chunks] == [["a"], ["b"], [None]]
    assert [chunk.usage and chunk.usage.total_tokens for chunk in chunks] == [None, 3, None]
    assert (stream.so_far.choices[0].message.text, stream.so_far.usage.total_tokens) == ("ab", 3)
