"""Bodies of answers: decompressed however they are cut, cut short or endless, and never larger than the limit."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from azure_inference import (
    APIStatusError,
    BadRequestError,
    ChatRequest,
    InferenceError,
    PermissionDeniedError,
    RateLimitError,
    ResponseValidationError,
    RetryPolicy,
    Timeouts,
    client,
    to_request,
)
from azure_inference.bodies import Body, BodyDecoder
from azure_inference.schema._json import read_json

from . import endpoints

HELLO = to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}]})
ANSWER = {"id": "c", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}
BODY = json.dumps(ANSWER).encode()
CHUNK = {"id": "c", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}
EVENTS = b"data: " + json.dumps(CHUNK).encode() + b"\n\ndata: [DONE]\n\n"
MEBIBYTE = 1024 * 1024
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def bomb(mebibytes: int, begin: bytes = b"") -> bytes:
    """Gzip data a thousand times smaller than what it holds."""
    packer = zlib.compressobj(9, wbits=31)
    pieces = [packer.compress(begin), *(packer.compress(b" " * MEBIBYTE) for _ in range(mebibytes)), packer.flush()]
    return b"".join(pieces)


ENCODED: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(BODY)),
    "x-gzip in capitals": ("X-GZip", gzip.compress(BODY)),
    "gzip of two members": ("gzip", gzip.compress(BODY[:20]) + gzip.compress(BODY[20:])),
    "deflate": ("deflate", zlib.compress(BODY)),
    "identity": ("identity", BODY),
    "none": ("", BODY),
}


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(("encoding", "data"), ENCODED.values(), ids=ENCODED)
def test_encodings(encoding: str, data: bytes, size: int) -> None:
    """A compressed body is the same however the network cuts it."""
    body = Body({"content-encoding": encoding}, 10_000)
    for start in range(0, len(data), size):
        body.add(data[start : start + size])

    assert body.whole() == BODY


BROKEN: dict[str, tuple[str, bytes, str]] = {
    "cut short": ("gzip", gzip.compress(BODY)[:-9], "cut short"),
    "cut short in the second member": ("gzip", gzip.compress(BODY) + gzip.compress(BODY)[:15], "cut short"),
    "corrupt": ("gzip", gzip.compress(BODY)[:12] + b"\xff" * 40, "decompressed"),
    "a wrong checksum": ("gzip", gzip.compress(BODY)[:-8] + b"\0" * 8, "decompressed"),
    "no gzip at all": ("gzip", BODY, "decompressed"),
    "a page after the first member": ("gzip", gzip.compress(BODY) + b"<html>", "decompressed"),
    "not asked for": ("br", BODY, "'br'"),
    "twice": ("gzip, gzip", gzip.compress(gzip.compress(BODY)), "not asked for"),
}


@pytest.mark.parametrize(("encoding", "data", "words"), BROKEN.values(), ids=BROKEN)
def test_broken_encodings(raw: Any, either: Any, encoding: str, data: bytes, words: str) -> None:
    """What cannot be decompressed to its end is no answer, and is not tried again."""
    head = HEAD + f"content-encoding: {encoding}\r\ncontent-length: {len(data)}\r\n\r\n".encode()
    raw.script("request", head, data, "stall")

    with pytest.raises(ResponseValidationError, match=words) as caught:
        either.client(raw.url).chat(HELLO)
    assert caught.value.attempts == len(raw.requests) == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_answers(raw: Any, either: Any, encoding: str) -> None:
    """A server that compresses although it was not asked to is understood, in whole answers and in streams."""
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    for plain in (BODY, EVENTS):
        data = pack(plain)
        head = (
            HEAD + f"content-encoding: {encoding}\r\ncontent-length: {len(data)}\r\nconnection: close\r\n\r\n".encode()
        )
        raw.script("request", head, data)
    client = either.client(raw.url)

    assert client.chat(HELLO).id == "c"
    assert [chunk.choices[0].delta.text for chunk in client.stream_chat(HELLO)] == ["hi"]
    assert all(b"accept-encoding: identity" in head.lower() for head in raw.requests)


class ReadingAuth(httpx.Auth):
    """Authentication that looks at the body of each answer."""

    requires_response_body = True


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
@pytest.mark.parametrize("reader", ["hook", "auth"])
def test_answers_that_the_users_client_has_read(server: Any, reply: Any, either: Any, reader: str, method: str) -> None:
    """An answer that a hook or an `httpx.Auth` of the user's has read, and httpx decompressed, is read once more."""
    hook = httpx.Response.aread if either.is_async else httpx.Response.read
    options: dict[str, Any] = {"event_hooks": {"response": [hook]}} if reader == "hook" else {"auth": ReadingAuth()}
    http: Any = (httpx.AsyncClient if either.is_async else httpx.Client)(timeout=2, **options)
    server.reply(reply(body=gzip.compress(BODY if method == "chat" else EVENTS), headers={"content-encoding": "gzip"}))
    client = either.client(server.url, **{"async_http_client" if either.is_async else "http_client": http})

    for _ in range(2):
        got = client.chat(HELLO) if method == "chat" else next(client.stream_chat(HELLO))
        assert got.id == "c"
    either.run(http.aclose() if either.is_async else http.close())
    assert server.connections == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks(encoding: str) -> None:
    """A body with a byte order mark is what follows it, whatever encoding it tells of."""
    body = Body({}, 10_000)
    body.add('{"id": "Zürich"}'.encode(encoding))

    assert json.loads(body.whole().decode()) == {"id": "Zürich"}


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b'["\\ud800",' + b"[" * 100_000])
def test_nesting_without_end(body: bytes) -> None:
    """A body that is nested beyond all measure is no JSON."""
    with pytest.raises(ValueError, match=r"recursion limit|nested too deep"):
        read_json(body)


def test_a_bomb_is_not_unpacked() -> None:
    """Of a small body that unpacks to a large one, no more than the limit is ever held."""
    data = bomb(64)
    tracemalloc.start()
    with pytest.raises(ResponseValidationError, match="more than 1048576 bytes"):
        Body({"content-encoding": "gzip"}, MEBIBYTE).add(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 3 * MEBIBYTE


def test_pieces_of_a_bomb_are_small() -> None:
    """A stream takes in a bomb in pieces, each of them far smaller than the whole."""
    sizes = [len(piece) for piece in BodyDecoder({"content-encoding": "gzip"}).feed(bomb(4))]

    assert sum(sizes) == 4 * MEBIBYTE
    assert max(sizes) <= 65536


LARGE: dict[str, tuple[Any, ...]] = {
    "a bomb": (HEAD + b"content-encoding: gzip\r\n\r\n", ("flood", bomb(1))),
    "a body without end": (HEAD + b"\r\n", ("flood", b"[" * 65536)),
    "chunks without end": (
        HEAD + b"transfer-encoding: chunked\r\n\r\n",
        ("flood", b"10000\r\n" + b"[" * 65536 + b"\r\n"),
    ),
}


@pytest.mark.parametrize("steps", LARGE.values(), ids=LARGE)
def test_bodies_beyond_the_limit(
    raw: Any, either: Any, monkeypatch: pytest.MonkeyPatch, steps: tuple[Any, ...]
) -> None:
    """A body that is larger than the limit is not read any further: the connection is closed, nothing tried again."""
    monkeypatch.setattr(client, "CHAT", replace(endpoints.CHAT, answer_limit=MEBIBYTE))
    raw.script("request", *steps)

    with pytest.raises(ResponseValidationError, match="more than 1048576 bytes") as caught:
        either.client(raw.url).chat(HELLO)
    assert caught.value.attempts == len(raw.requests) == 1
    assert raw.hung_up.acquire(timeout=20)


REFUSAL = json.dumps({"error": {"code": "teapot", "message": "try elsewhere"}}).encode()
UNREADABLE: dict[str, tuple[Any, ...]] = {
    "in an encoding not asked for": (b"content-encoding: br\r\ncontent-length: 4\r\n\r\n\x0b\x02\x80x",),
    "no gzip at all": (b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nnone",),
    "gzip cut short": (
        b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % (len(gzip.compress(REFUSAL)) - 4),
        gzip.compress(REFUSAL)[:-4],
    ),
    "cut off": (b"content-length: 1000\r\n\r\n" + REFUSAL,),
    "reset": (b"content-length: 1000\r\n\r\n" + REFUSAL, ("wait", 0.05), "reset"),
    "without end": (b"\r\n", ("flood", b"x" * 65536)),
    "a bomb": (b"content-encoding: gzip\r\n\r\n", ("flood", bomb(1))),
}
TELLING = ("gzip cut short", "cut off", "reset")
"""Those of which so much came that they can be understood."""
REFUSING: dict[int, tuple[type[APIStatusError], int]] = {
    403: (PermissionDeniedError, 1),
    429: (RateLimitError, 2),
}


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
@pytest.mark.parametrize("status", REFUSING)
@pytest.mark.parametrize("name", UNREADABLE)
def test_refusals_that_cannot_be_read(raw: Any, either: Any, name: str, status: int, method: str) -> None:
    """A refusal is that refusal though its body cannot be read: its class, its id, and whether it is tried again."""
    kind, attempts = REFUSING[status]
    head = b"HTTP/1.1 %d No\r\napim-request-id: r-1\r\nretry-after: 0\r\nconnection: close\r\n" % status
    raw.script("request", head, *UNREADABLE[name])
    client = either.client(raw.url, retry=RetryPolicy(max_retries=1, first_delay=0))

    with pytest.raises(kind) as caught:
        getattr(client, method)(HELLO)
    error = caught.value
    assert (error.status_code, error.request_id, error.retry_after) == (status, "r-1", 0.0)
    assert error.attempts == len(raw.requests) == attempts
    assert isinstance(error.__cause__, InferenceError)
    assert not isinstance(error.__cause__, APIStatusError)
    assert error.code == ("teapot" if name in TELLING else None)


def test_redirects_that_cannot_be_read(raw: Any, either: Any) -> None:
    """A redirect is told as one, and is not tried again, though its body is cut off."""
    raw.script("request", b"HTTP/1.1 302 Found\r\ncontent-length: 1000\r\n\r\nhalf")

    with pytest.raises(ResponseValidationError, match="a redirect"):
        either.client(raw.url).chat(HELLO)
    assert len(raw.requests) == 1


def test_a_refused_token_is_renewed_though_nobody_can_read_why(raw: Any, either: Any) -> None:
    """A 401 counts without its body."""
    raw.script("request", b"HTTP/1.1 401 No\r\ncontent-encoding: zstd\r\nconnection: close\r\n\r\n(\xb5/\xfd")
    raw.script("request", HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY)
    tokens = iter(["old-token", "new-token"])

    assert either.client(raw.url, lambda: next(tokens)).chat(HELLO).id == "c"
    assert [token in head for token, head in zip([b"old", b"new"], raw.requests, strict=True)] == [True, True]


def test_refusals_are_read_to_their_own_limit(raw: Any, either: Any) -> None:
    """Of a refusal no more than a mebibyte is read, however large an answer may be."""
    raw.script("request", b"HTTP/1.1 400 No\r\ncontent-length: 2000000\r\n\r\n" + b"x" * 1_100_000, "stall")

    with pytest.raises(BadRequestError) as caught:
        either.client(raw.url, timeout=Timeouts(read=None, total=None)).chat(HELLO)
    assert "more than 1048576 bytes" in str(caught.value.__cause__)


STREAMS: dict[str, tuple[Any, ...]] = {
    "a line without end": (HEAD + b"\r\ndata: ", ("flood", b"x" * 65536)),
    "a bomb": (HEAD + b"content-encoding: gzip\r\n\r\n", bomb(20, b"data: "), "stall"),
    "an object without end": (HEAD + b"\r\n{", ("flood", b" " * 65536)),
}


@pytest.mark.parametrize("steps", STREAMS.values(), ids=STREAMS)
def test_streams_beyond_the_limit(
    raw: Any, either: Any, monkeypatch: pytest.MonkeyPatch, steps: tuple[Any, ...]
) -> None:
    """A stream whose event never ends is not read any further."""
    monkeypatch.setattr(client, "CHAT_STREAM", replace(endpoints.CHAT_STREAM, answer_limit=MEBIBYTE))
    raw.script("request", *steps)

    with pytest.raises(ResponseValidationError):
        either.client(raw.url).stream_chat(HELLO)
    assert len(raw.requests) == 1
    assert raw.hung_up.acquire(timeout=20)


def test_compressed_streams_cut_short(raw: Any, either: Any) -> None:
    """A compressed stream that was cut short is an error with what had arrived, not an end."""
    event = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"hel"}}]}\n\n'
    packer = zlib.compressobj(wbits=31)
    data = packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)
    head = HEAD + f"content-encoding: gzip\r\ncontent-length: {len(data)}\r\n\r\n".encode()
    raw.script("request", head, data, "stall")
    stream = either.client(raw.url).stream_chat(HELLO)

    assert next(stream).choices[0].delta.text == "hel"
    with pytest.raises(ResponseValidationError, match="cut short") as caught:
        next(stream)
    assert caught.value.partial.choices[0].message.text == "hel"
