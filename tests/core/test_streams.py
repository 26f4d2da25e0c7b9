"""Streams over real HTTP: their ends and interruptions, errors at any place, and the connections they hold."""

from __future__ import annotations

import json
import logging
import pickle
import threading
from typing import Any

import pytest

from azure_inference import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    BadRequestError,
    ChatRequest,
    CompletionRequest,
    ContentFilterError,
    InferenceError,
    InternalServerError,
    RateLimitError,
    ResponseValidationError,
    RetryPolicy,
    StreamInterruptedError,
    Timeouts,
    to_request,
)

HELLO = to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}]})
DONE = b"data: [DONE]\n\n"
ANSWER = {
    "id": "c",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
}


def event(value: Any) -> bytes:
    """An event of a stream."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def said(text: str, finish_reason: str | None = None) -> bytes:
    """A frame that brings text."""
    return event({"id": "c", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}]})


def texts(stream: Any) -> str:
    """What a stream says, to its end."""
    return "".join(choice.delta.text for chunk in stream for choice in chunk.choices)


def until_error(stream: Any) -> tuple[str, Exception]:
    """What a stream says before it fails, and how it fails."""
    found: list[str] = []
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whoever calls looks at it
        found.extend(choice.delta.text for chunk in stream for choice in chunk.choices)
    return "".join(found), caught.value


ENDS: dict[str, list[bytes]] = {
    "end mark": [said("hel"), said("lo", "stop"), DONE],
    "end mark without a finish reason": [said("hel"), said("lo"), DONE],
    "finish reason without an end mark": [said("hel"), said("lo", "stop")],
    "no final newline": [said("hel"), said("lo", "stop"), b"data: [DONE]"],
    "no final newline and no finish reason": [said("hel"), said("lo"), b"data: [DONE]"],
    "usage after the end of the choices": [
        said("hello", "stop"),
        event({"choices": [], "usage": {"total_tokens": 1}}),
        DONE,
    ],
    "more after the end mark": [said("hello", "stop"), DONE, said("ignored"), event({"error": {"message": "ignored"}})],
    "the end mark in one piece with what follows": [said("hello", "stop") + DONE + said("ignored")],
    "prompt filter first": [
        event({"id": "", "choices": [], "prompt_filter_results": [{}]}),
        said("hello", "stop"),
        DONE,
    ],
    "comments, names and numbers": [b": hi\n\nevent: message\nid: 1\n" + said("hello", "stop"), b": bye\n\n", DONE],
    "carriage returns": [said("hello", "stop").replace(b"\n", b"\r\n"), DONE.replace(b"\n", b"\r\n")],
    "a name of an event that means nothing": [said("hello", "stop"), b"event: ping\ndata: {}\n\n", DONE],
    "an end mark by the name of an error": [said("hello", "stop"), b"event: error\n" + DONE],
    "an end mark with blanks": [said("hello"), b"data:  [DONE] \n\n"],
    "null where there are no choices": [said("hel"), event({"choices": None}), said("lo", "stop"), DONE],
    "null where there is no delta": [
        said("hel"),
        event({"choices": [{"index": 0, "delta": None}]}),
        said("lo", "stop"),
    ],
}


@pytest.mark.parametrize("pieces", ENDS.values(), ids=ENDS)
def test_ends(server: Any, reply: Any, either: Any, pieces: list[bytes]) -> None:
    """However a complete stream ends, it says all it has to say, and no more."""
    server.reply(reply(pieces=pieces))
    stream = either.client(server.url).stream_chat(HELLO)

    assert texts(stream) == "hello"
    assert stream.so_far.choices[0].message.text == "hello"
    assert list(stream) == [], "what has ended stays ended"


def test_an_end_without_a_reason(server: Any, reply: Any, either: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What is done without a reason is complete: its choices end for `unknown`, and one record tells of it."""
    other = event({"choices": [{"index": 1, "delta": {"content": "canary-text"}, "finish_reason": "length"}]})
    server.reply(reply(pieces=[said("<thi"), other, DONE]))
    stream = either.client(server.url).stream_chat(HELLO)
    chunks = list(stream)

    (last,) = chunks[-1].choices
    assert (chunks[-1].id, last.index, last.finish_reason, last.delta.text) == ("c", 0, "unknown", "<thi")
    assert [choice.finish_reason for choice in stream.so_far.choices] == ["unknown", "length"]
    assert stream.so_far.choices[0].message.text == "<thi"
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.name == "azure_inference"
    assert server.requests[0].headers["x-ms-client-request-id"] in record.getMessage()
    assert "canary" not in record.getMessage()


@pytest.mark.parametrize("reason", ["stop", None])
def test_text_without_a_reason(
    server: Any, reply: Any, either: Any, caplog: pytest.LogCaptureFixture, reason: str | None
) -> None:
    """The same of text completions; a reason that is given is told as it is, and nothing is logged of it."""
    piece = event({"id": "t", "choices": [{"index": 0, "text": "hi", "finish_reason": reason}]})
    server.reply(reply(pieces=[piece, DONE]))
    stream = either.client(server.url).stream_complete(CompletionRequest(prompt="p"))

    assert "".join(choice.text for chunk in stream for choice in chunk.choices) == "hi"
    assert stream.so_far.choices[0].finish_reason == (reason or "unknown")
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == (reason is None)


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ([], StreamInterruptedError),
        ([b"data: {oops\n\n"], ResponseValidationError),
        ([event({"error": {"message": "overloaded", "code": 429}})], RateLimitError),
        (["stall"], APITimeoutError),
    ],
    ids=["ends", "no chunk", "refusal", "silence"],
)
def test_whose_failure(server: Any, reply: Any, either: Any, pieces: list[Any], kind: type[InferenceError]) -> None:
    """A failure within a stream says which call and request it was, and at what attempt that was answered."""
    server.reply_json({"error": {"message": "overloaded"}}, 503, retry_after_ms="1", x_request_id="of the first")
    go_on = threading.Event()
    pieces = [said("hel"), *(go_on if piece == "stall" else piece for piece in pieces)]
    server.reply(reply(headers={"apim-request-id": "of the second"}, pieces=pieces))
    stream = either.client(server.url, timeout=Timeouts(idle=0.2)).stream_chat(HELLO)
    _, error = until_error(stream)
    go_on.set()

    assert type(error) is kind
    assert isinstance(error, InferenceError)
    assert (error.attempts, error.request_id) == (2, "of the second")
    assert error.client_request_id == server.requests[1].headers["x-ms-client-request-id"]
    cause = error.__cause__
    assert not isinstance(cause, InferenceError) or cause.request_id == "of the second"


INTERRUPTED: dict[str, tuple[list[bytes], bool]] = {
    "the body ends": ([said("hel"), said("lo")], True),
    "the connection breaks": ([said("hel"), said("lo")], False),
    "the connection breaks inside an event": ([said("hel"), said("lo"), b'data: {"id'], False),
    "the body ends inside an event": ([said("hel"), said("lo"), b'data: {"id'], True),
    "the body ends inside the end mark": ([said("hel"), said("lo"), b"data: [DO"], True),
    "one of two choices has not ended": (
        [said("hello", "stop"), event({"choices": [{"index": 1, "delta": {"content": ""}}]})],
        True,
    ),
}


@pytest.mark.parametrize(("pieces", "whole"), INTERRUPTED.values(), ids=INTERRUPTED)
def test_interruptions(server: Any, reply: Any, either: Any, pieces: list[bytes], whole: bool) -> None:
    """A stream that stops before its end is an error with what had arrived, and is not tried again."""
    server.reply(reply(pieces=pieces, whole=whole))
    client = either.client(server.url)
    stream = client.stream_chat(HELLO)
    text, error = until_error(stream)

    assert text == "hello"
    assert isinstance(error, StreamInterruptedError)
    assert error.partial.choices[0].message.text == "hello"
    assert len(server.requests) == 1
    with pytest.raises(StreamInterruptedError):
        next(stream)
    assert pickle.loads(pickle.dumps(error)).partial == error.partial


def test_a_broken_connection_after_the_end(server: Any, reply: Any, either: Any) -> None:
    """Once the model has said that it is done, nothing is lost when the connection breaks."""
    server.reply(reply(pieces=[said("hello", "stop")], whole=False))

    assert texts(either.client(server.url).stream_chat(HELLO)) == "hello"


def test_what_has_arrived(server: Any, reply: Any, either: Any) -> None:
    """The chunks that came together are given together, and none twice; at the end there are none."""
    go_on = threading.Event()
    pieces = [said("hel") + said("lo"), go_on, said(" ") + said("you") + said("!", "stop") + DONE]
    server.reply(reply(pieces=pieces))
    stream = either.client(server.url).stream_chat(HELLO)
    first = arrived(either, stream)
    go_on.set()

    assert [texts([chunk]) for chunk in first] == ["hel", "lo"]
    assert texts([next(stream)]) == " "
    assert [texts([chunk]) for chunk in arrived(either, stream)] == ["you", "!"]
    assert [arrived(either, stream), arrived(either, stream)] == [[], []]
    assert stream.so_far.choices[0].message.text == "hello you!"


def test_what_arrived_before_an_error(server: Any, reply: Any, either: Any) -> None:
    """Chunks that came with an error are given first; then it is raised, at each further asking."""
    server.reply(reply(pieces=[said("hel") + said("lo") + event({"error": {"message": "busy", "code": 429}})]))
    stream = either.client(server.url).stream_chat(HELLO)

    assert [texts([chunk]) for chunk in arrived(either, stream)] == ["hel", "lo"]
    for _ in range(2):
        with pytest.raises(RateLimitError, match="busy"):
            arrived(either, stream)


def test_nothing_arrives_once_closed(server: Any, reply: Any, either: Any) -> None:
    """A stream that was closed gives nothing more, not even what had come."""
    server.reply(reply(pieces=[said("hel") + said("lo"), said("!", "stop"), DONE]))
    stream = either.client(server.url).stream_chat(HELLO)
    next(stream)
    stream.close()

    assert arrived(either, stream) == []


def arrived(either: Any, stream: Any) -> Any:
    """The chunks that have arrived, of either kind of stream."""
    return either.run(stream.inner.arrived())


@pytest.mark.parametrize("pieces", [[], [b": hi\n\n"], [DONE], [b"\n\n"]])
def test_streams_that_say_nothing(server: Any, reply: Any, either: Any, pieces: list[bytes]) -> None:
    """A stream without a single choice is no answer."""
    server.reply(reply(pieces=pieces))

    with pytest.raises(StreamInterruptedError) as caught:
        either.client(server.url).stream_chat(HELLO)
    assert caught.value.partial is None


def test_stalled_streams(server: Any, reply: Any, either: Any) -> None:
    """A stream that falls silent is a timeout with what had arrived."""
    never = threading.Event()
    server.reply(reply(pieces=[said("hel"), never]))
    client = either.client(server.url, timeout=Timeouts(read=0.1))
    text, error = until_error(client.stream_chat(HELLO))
    never.set()

    assert text == "hel"
    assert isinstance(error, APITimeoutError)
    assert error.partial.choices[0].message.text == "hel"


FILTERED = {"error": {"code": "content_filter", "message": "filtered", "status": 400}}
ERRORS: dict[str, tuple[bytes, type[Exception], int]] = {
    "a frame": (event({"error": {"message": "overloaded", "code": 429}}), RateLimitError, 429),
    "a frame beside choices": (event({"choices": [], "error": {"message": "broken"}}), InternalServerError, 502),
    "a filter": (event(FILTERED), ContentFilterError, 400),
    "a filter, by its code": (event({"error": {"code": "content_filter", "message": "x"}}), ContentFilterError, 400),
    "a flat frame": (event({"object": "error", "message": "broken", "code": 400}), BadRequestError, 400),
    "a detail": (event({"detail": "broken"}), InternalServerError, 502),
    "a named event": (b"event: error\ndata: Error parsing decoded stream\n\n", InternalServerError, 502),
    "a named event of JSON": (b"event: error\n" + event({"message": "slow", "code": 429}), RateLimitError, 429),
    "a named event of an error": (
        b"event: error\n" + event({"error": {"message": "x", "status": 503}}),
        InternalServerError,
        503,
    ),
}


@pytest.mark.parametrize("before", [[], [said("hel"), said("lo")]], ids=["first", "later"])
@pytest.mark.parametrize("case", ERRORS.values(), ids=ERRORS)
def test_error_frames(server: Any, reply: Any, either: Any, before: list[bytes], case: tuple[bytes, Any, int]) -> None:
    """An error at any place of a stream is raised at that place, with what had arrived; the rest is not read."""
    frame, kind, status = case
    server.reply(reply(pieces=[*before, frame, DONE, said("ignored")]))
    client = either.client(server.url, retry=RetryPolicy(max_retries=0))
    if not before:
        with pytest.raises(kind) as caught:
            client.stream_chat(HELLO)
        text, error = "", caught.value
    else:
        text, error = until_error(client.stream_chat(HELLO))

    assert type(error) is kind
    assert isinstance(error, APIStatusError)
    assert error.status_code == status
    assert text == ("hello" if before else "")
    assert (error.partial.choices[0].message.text if before else error.partial) == (text or None)


@pytest.mark.parametrize(
    "frame",
    [
        b"data: {oops\n\n",
        b"data: [1]\n\n",
        b"data: 7\n\n",
        b"event: error\n\n",
        b"data: \xff\n\n",
        event(ANSWER),
        event({"choices": [{"index": 0, "text": "of a text completion", "finish_reason": "stop"}]}),
    ],
)
def test_frames_that_are_none(server: Any, reply: Any, either: Any, frame: bytes) -> None:
    """A frame that is no chunk is an error of ours."""
    server.reply(reply(pieces=[said("hel"), frame, DONE]))
    text, error = until_error(either.client(server.url).stream_chat(HELLO))

    assert text == "hel"
    assert isinstance(error, ResponseValidationError)
    assert error.partial.choices[0].message.text == "hel"


@pytest.mark.parametrize(
    "beside", [{"text": "hi"}, {"message": {"role": "assistant", "content": "hi"}}, {"text": None}]
)
@pytest.mark.parametrize("delta", [{"role": "assistant", "content": "hi"}, {"role": "assistant", "content": ""}])
def test_text_beside_a_delta(
    server: Any, reply: Any, either: Any, delta: dict[str, Any], beside: dict[str, Any]
) -> None:
    """Some services repeat what a delta says, or what was said so far: that is kept, and not said twice."""
    frame = {"index": 0, "delta": delta, "finish_reason": "stop", **beside}
    server.reply(reply(pieces=[event({"choices": [frame]}), DONE]))
    chunk, *rest = either.client(server.url).stream_chat(HELLO)

    assert chunk.choices[0].delta.text == delta["content"]
    assert chunk.choices[0].model_extra == beside
    assert not rest


def test_a_whole_message_beside_an_empty_delta(server: Any, reply: Any, either: Any) -> None:
    """Where nothing was said before, it would be lost."""
    frame = {"index": 0, "delta": {}, "message": {"content": "whole"}, "finish_reason": "stop"}
    server.reply(reply(pieces=[event({"choices": [frame]}), DONE]))

    with pytest.raises(ResponseValidationError, match="not a chunk"):
        list(either.client(server.url).stream_chat(HELLO))


def test_errors_before_the_first_chunk_are_tried_again(server: Any, reply: Any, either: Any) -> None:
    """Until something was handed out, a failure inside a stream is like any other."""
    server.reply(reply(pieces=[event({"error": {"message": "overloaded", "code": 429}}), DONE]))
    server.reply(reply(pieces=[said("hello", "stop"), DONE]))

    assert texts(either.client(server.url).stream_chat(HELLO)) == "hello"
    assert len(server.requests) == 2


def test_a_whole_answer_in_place_of_a_stream(server: Any, either: Any) -> None:
    """A server that does not stream is read as a stream of one chunk."""
    server.reply_json(ANSWER)
    stream = either.client(server.url).stream_chat(HELLO)

    assert texts(stream) == "hi"
    assert stream.so_far.choices[0].finish_reason == "stop"
    server.replies.clear()
    server.reply_json({"choices": [{"index": 0, "text": "hi", "finish_reason": "stop"}]})
    chunks = list(either.client(server.url).stream_complete(CompletionRequest(prompt="p")))
    assert [chunk.choices[0].text for chunk in chunks] == ["hi"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps(FILTERED).encode(), ContentFilterError),
        (b"<html>Welcome</html>", ResponseValidationError),
        (b'{"choices": ', ResponseValidationError),
        (b'{"data": []}', ResponseValidationError),
        (b'{"choices": [1]}', ResponseValidationError),
        (b'{"choices": {}}', ResponseValidationError),
        (b'{"choices": [{"finish_reason": "stop"}]}', ResponseValidationError),
        (b"", StreamInterruptedError),
        (b": still here\n\n", StreamInterruptedError),
        (b"retry: 10\n\ndata", StreamInterruptedError),
        (b"Welcome", ResponseValidationError),
        (b"\r\n Service temporarily unavailable\n", ResponseValidationError),
        (b"upstream connect error: reset " + b"x" * 200, ResponseValidationError),
        (b'"Quota exceeded"', ResponseValidationError),
        (b'[{"error": {"code": 429, "message": "Quota exceeded"}}]', RateLimitError),
        (b'["Quota exceeded"]', ResponseValidationError),
        (b"[]", ResponseValidationError),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_other_bodies_in_place_of_a_stream(
    server: Any, reply: Any, either: Any, *, body: bytes, kind: Any, size: int
) -> None:
    """A refusal under 200 is that refusal; a page, a text or half a body is an error that says what was seen of it,
    however the network cuts it; nothing, or what only keeps the connection alive, is a stream that ended too early.
    """
    server.reply(reply(pieces=[body[start : start + size] for start in range(0, len(body), size)]))

    with pytest.raises(kind) as caught:
        either.client(server.url, max_retries=0, retry=None).stream_chat(HELLO)
    if kind is ResponseValidationError:
        assert repr(body.lstrip()[:80].decode()) in str(caught.value)


def test_characters_cut_anywhere(server: Any, reply: Any, either: Any) -> None:
    """A character of several bytes may come in pieces, and text may hold what other decoders take for line ends."""
    whole = "Zürich\u2028€\u2029🎈\u0085\u000b"
    frame = json.dumps(
        {"choices": [{"index": 0, "delta": {"content": whole}, "finish_reason": "stop"}]}, ensure_ascii=False
    )
    body = f"data: {frame}\n\n".encode() + DONE
    server.reply(reply(pieces=[body[start : start + 1] for start in range(len(body))]))

    assert texts(either.client(server.url).stream_chat(HELLO)) == whole


def test_no_answer_before_the_first_chunk(server: Any, reply: Any, either: Any) -> None:
    """A connection that breaks before anything came is told as such, after all attempts."""
    server.reply(reply(pieces=[], whole=False))

    with pytest.raises(APIConnectionError) as caught:
        either.client(server.url).stream_chat(HELLO)
    assert caught.value.attempts == 3
