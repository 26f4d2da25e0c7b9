"""Structured output: always valid for the schema, and filled from the prompt where it can be."""

from __future__ import annotations

import json
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, TypeAdapter

PROMPTS = ["", "Hello", "Anna Smith, 34, lives in Berlin and wrote 'Tides' on 2024-02-29.", "What is 7 of 9? {}"]


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Address(BaseModel):
    street: str
    city: str
    zip_code: Annotated[str, Field(min_length=5, max_length=5)]


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    breed: str


class Node(BaseModel):
    name: str
    children: list[Node] = Field(max_length=2)


class Chain(BaseModel):
    following: Chain | None
    length: int


SCHEMAS: list[Any] = [
    Address,
    Node,
    Chain,
    list[Address],
    dict[str, int],
    Annotated[list[int], Field(min_length=3, max_length=4)],
    set[Colour],
    tuple[int, str, bool],
    Cat | Dog,
    Annotated[Cat | Dog, Field(discriminator="kind")],
    Colour,
    Literal["a", "b"],
    int | None,
    str | int,
    Annotated[int, Field(gt=10, lt=12)],
    Annotated[int, Field(ge=-5, le=-3)],
    Annotated[float, Field(gt=0, lt=0.001)],
    Annotated[int, Field(ge=1, multiple_of=7)],
    Annotated[str, Field(min_length=40)],
    Annotated[str, Field(pattern=r"^[A-Z]{3}-\d{4}$")],
    date,
    datetime,
    UUID,
    bool,
    None,
]


class Wide(BaseModel):
    pet: Cat | Dog
    homes: list[Address] = Field(min_length=1)
    colour: Colour
    favourites: set[Colour] | None
    born: date
    score: Annotated[float, Field(ge=0, le=1)]
    note: str | None = None
    flags: dict[str, bool]


def structured(server: Any, schema: Any, prompt: str, **body: Any) -> Any:
    """What a request with this schema is answered, parsed."""
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    return json.loads(server.say(prompt, response_format=wanted, **body))


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("kind", [*SCHEMAS, Wide], ids=str)
def test_always_valid(server: Any, kind: Any, prompt: str) -> None:
    """Whatever the prompt, the answer satisfies the schema: pydantic reads it back."""
    adapter = TypeAdapter(kind)
    wrapped = TypeAdapter(dict[Literal["value"], kind])
    schema = {"type": "object", "properties": {"value": adapter.json_schema(ref_template="#/$defs/{model}")}}
    schema |= {"required": ["value"], "$defs": schema["properties"]["value"].pop("$defs", {})}

    answer = structured(server, schema, prompt)

    wrapped.validate_json(json.dumps(answer))


@pytest.mark.parametrize(
    ("schema", "allowed"),
    [
        ({"const": 5}, [5]),
        ({"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 3}]}, [3]),
        ({"type": ["null", "integer"], "minimum": 2, "maximum": 2}, [2, None]),
        ({"oneOf": [{"type": "null"}, {"const": "x"}]}, ["x", None]),
        ({"type": "array", "prefixItems": [{"const": 1}, {"const": "b"}], "items": False}, [[1, "b"]]),
        ({"type": "array", "items": {"enum": [1, 2]}, "minItems": 2, "uniqueItems": True}, [[1, 2], [2, 1], [1, 3]]),
        (
            {"type": "object", "properties": {}, "minProperties": 1, "additionalProperties": {"const": 1}},
            [{"item_1": 1}],
        ),
        ({"default": "d", "type": "string"}, ["d"]),
    ],
)
def test_keywords(server: Any, schema: dict[str, Any], allowed: list[Any]) -> None:
    """Keywords that pydantic does not write are honoured."""
    wanted = {"type": "object", "properties": {"zz": schema}, "required": ["zz"]}

    assert structured(server, wanted, "?")["zz"] in allowed


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ({"const": "weather", "type": "string"}, ["weather"]),
        ({"anyOf": [{"const": name, "type": "string"} for name in ("weather", "time", "news")]}, ["time", "news"]),
        ({"anyOf": [{"const": name, "type": "string"} for name in ("a1", "b2")], "type": "string"}, ["a1"]),
    ],
)
def test_lists_of_constants(server: Any, items: dict[str, Any], expected: list[str]) -> None:
    """A list of constants holds those that the prompt names, or the first, but no other words of it."""
    wanted = {"type": "object", "properties": {"tools": {"type": "array", "items": items}}, "required": ["tools"]}

    assert structured(server, wanted, "What are the news of Paris, at what time?") == {"tools": expected}


def test_filled_from_the_prompt(server: Any) -> None:
    """Names, numbers, places, dates, choices and lists are taken from the prompt; what it lacks is null or left out."""
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer"},
            "city": {"type": "string"},
            "born": {"type": "string", "format": "date"},
            "colour": {"enum": ["red", "green"]},
            "email": {"type": "string", "format": "email"},
            "phone": {"anyOf": [{"type": "string", "format": "phone"}, {"type": "null"}]},
            "nickname": {"type": "string"},
        },
        "required": ["name", "age", "city", "born", "colour", "email", "phone"],
    }
    prompt = (
        "Extract: Anna Smith (anna@example.org) is 34 years old, born 1992-03-01. She lives in Berlin and likes green."
    )

    assert structured(server, schema, prompt) == {
        "name": "Anna Smith",
        "age": 34,
        "city": "Berlin",
        "born": "1992-03-01",
        "colour": "green",
        "email": "anna@example.org",
        "phone": None,
    }


def test_answer_from_the_context(server: Any) -> None:
    """An answer property gets what a plain question would, and a property is looked up by its description."""
    schema = {
        "type": "object",
        "properties": {
            "answer": {"type": "string"},
            "lic": {"type": "string", "description": "The license of the project"},
        },
        "required": ["answer", "lic"],
    }
    prompt = "Context: The port is 7411. The project has the MIT license.\n\nQuestion: What is the port?"

    assert structured(server, schema, prompt) == {
        "answer": "The port is 7411.",
        "lic": "The project has the MIT license.",
    }


def test_json_object(server: Any) -> None:
    """`json_object` gives the keys that the prompt names, or an answer."""
    asked = "Tell me a joke. Return JSON with 'setup' and 'punchline' keys."
    named = json.loads(server.say(asked, response_format={"type": "json_object"}))
    plain = json.loads(server.say("Say hello as JSON.", response_format={"type": "json_object"}))

    assert list(named) == ["setup", "punchline"]
    assert all(isinstance(value, str) and value for value in named.values())
    assert list(plain) == ["answer"]


@pytest.mark.parametrize("response_format", [None, {"type": "json_object"}])
def test_schema_in_the_prompt(server: Any, response_format: Any) -> None:
    """A schema that an output parser wrote into the prompt is satisfied too."""
    schema = json.dumps(TypeAdapter(Address).json_schema())
    prompt = f"The output should be formatted as JSON that has the schema below.\n```\n{schema}\n```\nI live in Oslo."
    body = {"response_format": response_format} if response_format else {}

    answer = server.say(prompt, **body)

    assert TypeAdapter(Address).validate_json(answer).city == "Oslo"


def test_text_format(server: Any) -> None:
    """`text` is the same as no format."""
    assert server.say("Hello", response_format={"type": "text"}) == server.say("Hello")


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("kind", [Address, Wide, Node])
def test_arguments_satisfy_the_schema(server: Any, kind: Any, prompt: str) -> None:
    """A forced call of a tool with this schema has arguments that pydantic reads back."""
    schema = TypeAdapter(kind).json_schema()
    offered = {"type": "function", "function": {"name": "answer", "description": "", "parameters": schema}}

    [(name, arguments)] = server.calls(prompt, [offered], tool_choice="required")

    assert name == "answer"
    TypeAdapter(kind).validate_json(json.dumps(arguments))
