"""JSON Schemas of answers and of tools, as services take them: of classes or mappings, strict where that is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from .errors import ConfigurationError
from .schema._json import is_array, is_object

_NAME_LIMIT = 64
_REMARKS = frozenset({"title", "description", "$schema", "$id", "$defs", "definitions"})
"""What a schema may hold without saying anything of the values."""
_OF_NAMES = frozenset({"properties", "$defs", "definitions"})
_OF_SCHEMAS = frozenset({"anyOf", "allOf", "oneOf", "items", "prefixItems"})


def to_response_format(
    schema: Mapping[str, Any] | type[BaseModel],
    *,
    name: str | None = None,
    description: str | None = None,
    strict: bool | None = None,
) -> dict[str, Any]:
    """The `response_format` that makes an answer satisfy a JSON Schema.

    Args:
        schema: A JSON Schema, or a pydantic class.
        name: What to call the schema, made fit for the wire; if it is None, the schema's title.
        description: What the schema is for; if it is None, that of the class.
        strict: Whether the service must enforce the schema; if it is True, the schema is made strict, see
            `strict_schema`. None leaves it to the service.

    Raises:
        ConfigurationError: The schema says nothing, or it cannot be made strict.
    """
    return {"type": "json_schema", "json_schema": _wanted("schema", schema, name, description, strict)}


def to_function(
    schema: Mapping[str, Any] | type[BaseModel],
    *,
    name: str | None = None,
    description: str | None = None,
    strict: bool | None = None,
) -> dict[str, Any]:
    """The tool whose arguments satisfy a JSON Schema; arguments and errors are those of `to_response_format`."""
    return {"type": "function", "function": _wanted("parameters", schema, name, description, strict)}


def _wanted(
    key: str,
    schema: Mapping[str, Any] | type[BaseModel],
    name: str | None,
    description: str | None,
    strict: bool | None,
) -> dict[str, Any]:
    if isinstance(schema, Mapping):
        made = dict(schema)
    else:
        made = class_schema(schema)
        name, description = name or schema.__name__, description or made.get("description")
    name = name or str(made.get("title") or "answer")
    if made.keys() <= _REMARKS:
        raise ConfigurationError(f"the schema {name!r} says nothing: give it properties, or pass a class")
    wanted: dict[str, Any] = {"name": fit_name(name), key: strict_schema(made, name) if strict else made}
    if description:
        wanted["description"] = description
    if strict is not None:
        wanted["strict"] = strict
    return wanted


def fit_name(name: str) -> str:
    """A name such as the API takes for schemas and functions: up to 64 letters, digits, hyphens and underscores."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:_NAME_LIMIT] or "answer"


def class_schema(kind: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a pydantic class: an object at its top, where pydantic refers to a definition if it recurs."""
    return _topped(kind.model_json_schema())


def is_recursive(schema: Mapping[str, Any]) -> bool:
    """Whether a definition of a JSON Schema refers to itself, directly or not: it cannot be written out then."""
    definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    leads = {name: _references(inner) & definitions.keys() for name, inner in definitions.items()}
    for _ in definitions:
        leads = {name: found.union(*(leads[other] for other in found)) for name, found in leads.items()}
    return any(name in found for name, found in leads.items())


def _references(node: Any) -> set[str]:
    """The names of the definitions that a piece of a schema refers to."""
    inner: list[Any] = list(node.values()) if is_object(node) else node if is_array(node) else []
    found = {name for piece in inner for name in _references(piece)}
    reference = node.get("$ref") if is_object(node) else None
    return found | {reference.rpartition("/")[2]} if isinstance(reference, str) else found


def strict_schema(schema: Mapping[str, Any], name: str = "schema") -> dict[str, Any]:
    """A JSON Schema in the form that services enforce: each property required, and no other allowed.

    Defaults are left out, since every property has a value. `oneOf` becomes `anyOf`, and so does a reference that has a
    description, which services do not take there.

    Raises:
        ConfigurationError: An object has keys that the schema does not name, as a `dict` has. The message names it.
    """
    return _strict(_topped(schema), name)


def _strict(node: Mapping[str, Any], place: str) -> dict[str, Any]:
    node = {key: value for key, value in node.items() if key not in ("default", "discriminator")}
    if "$ref" in node and len(node) > 1:
        node["anyOf"] = [{"$ref": node.pop("$ref")}]
    if "oneOf" in node and "anyOf" not in node:
        node["anyOf"] = node.pop("oneOf")
    made = {key: _strict_value(key, value, place) for key, value in node.items()}
    if node.get("type") == "object" or "properties" in node:
        _check_closed(node, place)
        made["required"] = list(node.get("properties", ()))
        made["additionalProperties"] = False
    return made


def _strict_value(key: str, value: Any, place: str) -> Any:
    if key in _OF_NAMES and is_object(value):
        return {name: _strict_inner(inner, f"{place}.{name}") for name, inner in value.items()}
    return _strict_inner(value, place) if key in _OF_SCHEMAS else value


def _strict_inner(value: Any, place: str) -> Any:
    if is_object(value):
        return _strict(value, place)
    return [_strict_inner(inner, place) for inner in value] if is_array(value) else value


def _check_closed(node: Mapping[str, Any], place: str) -> None:
    others = node.get("additionalProperties")
    if is_object(others) or ("properties" not in node and others is not False):
        raise ConfigurationError(
            f"{place} has keys of any name, so strict=True cannot be enforced for it: name its keys in a class of its "
            "own, make it a list of pairs, or leave strict out"
        )


def _topped(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema that is a reference at its top (`#/$defs/Name`), with what it refers to in its place."""
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return dict(schema)
    found: Any = schema
    for part in reference.removeprefix("#").split("/")[1:]:
        found = found.get(part) if is_object(found) else None
    if not is_object(found) or found is schema:
        raise ConfigurationError(f"the schema refers to {reference!r}, which it does not have: define it under $defs")
    return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
