"""What goes wrong on the wire: connections that break anywhere, answers that are none, and what they leave behind."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import traceback
from typing import Any

import pytest

from azure_inference import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncInferenceClient,
    ChatRequest,
    RateLimitError,
    ResponseValidationError,
    RetryPolicy,
    StreamInterruptedError,
    Timeouts,
    to_request,
)
from tests.faults.server import PATIENCE

HELLO = to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}]})
IMPATIENT = {"retry": RetryPolicy(first_delay=1000, max_delay=1000), "timeout": 20}
"""With these, a wait before another try is an error at once: what succeeds was tried again without a wait."""


def answer(text: str = "hi", head: str = "") -> bytes:
    """A whole answer, as it goes over the wire."""
    message = {"role": "assistant", "content": text}
    body = json.dumps({"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    return plain(body.encode(), head=head)


def plain(body: bytes, status: str = "200 OK", head: str = "") -> bytes:
    """Any body with its length."""
    fields = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{head}\r\n"
    return fields.encode() + body


def said(text: str, finish_reason: str | None = None) -> bytes:
    """A frame that brings text, as a chunk of a body."""
    delta = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    return piece(b"data: " + json.dumps({"id": "c", "choices": [delta]}).encode() + b"\n\n")


def piece(data: bytes) -> bytes:
    """A chunk of a body sent in chunks."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
GOOD_STREAM = (STREAM, said("hello", "stop"), piece(b"data: [DONE]\n\n"), b"0\r\n\r\n")


def read(client: Any, method: str) -> str:
    """What the model says, asked either way."""
    if method == "chat":
        return str(client.chat(HELLO).choices[0].message.text)
    return "".join(choice.delta.text for chunk in client.stream_chat(HELLO) for choice in chunk.choices)


BREAKS: dict[str, tuple[Any, ...]] = {
    "reset before the request": ("reset",),
    "reset before the answer": ("request", "reset"),
    "closed before the answer": ("request",),
    "reset in the head": ("request", b"HTTP/1.1 200 OK\r\ncontent-le", "reset"),
    "closed in the head": ("request", b"HTTP/1.1 200 OK\r\ncontent-le"),
    "reset after the head": ("request", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n", "reset"),
    "reset in the body": ("request", answer()[:-20], ("wait", 0.02), "reset"),
    "reset in a body without a length": ("request", b'HTTP/1.1 200 OK\r\n\r\n{"id": "c', ("wait", 0.02), "reset"),
    "closed in the body": ("request", answer()[:-20]),
    "closed between chunks": ("request", STREAM),
    "a chunk without a size": ("request", STREAM + b"zz\r\nhello\r\n"),
    "no HTTP": ("request", b"SSH-2.0-OpenSSH_9.6\r\n"),
    "another protocol": ("request", b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nhello"),
    "another protocol, not named": ("request", b"HTTP/1.1 101 Switching\r\n\r\n"),
    "HTTP 0.9": ("request", b"<html>hello</html>"),
    "a huge header": ("request", b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000 + b"\r\n\r\n"),
    "headers without end": ("request", b"HTTP/1.1 200 OK\r\n", ("flood", b"x: y\r\n" * 1000)),
}


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
@pytest.mark.parametrize("steps", BREAKS.values(), ids=BREAKS)
def test_breaks_that_pass(raw: Any, either: Any, steps: tuple[Any, ...], method: str) -> None:
    """Before anything was handed out, what breaks the connection once is not seen by the caller."""
    raw.script(*steps)
    raw.script("request", *([answer()] if method == "chat" else GOOD_STREAM))

    assert read(either.client(raw.url), method) == ("hi" if method == "chat" else "hello")
    assert raw.connections == 2


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
@pytest.mark.parametrize("steps", BREAKS.values(), ids=BREAKS)
def test_breaks_that_stay(raw: Any, either: Any, steps: tuple[Any, ...], method: str) -> None:
    """What breaks every connection is one error of ours, after as many attempts as there may be."""
    raw.script(*steps)

    with pytest.raises(APIConnectionError, match=raw.root) as caught:
        read(either.client(raw.url), method)
    assert caught.value.attempts == raw.connections == 3
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "end",
    [["reset"], [], [b"5\r\nda"], [b"zz\r\n"], [piece(b'data: {"id')]],
    ids=["reset", "closed", "in a chunk", "no chunk", "in an event"],
)
def test_breaks_after_the_first_chunk(raw: Any, either: Any, end: list[Any]) -> None:
    """Once a chunk was handed out nothing is tried again: the error has what arrived."""
    raw.script("request", STREAM, said("hel"), ("wait", 0.05), *end)
    stream = either.client(raw.url).stream_chat(HELLO)

    assert next(stream).choices[0].delta.text == "hel"
    with pytest.raises(StreamInterruptedError) as caught:
        next(stream)
    assert caught.value.partial.choices[0].message.text == "hel"
    assert len(raw.requests) == 1


def test_what_came_before_a_break(raw: Any, either: Any) -> None:
    """All that came before a connection broke is handed out, however late it is asked for, and then the error."""
    go_on = threading.Event()
    raw.script("request", STREAM, said("hel"), told(go_on), said("lo"), ("wait", 0.02), "reset")
    stream = either.client(raw.url).stream_chat(HELLO)
    go_on.set()
    pause(either, 0.2)

    assert [next(stream).choices[0].delta.text for _ in range(2)] == ["hel", "lo"]
    with pytest.raises(StreamInterruptedError) as caught:
        next(stream)
    assert caught.value.partial.choices[0].message.text == "hello"


def test_silence_while_nobody_reads(raw: Any, either: Any) -> None:
    """A server may be silent for longer than it may otherwise while the reader of its stream does something else."""
    go_on = threading.Event()
    raw.script("request", STREAM, said("hel"), told(go_on), said("lo", "stop"), *GOOD_STREAM[2:])
    stream = either.client(raw.url, timeout=Timeouts(read=0.2, idle=PATIENCE)).stream_chat(HELLO)
    texts = [next(stream).choices[0].delta.text]
    pause(either, 0.4)
    go_on.set()

    assert texts + [chunk.choices[0].delta.text for chunk in stream] == ["hel", "lo"]


@pytest.mark.parametrize("timeouts", [Timeouts(read=0.1), Timeouts(read=0)])
def test_silence_while_somebody_reads(raw: Any, either: Any, timeouts: Timeouts) -> None:
    """No byte for so long, in an answer or before it, is a timeout of reading; 0 is a limit, too."""
    raw.script("request", "stall")
    with pytest.raises(APITimeoutError) as caught:
        either.client(raw.url, timeout=timeouts).chat(HELLO)
    assert caught.value.phase == "read"


def told(event: threading.Event) -> Any:
    """What a server does that waits until it is told to go on."""

    def wait(_: Any) -> bytes:
        event.wait(PATIENCE)
        return b""

    return wait


def pause(either: Any, seconds: float) -> None:
    """Does something else for a while, during which bytes may come."""
    either.run(asyncio.sleep(seconds)) if either.is_async else time.sleep(seconds)


QUOTABLE: dict[str, tuple[bytes, ...]] = {
    "no HTTP": (b"c00kie " * 10_000,),
    "half a head": (b"HTTP/1.1 200 OK\r\nset-cookie: session=c00kie\r\nx: " + b"c00kie" * 1000,),
    "a bad header": (b"HTTP/1.1 200 OK\r\nset cookie: " + b"c00kie" * 1000 + b"\r\n\r\n",),
    "a huge header": (b"HTTP/1.1 200 OK\r\nset-cookie: " + b"c00kie" * 40_000 + b"\r\n\r\n",),
    "no chunk": (STREAM, b"c00kie " * 10_000),
    "a short chunk": (STREAM, b"3\r\n" + b"c00kie " * 10_000),
}


@pytest.mark.parametrize("steps", QUOTABLE.values(), ids=QUOTABLE)
def test_errors_quote_no_bytes(raw: Any, either: Any, steps: tuple[bytes, ...]) -> None:
    """What a server sent in place of HTTP, a cookie perhaps, is in no error, nor in those that it came of."""
    raw.script("request", *steps)
    with pytest.raises(APIConnectionError) as caught:
        either.client(raw.url).chat(HELLO)
    shown = "".join(traceback.format_exception(None, caught.value, None))
    assert "c00kie" not in shown
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("head", [f"x: {'a' * 90_000}\r\n", "x: y\r\n" * 1000], ids=["long", "many"])
def test_large_heads(raw: Any, either: Any, head: str) -> None:
    """The head of an answer may be as large with one library as with another."""
    raw.script("request", answer(head=head), "stall")

    assert read(either.client(raw.url), "chat") == "hi"


def test_doubled_headers(raw: Any, either: Any) -> None:
    """Of a header that comes more than once the first counts, with every library."""
    doubled = ("retry-after: 2", "retry-after: 1", "x-request-id: one", "x-request-id: two")
    hidden = ("ms-azureml-model-error-statuscode: 429", "ms-azureml-model-error-statuscode: 500")
    raw.script("request", plain(b"{}", "424 Failed", "".join(f"{line}\r\n" for line in doubled + hidden)), "stall")

    with pytest.raises(RateLimitError) as caught:
        either.client(raw.url, max_retries=0, retry=None).chat(HELLO)
    assert (caught.value.retry_after, caught.value.request_id) == (2.0, "one")


STALE: dict[str, tuple[Any, ...]] = {
    "closed at once": ("request", answer()),
    "closed at the next request": ("request", answer(), "request"),
    "reset at the next request": ("request", answer(), "request", "reset"),
}


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
@pytest.mark.parametrize("steps", STALE.values(), ids=STALE)
def test_stale_connections(raw: Any, either: Any, steps: tuple[Any, ...], method: str) -> None:
    """A kept connection that turns out to be closed is replaced, without a wait."""
    raw.script(*steps)
    raw.script("request", *([answer()] if method == "chat" else GOOD_STREAM))
    client = either.client(raw.url, **IMPATIENT)
    client.chat(HELLO)

    assert read(client, method) == ("hi" if method == "chat" else "hello")
    assert raw.connections == 2


@pytest.mark.parametrize("when", ["at once", "in part", "later", "unnoticed"])
def test_surplus(raw: Any, either: Any, when: str) -> None:
    """Bytes that a server sends beyond its answer are never taken for the next answer."""
    extra = answer("smuggled")
    steps: dict[str, list[Any]] = {
        "at once": [answer("first") + extra],
        "in part": [answer("first") + extra[:12]],
        "later": [answer("first"), extra],
        "unnoticed": [answer("first"), ("wait", 0.05), extra],  # by an event loop that stands still
    }
    raw.script("request", *steps[when], "reached", "request", answer("of a connection used again"), "stall")
    raw.script("request", answer("second"), "stall")
    client = either.client(raw.url)
    first = read(client, "chat")
    assert raw.reached.acquire(timeout=20)
    if either.is_async and when != "unnoticed":
        either.run(asyncio.sleep(0.01))

    assert (first, read(client, "chat")) == ("first", "second")


@pytest.mark.parametrize("status", ["100 Continue", "103 Early Hints"])
def test_answers_before_the_answer(raw: Any, either: Any, status: str) -> None:
    """Answers that only announce another are passed over."""
    raw.script("request", f"HTTP/1.1 {status}\r\n\r\n".encode() * 2, answer(), "stall")

    assert read(either.client(raw.url), "chat") == "hi"


def test_refusals_while_the_request_is_sent(raw: Any, either: Any) -> None:
    """A refusal that comes before the request was taken in is told as that refusal."""
    large = to_request(ChatRequest, {"messages": [{"role": "user", "content": "x" * 3_000_000}]})
    raw.script(plain(b'{"error": {"message": "too large"}}', "413 Too Large", "connection: close\r\n"), "stall")

    with pytest.raises(APIStatusError, match="too large") as caught:
        either.client(raw.url).chat(large)
    assert caught.value.status_code == 413


def test_large_requests(raw: Any, either: Any) -> None:
    """A request of many megabytes arrives as it is, and its connection serves the next one."""
    text = "".join(f"{number} " for number in range(1_000_000))
    large = to_request(ChatRequest, {"messages": [{"role": "user", "content": text}]})
    raw.script("request", answer("heard"), "request", answer("again"), "stall")
    client = either.client(raw.url)

    assert client.chat(large).choices[0].message.text == "heard"
    assert read(client, "chat") == "again"
    assert json.loads(raw.bodies[0])["messages"][0]["content"] == text
    assert raw.connections == 1


EMPTY = b"HTTP/1.1 200 OK\r\n"
NO_ANSWERS: dict[str, bytes] = {
    "half an object": plain(b'{"id": "c", "choices": [{"mess'),
    "half an object without a length": EMPTY + b'\r\n{"id": "c", "choices": [{"mess',
    "a page": plain(b"<html>" + b"Please sign in. " * 100),
    "nothing": plain(b""),
    "nothing without a length": EMPTY + b"\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "another success": plain(b"{}", "201 Created"),
    "not modified": b"HTTP/1.1 304 Not Modified\r\n\r\n",
}


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
@pytest.mark.parametrize("steps", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_answers_that_are_none(raw: Any, either: Any, steps: bytes, method: str) -> None:
    """A success that says nothing of use is an error that quotes little of it, and is not tried again."""
    raw.script("request", steps)

    with pytest.raises((ResponseValidationError, StreamInterruptedError)) as caught:
        read(either.client(raw.url), method)
    assert len(raw.requests) == 1
    assert len(str(caught.value)) < 300


LOCATIONS = ["http://localhost:9/models", "/models/chat/completions", "//localhost:9/", "file:///etc/hosts", "", None]


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", LOCATIONS)
def test_redirects(raw: Any, either: Any, location: str | None, status: int, method: str) -> None:
    """No redirect is followed, wherever it leads: it could carry the credential away."""
    head = "" if location is None else f"location: {location}\r\n"
    raw.script("request", plain(b"", f"{status} Moved", head), "request", answer(), "stall")

    with pytest.raises(ResponseValidationError, match="redirect"):
        read(either.client(raw.url), method)
    assert len(raw.requests) == 1


def test_cookies(raw: Any, either: Any) -> None:
    """A cookie is not sent back: one user's session must not become another's."""
    raw.script(
        "request",
        answer(head="set-cookie: session=1; Path=/\r\n"),
        "request",
        answer(head="set-cookie: a=b\r\n"),
        "stall",
    )
    client = either.client(raw.url)
    client.chat(HELLO)
    client.chat(HELLO)

    assert len(raw.requests) == 2
    assert not any(b"cookie" in head.lower() for head in raw.requests)


@pytest.mark.usefixtures("misleading_environment")
def test_settings_of_the_environment(raw: Any, either: Any) -> None:
    """Neither proxies nor passwords are taken from the environment."""
    raw.script("request", answer(), "stall")

    assert read(either.client(raw.url), "chat") == "hi"
    assert b"\r\napi-key: canary-5ecret" in raw.requests[0]
    assert b"Basic" not in raw.requests[0]


def test_many_streams_left(raw: Any, either: Any) -> None:
    """Streams that are broken off leave no connection behind, and the client goes on."""
    raw.script("request", STREAM, said("hel"), "stall")
    client = either.client(raw.url)
    for turn in range(30):
        stream = client.stream_chat(HELLO)
        next(stream)
        if turn % 2:
            stream.close()
        del stream

    if either.is_async:
        either.run(asyncio.sleep(0.01))
    raw.from_now_on("request", answer(), "stall")
    assert client.chat(HELLO).id == "c"
    assert all(raw.hung_up.acquire(timeout=20) for _ in range(30))


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
def test_many_cancelled_tasks(raw: Any, either: Any, method: str) -> None:
    """Tasks cancelled while they wait for an answer leave no connection behind, and the client goes on."""
    if not either.is_async:
        pytest.skip("plain calls cannot be cancelled")
    raw.script("request", *([STREAM] if method == "stream_chat" else []), "reached", "stall")

    async def main() -> None:
        async with AsyncInferenceClient(raw.url, "canary-5ecret") as client:
            tasks = [asyncio.create_task(getattr(client, method)(HELLO)) for _ in range(30)]
            for _ in tasks:
                assert await asyncio.to_thread(raw.reached.acquire, timeout=20)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(error, asyncio.CancelledError) for error in ended)
            for _ in tasks:
                assert await asyncio.to_thread(raw.hung_up.acquire, timeout=20)
            raw.from_now_on("request", answer(), "stall")
            assert (await client.chat(HELLO)).id == "c"

    either.run(main())


def test_answers_read_in_part_are_left_alone(raw: Any, either: Any) -> None:
    """An answer that is being read, and of which more is at hand, is not disturbed by the client's next call."""
    go_on = threading.Event()

    raw.script(
        "request",
        b"".join([STREAM, said("he"), said("l"), said("l")]),
        told(go_on),
        said("o", "stop"),
        *GOOD_STREAM[2:],
    )
    raw.script("request", answer())
    client = either.client(raw.url)

    stream = client.stream_chat(HELLO)
    assert client.chat(HELLO).choices[0].message.text == "hi"
    go_on.set()

    assert "".join(choice.delta.text for chunk in stream for choice in chunk.choices) == "hello"
    assert raw.connections == 2
