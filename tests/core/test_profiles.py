"""What is known of models: families by name, where each fact stands, and what becomes of names that nobody knows."""

from __future__ import annotations

import pytest

from azure_inference import ModelProfile, estimate_tokens, model_profile, profiles, structured_method

CATALOGUE: list[tuple[str, str, int | None, int | None, str]] = [
    # name in the catalogue, family, tokens of the prompt, tokens of the answer, what it can do
    ("gpt-5-mini", "gpt-5", 272_000, 128_000, "tools schema json image reasoning"),
    ("gpt-5.1-chat", "gpt-5.1-chat", 111_616, 16_384, "tools schema json reasoning"),
    ("gpt-4.1-nano", "gpt-4.1", 1_047_576, 32_768, "tools schema json image"),
    ("gpt-4o-2024-08-06", "gpt-4o", 128_000, 16_384, "tools schema json image"),
    ("gpt-4o-2024-05-13", "gpt-4o", 128_000, 4_096, "tools json image"),
    ("gpt-4o-audio-preview", "gpt-4o-audio", 128_000, 16_384, "tools audio"),
    ("gpt-4", "gpt-4", 8_192, 4_096, "tools"),
    ("gpt-35-turbo", "gpt-3.5-turbo", 16_385, 4_096, "tools json"),
    ("gpt-oss-120b", "gpt-oss", 131_072, 131_072, "tools schema json reasoning"),
    ("o1", "o1", 200_000, 100_000, "tools schema json image reasoning"),
    ("o1-mini", "o1-mini", 128_000, 65_536, "reasoning"),
    ("o3-mini", "o3-mini", 200_000, 100_000, "tools schema json reasoning"),
    ("model-router", "model-router", 200_000, None, "image"),
    ("Mistral-Large-3", "mistral-large-3", None, None, "tools json image"),
    ("Mistral-large-2411", "mistral-large", 128_000, 4_096, "tools json"),
    ("Mistral-small-2503", "mistral-small", 32_768, 4_096, "tools json"),
    ("mistral-medium-2505", "mistral-medium", 128_000, 128_000, "json image"),
    ("Ministral-3B", "ministral", 131_072, 4_096, "tools json"),
    ("Codestral-2501", "codestral", 262_144, 4_096, ""),
    ("mistralai-Mixtral-8x22B-Instruct-v0-1", "mixtral-8x22b", 64_000, 4_096, ""),
    ("Cohere-command-a", "cohere-command-a", 131_072, 8_182, "tools json"),
    ("Cohere-command-r-plus-08-2024", "cohere-command-r", 131_072, 4_096, "tools json"),
    ("AI21-Jamba-1.5-Large", "jamba-1.5", 262_144, 4_096, "tools json"),
    ("jais-30b-chat", "jais-30b", 8_192, 4_096, "tools json"),
    ("DeepSeek-R1-0528", "deepseek-r1", 163_840, 163_840, "reasoning"),
    ("DeepSeek-V3-0324", "deepseek-v3", 131_072, 131_072, "tools json"),
    ("DeepSeek-V3.2", "deepseek-v3.2", 128_000, 128_000, "json"),
    ("MAI-DS-R1", "mai-ds-r1", 163_840, 163_840, "reasoning"),
    ("Kimi-K2-Thinking", "kimi-k2", 262_144, 262_144, "tools reasoning"),
    ("grok-3-mini", "grok-3-mini", 131_072, 131_072, "tools reasoning"),
    ("grok-4", "grok-4", 256_000, 8_192, "tools reasoning"),
    ("grok-4-fast-reasoning", "grok-4-fast", 2_000_000, 2_000_000, "tools image reasoning"),
    ("grok-4-fast-non-reasoning", "grok-4-fast", 2_000_000, 2_000_000, "tools image"),
    ("Meta-Llama-3.1-405B-Instruct", "llama-3.1", 131_072, 8_192, ""),
    ("Llama-3.2-11B-Vision-Instruct", "llama-3.2-vision", 128_000, 8_192, "image"),
    ("Llama-3.3-70B-Instruct", "llama-3.3", 128_000, 8_192, ""),
    ("Llama-4-Scout-17B-16E-Instruct", "llama-4-scout", 128_000, 8_192, "image"),
    ("Llama-4-Maverick-17B-128E-Instruct-FP8", "llama-4-maverick", 1_000_000, 1_000_000, "image"),
    ("Meta-Llama-3-70B-Instruct", "llama-3", 8_192, 8_192, ""),
    ("Llama-2-70b-chat", "llama-2", 4_096, 4_096, ""),
    ("Phi-4", "phi-4", 16_384, 16_384, ""),
    ("Phi-4-mini-instruct", "phi-4-mini", 131_072, 4_096, ""),
    ("Phi-4-mini-reasoning", "phi-4-mini-reasoning", 128_000, 128_000, "reasoning"),
    ("Phi-4-multimodal-instruct", "phi-4-multimodal", 131_072, 4_096, "image audio"),
    ("Phi-3-mini-4k-instruct", "phi-3", 4_096, 4_096, ""),
    ("Phi-3-medium-128k-instruct", "phi-3", 131_072, 4_096, ""),
]
ABILITIES = {
    "tools": "tool_calling",
    "schema": "structured_output",
    "json": "json_output",
    "image": "image_input",
    "audio": "audio_input",
    "reasoning": "reasoning",
}


@pytest.mark.parametrize(("name", "family", "prompt", "answer", "can"), CATALOGUE, ids=[row[0] for row in CATALOGUE])
def test_the_catalogue(name: str, family: str, prompt: int | None, answer: int | None, can: str) -> None:
    """A model of the catalogue has the limits and abilities that its documentation tells."""
    profile = model_profile(name)

    assert (profile.family, profile.max_input_tokens, profile.max_output_tokens) == (family, prompt, answer)
    assert {word for word, field in ABILITIES.items() if getattr(profile, field)} == set(can.split())


EMBEDDINGS = [
    ("Cohere-embed-v3-english", 512, 96, True, True),
    ("Cohere-embed-v3-multilingual", 512, 96, True, False),
    ("embed-v-4-0", 512, 96, True, True),
    ("text-embedding-3-large", 8_191, 2_048, False, False),
    ("text-embedding-ada-002", 8_191, 2_048, False, False),
]


@pytest.mark.parametrize(("name", "context", "batch", "input_type", "images"), EMBEDDINGS)
def test_models_for_embeddings(name: str, context: int, batch: int, input_type: bool, images: bool) -> None:
    """So has a model for embeddings: how much of a text it reads, how many at once, and what it tells apart; and all of
    the catalogue give base64.
    """
    profile = model_profile(name)

    assert (profile.context_window, profile.batch_size) == (context, batch)
    assert (profile.input_type, profile.image_input) == (input_type, images)
    assert profile.base64_output


@pytest.mark.parametrize(
    "name",
    [
        "DEEPSEEK-R1",
        "deepseek_r1",
        "deepseek-ai/DeepSeek-R1",
        "azureml://registries/azureml-deepseek/models/DeepSeek-R1/versions/1",
    ],
)
def test_names_however_written(name: str) -> None:
    """A model is known whatever the case of its name, its maker's prefix, its path in a registry, its version."""
    assert model_profile(name) == model_profile("DeepSeek-R1") != ModelProfile()


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4-1",
        "gpt-4-1106-preview",
        "gpt-4-vision-preview",
        "gpt-4.5-preview",
        "openai/o1-preview-2024-09-12",
        "gpt-4o-transcribe",
        "gpt-4o-mini-tts",
        "gpt-4o-realtime-preview",
    ],
)
def test_names_like_those_of_a_family(name: str) -> None:
    """A name that begins like one of a family says nothing of a model that has other limits."""
    assert model_profile(name) == ModelProfile()


@pytest.mark.parametrize("name", [None, "", "/", "my-deployment", "gpt", "лама-3", "[*?", "x" * 100_000, "\ud800"])
def test_names_that_nobody_knows(name: str | None) -> None:
    """Nothing is made up of a name that is not known, and none is an error."""
    profile = model_profile(name)

    assert profile == ModelProfile()
    assert (profile.max_input_tokens, profile.batch_size) == (None, 96)


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in profiles._FAMILIES])
def test_every_row_counts(pattern: str) -> None:
    """Each row says where it stands, is hidden by none before it, and claims no more answer than context."""
    profile = dict(profiles._FAMILIES)[pattern]

    assert profile.source
    assert model_profile(pattern.replace("[12]", "1").replace("[36]", "3").replace("*", "")) == profile
    assert (profile.max_output_tokens or 0) <= (profile.context_window or 0)


def test_every_pattern_once() -> None:
    """No pattern stands twice."""
    patterns = [pattern for pattern, _ in profiles._FAMILIES]
    assert len(patterns) == len(set(patterns))


def test_the_emulator_agrees() -> None:
    """What a profile says that a model takes, the emulator's model of that name, made from documents alone, takes."""
    from azure_inference_emulator.models import MODELS

    for name, model in MODELS.items():
        profile = model_profile(name)
        assert profile.family != "unknown", name
        refused = {refusal.parameter: refusal for refusal in model.refusals}
        takes = {"tools": profile.tool_calling, "input_type": profile.input_type}
        assert not [parameter for parameter, said in takes.items() if said and parameter in refused], name
        vectors = refused.get("encoding_format")
        assert not (profile.base64_output and vectors and vectors.applies("base64")), name
        for ability, form in ((profile.structured_output, "json_schema"), (profile.json_output, "json_object")):
            said_no = refused.get("response_format")
            assert not (ability and said_no and said_no.applies({"type": form})), (name, form)


@pytest.mark.parametrize(
    ("schema", "tools", "json", "method"),
    [
        (True, True, True, "json_schema"),
        (True, False, False, "json_schema"),
        (False, True, True, "function_calling"),
        (None, None, None, "function_calling"),
        (None, None, True, "function_calling"),
        (False, False, True, "json_mode"),
        (None, False, True, "json_mode"),
        (False, False, False, "function_calling"),
    ],
)
def test_how_objects_are_asked_for(schema: bool | None, tools: bool | None, json: bool | None, method: str) -> None:
    """By schema where that is known to be taken, by JSON mode where that is all there is, else by a tool."""
    assert structured_method(structured_output=schema, tool_calling=tools, json_output=json) == method


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("four", 1), ("fives", 2), ("日本語", 3), ("\ud83d", 1), ("word " * 400, 500)],
)
def test_tokens_are_estimated(text: str, tokens: int) -> None:
    """About how many tokens a text has, of any writing and however broken, without asking anybody."""
    assert estimate_tokens(text) == tokens
