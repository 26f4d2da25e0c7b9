"""JSON that satisfies a JSON Schema, filled from a prompt where the prompt offers a value."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from azure_inference_emulator import evidence as offered
from azure_inference_emulator import text as linguistics
from azure_inference_emulator.evidence import Evidence
from azure_inference_emulator.values import JsonObject, as_list, as_object, as_text, is_list, is_number

_MISSING: Final = object()
_DEEPEST = 12
_FORMATS = {
    "date-time": "2024-05-01T12:00:00Z",
    "date": "2024-05-01",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "user@example.com",
    "idn-email": "user@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uri-reference": "/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "json-pointer": "",
    "regex": ".*",
    "byte": "ZW11bGF0b3I=",
}


@dataclass
class Filler:
    """Fills one schema; ``phrase`` words the string of a property that the prompt offers nothing for."""

    root: JsonObject
    evidence: Evidence
    phrase: Callable[[str, JsonObject], str]

    def fill(self) -> Any:
        """A value of the whole schema."""
        return self._value(self.root, "", required=True, depth=0)

    def resolve(self, schema: JsonObject) -> JsonObject:
        """The schema with its reference followed and its ``allOf`` merged."""
        for _ in range(_DEEPEST):
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                break
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = _merge(self._target(reference), beside)
        for part in as_list(schema.get("allOf")):
            schema = _merge(
                {key: value for key, value in schema.items() if key != "allOf"}, self.resolve(as_object(part))
            )
        return schema

    def _target(self, reference: str) -> JsonObject:
        node: Any = self.root
        for step in reference.removeprefix("#").strip("/").split("/"):
            if step:
                node = as_object(node).get(step.replace("~1", "/").replace("~0", "~"))
        return as_object(node)

    def _value(self, schema: JsonObject, name: str, *, required: bool, depth: int) -> Any:
        """A value of the schema, or ``_MISSING`` for an optional one that the prompt does not mention."""
        schema = self.resolve(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(schema, name, required=required)
        branches = as_list(schema.get("anyOf")) or as_list(schema.get("oneOf"))
        if branches:
            return self._branch(schema, branches, name, required=required, depth=depth)
        return self._typed(schema, name, _type_of(schema), required=required, depth=depth)

    def _choice(self, schema: JsonObject, name: str, *, required: bool) -> Any:
        choices = as_list(schema["enum"])
        found = offered.enum_for(self.evidence, name, choices)
        if found is not None or not required:
            return _MISSING if found is None else found
        return schema["default"] if schema.get("default") in choices else choices[0]

    def _branch(self, schema: JsonObject, branches: list[Any], name: str, *, required: bool, depth: int) -> Any:
        """The first branch the prompt has a value for, else null where that is allowed, else the first branch."""
        options = [self.resolve(_merge(_without_branches(schema), as_object(branch))) for branch in branches]
        filled = [option for option in options if _type_of(option) != "null"]
        nullable = len(filled) < len(options)
        plain = [option for option in filled if not self._container([option])]
        for option in sorted(plain, key=lambda item: _type_of(item) == "string"):
            value = self._value(option, name, required=False, depth=depth + 1)
            if value is not _MISSING:
                return value
        if not required:
            return _MISSING
        if nullable and (depth > 3 or not self._container(filled)):
            return None
        return self._value(filled[0] if filled else {"type": "null"}, name, required=True, depth=depth + 1)

    @staticmethod
    def _container(options: list[JsonObject]) -> bool:
        return any(_type_of(option) in {"object", "array"} for option in options)

    def _typed(self, schema: JsonObject, name: str, kind: str, *, required: bool, depth: int) -> Any:
        if kind == "object":
            return self._object(schema, required=required, depth=depth)
        if kind == "array":
            return self._array(schema, name, required=required, depth=depth)
        if kind in {"integer", "number"}:
            return self._number(schema, name, whole=kind == "integer", required=required)
        if kind == "boolean":
            found = offered.flag_for(self.evidence, name)
            default = schema.get("default")
            return (bool(default) if required else _MISSING) if found is None else found
        if kind == "null":
            return None if required else _MISSING
        return self._string(schema, name, required=required)

    def _object(self, schema: JsonObject, *, required: bool, depth: int) -> Any:
        properties = as_object(schema.get("properties"))
        needed = as_list(schema.get("required"))
        filled: JsonObject = {}
        # Required parameters choose first, but the object keeps the order of its schema.
        for name in sorted(properties, key=lambda key: key not in needed):
            must = name in needed
            if depth >= _DEEPEST and not must:
                continue
            value = self._value(as_object(properties[name]), name, required=must, depth=depth + 1)
            if value is not _MISSING:
                filled[name] = value
        for name in needed:
            filled.setdefault(name, "")
        self._pad(filled, schema, depth)
        if not filled and not required:
            return _MISSING
        return {name: filled[name] for name in [*properties, *filled] if name in filled}

    def _pad(self, filled: JsonObject, schema: JsonObject, depth: int) -> None:
        additional = schema.get("additionalProperties")
        for number in range(as_int_or_zero(schema.get("minProperties")) - len(filled)):
            filled[f"item_{number + 1}"] = self._value(as_object(additional), "", required=True, depth=depth + 1)

    def _array(self, schema: JsonObject, name: str, *, required: bool, depth: int) -> Any:
        prefix = [
            self._value(as_object(item), name, required=True, depth=depth + 1)
            for item in as_list(schema.get("prefixItems"))
        ]
        item = self.resolve(as_object(schema.get("items")))
        fewest = as_int_or_zero(schema.get("minItems"))
        most = schema.get("maxItems")
        found = prefix + self._listed(item, name) if schema.get("items") is not False else prefix
        if not found and not required:
            return _MISSING
        if not found and depth < 4 and most != 0:
            fewest = max(fewest, 1)
        while len(found) < fewest:
            value = self._value(item, name, required=True, depth=depth + 1)
            found.append(_another(value, found) if schema.get("uniqueItems") else value)
        return found[:most] if isinstance(most, int) else found

    def _listed(self, item: JsonObject, name: str) -> list[Any]:
        """Every value of the prompt that an array of such items may hold."""
        choices = self._choices(item)
        if choices is not None:
            said = self.evidence.text.lower()
            return [choice for choice in choices if str(choice).lower() in said]
        kind = _type_of(item)
        if kind in {"integer", "number"}:
            values = [_number(text, whole=kind == "integer") for text in self.evidence.numbers()]
            return [value for value in values if value is not None and _within(item, value)]
        if kind == "string" and not item.get("format") and not item.get("pattern"):
            given = self.evidence.assigned(name)
            if given is not None and given.startswith("["):
                return [part.strip(" \"'") for part in given.strip("[]").split(",") if part.strip()]
            texts = self.evidence.quoted() or self.evidence.places() or self.evidence.proper()
            return [_fitted(item, text) for text in dict.fromkeys(texts)]
        return []

    def _choices(self, item: JsonObject) -> list[Any] | None:
        """The only values an item may have, if there are such: an enum, a constant, or branches that are constants."""
        if "enum" in item:
            return as_list(item["enum"])
        branches = as_list(item.get("anyOf")) or as_list(item.get("oneOf")) or [item]
        resolved = [self.resolve(as_object(branch)) for branch in branches]
        return [branch["const"] for branch in resolved] if all("const" in branch for branch in resolved) else None

    def _number(self, schema: JsonObject, name: str, *, whole: bool, required: bool) -> Any:
        given = self.evidence.assigned(name, spoken=True) if name else None
        candidates = ([given] if given is not None else []) + [
            text for text in self._numbers_near(name) if text not in self.evidence.used
        ]
        for text in candidates:
            value = _number(text, whole=whole)
            if value is not None and _within(schema, value) and (required or given is not None or self._named(name)):
                self.evidence.used.add(text)
                return value
        if not required:
            return _MISSING
        default = schema.get("default")
        return default if is_number(default) else _lowest(schema, whole=whole)

    def _numbers_near(self, name: str) -> list[str]:
        """The prompt's numbers, those right before or after the parameter's name first."""
        spoken = re.escape(linguistics.stem(name.lower().split("_")[-1]))
        near = re.findall(
            rf"\b{spoken}\w*\W{{1,4}}(?:of |to |is )?(-?\d+(?:\.\d+)?)|(-?\d+(?:\.\d+)?)\s+{spoken}",
            self.evidence.text,
            re.IGNORECASE,
        )
        return [a or b for a, b in near] + self.evidence.numbers()

    def _named(self, name: str) -> bool:
        said = set(linguistics.stems(self.evidence.text))
        return bool(said & set(linguistics.name_stems(name))) or len(name) == 1

    def _string(self, schema: JsonObject, name: str, *, required: bool) -> Any:
        pattern = as_text(schema.get("pattern"))
        if pattern:
            return self._patterned(schema, pattern, required=required)
        found = offered.string_for(self.evidence, name, schema, required=required) if name else None
        form = as_text(schema.get("format"))
        if form and found is None:
            return _FORMATS.get(form, form) if required else _MISSING
        if found is None and not required:
            return _MISSING
        if found is None:
            default = schema.get("default")
            found = default if isinstance(default, str) else self.phrase(name, schema)
        return found if form else _fitted(schema, found)

    def _patterned(self, schema: JsonObject, pattern: str, *, required: bool) -> Any:
        """A word of the prompt that the pattern accepts; a schema's own example otherwise."""
        for candidate in [*self.evidence.quoted(), *self.evidence.text.split()]:
            word = candidate.strip("\"'`.,;:!?()")
            if re.search(pattern, word) and _fitted(schema, word) == word:
                return word
        examples = [example for example in as_list(schema.get("examples")) if isinstance(example, str)]
        return (examples[0] if examples else _sample(pattern)) if required else _MISSING


def resolved(schema: JsonObject) -> JsonObject:
    """A schema whose own reference is followed, so that its properties can be seen."""
    return Filler(schema, Evidence(""), lambda name, _schema: name).resolve(schema)


def as_int_or_zero(value: object) -> int:
    """The integer that ``value`` is, or 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _sample(pattern: str) -> str:
    """A text that a simple pattern accepts: each class or escape by one character, each count by its least."""
    text = re.sub(r"\(\?[:=!][^)]*\)|[\^$]", "", pattern)
    text = re.sub(r"\(([^()|]*)[^()]*\)", r"\1", text)

    def piece(match: re.Match[str]) -> str:
        unit, fewest, optional = match[1], match[2], match[3]
        times = int(fewest) if fewest else 0 if optional in {"*", "?"} else 1
        char = {"\\d": "0", "\\w": "a", "\\s": " ", ".": "a"}.get(unit, unit[-1] if unit.startswith("\\") else unit)
        return (char[2 if char[1] == "^" else 1] if char.startswith("[") else char) * times

    return re.sub(r"(\[[^\]]+\]|\\.|[^\\])(?:\{(\d+)[^}]*\}|([*+?]))?", piece, text)


def _without_branches(schema: JsonObject) -> JsonObject:
    return {key: value for key, value in schema.items() if key not in {"anyOf", "oneOf", "title", "default"}}


def _merge(first: JsonObject, second: JsonObject) -> JsonObject:
    merged = {**first, **second}
    for key in ("properties", "$defs"):
        if key in first and key in second:
            merged[key] = {**as_object(first[key]), **as_object(second[key])}
    if "required" in first and "required" in second:
        merged["required"] = list(dict.fromkeys([*as_list(first["required"]), *as_list(second["required"])]))
    return merged


def _type_of(schema: JsonObject) -> str:
    """The type to make; of several the first that is not null, of none what the other keywords imply."""
    kind = schema.get("type")
    if is_list(kind):
        kinds = [as_text(item) for item in as_list(kind)]
        return next((item for item in kinds if item != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _number(text: str, *, whole: bool) -> int | float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    if value.is_integer():
        return int(value)
    return None if whole else value


def _within(schema: JsonObject, value: float) -> bool:
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    above, below = schema.get("exclusiveMinimum", -math.inf), schema.get("exclusiveMaximum", math.inf)
    step = schema.get("multipleOf")
    fits = low <= value <= high and above < value < below
    return bool(fits and (not step or math.isclose(value / step, round(value / step), abs_tol=1e-9)))


def _lowest(schema: JsonObject, *, whole: bool) -> int | float:
    """The number nearest to 0 (or 1, when counting needs it) that the bounds allow."""
    step = schema.get("multipleOf") or (1 if whole else 0.5)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    candidates: list[float] = [0, 1]
    if low is not None:
        first = math.ceil(low / step)
        candidates += [(first + offset) * step for offset in range(3)] + [low, low + 1e-6]
    if high is not None:
        last = math.floor(high / step)
        candidates += [(last - offset) * step for offset in range(3)] + [high]
    if low is not None and high is not None:
        candidates.append((low + high) / 2)
    for value in candidates:
        if _within(schema, value) and (not whole or float(value).is_integer()):
            return int(value) if float(value).is_integer() else value
    return 0


def _fitted(schema: JsonObject, text: str) -> str:
    most = schema.get("maxLength")
    if isinstance(most, int):
        text = text[:most]
    return text.ljust(as_int_or_zero(schema.get("minLength")), ".")


def _another(value: Any, taken: list[Any]) -> Any:
    """A value like ``value`` that is not taken yet."""
    if isinstance(value, str):
        return f"{value} {len(taken) + 1}" if value in taken else value
    return max([value, *(item + 1 for item in taken)]) if is_number(value) else value


def embedded(text: str) -> JsonObject | None:
    """The last JSON Schema with properties that stands in a prompt (output parsers write it there), or None."""
    if "schema" not in text.lower() or '"properties"' not in text:
        return None
    decoder = json.JSONDecoder()
    found: JsonObject | None = None
    position = text.find("{")
    while position != -1:
        try:
            value, length = decoder.raw_decode(text[position:])
        except (ValueError, RecursionError):
            length = 1
        else:
            if as_object(as_object(value).get("properties")):
                found = as_object(value)
        position = text.find("{", position + max(1, length))
    if found is None and "{{" in text:
        return embedded(single_braces(text))
    return found


def single_braces(text: str) -> str:
    """The text with the braces that a prompt template doubles, and forgets to halve again; JSON itself has no `{{`."""
    return text.replace("{{", "{").replace("}}", "}") if "{{" in text else text
