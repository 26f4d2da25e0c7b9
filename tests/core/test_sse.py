"""The decoder of event streams: every form that servers use, and every way that a network cuts them."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from azure_inference import ResponseValidationError
from azure_inference.sse import Decoder, NamedEvent

MARK = "\ufeff".encode()


def decoded(body: bytes, cuts: list[int] | None = None) -> list[bytes | NamedEvent]:
    """The events of a body that comes in pieces, the last one without a closing blank line included."""
    decoder = Decoder()
    places = [0, *(cuts or []), len(body)]
    events = [event for start, end in pairwise(places) for event in decoder.feed(body[start:end])]
    return events + decoder.flush()


def decoded_at_once(body: bytes) -> list[bytes | NamedEvent]:
    """The same by the grammar, line after line over the whole body: the reading to compare with."""
    events: list[bytes | NamedEvent] = []
    data: list[bytes] = []
    name = ""
    for line in [*re.split(rb"\r\n|\r|\n", body.removeprefix(MARK)), b""]:
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if not line:
            if b"".join(data).strip() or name == "error":
                events.append(NamedEvent(b"\n".join(data), name) if name else b"\n".join(data))
            data, name = [], ""
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return events


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data: a\r\n\ndata: b\n\r\n", [b"a", b"b"]),
        (b"data:a\n\ndata:  b\n\n", [b"a", b" b"]),
        (MARK + b"data: a\n\n", [b"a"]),
        (b": a comment\n\ndata: a\n\n:\n\n", [b"a"]),
        (b": a comment\ndata: a\n: another\n\n", [b"a"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data: a\ndata\ndata: b\n\n", [b"a\n\nb"]),
        (b"id: 1\nretry: 10\ndata: a\n\nid: 2\n\n", [b"a"]),
        (b"\n\n\n\ndata: a\n\n\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\n\ndata:\n\ndata: \n\ndata\n\n", [b"a"]),
        (b"data: a", [b"a"]),
        (b"data: a\n", [b"a"]),
        (b"data: a\r", [b"a"]),
        (b"data: a\n\ndata: b", [b"a", b"b"]),
        ("data: a\u2028b\u2029c\u0085d\x0be\n\n".encode(), ["a\u2028b\u2029c\u0085d\x0be".encode()]),
        (b"data: {}\n\ndata: [DONE]\n\n", [b"{}", b"[DONE]"]),
        (b"database: a\n\n", []),
        (b"", []),
        (MARK, []),
        (b"\n", []),
    ],
)
def test_forms(body: bytes, events: list[bytes]) -> None:
    """Every form of line end, field and event, and all that means nothing."""
    assert decoded(body) == events


@pytest.mark.parametrize(
    ("body", "event"),
    [
        (b"event: error\ndata: broken\n\n", NamedEvent(b"broken", "error")),
        (b"data: broken\nevent: error\n\n", NamedEvent(b"broken", "error")),
        (b"event: error\n\n", NamedEvent(b"", "error")),
        (b"event:error\r\ndata:broken\r\n\r\n", NamedEvent(b"broken", "error")),
        (b"event: ping\n\ndata: a\n\n", b"a"),
    ],
)
def test_names(body: bytes, event: bytes | NamedEvent) -> None:
    """An event has its name wherever that stands; an error needs no data, and no name is carried to the next event."""
    assert decoded(body) == [event]


FIELDS = ["data: ", "data:", 'data: {"a": 1}', "event: error", "event: x", ": c", "id: 1", "data: é\u2028€", ""]
LINES = st.sampled_from([field.encode() for field in FIELDS]) | st.binary(max_size=6)
BODIES = st.builds(
    lambda mark, lines: mark + b"".join(line + end for line, end in lines),
    st.sampled_from([b"", MARK, MARK[:1]]),
    st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b""])), max_size=12),
)


@given(BODIES, st.data())
@example(b"data: a\r\n\ndata: b", None)
def test_any_cut(body: bytes, data: st.DataObject | None) -> None:
    """However a body is cut, the events are those of the whole, read by the grammar."""
    expected = decoded_at_once(body)
    places = st.lists(st.integers(0, len(body)), max_size=12)

    assert decoded(body) == expected
    assert decoded(body, list(range(1, len(body)))) == expected
    if data is not None:
        assert decoded(body, sorted(data.draw(places))) == expected


@pytest.mark.parametrize("piece", [b"data: " + b"a" * 60, b"a" * 10, b"\xef"])
def test_memory_is_bounded(piece: bytes) -> None:
    """An event that never ends is given up at the limit, not collected for ever."""
    decoder = Decoder(limit=100)

    with pytest.raises(ResponseValidationError, match="100 bytes"):
        any(decoder.feed(piece) for _ in range(200))


def test_the_limit_is_for_one_event() -> None:
    """A stream of many events may be as long as it likes."""
    decoder = Decoder(limit=100)

    assert sum(len(decoder.feed(b"data: " + b"a" * 60 + b"\n\n")) for _ in range(1000)) == 1000
