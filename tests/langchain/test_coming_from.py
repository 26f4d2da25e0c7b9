"""Coming from another class: the same code with another name, step by step as the README has it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from langchain_core.load import dumpd, load

from langchain_azure_inference import AzureInferenceEmbeddings, ChatAzureInference

ENDPOINT = "https://example.services.ai.azure.com/models"

CHAT = {
    "langchain-azure-ai, AzureAIChatCompletionsModel": {
        "endpoint": ENDPOINT,
        "credential": "canary-5ecret",
        "model": "Mistral-Large-2411",
        "api_version": "2024-05-01-preview",
        "temperature": 0.2,
        "max_tokens": 100,
        "top_p": 0.9,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.1,
        "seed": 1,
        "stop": ["END"],
        "model_kwargs": {"safe_prompt": True},
    },
    "langchain-azure-ai, with model_name": {
        "endpoint": ENDPOINT,
        "credential": "canary-5ecret",
        "model_name": "gpt-4o",
    },
    "langchain-openai, ChatOpenAI": {
        "endpoint": "https://example.openai.azure.com/openai/v1",
        "api_key": "canary-5ecret",
        "model": "gpt-4o",
        "temperature": 0.2,
        "max_tokens": 100,
        "timeout": 30,
        "max_retries": 2,
        "streaming": True,
        "stream_usage": True,
        "extra_body": {"logit_bias": {"1": 1}},
    },
    "langchain-openai, AzureChatOpenAI": {
        "endpoint": "https://example.openai.azure.com/openai/deployments/gpt-4o",
        "api_key": "canary-5ecret",
        "api_version": "2024-06-01",
    },
}


@pytest.mark.parametrize("arguments", CHAT.values(), ids=CHAT)
def test_chat_arguments(arguments: dict[str, Any]) -> None:
    """The arguments of the other class mean the same here, but for those that the table renames."""
    model = ChatAzureInference(**arguments)

    renamed = {"api_key": "credential", "model_name": "model", "extra_body": "model_kwargs"}
    for name, value in arguments.items():
        found = getattr(model, renamed.get(name, name))
        assert (found.get_secret_value() if renamed.get(name, name) == "credential" else found) == value


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("base_url", "endpoint"),
        ("azure_endpoint", "endpoint"),
        ("azure_deployment", "model"),
        ("azure_ad_token_provider", "credential"),
        ("request_timeout", "timeout"),
        ("default_headers", "headers"),
        ("openai_api_key", "credential"),
        ("azure_ad_token", "credential"),
        ("deployment_name", "model"),
        ("client_kwargs", "timeout or http_client"),
        ("http_async_client", "async_http_client"),
    ],
)
def test_words_of_others(word: str, ours: str) -> None:
    """An argument that has another name here is refused with that name."""
    with pytest.raises(ValueError, match=f"{word} is not an argument .*did you mean {ours}"):
        ChatAzureInference(endpoint=ENDPOINT, credential="canary-5ecret", **{word: "x"})


def test_embeddings_arguments() -> None:
    """Those of AzureAIEmbeddingsModel and OpenAIEmbeddings too."""
    embeddings = AzureInferenceEmbeddings(
        endpoint=ENDPOINT,
        api_key="canary-5ecret",
        model_name="embed-v-4-0",
        dimensions=256,
        model_kwargs={"truncate": "END"},
    )

    assert (embeddings.model, embeddings.dimensions) == ("embed-v-4-0", 256)


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_loaded_with_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose key came from the environment is loaded where there is none, with a key that is given."""
    monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", "canary-5ecret")
    dumped = dumpd(ChatAzureInference(endpoint=ENDPOINT))
    monkeypatch.delenv("AZURE_INFERENCE_CREDENTIAL")

    loaded = load(
        dumped,
        valid_namespaces=["langchain_azure_inference"],
        allowed_objects=[ChatAzureInference],
        secrets_map={"AZURE_INFERENCE_CREDENTIAL": "another"},
    )
    assert loaded.credential.get_secret_value() == "another"


def test_without_langchain() -> None:
    """Where langchain-core is missing, the import says what to install."""
    code = """
import sys
sys.modules["langchain_core"] = None
try:
    import langchain_azure_inference
except ImportError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert 'pip install "azure-inference[langchain]"' in run.stdout
