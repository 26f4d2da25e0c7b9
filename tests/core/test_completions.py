"""Text completions: what they hold besides text is kept whole and in a stream, and chats are not taken for them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from azure_inference import ChatRequest, CompletionRequest, ResponseValidationError, UserMessage

REQUEST = CompletionRequest(prompt="p")
HELLO = {"role": "assistant", "content": "hello"}


@pytest.mark.parametrize(
    ("choices", "route"),
    [
        ([{"message": HELLO}], "complete"),
        ([{"text": None, "message": HELLO}], "complete"),
        ([{"delta": HELLO}], "complete"),
        ([{"message": HELLO}], "a whole answer"),
        ([{"delta": {"role": "assistant", "content": ""}}, {"delta": {"content": "hello"}}, {"delta": {}}], "stream"),
        ([{"text": "", "delta": HELLO}], "stream"),
        ([{"message": HELLO}], "stream"),
    ],
)
def test_a_chat_is_no_text_completion(server: Any, either: Any, choices: list[Any], route: str) -> None:
    """An answer of a chat, whose text is not where completions have theirs, is an error, not an empty text."""
    answers = [{"choices": [{"index": 0, "finish_reason": "stop", **choice}]} for choice in choices]
    if route == "stream":
        server.reply_events(*answers)
    else:
        server.reply_json(*answers)
    client = either.client(server.url)

    with pytest.raises(ResponseValidationError, match=r"not a valid Completion: choices\.0: .*message|is not a chunk"):
        client.complete(REQUEST) if route == "complete" else client.stream_complete(REQUEST)


@pytest.mark.parametrize("beside", [{"message": None}, {"message": {}}, {"delta": None}, {"delta": {}}, {}])
@pytest.mark.parametrize("text", [{"text": ""}, {"text": None}, {}])
def test_an_empty_text(server: Any, either: Any, text: Any, beside: Any) -> None:
    """A completion may be empty, whatever else is there and says nothing."""
    answer = {"choices": [{"index": 0, "finish_reason": "stop", **text, **beside}]}
    server.reply_json(answer)
    server.reply_events(answer)
    client = either.client(server.url)

    assert client.complete(REQUEST).choices[0].text == ""
    assert [chunk.choices[0].text for chunk in client.stream_complete(REQUEST)] == [""]


@pytest.mark.parametrize("beside", [{"message": None}, {"text": ""}, {"message": HELLO}, {"text": "hello"}])
def test_what_stands_beside_a_delta(server: Any, either: Any, beside: Any) -> None:
    """A chunk that has its text where chunks have it may have more beside: some servers repeat the whole."""
    choice = {"index": 0, "delta": {"content": "hello"}, "finish_reason": None, **beside}
    server.reply_events({"choices": [choice]}, {"choices": [{**choice, "delta": {}, "finish_reason": "stop"}]})
    stream = either.client(server.url).stream_chat(ChatRequest(messages=[UserMessage(content="Hello.")]))

    assert "".join(chunk.choices[0].delta.text for chunk in stream) == "hello"


NUMBERED = [[None, None], [0, None], *itertools.permutations(range(3))]


@pytest.mark.parametrize("numbers", NUMBERED, ids=str)
def test_choices_in_any_order(server: Any, either: Any, numbers: list[Any]) -> None:
    """Several choices come in the order of their numbers; as they are, if one has none."""
    told = [{"index": number, "finish_reason": "stop"} for number in numbers]
    texts = [{**choice, "text": f"{choice['index']}"} for choice in told]
    messages = [{**choice, "message": {"content": f"{choice['index']}"}} for choice in told]
    server.reply_json({"choices": texts})
    server.reply_json({"choices": messages})
    client = either.client(server.url)
    expected = [str(number) for number in (numbers if None in numbers else range(3))]

    assert [choice.text for choice in client.complete(REQUEST).choices] == expected
    chat = client.chat(ChatRequest(messages=[UserMessage(content="Hello.")], n=3))
    assert [choice.message.text for choice in chat.choices] == expected
