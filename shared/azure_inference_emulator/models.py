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
        source: Where what it does was found: pages of documentation by their titles, and what was recorded or reported.
        provider: What ``GET /info`` calls its provider; ``info_type`` its type there.
        context: Most tokens of a prompt; for embeddings, of one input.
        output: Most tokens that may be asked for.
        dimensions: Length of its vectors; ``batch`` the most inputs of one request.
        whole_calls: A tool call streams in one frame without index and type, with finish reason and usage.
        running_usage: Every frame of a stream carries the usage so far.
        empty_calls: Answers without tool calls say ``tool_calls: []``.
        reasoning: Thinking comes as ``<think>`` in the content, as ``reasoning_content``, or is counted and not told.
        served_as: The model name that answers carry, if another.
        audio: Whether messages may hold audio.
        azure_openai: Filter results, usage only on request and forced calls that finish with ``stop``, on every route.
    """

    name: str
    source: str
    task: Task = "chat"
    provider: str = "emulator"
    info_type: str = "chat-completion"
    refusals: tuple[Refusal, ...] = ()
    context: int = 131072
    output: int | None = None
    dimensions: int = 256
    batch: int = 2048
    whole_calls: bool = False
    running_usage: bool = False
    empty_calls: bool = False
    reasoning: Literal["", "think", "field", "hidden"] = ""
    served_as: str = ""
    audio: bool = True
    azure_openai: bool = False


# Sources. The catalogue says contexts, and which models call tools and which forms of answer they know.
_OWN = "an invention of this emulator, in the manner of the API's reference pages"
_CATALOGUE = 'the page "Models available in Azure AI Foundry Models"'
_EMBEDDINGS = f'{_CATALOGUE}; the page "How to use Cohere Embed V3 models"; recorded answers of /info and of images'
_OPENAI = f"{_CATALOGUE}; recorded answers and errors of Azure OpenAI"
_LLAMA_2 = 'the page "How to use Meta Llama chat models"'
_MISTRAL = f"{_CATALOGUE}; recorded streams and /info of Mistral-large-2411; a reported refusal of user"
_PHI = f'{_CATALOGUE}; the page "How to use Phi-3 family chat models"; recorded answers of Phi-3'
_DEEPSEEK = f"{_CATALOGUE}; reported answers and errors of DeepSeek-R1 on Azure"
_DEEPSEEK_NEW = 'the pages "Foundry Models sold directly by Azure" and "How to use reasoning models"'

_AUDIO = Refusal("modalities", ("audio",))
_NO_SCHEMA = Refusal("response_format", ("json_schema",))
_JSON = ("json_object", "json_schema")
_TEXT_ONLY = Refusal("response_format", _JSON)
_NO_TOOLS = Refusal("tools")
_FIXED_SIZE = Refusal("dimensions")
_ONE_INPUT_TYPE = Refusal("input_type", ("query", "document"))
_FLOATS = Refusal("encoding_format", ("int8", "uint8", "binary", "ubinary"))
_PLAIN = (_AUDIO, _TEXT_ONLY, _NO_TOOLS)
_THINKING = (_AUDIO, Refusal("response_format", _JSON, "details"), Refusal("tools", shape="details"))
_O_SERIES = (
    Refusal("max_tokens", shape="openai", advice=" Use 'max_completion_tokens' instead."),
    *(
        Refusal(name, shape="openai")
        for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty", "stop")
    ),
)


def _cohere_embed(name: str) -> Model:
    return Model(
        name, _EMBEDDINGS, "embeddings", "Cohere", "embedding", (_FIXED_SIZE,), context=512, dimensions=1024, batch=96
    )


def _openai_embed(name: str, dimensions: int) -> Model:
    return Model(
        name, _OPENAI, "embeddings", "Azure OpenAI", "embeddings", (_ONE_INPUT_TYPE, _FLOATS), context=8191,
        dimensions=dimensions, azure_openai=True,
    )  # fmt: skip


def _command(name: str) -> Model:
    return Model(name, _CATALOGUE, provider="Cohere", refusals=(_AUDIO, _NO_SCHEMA))


def _mistral(name: str, context: int) -> Model:
    refusals = (_AUDIO, _NO_SCHEMA, Refusal("user", shape="list"))
    return Model(name, _MISTRAL, provider="Mistral AI", refusals=refusals, context=context, whole_calls=True)


def _llama(name: str, source: str, context: int) -> Model:
    return Model(name, source, provider="Meta", refusals=_PLAIN, context=context)


def _phi(name: str, context: int) -> Model:
    return Model(
        name, _PHI, provider="Microsoft", info_type="chat-completions", refusals=_PLAIN, context=context,
        running_usage=True, empty_calls=True,
    )  # fmt: skip


_ALL = (
    Model("emulated-chat", _OWN, refusals=(_AUDIO,)),
    Model("emulated-chat-2", _OWN, refusals=(_AUDIO, Refusal("seed"))),
    Model("emulated-embed", _OWN, "embeddings", info_type="embeddings"),
    _cohere_embed("Cohere-embed-v3-english"),
    _cohere_embed("Cohere-embed-v3-multilingual"),
    _command("Cohere-command-r"),
    _command("Cohere-command-r-plus"),
    _llama("Llama-2-70b-chat", _LLAMA_2, 4096),
    _llama("Meta-Llama-3-70B-Instruct", _CATALOGUE, 8192),
    _llama("Meta-Llama-3.1-405B-Instruct", _CATALOGUE, 131072),
    _mistral("Mistral-small", 32768),
    _mistral("Mistral-large-2411", 128000),
    _phi("Phi-3-mini-4k-instruct", 4096),
    _phi("Phi-3-medium-128k-instruct", 131072),
    Model("gpt-4o-mini", _OPENAI, provider="Azure OpenAI", refusals=(_AUDIO,), context=128000, output=16384,
          served_as="gpt-4o-mini-2024-07-18", audio=False, azure_openai=True),
    Model("o3-mini", _OPENAI, provider="Azure OpenAI", refusals=(_AUDIO, *_O_SERIES), context=200000,
          served_as="o3-mini-2025-01-31", reasoning="hidden", audio=False, azure_openai=True),
    _openai_embed("text-embedding-3-small", 1536),
    _openai_embed("text-embedding-3-large", 3072),
    Model("DeepSeek-R1", _DEEPSEEK, provider="DeepSeek", refusals=_THINKING, context=163840, reasoning="think"),
    Model("DeepSeek-R1-0528", _DEEPSEEK_NEW, provider="DeepSeek", refusals=_THINKING, context=163840,
          reasoning="field"),
)  # fmt: skip

MODELS: Mapping[str, Model] = MappingProxyType({model.name: model for model in _ALL})
DEFAULTS: Mapping[Task, str] = MappingProxyType({"chat": "emulated-chat", "embeddings": "emulated-embed"})
_BY_NAME = {name.lower(): model for name, model in MODELS.items()}


def find(name: str) -> Model | None:
    """The model of a name, whatever its case."""
    return _BY_NAME.get(name.lower())
