"""What callers say in many ways, said in the one way of the API: request fields from loose arguments."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel

from .errors import ConfigurationError, kind_of, shown
from .schema._json import is_object
from .schema.failures import cut

_FURTHER = "extra_body"
_NOTHING: Mapping[str, Any] = {}
_LIMITS = ("max_tokens", "max_completion_tokens")
"""Two names of one limit; services refuse a request that has both."""
_TOOL_CHOICE_WORDS = {"auto": "auto", "none": "none", "required": "required", "any": "required"}


def values_of(owner: object, names: Iterable[str]) -> dict[str, Any]:
    """The attributes of an object by these names that are set: its own, and those that its class fixes for all."""
    own = getattr(owner, "__dict__", _NOTHING)  # where pydantic finds an attribute only after a long look
    found: dict[str, Any] = {}
    for name in names:
        value = own[name] if name in own else getattr(owner, name, None)
        if value is not None:
            found[name] = value
    return found


@functools.lru_cache(maxsize=64)  # classes made in functions may go
def _shared_names(kind: type[BaseModel], request: type[BaseModel]) -> tuple[str, ...]:
    has = kind.model_fields.keys() | kind.__class_vars__
    return tuple(name for name in request.model_fields if name in has)


def own_fields(owner: BaseModel, request: type[BaseModel]) -> dict[str, Any]:
    """The attributes of an object that are fields of a kind of request, too, by the same name, and are set."""
    return values_of(owner, _shared_names(type(owner), request))


def wire_fields(*told: Mapping[str, Any], call: Mapping[str, Any] = _NOTHING) -> dict[str, Any]:
    """The fields of a request. Where several set one, the later counts, and None takes back what an earlier one set.

    `max_tokens` and `max_completion_tokens` are two names of one thing, though None takes back only that which it is
    said for. An empty `stop` is left out, and an empty `tools` with its choice, since services refuse them.

    Args:
        told: What the constructor was told: its own arguments (see `own_fields`), then its `model_kwargs`, then its
            `additional_kwargs`, where there are such.
        call: The keywords of the call, which frameworks have put over those that were bound before, without those
            that a framework passes along for itself.

    Raises:
        ConfigurationError: `extra_body`, which holds further fields of its source, is no mapping.
    """
    fields: dict[str, Any] = {}
    for source in told:
        fields.update(source)
        if _FURTHER in source:
            _unfold(fields)
    if call:
        fields.update(call)
        if _FURTHER in call:
            _unfold(fields)
    if _LIMITS[1] in fields and None not in (fields[_LIMITS[1]], fields.get(_LIMITS[0])):
        _keep_one_limit(fields, (*told, call))
    return _sendable(fields)


def _keep_one_limit(fields: dict[str, Any], sources: Sequence[Mapping[str, Any]]) -> None:
    """Leaves out the limit that was said under another name before; both stay where one source says both."""
    for source in reversed(sources):
        further: Mapping[str, Any] = source.get(_FURTHER) or _NOTHING
        unsaid = [name for name in _LIMITS if name not in source and name not in further]
        if len(unsaid) < len(_LIMITS):
            for name in unsaid:
                del fields[name]
            return


def _unfold(fields: dict[str, Any]) -> None:
    further = fields.pop(_FURTHER)
    if not isinstance(further, Mapping | None):
        raise ConfigurationError(
            f"{_FURTHER} is {kind_of(further)}: pass a mapping of further parameters, or pass them as keywords"
        )
    fields.update(cast("Mapping[str, Any]", further or {}))


def _sendable(fields: Mapping[str, Any]) -> dict[str, Any]:
    sent = {name: value for name, value in fields.items() if value is not None}
    if "stop" in sent and not sent["stop"]:
        del sent["stop"]
    if "tools" in sent and not sent["tools"]:
        del sent["tools"]
    if "tools" not in sent:
        sent.pop("tool_choice", None)
    return sent


def to_tool_choice(
    choice: Any, tool_names: Sequence[str], sent_names: Mapping[str, str] = _NOTHING
) -> str | dict[str, Any] | None:
    """The API's `tool_choice` for what frameworks and other APIs call it.

    Args:
        choice: None (say nothing), True or `any` or `required` (call some tool), False or `none`, `auto`, the name of
            a tool, or an object that names one.
        tool_names: The tools there are.
        sent_names: What tools are called in the request, by their own names, where these differ.

    Raises:
        ConfigurationError: It names a tool that is not there.
    """
    if choice is None:
        return None
    if isinstance(choice, bool):
        return "required" if choice else "none"
    if is_object(choice):
        return _from_object(choice, tool_names, sent_names)
    if not isinstance(choice, str):
        raise ConfigurationError(f"tool_choice={shown(choice)} is neither text nor a mapping: pass the name of a tool")
    if choice in tool_names or choice in sent_names or choice not in _TOOL_CHOICE_WORDS:
        return _named(sent_names.get(choice, choice), tool_names)
    return _TOOL_CHOICE_WORDS[choice]


def _from_object(
    choice: Mapping[str, Any], tool_names: Sequence[str], sent_names: Mapping[str, str]
) -> str | dict[str, Any]:
    function = choice.get("function")
    name: Any = function.get("name") if is_object(function) else choice.get("name")
    if isinstance(name, str):
        return _named(sent_names.get(name, name), tool_names)
    kind = choice.get("type")
    if kind in _TOOL_CHOICE_WORDS:
        return _TOOL_CHOICE_WORDS[kind]
    raise ConfigurationError(f"tool_choice={shown(dict(choice))} names no tool: pass the name of one")


def _named(name: str, tool_names: Sequence[str]) -> dict[str, Any]:
    if tool_names and name not in tool_names:
        known = cut(", ".join(tool_names))
        raise ConfigurationError(
            f"tool_choice={shown(name)} is not a tool of this request: there are {known}; or pass 'auto', 'required' "
            "or 'none'"
        )
    return {"type": "function", "function": {"name": name}}


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def parse_arguments(text: str) -> dict[str, Any] | None:
    """The arguments of a tool call: an object; None if the text is not a complete and valid one. Blank means `{}`."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if value is None:
        return {}
    return value if is_object(value) else None
