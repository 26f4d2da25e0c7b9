"""The entry points: a call is made by way of each in its own words, and heard in words common to all."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from azure_inference import InferenceError

from . import entry_core, entry_langchain, entry_llamaindex
from .asks import Ask, Heard, Place

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A framework, or the core, sync or async."""

    name: str
    is_async: bool
    way: Callable[[Ask, Place, entry_core.Mode], Coroutine[Any, Any, Heard]]

    def hear(self, ask: Ask, place: Place) -> Heard:
        """What comes of a call; an error of ours is part of it, and so are warnings of ours."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                heard = finish(self.way(ask, place, entry_core.Mode(self.is_async)), is_async=self.is_async)
            except InferenceError as error:
                heard = Heard(error=error)
        heard.warnings = [warning.category for warning in caught]
        return heard

    def __str__(self) -> str:
        return f"{self.name}-{'async' if self.is_async else 'sync'}"


def finish(call: Coroutine[Any, Any, T], *, is_async: bool) -> T:
    """What a call comes to, in an event loop of its own or with none."""
    if is_async:
        return asyncio.run(call)
    # Plain code never waits for an event loop, so one step is the whole call, and none is running meanwhile.
    try:
        call.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("sync code waited for an event loop")


ENTRIES = [
    Entry(name, is_async, way)
    for name, way in (
        ("core", entry_core.hear),
        ("langchain", entry_langchain.hear),
        ("llamaindex", entry_llamaindex.hear),
    )
    for is_async in (False, True)
]
