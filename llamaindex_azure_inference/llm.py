"""`AzureInference`: the chat models of an endpoint as a LlamaIndex LLM."""

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.instrumentation.events.llm import LLMStructuredPredictEndEvent, LLMStructuredPredictStartEvent
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools.types import BaseTool
from pydantic import BaseModel, SkipValidation
from typing_extensions import override

from azure_inference import (
    CONFIG,
    CallOptions,
    ChatRequest,
    ConfigurationError,
    split_call,
    to_function,
    to_request,
    to_tool_choice,
)

from ._generating import Generating
from ._messages import checked, to_wire
from ._objects import ObjectT
from ._responses import Calling, StreamedAnswer, ToolCallError, to_completion, to_response, to_selections
from ._structured import MODES, ObjectProgram
from ._traces import call_span, chat_events, completion_events, dispatcher, prediction_span

if TYPE_CHECKING:
    from llama_index.core.chat_engine.types import AgentChatResponse  # imported late by llama-index-core, too

_PARALLEL = "allow_parallel_tool_calls"
_OWN_NAMES = "own_names_of_tools"


class AzureInference(Generating, FunctionCallingLLM):
    """A chat model behind an endpoint of the Azure AI Model Inference API.

    Arguments are the fields below and those of LlamaIndex's `LLM` (`system_prompt`, `callback_manager`,
    `pydantic_program_mode` ...). A parameter of the model that was not set is not sent. Calls take the same parameters
    as keywords, and `extra_parameters`, `timeout` and `headers`; any other keyword is an extra parameter of the
    request.

    Raises:
        azure_inference.ConfigurationError: (a ValueError) An argument is missing, wrong or unknown.
        azure_inference.InferenceError: From every call that fails; see `azure_inference.errors`.
    """

    model_config = CONFIG

    _request_kind = ChatRequest

    is_function_calling_model: bool | None = None
    """Whether it calls tools; by default what is known of the model, and yes where nothing is."""
    split_reasoning: SkipValidation[bool] = True
    """Whether `<think>` in an answer is told from what is said."""
    strict: bool | None = None
    """Whether objects and the arguments of tools must keep to their schemas exactly; by default the service decides."""

    @classmethod
    @override
    def class_name(cls) -> str:
        """The name in `to_dict`."""
        return "AzureInference"

    @property
    @override
    def metadata(self) -> LLMMetadata:
        """What is known about the model, without asking the endpoint."""
        profile = self.profile_of(self.model)
        calls_tools = self.is_function_calling_model
        if calls_tools is None:
            calls_tools = profile.tool_calling is not False
        return self._metadata(profile, is_chat_model=True, is_function_calling_model=calls_tools)

    def takes_schema(self, output_cls: type[BaseModel]) -> bool:
        """Whether the class can be asked for by JSON Schema: as far as the model is known, and until it refuses."""
        if not self.connection.takes_schema(self.model, _name_of(output_cls)):
            return False
        return self.profile_of(self.model).structured_output is not False

    def remember_refused_schema(self, output_cls: type[BaseModel] | None) -> None:
        """Notes that the model refused the JSON Schema of a class, or with None, that it takes no schemas."""
        self.connection.remember_refused_schema(self.model, _name_of(output_cls) if output_cls else None)

    @override
    @chat_events
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The answer to a conversation."""
        return self._chat(messages, kwargs)

    @override
    @chat_events
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The answer to a conversation."""
        return await self._achat(messages, kwargs)

    @override
    @chat_events
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """The answer in pieces: each response holds the message so far, and in `delta` what is new."""
        return self._stream(messages, kwargs)

    @override
    @chat_events
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """The answer in pieces: each response holds the message so far, and in `delta` what is new."""
        return self._astream(messages, kwargs)

    @override
    @completion_events
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The answer to a text, sent as a user message."""
        return to_completion(self._chat(self._asked(prompt, formatted), kwargs))

    @override
    @completion_events
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The answer to a text, sent as a user message."""
        return to_completion(await self._achat(self._asked(prompt, formatted), kwargs))

    @override
    @completion_events
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """The answer to a text in pieces."""
        responses = self._stream(self._asked(prompt, formatted), kwargs)
        return (to_completion(response) for response in responses)

    @override
    @completion_events
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """The answer to a text in pieces."""
        responses = self._astream(self._asked(prompt, formatted), kwargs)
        return (to_completion(response) async for response in responses)

    @override
    @prediction_span
    def structured_predict(
        self,
        output_cls: type[ObjectT],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> ObjectT:
        """An object of the class: by JSON Schema, or by function calling for models that do not support it.

        Raises:
            ValueError: The answer is not such an object.
        """
        if self.pydantic_program_mode not in MODES:
            return cast("ObjectT", super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args))
        started = LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)
        dispatcher.event(started)
        result = ObjectProgram(self, output_cls, prompt)(llm_kwargs=llm_kwargs, **prompt_args)
        dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        return cast("ObjectT", result)

    @override
    @prediction_span
    async def astructured_predict(
        self,
        output_cls: type[ObjectT],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> ObjectT:
        """An object of the class; see `structured_predict`."""
        if self.pydantic_program_mode not in MODES:
            return cast("ObjectT", await super().astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args))
        started = LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)
        dispatcher.event(started)
        result = await ObjectProgram(self, output_cls, prompt).acall(llm_kwargs=llm_kwargs, **prompt_args)
        dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        return cast("ObjectT", result)

    if not TYPE_CHECKING:
        stream_structured_predict = prediction_span(FunctionCallingLLM.stream_structured_predict)
        astream_structured_predict = prediction_span(FunctionCallingLLM.astream_structured_predict)

    # These two are what llama-index-core's own stream_structured_predict calls.
    @override
    def _structured_stream_call(
        self,
        output_cls: type[ObjectT],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Any, None, None]:
        if self.pydantic_program_mode not in MODES:
            return super()._structured_stream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        return ObjectProgram(self, output_cls, prompt).stream_call(llm_kwargs=llm_kwargs, **prompt_args)

    @override
    async def _structured_astream_call(
        self,
        output_cls: type[ObjectT],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Any, None]:
        if self.pydantic_program_mode not in MODES:
            return await super()._structured_astream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        return await ObjectProgram(self, output_cls, prompt).astream_call(llm_kwargs=llm_kwargs, **prompt_args)

    def _asked(self, prompt: str, formatted: bool) -> list[ChatMessage]:
        """The conversation that a text is; `completion_to_prompt` is applied, unless it has been."""
        return _as_messages("prompt", prompt if formatted else cast("Any", self).completion_to_prompt(prompt))

    def _chat(self, messages: Sequence[ChatMessage], arguments: Mapping[str, Any]) -> ChatResponse:
        request, options, calling = self._request(messages, arguments)
        return to_response(self.connection.client.chat(request, **options), calling)

    async def _achat(self, messages: Sequence[ChatMessage], arguments: Mapping[str, Any]) -> ChatResponse:
        request, options, calling = self._request(messages, arguments)
        return to_response(await self.connection.async_client.chat(request, **options), calling)

    # A stream is opened by whoever reads it: one that nobody reads must not hold a connection.
    def _stream(self, messages: Sequence[ChatMessage], arguments: Mapping[str, Any]) -> ChatResponseGen:
        request, options, calling = self._request(messages, arguments)

        def responses() -> ChatResponseGen:
            with self.connection.client.stream_chat(request, **options) as stream:
                answer = StreamedAnswer(lambda: stream.so_far, calling)
                while chunks := stream.arrived():
                    for chunk in chunks:
                        yield answer.add(chunk)

        return responses()

    def _astream(self, messages: Sequence[ChatMessage], arguments: Mapping[str, Any]) -> ChatResponseAsyncGen:
        request, options, calling = self._request(messages, arguments)

        async def responses() -> ChatResponseAsyncGen:
            async with await self.connection.async_client.stream_chat(request, **options) as stream:
                answer = StreamedAnswer(lambda: stream.so_far, calling)
                while chunks := await stream.arrived():
                    for chunk in chunks:
                        yield answer.add(chunk)

        return responses()

    def _request(
        self, messages: Sequence[ChatMessage], arguments: Mapping[str, Any]
    ) -> tuple[ChatRequest, CallOptions, Calling]:
        """The request of a call, its options, and how the answer is to call tools."""
        own, options = split_call(arguments)
        parallel, own_names = bool(own.pop(_PARALLEL, True)), own.pop(_OWN_NAMES, {})
        own.pop("verbose", None)  # programs of llama-index-core may pass it along
        fields = self._fields(own)
        calling = Calling(parallel, own_names, fields.get("audio"))
        return to_request(ChatRequest, {**fields, "messages": to_wire(messages)}), options, calling

    @override
    @call_span
    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: Any = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The arguments of the chat that a chat with tools is.

        `tool_choice` is `auto`, `none`, `required` or the name of a tool; `tool_required` makes it `required` where
        it is not given. The API has no word for a single call: of several calls, all but the first are left out,
        unless `allow_parallel_tool_calls`. `strict` is that of the model, if it is not given.
        """
        definitions = [_definition(tool, self.strict if strict is None else strict) for tool in tools]
        names = [definition["function"]["name"] for definition in definitions]
        if tool_choice is None and tool_required:
            tool_choice = "required"
        own_names = _own_names(tools, names)
        choice = to_tool_choice(tool_choice, names, {own: sent for sent, own in own_names.items()})
        history = list(chat_history or ())
        if user_msg is not None:
            history.extend(_as_messages("user_msg", user_msg))
        return {
            **kwargs,
            "messages": history,
            "tools": definitions,
            **({} if choice is None else {"tool_choice": choice}),
            _PARALLEL: allow_parallel_tool_calls,
            **({_OWN_NAMES: own_names} if own_names else {}),
        }

    @override
    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """The tool calls of a response; see `to_selections` for arguments that are not what they should be."""
        return to_selections(response, error_on_no_tool_call=error_on_no_tool_call)

    @override
    @call_span
    def predict_and_call(self, tools: Sequence[BaseTool], *args: Any, **kwargs: Any) -> "AgentChatResponse":
        """What the tools that the model calls return.

        Raises:
            ToolCallError: (a ValueError) The model called a tool that is not there, or with arguments that are not a
                JSON object.
        """
        try:
            return super().predict_and_call(tools, *args, **kwargs)
        except KeyError as error:
            self._check_tool(error, tools)
            raise

    @override
    @call_span
    async def apredict_and_call(self, tools: Sequence[BaseTool], *args: Any, **kwargs: Any) -> "AgentChatResponse":
        """What the tools that the model calls return; see `predict_and_call`."""
        try:
            return await super().apredict_and_call(tools, *args, **kwargs)
        except KeyError as error:
            self._check_tool(error, tools)
            raise

    def _check_tool(self, error: KeyError, tools: Sequence[BaseTool]) -> None:
        """Raises what is meant, if an error of llama-index-core is its look-up of a tool; errors of tools are none."""
        names = [tool.metadata.name for tool in tools]
        if self.metadata.is_function_calling_model and error.args[0] not in names:
            known = ", ".join(map(str, names))
            raise ToolCallError(f"The model called {error.args[0]!r}; the tools are {known}") from None


def _name_of(kind: type[BaseModel]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _as_messages(name: str, said: object) -> list[ChatMessage]:
    if isinstance(said, str):
        return [ChatMessage(role=MessageRole.USER, content=said)]
    return [checked(name, said, "text or ")]


def _definition(tool: BaseTool, strict: bool | None) -> dict[str, Any]:
    definition = tool.metadata.to_openai_tool(skip_length_check=True)
    if strict is None:
        return definition
    told = definition["function"]
    made = to_function(told["parameters"], name=told["name"], description=told["description"], strict=strict)
    # In full, where `to_function` cuts it: tools are found by their names.
    return {**made, "function": {**made["function"], "name": told["name"]}}


def _own_names(tools: Sequence[BaseTool], sent: Sequence[str]) -> dict[str, str]:
    """What tools are called by their names on the wire, for which llama-index-core makes them fit, if they differ."""
    found: dict[str, str] = {}
    for tool, name in zip(tools, sent, strict=True):
        own = tool.metadata.name or name
        if found.setdefault(name, own) != own:
            raise ConfigurationError(f"tools {found[name]!r} and {own!r} would both be sent as {name!r}: rename one")
    return {name: own for name, own in found.items() if own != name}
