"""Tools and schemas as LangChain users write them, in the form of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeGuard, cast

from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from pydantic import BaseModel

from azure_inference import (
    ConfigurationError,
    check_list,
    class_schema,
    fit_name,
    is_recursive,
    strict_schema,
    to_response_format,
    to_tool_choice,
)

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool
else:
    BaseTool = Runnable  # which it is: to import it takes longer than to import all of this module

# No text, since langchain-core evaluates the types of methods (`with_fallbacks` does), and that in other modules.
Tool: TypeAlias = dict[str, Any] | type | Callable[..., Any] | BaseTool
Schema = dict[str, Any] | type
Method = Literal["json_schema", "function_calling", "json_mode"]
"""How an object of a schema is asked for."""
_OF_FUNCTIONS = frozenset({"name", "function", "toolSpec"})
_OF_VALUES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_UNCONVERTED = (TypeError, ValueError, RecursionError)
"""What langchain-core raises for what it cannot make a schema of."""
_WHY_SHOWN = 200
_NO_ARGUMENTS: Mapping[str, Any] = {"type": "object", "properties": {}}


def to_tools(tools: Sequence[Tool], strict: bool | None = None) -> list[dict[str, Any]]:
    """Tools in the API's form.

    Raises:
        ConfigurationError: One is no function, `strict` contradicts it, or is True where an argument cannot be strict.
    """
    check_list("tools", tools, "tools")
    return [_to_tool(tool, strict) for tool in tools]


def _to_tool(tool: Tool, strict: bool | None) -> dict[str, Any]:
    if strict is None and _is_object(tool) and tool.get("type") == "function" and "function" in tool:
        inner: Any = tool["function"]
        if not (_is_object(inner) and _is_open(inner, "parameters")):
            return tool
    named = _named(tool) if _is_object(tool) else None
    made = convert_to_openai_tool(_to_function(named) if named else tool)
    if "function" not in made:
        raise ConfigurationError(
            f"a tool of type {made.get('type')!r} is not part of this API, which has only functions: pass a function "
            "that does this"
        )
    function = dict(made["function"])
    own = _own_schema(tool)
    if own and is_recursive(own):  # langchain-core writes out what is referred to, and has nothing where that recurs
        function["parameters"] = _bare(own)
    to_make = _strictness(strict, function, "parameters")
    if to_make is not None:
        function["strict"] = to_make
    if to_make:
        function["parameters"] = strict_schema(function.get("parameters") or _NO_ARGUMENTS, function["name"])
    return {**made, "function": function}


def to_tool_of(schema: Schema | None, strict: bool | None) -> dict[str, Any]:
    """The tool whose arguments are of a schema.

    Raises:
        ConfigurationError: There is no schema in it, or none that can be as strict as `strict` says.
    """
    if schema is None:
        raise _no_schema(schema)
    try:
        tool = _to_tool(schema, strict)
    except ConfigurationError:
        raise
    except _UNCONVERTED as error:
        raise _no_schema(schema, error) from error
    function = tool["function"]
    if not function.get("parameters"):
        raise _no_schema(schema)
    return {**tool, "function": {**function, "name": fit_name(function["name"])}}


def to_traced(schema: Schema | None) -> dict[str, Any] | None:
    """A schema as LangChain shows it to traces, which would make it of the class anew for each call; None if it cannot.

    JSON mode takes what no schema can be made of.
    """
    try:
        return convert_to_json_schema(cast("Any", schema))
    except _UNCONVERTED:
        return None


def _is_object(thing: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(thing, dict)


def _is_class(thing: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(thing, type) and issubclass(thing, BaseModel)


def _own_schema(tool: Tool) -> dict[str, Any] | None:
    """The schema of a class or a function's arguments, as pydantic writes it, or that of a tool's arguments."""
    kind = getattr(tool, "tool_call_schema", tool)
    if isinstance(kind, FunctionType):
        kind = _arguments_of(kind)
    if _is_class(kind):
        return class_schema(kind)
    return kind if kind is not tool and _is_object(kind) else None


def _arguments_of(function: FunctionType) -> type:
    """A class with the arguments of a function, as langchain-core makes one to write its schema."""
    from langchain_core.tools.base import create_schema_from_function  # noqa: PLC0415 - as above

    return create_schema_from_function(
        function.__name__,
        function,
        filter_args=(),
        parse_docstring=True,
        error_on_invalid_docstring=False,
        include_injected=False,
    )


def _strictness(strict: bool | None, thing: Mapping[str, Any], key: str) -> bool | None:
    """How strict to make the schema that a thing has under a key; None where there is nothing left to make."""
    own = thing.get("strict")
    if own is None:
        return strict
    if strict not in (None, own):
        raise ConfigurationError(f"{thing.get('name')} has strict={own}, and strict={strict} was passed: pass only one")
    return True if _is_open(thing, key) else None


def _is_open(thing: Mapping[str, Any], key: str) -> bool:
    """Whether a thing says that it is strict, and its schema is not: agents of LangChain make such ones."""
    if thing.get("strict") is not True:
        return False
    schema = thing.get(key)
    return not (_is_object(schema) and schema.get("additionalProperties") is False)


def _named(wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """A schema with its name as in the API (`{"name", "schema"}`), of that or of a JSON Schema; None of anything else.

    langchain-core would take the first for a function without arguments, and some of the others too.
    """
    inner: Any = wanted.get("json_schema") if wanted.get("type") == "json_schema" else wanted
    if _is_object(inner) and "name" in inner and "schema" in inner:
        return {**inner}
    kind = wanted.get("type", "object")
    if wanted.keys() & _OF_FUNCTIONS or not (isinstance(kind, list) or kind in _OF_VALUES):
        return None
    schema = {key: value for key, value in wanted.items() if key != "title"}
    found = {"name": wanted.get("title") or "answer", "description": wanted.get("description"), "schema": schema}
    return {key: value for key, value in found.items() if value is not None}


def _to_function(named: Mapping[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in named.items() if key != "schema"}, "parameters": _bare(named["schema"])}


def _bare(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without its name and description, which a function has beside it."""
    return {key: value for key, value in schema.items() if key not in ("title", "description")}


def to_choice(choice: Any, tools: Sequence[Mapping[str, Any]]) -> str | dict[str, Any] | None:
    """A tool choice in the API's form; False says nothing, as with LangChain's other models."""
    return to_tool_choice(None if choice is False else choice, [tool["function"]["name"] for tool in tools])


def to_format(wanted: Any, strict: bool | None = None) -> dict[str, Any]:
    """A `response_format` of what stands for one: the API's own object, its `type` alone, a schema or a class.

    Raises:
        ConfigurationError: There is no schema in it, or none that can be as strict as `strict` says.
    """
    if isinstance(wanted, str):
        return {"type": wanted}
    if _is_class(wanted):
        return to_response_format(wanted, strict=strict)
    kind, named = (wanted.get("type"), _named(wanted)) if _is_object(wanted) else (None, None)
    if kind in ("text", "json_object"):
        return {**wanted}
    if kind == "json_schema" and named and strict is None and not _is_open(named, "schema"):
        return {**wanted}
    named = named or _of_function(wanted)
    made = to_response_format(
        named["schema"],
        name=named["name"],
        description=named.get("description"),
        strict=_strictness(strict, named, "schema"),
    )
    return {**made, "json_schema": {**named, **made["json_schema"]}}


def _of_function(wanted: Tool) -> dict[str, Any]:
    """The schema of a function's arguments with its name."""
    try:
        function = {**convert_to_openai_tool(wanted).get("function", {})}
    except _UNCONVERTED as error:
        raise _no_schema(wanted, error) from error
    if not function.get("parameters"):
        raise _no_schema(wanted)
    function["schema"] = function.pop("parameters")
    return function


def _no_schema(wanted: Any, error: Exception | None = None) -> ConfigurationError:
    why = f" (langchain-core says: {str(error)[:_WHY_SHOWN]})" if error else ""
    return ConfigurationError(
        f"{wanted!r:.80} holds no schema: pass a class with fields, a JSON Schema, or an object with its name and "
        f"schema{why}"
    )
