"""Answers as objects of a pydantic class: by JSON Schema, by function calling, or in words."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.output_parsers import PydanticOutputParser
from llama_index.core.types import BasePydanticProgram, PydanticProgramMode
from pydantic import RootModel
from typing_extensions import override

from azure_inference import (
    BadRequestError,
    UnprocessableEntityError,
    refused_parameters,
    to_function,
    to_response_format,
)

from ._objects import GrowingObject, ObjectT, to_object

if TYPE_CHECKING:
    from llama_index.core.prompts import BasePromptTemplate

    from .llm import AzureInference

MODES = frozenset({PydanticProgramMode.DEFAULT, PydanticProgramMode.FUNCTION, PydanticProgramMode.LLM})
"""The modes of LlamaIndex that are served here: what suits the model, functions only, words only."""
_OF_TOOLS = frozenset({"tools", "tool_choice", "tool_required", "allow_parallel_tool_calls"})
_FORMAT = "response_format"
_REFUSALS = (BadRequestError, UnprocessableEntityError)
_ONE_IS_WRONG = "(?i)invalid schema"
"""How a service objects to one schema, and not to schemas."""


class _SchemaInWords(PydanticOutputParser[ObjectT]):
    """Writes a schema into messages that are not formatted any more: braces stay as they are."""

    @override
    def format(self, query: str) -> str:
        return f"{query}\n\n{self.get_format_string(escape_json=False)}"


class ObjectProgram(BasePydanticProgram[ObjectT]):
    """Asks for an object of a class: by JSON Schema, and if the model refuses that, as other models are asked.

    Raises:
        ValueError: The answer is no such object; see `to_object`.
    """

    def __init__(self, llm: AzureInference, output_cls: type[ObjectT], prompt: BasePromptTemplate) -> None:
        self._llm = llm
        self._class = output_cls
        self._prompt = prompt

    @property
    @override
    def output_cls(self) -> type[ObjectT]:
        """The class of the objects."""
        return self._class

    @override  # noqa: RET503 - the last attempt answers or raises
    def __call__(self, *args: Any, llm_kwargs: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """An object."""
        for asked in self._attempts(llm_kwargs, kwargs):
            try:
                return to_object(self._class, self._llm.chat(**asked))
            except _REFUSALS as error:
                self._note(error, asked)

    @override  # noqa: RET503 - the last attempt answers or raises
    async def acall(self, *args: Any, llm_kwargs: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """An object."""
        for asked in self._attempts(llm_kwargs, kwargs):
            try:
                return to_object(self._class, await self._llm.achat(**asked))
            except _REFUSALS as error:
                self._note(error, asked)

    @override
    def stream_call(
        self, *args: Any, llm_kwargs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Generator[Any, None, None]:
        """The object as it grows; the last one is whole, and of the class."""
        for asked in self._attempts(llm_kwargs, kwargs):
            growing = GrowingObject(self._class)
            try:
                for response in self._llm.stream_chat(**asked):
                    yield from growing.add(response)
            except _REFUSALS as error:
                self._note(error, asked)
            else:
                yield growing.whole()
                return

    @override
    async def astream_call(
        self, *args: Any, llm_kwargs: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        """The object as it grows; the last one is whole, and of the class."""
        return self._astream(llm_kwargs, kwargs)

    async def _astream(
        self, llm_kwargs: Mapping[str, Any] | None, prompt_args: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        for asked in self._attempts(llm_kwargs, prompt_args):
            growing = GrowingObject(self._class)
            try:
                async for response in await self._llm.astream_chat(**asked):
                    for grown in growing.add(response):
                        yield grown
            except _REFUSALS as error:
                self._note(error, asked)
            else:
                yield growing.whole()
                return

    def _attempts(self, llm_kwargs: Mapping[str, Any] | None, prompt_args: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The arguments of the chats to try, one after another, until one is not refused."""
        own = {name: value for name, value in (llm_kwargs or {}).items() if name not in _OF_TOOLS}
        strict = own.pop("strict", self._llm.strict)
        mode = self._llm.pydantic_program_mode
        is_open = mode is PydanticProgramMode.DEFAULT
        if is_open and self._llm.takes_schema(self._class):
            wanted = to_response_format(self._class, strict=strict)
            yield {"messages": self._messages(prompt_args), _FORMAT: wanted, **own}
        if mode is PydanticProgramMode.FUNCTION or (is_open and self._takes_function()):
            tools = [to_function(self._class, strict=strict)]
            asked = self._messages(prompt_args)
            yield {"messages": asked, "tools": tools, "tool_choice": "required", **own}
        else:
            yield {"messages": self._messages(prompt_args, in_words=True), **own}

    def _takes_function(self) -> bool:
        """Whether the model can be asked by a function, whose arguments are always an object."""
        return self._llm.metadata.is_function_calling_model and not issubclass(self._class, RootModel)

    def _messages(self, prompt_args: dict[str, Any], *, in_words: bool = False) -> list[ChatMessage]:
        """The prompt as messages; `in_words` tells the schema too, for models that take neither schema nor tool."""
        messages = self._prompt.format_messages(llm=self._llm, **prompt_args)
        if in_words:
            messages = _SchemaInWords(self._class).format_messages(_copied(messages))
        if self._llm.system_prompt:
            return [ChatMessage(role=self._llm.metadata.system_role, content=self._llm.system_prompt), *messages]
        return messages

    def _note(self, error: BadRequestError | UnprocessableEntityError, asked: Mapping[str, Any]) -> None:
        """Remembers not to ask by schema for this class, or for any; raises the error if it is about something else."""
        is_this_one = re.search(_ONE_IS_WRONG, error.message) is not None
        if _FORMAT not in asked or not (is_this_one or _FORMAT in refused_parameters(error)):
            raise error
        self._llm.remember_refused_schema(self._class if is_this_one else None)


def _copied(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The messages with blocks of their own: LlamaIndex' parsers write into them, and they may be the prompt's."""
    return [
        message.model_copy(update={"blocks": [block.model_copy() for block in message.blocks]}) for message in messages
    ]
