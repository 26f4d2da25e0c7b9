"""A route of the API, as its row stands beside the models that travel on it."""

from typing import Generic, TypeVar

import msgspec
from pydantic import BaseModel

from ._base import RequestModel

AnswerT = TypeVar("AnswerT", bound=BaseModel | msgspec.Struct)
MEBIBYTE = 1024 * 1024
ERROR_LIMIT = MEBIBYTE
"""The most bytes that are read of an answer that is no success."""


class Endpoint(msgspec.Struct, Generic[AnswerT], frozen=True):
    """A route: how and with what it is asked, what it answers (in pieces, if it streams), and in how many bytes."""

    method: str
    path: str
    request: type[RequestModel]
    answer: type[AnswerT]
    answer_limit: int = 64 * MEBIBYTE
    streams: bool = False
