"""Tools on the wire: what a model may call, and what it called."""

import json
import secrets
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from ._base import Id, WireModel


def to_text(arguments: Any) -> Any:
    """Arguments as JSON text: Managed Compute sends them as an object, some models as null."""
    if arguments is None:
        return ""
    if isinstance(arguments, dict | list):
        try:
            return json.dumps(arguments, ensure_ascii=False)
        except (TypeError, RecursionError) as error:
            raise ValueError(f"not JSON ({error})") from None
    return arguments


def _blank(text: Any) -> Any:
    """A null text as the empty text."""
    return "" if text is None else text


JsonText = Annotated[str, BeforeValidator(to_text)]
Text = Annotated[str, BeforeValidator(_blank)]


class FunctionDefinition(WireModel):
    """A function a model may call: its name, what it does, and the JSON Schema of its arguments."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolDefinition(WireModel):
    """A tool offered to the model. The API knows one type: `function`."""

    type: str = "function"
    function: FunctionDefinition


class FunctionName(WireModel):
    """The function a request wants called."""

    name: str


class NamedToolChoice(WireModel):
    """A `tool_choice` that forces one function."""

    type: str = "function"
    function: FunctionName


ToolChoice = Literal["auto", "none", "required"] | NamedToolChoice


class FunctionCall(WireModel):
    """The function a model called. `arguments` is JSON text as the model wrote it, which may not be valid JSON."""

    name: Text = ""
    arguments: JsonText = ""


class ToolCall(WireModel):
    """A call the model asks for; answer it with a `ToolMessage` that carries the same id."""

    id: Annotated[Id, BeforeValidator(_blank)] = ""
    type: str | None = "function"
    function: FunctionCall

    @property
    def extra_content(self) -> Any:
        """What a model wants back with its call, such as Gemini's thought signature; None for most."""
        return self.model_extra.get("extra_content") if self.model_extra else None


def new_call_id() -> str:
    """An id of our own for a call that a server gives none: without one, nobody could say which call a result is of.

    Nine letters and digits are what the prompt templates of Mistral's models take; others take anything.
    """
    return secrets.token_hex(5)[:9]


def with_ids(value: Any, validate: Callable[[Any], list[ToolCall]]) -> list[ToolCall]:
    """The calls of an answer, each with an id; none where a server sends null, or one that says nothing."""
    if value is None:
        return []
    calls = [call for call in validate(value) if not is_empty(call)]
    return [call if call.id else call.model_copy(update={"id": new_call_id()}) for call in calls]


def is_empty(call: Any) -> bool:
    """Whether a call, or a piece of one, says nothing at all: some servers fill one in where there is none."""
    function = call.function
    unknown: dict[str, Any] = {**(call.model_extra or {}), **(function.model_extra or {})}
    said = {name for name, value in unknown.items() if value is not None}
    return not (call.id or function.name or function.arguments or said - {"index"})
