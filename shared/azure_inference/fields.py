"""What callers say in many ways, said in the one way of the API: request fields from loose arguments."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from .errors import ConfigurationError
from .schema._json import is_object

_BOOKKEEPING = frozenset({"callbacks", "config", "metadata", "run_manager", "run_name", "run_id", "tags", "verbose"})
_BOOKKEEPING_PREFIXES = ("ls_", "_")
_NOTHING: Mapping[str, Any] = {}
_SCHEMA_NAME_LIMIT = 64
_TOOL_CHOICE_WORDS = {"auto": "auto", "none": "none", "required": "required", "any": "required"}
_ELSEWHERE = {
    "base_url": "endpoint",
    "azure_endpoint": "endpoint",
    "azure_deployment": "model",
    "azure_ad_token_provider": "credential",
    "request_timeout": "timeout",
    "default_headers": "headers",
    "extra_body": "model_kwargs",
    "n": "model_kwargs",
}
"""What other classes call our arguments."""


def rename_arguments(arguments: Mapping[str, Any], aliases: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of a constructor by their own names.

    Raises:
        ConfigurationError: One is given by both its names.
    """
    if aliases.keys().isdisjoint(arguments):
        return dict(arguments)
    for alias, name in aliases.items():
        if alias in arguments and name in arguments:
            raise ConfigurationError(f"{name} and {alias} are the same argument: pass one of them")
    return {aliases.get(name, name): value for name, value in arguments.items()}


def to_argument_error(kind: type[BaseModel], error: ValidationError) -> ConfigurationError:
    """What is wrong with the arguments of a constructor, without their values; what a misspelt one may mean."""
    problem = error.errors(include_url=False, include_input=False)[0]
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, ConfigurationError):
        return cause
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] != "extra_forbidden":
        return ConfigurationError(f"{name} of {kind.__name__}: {problem['msg']}")
    known = _ELSEWHERE.get(name)
    near = [known] if known else difflib.get_close_matches(name, kind.model_fields, n=2, cutoff=0.6)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return ConfigurationError(
        f"{name} is no argument of {kind.__name__}: {meant}To send a parameter that the API does not define, "
        f"pass model_kwargs={{{name!r}: ...}}"
    )


def values_of(owner: object, names: Iterable[str]) -> dict[str, Any]:
    """The attributes of an object by these names that are set: its own, and those that its class fixes for all."""
    own = getattr(owner, "__dict__", _NOTHING)  # where pydantic finds an attribute only after a long look
    found: dict[str, Any] = {}
    for name in names:
        value = own[name] if name in own else getattr(owner, name, None)
        if value is not None:
            found[name] = value
    return found


def wire_fields(*sources: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request, from several mappings of which a later one wins.

    What frameworks pass along for themselves (callbacks, `ls_...`) is left out, and so is what is None; an empty
    `tools` is left out as well, with its choice, since services refuse it.
    """
    fields = {
        name: value
        for source in sources
        for name, value in source.items()
        if value is not None and name not in _BOOKKEEPING and not name.startswith(_BOOKKEEPING_PREFIXES)
    }
    if "tools" in fields and not fields["tools"]:
        del fields["tools"]
    if "tools" not in fields:
        fields.pop("tool_choice", None)
    return fields


def to_tool_choice(choice: Any, tool_names: Sequence[str]) -> str | dict[str, Any] | None:
    """The API's `tool_choice` for what frameworks and other APIs call it.

    Args:
        choice: None (say nothing), True or `any` or `required` (call some tool), False or `none`, `auto`, the name of
            a tool, or an object that names one.
        tool_names: The tools there are.

    Raises:
        ConfigurationError: It names a tool that is not there.
    """
    if choice is None:
        return None
    if isinstance(choice, bool):
        return "required" if choice else "none"
    if is_object(choice):
        return _from_object(choice, tool_names)
    if not isinstance(choice, str):
        raise ConfigurationError(f"tool_choice={choice!r} is neither text nor a mapping: pass the name of a tool")
    if choice in tool_names or choice not in _TOOL_CHOICE_WORDS:
        return _named(choice, tool_names)
    return _TOOL_CHOICE_WORDS[choice]


def _from_object(choice: Mapping[str, Any], tool_names: Sequence[str]) -> str | dict[str, Any]:
    function = choice.get("function")
    name: Any = function.get("name") if is_object(function) else choice.get("name")
    if isinstance(name, str):
        return _named(name, tool_names)
    kind = choice.get("type")
    if kind in _TOOL_CHOICE_WORDS:
        return _TOOL_CHOICE_WORDS[kind]
    raise ConfigurationError(f"tool_choice={dict(choice)!r} names no tool: pass the name of one")


def _named(name: str, tool_names: Sequence[str]) -> dict[str, Any]:
    if tool_names and name not in tool_names:
        raise ConfigurationError(
            f"tool_choice={name!r} is no tool of this request: there are {', '.join(tool_names)}; or pass 'auto', "
            "'required' or 'none'"
        )
    return {"type": "function", "function": {"name": name}}


def to_response_format(
    schema: Mapping[str, Any], *, name: str, description: str | None = None, strict: bool | None = None
) -> dict[str, Any]:
    """The `response_format` that makes an answer satisfy a JSON Schema; `name` is made fit for the wire."""
    fit = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:_SCHEMA_NAME_LIMIT] or "answer"
    wanted: dict[str, Any] = {"name": fit, "schema": dict(schema)}
    if description:
        wanted["description"] = description
    if strict is not None:
        wanted["strict"] = strict
    return {"type": "json_schema", "json_schema": wanted}


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def parse_arguments(text: str) -> dict[str, Any] | None:
    """The arguments of a tool call: an object; None if the text is none, complete and valid. Blank means `{}`."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if value is None:
        return {}
    return value if is_object(value) else None
