"""The models an emulator serves, as data: what each can do, what it refuses, and how it differs on the wire.

``emulated-chat`` refuses ``modalities`` that hold ``audio``; ``emulated-chat-2`` refuses that and ``seed``. Both answer
422 ``parameter_not_supported`` with the location and the value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from azure_inference_emulator.values import as_list, as_object, is_list, is_object

Task = Literal["chat", "embeddings"]


@dataclass(frozen=True)
class Refusal:
    """A parameter, or some values of it, that a model does not support; no values means all of them."""

    parameter: str
    values: tuple[Any, ...] = ()

    def applies(self, value: object) -> bool:
        """Whether this value is refused (a list by any of its items, an object by its type)."""
        if value is None:
            return False
        if not self.values:
            return True
        items = as_list(value) if is_list(value) else [as_object(value).get("type") if is_object(value) else value]
        return any(item in self.values for item in items)


@dataclass(frozen=True)
class Model:
    """One model: its name, task, provider and type as ``GET /info`` tells them, and its refusals."""

    name: str
    task: Task = "chat"
    provider: str = "emulator"
    info_type: str = "chat-completion"
    refusals: tuple[Refusal, ...] = ()
    dimensions: int = 256
    images: bool = True


_AUDIO = Refusal("modalities", ("audio",))

MODELS: Mapping[str, Model] = MappingProxyType(
    {
        model.name: model
        for model in (
            Model("emulated-chat", refusals=(_AUDIO,)),
            Model("emulated-chat-2", refusals=(_AUDIO, Refusal("seed"))),
            Model("emulated-embed", task="embeddings", info_type="embeddings"),
        )
    }
)
DEFAULTS: Mapping[Task, str] = MappingProxyType({"chat": "emulated-chat", "embeddings": "emulated-embed"})
