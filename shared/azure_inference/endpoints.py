"""The API as a table: one row a route."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from .schema._base import RequestModel
from .schema.chat import ChatCompletion, ChatRequest
from .schema.chunks import ChatCompletionChunk, ChunkModel, CompletionChunk
from .schema.completions import Completion, CompletionRequest
from .schema.embeddings import EmbeddingsRequest, EmbeddingsResult, ImageEmbeddingsRequest
from .schema.info import ModelInfo

AnswerT = TypeVar("AnswerT", bound=BaseModel | ChunkModel)
MEBIBYTE = 1024 * 1024
ERROR_LIMIT = MEBIBYTE
"""The most bytes that are read of an answer that is no success."""


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[AnswerT]):
    """A route: how and with what it is asked, what it answers (in pieces, if it streams), and in how many bytes."""

    method: str
    path: str
    request: type[RequestModel]
    answer: type[AnswerT]
    answer_limit: int = 64 * MEBIBYTE
    streams: bool = False


CHAT = Endpoint("POST", "/chat/completions", ChatRequest, ChatCompletion)
CHAT_STREAM = Endpoint("POST", "/chat/completions", ChatRequest, ChatCompletionChunk, streams=True)
COMPLETIONS = Endpoint("POST", "/completions", CompletionRequest, Completion)
COMPLETIONS_STREAM = Endpoint("POST", "/completions", CompletionRequest, CompletionChunk, streams=True)
EMBEDDINGS = Endpoint("POST", "/embeddings", EmbeddingsRequest, EmbeddingsResult, 512 * MEBIBYTE)
IMAGE_EMBEDDINGS = Endpoint("POST", "/images/embeddings", ImageEmbeddingsRequest, EmbeddingsResult, 512 * MEBIBYTE)
INFO = Endpoint("GET", "/info", RequestModel, ModelInfo)

PATHS = (CHAT.path, IMAGE_EMBEDDINGS.path, COMPLETIONS.path, EMBEDDINGS.path, INFO.path)
"""Every path, the longer before the one it ends with."""
