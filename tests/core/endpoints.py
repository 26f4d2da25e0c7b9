"""Every route of the API: the rows that stand beside the models."""

from azure_inference.schema.chat import CHAT
from azure_inference.schema.chunks import CHAT_STREAM
from azure_inference.schema.completions import COMPLETIONS, COMPLETIONS_STREAM
from azure_inference.schema.embeddings import EMBEDDINGS, IMAGE_EMBEDDINGS
from azure_inference.schema.info import INFO

__all__ = [
    "CHAT",
    "CHAT_STREAM",
    "COMPLETIONS",
    "COMPLETIONS_STREAM",
    "EMBEDDINGS",
    "IMAGE_EMBEDDINGS",
    "INFO",
]
