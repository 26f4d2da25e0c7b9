"""Failures to rehearse: those of the whole answer, and the wrong rows of an embeddings answer.

A fault is written ``NAME`` or ``NAME:key=value,key=value``, for all requests by ``--fault`` or for one by the header
``x-emulator-fault`` (several are separated by ``;``). Every fault takes ``times=N`` (only the first N requests, then
fine; another ``id=...`` counts afresh) and ``route=PATH`` (only requests whose path ends so).

======================  ============================================================================================
``status``              ``code=503``; ``retry-after=``, ``retry-after-ms=``, ``x-ms-retry-after-ms=`` any text, garbage
                        too; ``body=`` error, flat, detail, string, html, text or empty
``slow``                ``seconds=1`` before the first byte
``empty``               200 with an empty body
``html``                200 (or ``code=502``) with an HTML page
``truncated``           200 with half of the JSON
``redirect``            ``code=307``, ``to=`` an address
``error-200``           200 whose body is an error object, ``code=429`` or any text
``no-choices``          200 with ``choices: []``
``shuffled-rows``       embeddings in another order (indexes true)
``missing-row``         one embedding too few; ``extra-row`` one too many; ``duplicate-row`` one index twice
``nan-row``             NaN in a vector; ``null-row`` null for one; ``short-row`` one of another dimension
``no-index``            rows without index
``base64-rows``         base64 although floats were asked for
======================  ============================================================================================

The faults of streams are those of ``stream_faults``.
"""

import base64
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from azure_inference_emulator import stream_faults
from azure_inference_emulator.values import JsonObject, as_list, as_objects, to_bytes

HEADER = "x-emulator-fault"
_HTML = (
    b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
)
_CODES_ARE_TEXT = ("error-frame", "error-200")
_NUMBERS = ("times", "code", "seconds", "after", "size")
_WORDS = {
    "body": ("error", "flat", "detail", "string", "html", "text", "empty"),
    "shape": ("wrapped", "flat"),
}
_OF_ALL = ("times", "route", "id")
_WAITS = ("retry-after", "retry-after-ms", "x-ms-retry-after-ms", "x-should-retry")


@dataclass(frozen=True)
class Fault:
    """One fault with its parameters."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    text: str = ""

    def number(self, name: str, default: float) -> float:
        """A parameter as a number."""
        return float(self.parameters.get(name, default))


@dataclass(frozen=True)
class Raw:
    """An answer that is no JSON of the API: status, bytes, content type and headers."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def parse(text: str) -> list[Fault]:
    """The faults that a text names; raises ``ValueError`` with what there is for a name, key or word that is none."""
    found: list[Fault] = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        name, _, rest = part.partition(":")
        if name not in NAMES:
            raise ValueError(f"There is no fault {name!r}; there are {', '.join(sorted(NAMES))}.")
        pairs = [pair.partition("=") for pair in rest.split(",") if pair]
        parameters = {key.strip(): value.strip() for key, _, value in pairs}
        _check(name, parameters)
        found.append(Fault(name, parameters, part))
    return found


def _check(name: str, parameters: Mapping[str, str]) -> None:
    known = (*KEYS[name].split(), *_OF_ALL)
    for key, value in parameters.items():
        if key not in known:
            raise ValueError(f"There is no {key!r} of fault {name!r}; there are {', '.join(known)}.")
        if key in _WORDS and value not in _WORDS[key]:
            raise ValueError(f"{key}={value!r} of fault {name!r} is none of {', '.join(_WORDS[key])}.")
        is_number = key in _NUMBERS and not (key == "code" and name in _CODES_ARE_TEXT)
        if is_number and not value.replace(".", "", 1).isdecimal():
            raise ValueError(f"{key}={value!r} of fault {name!r} is not a number.")


class Faults:
    """The faults of an emulator, with the count of what they hit."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._standing = [fault for text in texts for fault in parse(text)]
        self._hits: Counter[str] = Counter()

    def active(self, header: str, path: str) -> list[Fault]:
        """The faults of one request; counts it."""
        found: list[Fault] = []
        for fault in [*self._standing, *parse(header)]:
            if not path.endswith(fault.parameters.get("route", "")):
                continue
            self._hits[fault.text] += 1
            times = int(fault.number("times", 0))
            if not times or self._hits[fault.text] <= times:
                found.append(fault)
        return found


def pause(faults: Iterable[Fault]) -> float:
    """Seconds to wait before the first byte."""
    return sum(fault.number("seconds", 1) for fault in faults if fault.name == "slow")


def instead(faults: Iterable[Fault]) -> Raw | None:
    """What is answered in place of the answer, if anything."""
    for fault in faults:
        if fault.name in _INSTEAD:
            return _INSTEAD[fault.name](fault)
    return None


def _status(fault: Fault) -> Raw:
    code = int(fault.number("code", 503))
    message = f"The emulator was told to answer {code}."
    bodies: dict[str, tuple[bytes, str]] = {
        "error": (to_bytes({"error": {"code": str(code), "message": message}}), "application/json"),
        "flat": (to_bytes({"status": code, "error": "Error", "message": message}), "application/json"),
        "detail": (to_bytes({"detail": message}), "application/json"),
        "string": (to_bytes({"error": message}), "application/json"),
        "html": (_HTML, "text/html"),
        "text": (message.encode(), "text/plain"),
        "empty": (b"", "application/json"),
    }
    body, content_type = bodies[fault.parameters.get("body", "error")]
    return Raw(code, body, content_type, {name: fault.parameters[name] for name in _WAITS if name in fault.parameters})


def _redirect(fault: Fault) -> Raw:
    return Raw(int(fault.number("code", 307)), b"", headers={"location": fault.parameters.get("to", "/elsewhere")})


def _error_200(fault: Fault) -> Raw:
    code = fault.parameters.get("code", "429")
    return Raw(200, to_bytes({"error": {"code": code, "message": f"The emulator was told to fail with {code}."}}))


_INSTEAD: dict[str, Callable[[Fault], Raw]] = {
    "status": _status,
    "empty": lambda _: Raw(200, b""),
    "html": lambda fault: Raw(int(fault.number("code", 200)), _HTML, "text/html"),
    "redirect": _redirect,
    "error-200": _error_200,
}


def spoiled(faults: Iterable[Fault], body: JsonObject) -> bytes:
    """The bytes of an answer with the faults of whole bodies worked in."""
    names = [fault.name for fault in faults]
    if "no-choices" in names and "choices" in body:
        body = {**body, "choices": []}
    for name in names:
        if name in _ROWS and "data" in body:
            body = {**body, "data": _ROWS[name](as_objects(body["data"]))}
    raw = to_bytes(body)
    return raw[: len(raw) // 2] if "truncated" in names else raw


def _last(rows: list[JsonObject], **changed: object) -> list[JsonObject]:
    return [*rows[:-1], {**rows[-1], **changed}]


def _vector(rows: list[JsonObject]) -> list[float]:
    return [float(value) for value in as_list(rows[-1]["embedding"])]


def _packed(row: JsonObject) -> JsonObject:
    if isinstance(row["embedding"], str):
        return row
    values = [float(value) for value in as_list(row["embedding"])]
    return {**row, "embedding": base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode("ascii")}


_ROWS: dict[str, Callable[[list[JsonObject]], list[JsonObject]]] = {
    "shuffled-rows": lambda rows: [*rows[1::2], *reversed(rows[::2])],
    "missing-row": lambda rows: rows[:-1],
    "extra-row": lambda rows: [*rows, {**rows[-1], "index": len(rows)}],
    "duplicate-row": lambda rows: _last(rows, index=0 if len(rows) > 1 else 1),
    "nan-row": lambda rows: _last(rows, embedding=[float("nan"), *_vector(rows)[1:]]),
    "null-row": lambda rows: _last(rows, embedding=None),
    "short-row": lambda rows: _last(rows, embedding=_vector(rows)[:-1]),
    "no-index": lambda rows: [{key: value for key, value in row.items() if key != "index"} for row in rows],
    "base64-rows": lambda rows: [_packed(row) for row in rows],
}
KEYS: Mapping[str, str] = {
    **stream_faults.KEYS,
    **dict.fromkeys((*_ROWS, "empty", "truncated", "no-choices"), ""),
    **dict.fromkeys(("html", "error-200"), "code"),
    "redirect": "code to",
    "slow": "seconds",
    "status": f"code body {' '.join(_WAITS)}",
}
"""What each fault takes, beside what all take."""
NAMES = KEYS.keys()
