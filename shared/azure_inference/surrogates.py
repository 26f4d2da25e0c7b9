"""Characters that a server cut in half: the two surrogates of one character, sent in two events, joined again."""

from __future__ import annotations

from typing import Any

from .schema._json import is_array, is_object, read_json

_Path = tuple[str | int, ...]


class SurrogateJoiner:
    """Holds the first half of a character back until the event with the second half comes.

    Such events are no valid Unicode and no strict parser takes them, so they are read here, the rare case, only; whole
    answers, too, which a token limit has cut in the middle of a character. Half a character at the end of a text says
    nothing and is left out, and elsewhere U+FFFD stands for it.
    """

    def __init__(self) -> None:
        self._held: dict[_Path, str] = {}

    def read(self, data: bytes) -> Any:
        """The JSON value of an event or an answer, its texts made whole; raises ValueError if it is no JSON."""
        return self._walk(read_json(data), ())

    def _walk(self, value: Any, path: _Path) -> Any:
        if is_object(value):
            return {key: self._walk(item, (*path, key)) for key, item in value.items()}
        if is_array(value):
            return [self._walk(item, (*path, position)) for position, item in enumerate(value)]
        return self._join(value, path) if isinstance(value, str) else value

    def _join(self, text: str, path: _Path) -> str:
        text = self._held.pop(path, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._held[path] = text[-1]
            text = text[:-1]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
