"""Model families and what they can do, as data; no model name occurs anywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

_BATCH_SIZE = 96
"""What every embedding service is known to take."""


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

    @property
    def batch_size(self) -> int:
        """How many inputs to put into one embeddings request: the most that is known to be taken, or 96."""
        return self.embedding_batch_size or _BATCH_SIZE


def _chat(family: str, context: int, output: int | None = None, **known: bool) -> ModelProfile:
    facts = {"tool_calling": True, "structured_output": False, "image_input": False, "reasoning": False, **known}
    return ModelProfile(family, context, output, **facts)


def _embedding(family: str, context: int, batch: int, *, input_type: bool, image_input: bool = False) -> ModelProfile:
    return ModelProfile(
        family, context, image_input=image_input, input_type=input_type, embedding_batch_size=batch, tool_calling=False
    )


_FAMILIES: tuple[tuple[str, ModelProfile], ...] = (
    # Azure OpenAI: learn.microsoft.com, "Foundry Models sold directly by Azure"
    ("gpt-5-chat*", _chat("gpt-5-chat", 128_000, 16_384, structured_output=True, image_input=True)),
    ("gpt-5*", _chat("gpt-5", 400_000, 128_000, structured_output=True, image_input=True, reasoning=True)),
    ("gpt-4.1*", _chat("gpt-4.1", 1_047_576, 32_768, structured_output=True, image_input=True)),
    ("gpt-4o*audio*", _chat("gpt-4o-audio", 128_000, 16_384, audio_input=True)),
    ("gpt-4o*", _chat("gpt-4o", 128_000, 16_384, structured_output=True, image_input=True)),
    ("gpt-4-turbo*", _chat("gpt-4-turbo", 128_000, 4_096, image_input=True)),
    ("gpt-4-32k*", _chat("gpt-4", 32_768, 4_096)),
    ("gpt-4*", _chat("gpt-4", 8_192, 4_096)),
    ("gpt-35-turbo*", _chat("gpt-3.5-turbo", 16_385, 4_096)),
    ("gpt-3.5-turbo*", _chat("gpt-3.5-turbo", 16_385, 4_096)),
    ("gpt-oss-*", _chat("gpt-oss", 131_072, 131_072, structured_output=True, reasoning=True)),
    ("o1-mini*", _chat("o1-mini", 128_000, 65_536, tool_calling=False, reasoning=True)),
    ("o1*", _chat("o1", 200_000, 100_000, structured_output=True, image_input=True, reasoning=True)),
    ("o3-mini*", _chat("o3-mini", 200_000, 100_000, structured_output=True, reasoning=True)),
    ("o3*", _chat("o3", 200_000, 100_000, structured_output=True, image_input=True, reasoning=True)),
    ("o4-mini*", _chat("o4-mini", 200_000, 100_000, structured_output=True, image_input=True, reasoning=True)),
    # Partner and community models: learn.microsoft.com, "Foundry Models from partners and community"
    ("mistral-large-2411*", _chat("mistral-large", 128_000, 4_096)),
    ("mistral-large*", _chat("mistral-large", 128_000, 4_096)),
    ("mistral-medium*", _chat("mistral-medium", 128_000, 4_096, image_input=True)),
    ("mistral-small*", _chat("mistral-small", 128_000, 4_096)),
    ("mistral-nemo*", _chat("mistral-nemo", 131_072, 4_096)),
    ("ministral*", _chat("ministral", 131_072, 4_096)),
    ("codestral*", _chat("codestral", 262_144, 4_096, tool_calling=False)),
    ("pixtral*", _chat("pixtral", 128_000, 4_096, image_input=True)),
    ("cohere-command-a*", _chat("cohere-command-a", 256_000, 8_000)),
    ("cohere-command-r*", _chat("cohere-command-r", 131_072, 4_096)),
    ("cohere-embed-v-4*", _embedding("cohere-embed-v4", 128_000, 96, input_type=True, image_input=True)),
    ("embed-v-4*", _embedding("cohere-embed-v4", 128_000, 96, input_type=True, image_input=True)),
    ("cohere-embed-v3*", _embedding("cohere-embed-v3", 512, 96, input_type=True, image_input=True)),
    ("ai21-jamba*", _chat("jamba-1.5", 262_144, 4_096)),
    ("deepseek-r1*", _chat("deepseek-r1", 163_840, 163_840, tool_calling=False, reasoning=True)),
    ("deepseek-v3*", _chat("deepseek-v3", 131_072, 131_072)),
    ("mai-ds-r1*", _chat("mai-ds-r1", 163_840, 163_840, tool_calling=False, reasoning=True)),
    ("grok-3-mini*", _chat("grok-3-mini", 131_072, 131_072, structured_output=True, reasoning=True)),
    ("grok-3*", _chat("grok-3", 131_072, 131_072, structured_output=True)),
    ("grok-4*", _chat("grok-4", 256_000, 256_000, structured_output=True, image_input=True, reasoning=True)),
    ("kimi-k2*", _chat("kimi-k2", 262_144, 262_144, reasoning=True)),
    # Meta and Microsoft
    ("*llama-4-scout*", _chat("llama-4-scout", 128_000, 8_192, image_input=True)),
    ("*llama-4-maverick*", _chat("llama-4-maverick", 128_000, 8_192, image_input=True)),
    ("*llama-3.2-*vision*", _chat("llama-3.2-vision", 128_000, 8_192, tool_calling=False, image_input=True)),
    ("*llama-3.[123]*", _chat("llama-3", 128_000, 8_192)),
    ("*llama-3*", _chat("llama-3", 8_192, 8_192, tool_calling=False)),
    ("*llama-2*", _chat("llama-2", 4_096, 4_096, tool_calling=False)),
    (
        "phi-4-multimodal*",
        _chat("phi-4-multimodal", 131_072, 4_096, tool_calling=False, image_input=True, audio_input=True),
    ),
    ("phi-4*reasoning*", _chat("phi-4-reasoning", 32_768, 32_768, tool_calling=False, reasoning=True)),
    ("phi-4-mini*", _chat("phi-4-mini", 131_072, 4_096)),
    ("phi-4*", _chat("phi-4", 16_384, 16_384, tool_calling=False)),
    ("phi-3*vision*", _chat("phi-3-vision", 131_072, 4_096, tool_calling=False, image_input=True)),
    ("phi-3*4k*", _chat("phi-3", 4_096, 4_096, tool_calling=False)),
    ("phi-3*8k*", _chat("phi-3", 8_192, 4_096, tool_calling=False)),
    ("phi-3*", _chat("phi-3", 131_072, 4_096, tool_calling=False)),
    # Embeddings of OpenAI, which do not tell queries from documents
    ("text-embedding-3-*", _embedding("text-embedding-3", 8_191, 2_048, input_type=False)),
    ("text-embedding-ada-002*", _embedding("text-embedding-ada-002", 8_191, 2_048, input_type=False)),
    # The emulator of this distribution
    (
        "emulated-chat*",
        _chat("emulated-chat", 128_000, 4_096, structured_output=True, image_input=True, audio_input=True),
    ),
    ("emulated-embed*", _embedding("emulated-embed", 8_192, 96, input_type=True, image_input=True)),
)
"""Name patterns, lower case, first match wins."""

UNKNOWN = ModelProfile()


@lru_cache(maxsize=256)
def model_profile(model: str | None) -> ModelProfile:
    """What is known of the model of that name.

    The name is matched by family, whatever its case, its maker's prefix (`meta/`) or its version. A deployment that
    has a name of its own is known by its model's: pass that. A name that is not known gives `ModelProfile()`.
    """
    name = (model or "").lower().rpartition("/")[2].replace("_", "-")
    return next((profile for pattern, profile in _FAMILIES if fnmatchcase(name, pattern)), UNKNOWN)


_CHARACTERS_PER_TOKEN = 4


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has, told without a network and without a tokenizer: bytes of UTF-8 over four."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _CHARACTERS_PER_TOKEN)
