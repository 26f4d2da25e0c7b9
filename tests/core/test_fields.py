"""Loose arguments of frameworks, made into the fields of requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from azure_inference import (
    ChatRequest,
    CompletionRequest,
    ConfigurationError,
    EmbeddingsRequest,
    ImageEmbeddingsRequest,
    dialects,
    endpoints,
    fields,
    protocol,
    to_request,
)

if TYPE_CHECKING:
    pass

HELLO = {"messages": [{"role": "user", "content": "hello"}]}
TARGET = dialects.resolve("https://x.services.ai.azure.com/models")
ENDPOINT_OF = {
    ChatRequest: endpoints.CHAT,
    CompletionRequest: endpoints.COMPLETIONS,
    EmbeddingsRequest: endpoints.EMBEDDINGS,
    ImageEmbeddingsRequest: endpoints.IMAGE_EMBEDDINGS,
}


def sent(request: Any) -> Any:
    """The JSON that goes over the wire."""
    return json.loads(protocol.prepare(TARGET, ENDPOINT_OF[type(request)], request).body)


TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
}


def test_wire_fields() -> None:
    """Later sources win; None, bookkeeping of frameworks and empty tools are left out; 0 and False stay."""
    bookkeeping = dict.fromkeys(
        ["callbacks", "config", "metadata", "run_manager", "run_name", "run_id", "tags", "verbose", "ls_x", "_x"], 1
    )
    own = {"temperature": 0.5, "seed": 1, "n": None}

    assert fields.wire_fields(own, {"temperature": 0, "flag": False, "seed": None}, bookkeeping) == {
        "temperature": 0,
        "seed": 1,
        "flag": False,
    }
    assert fields.wire_fields({"tools": [], "tool_choice": "auto"}) == {}
    assert fields.wire_fields({"tool_choice": "auto"}) == {}
    assert own == {"temperature": 0.5, "seed": 1, "n": None}


NAMED = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        (True, "required"),
        (False, "none"),
        ("any", "required"),
        ("required", "required"),
        ("auto", "auto"),
        ("none", "none"),
        ("f", NAMED),
        (NAMED, NAMED),
        ({"type": "tool", "name": "f"}, NAMED),
        ({"type": "any"}, "required"),
        ({"type": "auto"}, "auto"),
    ],
)
def test_tool_choice(choice: Any, expected: Any) -> None:
    """Whatever frameworks call it becomes what the API calls it, and is fit to be sent."""
    assert fields.to_tool_choice(choice, ["f", "g"]) == expected
    if expected is not None:
        assert (
            sent(to_request(ChatRequest, {**HELLO, "tools": [TOOL], "tool_choice": expected}))["tool_choice"]
            == expected
        )


@pytest.mark.parametrize(
    "choice", ["h", {"name": "h"}, {"type": "function", "function": {"name": "h"}}, {"type": "x"}, 5]
)
def test_tool_choices_that_are_none(choice: Any) -> None:
    """A tool that is not there is refused, with the names of those that are."""
    with pytest.raises(ConfigurationError, match="tool_choice="):
        fields.to_tool_choice(choice, ["f", "g"])


def test_a_tool_named_like_a_word() -> None:
    """A tool whose name is also a word of the API is called by its name."""
    assert fields.to_tool_choice("auto", ["auto"]) == {"type": "function", "function": {"name": "auto"}}


@pytest.mark.parametrize(
    ("name", "fit"),
    [("Answer", "Answer"), ("Generic[int]", "Generic_int_"), ("a b.c", "a_b_c"), ("", "answer"), ("x" * 80, "x" * 64)],
)
def test_response_format(name: str, fit: str) -> None:
    """A schema becomes a response format whose name the API takes."""
    schema = {"type": "object"}
    made = fields.to_response_format(schema, name=name, description="d", strict=False)

    wanted = {"name": fit, "schema": schema, "description": "d", "strict": False}
    assert made == {"type": "json_schema", "json_schema": wanted}
    assert sent(to_request(ChatRequest, {**HELLO, "response_format": made}))["response_format"] == made
    assert fields.to_response_format(schema, name="n")["json_schema"] == {"name": "n", "schema": schema}


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('{"a": 1} ', {"a": 1}),
        ("", {}),
        ("  ", {}),
        ("null", {}),
        ('{"a": ', None),
        ("[1]", None),
        ("7", None),
        ('{"a": NaN}', None),
        ("no", None),
        ("[" * 100_000, None),
    ],
)
def test_parse_arguments(text: str, arguments: Any) -> None:
    """The arguments of a call are an object, or nothing that can be called with."""
    assert fields.parse_arguments(text) == arguments
