"""Tools and schemas as LangChain users write them, in the form of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool

from azure_inference import to_response_format, to_tool_choice

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

Tool: TypeAlias = "dict[str, Any] | type | Callable[..., Any] | BaseTool"
Schema = dict[str, Any] | type
_FORMATS = frozenset({"text", "json_object", "json_schema"})


def to_tools(tools: Sequence[Tool], strict: bool | None = None) -> list[dict[str, Any]]:
    """Tools in the API's form."""
    return [convert_to_openai_tool(tool, strict=strict) for tool in tools]


def to_choice(choice: Any, tools: Sequence[Mapping[str, Any]]) -> str | dict[str, Any] | None:
    """A tool choice in the API's form."""
    return to_tool_choice(choice, [tool["function"]["name"] for tool in tools if "function" in tool])


def _is_format(wanted: Any) -> bool:
    return isinstance(wanted, dict) and wanted.get("type") in _FORMATS  # pyright: ignore[reportUnknownMemberType]


def to_format(wanted: Any, strict: bool | None = None) -> dict[str, Any]:
    """A `response_format` of what stands for one: the API's own object, its `type` alone, a schema or a class."""
    if isinstance(wanted, str):
        return {"type": wanted}
    if _is_format(wanted):
        return dict(wanted)
    schema = convert_to_json_schema(wanted, strict=strict)
    title = schema.pop("title", None)
    return to_response_format(schema, name=title or "answer", description=schema.get("description"), strict=strict)
