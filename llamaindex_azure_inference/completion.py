"""`AzureInferenceCompletion`: text completion as a LlamaIndex LLM."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
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
    LogProb,
    MessageRole,
    TextBlock,
)
from llama_index.core.llms.llm import LLM
from typing_extensions import override

from azure_inference import (
    CONFIG,
    CallOptions,
    Completion,
    CompletionChunk,
    CompletionRequest,
    ConfigurationError,
    FirstChoice,
    check_list,
    check_text,
    split_call,
    to_request,
)

from ._generating import Generating
from ._messages import NOT_SAID, checked
from ._responses import facts_of_answer, facts_of_choice, kwargs_of, to_logprobs
from ._traces import chat_events, completion_events, prediction_span


class AzureInferenceCompletion(Generating):
    """A model that continues a text (`POST /completions`, as Managed Compute and OpenAI v1 endpoints have it).

    Arguments and calls are those of `AzureInference`, except for what only chats have: `split_reasoning`, `strict` and
    `is_function_calling_model`. A prompt goes out as it is, or as `completion_to_prompt` makes it; a conversation goes
    out as the one text that `messages_to_prompt` makes of it. There are no tools.

    Raises:
        azure_inference.ConfigurationError: (a ValueError) An argument is missing, wrong or unknown.
        azure_inference.InferenceError: From every call that fails; see `azure_inference.errors`.
    """

    model_config = CONFIG

    _request_kind = CompletionRequest

    @classmethod
    @override
    def class_name(cls) -> str:
        """The name in `to_dict`."""
        return "AzureInferenceCompletion"

    @property
    @override
    def metadata(self) -> LLMMetadata:
        """What is known about the model, without asking the endpoint."""
        return self._metadata(self.profile_of(self.model), is_chat_model=False, is_function_calling_model=False)

    @override
    @completion_events
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The text that follows."""
        return self._complete(self._to_prompt(prompt, formatted), kwargs)

    @override
    @completion_events
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The text that follows."""
        return await self._acomplete(self._to_prompt(prompt, formatted), kwargs)

    @override
    @completion_events
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """The text that follows, in pieces: each response holds the text so far, and in `delta` what is new."""
        return self._stream(self._to_prompt(prompt, formatted), kwargs)

    @override
    @completion_events
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """The text that follows, in pieces: each response holds the text so far, and in `delta` what is new."""
        return self._astream(self._to_prompt(prompt, formatted), kwargs)

    @override
    @chat_events
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """What follows a conversation, sent as one text."""
        return _to_chat(self._complete(self._told(messages), kwargs))

    @override
    @chat_events
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """What follows a conversation, sent as one text."""
        return _to_chat(await self._acomplete(self._told(messages), kwargs))

    @override
    @chat_events
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """What follows a conversation, sent as one text; in pieces."""
        responses = self._stream(self._told(messages), kwargs)
        return (_to_chat(response) for response in responses)

    @override
    @chat_events
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """What follows a conversation, sent as one text; in pieces."""
        responses = self._astream(self._told(messages), kwargs)
        return (_to_chat(response) async for response in responses)

    if not TYPE_CHECKING:
        structured_predict = prediction_span(LLM.structured_predict)
        astructured_predict = prediction_span(LLM.astructured_predict)
        stream_structured_predict = prediction_span(LLM.stream_structured_predict)
        astream_structured_predict = prediction_span(LLM.astream_structured_predict)

    def _to_prompt(self, prompt: str, formatted: bool) -> str:
        """The text that goes out; `completion_to_prompt` is applied, unless it has been."""
        check_text("prompt", prompt)
        return prompt if formatted else str(cast("Any", self).completion_to_prompt(prompt))

    def _told(self, messages: Sequence[ChatMessage]) -> str:
        """A conversation as one text."""
        check_list("messages", messages, "ChatMessages")
        told = [checked("a message", message) for message in messages]
        if not told:
            raise ConfigurationError("messages=[] is empty: pass at least one ChatMessage")
        for block in (block for message in told for block in message.blocks):
            if not isinstance(block, (TextBlock, *NOT_SAID)):
                raise ConfigurationError(
                    f"a message holds a {type(block).__name__}, and a text completion takes only text: use "
                    "AzureInference, for models that chat"
                )
        return str(cast("Any", self).messages_to_prompt(told))

    def _complete(self, prompt: str, arguments: Mapping[str, Any]) -> CompletionResponse:
        request, options = self._request(prompt, arguments)
        return _to_response(self.connection.client.complete(request, **options))

    async def _acomplete(self, prompt: str, arguments: Mapping[str, Any]) -> CompletionResponse:
        request, options = self._request(prompt, arguments)
        return _to_response(await self.connection.async_client.complete(request, **options))

    # A stream is opened by whoever reads it: one that nobody reads must not hold a connection.
    def _stream(self, prompt: str, arguments: Mapping[str, Any]) -> CompletionResponseGen:
        request, options = self._request(prompt, arguments)

        def responses() -> CompletionResponseGen:
            with self.connection.client.stream_complete(request, **options) as stream:
                answer = _StreamedText()
                while chunks := stream.arrived():
                    for chunk in chunks:
                        yield answer.add(chunk)

        return responses()

    def _astream(self, prompt: str, arguments: Mapping[str, Any]) -> CompletionResponseAsyncGen:
        request, options = self._request(prompt, arguments)

        async def responses() -> CompletionResponseAsyncGen:
            async with await self.connection.async_client.stream_complete(request, **options) as stream:
                answer = _StreamedText()
                while chunks := await stream.arrived():
                    for chunk in chunks:
                        yield answer.add(chunk)

        return responses()

    def _request(self, prompt: str, arguments: Mapping[str, Any]) -> tuple[CompletionRequest, CallOptions]:
        """The request of a call, and its options."""
        own, options = split_call(arguments)
        own.pop("verbose", None)  # programs of llama-index-core may pass it along
        return to_request(CompletionRequest, {**self._fields(own), "prompt": prompt}), options


class _StreamedText:
    """Makes of each chunk the response so far."""

    def __init__(self) -> None:
        self._first = FirstChoice()
        self._text = ""
        self._facts: dict[str, Any] = {}

    def add(self, chunk: CompletionChunk) -> CompletionResponse:
        """The response that a chunk makes."""
        choice = self._first.of(chunk.choices)
        self._facts = {**self._facts, **facts_of_answer(chunk), **(facts_of_choice(choice) if choice else {})}
        delta = choice.text if choice else ""
        self._text += delta
        return CompletionResponse(
            text=self._text,
            delta=delta,
            raw=chunk,
            logprobs=_logprobs(choice.logprobs) if choice else None,
            additional_kwargs=self._facts,
        )


def _to_response(completion: Completion) -> CompletionResponse:
    """A whole answer; of several choices the first."""
    choice = completion.choices[0]
    return CompletionResponse(
        text=choice.text,
        raw=completion,
        logprobs=_logprobs(choice.logprobs),
        additional_kwargs={**facts_of_answer(completion), **facts_of_choice(choice)},
    )


def _to_chat(response: CompletionResponse) -> ChatResponse:
    """The response of a completion as that of a chat."""
    return ChatResponse(
        message=ChatMessage(role=MessageRole.ASSISTANT, content=response.text),
        delta=response.delta,
        raw=response.raw,
        logprobs=response.logprobs,
        additional_kwargs=kwargs_of(response),
    )


def _logprobs(said: Any) -> list[list[LogProb]] | None:
    """Log probabilities as LlamaIndex has them; text completions have them in columns, which chats do not."""
    if not isinstance(said, dict) or "tokens" not in said:
        return to_logprobs(said)
    columns = (_items(cast("dict[str, Any]", said).get(name)) for name in ("tokens", "token_logprobs", "top_logprobs"))
    return to_logprobs({"content": [_of_token(*row) for row in zip_longest(*columns)]})


def _of_token(token: Any, logprob: Any, likeliest: Any) -> dict[str, Any]:
    others = cast("dict[str, Any]", likeliest).items() if isinstance(likeliest, dict) else ()
    return {
        "token": token,
        "logprob": logprob,
        "top_logprobs": [{"token": other, "logprob": one} for other, one in others],
    }


def _items(value: Any) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
