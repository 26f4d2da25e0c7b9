"""Loose arguments of frameworks, made into the fields of requests."""

from __future__ import annotations

import gc
import json
import weakref
from typing import Any

import pytest
from pydantic import BaseModel, create_model

from azure_inference import (
    ChatRequest,
    CompletionRequest,
    ConfigurationError,
    EmbeddingsRequest,
    ImageEmbeddingsRequest,
    dialects,
    fields,
    protocol,
    to_request,
)

from . import endpoints

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
    """What is said later counts, and None takes back; 0 and False stay; what services refuse to get empty is left out.

    Nothing that was passed in is changed.
    """
    own, more = {"temperature": 0.5, "seed": 1, "n": None, "top_p": 1}, {"top_p": None, "min_p": 2}

    assert fields.wire_fields(own, more, call={"temperature": 0, "flag": False, "seed": None, "min_p": 3}) == {
        "temperature": 0,
        "flag": False,
        "min_p": 3,
    }
    assert fields.wire_fields({"tools": [], "tool_choice": "auto"}, {"stop": ["a"]}, call={"stop": []}) == {}
    assert fields.wire_fields({"tool_choice": "auto"}) == {}
    assert own == {"temperature": 0.5, "seed": 1, "n": None, "top_p": 1}


def test_further_fields() -> None:
    """`extra_body` holds further fields, which go before the others of its source, but not before those of a later."""
    told = {"extra_body": {"top_k": 1, "min_p": 1, "seed": None}, "min_p": 2, "seed": 1}

    assert fields.wire_fields(told) == {"top_k": 1, "min_p": 1}
    assert fields.wire_fields(told, call={"top_k": 3, "extra_body": {"min_p": 4}}) == {"top_k": 3, "min_p": 4}
    assert fields.wire_fields({"extra_body": None}, call={"extra_body": {}}) == {}
    with pytest.raises(ConfigurationError, match="extra_body is a str: pass a mapping"):
        fields.wire_fields(call={"extra_body": "top_k"})


def test_few_classes_are_kept() -> None:
    """What is remembered of classes does not keep all that were ever made: only those that were asked last."""

    def made() -> weakref.ref[type[BaseModel]]:
        kind = create_model("Model", seed=(int, 1), prompt=(str, "p"))
        assert fields.own_fields(kind(), CompletionRequest) == {"seed": 1, "prompt": "p"}
        assert fields.own_fields(kind(), ChatRequest) == {"seed": 1}
        return weakref.ref(kind)

    kinds = [made() for _ in range(100)]
    gc.collect()
    assert sum(kind() is not None for kind in kinds) <= 32


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
