"""The parameters of the published API as tables: what each request may hold, written down from its documents.

Sources: the OpenAPI documents 2024-05-01-preview and 2025-05-01 of the Azure AI Model Inference API, and for
``/completions`` its reference page of 2024-04-01-preview. A key that is in no table is an *extra parameter*.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal[
    "string", "integer", "number", "boolean", "object", "strings",
    "messages", "tools", "tool_choice", "response_format", "texts", "images", "prompt",
]  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """What one parameter may be: its kind, its inclusive bounds, its choices, and the API version that brought it."""

    kind: Kind
    required: bool = False
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    since: str = "2024-05-01-preview"


ENCODINGS = ("float", "base64", "int8", "uint8", "binary", "ubinary")
INPUT_TYPES = ("text", "query", "document")

_SAMPLING: dict[str, Rule] = {
    "frequency_penalty": Rule("number", low=-2, high=2),
    "presence_penalty": Rule("number", low=-2, high=2),
    # The OpenAPI document says at most 1, the reference pages and the models behind the API say 2.
    "temperature": Rule("number", low=0, high=2),
    "top_p": Rule("number", low=0, high=1),
    "max_tokens": Rule("integer", low=0),
    "stop": Rule("strings"),
    "stream": Rule("boolean"),
    "seed": Rule("integer"),
}

CHAT_PARAMETERS: Mapping[str, Rule] = MappingProxyType(
    {
        "messages": Rule("messages", required=True),
        "model": Rule("string"),
        **_SAMPLING,
        "response_format": Rule("response_format"),
        "tools": Rule("tools"),
        "tool_choice": Rule("tool_choice"),
        "modalities": Rule("strings", choices=("text", "audio")),
        "user_security_context": Rule("object", since="2025-05-01"),
    }
)

COMPLETIONS_PARAMETERS: Mapping[str, Rule] = MappingProxyType(
    {
        "prompt": Rule("prompt", required=True),
        "model": Rule("string"),
        **_SAMPLING,
    }
)

EMBEDDINGS_PARAMETERS: Mapping[str, Rule] = MappingProxyType(
    {
        "input": Rule("texts", required=True),
        "model": Rule("string"),
        "dimensions": Rule("integer", low=1),
        "encoding_format": Rule("string", choices=ENCODINGS),
        "input_type": Rule("string", choices=INPUT_TYPES),
    }
)

IMAGE_EMBEDDINGS_PARAMETERS: Mapping[str, Rule] = MappingProxyType(
    {
        **EMBEDDINGS_PARAMETERS,
        "input": Rule("images", required=True),
    }
)

# What the OpenAI dialects know beyond the API; on the Model Inference routes each of these is an extra parameter.
OPENAI_PARAMETERS = frozenset(
    "n stream_options logprobs top_logprobs logit_bias user max_completion_tokens reasoning_effort parallel_tool_calls "
    "functions function_call store metadata service_tier prediction audio web_search_options prompt_cache_key "
    "safety_identifier verbosity echo best_of suffix".split()
)

EXTRA_PARAMETERS_OPTIONS = ("error", "drop", "pass-through")
