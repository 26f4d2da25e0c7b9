"""JSON Schemas for the wire: what classes say stays said, and strict is strict or refused."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from azure_inference import (
    ChatRequest,
    ConfigurationError,
    class_schema,
    is_recursive,
    strict_schema,
    to_function,
    to_request,
    to_response_format,
)


class Node(BaseModel):
    """A tree."""

    value: int
    children: list[Node] = []


class Left(BaseModel):
    """One that refers to the other."""

    right: Right | None = None


class Right(BaseModel):
    """The other."""

    left: Left | None = None


class Colour(Enum):
    """A colour."""

    RED = "red"


class Cat(BaseModel):
    """A cat."""

    kind: Literal["cat"]


class Dog(BaseModel, extra="allow"):
    """A dog."""

    kind: Literal["dog"]
    age: int = 3


class Owner(BaseModel):
    """Who has a pet."""

    pet: Cat | Dog = Field(discriminator="kind", description="The pet")
    first: Cat = Field(description="The first pet")
    colours: list[Colour] = []
    properties: str | None = None


class Basket(BaseModel):
    """A basket."""

    prices: dict[str, float]


class Shop(BaseModel):
    """A shop."""

    baskets: list[Basket]


class Empty(BaseModel):
    """Nothing."""


@pytest.mark.parametrize(
    ("name", "fit"),
    [("Answer", "Answer"), ("Generic[int]", "Generic_int_"), ("a b.c", "a_b_c"), ("", "answer"), ("x" * 80, "x" * 64)],
)
def test_response_format(name: str, fit: str) -> None:
    """A schema becomes a response format whose name the API takes."""
    schema = {"type": "object"}
    made = to_response_format(schema, name=name, description="d", strict=False)

    wanted = {"name": fit, "schema": schema, "description": "d", "strict": False}
    assert made == {"type": "json_schema", "json_schema": wanted}
    request = to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}], "response_format": made})
    assert request.model_dump(exclude_unset=True, by_alias=True)["response_format"] == made
    assert to_response_format(schema, name="n")["json_schema"] == {"name": "n", "schema": schema}


def test_class() -> None:
    """Of a class go its name, its docstring, and its schema as pydantic writes it, definitions and all."""
    wanted = to_response_format(Owner)["json_schema"]

    assert wanted == {"name": "Owner", "description": "Who has a pet.", "schema": Owner.model_json_schema()}


@pytest.mark.parametrize("strict", [None, False, True])
@pytest.mark.parametrize("schema", [Owner, Node, {"title": "Some", "type": "object", "properties": {}}])
def test_function(schema: Any, strict: bool | None) -> None:
    """A schema is the same for the arguments of a function as for an answer."""
    wanted = to_response_format(schema, strict=strict)["json_schema"]
    wanted["parameters"] = wanted.pop("schema")
    assert to_function(schema, strict=strict) == {"type": "function", "function": wanted}


@pytest.mark.parametrize(("kind", "recurs"), [(Node, True), (Left, True), (Owner, False), (Shop, False)])
@pytest.mark.parametrize("strict", [None, True])
def test_recursive_class(kind: type[BaseModel], recurs: bool, strict: bool | None) -> None:
    """A class that refers to itself still does on the wire, and is an object at its top, as services demand."""
    if kind is Shop and strict:
        return
    wanted = to_response_format(kind, strict=strict)["json_schema"]

    assert (wanted["name"], wanted["description"]) == (kind.__name__, kind.__doc__)
    assert wanted["schema"]["type"] == "object"
    assert is_recursive(wanted["schema"]) is recurs
    assert is_recursive(class_schema(kind)) is recurs


def test_strict() -> None:
    """Strict, every property is required and no other allowed, at every depth; the given schema is not changed."""
    given = class_schema(Owner)
    made = strict_schema(given)

    assert given == class_schema(Owner)
    assert made["required"] == ["pet", "first", "colours", "properties"]
    assert made["additionalProperties"] is False
    assert made["$defs"]["Dog"]["required"] == ["kind", "age"]
    assert made["$defs"]["Dog"]["additionalProperties"] is False
    assert made["properties"]["pet"]["anyOf"] == [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]
    assert made["properties"]["first"] == {"anyOf": [{"$ref": "#/$defs/Cat"}], "description": "The first pet"}
    assert made["$defs"]["Colour"] == given["$defs"]["Colour"]
    assert not {"default", "oneOf", "discriminator"} & set(keywords(made))


def keywords(node: Any) -> list[str]:
    """The keys of a piece of JSON and of all in it."""
    if isinstance(node, dict):
        return [*node, *(key for value in node.values() for key in keywords(value))]
    return [key for value in node for key in keywords(value)] if isinstance(node, list) else []


def test_strict_without_properties() -> None:
    """A class without fields is an object that stays empty."""
    assert strict_schema(class_schema(Empty))["additionalProperties"] is False


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        (Basket, "Basket.prices"),
        (Shop, "Shop.Basket.prices"),
        ({"title": "Any", "type": "object"}, "Any"),
        ({"properties": {"a": {"type": "array", "items": {"type": "object"}}}}, "answer.a"),
        ({"properties": {}, "additionalProperties": {"type": "string"}}, "answer"),
    ],
)
def test_open_objects_are_not_strict(kind: Any, place: str) -> None:
    """A dict, whose keys the schema does not name, would be allowed nothing: strict refuses it, and says where."""
    assert to_response_format(kind)["json_schema"]["schema"]
    with pytest.raises(ConfigurationError, match=rf"^{place} has keys of any name, so strict=True"):
        to_response_format(kind, strict=True)


@pytest.mark.parametrize("schema", [{}, {"title": "X", "description": "d"}, {"$defs": {"A": {"type": "object"}}}])
def test_nothing_said(schema: dict[str, Any]) -> None:
    """A schema that says nothing of the answer is refused with its name."""
    with pytest.raises(ConfigurationError, match="schema 'Some' says nothing"):
        to_response_format(schema, name="Some")


@pytest.mark.parametrize("reference", ["#/$defs/B", "#/$defs/A/type", "elsewhere.json"])
def test_reference_to_nothing(reference: str) -> None:
    """A schema that is what it does not hold cannot be made strict, and says so."""
    with pytest.raises(ConfigurationError, match="define it under"):
        strict_schema({"$ref": reference, "$defs": {"A": {"type": "object"}}})
