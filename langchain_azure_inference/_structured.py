"""Answers as objects of a schema."""

import json
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

from langchain_core import exceptions
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.output_parsers import BaseCumulativeTransformOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.json import parse_json_markdown
from langchain_core.utils.pydantic import is_basemodel_subclass

from ._tools import Schema, to_format, to_tools

if TYPE_CHECKING:
    from .chat_models import ChatAzureInference

Method = Literal["json_schema", "function_calling", "json_mode"]
# New in langchain-core 1.7.5.
_Refusal: type[Exception] = getattr(exceptions, "ModelRefusalError", OutputParserException)


class _Answer(BaseCumulativeTransformOutputParser[Any]):
    """JSON as langchain-core reads it while a stream runs; a whole answer must be whole, and is never completed."""

    kind: Any = None
    """The pydantic class of the object, of either version of pydantic; None for a dict."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The object that the answer holds; None if it is not one yet."""
        try:
            value = parse_json_markdown(result[0].text.strip()) if partial else _whole(result[0])
            return value if self.kind is None else _validated(self.kind, value)
        except (ValueError, OutputParserException):
            if partial:
                return None
            raise

    def parse(self, text: str) -> Any:
        """The object that a text holds."""
        return self.parse_result([Generation(text=text)])


def _whole(generation: Generation) -> Any:
    if isinstance(generation, ChatGeneration) and (refusal := generation.message.additional_kwargs.get("refusal")):
        raise _Refusal(f"The model refused: {refusal}")
    text = generation.text.strip()
    try:
        return parse_json_markdown(text, parser=json.loads)
    except ValueError as error:
        raise OutputParserException(f"The answer is no complete JSON: {text}", llm_output=text) from error


def _validated(kind: Any, value: Any) -> Any:
    try:
        return kind.model_validate(value) if hasattr(kind, "model_validate") else kind.parse_obj(value)
    except ValueError as error:
        name, text = kind.__name__, json.dumps(value, ensure_ascii=False)
        raise OutputParserException(f"The answer is no {name}: {text}. Got: {error}", llm_output=text) from error


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
        llm = model.bind_tools([schema], tool_choice="any", strict=strict, ls_structured_output_format=traced, **kwargs)
        name = to_tools([schema])[0]["function"]["name"]
        parser = (
            PydanticToolsParser(tools=[kind], first_tool_only=True)
            if kind
            else JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)
        )
    elif method in ("json_schema", "json_mode"):
        form = {"type": "json_object"} if method == "json_mode" else to_format(schema, strict)
        llm = model.bind(response_format=form, ls_structured_output_format=traced, **kwargs)
        parser = _Answer(kind=kind)
    else:
        raise ValueError(f"method={method!r} is unknown: pass 'json_schema', 'function_calling' or 'json_mode'")
    if not include_raw:
        return llm | parser
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=llm) | parsed.with_fallbacks([failed], exception_key="parsing_error")
