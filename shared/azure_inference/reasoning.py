"""The reasoning that a model writes between `<think>` and `</think>`, taken out of its text."""

import re
from collections.abc import Callable
from typing import NamedTuple

from .profiles import model_profile
from .schema.chat import ChatCompletion, Choice

_OPEN = "<think>"
_CLOSE = "</think>"
UNOPENED = r"</think>[^\S\n]*\n(?=\s*\S)"
"""A closing tag that ends its line, with something said after it. No JSON has it: its texts have no line breaks."""


class Parted(NamedTuple):
    """A text in two: the reasoning, and what was said after it (without the line breaks between the two)."""

    reasoning: str
    content: str


def with_reasoning(completion: ChatCompletion) -> ChatCompletion:
    """The answer with reasoning moved from `content` to `reasoning_content`; the same object where there is none.

    Reasoning comes first. Its end may never have come, and its opening tag may be missing: see `with_unopened`.
    """
    return _each(completion, _parted)


def with_unopened(completion: ChatCompletion) -> ChatCompletion:
    """The answer with reasoning moved to its place of which only the end is marked; else the same object.

    The templates of some models have written the opening tag already. An answer may speak of tags as well, so that a
    closing one counts only at the end of a line, before more text, where no opening one stands before it, and not of
    a model that is known to show no reasoning.
    """
    return _each(completion, _unopened)


def may_hide_reasoning(text: str) -> bool:
    """Whether a whole text may begin with reasoning of which only the end is marked; see `with_unopened`."""
    return _CLOSE in text


def _each(completion: ChatCompletion, part: Callable[[Choice, str | None], Choice]) -> ChatCompletion:
    choices = [part(choice, completion.model) for choice in completion.choices]
    return completion if choices == completion.choices else completion.model_copy(update={"choices": choices})


def _parted(choice: Choice, model: str | None) -> Choice:
    message = choice.message
    if not isinstance(message.content, str) or "think>" not in message.content or message.reasoning_text:
        return choice
    opening = message.content.lstrip()
    if opening.startswith(_OPEN):
        reasoning, _, content = opening.removeprefix(_OPEN).partition(_CLOSE)
        choice = _with(choice, reasoning, content)
    return _unopened(choice, model)


def _unopened(choice: Choice, model: str | None) -> Choice:
    message = choice.message
    if not isinstance(message.content, str) or not may_hide_reasoning(message.content) or message.reasoning_text:
        return choice
    end = re.search(UNOPENED, message.content)
    if end is None or _OPEN in message.content[: end.start()] or model_profile(model).reasoning is False:
        return choice
    return _with(choice, message.content[: end.start()], message.content[end.end() :])


def _with(choice: Choice, reasoning: str, content: str) -> Choice:
    update = {"content": content.lstrip("\n"), "reasoning_content": reasoning or None}
    return choice.model_copy(update={"message": choice.message.model_copy(update=update)})


class ReasoningReader:
    """Parts a text that comes in pieces, cut anywhere; what might yet become a tag is held back until it is known.

    `is_plain` says that all that follows is said, so that the reader is needed no more. A closing tag without an
    opening one cannot be foreseen: in a stream, the text before it has gone out as said, and only the answer put
    together (see `with_unopened`) has it as reasoning.
    """

    def __init__(self) -> None:
        self._held = ""
        self._read = self._open
        self.is_plain = False

    def feed(self, piece: str) -> Parted:
        """What is now known to be reasoning or text, and was not given before."""
        text, self._held = self._held + piece, ""
        return self._read(text)

    def flush(self) -> Parted:
        """What was held back, now that no more comes."""
        held, self._held = self._held, ""
        return Parted(held, "") if self._read == self._think else Parted("", held)

    def _open(self, text: str) -> Parted:
        opening = text.lstrip()
        if _OPEN.startswith(opening):
            self._held = text
            return Parted("", "")
        if not opening.startswith(_OPEN):
            self.is_plain = True
            return Parted("", text)
        self._read = self._think
        return self._think(opening.removeprefix(_OPEN))

    def _think(self, text: str) -> Parted:
        reasoning, closed, said = text.partition(_CLOSE)
        if closed:
            self._read = self._say
            return Parted(reasoning, self._say(said).content)
        kept = next((n for n in range(min(len(_CLOSE) - 1, len(text)), 0, -1) if _CLOSE.startswith(text[-n:])), 0)
        self._held = text[len(text) - kept :]
        return Parted(text[: len(text) - kept], "")

    def _say(self, text: str) -> Parted:
        said = text.lstrip("\n")
        self.is_plain = bool(said)
        return Parted("", said)
