"""Azure AI Model Inference for LlamaIndex: a chat model and an embedding model."""

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
    from .embedding import AzureInferenceEmbedding
    from .llm import AzureInference
else:
    from azure_inference import lazy_exports as _lazy_exports

    __getattr__, __dir__ = _lazy_exports(
        __name__, {"embedding": "AzureInferenceEmbedding", "llm": "AzureInference", "_responses": "ToolCallError"}
    )

__all__ = ["AzureInference", "AzureInferenceEmbedding", "ToolCallError"]
