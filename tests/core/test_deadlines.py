"""How long calls and streams take at most, whatever a server does, and what their errors say."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from typing import Any

import httpcore
import httpx
import pytest

from azure_inference import (
    APIStatusError,
    APITimeoutError,
    ChatRequest,
    InferenceClient,
    RateLimitError,
    RetryPolicy,
    Timeouts,
    to_request,
)

HELLO = to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}]})
BODY = b'{"id": "c", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
HEAD = b"HTTP/1.1 200 OK\r\n"
STREAM = HEAD + b"content-type: text/event-stream\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def said(text: str, finish_reason: str | None = None) -> bytes:
    """A frame that brings text."""
    delta = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    return b"data: " + json.dumps({"id": "c", "choices": [delta]}).encode() + b"\n\n"


SLOW: dict[str, tuple[Any, ...]] = {
    "no answer": ("request", "stall"),
    "the head stalls": ("request", HEAD, "stall"),
    "the body stalls": ("request", HEAD + b"content-length: 10\r\n\r\n{", "stall"),
    "the head drips": ("request", HEAD + b"x: ", ("drip", b"a")),
    "announcements without end": ("request", ("drip", b"HTTP/1.1 102 Processing\r\n\r\n")),
    "the body drips": ("request", HEAD + b"content-length: 9999\r\n\r\n", ("drip", b" ")),
    "chunks drip": ("request", HEAD + b"transfer-encoding: chunked\r\n\r\n", ("drip", b"1\r\n \r\n")),
}
STREAMED: dict[str, tuple[Any, ...]] = {
    **SLOW,
    "comments": ("request", STREAM, ("drip", b": still here\n\n")),
    "a first event that drips": ("request", STREAM + b"data: ", ("drip", b"x")),
}


@pytest.mark.parametrize("steps", SLOW.values(), ids=SLOW)
def test_total_of_calls(raw: Any, either: Any, steps: tuple[Any, ...]) -> None:
    """A call ends at its deadline though the server never falls silent for long, and hangs up."""
    raw.script(*steps)
    client = either.client(raw.url, timeout=Timeouts(total=0.2))

    with pytest.raises(APITimeoutError, match="total") as caught:
        client.chat(HELLO)
    assert raw.hung_up.acquire(timeout=20)
    assert (caught.value.phase, caught.value.attempts, len(raw.requests)) == ("total", 1, 1)


@pytest.mark.parametrize("steps", STREAMED.values(), ids=STREAMED)
def test_total_of_streams(raw: Any, either: Any, steps: tuple[Any, ...]) -> None:
    """A stream has its first chunk by the deadline, or fails: bytes that say nothing are no chunk."""
    raw.script(*steps)
    client = either.client(raw.url, timeout=Timeouts(total=0.2))

    with pytest.raises(APITimeoutError, match="total") as caught:
        client.stream_chat(HELLO)
    assert raw.hung_up.acquire(timeout=20)
    assert (caught.value.phase, caught.value.attempts, len(raw.requests)) == ("total", 1, 1)


@pytest.mark.parametrize(("method", "status"), [("chat", 401), ("stream_chat", 503)])
def test_total_of_refusals(raw: Any, either: Any, method: str, status: int) -> None:
    """A refusal that drips ends at the deadline, too, as the refusal that it is; nothing follows it."""
    head = f"HTTP/1.1 {status} No\r\ncontent-length: 9999\r\n\r\n"
    raw.script("request", head.encode(), ("drip", b" "))
    client = either.client(raw.url, lambda: "token", timeout=Timeouts(total=0.5))

    with pytest.raises(APIStatusError) as caught:
        getattr(client, method)(HELLO)
    assert raw.hung_up.acquire(timeout=20)
    assert (caught.value.status_code, caught.value.attempts, len(raw.requests)) == (status, 1, 1)
    assert isinstance(caught.value.__cause__, APITimeoutError)
    assert caught.value.__cause__.phase == "total"


@pytest.mark.parametrize("name", ["no answer", "the head stalls", "the body stalls"])
@pytest.mark.parametrize("method", ["chat", "stream_chat"])
def test_silence(raw: Any, either: Any, name: str, method: str) -> None:
    """A server that says nothing for long is a timeout of reading; asked once, since it may be at work."""
    raw.script(*SLOW[name])
    client = either.client(raw.url, timeout=Timeouts(read=0.1))

    with pytest.raises(APITimeoutError, match="read") as caught:
        getattr(client, method)(HELLO)
    assert raw.hung_up.acquire(timeout=20)
    assert (caught.value.phase, caught.value.attempts, len(raw.requests)) == ("read", 1, 1)


def test_total_covers_all_attempts(raw: Any, either: Any) -> None:
    """Attempts share one deadline: the last is cut off, however much time it would have had alone."""
    raw.script(*SLOW["no answer"])
    policy = RetryPolicy(max_retries=99, first_delay=0, retry_on_timeout=True)
    client = either.client(raw.url, retry=policy, timeout=Timeouts(read=0.1, total=0.25))

    with pytest.raises(APITimeoutError) as caught:
        client.chat(HELLO)
    assert caught.value.phase == "total"
    assert 2 <= caught.value.attempts == len(raw.requests) <= 3


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
@pytest.mark.parametrize("wait", ["30", "59.9"])
def test_waits_beyond_the_deadline(raw: Any, either: Any, method: str, wait: str) -> None:
    """A server that asks for a wait beyond the deadline is not waited for: the refusal is told at once."""
    head = f"HTTP/1.1 429 No\r\nretry-after: {wait}\r\ncontent-length: 0\r\n\r\n"
    raw.script("request", head.encode(), "stall")

    with pytest.raises(RateLimitError) as caught:
        getattr(either.client(raw.url, timeout=20), method)(HELLO)
    assert (caught.value.retry_after, caught.value.attempts, len(raw.requests)) == (float(wait), 1, 1)


def test_timeout_of_one_call(raw: Any, either: Any) -> None:
    """A call may have a deadline of its own, and leaves none behind for the next."""
    raw.script(*SLOW["the body drips"])
    raw.script("request", ("wait", 0.3), ANSWER, "stall")
    client = either.client(raw.url)

    with pytest.raises(APITimeoutError, match="total"):
        client.chat(HELLO, timeout=Timeouts(total=0.1))
    assert client.chat(HELLO).id == "c"


QUIET: dict[str, tuple[Any, ...]] = {
    "silence": ("stall",),
    "comments": (("drip", b": still here\n\n"),),
    "empty events": (("drip", b"data:\n\n"),),
    "half an event": (b"data: ", ("drip", b"x")),
}


@pytest.mark.parametrize("steps", QUIET.values(), ids=QUIET)
def test_idle_streams(raw: Any, either: Any, steps: tuple[Any, ...]) -> None:
    """A stream that brings no chunk for long is a timeout with what had arrived, whatever else it brings."""
    raw.script("request", STREAM, said("hel"), *steps)
    stream = either.client(raw.url, timeout=Timeouts(idle=0.15)).stream_chat(HELLO)

    assert next(stream).choices[0].delta.text == "hel"
    with pytest.raises(APITimeoutError, match="idle") as caught:
        next(stream)
    assert caught.value.phase == "idle"
    assert caught.value.partial.choices[0].message.text == "hel"
    assert len(raw.requests) == 1
    assert raw.hung_up.acquire(timeout=20)


def test_streams_longer_than_total(raw: Any, either: Any) -> None:
    """Once its first chunk is there, a stream may take as long as it keeps talking."""
    words = [step for word in "abcdefgh" for step in (said(word), ("wait", 0.05))]
    raw.script("request", STREAM, *words, DONE)
    stream = either.client(raw.url, timeout=Timeouts(total=0.2, idle=5)).stream_chat(HELLO)

    assert "".join(choice.delta.text for chunk in stream for choice in chunk.choices) == "abcdefgh"


def test_slow_readers(raw: Any, either: Any) -> None:
    """The time that the caller takes between chunks is no timeout of the server's."""
    raw.script("request", STREAM, said("a"), ("wait", 0.05), said("b"), ("wait", 0.05), said("c", "stop"), DONE)
    stream = either.client(raw.url, timeout=Timeouts(read=0.2, idle=0.2, total=0.3)).stream_chat(HELLO)
    texts: list[str] = []
    for chunk in stream:
        texts += [choice.delta.text for choice in chunk.choices]
        either.run(asyncio.sleep(0.4)) if either.is_async else time.sleep(0.4)

    assert texts == ["a", "b", "c"]


def test_full_pools(raw: Any, either: Any) -> None:
    """A call waits for a free connection no longer than it may; one given back is free at once."""
    raw.script("request", STREAM, said("hel"), "stall")
    raw.script("request", ANSWER, "stall")
    client = either.client(raw.url, timeout=Timeouts(pool=0.1), max_connections=1)
    stream = client.stream_chat(HELLO)

    with pytest.raises(APITimeoutError, match="pool") as caught:
        client.chat(HELLO)
    assert (caught.value.phase, caught.value.attempts) == ("pool", 1)
    stream.close()
    assert client.chat(HELLO).id == "c"


def test_total_covers_the_wait_for_a_connection(raw: Any, either: Any) -> None:
    """A deadline that passes while a call waits for a free connection is told as the deadline."""
    raw.script("request", STREAM, said("hel"), "stall")
    client = either.client(raw.url, timeout=Timeouts(total=0.2), max_connections=1)
    stream = client.stream_chat(HELLO)

    with pytest.raises(APITimeoutError) as caught:
        client.chat(HELLO)
    assert caught.value.phase == "total"
    stream.close()


@pytest.mark.parametrize("when", ["while it waits", "when its turn has come"])
def test_places_of_calls_that_were_cancelled(server: Any, reply: Any, either: Any, when: str) -> None:
    """A call that is cancelled while it waits for a connection leaves its place to the others, in their order."""
    if not either.is_async:
        pytest.skip("plain calls cannot be cancelled")
    go_on = threading.Event()
    server.by_body = lambda _: reply(body=BODY if go_on.wait(20) else b"")
    client = either.client(server.url, max_connections=1).inner
    done: list[str] = []

    async def call(word: str) -> None:
        await client.chat(HELLO)
        done.append(word)
        if word == "a" and when == "when its turn has come":
            calls[1].cancel()  # its place was given to it just now, and it does not know yet

    async def main() -> None:
        calls.extend(asyncio.create_task(call(word)) for word in "abcd")
        await asyncio.sleep(0.05)
        if when == "while it waits":
            calls[1].cancel()
        go_on.set()
        ends = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 20)
        assert [type(end) for end in ends] == [type(None), asyncio.CancelledError, type(None), type(None)]
        await asyncio.wait_for(asyncio.gather(call("e"), call("f")), 20)

    calls: list[asyncio.Task[None]] = []
    either.run(main())

    assert "".join(done) == "acdef"
    assert server.connections == 1


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
def test_the_token_is_part_of_the_call(raw: Any, either: Any, method: str) -> None:
    """A call that waits for its token ends at the deadline, too, and says that it was the credential."""
    is_over = threading.Event()

    def give() -> str:
        is_over.wait(20)
        return "token"

    async def give_async() -> str:
        await asyncio.Event().wait()
        return "token"

    try:
        for provider in (give, give_async) if either.is_async else (give,):
            with pytest.raises(APITimeoutError, match=r"credential .*\(total\)") as caught:
                getattr(either.client(raw.url, provider, timeout=0.1), method)(HELLO)
            assert (caught.value.phase, raw.connections) == ("credential", 0)
    finally:
        is_over.set()


@pytest.mark.parametrize("phase", ["connect", "total"])
def test_slow_look_ups_of_names(raw: Any, either: Any, monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    """Async code waits for the address of a host until the deadline; sync code must wait on, but then sends nothing."""
    raw.script("request", ANSWER)
    is_over = threading.Event()
    look_up = socket.getaddrinfo

    def look_up_slowly(*arguments: Any, **options: Any) -> Any:
        is_over.wait(20 if either.is_async else 0.3)
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_slowly)
    client = either.client(raw.url.replace("127.0.0.1", "localhost"), timeout=Timeouts(**{phase: 0.1}))
    try:
        with pytest.raises(APITimeoutError, match=phase):
            client.chat(HELLO)
    finally:
        is_over.set()
    assert raw.requests == []


class SilentAddresses:
    """A host of which every address but one takes no connection and says nothing; `limits` are what each was given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
        self.limits: list[float] = []
        connect = httpcore.SyncBackend.connect_tcp

        def look_up(host: str, port: int, *arguments: Any, **options: Any) -> Any:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        def connect_or_wait(backend: Any, host: str, port: int, timeout: float, *arguments: Any) -> Any:
            self.limits.append(timeout)
            if host == "127.0.0.1":
                monkeypatch.undo()
                return connect(backend, host, port, timeout, *arguments)
            time.sleep(timeout)
            raise httpcore.ConnectTimeout

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect_or_wait)


@pytest.mark.parametrize("limits", [{"connect": 0.5}, {"total": 0.5}], ids=["connect", "total"])
def test_hosts_of_several_silent_addresses(raw: Any, monkeypatch: pytest.MonkeyPatch, limits: dict[str, Any]) -> None:
    """All addresses of a host share the time to connect, and that of the call."""
    silent = SilentAddresses(monkeypatch, ["127.0.0.2", "127.0.0.3", "127.0.0.4"])
    client = InferenceClient(
        raw.url.replace("127.0.0.1", "localhost"), "key", timeout=Timeouts(**limits), max_retries=0
    )

    with pytest.raises(APITimeoutError):
        client.chat(HELLO)
    assert 0 < sum(silent.limits) <= 0.5


def test_proxies_that_make_no_tunnel(raw: Any, either: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy has the time to connect for its answer, and is asked again: nothing of the call was sent yet."""
    for name in ("https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", raw.root)
    raw.script("request", "stall")
    timeouts = Timeouts(connect=0.2, read=None, total=10)  # the answer to CONNECT is not waited for as one of the call
    client = either.client("https://example.invalid/models", trust_env=True, timeout=timeouts)

    with pytest.raises(APITimeoutError, match="through the proxy") as caught:
        client.chat(HELLO)
    assert caught.value.phase == "connect"
    assert caught.value.attempts == len(raw.requests) > 1
    assert all(head.startswith(b"CONNECT example.invalid:443") for head in raw.requests)


def test_an_address_behind_silent_ones(raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent address leaves time for those after it."""
    raw.script("request", ANSWER)
    silent = SilentAddresses(monkeypatch, ["127.0.0.2", "127.0.0.3", "127.0.0.1"])
    client = InferenceClient(
        raw.url.replace("127.0.0.1", "localhost"), "key", timeout=Timeouts(connect=3), max_retries=0
    )

    assert client.chat(HELLO).id == "c"
    assert len(silent.limits) == 3


@pytest.mark.parametrize("name", ["the body drips", "chunks drip"])
def test_total_with_a_client_of_the_users(raw: Any, either: Any, name: str) -> None:
    """An answer that drips ends at the deadline over a client of the user's, too."""
    raw.script(*SLOW[name])
    given: dict[str, Any] = (
        {"async_http_client": httpx.AsyncClient()} if either.is_async else {"http_client": httpx.Client()}
    )
    (http,) = given.values()
    client = either.client(raw.url, timeout=Timeouts(total=0.2), **given)

    with pytest.raises(APITimeoutError, match="total"):
        client.chat(HELLO)
    assert raw.hung_up.acquire(timeout=20)
    either.run(http.aclose() if either.is_async else http.close())
