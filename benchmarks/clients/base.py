"""What a client can be asked to do, and what all of them are given to do it with."""

from __future__ import annotations

import os
import sys
from typing import Any

from benchmarks.bodies import MODEL

QUESTION = "Why is the sky blue?"
KEY = "a-key-of-no-use"
UNDER_VALGRIND = "vgpreload" in os.environ.get("LD_PRELOAD", "")
__all__ = ["KEY", "MODEL", "QUESTION", "UNDER_VALGRIND", "Client", "hide_extras", "long_timeouts"]


class Client:
    """One client library, of which a worker process measures one.

    `base` is the URL of the server; the first part of the path, here `scene`, says what the server plays. What a
    client cannot do, it does not define. Methods return what came, so that the worker can check it: the text of a
    whole answer, the number of pieces of a streamed one, the vectors.
    """

    def __init__(self, base: str) -> None:
        self.base = base
        self._models: dict[tuple[str, str], Any] = {}

    def url(self, scene: str, route: str = "models") -> str:
        """The endpoint at which a scene is played."""
        return f"{self.base}/{scene}/{route}"

    def new(self, scene: str) -> Any:
        """A new chat model object, not yet used."""
        raise NotImplementedError

    def new_embeddings(self, scene: str) -> Any:
        """A new embedding model object, not yet used."""
        raise NotImplementedError

    def new_patient(self, scene: str) -> Any:
        """The same where all takes fifty times as long: a chat model object whose time limits are out of reach."""
        return self.new(scene)

    def model(self, scene: str) -> Any:
        """The chat model object of a scene, always the same."""
        return self._kept("new", scene)

    def crowded(self, scene: str) -> Any:
        """The chat model object of a scene for calls so many that they wait for each other."""
        return self._kept("new_patient" if UNDER_VALGRIND else "new", scene)

    def embeddings(self, scene: str) -> Any:
        """The embedding model object of a scene, always the same."""
        return self._kept("new_embeddings", scene)

    def _kept(self, make: str, scene: str) -> Any:
        if (make, scene) not in self._models:
            self._models[make, scene] = getattr(self, make)(scene)
        return self._models[make, scene]


def long_timeouts() -> Any:
    """Time limits of this library's that nothing reaches, not even under valgrind."""
    from azure_inference import Timeouts  # noqa: PLC0415 - other clients' workers need not have it

    return Timeouts(connect=10_000, read=10_000, write=10_000, pool=10_000, total=10_000)


def hide_extras() -> None:
    """Makes this process one in which none of aiohttp, httptools and pybase64 can be imported."""
    for name in ("aiohttp", "httptools", "pybase64"):
        sys.modules[name] = None  # type: ignore[assignment] # Python's own word for it
