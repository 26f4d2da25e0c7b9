"""Model families and what they can do, as data; no model name occurs anywhere else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What is known of a model. None means that it is not known; nothing is ever refused for that.

    Attributes:
        family: The family's name.
        context_window: Tokens of prompt and answer together.
        max_output_tokens: Tokens of the answer.
        tool_calling: Whether it calls tools.
        structured_output: Whether it takes `response_format` of type `json_schema`.
        image_input: Whether it takes images.
        audio_input: Whether it takes sound.
        reasoning: Whether it thinks aloud before it answers.
        input_type: For embeddings, whether it tells queries from documents.
        embedding_batch_size: The most inputs in one embeddings request.
    """

    family: str = "unknown"
    context_window: int | None = None
    max_output_tokens: int | None = None
    tool_calling: bool | None = None
    structured_output: bool | None = None
    image_input: bool | None = None
    audio_input: bool | None = None
    reasoning: bool | None = None
    input_type: bool | None = None
    embedding_batch_size: int | None = None


UNKNOWN = ModelProfile()


def model_profile(model: str | None) -> ModelProfile:
    """What is known of the model of that name; a name that is not known gives `ModelProfile()`."""
    return UNKNOWN


_CHARACTERS_PER_TOKEN = 4


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has, told without a network and without a tokenizer: bytes of UTF-8 over four."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _CHARACTERS_PER_TOKEN)
