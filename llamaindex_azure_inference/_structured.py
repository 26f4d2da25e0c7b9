"""Answers as objects of a pydantic class: by JSON Schema, or by function calling where the model takes none."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, ToolCallBlock
from llama_index.core.output_parsers import PydanticOutputParser
from llama_index.core.output_parsers.utils import extract_json_str
from llama_index.core.program import function_program, utils
from llama_index.core.types import BasePydanticProgram
from pydantic import BaseModel
from typing_extensions import override

from azure_inference import BadRequestError, UnprocessableEntityError, refused_parameters, to_response_format

if TYPE_CHECKING:
    from llama_index.core.prompts import BasePromptTemplate

    from .llm import AzureInference

ObjectT = TypeVar("ObjectT", bound=BaseModel)
_OF_TOOLS = frozenset({"tools", "tool_choice", "tool_required", "allow_parallel_tool_calls"})
_REFUSALS = (BadRequestError, UnprocessableEntityError)


class ObjectProgram(BasePydanticProgram[ObjectT]):
    """Asks for an object of a class: once by JSON Schema, and if the model refuses that, as other models are asked."""

    def __init__(self, llm: AzureInference, output_cls: type[ObjectT], prompt: BasePromptTemplate) -> None:
        self._llm = llm
        self._class = output_cls
        self._prompt = prompt

    @property
    @override
    def output_cls(self) -> type[ObjectT]:
        """The class of the objects."""
        return self._class

    @override
    def __call__(self, *args: Any, llm_kwargs: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """An object."""
        if self._llm.takes_schema:
            try:
                return self._object(self._llm.chat(self._messages(kwargs), **self._by_schema(llm_kwargs)))
            except _REFUSALS as error:
                self._note(error)
        return self._otherwise()(llm_kwargs=dict(llm_kwargs or {}), **kwargs)

    @override
    async def acall(self, *args: Any, llm_kwargs: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """An object."""
        if self._llm.takes_schema:
            try:
                return self._object(await self._llm.achat(self._messages(kwargs), **self._by_schema(llm_kwargs)))
            except _REFUSALS as error:
                self._note(error)
        return await self._otherwise().acall(llm_kwargs=dict(llm_kwargs or {}), **kwargs)

    @override
    def stream_call(
        self, *args: Any, llm_kwargs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Generator[Any, None, None]:
        """The object as it grows."""
        so_far = _ObjectSoFar(self._class)
        if self._llm.takes_schema:
            try:
                for response in self._llm.stream_chat(self._messages(kwargs), **self._by_schema(llm_kwargs)):
                    yield from so_far.add(response)
            except _REFUSALS as error:
                self._note(error)
            else:
                return so_far.check()
        if self._llm.metadata.is_function_calling_model:
            responses = self._llm.stream_chat_with_tools(**self._by_tool(kwargs, llm_kwargs))
        else:
            responses = self._llm.stream_chat(self._in_words(kwargs), **_own(llm_kwargs))
        for response in responses:
            yield from so_far.add(response)
        return so_far.check()

    @override
    async def astream_call(
        self, *args: Any, llm_kwargs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        """The object as it grows."""
        return self._astream(llm_kwargs, kwargs)

    async def _astream(
        self, llm_kwargs: Mapping[str, Any] | None, prompt_args: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        so_far = _ObjectSoFar(self._class)
        if self._llm.takes_schema:
            try:
                asked = self._messages(prompt_args)
                async for response in await self._llm.astream_chat(asked, **self._by_schema(llm_kwargs)):
                    for grown in so_far.add(response):
                        yield grown
            except _REFUSALS as error:
                self._note(error)
            else:
                so_far.check()
                return
        if self._llm.metadata.is_function_calling_model:
            responses = await self._llm.astream_chat_with_tools(**self._by_tool(prompt_args, llm_kwargs))
        else:
            responses = await self._llm.astream_chat(self._in_words(prompt_args), **_own(llm_kwargs))
        async for response in responses:
            for grown in so_far.add(response):
                yield grown
        so_far.check()

    def _messages(self, prompt_args: dict[str, Any], prompt: BasePromptTemplate | None = None) -> list[ChatMessage]:
        messages = (prompt or self._prompt).format_messages(llm=self._llm, **prompt_args)
        if self._llm.system_prompt:
            return [ChatMessage(role=self._llm.metadata.system_role, content=self._llm.system_prompt), *messages]
        return messages

    def _by_schema(self, llm_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
        schema = self._class.model_json_schema()
        name, description = schema.get("title", self._class.__name__), schema.get("description")
        return {"response_format": to_response_format(schema, name=name, description=description), **_own(llm_kwargs)}

    def _by_tool(self, prompt_args: dict[str, Any], llm_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
        tool = function_program.get_function_tool(self._class)
        return {
            "tools": [tool],
            "chat_history": self._messages(prompt_args),
            "tool_required": True,
            **_own(llm_kwargs),
        }

    def _in_words(self, prompt_args: dict[str, Any]) -> list[ChatMessage]:
        """The messages with the schema written into them, for models that take neither schema nor tool."""
        prompt = self._prompt.model_copy(update={"output_parser": PydanticOutputParser(output_cls=self._class)})
        return self._messages(prompt_args, prompt)

    def _object(self, response: ChatResponse) -> ObjectT:
        return self._class.model_validate_json(response.message.content or "")

    def _otherwise(self) -> BasePydanticProgram[ObjectT]:
        # A copy, since the program that asks in text gives the prompt a parser.
        return utils.get_program_for_llm(self._class, self._prompt.model_copy(), self._llm)

    def _note(self, error: BadRequestError | UnprocessableEntityError) -> None:
        """Remembers that the model takes no schema; raises the error if that is not what it says."""
        if "response_format" not in refused_parameters(error):
            raise error
        self._llm.remember_refused_schema()


class _ObjectSoFar:
    """The object that a streamed answer makes, as text or as the arguments of a tool call."""

    def __init__(self, output_cls: type[BaseModel]) -> None:
        self._class = output_cls
        self._text = ""
        self._objects: list[Any] | None = None

    def add(self, response: ChatResponse) -> list[Any]:
        """The object after this response, alone in a list; an empty list if the response brought nothing new."""
        text = _object_text(response)
        if text == self._text:
            return []
        self._text = text
        so_far = CompletionResponse(text=_without_lead(text))
        self._objects = [cast("Any", utils).process_streaming_objects(so_far, self._class, self._objects)]
        return self._objects

    def check(self) -> None:
        """Raises if the answer has ended without an object, or with half of one."""
        if self._objects is None:
            raise ValueError(f"The model answered with nothing, where a {self._class.__name__} was asked for.")
        try:
            self._class.model_validate_json(self._text)
        except ValueError:
            self._class.model_validate_json(extract_json_str(self._text))  # models put words around it


def _own(llm_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The user's arguments of the call, but for those that are decided here."""
    return {name: value for name, value in (llm_kwargs or {}).items() if name not in _OF_TOOLS}


def _object_text(response: ChatResponse) -> str:
    call = next((block for block in response.message.blocks if isinstance(block, ToolCallBlock)), None)
    if call is None:
        return response.message.content or ""
    return call.tool_kwargs if isinstance(call.tool_kwargs, str) else json.dumps(call.tool_kwargs, ensure_ascii=False)


def _without_lead(text: str) -> str:
    """The text from its first brace on, where words stand before it."""
    return text if text.startswith("[") else text[max(text.find("{"), 0) :]
