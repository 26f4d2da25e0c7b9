"""Model families and what they can do, as data; no model name occurs anywhere else."""

from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal, NamedTuple

_BATCH_SIZE = 96
"""What every embedding service is known to take."""


class ModelProfile(NamedTuple):
    """What is known about a model. None means that it is not known; nothing is ever refused because of that.

    Attributes:
        family: The family's name.
        source: Where this comes from: the title of a page of documentation, or a word for it.
        context_window: Tokens of prompt and answer together.
        max_output_tokens: Tokens of the answer.
        tool_calling: Whether it calls tools.
        structured_output: Whether it takes `response_format` of type `json_schema`.
        json_output: Whether it takes `response_format` of type `json_object`.
        image_input: Whether it takes images.
        audio_input: Whether it takes audio.
        reasoning: Whether it shows its reasoning before it answers.
        input_type: For embeddings, whether it tells queries from documents.
        base64_output: For embeddings, whether it gives vectors in base64, whatever the route.
        embedding_batch_size: The most inputs in one embeddings request.
        prompt_limit: Tokens of the prompt, where that is less than the context window.
    """

    family: str = "unknown"
    source: str = ""
    context_window: int | None = None
    max_output_tokens: int | None = None
    tool_calling: bool | None = None
    structured_output: bool | None = None
    json_output: bool | None = None
    image_input: bool | None = None
    audio_input: bool | None = None
    reasoning: bool | None = None
    input_type: bool | None = None
    base64_output: bool | None = None
    embedding_batch_size: int | None = None
    prompt_limit: int | None = None

    @property
    def batch_size(self) -> int:
        """How many inputs to put into one embeddings request: the most that is known to be taken, or 96."""
        return self.embedding_batch_size or _BATCH_SIZE

    @property
    def max_input_tokens(self) -> int | None:
        """Tokens of the prompt."""
        return self.prompt_limit or self.context_window


_AZURE = "Microsoft Learn: Foundry Models sold directly by Azure"
_PARTNERS = "Microsoft Learn: Foundry Models from partners and community"
_EARLIER = "Microsoft Learn: Azure OpenAI models, earlier editions"
_CARD = "The model's card in the catalogue"
_OWN = "The emulator of this distribution"
_ABILITIES = {
    "tools": "tool_calling",
    "schema": "structured_output",
    "json": "json_output",
    "image": "image_input",
    "audio": "audio_input",
    "reasoning": "reasoning",
}


def _chat(
    source: str, family: str, context: int | None, output: int | None, can: str = "", *, perhaps: str = ""
) -> ModelProfile:
    """A chat model: it can do what `can` says; what `perhaps` says is not known of it; it can do nothing else."""
    abilities = {name: word in can.split() for word, name in _ABILITIES.items() if word not in perhaps.split()}
    return ModelProfile(family, source, context, output, **abilities)


def _embedding(
    source: str,
    family: str,
    context: int,
    batch: int,
    *,
    input_type: bool,
    image_input: bool = False,
    base64_output: bool | None = True,
) -> ModelProfile:
    # Base64 stands in the API's document, and in tests recorded with these very models: those of the Azure SDKs with
    # Cohere Embed V3, those of Microsoft.Extensions.AI.AzureAIInference, which asks for nothing else, with the others.
    return ModelProfile(
        family,
        source,
        context,
        tool_calling=False,
        image_input=image_input,
        input_type=input_type,
        base64_output=base64_output,
        embedding_batch_size=batch,
    )


_GPT = "tools schema json"
_GPT_4 = _chat(_EARLIER, "gpt-4", 8_192, 4_096, "tools")
_GPT_5 = _chat(_AZURE, "gpt-5", 400_000, 128_000, f"{_GPT} image reasoning")._replace(prompt_limit=272_000)
_GPT_5_CHAT = _chat(_AZURE, "gpt-5.1-chat", 128_000, 16_384, f"{_GPT} reasoning", perhaps="image")
_GROK_FAST = _chat(_AZURE, "grok-4-fast", 2_000_000, 2_000_000, "tools image", perhaps="schema json")

_FAMILIES: tuple[tuple[str, ModelProfile], ...] = (
    # OpenAI
    ("gpt-5-chat*", _chat(_AZURE, "gpt-5-chat", 128_000, 16_384, "image", perhaps="tools schema json")),
    ("gpt-5.*-chat*", _GPT_5_CHAT._replace(prompt_limit=111_616)),
    ("gpt-5*", _GPT_5),
    ("gpt-4.1*", _chat(_AZURE, "gpt-4.1", 1_047_576, 32_768, f"{_GPT} image")),
    ("gpt-4o*audio*", _chat(_AZURE, "gpt-4o-audio", 128_000, 16_384, "tools audio")),
    ("gpt-4o-2024-05-13", _chat(_EARLIER, "gpt-4o", 128_000, 4_096, "tools json image")),
    ("gpt-4o*", _chat(_AZURE, "gpt-4o", 128_000, 16_384, f"{_GPT} image")),
    ("gpt-4-turbo*", _chat(_EARLIER, "gpt-4-turbo", 128_000, 4_096, "tools json image")),
    ("gpt-4-32k*", _chat(_EARLIER, "gpt-4", 32_768, 4_096, "tools")),
    ("gpt-4", _GPT_4),
    ("gpt-4-0[36]*", _GPT_4),  # not gpt-4-1, as deployments of gpt-4.1 are called, nor the previews
    ("gpt-35-turbo*", _chat(_EARLIER, "gpt-3.5-turbo", 16_385, 4_096, "tools json")),
    ("gpt-3.5-turbo*", _chat(_EARLIER, "gpt-3.5-turbo", 16_385, 4_096, "tools json")),
    ("gpt-oss-*", _chat(_AZURE, "gpt-oss", 131_072, 131_072, f"{_GPT} reasoning")),
    ("o1-mini*", _chat(_EARLIER, "o1-mini", 128_000, 65_536, "reasoning")),
    ("o1*", _chat(_AZURE, "o1", 200_000, 100_000, f"{_GPT} image reasoning")),
    ("o3-mini*", _chat(_AZURE, "o3-mini", 200_000, 100_000, f"{_GPT} reasoning")),
    ("o3*", _chat(_AZURE, "o3", 200_000, 100_000, f"{_GPT} image reasoning")),
    ("o4-mini*", _chat(_AZURE, "o4-mini", 200_000, 100_000, f"{_GPT} image reasoning")),
    ("model-router*", _chat(_AZURE, "model-router", 200_000, None, "image", perhaps="tools schema json reasoning")),
    ("text-embedding-3-*", _embedding(_AZURE, "text-embedding-3", 8_191, 2_048, input_type=False)),
    ("text-embedding-ada-002*", _embedding(_AZURE, "text-embedding-ada-002", 8_191, 2_048, input_type=False)),
    # Mistral AI
    ("mistral-large-3*", _chat(_AZURE, "mistral-large-3", None, None, "tools json image", perhaps="schema")),
    ("mistral-large*", _chat(_PARTNERS, "mistral-large", 128_000, 4_096, "tools json")),
    ("mistral-medium*", _chat(_PARTNERS, "mistral-medium", 128_000, 128_000, "json image")),
    ("mistral-small*", _chat(_PARTNERS, "mistral-small", 32_768, 4_096, "tools json", perhaps="image")),
    ("mistral-nemo*", _chat(_PARTNERS, "mistral-nemo", 131_072, 4_096, "tools json")),
    ("ministral*", _chat(_PARTNERS, "ministral", 131_072, 4_096, "tools json")),
    ("codestral*", _chat(_PARTNERS, "codestral", 262_144, 4_096)),
    ("pixtral*", _chat(_CARD, "pixtral", 128_000, 4_096, "tools json image")),
    ("*mixtral-8x22b*", _chat(_PARTNERS, "mixtral-8x22b", 64_000, 4_096, perhaps="tools")),
    # Cohere, AI21, Core42
    ("cohere-command-a*", _chat(_AZURE, "cohere-command-a", 131_072, 8_182, "tools json")),
    ("cohere-command-r*", _chat(_PARTNERS, "cohere-command-r", 131_072, 4_096, "tools json")),
    ("cohere-embed-v-4*", _embedding(_AZURE, "cohere-embed-v4", 512, 96, input_type=True, image_input=True)),
    ("embed-v-4*", _embedding(_AZURE, "cohere-embed-v4", 512, 96, input_type=True, image_input=True)),
    ("cohere-embed-v3-multilingual*", _embedding(_PARTNERS, "cohere-embed-v3", 512, 96, input_type=True)),
    ("cohere-embed-v3*", _embedding(_PARTNERS, "cohere-embed-v3", 512, 96, input_type=True, image_input=True)),
    ("ai21-jamba*", _chat(_CARD, "jamba-1.5", 262_144, 4_096, "tools json")),
    ("jais-30b*", _chat(_PARTNERS, "jais-30b", 8_192, 4_096, "tools json")),
    # DeepSeek, Moonshot AI, xAI
    ("deepseek-r1*", _chat(_AZURE, "deepseek-r1", 163_840, 163_840, "reasoning")),
    ("mai-ds-r1*", _chat(_AZURE, "mai-ds-r1", 163_840, 163_840, "reasoning")),
    ("deepseek-v3.2*", _chat(_AZURE, "deepseek-v3.2", 128_000, 128_000, "json", perhaps="reasoning")),
    ("deepseek-v3.1*", _chat(_AZURE, "deepseek-v3.1", 131_072, 131_072, "tools json reasoning")),
    ("deepseek-v3-0324*", _chat(_AZURE, "deepseek-v3", 131_072, 131_072, "tools json")),
    ("deepseek-v3*", _chat(_CARD, "deepseek-v3", 131_072, 131_072, "json", perhaps="tools")),
    ("kimi-k2*", _chat(_AZURE, "kimi-k2", 262_144, 262_144, "tools reasoning")),
    ("grok-3-mini*", _chat(_AZURE, "grok-3-mini", 131_072, 131_072, "tools reasoning", perhaps="schema json")),
    ("grok-3*", _chat(_AZURE, "grok-3", 131_072, 131_072, "tools", perhaps="schema json")),
    ("grok-4-fast-non*", _GROK_FAST),
    ("grok-4-fast*", _GROK_FAST._replace(reasoning=True)),
    ("grok-4*", _chat(_AZURE, "grok-4", 256_000, 8_192, "tools reasoning", perhaps="schema json image")),
    ("grok-code*", _chat(_AZURE, "grok-code", 256_000, 8_192, "tools reasoning", perhaps="schema json")),
    # Meta
    ("*llama-4-scout*", _chat(_PARTNERS, "llama-4-scout", 128_000, 8_192, "image")),
    ("*llama-4-maverick*", _chat(_AZURE, "llama-4-maverick", 1_000_000, 1_000_000, "image")),
    ("*llama-3.2-*vision*", _chat(_PARTNERS, "llama-3.2-vision", 128_000, 8_192, "image")),
    ("*llama-3.3*", _chat(_AZURE, "llama-3.3", 128_000, 8_192)),
    ("*llama-3.[12]*", _chat(_PARTNERS, "llama-3.1", 131_072, 8_192)),
    ("*llama-3*", _chat(_CARD, "llama-3", 8_192, 8_192)),
    ("*llama-2*", _chat(_CARD, "llama-2", 4_096, 4_096)),
    # Microsoft
    ("phi-4-multimodal*", _chat(_PARTNERS, "phi-4-multimodal", 131_072, 4_096, "image audio")),
    ("phi-4-mini*reasoning*", _chat(_PARTNERS, "phi-4-mini-reasoning", 128_000, 128_000, "reasoning")),
    ("phi-4*reasoning*", _chat(_PARTNERS, "phi-4-reasoning", 32_768, 32_768, "reasoning")),
    ("phi-4-mini*", _chat(_PARTNERS, "phi-4-mini", 131_072, 4_096)),
    ("phi-4*", _chat(_PARTNERS, "phi-4", 16_384, 16_384)),
    ("phi-3*vision*", _chat(_CARD, "phi-3-vision", 131_072, 4_096, "image")),
    ("phi-3*-4k*", _chat(_CARD, "phi-3", 4_096, 4_096)),
    ("phi-3*-8k*", _chat(_CARD, "phi-3", 8_192, 4_096)),
    ("phi-3*", _chat(_CARD, "phi-3", 131_072, 4_096)),
    # Not in the catalogue
    ("emulated-chat*", _chat(_OWN, "emulated-chat", 131_072, 4_096, f"{_GPT} image audio")),
    (
        "emulated-embed*",  # gives base64 too, but is asked for numbers, as a model that nobody knows is
        _embedding(_OWN, "emulated-embed", 131_072, 96, input_type=True, image_input=True, base64_output=None),
    ),
)
"""Name patterns, lower case, first match wins."""
_OTHERS = ("gpt-4o*transcribe*", "gpt-4o*tts*", "gpt-4o*realtime*", "o1-preview*")
"""Names that would match one of them, of models that are of no such family."""

UNKNOWN = ModelProfile()


@lru_cache(maxsize=256)
def model_profile(model: str | None) -> ModelProfile:
    """What is known about the model of that name.

    The name is matched by family, whatever its case, its maker's prefix (`meta/`), its path in a registry or its
    version. For a deployment with a name of its own, pass its model's name. An unknown name gives `ModelProfile()`.
    """
    for name in reversed((model or "").lower().replace("_", "-").split("/")):
        if any(fnmatchcase(name, pattern) for pattern in _OTHERS):
            return UNKNOWN
        for pattern, profile in _FAMILIES:
            if fnmatchcase(name, pattern):
                return profile
    return UNKNOWN


def structured_method(
    *, structured_output: bool | None, tool_calling: bool | None, json_output: bool | None
) -> Literal["json_schema", "function_calling", "json_mode"]:
    """How to ask for an object where the user leaves that open: by what the model is known to take.

    By JSON Schema only where that is known to work; by function calling unless that is known not to work; by JSON mode,
    in which the prompt must say what is wanted, where that is all there is.
    """
    if structured_output:
        return "json_schema"
    return "json_mode" if tool_calling is False and json_output else "function_calling"


_CHARACTERS_PER_TOKEN = 4


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has, estimated without a network or a tokenizer: bytes of UTF-8 over four."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _CHARACTERS_PER_TOKEN)
