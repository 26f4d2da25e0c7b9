"""Failures to rehearse, by setting and by request header."""

from __future__ import annotations

import json
import math
from typing import Any

import httpx
import pytest

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
CHAT, EMBED = "/models/chat/completions", "/models/embeddings"


def streamed(server: Any, fault: str) -> httpx.Response:
    """A stream with a fault."""
    return server.post(CHAT, {**HELLO, "stream": True}, x_emulator_fault=fault)


@pytest.mark.parametrize(
    ("fault", "status", "headers", "content_type", "said"),
    [
        ("status", 503, {}, "application/json", '"code":"503"'),
        ("status:code=429,retry-after=2", 429, {"retry-after": "2"}, "application/json", '"code":"429"'),
        (
            "status:code=429,retry-after-ms=1500,x-ms-retry-after-ms=70",
            429,
            {"retry-after-ms": "1500", "x-ms-retry-after-ms": "70"},
            "application/json",
            "",
        ),
        ("status:code=503,retry-after=soon", 503, {"retry-after": "soon"}, "application/json", ""),
        ("status:code=500,body=html", 500, {}, "text/html", "<html>"),
        ("status:code=500,body=text", 500, {}, "text/plain", "told to answer 500"),
        ("status:code=500,body=string", 500, {}, "application/json", '{"error":"The'),
        ("status:code=424,body=detail", 424, {}, "application/json", '{"detail":"The'),
        ("status:code=500,body=empty", 500, {}, "application/json", ""),
        ("empty", 200, {}, "application/json", ""),
        ("html", 200, {}, "text/html", "<html>"),
        ("html:code=502", 502, {}, "text/html", "<html>"),
        ("redirect:code=308,to=http://127.0.0.1:9/", 308, {"location": "http://127.0.0.1:9/"}, "application/json", ""),
        ("error-200", 200, {}, "application/json", '{"error":{"code":"429"'),
        ("error-200:code=content_filter", 200, {}, "application/json", '{"error":{"code":"content_filter"'),
        ("no-choices", 200, {}, "application/json", '"choices":[]'),
    ],
)
def test_instead_of_an_answer(  # noqa: PLR0917 - a row of the table
    server: Any, fault: str, status: int, headers: dict[str, str], content_type: str, said: str
) -> None:
    """A fault of the whole answer: its status, headers and body."""
    answer = server.post(CHAT, HELLO, x_emulator_fault=fault)

    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in headers} == headers
    assert answer.headers["content-type"].startswith(content_type)
    assert said in answer.text


def test_truncated(server: Any) -> None:
    """`truncated` sends half of the JSON."""
    answer = server.post(CHAT, HELLO, x_emulator_fault="truncated")

    assert answer.text.startswith('{"id":')
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()


def test_slow(server: Any) -> None:
    """`slow` waits before the first byte."""
    assert server.post(CHAT, HELLO, x_emulator_fault="slow:seconds=0.05").elapsed.total_seconds() >= 0.05


def test_first_requests_only(server: Any) -> None:
    """`times` faults the first requests and then answers; another `id` counts afresh."""
    statuses = [server.post(CHAT, HELLO, x_emulator_fault="status:times=2,id=first").status_code for _ in range(4)]

    assert statuses == [503, 503, 200, 200]
    assert server.post(CHAT, HELLO, x_emulator_fault="status:times=2,id=second").status_code == 503


def test_for_all_requests(start: Any) -> None:
    """Faults of the settings hit every request, or only those of a route."""
    with start(faults=("status:code=500,route=embeddings", "status:code=502,times=1,route=completions")) as server:
        statuses = [
            server.post(path, body).status_code
            for path, body in [(EMBED, {"input": ["a"]}), (CHAT, HELLO), (CHAT, HELLO), (EMBED, {"input": ["a"]})]
        ]

    assert statuses == [500, 502, 200, 500]


@pytest.mark.parametrize("fault", ["nonsense", "status;nonsense", "slow:seconds=soon"])
def test_unknown_fault(server: Any, start: Any, fault: str) -> None:
    """A fault that does not exist is 400 for a request, and an error for the settings."""
    answer = server.post(CHAT, HELLO, x_emulator_fault=fault)

    assert answer.status_code == 400
    with pytest.raises(ValueError, match=r"There is no fault|is not a number"), start(faults=(fault,)):
        pass


def events(text: str) -> list[str]:
    """The events of a well-formed stream."""
    return [event for event in text.split("\n\n") if event]


@pytest.mark.parametrize(
    ("fault", "count", "last"),
    [
        ("cut", 3, "data: {"),
        ("cut:after=0", 0, ""),
        ("no-done", 10, "data: {"),
        ("error-frame", 4, 'data: {"error":{"code":"500"'),
        ("error-frame:after=1,code=429,shape=flat", 2, 'data: {"code":"429"'),
        ("after-done", 12, 'data: {"id":"late"'),
    ],
)
def test_endings(server: Any, fault: str, count: int, last: str) -> None:
    """Streams that end too early, without `[DONE]`, with an error, or not at their end."""
    found = events(streamed(server, fault).text)

    assert len(found) == count
    assert not found or found[-1].startswith(last)


def test_error_event(server: Any) -> None:
    """`error-event` is what managed compute sends: an error event, `[DONE]`, and then the rest."""
    found = events(streamed(server, "error-event:after=2").text)

    assert found[2].startswith("event: error\ndata: Error parsing decoded stream")
    assert found[3] == "data: [DONE]"
    assert len(found[4:]) == 9
    assert found[-1] == "data: [DONE]"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("crlf", lambda plain: plain.replace(b"\n", b"\r\n")),
        ("cr", lambda plain: plain.replace(b"\n", b"\r")),
        ("bom", lambda plain: b"\xef\xbb\xbf" + plain),
        ("comments", lambda plain: plain.replace(b"data: {", b": keep-alive\n\ndata: {")),
        ("fields", lambda plain: plain.replace(b"data: ", b"id: 7\nevent: message\nretry: 3000\ndata: ")),
        ("no-space", lambda plain: plain.replace(b"data: ", b"data:")),
        ("no-newline", lambda plain: plain.rstrip(b"\n")),
        ("bytes:size=3", lambda plain: plain),
        ("slow-frames:seconds=0.001", lambda plain: plain),
    ],
)
def test_notations(server: Any, fault: str, expected: Any) -> None:
    """Other notations of the same events."""
    plain, written = (_without_ids(streamed(server, name).content) for name in ("", fault))
    if fault == "comments":
        written = written.replace(b":\n\n", b"").replace(b": keep-alive\n\ndata: [", b"data: [")

    assert written == expected(plain)


def _without_ids(raw: bytes) -> bytes:
    import re

    return re.sub(rb'chatcmpl-[0-9a-f]+|"created":\d+', b"", raw)


def test_multi_line(server: Any) -> None:
    """`multi-line` spreads each event over `data:` lines that join to its JSON."""
    first = events(streamed(server, "multi-line").text)[0].split("\n")

    assert len(first) > 2
    assert json.loads("\n".join(line.removeprefix("data: ") for line in first))["choices"]


def test_surrogates(server: Any) -> None:
    """`surrogates` sends an emoji as two halves in two frames."""
    raw = streamed(server, "surrogates").text

    assert '"content":"\\ud83d"' in raw
    assert '"content":"\\ude00"' in raw


def test_bad_frame(server: Any) -> None:
    """`bad-frame` puts an event that is not JSON between the others."""
    bad = events(streamed(server, "bad-frame:after=1").text)[1].removeprefix("data: ")

    with pytest.raises(ValueError, match="Expecting"):
        json.loads(bad)


def test_json_for_a_stream(server: Any) -> None:
    """`json` answers a stream with the whole answer."""
    answer = streamed(server, "json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["object"] == "chat.completion"


TEXTS = ["red", "green", "blue"]


@pytest.mark.parametrize(
    ("fault", "indexes", "length"),
    [
        ("", [0, 1, 2], 256),
        ("shuffled-rows", [1, 2, 0], 256),
        ("missing-row", [0, 1], 256),
        ("extra-row", [0, 1, 2, 3], 256),
        ("duplicate-row", [0, 1, 0], 256),
        ("no-index", [None, None, None], 256),
        ("short-row", [0, 1, 2], 255),
    ],
)
def test_rows(server: Any, fault: str, indexes: list[Any], length: int) -> None:
    """Embeddings in another order, too few, too many, with wrong indexes or lengths."""
    data = server.post(EMBED, {"input": TEXTS}, x_emulator_fault=fault).json()["data"]

    assert [row.get("index") for row in data] == indexes
    assert len(data[-1]["embedding"]) == length


def test_shuffled_rows_keep_their_index(server: Any) -> None:
    """Shuffled rows still say which text each belongs to."""
    plain, mixed = (
        server.post(EMBED, {"input": TEXTS}, x_emulator_fault=f).json()["data"] for f in ("", "shuffled-rows")
    )

    assert sorted(mixed, key=lambda row: row["index"]) == plain


def test_values_that_are_no_vectors(server: Any) -> None:
    """NaN, null, and base64 although floats were asked for."""
    bodies = [server.post(EMBED, {"input": TEXTS}, x_emulator_fault=f) for f in ("nan-row", "null-row", "base64-rows")]
    nan, null, packed = [body.json()["data"][-1]["embedding"] for body in bodies]

    assert math.isnan(nan[0])
    assert null is None
    assert isinstance(packed, str)
