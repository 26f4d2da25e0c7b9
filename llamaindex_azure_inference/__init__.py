"""Azure AI Model Inference for LlamaIndex: a chat model and an embedding model."""

try:
    from .embedding import AzureInferenceEmbedding
    from .llm import AzureInference
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "llama_index":
        raise
    raise ImportError(
        'llamaindex_azure_inference needs llama-index-core: run pip install "azure-inference[llamaindex]"'
    ) from error

__all__ = ["AzureInference", "AzureInferenceEmbedding"]
