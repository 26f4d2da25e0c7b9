"""The tools a request offers, their calls, and how well a text fits each: lexical, so that it can be foreseen."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from azure_inference_emulator import json_schema
from azure_inference_emulator import text as linguistics
from azure_inference_emulator.values import JsonObject, as_list, as_object, as_objects, as_text

WORTH_A_CALL = 1.0
_RETRIEVAL_WORDS = "search retrieve retriever retrieval lookup knowledge rag document documentation passage query index"
_RETRIEVAL = frozenset(linguistics.stem(word) for word in _RETRIEVAL_WORDS.split())
_ASKING = frozenset(linguistics.stem(word) for word in "query question search q input text".split())


@dataclass(frozen=True)
class Tool:
    """A tool a request offers."""

    name: str
    description: str = ""
    parameters: JsonObject = field(default_factory=dict[str, Any])

    @property
    def properties(self) -> JsonObject:
        """Its parameters by name."""
        return as_object(self.parameters.get("properties"))

    @property
    def required(self) -> list[str]:
        """The names of the parameters it must get."""
        return [name for name in as_list(self.parameters.get("required")) if isinstance(name, str)]

    @property
    def retrieves(self) -> bool:
        """Whether it looks things up: any question may be for it."""
        about = set(linguistics.name_stems(self.name)) | set(linguistics.stems(self.description))
        texts = [name for name in self.required if as_object(self.properties.get(name)).get("type") == "string"]
        asks = any(set(linguistics.name_stems(name)) & _ASKING or name == "q" for name in texts)
        return bool(asks and about & _RETRIEVAL)

    def named_in(self, text: str) -> bool:
        """Whether a text says the tool's name."""
        return bool(re.search(rf"(?<!\w){re.escape(self.name)}(?!\w)", text, re.IGNORECASE))


@dataclass(frozen=True)
class Call:
    """One call of a tool."""

    name: str
    arguments: JsonObject

    @property
    def key(self) -> tuple[str, str]:
        """What makes two calls the same."""
        return self.name, json.dumps(self.arguments, sort_keys=True)


def offered(body: JsonObject) -> list[Tool]:
    """The tools of a request body that was checked before."""
    functions = [as_object(tool.get("function")) for tool in as_objects(body.get("tools"))]
    return [
        Tool(
            name=as_text(function.get("name")),
            description=as_text(function.get("description")),
            parameters=json_schema.resolved(as_object(function.get("parameters"))),
        )
        for function in functions
    ]


def words_of(text: str) -> set[str]:
    """What a text says that tools may be about: its stems, their synonyms, and its arithmetic."""
    said = linguistics.with_synonyms(linguistics.stems(text))
    signs = linguistics.OPERATIONS
    return said | {signs[sign] for sign in signs if re.search(rf"\d\s*{re.escape(sign)}\s*\d", text)}


def scores(said: set[str], tools: Sequence[Tool]) -> list[float]:
    """How well each tool's name, description and parameters fit; words that several tools share count less."""
    names = [set(linguistics.name_stems(tool.name)) for tool in tools]
    about = [set(linguistics.stems(tool.description)) for tool in tools]
    takes = [{stem for name in tool.properties for stem in linguistics.name_stems(name)} for tool in tools]
    sharing = {word: sum(1 for a, b in zip(names, about, strict=True) if _has(word, a | b)) for word in said}
    return [
        sum(
            max(1.6 * _has(word, names[at]), 1.0 * _has(word, about[at]), 0.5 * _has(word, takes[at]))
            / (1.0 + math.log(max(1, sharing[word])))
            for word in sorted(said)
        )
        for at in range(len(tools))
    ]


def _has(word: str, bag: set[str]) -> float:
    if word in bag:
        return 1.0
    alike = len(word) >= 4 and any(len(o) >= 4 and (o.startswith(word) or word.startswith(o)) for o in bag)
    return 0.7 if alike else 0.0
