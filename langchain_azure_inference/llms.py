"""`AzureInferenceLLM`: text completion as a LangChain LLM."""

from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.llms import BaseLLM
from langchain_core.outputs import Generation, GenerationChunk, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import model_validator

from azure_inference import (
    CONFIG,
    CallOptions,
    Completion,
    CompletionChunkChoice,
    CompletionRequest,
    FirstChoice,
    __version__,
    all_at_most,
    conceal_call,
    estimate_tokens,
    to_request,
)

from ._answers import add_outputs, to_output
from ._blocks import PROVIDER
from ._errors import langchain_errors
from ._generating import Generating, is_bookkeeping, shown

_AT_ONCE = 8
_KEYWORDS: ContextVar[tuple[object, Mapping[str, Any]]] = ContextVar("keywords", default=(None, {}))
"""The model that is being called, and the keywords of the call, as caches go by them."""


@contextmanager
def _caching_by(model: object, keywords: dict[str, Any]) -> Generator[None]:
    """Has what is cached told apart by the keywords of a call."""
    kept = {name: value for name, value in shown(keywords).items() if not is_bookkeeping(name)}
    token = _KEYWORDS.set((model, kept))
    try:
        yield
    finally:
        _KEYWORDS.reset(token)


class AzureInferenceLLM(Generating, BaseLLM):
    """A model that continues a text (`POST /completions`, as Managed Compute and OpenAI v1 endpoints have it).

    Arguments and calls are those of `ChatAzureInference`, except for what only chats have: `response_format`,
    `split_reasoning`, `streaming` and `profile`. Each prompt is a request of its own: `generate` sends one after
    another, `agenerate` up to 8 at once; in `batch` and `abatch`, it also has an outcome of its own. The usage of a
    streamed answer is in `generation_info`.
    """

    model_config = CONFIG

    _request_kind = CompletionRequest

    @model_validator(mode="after")
    def _set_azure_inference_version(self) -> Self:
        self._add_version("azure-inference", __version__)
        return self

    @property
    def _llm_type(self) -> str:
        return "azure-inference"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        self._check_call(kwargs)
        params = super()._get_ls_params(stop=stop or self._stops, **kwargs)
        return {**params, "ls_provider": PROVIDER}

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        asked, keywords = _KEYWORDS.get()
        return {**super()._identifying_params, **(keywords if asked is self else {})}

    # LangChain looks for a cached answer by `_identifying_params` and `stop` alone, whatever the keywords of the call.

    def generate(
        self, prompts: list[str], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        """The texts for each prompt."""
        with _caching_by(self, kwargs):
            return super().generate(prompts, stop, callbacks, **kwargs)

    async def agenerate(
        self, prompts: list[str], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        """The texts for each prompt."""
        with _caching_by(self, kwargs):
            return await super().agenerate(prompts, stop, callbacks, **kwargs)

    def bind(self, **kwargs: Any) -> Runnable[LanguageModelInput, str]:
        """This model with keywords for every call; their headers are not shown, serialized or pickled."""
        with langchain_errors:
            return super().bind(**conceal_call(kwargs))

    # As chat models do: those of other text models ask for all prompts as one, and one that fails is the end of all.

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """The text for each prompt, at most `max_concurrency` of the config at once."""
        return super(BaseLLM, self).batch(inputs, config, return_exceptions=return_exceptions, **kwargs)

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """The text for each prompt, at most `max_concurrency` of the config at once."""
        return await super(BaseLLM, self).abatch(inputs, config, return_exceptions=return_exceptions, **kwargs)

    # LangChain shows the keywords of streams to traces as they are, unlike those of other calls.

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[str]:
        """The text in pieces, as the model makes them."""
        with langchain_errors:
            kwargs = {**conceal_call(kwargs)}
        return super().stream(input, config, **kwargs)

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[str]:
        """The text in pieces, as the model makes them."""
        with langchain_errors:
            kwargs = {**conceal_call(kwargs)}
        return super().astream(input, config, **kwargs)

    def _prepare(self, prompt: str, stop: list[str] | None, kwargs: Any) -> tuple[CompletionRequest, CallOptions]:
        fields, options = self._call(stop, kwargs)
        return to_request(CompletionRequest, {**fields, "prompt": prompt}), options

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - tells of tokens, and there are none
        **kwargs: Any,
    ) -> LLMResult:
        with langchain_errors:
            calls = [self._prepare(prompt, stop, kwargs) for prompt in prompts]
            answers = [self.connection.client.complete(request, **options) for request, options in calls]
            return _to_result(answers, [request.model for request, _ in calls])

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - same
        **kwargs: Any,
    ) -> LLMResult:
        with langchain_errors:
            client = self.connection.async_client
            prepared = [self._prepare(prompt, stop, kwargs) for prompt in prompts]
            calls = [partial(client.complete, request, **options) for request, options in prepared]
            return _to_result(await all_at_most(calls, _AT_ONCE), [request.model for request, _ in prepared])

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        with langchain_errors:
            request, options = self._prepare(prompt, stop, kwargs)
            first = FirstChoice()
            with self.connection.client.stream_complete(request, **options) as stream:
                while chunks := stream.arrived():
                    for choice in first.in_chunks(chunks):
                        chunk = _to_chunk(choice)
                        if run_manager:
                            run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
                if whole := stream.so_far:
                    yield _to_last_chunk(whole, request.model)

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        with langchain_errors:
            request, options = self._prepare(prompt, stop, kwargs)
            first = FirstChoice()
            async with await self.connection.async_client.stream_complete(request, **options) as stream:
                while chunks := await stream.arrived():
                    for choice in first.in_chunks(chunks):
                        chunk = _to_chunk(choice)
                        if run_manager:
                            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
                if whole := stream.so_far:
                    yield _to_last_chunk(whole, request.model)

    def get_num_tokens(self, text: str) -> int:
        """About how many tokens a text has, estimated offline."""
        return super().get_num_tokens(text) if self.custom_get_token_ids else estimate_tokens(text)


def _to_result(answers: list[Completion], asked: list[str | None]) -> LLMResult:
    """The answers, each with the model that it names, or that was asked."""
    return LLMResult(
        generations=[
            [Generation(text=choice.text, generation_info=_to_info(choice)) for choice in answer.choices]
            for answer in answers
        ],
        llm_output=add_outputs(
            [to_output(answer.usage, answer.model or model) for answer, model in zip(answers, asked, strict=True)]
        ),
    )


def _to_info(choice: Any) -> dict[str, Any]:
    info = {"finish_reason": choice.finish_reason, "logprobs": choice.logprobs}
    return {name: value for name, value in info.items() if value}


def _to_chunk(choice: CompletionChunkChoice) -> GenerationChunk:
    return GenerationChunk(text=choice.text, generation_info=_to_info(choice) or None)


def _to_last_chunk(whole: Completion, asked: str | None) -> GenerationChunk:
    """What the result of a whole answer has beside its generations: LangChain has no other place for it in streams."""
    info = to_output(whole.usage, whole.model or asked)
    return GenerationChunk(text="", generation_info={name: value for name, value in info.items() if value})
