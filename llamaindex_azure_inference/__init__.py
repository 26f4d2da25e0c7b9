"""Azure AI Model Inference for LlamaIndex: a chat model, an embedding model and a text-completion model."""

from typing import TYPE_CHECKING

try:
    import llama_index.core as _  # noqa: F401 - its absence is told at once
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "llama_index":
        raise
    raise ImportError(
        'llamaindex_azure_inference needs llama-index-core: run pip install "azure-inference[llamaindex]"'
    ) from error

if TYPE_CHECKING:
    from ._responses import ToolCallError
    from .completion import AzureInferenceCompletion
    from .embedding import AzureInferenceEmbedding
    from .llm import AzureInference
else:
    from azure_inference import lazy_exports as _lazy_exports

    __getattr__, __dir__ = _lazy_exports(
        __name__,
        {
            "completion": "AzureInferenceCompletion",
            "embedding": "AzureInferenceEmbedding",
            "llm": "AzureInference",
            "_responses": "ToolCallError",
        },
    )

__all__ = ["AzureInference", "AzureInferenceCompletion", "AzureInferenceEmbedding", "ToolCallError"]
