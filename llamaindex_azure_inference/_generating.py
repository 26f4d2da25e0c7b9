"""What the chat model and the text model have in common: parameters of the answer, and what is said of the model."""

from collections.abc import Mapping
from typing import Any, ClassVar

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.constants import DEFAULT_CONTEXT_WINDOW, DEFAULT_NUM_OUTPUTS
from llama_index.core.llms.llm import LLM
from llama_index.core.llms.structured_llm import StructuredLLM
from pydantic import BaseModel, Field, SkipValidation
from typing_extensions import override

from azure_inference import (
    BASE_CONFIG,
    ModelProfile,
    Parameters,
    own_fields,
    wire_fields,
)

from ._connected import Connected


class Generating(Connected, LLM):
    """A model that makes text. Nothing of this is sent unless it is set."""

    model_config = BASE_CONFIG

    other_names: ClassVar[Mapping[str, str]] = {**Connected.other_names, "model_name": "model"}
    _request_kind: ClassVar[type[BaseModel]]
    """What is sent: the fields of it that are fields here, too, are parameters."""

    model: str | None = None
    """The model or deployment (also accepted as `model_name`); an endpoint that serves a single model needs none."""
    temperature: float | None = None
    """0 (steady) to 1 or 2 (varied), as the model has it."""
    max_tokens: int | None = None
    """The most tokens the answer may have."""
    top_p: float | None = None
    """0 to 1: the share of probability that tokens are drawn from."""
    frequency_penalty: float | None = None
    """-2 to 2: how much less likely tokens become with each use."""
    presence_penalty: float | None = None
    """-2 to 2: how much less likely tokens become once used."""
    seed: int | None = None
    """Asks for the same answer to the same request."""
    stop: list[str] | str | None = None
    """Texts at which the model stops."""
    additional_kwargs: Parameters = Field(default_factory=dict)
    """More request parameters, as `model_kwargs`."""
    context_window: int | None = None
    """Tokens of prompt and answer together; by default what is known of the model, else 3900."""
    stream_usage: SkipValidation[bool] = True
    """Whether streams ask for their usage where that must be asked for."""

    @property
    def model_name(self) -> str | None:
        """The model, by its other name."""
        return self.model

    @override
    def as_structured_llm(self, output_cls: type[BaseModel], **kwargs: Any) -> StructuredLLM:
        """A model whose answers are JSON of the class, with the object in `raw`."""
        from ._structured_llm import ConcealingStructuredLLM  # noqa: PLC0415 - see there

        return ConcealingStructuredLLM(llm=self, output_cls=output_cls, **kwargs)

    def _metadata(self, profile: ModelProfile, *, is_chat_model: bool, is_function_calling_model: bool) -> LLMMetadata:
        """What is known about the model, without asking the endpoint."""
        room = self._token_limit or DEFAULT_NUM_OUTPUTS
        # A window that is not known is LlamaIndex's guess, unless no prompt would find room beside such an answer.
        guess = max(DEFAULT_CONTEXT_WINDOW, 2 * room)
        return LLMMetadata(
            context_window=self.context_window or profile.context_window or guess,
            num_output=room,
            is_chat_model=is_chat_model,
            is_function_calling_model=is_function_calling_model,
            model_name=self.model or "unknown",
        )

    @property
    def _token_limit(self) -> int | None:
        """The most tokens of an answer that are asked for, by whichever argument and name."""
        if not (self.model_kwargs or self.additional_kwargs):
            return self.max_tokens  # told fast, since LlamaIndex asks for metadata with every chat
        fields = self._fields({})
        limit = fields.get("max_tokens") or fields.get("max_completion_tokens")
        return limit if isinstance(limit, int) else None

    def _fields(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a request, with the keywords of its call."""
        return wire_fields(own_fields(self, self._request_kind), self.model_kwargs, self.additional_kwargs, call=call)
