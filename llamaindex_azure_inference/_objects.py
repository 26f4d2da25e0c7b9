"""The object of a pydantic class that an answer holds: whole, or as much of it as a stream has brought."""

from __future__ import annotations

import json
from typing import Any, Generic, TypeVar

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.program import utils
from pydantic import BaseModel, RootModel, ValidationError

from azure_inference import find_json, half_json, why_no_object

from ._responses import kwargs_of

ObjectT = TypeVar("ObjectT", bound=BaseModel)


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
    found = find_json(text, kind.model_validate_json, is_list=issubclass(kind, RootModel))
    if found is None:
        raise ValueError(why_no_object(kind.__name__, text, kwargs_of(response)))
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
        value = half_json(text, is_list=issubclass(self._kind, RootModel))
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
