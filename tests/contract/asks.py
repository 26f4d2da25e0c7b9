"""What can be asked of every entry point, and what is heard of the answer, in words that belong to no framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel

Route = Literal[
    "chat",
    "stream",
    "object",
    "stream object",
    "completion",
    "stream completion",
    "query",
    "documents",
    "images",
    "info",
]
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Person(BaseModel):
    """A person that a text speaks of."""

    name: str
    age: int


@dataclass(frozen=True)
class Tool:
    """A function that a model may call."""

    name: str
    description: str
    argument: str

    @property
    def parameters(self) -> dict[str, Any]:
        """Its arguments as a JSON Schema."""
        kinds = {self.argument: {"type": "string"}}
        return {"type": "object", "properties": kinds, "required": [self.argument]}

    @property
    def definition(self) -> dict[str, Any]:
        """The tool as the API writes it."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}


@dataclass(frozen=True)
class Ask:
    """One call.

    Attributes:
        route: What kind of call.
        messages: Of a chat, as the API writes them.
        inputs: Of embeddings: texts, or `data:` URLs of images; of a completion: its prompt.
        parameters: Further parameters of the request.
        tools: Functions that the model may call; `tool_choice` says which it must.
        arguments: Further arguments of the client or model class; those of the place are the default.
        role: What kind of model: the place knows one of that kind by name.
        fault: A failure that the place is to rehearse.
        path: Behind the endpoint's own path.
    """

    route: Route = "chat"
    messages: tuple[Mapping[str, Any], ...] = ()
    inputs: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[Tool, ...] = ()
    tool_choice: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    role: str = "chat"
    fault: str | None = None
    path: str = ""


@dataclass(frozen=True)
class Place:
    """Where a call goes.

    Attributes:
        url: The endpoint.
        key: Its credential.
        models: The name of the model of each role.
        known_as: The models behind those that are not known by their names; model classes are told, as `base_model`.
        faults: The headers that make the place rehearse a failure.
        journal: Where it tells what it was sent, if it does.
        retries: How often a failed request is sent again.
    """

    url: str
    key: str
    models: Mapping[str, str]
    known_as: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    journal: str | None = None
    retries: int = 0

    def endpoint(self, ask: Ask) -> str:
        """The URL that a call is told."""
        return self.url + ask.path

    def arguments(self, ask: Ask) -> dict[str, Any]:
        """What a client is made with for a call."""
        headers = {"headers": dict(self.faults[ask.fault])} if ask.fault else {}
        told = {"endpoint": self.endpoint(ask), "credential": self.key, "max_retries": self.retries}
        return {**told, **headers, **ask.arguments}

    def model_arguments(self, ask: Ask) -> dict[str, Any]:
        """What a framework's model class is made with."""
        known = {"base_model": self.known_as[ask.role]} if ask.role in self.known_as else {}
        return {**self.arguments(ask), "model": self.models[ask.role], **known}


@dataclass
class Heard:
    """What came of a call; fields that its route does not have stay as they are here."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    object: Any = None
    vectors: list[list[float]] = field(default_factory=list)
    usage: tuple[int, int, int] | None = None
    """Tokens of the prompt, of the answer, of both."""
    finish: str | None = None
    model: str | None = None
    pieces: int = 0
    """How many pieces of a stream brought something."""
    info: dict[str, Any] = field(default_factory=dict)
    error: Exception | None = None
    warnings: list[type[Warning]] = field(default_factory=list)
    sent: dict[str, Any] = field(default_factory=dict)
    """The last request as the place tells it: its `body` and `headers`."""
