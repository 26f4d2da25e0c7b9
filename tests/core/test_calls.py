"""Tool calls of a stream put together, however a server cuts and numbers them; callers who do it by index agree."""

from __future__ import annotations

from typing import Any

import pytest

from azure_inference import AnswerMessage, ToolCallDelta

from .answers import accumulated, calls, chunk, piece


def called(*frames: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The tool calls that frames amount to: id, name, arguments."""
    answer, seen = accumulated(*frames)
    pieces = [piece for each in seen for choice in each.choices for piece in choice.delta.tool_calls]
    calls = [(call.id, call.function.name, call.function.arguments) for call in answer.choices[0].message.tool_calls]
    assert added_up(pieces) == calls, "whoever puts the pieces together by index has the same calls"
    return calls


def added_up(pieces: list[ToolCallDelta]) -> list[tuple[str, str, str]]:
    """The calls that pieces amount to which say by index which call they belong to, and tell all else once."""
    found: dict[int, tuple[str, str, str]] = {}
    for each in pieces:
        assert each.index is not None
        id_, name, text = found.get(each.index, ("", "", ""))
        assert each.id in (None, "", id_) or not id_
        added = name + (each.function.name or ""), text + (each.function.arguments or "")
        found[each.index] = (id_ or each.id or "", *added)
    return [call for _, call in sorted(found.items())]


def called_by_us(*frames: dict[str, Any]) -> list[tuple[str, str]]:
    """The tool calls that frames without ids amount to: name, arguments. Each has an id of our own, told only once."""
    answer, seen = accumulated(*frames)
    pieces = [piece for each in seen for choice in each.choices for piece in choice.delta.tool_calls]
    calls = answer.choices[0].message.tool_calls
    told = {piece.index: piece.id for piece in pieces if piece.id}
    assert [piece.id for piece in pieces if piece.id] == list(told.values())
    assert [call.id for call in calls] == [told[index] for index in sorted(told)]
    assert len(set(told.values())) == len(calls)
    assert all(len(id_) == 9 and id_.isalnum() for id_ in told.values())
    return [(call.function.name, call.function.arguments) for call in calls]


TWO = [("a", "f", '{"x":1}'), ("b", "g", "{}")]
TOOL_STREAMS: dict[str, list[dict[str, Any]]] = {
    "by index": [
        calls(piece("", "f", index=0, id="a", type="function")),
        calls(piece('{"x"', index=0)),
        calls(piece("", "g", index=1, id="b", type="function")),
        calls(piece(":1}", index=0)),
        calls(piece("{}", index=1)),
    ],
    "by index, one frame with several pieces": [
        calls(piece('{"x"', "f", index=0, id="a"), piece("", "g", index=1, id="b")),
        calls(piece("{}", index=1), piece(":1}", index=0)),
    ],
    "by index, null names and ids later": [
        calls(piece('{"x"', "f", index=0, id="a")),
        calls(piece(":1}", None, index=0, id=None, type=None)),
        calls({"index": 1, "id": "b", "function": None}),
        calls(piece("{}", "g", index=1, id="b")),
    ],
    "by index, the name and the id in every piece": [
        calls(piece('{"x"', "f", index=0, id="a")),
        calls(piece(":1}", "f", index=0, id="a")),
        calls(piece("{", "g", index=1, id="b")),
        calls(piece("}", "g", index=1, id="b")),
    ],
    "by index, starting at one": [
        calls(piece('{"x":1}', "f", index=1, id="a")),
        calls(piece("{}", "g", index=2, id="b")),
    ],
    "one index, whole calls": [
        calls(piece('{"x":1}', "f", index=0, id="a")),
        calls(piece("{}", "g", index=0, id="b")),
    ],
    "one index, whole calls in one frame": [
        calls(piece('{"x":1}', "f", index=0, id="a"), piece("{}", "g", index=0, id="b")),
    ],
    "one index, ids at the start only": [
        calls(piece('{"x"', "f", index=0, id="a")),
        calls(piece(":1}", index=0)),
        calls(piece("{", "g", index=0, id="b")),
        calls(piece("}", index=0, id="")),
    ],
    "one index, ids in every piece, mixed": [
        calls(piece('{"x"', "f", index=0, id="a")),
        calls(piece("{", "g", index=0, id="b")),
        calls(piece(":1}", index=0, id="a")),
        calls(piece("}", index=0, id="b")),
    ],
    "by index, another id in every piece": [
        calls(piece('{"x"', "f", index=0, id="a")),
        calls(piece(":1}", index=0, id="made up")),
        calls(piece("{", "g", index=1, id="b")),
        calls(piece("}", index=1, id="this too")),
    ],
    "by index, names in pieces": [
        calls(piece("", "f", index=0, id="a"), piece("", "", index=1, id="b")),
        calls(piece('{"x":1}', "", index=0), piece("{}", "g", index=1)),
    ],
    "by id": [
        calls(piece('{"x"', "f", id="a")),
        calls(piece("", "g", id="b")),
        calls(piece(":1}", id="a")),
        calls(piece("{}", id="b")),
    ],
    "by id at the start of each call only": [
        calls(piece('{"x"', "f", id="a")),
        calls(piece(":1}")),
        calls(piece("{", "g", id="b")),
        calls(piece("}", id=None)),
    ],
    "whole calls in one frame, without an index": [calls(piece('{"x":1}', "f", id="a"), piece("{}", "g", id="b"))],
    "whole calls, arguments as objects": [calls(piece({"x": 1}, "f", id="a"), piece({}, "g", id="b"))],
}


@pytest.mark.parametrize("frames", TOOL_STREAMS.values(), ids=TOOL_STREAMS)
def test_tool_calls(frames: list[dict[str, Any]]) -> None:
    """Pieces are placed by index, by id where there is none, and else by their order."""
    assert [(id_, name, text.replace(": ", ":")) for id_, name, text in called(*frames)] == TWO


def test_three_calls_of_one_index_and_one_of_the_next() -> None:
    """A call that another one's index was given to goes on under the next free one, whatever index is told later."""
    frames = [
        calls(piece("1", "f", index=0, id="a"), piece("2", "g", index=0, id="b")),
        calls(piece("3", "h", index=1, id="c")),
        calls(piece("4", index=1), piece("5", index=0), piece("6", index=0, id="a"), piece("7", index=0)),
    ]

    assert called(*frames) == [("a", "f", "167"), ("b", "g", "25"), ("c", "h", "34")]


GHOST = {**piece("", "", index=0, id=""), "call_id": None}


@pytest.mark.parametrize(
    ("frames", "found"),
    [
        ([calls(GHOST)], []),
        ([calls(GHOST), calls(piece("{}", "f", index=0, id="a"))], [("a", "f", "{}")]),
        ([calls(piece("{}", "f", index=0, id="a"), {**GHOST, "index": 1}), calls(GHOST)], [("a", "f", "{}")]),
    ],
)
def test_pieces_that_say_nothing(frames: list[dict[str, Any]], found: list[Any]) -> None:
    """A piece without id, name and arguments is no call, where servers fill one in beside text."""
    answer, seen = accumulated(*frames, chunk({}, finish_reason="stop"))
    tool_calls = answer.choices[0].message.tool_calls

    assert [(call.id, call.function.name, call.function.arguments) for call in tool_calls] == found
    pieces = [piece for each in seen for choice in each.choices for piece in choice.delta.tool_calls or ()]
    assert not [piece for piece in pieces if piece.index == 1]
    whole = {"content": "", "tool_calls": [GHOST, *(call.model_dump() for call in tool_calls)]}
    assert AnswerMessage.model_validate(whole).tool_calls == tool_calls


def test_names_in_pieces() -> None:
    """A name that comes in pieces is put together; one that is repeated is no piece."""
    frames = [calls(piece("", name, index=0, id="a")) for name in ("get_", "weather", "get_weather", "get_weather")]

    assert called(*frames) == [("a", "get_weather", "")]


def test_unknown_keys_of_calls() -> None:
    """What the API does not define is kept of calls, too, as in a whole answer."""
    signed = {"extra_content": {"google": {"thought_signature": "s"}}}
    whole = {"id": "a", "type": "odd", **signed, "function": {"name": "f", "arguments": "{}", "parsed": {"a": 1}}}
    begin = {**whole, "index": 0, "function": {"name": "f", "arguments": "{", "note": "x"}}
    goes_on = {"index": 0, "function": {"arguments": "}", "parsed": {"a": 1}, "note": "y"}}
    answer, _ = accumulated(calls(begin), calls(goes_on))
    (call,) = answer.choices[0].message.tool_calls

    assert call.model_dump() == {**whole, "function": {**whole["function"], "note": "xy"}}


def test_tool_calls_by_position() -> None:
    """Where pieces have neither index nor id, those that come together are told apart by their place."""
    frames = [calls(piece("", "f"), piece("", "g")), calls(piece('{"x":'), piece("{")), calls(piece("1}"), piece("}"))]

    assert called_by_us(*frames) == [("f", '{"x":1}'), ("g", "{}")]


def test_a_lone_piece_goes_on_with_the_last_call() -> None:
    """A single nameless piece belongs to the call that was begun last."""
    frames = [calls(piece("", "f")), calls(piece("1")), calls(piece("", "g")), calls(piece("2"))]

    assert called_by_us(*frames) == [("f", "1"), ("g", "2")]


@pytest.mark.parametrize("missing", [{}, {"id": None}, {"id": ""}])
def test_calls_without_an_id(missing: dict[str, Any]) -> None:
    """A call whose first piece has no id has one of our own; one that comes later is not told."""
    frames = [
        calls(piece("", "f", index=0, **missing)),
        calls(piece('{"x"', index=0, **missing), piece("{", "g", index=1, **missing)),
        calls(piece(":1}", index=0, id="late"), piece("}", index=1)),
    ]

    assert called_by_us(*frames) == [("f", '{"x":1}'), ("g", "{}")]


@pytest.mark.parametrize("missing", [{}, {"id": ""}])
@pytest.mark.parametrize("other", ["f", "g"])
@pytest.mark.parametrize("apart", [True, False], ids=["in frames of their own", "in one frame"])
def test_whole_calls_of_one_index_without_ids(missing: dict[str, Any], other: str, apart: bool) -> None:
    """Where all calls have one index and none an id, one that has its arguments is over once another name comes."""
    pieces = [piece('{"x":1}', "f", index=0, **missing), piece("{", other, index=0, **missing), piece("}", index=0)]
    frames = [calls(each) for each in pieces] if apart else [calls(*pieces)]

    assert called_by_us(*frames) == [("f", '{"x":1}'), (other, "{}")]


@pytest.mark.parametrize(
    "pieces",
    [
        [("{", "f"), ('"x":{}', "f"), ("}", "f"), ("", "f")],
        [("{}", "f"), ("", "f")],
        [("{", "f"), ("}", "f"), ("", None)],
        [("", "get_"), ("{}", "weather")],
    ],
)
def test_one_call_without_an_id(pieces: list[tuple[str, str | None]]) -> None:
    """A name that is repeated, or comes in pieces, begins no other call, as long as arguments are missing or over."""
    found = called_by_us(*(calls(piece(text, name, index=0)) for text, name in pieces))

    assert [text for _, text in found] == ["".join(text for text, _ in pieces)]
