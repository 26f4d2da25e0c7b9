"""The models an emulator serves, as data: what each can do, what it refuses, and how it differs on the wire.

``emulated-chat`` refuses ``modalities`` that hold ``audio``; ``emulated-chat-2`` refuses that and ``seed``. Both answer
422 ``parameter_not_supported`` with the location and the value. The others behave like families of the API's own
catalogue as far as documents and recordings tell; a deployment name becomes one of them by ``--model NAME=MODEL``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from azure_inference_emulator.values import as_list, as_object, is_list, is_object

Task = Literal["chat", "embeddings"]
Shape = Literal["flat", "details", "list", "openai"]


@dataclass(frozen=True)
class Refusal:
    """A parameter, or some values of it, that a model does not support; no values means all of them.

    ``shape`` is how the model says so: flat 422 ``parameter_not_supported``, 422 with ``details``, 422 with a bare
    list, or 400 ``unsupported_parameter``; ``advice`` ends its text.
    """

    parameter: str
    values: tuple[Any, ...] = ()
    shape: Shape = "flat"
    advice: str = ""

    def applies(self, value: object) -> bool:
        """Whether this value is refused: a list by any of its items, an object by its type."""
        if value is None or not self.values:
            return value is not None
        items = as_list(value) if is_list(value) else [as_object(value).get("type") if is_object(value) else value]
        return any(item in self.values for item in items)


@dataclass(frozen=True)
class Model:
    """One model.

    Attributes:
        provider: What ``GET /info`` calls its provider; ``info_type`` its type there.
        context: Most tokens of a prompt.
        dimensions: Length of its vectors; ``batch`` the most inputs of one request.
        whole_calls: A tool call streams in one frame without index and type, with finish reason and usage.
        running_usage: Every frame of a stream carries the usage so far.
        empty_calls: Answers without tool calls say ``tool_calls: []``.
        reasoning: Thinking comes as ``<think>`` in the content, or as ``reasoning_content``.
        served_as: The model name that answers carry, if another.
        azure_openai: Filter results, usage only on request and forced calls that finish with ``stop``, on every route.
    """

    name: str
    task: Task = "chat"
    provider: str = "emulator"
    info_type: str = "chat-completion"
    refusals: tuple[Refusal, ...] = ()
    context: int = 131072
    dimensions: int = 256
    batch: int = 2048
    whole_calls: bool = False
    running_usage: bool = False
    empty_calls: bool = False
    reasoning: Literal["", "think", "field"] = ""
    served_as: str = ""
    azure_openai: bool = False


_AUDIO = Refusal("modalities", ("audio",))
_NO_SCHEMA = Refusal("response_format", ("json_schema",))
_JSON = ("json_object", "json_schema")
_TEXT_ONLY = Refusal("response_format", _JSON)
_NO_TOOLS = Refusal("tools")
_FIXED_SIZE = Refusal("dimensions")
_ONE_INPUT_TYPE = Refusal("input_type", ("query", "document"))
_FLOATS = Refusal("encoding_format", ("int8", "uint8", "binary", "ubinary"))
_O_SERIES = (
    Refusal("max_tokens", shape="openai", advice=" Use 'max_completion_tokens' instead."),
    *(
        Refusal(name, shape="openai")
        for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty", "stop")
    ),
)


def _cohere_embed(name: str) -> Model:
    return Model(name, "embeddings", "Cohere", "embedding", (_FIXED_SIZE,), dimensions=1024, batch=96)


def _openai_embed(name: str, dimensions: int) -> Model:
    refusals = (_ONE_INPUT_TYPE, _FLOATS)
    return Model(name, "embeddings", "Azure OpenAI", "embeddings", refusals, dimensions=dimensions, azure_openai=True)


def _mistral(name: str) -> Model:
    return Model(
        name, provider="Mistral AI", refusals=(_AUDIO, _NO_SCHEMA, Refusal("user", shape="list")), whole_calls=True
    )


_ALL = (
    Model("emulated-chat", refusals=(_AUDIO,)),
    Model("emulated-chat-2", refusals=(_AUDIO, Refusal("seed"))),
    Model("emulated-embed", "embeddings", info_type="embeddings"),
    _cohere_embed("Cohere-embed-v3-english"),
    _cohere_embed("Cohere-embed-v3-multilingual"),
    Model("Cohere-command-r", provider="Cohere", refusals=(_AUDIO, _NO_SCHEMA)),
    Model("Cohere-command-r-plus", provider="Cohere", refusals=(_AUDIO, _NO_SCHEMA)),
    Model("Llama-2-70b-chat", provider="Meta", refusals=(_AUDIO, _TEXT_ONLY, _NO_TOOLS), context=4096),
    Model("Meta-Llama-3-70B-Instruct", provider="Meta", refusals=(_AUDIO, _TEXT_ONLY, _NO_TOOLS), context=8192),
    Model("Meta-Llama-3.1-405B-Instruct", provider="Meta", refusals=(_AUDIO, _TEXT_ONLY)),
    _mistral("Mistral-small"),
    _mistral("Mistral-large-2411"),
    Model("Phi-3-mini-4k-instruct", provider="Microsoft", refusals=(_AUDIO, _TEXT_ONLY, _NO_TOOLS), context=4096,
          running_usage=True, empty_calls=True),
    Model("Phi-3-medium-128k-instruct", provider="Microsoft", refusals=(_AUDIO, _TEXT_ONLY, _NO_TOOLS),
          running_usage=True, empty_calls=True),
    Model("gpt-4o-mini", provider="Azure OpenAI", refusals=(_AUDIO,), served_as="gpt-4o-mini-2024-07-18",
          azure_openai=True),
    Model("o3-mini", provider="Azure OpenAI", refusals=(_AUDIO, *_O_SERIES), served_as="o3-mini-2025-01-31",
          reasoning="field", azure_openai=True),
    _openai_embed("text-embedding-3-small", 1536),
    _openai_embed("text-embedding-3-large", 3072),
    Model("DeepSeek-R1", provider="DeepSeek", reasoning="think",
          refusals=(Refusal("response_format", _JSON, "details"), Refusal("tools", shape="details"))),
    Model("DeepSeek-R1-0528", provider="DeepSeek", refusals=(_NO_SCHEMA,), reasoning="field"),
)  # fmt: skip

MODELS: Mapping[str, Model] = MappingProxyType({model.name: model for model in _ALL})
DEFAULTS: Mapping[Task, str] = MappingProxyType({"chat": "emulated-chat", "embeddings": "emulated-embed"})
_BY_NAME = {name.lower(): model for name, model in MODELS.items()}


def find(name: str) -> Model | None:
    """The model of a name, whatever its case."""
    return _BY_NAME.get(name.lower())
