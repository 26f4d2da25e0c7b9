"""The API as a table: one row a route."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from .schema.chat import ChatCompletion
from .schema.chunks import ChatCompletionChunk, ChunkModel, CompletionChunk
from .schema.completions import Completion
from .schema.embeddings import EmbeddingsResult
from .schema.info import ModelInfo

AnswerT = TypeVar("AnswerT", bound=BaseModel | ChunkModel)
MEBIBYTE = 1024 * 1024
ERROR_LIMIT = MEBIBYTE
"""The most bytes that are read of an answer that is no success."""


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[AnswerT]):
    """A route: how it is asked, what it answers (in pieces, if it streams), and how large an answer may be (bytes)."""

    method: str
    path: str
    answer: type[AnswerT]
    answer_limit: int = 64 * MEBIBYTE
    streams: bool = False


CHAT = Endpoint("POST", "/chat/completions", ChatCompletion)
CHAT_STREAM = Endpoint("POST", "/chat/completions", ChatCompletionChunk, streams=True)
COMPLETIONS = Endpoint("POST", "/completions", Completion)
COMPLETIONS_STREAM = Endpoint("POST", "/completions", CompletionChunk, streams=True)
EMBEDDINGS = Endpoint("POST", "/embeddings", EmbeddingsResult, 512 * MEBIBYTE)
IMAGE_EMBEDDINGS = Endpoint("POST", "/images/embeddings", EmbeddingsResult, 512 * MEBIBYTE)
INFO = Endpoint("GET", "/info", ModelInfo)

PATHS = (CHAT.path, IMAGE_EMBEDDINGS.path, COMPLETIONS.path, EMBEDDINGS.path, INFO.path)
"""Every path, the longer before the one it ends with."""
