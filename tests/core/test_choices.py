"""The choice that is followed through a stream."""

from __future__ import annotations

import pytest

from azure_inference import ChatCompletion, ChatCompletionChunk, FirstChoice


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
