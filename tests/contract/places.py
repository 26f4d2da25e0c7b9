"""Where claims are held against: emulators of several kinds, an independent server, and an endpoint of the user's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.canary import KEY

from .asks import Place
from .expect import Claim, Expected

MODELS = {
    "chat": "emulated-chat",
    "embed": "emulated-embed",
    "thinking": "DeepSeek-R1-0528",
    "thinking between tags": "DeepSeek-R1",
    "thinking in silence": "o3-mini",
    "refusing seed": "emulated-chat-2",
    "small": "Phi-3-mini-4k-instruct",
    "missing": "no-such-model",
}
FAULTS = {
    "rate limit": "status:code=429,retry-after=1",
    "passing outage": "status:code=503,retry-after-ms=1,times=1",
    "outage": "status:code=503,body=html",
    "page": "html",
    "cut": "cut:after=6",
    "failing stream": "error-frame:after=6,code=500",
    "shuffled": "shuffled-rows",
    "missing": "missing-row",
}
OFFERS = frozenset(
    {
        "base64",  # vectors as text
        "completions",
        "dimensions",  # of vectors, chosen by the user
        "extras",  # parameters outside the API are taken or refused by policy
        "filter",  # phrases that stand for harmful ones
        "image embeddings",
        "images",
        "info",
        "journal",  # what was sent can be seen
        "keys",  # wrong ones are refused
        "obeys",  # limits, stop sequences and choices of tools count
        "paths",  # wrong ones are refused
        "vectors",  # of the model's own length
    }
)


@dataclass(frozen=True)
class Kind:
    """A kind of place.

    Attributes:
        path: Of its endpoint.
        settings: Of the emulator, if it is one.
        dialect: What it speaks, if that changes what is to be heard.
        offers: What it has beyond chat.
        models: The roles of models that it has, by name.
        faults: The failures that it can rehearse, as the headers that ask for them.
    """

    name: str
    path: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    dialect: str = ""
    offers: frozenset[str] = OFFERS
    models: Mapping[str, str] = field(default_factory=lambda: MODELS)
    faults: Mapping[str, Mapping[str, str]] = field(
        default_factory=lambda: {name: {"x-emulator-fault": fault} for name, fault in FAULTS.items()}
    )

    def holds(self, claim: Claim) -> bool:
        """Whether a claim makes sense here."""
        can_fail = claim.ask.fault is None or claim.ask.fault in self.faults
        return claim.needs <= self.offers and claim.ask.role in self.models and can_fail

    def expected(self, claim: Claim) -> Expected:
        """What is to be heard here."""
        expected = claim.otherwise.get(self.dialect, claim.expected)
        seen = "journal" in self.offers
        return {name: wanted for name, wanted in expected.items() if seen or name != "sent"}

    def at(self, url: str, key: str = KEY, journal: str | None = None) -> Place:
        """The place of this kind at that URL."""
        return Place(
            url=url + self.path,
            key=key,
            models=self.models,
            # What Managed Compute serves takes no schema; the emulator's own names do not tell that.
            known_as={"chat": "Mistral-Large-2411"} if self.dialect == "managed-compute" else {},
            faults=self.faults,
            journal=journal,
        )


EMULATORS = {
    kind.name: kind
    for kind in (
        Kind("lenient", "/models"),
        Kind("strict", "/models", {"strict": True}),
        Kind(
            "managed-compute",
            "",
            {"managed_compute": True},
            "managed-compute",
            # Such an endpoint serves one model, and does not look at its name.
            models={role: name for role, name in MODELS.items() if role != "missing"},
        ),
        Kind("openai-v1", "/openai/v1", {}, "openai-v1", OFFERS - {"info", "image embeddings"}),
    )
}


@contextlib.contextmanager
def emulated(kind: Kind) -> Iterator[Place]:
    """An emulator of a kind, for as long as the block lasts."""
    from azure_inference_emulator import running

    with running(key=KEY, **kind.settings) as root:
        yield kind.at(root, journal=f"{root}/__emulator/requests")


@dataclass(frozen=True)
class Live:
    """An endpoint of the user's, as the environment names it when the tests are collected.

    Attributes:
        endpoint: `<prefix>ENDPOINT`.
        credential: `<prefix>CREDENTIAL`.
        model: `<prefix>MODEL`, the deployment for chat.
        embedding_model: `<prefix>EMBEDDING_MODEL`, that for embeddings.
        offers: `<prefix>OFFERS`, words of `OFFERS` with commas between: what is to be tried beyond chat.
    """

    endpoint: str
    credential: str
    model: str
    embedding_model: str
    offers: str

    @classmethod
    def of(cls, prefix: str) -> Live | None:
        """What the environment says; None if it names no endpoint or no credential."""
        said = {name: os.environ.get(prefix + name.upper(), "") for name in cls.__annotations__}
        return cls(**said) if said["endpoint"] and said["credential"] else None

    @property
    def kind(self) -> Kind:
        """What of the table can be tried there."""
        named = {"chat": self.model, "embed": self.embedding_model}
        if "/deployments/" not in self.endpoint:  # there the path names the model
            named["missing"] = "no-such-model"
        offers = {"keys", "vectors", *filter(None, self.offers.split(","))}
        is_v1 = self.endpoint.rstrip("/").endswith("/v1")
        return Kind(
            "live",
            "",
            dialect="openai-v1" if is_v1 else "",
            offers=frozenset(offers),
            models={role: name for role, name in named.items() if name},
            faults={},
        )
