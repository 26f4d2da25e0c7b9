"""The connections that calls and streams hold: used again, freed, and kept apart by loop, thread and process."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

import httpcore
import pytest

from azure_inference import (
    AsyncInferenceClient,
    BadRequestError,
    ChatRequest,
    Connection,
    InferenceClient,
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
        async with AsyncInferenceClient(server.url, "canary-5ecret") as client:
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
    client = AsyncInferenceClient(server.url, "canary-5ecret")

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
    with InferenceClient(server.url, "canary-5ecret") as client:

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


_ASK_IN_A_LOOP_THAT_CLOSES_NOTHING = """
import asyncio, sys
url, library, end = sys.argv[1:]
if library == "httpx":
    sys.modules["aiohttp"] = None
import nest_asyncio
from azure_inference import AsyncInferenceClient, ChatRequest, to_request
nest_asyncio.apply()

async def ask():
    client = AsyncInferenceClient(url, "key")
    request = to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}]})
    print((await client.chat(request)).id)
    if end == "closed":
        await client.close()
    return None if end == "dropped while the loop runs" else client

client = asyncio.run(ask())
if end == "dropped after it":
    del client
"""


@pytest.mark.parametrize("library", ["aiohttp", "httpx"])
@pytest.mark.parametrize("end", ["closed", "dropped while the loop runs", "dropped after it", "kept to the end"])
def test_a_loop_that_closes_no_generators(server: Any, library: str, end: str) -> None:
    """With nest_asyncio, whose loops are neither closed nor care for async generators, nobody is told of errors."""
    pytest.importorskip("nest_asyncio", reason="it comes with llama-index-core")
    server.reply_json(ANSWER)
    code = [sys.executable, "-c", _ASK_IN_A_LOOP_THAT_CLOSES_NOTHING, server.url, library, end]
    ran = subprocess.run(code, capture_output=True, text=True, check=True, timeout=60)

    assert (ran.stdout, ran.stderr) == ("c\n", "")


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
    connection = Connection(server.url, "canary-5ecret")

    assert connection.client is connection.client
    assert connection.async_client is connection.async_client
    assert connection.client.chat(HELLO).id == "c"
    assert asyncio.run(connection.async_client.chat(HELLO)).id == "c"
    connection.client.close()


def test_connection_without_its_secret(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickle carries everything but the credential, which it takes from the environment where it is loaded, and the
    headers, which may hold keys.
    """
    server.reply_json(ANSWER)
    connection = Connection(server.url, "hunter2", extra_parameters="drop", timeout=3, headers={"x": "hunter2"})
    pickled = pickle.dumps(connection)
    assert b"hunter2" not in pickled
    assert "hunter2" not in str(connection.identity)

    monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", "from-environment")
    twin = pickle.loads(pickled)
    assert twin.identity == connection.identity
    assert twin.client.chat(HELLO).id == "c"
    twin.client.close()
    got = server.requests[0]
    assert (got.headers["api-key"], got.headers["extra-parameters"]) == ("from-environment", "drop")
    assert "x" not in got.headers


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


class Company:
    """What a company's own adapter may look like."""

    __slots__ = ("credential",)
    endpoint = "https://x.services.ai.azure.com/models"

    def __init__(self) -> None:
        self.credential = "a"

    @property
    def api_version(self) -> str:
        """Not the usual one."""
        return "2025-04-01"


def test_connection_of_an_object() -> None:
    """The arguments are the attributes of an object, wherever it has them: in itself, its class, or computed."""
    of = Connection.of(Company())

    assert of.identity == Connection(Company.endpoint, "a", api_version="2025-04-01").identity


def test_streams_outlive_their_client(server: Any, reply: Any, either: Any) -> None:
    """A stream goes on although nobody holds its client any more."""
    go_on = threading.Event()
    server.reply(reply(pieces=[said("hel"), go_on, said("lo", "stop"), DONE]))
    kind: Any = AsyncInferenceClient if either.is_async else InferenceClient
    stream = either.run(kind(server.url, "canary-5ecret").stream_chat(HELLO))
    gc.collect()
    either.run(asyncio.sleep(0.01)) if either.is_async else None
    go_on.set()

    chunks = either.run(_all(stream)) if either.is_async else list(stream)
    assert "".join(chunk.choices[0].delta.text for chunk in chunks) == "hello"


async def _all(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


def test_clients_that_nobody_holds_hang_up(server: Any, either: Any) -> None:
    """A client that was forgotten, not closed, leaves no connection behind."""
    server.reply_json(ANSWER)
    kind: Any = AsyncInferenceClient if either.is_async else InferenceClient
    assert either.run(kind(server.url, "canary-5ecret").chat(HELLO)).id == "c"
    gc.collect()
    either.run(asyncio.sleep(0.01)) if either.is_async else None

    assert server.hung_up.acquire(timeout=20)


def test_clients_in_a_circle_hang_up_quietly(server: Any, either: Any, caplog: pytest.LogCaptureFixture) -> None:
    """So does one that is part of a circle, such as an error that is kept makes; nobody complains of it."""
    server.reply_json(ANSWER)
    kind: Any = AsyncInferenceClient if either.is_async else InferenceClient
    circle: dict[str, Any] = {"client": kind(server.url, "canary-5ecret")}
    circle["self"] = circle
    assert either.run(circle["client"].chat(HELLO)).id == "c"
    del circle
    gc.collect()
    either.run(asyncio.sleep(0.01)) if either.is_async else None

    assert server.hung_up.acquire(timeout=20)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_streams_collected_while_connections_are_given_out(server: Any, reply: Any, monkeypatch: Any) -> None:
    """Garbage collection may find a stream that was left while the same thread is at work in the pool."""
    pools: Any = import_module("azure_inference.transport._httpx")
    make = pools._connection_class
    found: list[int] = []

    def collect_and_make() -> Any:
        found.append(gc.collect())
        return make()

    server.reply(reply(pieces=[said("hello"), threading.Event()]))
    server.reply_json(ANSWER)
    client = InferenceClient(server.url, "key")
    circle: list[Any] = [client.stream_chat(HELLO)]
    circle.append(circle)
    monkeypatch.setattr(pools, "_connection_class", collect_and_make)
    gc.disable()
    try:
        del circle
        assert client.chat(HELLO).choices[0].message.text == "hi"
    finally:
        gc.enable()
    assert found[0] > 0
    assert client.chat(HELLO).choices[0].message.text == "hi"


def test_a_call_looks_at_few_connections(server: Any, reply: Any, either: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many connections are idle, a call looks at the one used last and at the one that has waited longest."""
    gate, looks = threading.Event(), []
    server.reply(*[reply(pieces=[said("hello"), gate, said("", "stop")])] * 20)
    server.reply_json(ANSWER)
    client = either.client(server.url)
    streams = [client.stream_chat(HELLO) for _ in range(20)]
    gate.set()
    assert [texts(stream) for stream in streams] == ["hello"] * 20
    for kind in (httpcore.HTTPConnection, httpcore.AsyncHTTPConnection):
        monkeypatch.setattr(kind, "has_expired", _counted(kind.has_expired, looks))
    client.chat(HELLO)

    assert server.connections == 20
    assert len(looks) <= 2


def _counted(has_expired: Callable[[Any], bool], looks: list[Any]) -> Callable[[Any], bool]:
    def counted(connection: Any) -> bool:
        looks.append(connection)
        return has_expired(connection)

    return counted
