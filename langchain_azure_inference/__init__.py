"""Azure AI Model Inference for LangChain: a chat model, embeddings and a text-completion model."""

from typing import TYPE_CHECKING

try:
    import langchain_core as _  # noqa: F401 - its absence is told at once
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "langchain_core":
        raise
    raise ImportError(
        'langchain_azure_inference needs langchain-core: pip install "azure-inference[langchain]"'
    ) from error

if TYPE_CHECKING:
    from .chat_models import ChatAzureInference
    from .embeddings import AzureInferenceEmbeddings
    from .llms import AzureInferenceLLM
else:
    from azure_inference import lazy_exports as _lazy_exports

    # Who makes chat models need not wait for what LangChain's text models import.
    __getattr__, __dir__ = _lazy_exports(
        __name__,
        {
            "chat_models": "ChatAzureInference",
            "embeddings": "AzureInferenceEmbeddings",
            "llms": "AzureInferenceLLM",
        },
    )

__all__ = ["AzureInferenceEmbeddings", "AzureInferenceLLM", "ChatAzureInference"]
