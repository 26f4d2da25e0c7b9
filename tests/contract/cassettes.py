"""How calls are recorded and played: where, what of them is kept, and how it is written down."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from vcr.request import Request

FOLDER = Path(__file__).resolve().parents[2] / "cassettes"
HOST = "recorded.example"
KEPT_OF_REQUESTS = frozenset({"content-type", "extra-parameters"})
KEPT_OF_ANSWERS = frozenset(
    {
        "content-type",
        "ms-azureml-model-error-reason",
        "ms-azureml-model-error-statuscode",
        "retry-after",
        "retry-after-ms",
        "x-ms-error-code",
    }
)
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


@dataclass
class Scrubber:
    """What must not be written down, and what stands for it.

    Attributes:
        secrets: Texts that occur nowhere in a recording, such as a key or a host.
        names: Of deployments, where they stand as words.
        skips_failures: Whether failures that pass are left out; of a real endpoint they say nothing.
    """

    secrets: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    skips_failures: bool = False

    def text(self, text: str) -> str:
        """The text as it may be written down."""
        for name, stand_in in self.names.items():
            text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", stand_in, text)
        for secret, stand_in in self.secrets.items():
            text = text.replace(secret, stand_in)
        return text

    def request(self, request: Request) -> Request:
        """A request as it is kept and compared: any host is the same, and most headers are nobody's business."""
        uri = self.text(urlsplit(request.uri)._replace(scheme="https", netloc=HOST).geturl())
        headers = {name.lower(): value for name, value in request.headers.items() if name.lower() in KEPT_OF_REQUESTS}
        body = request.body.decode() if request.body else ""
        return Request(request.method, uri, self.text(body), headers)

    def answer(self, answer: dict[str, Any]) -> dict[str, Any] | None:
        """An answer as it is kept, or None if it is not."""
        if self.skips_failures and answer["status"]["code"] in _PASSING:
            return None
        headers = {name.lower(): value for name, value in answer["headers"].items()}
        kept = {name: headers[name] for name in sorted(headers.keys() & KEPT_OF_ANSWERS)}
        body = {"string": self.text(answer["body"]["string"].decode()).encode()}
        return {"status": answer["status"], "headers": kept, "body": body}


def same_body(one: Request, other: Request) -> None:
    """Whether two requests ask the same, in whatever order."""
    assert _parsed(one.body) == _parsed(other.body)


def same_headers(one: Request, other: Request) -> None:
    """Whether the headers that are kept are the same."""
    assert dict(one.headers) == dict(other.headers)


def _parsed(body: Any) -> Any:
    return json.loads(body) if body else None


def options(scrubber: Scrubber) -> dict[str, Any]:
    """What vcrpy is told, of a cassette, beside what `register` tells it."""
    return {
        "match_on": ["method", "uri", "same_body", "same_headers"],
        "allow_playback_repeats": True,
        "decode_compressed_response": True,
        "before_record_request": scrubber.request,
        "before_record_response": scrubber.answer,
    }


def register(vcr: Any) -> None:
    """Tells an instance of vcrpy how cassettes are written and compared."""
    vcr.register_serializer("yaml", Serializer)
    vcr.register_matcher("same_body", same_body)
    vcr.register_matcher("same_headers", same_headers)


class Serializer:
    """Cassettes as YAML that people can read: bodies are the JSON that they hold, streams a line for each event."""

    @staticmethod
    def serialize(cassette: Mapping[str, Any]) -> str:
        """The text of a cassette."""
        written = [_written(one["request"], one["response"]) for one in cassette["interactions"]]
        return yaml.dump(written, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**9)

    @staticmethod
    def deserialize(text: str) -> dict[str, Any]:
        """The cassette of a text."""
        return {"version": 1, "interactions": [_read(one) for one in loaded(text)]}


class _Line(dict[str, Any]):
    """A mapping that is written on one line."""


class _Row(list[Any]):
    """A list that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """Knows lines and rows; writes out what occurs twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(_Line, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, True))
_Dumper.add_representer(_Row, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, True))

# Line breaks stay within the line.
_Dumper.add_representer(
    str, lambda dumper, data: dumper.represent_scalar("tag:yaml.org,2002:str", data, '"' if "\n" in data else None)
)


def _written(request: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    asked = {"method": request["method"], "uri": request["uri"], "headers": _plain(request["headers"])}
    if request["body"]:
        asked["body"] = _rows(json.loads(request["body"]))
    told = {"status": _Line(answer["status"]), "headers": _plain(answer["headers"])}
    return {"request": asked, "response": {**told, **_body(answer["body"]["string"] or "")}}


def _plain(headers: Mapping[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else ", ".join(value) for name, value in headers.items()}


def _body(text: str) -> dict[str, Any]:
    """The body of an answer: JSON parsed, events one by one, anything else as text."""
    steady = _Steady()
    try:
        return {"body": _rows(steady.of(json.loads(text)))}
    except ValueError:
        pass
    if not text.startswith(("data:", "event:", "id:", ":")) or not text.endswith("\n\n"):
        return {"text": text}
    return {"events": [_event(block, steady) for block in text.removesuffix("\n\n").split("\n\n")]}


def _event(block: str, steady: _Steady) -> _Line | str:
    try:
        data = json.loads(block.removeprefix("data: "))
    except ValueError:
        return block
    return _Line(steady.of(data)) if isinstance(data, dict) else block


class _Steady:
    """Ids and times that would be others in each recording, as those of one that never changes."""

    def __init__(self) -> None:
        self._calls: dict[str, str] = {}

    def of(self, answer: Any) -> Any:
        """The answer, or a piece of one."""
        if not isinstance(answer, dict):
            return answer
        if answer.get("id"):
            answer["id"] = "answer"
        if answer.get("created"):
            answer["created"] = 1
        for choice in answer.get("choices") or ():
            for part in ("message", "delta"):
                for call in (choice.get(part) or {}).get("tool_calls") or ():
                    if call.get("id"):
                        call["id"] = self._calls.setdefault(call["id"], f"call-{len(self._calls) + 1}")
        return answer


def _rows(value: Any) -> Any:
    """The same, with lists of numbers on one line each."""
    if isinstance(value, dict):
        return {name: _rows(part) for name, part in value.items()}
    if isinstance(value, list):
        return _Row(value) if value and isinstance(value[0], int | float) else [_rows(part) for part in value]
    return value


def _read(written: Mapping[str, Any]) -> dict[str, Any]:
    asked, told = written["request"], written["response"]
    body = json.dumps(asked["body"]) if "body" in asked else ""
    headers = {name: [value] for name, value in told["headers"].items()}
    return {
        "request": {**asked, "headers": {name: [value] for name, value in asked["headers"].items()}, "body": body},
        "response": {"status": told["status"], "headers": headers, "body": {"string": _text(told)}},
    }


def _text(told: Mapping[str, Any]) -> str:
    if "body" in told:
        return json.dumps(told["body"], ensure_ascii=False)
    if "text" in told:
        return told["text"]
    blocks = (e if isinstance(e, str) else f"data: {json.dumps(e, ensure_ascii=False)}" for e in told["events"])
    return "".join(f"{block}\n\n" for block in blocks)


def loaded(text: str) -> Any:
    """What is written in a cassette; libyaml reads it ten times faster, where it is there."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


_ROUTE = re.compile(r"/(chat/completions|completions|images/embeddings|embeddings|info)(\?.*)?$")


def endpoint_of(uri: str, path: str) -> str:
    """The endpoint that a recorded address belongs to; `path` is what stood behind it."""
    return _ROUTE.sub("", uri).removesuffix(path)
