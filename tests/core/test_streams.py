"""Streams over real HTTP: their ends and interruptions, errors at any place, and the connections they hold."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import pickle
import threading
from typing import Any

import pytest

from azure_inference import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncInferenceClient,
    BadRequestError,
    ChatRequest,
    CompletionRequest,
    Connection,
    ContentFilterError,
    InferenceClient,
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
    "an end mark with blanks": [said("hello"), b"data:  [DONE] \n\n"],
}


@pytest.mark.parametrize("pieces", ENDS.values(), ids=ENDS)
def test_ends(server: Any, reply: Any, either: Any, pieces: list[bytes]) -> None:
    """However a complete stream ends, it says all it has to say, and no more."""
    server.reply(reply(pieces=pieces))
    stream = either.client(server.url).stream_chat(HELLO)

    assert texts(stream) == "hello"
    assert stream.so_far.choices[0].message.text == "hello"
    assert list(stream) == [], "what has ended stays ended"


INTERRUPTED: dict[str, tuple[list[bytes], bool]] = {
    "the body ends": ([said("hel"), said("lo")], True),
    "the connection breaks": ([said("hel"), said("lo")], False),
    "the connection breaks inside an event": ([said("hel"), said("lo"), b'data: {"id'], False),
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
    "frame", [b"data: {oops\n\n", b"data: [1]\n\n", b"data: 7\n\n", b"event: error\n\n", b"data: \xff\n\n"]
)
def test_frames_that_are_none(server: Any, reply: Any, either: Any, frame: bytes) -> None:
    """A frame that is no chunk is an error of ours."""
    server.reply(reply(pieces=[said("hel"), frame, DONE]))
    text, error = until_error(either.client(server.url).stream_chat(HELLO))

    assert text == "hel"
    assert isinstance(error, ResponseValidationError)
    assert error.partial.choices[0].message.text == "hel"


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
        (b"", StreamInterruptedError),
        (b"Welcome", StreamInterruptedError),
    ],
)
def test_other_bodies_in_place_of_a_stream(server: Any, reply: Any, either: Any, body: bytes, kind: Any) -> None:
    """A refusal under 200 is that refusal; a page, half a body or nothing is an error that says what was seen."""
    server.reply(reply(body=body))

    with pytest.raises(kind):
        either.client(server.url).stream_chat(HELLO)


def test_characters_cut_anywhere(server: Any, reply: Any, either: Any) -> None:
    """A character of several bytes may come in pieces, and text may hold what other decoders take for line ends."""
    whole = "Zürich\u2028€\u2029🎈\u0085\u000b"
    frame = json.dumps(
        {"choices": [{"index": 0, "delta": {"content": whole}, "finish_reason": "stop"}]}, ensure_ascii=False
    )
    body = f"data: {frame}\n\n".encode() + DONE
    server.reply(reply(pieces=[body[start : start + 1] for start in range(len(body))]))

    assert texts(either.client(server.url).stream_chat(HELLO)) == whole


# Connections.


def test_connections_are_used_again(server: Any, reply: Any, either: Any) -> None:
    """Calls, refusals and streams whose body was read to its end leave their connection to the next."""
    server.reply_json(ANSWER)
    server.reply(reply(pieces=[said("hello", "stop")]))
    server.reply_json({"error": {"message": "no"}}, 400)
    server.reply_json(ANSWER)
    client = either.client(server.url)
    client.chat(HELLO)
    assert texts(client.stream_chat(HELLO)) == "hello"
    with pytest.raises(BadRequestError):
        client.chat(HELLO)
    client.chat(HELLO)

    assert len(server.requests) == 4
    assert server.connections == 1


def test_nothing_is_read_after_the_end_mark(server: Any, reply: Any, either: Any, until_closed: Any) -> None:
    """A server that keeps the body open after the end mark is hung up on at once."""
    server.reply(reply(pieces=[said("hello", "stop"), DONE, until_closed]))

    assert texts(either.client(server.url).stream_chat(HELLO)) == "hello"
    assert server.closed.acquire(timeout=20)


@pytest.mark.parametrize("how", ["close", "close before the first chunk is taken", "with", "abandon"])
def test_connections_of_streams_that_are_left(
    server: Any, reply: Any, either: Any, until_closed: Any, how: str
) -> None:
    """A stream that is closed, left or forgotten hangs up."""
    server.reply(reply(pieces=[said("hel"), said("lo"), until_closed]))
    client = either.client(server.url)
    stream = client.stream_chat(HELLO)
    if how == "close before the first chunk is taken":
        stream.close()
    else:
        for _ in stream:
            break
        if how == "close":
            stream.close()
            assert list(stream) == [], "what was closed says no more"
        elif how == "with":
            either.run(_leave_async(stream.inner)) if either.is_async else _leave(stream.inner)
    del stream
    gc.collect()
    if either.is_async:
        either.run(asyncio.sleep(0.01))

    assert server.closed.acquire(timeout=20)


def _leave(stream: Any) -> None:
    with stream:
        pass


async def _leave_async(stream: Any) -> None:
    async with stream:
        pass


def test_cancelled_streams(server: Any, reply: Any, until_closed: Any) -> None:
    """A task that is cancelled while it waits for a chunk hangs up, and the client goes on."""
    server.reply(reply(pieces=[said("hel"), until_closed]))

    async def main() -> None:
        async with AsyncInferenceClient(server.url, "key") as client:
            started = asyncio.Event()

            async def read() -> None:
                async with await client.stream_chat(HELLO) as stream:
                    async for _ in stream:
                        started.set()

            task = asyncio.create_task(read())
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(server.closed.acquire, timeout=20)
            server.replies.clear()
            server.reply_json(ANSWER)
            assert (await client.chat(HELLO)).id == "c"

    asyncio.run(main())


def test_closed_clients_may_go_on(server: Any, either: Any) -> None:
    """To close a client gives its connections back; a later call makes new ones."""
    server.reply_json(ANSWER)
    client = either.client(server.url)
    client.chat(HELLO)
    client.close()
    client.close()
    client.chat(HELLO)

    assert server.connections == 2


def test_several_event_loops(server: Any) -> None:
    """One async client serves event loops one after another, and at once in several threads."""
    server.reply_json(ANSWER)
    client = AsyncInferenceClient(server.url, "key")

    async def ask() -> str | None:
        answers = await asyncio.gather(*(client.chat(HELLO) for _ in range(3)))
        return answers[0].id

    assert [asyncio.run(ask()) for _ in range(2)] == ["c", "c"]
    given: list[str | None] = []
    threads = [threading.Thread(target=lambda: given.append(asyncio.run(ask()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert given == ["c"] * 4
    assert len(server.requests) == 18


def test_many_threads(server: Any, reply: Any) -> None:
    """One plain client serves any number of threads, each with its own answer."""
    server.by_body = lambda body: reply(
        body=json.dumps({"choices": [{"message": {"content": body["messages"][0]["content"]}}]}).encode()
    )
    given: dict[str, str] = {}
    with InferenceClient(server.url, "key") as client:

        def ask(number: int) -> None:
            for turn in range(5):
                text = f"{number} {turn}"
                request = to_request(ChatRequest, {"messages": [{"role": "user", "content": text}]})
                given[text] = client.chat(request).choices[0].message.text

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert len(given) == 40
    assert all(asked == answered for asked, answered in given.items())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forks(server: Any, either: Any) -> None:
    """A child process makes connections of its own and leaves its parent's alone."""
    server.reply_json(ANSWER)
    client = either.client(server.url)
    client.chat(HELLO)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if either.is_async:
                asyncio.set_event_loop(None)
                asyncio.events._set_running_loop(None)
                status = 0 if asyncio.run(client.inner.chat(HELLO)).id == "c" else 2
            else:
                status = 0 if client.chat(HELLO).id == "c" else 2
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    client.chat(HELLO)

    assert os.waitstatus_to_exitcode(status) == 0
    assert [got.connection for got in server.requests] == [1, 2, 1]


# Connections of model classes.


def test_connection_makes_one_client_of_each_kind(server: Any) -> None:
    """A connection gives the same two clients every time."""
    server.reply_json(ANSWER)
    connection = Connection(server.url, "key")

    assert connection.client is connection.client
    assert connection.async_client is connection.async_client
    assert connection.client.chat(HELLO).id == "c"
    assert asyncio.run(connection.async_client.chat(HELLO)).id == "c"
    connection.client.close()


def test_connection_without_its_secret(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickle carries everything but the credential, which it takes from the environment where it is loaded."""
    server.reply_json(ANSWER)
    connection = Connection(server.url, "hunter2", extra_parameters="drop", timeout=3, headers={"x": "1"})
    pickled = pickle.dumps(connection)
    assert b"hunter2" not in pickled
    assert "hunter2" not in str(connection.identity)

    monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", "from-environment")
    twin = pickle.loads(pickled)
    assert twin.identity == connection.identity
    assert twin.client.chat(HELLO).id == "c"
    twin.client.close()
    got = server.requests[0]
    assert (got.headers["api-key"], got.headers["extra-parameters"], got.headers["x"]) == (
        "from-environment",
        "drop",
        "1",
    )


@pytest.mark.parametrize(
    "other",
    [
        {"endpoint": "https://other.services.ai.azure.com/models"},
        {"api_version": "2025-04-01"},
        {"dialect": "openai-v1"},
        {"extra_parameters": "drop"},
    ],
)
def test_identity(other: dict[str, Any]) -> None:
    """Connections that ask differently have different identities; the credential is no part of it."""
    options = {"endpoint": "https://x.services.ai.azure.com/models"}
    one = Connection(**options, credential="a")

    assert one.identity == Connection(**options, credential="b").identity
    assert one.identity != Connection(**{**options, **other}, credential="a").identity


def test_no_answer_before_the_first_chunk(server: Any, reply: Any, either: Any) -> None:
    """A connection that breaks before anything came is told as such, after all attempts."""
    server.reply(reply(pieces=[], whole=False))

    with pytest.raises(APIConnectionError) as caught:
        either.client(server.url).stream_chat(HELLO)
    assert caught.value.attempts == 3
