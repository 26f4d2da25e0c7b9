"""Choices made of bytes: the same bytes, the same choices, whichever engine invents the bytes."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

WORDS = [
    "error", "message", "detail", "details", "code", "status", "statusCode", "param", "target", "loc", "input", "value",
    "msg", "innererror", "inner_error", "content_filter_result", "choices", "delta", "tool_calls", "function", "index",
    "usage", "data", "embedding", "id", "content", "arguments", "audio", "logprobs", "content_filter_results", "name",
    "finish_reason", "type", "text", "thinking", "reasoning_content", "top_logprobs", "token", "logprob", "bytes",
    "prompt_tokens", "completion_tokens_details", "created", "model", "transcript", "object", "role", "refusal",
]  # fmt: skip
SCALARS: list[Any] = [
    None, True, False, 0, 1, -1, 2, 429, 10**30, -(10**400), 0.5, 1e308, float("inf"), float("nan"), "", "stop", "a",
    "429", "content_filter", "<think>", "</think>", "{", "[]", '{"a": 1}', "\ud800", "\udc00", "\u2028", "é",
    "A" * 5000, "AAAA", "retry after 9 seconds", "[{'loc': ('body',)}]", "assistant",
]  # fmt: skip
_DEEPEST = 5


class Source:
    """Reads bytes as choices; once they are used up, every choice is the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        """The next byte."""
        if self._at >= len(self._data):
            return 0
        self._at += 1
        return self._data[self._at - 1]

    def choose(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.byte() % len(options)]

    def rest(self) -> bytes:
        """All bytes not yet read."""
        rest, self._at = self._data[self._at :], len(self._data)
        return rest

    def cut(self, data: bytes, seed: int) -> list[bytes]:
        """The data in pieces: one byte each, two bytes each ..., or of any size."""
        sizes = random.Random(seed)
        pieces: list[bytes] = []
        while data:
            size = seed if 0 < seed < 16 else sizes.randint(0, 40)
            pieces.append(data[:size])
            data = data[size:]
        return pieces

    def value(self, depth: int = 0) -> Any:
        """A JSON value, of the words that services use."""
        kind = self.byte() % 8
        if depth >= _DEEPEST or kind < 3:
            return self.choose(SCALARS)
        if kind == 3:
            return json.dumps(self.value(depth + 1))
        if kind < 6:
            return [self.value(depth + 1) for _ in range(self.byte() % 4)]
        return {self.choose(WORDS): self.value(depth + 1) for _ in range(self.byte() % 5)}

    def changed(self, value: Any) -> Any:
        """A copy of a list or an object in which some places hold something else, or nothing."""
        changed = copy.deepcopy(value)
        for _ in range(1 + self.byte() % 3):
            self._change(changed)
        return changed

    def _change(self, inside: Any) -> None:
        while True:
            keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
            if not keys:
                return
            key = self.choose(keys)
            if isinstance(inside[key], dict | list) and inside[key] and self.byte() % 4:
                inside = inside[key]
                continue
            if isinstance(inside, dict) and self.byte() % 4 == 0:
                del inside[key]
            else:
                inside[key] = self.value()
            if isinstance(inside, dict) and self.byte() % 4 == 0:
                inside[self.choose(WORDS)] = self.value()
            return
