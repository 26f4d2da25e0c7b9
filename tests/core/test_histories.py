"""Calls of tools and their results, in the form that the API has of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from azure_inference import to_history

IMAGE = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}


def tool(call: str, content: Any) -> dict[str, Any]:
    """The result of a tool."""
    return {"role": "tool", "tool_call_id": call, "content": content}


def shown(call: str) -> list[dict[str, Any]]:
    """The parts that tell of an image of a call."""
    return [{"type": "text", "text": f"The result of the tool call {call}:"}, IMAGE]


SAID = {"role": "user", "content": "so?"}
TEXT = {"type": "text", "text": "1"}
ELSEWHERE = "(see the next message of the user)"


@pytest.mark.parametrize(
    ("messages", "moved"),
    [
        ([SAID, tool("a", "1")], [SAID, tool("a", "1")]),
        ([tool("a", None)], [tool("a", "")]),
        ([tool("a", [TEXT, TEXT])], [tool("a", "1\n1")]),
        (
            [tool("a", [TEXT, {"json": {}}])],
            [tool("a", "1"), {"role": "user", "content": [*shown("a")[:1], {"json": {}}]}],
        ),
        ([tool("a", [TEXT, IMAGE])], [tool("a", "1"), {"role": "user", "content": shown("a")}]),
        (
            [tool("a", [IMAGE]), tool("b", [IMAGE]), SAID, tool("c", [IMAGE])],
            [
                tool("a", ELSEWHERE),
                tool("b", ELSEWHERE),
                {"role": "user", "content": [*shown("a"), *shown("b")]},
                SAID,
                tool("c", ELSEWHERE),
                {"role": "user", "content": shown("c")},
            ],
        ),
    ],
)
def test_media_of_tools(messages: list[dict[str, Any]], moved: list[dict[str, Any]]) -> None:
    """Results of tools become text; what else they hold follows the results of its turn. What was given stays."""
    before = copy.deepcopy(messages)

    assert to_history(messages) == moved
    assert messages == before


def calls(*called: tuple[str | None, str]) -> dict[str, Any]:
    """A message that calls tools, each by its id and name."""
    made = [{"id": id_, "function": {"name": name, "arguments": "{}"}} for id_, name in called]
    return {"role": "assistant", "content": None, "tool_calls": made}


FIRST, SECOND, OTHER = "c00000000", "c00000001", "c00003000"


@pytest.mark.parametrize(
    ("messages", "paired"),
    [
        (
            [calls((None, "f"), (None, "f")), tool("f", "1"), tool("f", "2"), SAID],
            [calls((FIRST, "f"), (SECOND, "f")), tool(FIRST, "1"), tool(SECOND, "2"), SAID],
        ),
        (
            [calls((None, "f"), ("", "g")), tool("g", "2"), tool("f", "1")],
            [calls((FIRST, "f"), (SECOND, "g")), tool(SECOND, "2"), tool(FIRST, "1")],
        ),
        (
            [calls((None, "f"), ("x", "g")), tool("x", "2"), tool("?", "1")],
            [calls((FIRST, "f"), ("x", "g")), tool("x", "2"), tool(FIRST, "1")],
        ),
        (
            [calls((None, "f")), tool("f", "1"), SAID, calls((None, "f")), tool("f", "2"), tool("f", "3")],
            [calls((FIRST, "f")), tool(FIRST, "1"), SAID, calls((OTHER, "f")), tool(OTHER, "2"), tool("f", "3")],
        ),
        ([calls((None, "f")), tool("f", [IMAGE])], [calls((FIRST, "f")), tool(FIRST, ELSEWHERE), None]),
        ([calls(("a", "f")), tool("f", "1")], [calls(("a", "f")), tool("f", "1")]),
    ],
)
def test_calls_without_ids(messages: list[dict[str, Any]], paired: list[Any]) -> None:
    """Each call has an id, the same every time, and its result the same one. What was given stays."""
    before = copy.deepcopy(messages)
    pairs = list(zip(to_history(messages), paired, strict=True))

    assert [made for made, expected in pairs if expected] == [expected for _, expected in pairs if expected]
    assert messages == before
