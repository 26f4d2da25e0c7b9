"""`ChatAzureInference`: the chat models of an endpoint as a LangChain chat model."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Self, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.model_profile import ModelProfile
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import Field, SkipValidation, field_validator, model_validator

from azure_inference import (
    CONFIG,
    CallOptions,
    ChatRequest,
    FirstChoice,
    __version__,
    conceal_call,
    deployment_in,
    estimate_tokens,
    structured_method,
    to_request,
)

from ._answers import add_outputs, to_result
from ._blocks import PROVIDER
from ._chunks import to_chunks, to_last_chunk
from ._errors import langchain_errors
from ._generating import Generating, shown
from ._messages import texts_of, to_wire
from ._tools import Method, Schema, Tool, to_choice, to_format, to_tools

_NAMES = frozenset({"model", "base_model"})
"""What a profile is looked up by."""


class _LookedUp(dict[str, Any]):
    """A profile that nobody passed: another model has another one."""


class ChatAzureInference(Generating, BaseChatModel):
    """A chat model of an Azure AI Model Inference endpoint, or of the OpenAI v1 route of the same models.

    The fields below are arguments here; every parameter of the API is a keyword of a call, or a key of `model_kwargs`.
    What the API does not define is an extra parameter; see `extra_parameters`. Keywords of a call take precedence, then
    those given to `bind`. A parameter of the model that was not set is not sent. Of several choices (`n`), a stream
    gives the first.

    Errors of calls are those of `azure_inference`, each also the matching `langchain_core.exceptions.ModelError`.
    """

    model_config = CONFIG

    _request_kind = ChatRequest

    response_format: dict[str, Any] | None = None
    """The form of every answer: the API's object, its `type` alone, a schema or a class."""
    split_reasoning: SkipValidation[bool] = True
    """Whether `<think>` in an answer is told from what is said."""
    streaming: bool | None = None
    """Whether `invoke` streams too, for the sake of callbacks; False means that not even `stream` does."""
    profile: ModelProfile | None = Field(default=None, exclude=True)
    """What the model can do, as far as it is known of its name, or that of `base_model`."""

    @field_validator("profile", mode="before")
    @classmethod
    def _to_own_profile(cls, value: Any) -> Any:
        """Leaves out one that was looked up: LangChain may make a model of the fields of one with another name."""
        return None if isinstance(value, _LookedUp) else value

    @field_validator("response_format", mode="before")
    @classmethod
    def _to_format(cls, value: Any) -> Any:
        return None if value is None else to_format(value)

    @model_validator(mode="after")
    def _set_azure_inference_version(self) -> Self:
        self._add_version("azure-inference", __version__)
        return self

    @model_validator(mode="after")
    def _check_profile_keys(self) -> Self:
        """LangChain's warning of keys it does not know. Its own search evaluates the types of all that it knows."""
        if self.profile and not self.profile.keys() <= ModelProfile.__annotations__.keys():
            # A method by now, whatever its decorator's type says.
            super()._check_profile_keys()  # type: ignore[operator] # pyright: ignore[reportCallIssue]
        return self

    @property
    def _llm_type(self) -> str:
        return "azure-inference-chat"

    def _resolve_model_profile(self) -> ModelProfile | None:
        known = self._known
        profile = {
            "max_input_tokens": known.max_input_tokens,
            "max_output_tokens": known.max_output_tokens,
            "tool_calling": known.tool_calling,
            "structured_output": known.structured_output,
            "image_inputs": known.image_input,
            "audio_inputs": known.audio_input,
            "reasoning_output": known.reasoning,
        }
        told = _LookedUp({name: value for name, value in profile.items() if value is not None})
        return cast("ModelProfile", told) or None

    def _renew_profile(self) -> None:
        if self.profile is None or isinstance(self.profile, _LookedUp):
            self.profile = self._resolve_model_profile()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _NAMES:
            self._renew_profile()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, with a profile of its own if `update` has another model and no profile."""
        copied = super().model_copy(update=update, deep=deep)
        if update and not _NAMES.isdisjoint(update) and "profile" not in update:
            copied._renew_profile()  # noqa: SLF001 - of this very class
        return copied

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        self._check_call(kwargs)
        params = super()._get_ls_params(stop=stop or self._stops, **kwargs)
        params["ls_provider"] = PROVIDER
        return params

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        # In langchain-core, by way of the deprecated `dict()`, around which it silences warnings: for all threads.
        return {**self.asdict(), "stop": stop, **shown(kwargs)}

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        own = deployment_in(self.headers)  # which is not written down, as the other arguments are
        return super()._get_llm_string(stop=stop, **{**({"deployment": own} if own else {}), **shown(kwargs)})

    def _prepare(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: Mapping[str, Any]
    ) -> tuple[ChatRequest, CallOptions]:
        """The request and the options that a call makes: its own keywords over those of the constructor."""
        fields, options = self._call(stop, kwargs)
        if "tools" in fields:
            fields["tools"] = to_tools(fields["tools"])
            if "tool_choice" in fields:
                fields["tool_choice"] = to_choice(fields["tool_choice"], fields["tools"])
        if "response_format" in fields:
            fields["response_format"] = to_format(fields["response_format"])
        fields["messages"] = to_wire(messages)
        return to_request(ChatRequest, fields), options

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - tells of tokens, and there are none
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors:
            request, options = self._prepare(messages, stop, kwargs)
            return to_result(self.connection.client.chat(request, **options), request.model)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - same
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors:
            request, options = self._prepare(messages, stop, kwargs)
            return to_result(await self.connection.async_client.chat(request, **options), request.model)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain tells of tokens itself
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with langchain_errors:
            request, options = self._prepare(messages, stop, kwargs)
            first = FirstChoice()
            with self.connection.client.stream_chat(request, **options) as stream:
                while chunks := stream.arrived():
                    for choice in first.in_chunks(chunks):
                        yield from to_chunks(choice)
                if answer := stream.so_far:
                    yield to_last_chunk(answer, first.of_whole(answer.choices), request.model)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - same
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        with langchain_errors:
            request, options = self._prepare(messages, stop, kwargs)
            first = FirstChoice()
            async with await self.connection.async_client.stream_chat(request, **options) as stream:
                while chunks := await stream.arrived():
                    for choice in first.in_chunks(chunks):
                        for chunk in to_chunks(choice):
                            yield chunk
                if answer := stream.so_far:
                    yield to_last_chunk(answer, first.of_whole(answer.choices), request.model)

    def bind(self, **kwargs: Any) -> Any:  # newer versions of langchain-core have a class of their own for it
        """This model with keywords for every call; their headers are not shown, serialized or pickled."""
        with langchain_errors:
            return super().bind(**conceal_call(kwargs))

    def bind_tools(
        self,
        tools: Sequence[Tool],
        *,
        tool_choice: str | bool | dict[str, Any] | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """This model with tools that it may call.

        Args:
            tools: Functions, tools, classes, or objects of the API.
            tool_choice: `auto`, `none`, `any` or `required` or True, the name of a tool, or an object of the API.
            strict: Whether the arguments must satisfy the tool's schema, where the model can enforce that.
            kwargs: Further parameters of each call, such as `parallel_tool_calls` where the model knows it.
        """
        with langchain_errors:
            formatted = to_tools(tools, strict)
            choice = to_choice(tool_choice, formatted) if formatted else None
        more = kwargs if choice is None else {"tool_choice": choice, **kwargs}
        bound: Runnable[LanguageModelInput, AIMessage] = self.bind(tools=formatted, **more)
        return bound

    def with_structured_output(
        self,
        schema: Schema | None = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """This model, answering with an object of a schema.

        Args:
            schema: A pydantic class, a TypedDict, a JSON Schema, or `{"name", "schema"}` as in the API; answers are
                objects of the class, otherwise dicts. An answer that calls a tool of `tools` instead is None, and so is
                one in words alone where a tool call was asked for. JSON mode needs no schema.
            method: `json_schema` (the service enforces the schema; the default where the model is known to do that),
                `function_calling` (the answer is a tool call; the default elsewhere), or `json_mode` (JSON of no
                particular schema, which the prompt must ask for; the default where it is the only way known to work).
            include_raw: Whether to answer with `{"raw": message, "parsed": object, "parsing_error": exception}`.
            strict: Whether to ask for strict adherence to the schema, which is then closed, and that of `tools`.
            kwargs: Further parameters of each call, such as `model`, `tools` and `tool_choice`.

        Raises:
            ConfigurationError: It is not a schema, or cannot be made that strict.

        What is returned raises an `OutputParserException` (a ValueError) for an answer that holds no such object, at
        the end of a stream too: it says whether the answer was cut off, filtered, refused, or is something else.
        """
        from ._structured import structured  # noqa: PLC0415 - its classes take long to make, and few programs use them

        if method is None:
            asked = self.model_copy(update={"model": kwargs["model"]}) if "model" in kwargs else self
            known = asked.profile or {}
            method = structured_method(
                structured_output=known.get("structured_output"),
                tool_calling=known.get("tool_calling"),
                json_output=asked._known.json_output,  # noqa: SLF001 - of this very class
            )
        with langchain_errors:
            return structured(self, schema, method=method, include_raw=include_raw, strict=strict, **kwargs)

    def get_num_tokens(self, text: str) -> int:
        """About how many tokens a text has, estimated offline."""
        return super().get_num_tokens(text) if self.custom_get_token_ids else estimate_tokens(text)

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """About how many tokens the text, tool calls and tools of a request have; images and audio do not count."""
        texts = [*texts_of(messages), *(str(tool) for tool in to_tools(tools or ()))]
        return sum(map(self.get_num_tokens, texts)) + 4 * len(messages)

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        outputs = [output for output in llm_outputs if output]
        if len(outputs) == 1 and outputs[0].get("token_usage"):
            return outputs[0]  # nearly always; and with its details, which sums do not have
        return add_outputs(outputs)
