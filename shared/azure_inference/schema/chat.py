"""`POST /chat/completions`: the request and the whole answer."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    WrapValidator,
    model_serializer,
)

from ._base import AnswerModel, Id, RequestModel, Seconds, WireModel
from ._endpoint import Endpoint
from ._json import is_array, is_object
from .messages import Messages
from .tools import ToolCall, ToolChoice, ToolDefinition, with_ids


def listed(value: Any) -> Any:
    """A bare text as a list of one: the API's type is a list."""
    return [value] if isinstance(value, str) else value


def _unless_filtered(value: Any, info: ValidationInfo) -> Any:
    """A message that is missing as an empty one, if the content filter took it; elsewhere there must be one."""
    if value is None and info.data.get("finish_reason") != "content_filter":
        raise ValueError("a choice without a message")
    return {} if value is None else value


StopSequences = Annotated[list[str], BeforeValidator(listed)]


class JsonSchemaFormat(WireModel):
    """The JSON Schema an answer must satisfy. `name`: at most 64 of `A-Za-z0-9_-`."""

    name: str
    schema_: dict[str, Any] = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None


class ResponseFormat(WireModel):
    """The form of the answer: `text`, `json_object` or `json_schema`."""

    type: str
    json_schema: JsonSchemaFormat | None = None


class UserSecurityContext(WireModel):
    """Who uses the application, for the security products of the cloud (API 2025-05-01 and later)."""

    application_name: str | None = None
    end_user_id: str | None = None
    end_user_tenant_id: str | None = None
    source_ip: str | None = None


class ChatRequest(RequestModel):
    """What `POST /chat/completions` takes. Any other keyword is an extra parameter (see `ExtraParameters`)."""

    messages: Messages = Field(min_length=1)
    """The conversation so far, oldest first; at least one message."""
    model: str | None = None
    """The model or deployment; an endpoint that serves a single model needs none."""
    frequency_penalty: float | None = None
    """-2 to 2: how much less likely tokens become with each use."""
    presence_penalty: float | None = None
    """-2 to 2: how much less likely tokens become once used."""
    temperature: float | None = None
    """0 (steady) to 1 or 2 (varied), as the model has it; never clamped here."""
    top_p: float | None = None
    """0 to 1: the share of probability that tokens are drawn from."""
    max_tokens: int | None = None
    """The most tokens the answer may have. Unset means the service's own limit (256 on Managed Compute)."""
    stop: StopSequences | None = None
    """Texts at which the model stops; a bare text is taken as a list of one."""
    stream: bool | None = None
    """Set by `stream_chat`; whoever calls `chat` leaves it unset."""
    response_format: ResponseFormat | None = None
    tools: list[ToolDefinition] | None = None
    tool_choice: ToolChoice | None = None
    """`auto`, `none`, `required`, or one function by name."""
    seed: int | None = None
    """Asks for the same answer to the same request, as far as the model can."""
    modalities: list[str] | None = None
    """What the model answers with: `text`, `audio`."""
    user_security_context: UserSecurityContext | None = None


class CompletionTokensDetails(AnswerModel):
    """What the tokens of an answer went to."""

    audio_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None


class PromptTokensDetails(AnswerModel):
    """What the tokens of a prompt were."""

    audio_tokens: int | None = None
    cached_tokens: int | None = None


class Usage(AnswerModel):
    """Tokens used, as the service counted them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    completion_tokens_details: CompletionTokensDetails | None = None
    prompt_tokens_details: PromptTokensDetails | None = None

    @model_serializer(mode="wrap")
    def _without_missing(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the counts that are missing: frameworks add up whatever is there."""
        return {name: value for name, value in serialize(self).items() if value is not None}


class Audio(AnswerModel):
    """A spoken answer: base64 `data`, its `transcript`, and an `id` valid until `expires_at` (Unix seconds)."""

    id: Id | None = None
    expires_at: Seconds | None = None
    data: str | None = None
    format: str | None = None
    transcript: str | None = None


class AnswerMessage(AnswerModel):
    """The message of a choice."""

    role: str | None = None
    content: str | list[Any] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    audio: Audio | None = None
    tool_calls: Annotated[list[ToolCall], WrapValidator(with_ids)] = Field(default_factory=list)  # pyright: ignore[reportUnknownVariableType]
    """The calls that the model asks for; one that came without an id has one of our own."""

    @property
    def text(self) -> str:
        """The text said, whatever form `content` has; empty where there is none."""
        return text_in(self.content)

    @property
    def said(self) -> str | list[Any]:
        """The text said; or, with images and the like among it, all parts of `content` but reasoning."""
        return said_in(self.content)

    @property
    def reasoning_text(self) -> str:
        """The reasoning, from whichever place the server puts it; empty where there is none."""
        return self.reasoning_content or self.reasoning or reasoning_in(self.content)


def text_in(content: str | list[Any] | None) -> str:
    """The text said in a message's content; empty where there is none."""
    return content if isinstance(content, str) else _joined(content or [], "text")


def reasoning_in(content: str | list[Any] | None) -> str:
    """The reasoning in a message's content, where that is a list of typed parts; else empty."""
    return _joined(content, "thinking") if isinstance(content, list) else ""


def said_in(content: str | list[Any] | None) -> str | list[Any]:
    """What is said in a message's content: its text, or its parts but reasoning if they are not text alone."""
    if not isinstance(content, list):
        return content or ""
    return _without_reasoning(content) if any(map(is_other, content)) else text_in(content)


def _without_reasoning(parts: list[Any]) -> list[Any]:
    return [part for part in parts if isinstance(part, str) or (is_object(part) and part.get("type") != "thinking")]


def is_other(part: Any) -> bool:
    """Whether a part of a message's content is neither text nor reasoning: an image, say."""
    return is_object(part) and part.get("type") not in ("text", "thinking")


def _joined(parts: list[Any], kind: Literal["text", "thinking"]) -> str:
    """The texts of one kind in a list of parts, whose own value may be such a list again; a bare text is said."""
    found: list[str] = []
    for part in parts:
        value = part.get(kind) if is_object(part) and part.get("type") == kind else None
        if kind == "text" and isinstance(part, str):
            value = part
        if isinstance(value, str):
            found.append(value)
        elif is_array(value):
            found.append(_joined(value, "text"))
    return "".join(found)


class Choice(AnswerModel):
    """One answer of those asked for. `finish_reason`: stop, length, tool_calls, content_filter, or a new word."""

    index: int | None = None
    finish_reason: str | None = None
    message: Annotated[AnswerMessage, BeforeValidator(_unless_filtered)] = Field(default=None, validate_default=True)
    """Empty where the content filter stopped the answer before its first word."""
    content_filter_results: dict[str, Any] | None = None
    logprobs: Any = None


def in_order(choices: list[Any]) -> list[Any]:
    """The choices by their index, where all have one: a server may send them as they got ready."""
    if len(choices) == 1 or any(choice.index is None for choice in choices):
        return choices
    return sorted(choices, key=lambda choice: choice.index or 0)


class ChatCompletion(AnswerModel):
    """A whole answer of `POST /chat/completions`; unknown keys are in `model_extra`."""

    id: Id | None = None
    object: str | None = None
    created: Seconds | None = None
    model: str | None = None
    choices: Annotated[list[Choice], Field(min_length=1), AfterValidator(in_order)]
    usage: Usage | None = None
    system_fingerprint: str | None = None
    prompt_filter_results: list[Any] | None = None


CHAT = Endpoint("POST", "/chat/completions", ChatRequest, ChatCompletion)
