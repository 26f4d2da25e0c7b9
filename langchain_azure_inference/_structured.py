"""Answers as objects of a schema."""

import json
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from langchain_core import exceptions
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessageChunk, BaseMessage, InvalidToolCall, ToolCall
from langchain_core.output_parsers import BaseCumulativeTransformOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import AddableDict, Runnable, RunnableGenerator, RunnableMap
from langchain_core.utils.pydantic import is_basemodel_subclass

from azure_inference import ConfigurationError, find_json, half_json, is_cut_off, kind_of, why_no_object

from ._tools import Method, Schema, to_format, to_tool_of, to_tools, to_traced

if TYPE_CHECKING:
    from .chat_models import ChatAzureInference

# New in langchain-core 1.7.5.
_Refusal: type[Exception] = getattr(exceptions, "ModelRefusalError", OutputParserException)
_SHOWN = 80
"""The most that a message repeats of an answer."""
_ERROR_SHOWN = 800
"""The most that it repeats of what a class says of it."""
_ANY_OBJECT: dict[str, Any] = {"name": "object", "schema": {"type": "object"}}
"""What `json_mode` asks for."""


class _Object(BaseCumulativeTransformOutputParser[Any]):
    """The object that an answer holds, as its text or as the arguments of a tool call."""

    kind: Any = None
    """The pydantic class of the object, of either version of pydantic; None for a dict."""
    title: str
    """What the schema is called."""
    is_list: bool = False
    """Whether what was asked for need not be an object."""
    is_called: bool = False
    """Whether it was asked for as the arguments of a call."""
    others: frozenset[str] = frozenset()
    """The tools that may be called instead."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The object; None if it is not one yet, or if the model said or called something else instead.

        Raises:
            OutputParserException: The whole answer, be it of a stream, holds no such object.
        """
        message = result[0].message if isinstance(result[0], ChatGeneration) else None
        calls: list[ToolCall] = getattr(message, "tool_calls", []) if self.is_called else []
        asked = self._asked(message, calls)
        if partial and not _is_whole(message):
            return self._half(asked, calls, result[0].text)
        if isinstance(asked, dict):
            return self._of(asked)
        if asked is None and calls:
            return self._of_another(calls[0]["name"])
        return self._of_text(result[0].text.strip() if asked is None else asked, message)

    def parse(self, text: str) -> Any:
        """The object that a text holds."""
        return self.parse_result([Generation(text=text)])

    def _asked(self, message: BaseMessage | None, calls: list[ToolCall]) -> dict[str, Any] | str | None:
        """The arguments of the call that was asked for, wherever among others; text if that is no JSON object."""
        broken: list[InvalidToolCall] = getattr(message, "invalid_tool_calls", []) if self.is_called else []
        for call in (*calls, *broken):
            if call["name"] == self.title:
                return "" if call["args"] is None else call["args"]
        return None

    def _half(self, asked: dict[str, Any] | str | None, calls: list[ToolCall], text: str) -> Any:
        if asked is None and calls:
            return None
        value = asked if isinstance(asked, dict) else half_json(asked or text, is_list=self.is_list)
        try:
            return None if value is None else self._made(value)
        except ValueError:
            return None

    def _of_another(self, name: str) -> None:
        if name in self.others:
            return
        there_is = f"there is only {self.title!r}" if not self.others else f"there are {self.title!r} and other tools"
        raise OutputParserException(f"The model called {name!r}, and {there_is}.")

    def _of_text(self, text: str, message: BaseMessage | None) -> Any:
        said: dict[str, Any] = {**message.response_metadata, **message.additional_kwargs} if message else {}
        refusal = said.get("refusal")
        found = None if refusal else find_json(text, lambda json: self._made(None, json), is_list=self.is_list)
        if found is not None:
            return self._of(None, found)
        calls: list[ToolCall] = getattr(message, "tool_calls", [])
        broken: list[InvalidToolCall] = getattr(message, "invalid_tool_calls", [])
        if calls or (self.is_called and not (broken or refusal or is_cut_off(said.get("finish_reason")))):
            return None
        text = text or "".join(call["args"] or "" for call in broken)
        why = why_no_object(self.title, text, said)
        raise _Refusal(why) if refusal else OutputParserException(why, llm_output=text)

    def _of(self, value: Any, text: str | None = None) -> Any:
        try:
            return self._made(value, text)
        except ValueError as error:
            text = json.dumps(value) if text is None else text
            why = f"The answer is not a valid {self.title}: {text[:_SHOWN]}. Got: {str(error)[:_ERROR_SHOWN]}"
            raise OutputParserException(why, llm_output=text) from error

    def _made(self, value: Any, text: str | None = None) -> Any:
        """What a JSON value or text is; pydantic is told that it is: a strict class takes no date of Python's text."""
        if hasattr(self.kind, "model_validate_json"):
            return self.kind.model_validate_json(json.dumps(value) if text is None else text)
        made: Any = value if text is None else json.loads(text)
        if self.kind is not None:
            return self.kind.parse_obj(made)
        if self.is_list or isinstance(made, dict):
            return cast("Any", made)
        raise ValueError(f"JSON of {kind_of(made)}, not an object")


def _is_whole(message: BaseMessage | None) -> bool:
    """Whether a message is no piece of a stream, or the sum of a stream that has ended."""
    if isinstance(message, AIMessageChunk):
        return message.chunk_position == "last"
    return message is not None


def structured(
    model: "ChatAzureInference",
    schema: Schema | None,
    /,  # the names are those of keywords of calls, too
    *,
    method: Method,
    include_raw: bool,
    strict: bool | None,
    **kwargs: Any,
) -> Runnable[LanguageModelInput, Any]:
    """See `ChatAzureInference.with_structured_output`."""
    kind: Any = schema if isinstance(schema, type) and is_basemodel_subclass(schema) else None
    if (traced := to_traced(schema)) is not None:
        kwargs["ls_structured_output_format"] = {"kwargs": {"method": method, "strict": strict}, "schema": traced}
    tools = to_tools(kwargs.pop("tools", None) or (), strict)
    if method == "function_calling":
        tool = to_tool_of(schema, strict)
        title = tool["function"]["name"]
        choice = kwargs.pop("tool_choice", "any")
        llm = model.bind_tools([tool, *tools], tool_choice=choice, **kwargs)
        others = frozenset(other["function"]["name"] for other in tools) - {title}
        parser = _Object(kind=kind, title=title, is_called=True, others=others)
    elif method in ("json_schema", "json_mode"):
        form: dict[str, Any] = {"type": "json_object"} if method == "json_mode" else to_format(schema, strict)
        if tools:
            kwargs["tools"] = tools
        llm = model.bind(**{"response_format": form, **kwargs})
        wanted = form["json_schema"] if method == "json_schema" else _ANY_OBJECT
        is_list = wanted["schema"].get("type", "object" if "properties" in wanted["schema"] else None) != "object"
        parser = _Object(kind=kind, title=kind.__name__ if kind else wanted["name"], is_list=is_list)
    else:
        raise ConfigurationError(f"method={method!r} is unknown: pass 'json_schema', 'function_calling' or 'json_mode'")
    if not include_raw:
        return llm | parser
    return RunnableMap(raw=llm) | RunnableGenerator(partial(_beside, parser), partial(_beside_async, parser))


# The framework makes a schema of what these two give, which it can of a dict, and not of a kind of dict.


def _beside(parser: _Object, pieces: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The message, in pieces as they come, and behind it what it holds, which a stream could not take back.

    That is the object, and the error if there is none.
    """
    message: Any = None
    for piece in pieces:
        message = piece["raw"] if message is None else message + piece["raw"]
        yield AddableDict(piece)
    try:
        parsed = parser.invoke(message)
    except Exception as error:  # noqa: BLE001 - the user's validators may raise anything
        yield AddableDict(parsed=None, parsing_error=error)
    else:
        yield AddableDict(parsed=parsed, parsing_error=None)


async def _beside_async(parser: _Object, pieces: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    """The same in async code."""
    message: Any = None
    async for piece in pieces:
        message = piece["raw"] if message is None else message + piece["raw"]
        yield AddableDict(piece)
    try:
        parsed = await parser.ainvoke(message)
    except Exception as error:  # noqa: BLE001 - the user's validators may raise anything
        yield AddableDict(parsed=None, parsing_error=error)
    else:
        yield AddableDict(parsed=parsed, parsing_error=None)
