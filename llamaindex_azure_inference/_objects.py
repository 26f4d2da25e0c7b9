"""The object of a pydantic class that an answer holds: whole, or as much of it as a stream has brought."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.program import utils
from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import from_json

from ._responses import FINISH_REASON, REFUSAL, kwargs_of

ObjectT = TypeVar("ObjectT", bound=BaseModel)
_SHOWN = 80
"""The most that a message repeats of an answer."""
_OBJECT_START = r'(?:\[\s*)?\{\s*["}]'
"""Where an object begins, or a list of them: not where words have brackets."""
_ANY_START = r"[\[{]"


def to_object(kind: type[ObjectT], response: ChatResponse) -> ObjectT:
    """The object that a whole answer holds, as its text or as the arguments of its tool call.

    The JSON is validated as JSON, so that a strict class takes it. Words and fences around it are no harm.

    Raises:
        ValueError: There is none. The message says why, as far as the answer tells: a refusal, the end
            of `max_tokens`, the content filter.
        pydantic.ValidationError: (a ValueError) It is not what the class wants.
    """
    text = _text_of(response)
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        if error.errors(include_url=False, include_context=False, include_input=False)[0]["type"] != "json_invalid":
            raise
    found = _json_in(kind, text)
    if found is None:
        raise ValueError(f"There is no {kind.__name__} in the answer: {_reason(response, text)}")
    return kind.model_validate_json(found)


class GrowingObject(Generic[ObjectT]):
    """The object of a streamed answer."""

    def __init__(self, kind: type[ObjectT]) -> None:
        self._kind = kind
        self._last = ChatResponse(message=ChatMessage())
        self._text = ""
        self._value: Any = None
        self._flexible: type[BaseModel] | None = None

    def add(self, response: ChatResponse) -> list[Any]:
        """The object after this response, alone in a list; an empty list if the response brought nothing new.

        It is of the class if what there is satisfies that, else of LlamaIndex's flexible form of the class.
        """
        self._last = response
        text = _text_of(response)
        if text == self._text:
            return []
        self._text = text
        value = _half_value(self._kind, text)
        if not value or value == self._value:
            return []
        self._value = value
        return self._partial(value)

    def whole(self) -> ObjectT:
        """The object of the whole answer, whatever was given before; see `to_object` for errors."""
        return to_object(self._kind, self._last)

    def _partial(self, value: Any) -> list[Any]:
        try:
            return [self._kind.model_validate(value)]
        except Exception:  # noqa: BLE001 - the user's validators meet half an object, which they may not expect
            if issubclass(self._kind, RootModel) or not isinstance(value, dict):
                return []
        if self._flexible is None:
            self._flexible = utils.create_flexible_model(self._kind)
        return [self._flexible.model_validate(value)]


def _text_of(response: ChatResponse) -> str:
    call = next((block for block in response.message.blocks if isinstance(block, ToolCallBlock)), None)
    if call is None:
        return response.message.content or ""
    return call.tool_kwargs if isinstance(call.tool_kwargs, str) else json.dumps(call.tool_kwargs)


def _json_in(kind: type[BaseModel], text: str) -> str | None:
    """The JSON that has words or fences around it; None if there is none, or half of one."""
    start = _start(kind, text)
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return text[start:end]


def _half_value(kind: type[BaseModel], text: str) -> Any:
    """What a text that has not ended holds so far; None if that is nothing, or if words follow the JSON."""
    try:
        return from_json(text[_start(kind, text) :], allow_partial="trailing-strings")
    except ValueError:
        return None


def _start(kind: type[BaseModel], text: str) -> int:
    """Where the JSON begins; the end of the text, if nowhere."""
    found = re.search(_ANY_START if issubclass(kind, RootModel) else _OBJECT_START, text)
    return found.start() if found else len(text)


def _reason(response: ChatResponse, text: str) -> str:
    """Why there is no object, as far as the answer tells."""
    said = kwargs_of(response)
    if refusal := said.get(REFUSAL):
        return f"the model refused: {refusal}"
    match said.get(FINISH_REASON):
        case "length":
            return "it was cut off at the most tokens it may have: raise max_tokens"
        case "content_filter":
            return f"the content filter cut it off{_filtered(said.get('content_filter_results'))}"
        case _:
            return f"it holds no complete JSON: {text if len(text) <= _SHOWN else f'{text[:_SHOWN]}...'!r}"


def _filtered(verdicts: Any) -> str:
    """The categories that the content filter objects to."""
    if not isinstance(verdicts, Mapping):
        return ""
    names = [name for name, verdict in cast("Mapping[str, Any]", verdicts).items() if _is_filtered(verdict)]
    return f" ({', '.join(names)})" if names else ""


def _is_filtered(verdict: Any) -> bool:
    return isinstance(verdict, Mapping) and bool(cast("Mapping[str, Any]", verdict).get("filtered"))
