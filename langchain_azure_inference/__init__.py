"""Azure AI Model Inference for LangChain: a chat model, embeddings and a text-completion model."""

try:
    from .chat_models import ChatAzureInference
    from .embeddings import AzureInferenceEmbeddings
    from .llms import AzureInferenceLLM
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "langchain_core":
        raise
    raise ImportError(
        'langchain_azure_inference needs langchain-core: pip install "azure-inference[langchain]"'
    ) from error

__all__ = ["AzureInferenceEmbeddings", "AzureInferenceLLM", "ChatAzureInference"]
