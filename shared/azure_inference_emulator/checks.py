"""A request body held against the tables of ``rules``: every violation with its location, as pydantic would say it."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from azure_inference_emulator.rules import Rule
from azure_inference_emulator.values import JsonObject, as_list, as_object, is_list, is_number, is_object

Location = tuple[str | int, ...]

_ROLES = ("system", "developer", "user", "assistant", "tool")
_PARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "image_url": ("image_url", ("url",)),
    "audio_url": ("audio_url", ("url",)),
    "input_audio": ("input_audio", ("data", "format")),
    "image": ("image", ("data",)),
    "refusal": ("", ()),
    "thinking": ("", ()),
}
_USER_PARTS = ("text", "image_url", "audio_url", "input_audio", "image")
_OTHER_PARTS = ("text", "refusal")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MESSAGE_KEYS = {
    "system": {"role", "content"},
    "developer": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls", "audio"},
    "tool": {"role", "content", "tool_call_id"},
}


@dataclass
class Checker:
    """Collects what is wrong with one body.

    ``strict`` adds what only the published schema forbids: unknown nested keys, and lists where it says string.
    ``nulls`` allows null for an optional parameter, as the OpenAI dialects do.
    """

    strict: bool = False
    nulls: bool = False
    problems: list[JsonObject] = field(default_factory=list[JsonObject])

    def refuse(self, kind: str, loc: Location, msg: str, value: object, **ctx: object) -> None:
        """Note one violation."""
        problem: JsonObject = {"type": kind, "loc": ["body", *loc], "msg": msg, "input": value}
        self.problems.append({**problem, "ctx": ctx} if ctx else problem)

    def body(self, table: Mapping[str, Rule], body: JsonObject) -> list[JsonObject]:
        """Every violation of a whole body."""
        for name, rule in table.items():
            if name not in body:
                if rule.required:
                    self.refuse("missing", (name,), "Field required", body)
            elif body[name] is not None or not self.nulls or rule.required:
                self._value(rule, body[name], (name,))
        return self.problems

    def _value(self, rule: Rule, value: object, loc: Location) -> None:
        checks: dict[str, Callable[[Rule, object, Location], None]] = {
            "messages": self._messages,
            "tools": self._tools,
            "tool_choice": self._tool_choice,
            "response_format": self._response_format,
            "strings": self._strings,
            "texts": self._texts,
            "images": self._images,
            "prompt": self._prompt,
        }
        checks.get(rule.kind, self._simple)(rule, value, loc)

    def _simple(self, rule: Rule, value: object, loc: Location) -> None:
        fits = {
            "string": isinstance(value, str),
            "boolean": isinstance(value, bool),
            "integer": isinstance(value, int) and not isinstance(value, bool),
            "number": is_number(value) and math.isfinite(cast("float", value)),
            "object": is_object(value),
        }
        if not fits[rule.kind]:
            said = {"integer": "int", "number": "float", "boolean": "bool", "object": "dict"}.get(rule.kind, rule.kind)
            self.refuse(f"{said}_type", loc, f"Input should be a valid {rule.kind}", value)
        elif rule.choices and value not in rule.choices:
            self.choice(rule.choices, value, loc)
        elif rule.low is not None and cast("float", value) < rule.low:
            self.refuse(
                "greater_than_equal", loc, f"Input should be greater than or equal to {rule.low:g}", value, ge=rule.low
            )
        elif rule.high is not None and cast("float", value) > rule.high:
            self.refuse(
                "less_than_equal", loc, f"Input should be less than or equal to {rule.high:g}", value, le=rule.high
            )

    def choice(self, choices: tuple[str, ...], value: object, loc: Location) -> None:
        """Note a value that is none of those allowed."""
        said = " or ".join(part for part in (", ".join(f"'{c}'" for c in choices[:-1]), f"'{choices[-1]}'") if part)
        self.refuse("literal_error", loc, f"Input should be {said}", value, expected=said)

    def _items(self, value: object, loc: Location, *, least: int = 1) -> Iterator[tuple[Any, Location]]:
        """The items of a list with their locations; anything else, and a list too short, is refused."""
        if not is_list(value):
            self.refuse("list_type", loc, "Input should be a valid list", value)
            return
        if len(as_list(value)) < least:
            msg = f"List should have at least {least} item after validation, not {len(as_list(value))}"
            self.refuse("too_short", loc, msg, as_list(value), min_length=least)
        for index, item in enumerate(as_list(value)):
            yield item, (*loc, index)

    def _text(self, value: object, loc: Location) -> None:
        if not isinstance(value, str):
            self.refuse("string_type", loc, "Input should be a valid string", value)

    def _field(self, holder: JsonObject, name: str, loc: Location) -> bool:
        """Whether a required text field is there."""
        if name not in holder:
            self.refuse("missing", (*loc, name), "Field required", holder)
            return False
        self._text(holder[name], (*loc, name))
        return isinstance(holder[name], str)

    def _known(self, holder: JsonObject, names: set[str], loc: Location) -> None:
        if self.strict:
            for name in holder:
                if name not in names:
                    self.refuse("extra_forbidden", (*loc, name), "Extra inputs are not permitted", holder[name])

    def _strings(self, rule: Rule, value: object, loc: Location) -> None:
        if isinstance(value, str) and not self.strict and not rule.choices:
            return
        for item, place in self._items(value, loc):
            if not isinstance(item, str):
                self._text(item, place)
            elif rule.choices and item not in rule.choices:
                self.choice(rule.choices, item, place)

    def _messages(self, _rule: Rule, value: object, loc: Location) -> None:
        for item, place in self._items(value, loc):
            if not is_object(item):
                self.refuse("dict_type", place, "Input should be a valid dictionary", item)
                continue
            message = as_object(item)
            role = message.get("role")
            if "role" not in message:
                self.refuse("missing", (*place, "role"), "Field required", message)
            elif role not in _ROLES:
                self.choice(_ROLES, role, (*place, "role"))
            else:
                self._message(str(role), message, place)

    def _message(self, role: str, message: JsonObject, loc: Location) -> None:
        self._known(message, _MESSAGE_KEYS[role], loc)
        content = message.get("content")
        if role in {"assistant", "tool"} and content is None:
            pass
        elif "content" not in message:
            self.refuse("missing", (*loc, "content"), "Field required", message)
        elif not isinstance(content, str):
            self._content(role, content, (*loc, "content"))
        if role == "tool":
            self._field(message, "tool_call_id", loc)
        if role == "assistant" and (message.get("tool_calls") is not None or (self.strict and "tool_calls" in message)):
            self._tool_calls(message["tool_calls"], (*loc, "tool_calls"))

    def _content(self, role: str, content: object, loc: Location) -> None:
        if not is_list(content) or (self.strict and role != "user"):
            self.refuse("string_type", loc, "Input should be a valid string", content)
            return
        least = 1 if role == "user" else 0
        allowed = _USER_PARTS if role == "user" else _OTHER_PARTS
        for item, place in self._items(content, loc, least=least):
            part = as_object(item)
            kind = part.get("type")
            if kind not in allowed:
                self.choice(allowed, kind, (*place, "type"))
            elif kind == "text":
                self._field(part, "text", place)
                self._known(part, {"type", "text"}, place)
            else:
                self._media(part, str(kind), place)

    def _media(self, part: JsonObject, kind: str, loc: Location) -> None:
        name, needed = _PARTS[kind]
        inner = part.get(name)
        if name and not is_object(inner):
            self.refuse("missing" if name not in part else "dict_type", (*loc, name), "Field required", inner)
            return
        holder = as_object(inner)
        complete = [self._field(holder, field_name, (*loc, name)) for field_name in needed]
        self._known(holder, {*needed, "detail"}, (*loc, name))
        if (
            kind == "image_url"
            and all(complete)
            and not re.match(r"https?://|data:[\w.+-]+/[\w.+-]+;base64,", holder["url"])
        ):
            self.refuse(
                "url_scheme", (*loc, name, "url"), "URL should be http, https or a base64 data URL", holder["url"]
            )
        if kind == "input_audio" and holder.get("format") not in {"wav", "mp3", None}:
            self.choice(("wav", "mp3"), holder["format"], (*loc, name, "format"))

    def _tool_calls(self, value: object, loc: Location) -> None:
        for item, place in self._items(value, loc, least=0):
            call = as_object(item)
            self._field(call, "id", place)
            function = as_object(call.get("function"))
            if not function:
                self.refuse("missing", (*place, "function"), "Field required", call)
                continue
            self._field(function, "name", (*place, "function"))
            self._field(function, "arguments", (*place, "function"))
            self._known(call, {"id", "type", "function"}, place)
            self._known(function, {"name", "arguments"}, (*place, "function"))

    def _tools(self, _rule: Rule, value: object, loc: Location) -> None:
        for item, place in self._items(value, loc):
            tool = as_object(item)
            if tool.get("type") != "function":
                self.choice(("function",), tool.get("type"), (*place, "type"))
                continue
            function = as_object(tool.get("function"))
            inner = (*place, "function")
            if self._field(function, "name", inner) and not _NAME.fullmatch(function["name"]):
                self.refuse(
                    "string_pattern_mismatch",
                    (*inner, "name"),
                    f"String should match pattern '^{_NAME.pattern}$'",
                    function["name"],
                )
            if "parameters" in function and not is_object(function["parameters"]):
                self.refuse(
                    "dict_type", (*inner, "parameters"), "Input should be a valid dictionary", function["parameters"]
                )
            if function.get("description") is not None:
                self._text(function["description"], (*inner, "description"))
            self._known(tool, {"type", "function"}, place)
            self._known(function, {"name", "description", "parameters", "strict"}, inner)

    def _tool_choice(self, _rule: Rule, value: object, loc: Location) -> None:
        choice = as_object(value)
        if choice:
            if choice.get("type") != "function":
                self.choice(("function",), choice.get("type"), (*loc, "type"))
            else:
                self._field(as_object(choice.get("function")), "name", (*loc, "function"))
        elif value not in {"auto", "none", "required"} if isinstance(value, str) else True:
            self.choice(("auto", "none", "required"), value, loc)

    def _response_format(self, _rule: Rule, value: object, loc: Location) -> None:
        wanted = as_object(value)
        kinds = ("text", "json_object", "json_schema")
        if wanted.get("type") not in kinds:
            self.choice(kinds, wanted.get("type") if wanted else value, (*loc, "type") if wanted else loc)
            return
        if wanted["type"] != "json_schema":
            return
        schema = as_object(wanted.get("json_schema"))
        inner = (*loc, "json_schema")
        if not schema:
            self.refuse("missing", inner, "Field required", wanted)
            return
        if self._field(schema, "name", inner) and not _NAME.fullmatch(schema["name"]):
            self.refuse(
                "string_pattern_mismatch",
                (*inner, "name"),
                f"String should match pattern '^{_NAME.pattern}$'",
                schema["name"],
            )
        if not is_object(schema.get("schema")):
            self.refuse(
                "missing" if "schema" not in schema else "dict_type",
                (*inner, "schema"),
                "Field required",
                schema.get("schema"),
            )

    def _texts(self, _rule: Rule, value: object, loc: Location) -> None:
        """Texts, or the token-id arrays and the bare string that the documents speak of and the schema does not."""
        if isinstance(value, str) and not self.strict:
            return
        if is_list(value) and value and not self.strict and all(_is_token(item) for item in as_list(value)):
            return
        for item, place in self._items(value, loc):
            tokens = is_list(item) and bool(item) and all(_is_token(token) for token in as_list(item))
            if not isinstance(item, str) and (self.strict or not tokens):
                self._text(item, place)

    def _images(self, _rule: Rule, value: object, loc: Location) -> None:
        for item, place in self._items(value, loc):
            entry = as_object(item)
            if self._field(entry, "image", place) and not re.match(r"data:image/[\w.+-]+;base64,", entry["image"]):
                self.refuse(
                    "url_scheme",
                    (*place, "image"),
                    "Input should be a data URL such as data:image/png;base64,...",
                    entry["image"][:80],
                )
            if entry.get("text") is not None:
                self._text(entry["text"], (*place, "text"))

    def _prompt(self, _rule: Rule, value: object, loc: Location) -> None:
        if not isinstance(value, str):
            self._texts(_rule, value, loc)


def _is_token(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
