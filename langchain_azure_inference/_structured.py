"""Answers as objects of a schema."""

import json
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from langchain_core import exceptions
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import BaseCumulativeTransformOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, JsonOutputToolsParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.json import parse_json_markdown
from langchain_core.utils.pydantic import is_basemodel_subclass

from ._tools import Method, Schema, to_format, to_tool_of, to_tools

if TYPE_CHECKING:
    from .chat_models import ChatAzureInference

# New in langchain-core 1.7.5.
_Refusal: type[Exception] = getattr(exceptions, "ModelRefusalError", OutputParserException)


class _Answer(BaseCumulativeTransformOutputParser[Any]):
    """JSON as langchain-core reads it while a stream runs; a whole answer must be whole, and is never completed."""

    kind: Any = None
    """The pydantic class of the object, of either version of pydantic; None for a dict."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The object that the answer holds; None if it is not one yet, or calls a tool instead."""
        if not partial:
            return _whole(result[0], self.kind)
        try:
            value = parse_json_markdown(result[0].text.strip())
            return value if self.kind is None else _made(self.kind, value)
        except (ValueError, OutputParserException):
            return None

    def parse(self, text: str) -> Any:
        """The object that a text holds."""
        return self.parse_result([Generation(text=text)])


class _Called(JsonOutputToolsParser):
    """The object that the arguments of a tool call make."""

    kind: Any
    tool: str
    first_tool_only: bool = True

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The object; None if no tool was called, or if the arguments make none yet."""
        call = super().parse_result(result, partial=partial)
        if not call:
            return None
        if call["type"] != self.tool:
            if partial and self.tool.startswith(call["type"]):
                return None
            raise OutputParserException(f"The model called {call['type']!r}, and there is only {self.tool!r}.")
        try:
            return _made(self.kind, call["args"])
        except ValueError:
            if partial:
                return None
            raise


def _whole(generation: Generation, kind: Any) -> Any:
    message = generation.message if isinstance(generation, ChatGeneration) else None
    if message and (refusal := message.additional_kwargs.get("refusal")):
        raise _Refusal(f"The model refused: {refusal}")
    text = generation.text.strip()
    try:
        value, found = parse_json_markdown(text, parser=lambda part: (json.loads(part), part))
    except ValueError as error:
        if isinstance(message, AIMessage) and message.tool_calls:
            return None
        raise OutputParserException(f"The answer is no complete JSON: {text}", llm_output=text) from error
    if kind is None:
        return value
    try:
        return _made(kind, value, found)
    except ValueError as error:
        raise OutputParserException(
            f"The answer is no {kind.__name__}: {found}. Got: {error}", llm_output=found
        ) from error


def _made(kind: Any, value: Any, text: str | None = None) -> Any:
    """An object of JSON, which pydantic must be told it is: a strict class takes no date or enum from Python's text."""
    if hasattr(kind, "model_validate_json"):
        return kind.model_validate_json(json.dumps(value) if text is None else text)
    return kind.parse_obj(value)


def structured(
    model: "ChatAzureInference",
    schema: Schema,
    *,
    method: Method,
    include_raw: bool,
    strict: bool | None,
    **kwargs: Any,
) -> Runnable[LanguageModelInput, Any]:
    """See `ChatAzureInference.with_structured_output`."""
    kind: Any = schema if isinstance(schema, type) and is_basemodel_subclass(schema) else None
    traced = {"kwargs": {"method": method, "strict": strict}, "schema": schema}
    parser: Runnable[Any, Any]
    if method == "function_calling":
        tool = to_tool_of(schema, strict)
        name = tool["function"]["name"]
        llm = model.bind_tools([tool], tool_choice="any", ls_structured_output_format=traced, **kwargs)
        parser = (
            _Called(kind=kind, tool=name) if kind else JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)
        )
    elif method in ("json_schema", "json_mode"):
        form = {"type": "json_object"} if method == "json_mode" else to_format(schema, strict)
        if "tools" in kwargs:
            kwargs["tools"] = to_tools(kwargs["tools"], strict)
        llm = model.bind(response_format=form, ls_structured_output_format=traced, **kwargs)
        parser = _Answer(kind=kind)
    else:
        raise ValueError(f"method={method!r} is unknown: pass 'json_schema', 'function_calling' or 'json_mode'")
    if not include_raw:
        return llm | parser
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=llm) | parsed.with_fallbacks([failed], exception_key="parsing_error")
