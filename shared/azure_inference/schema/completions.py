"""`POST /completions`: text completion."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ._base import AnswerModel, Id, RequestModel, Seconds
from ._endpoint import Endpoint
from ._json import has_any
from .chat import StopSequences, Usage, in_order
from .chunks import CompletionChunk


class CompletionRequest(RequestModel):
    """What `POST /completions` takes. Any other keyword is an extra parameter."""

    prompt: str | list[str] | list[int] | list[list[int]]
    """The text to go on from; Managed Compute takes a single text only."""
    model: str | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    """The most tokens to add; unset means the service's own limit (256 by the documents)."""
    stop: StopSequences | None = None
    stream: bool | None = None
    """Set by `stream_complete`; whoever calls `complete` leaves it unset."""
    seed: int | None = None


class CompletionChoice(AnswerModel):
    """One completion."""

    index: int | None = None
    text: Annotated[str, BeforeValidator(lambda value: "" if value is None else value)] = ""
    finish_reason: str | None = None
    logprobs: Any = None
    content_filter_results: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _check_text(self) -> Self:
        if not self.text and has_any(self.model_extra, "message", "delta"):
            raise ValueError("a choice without text, which is in a message as chats have it")
        return self


class Completion(AnswerModel):
    """An answer of `POST /completions`."""

    id: Id | None = None
    object: str | None = None
    created: Seconds | None = None
    model: str | None = None
    choices: Annotated[list[CompletionChoice], Field(min_length=1), AfterValidator(in_order)]
    usage: Usage | None = None
    system_fingerprint: str | None = None
    prompt_filter_results: list[Any] | None = None


COMPLETIONS = Endpoint("POST", "/completions", CompletionRequest, Completion)
COMPLETIONS_STREAM = Endpoint(COMPLETIONS.method, COMPLETIONS.path, CompletionRequest, CompletionChunk, streams=True)
