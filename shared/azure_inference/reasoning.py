"""The reasoning that a model writes between `<think>` and `</think>`, taken out of its text."""

from typing import NamedTuple

from .schema.chat import ChatCompletion, Choice

_OPEN = "<think>"
_CLOSE = "</think>"


class Parted(NamedTuple):
    """A text in two: what was thought, and what was said after it (without the line breaks between the two)."""

    reasoning: str
    content: str


def part(text: str) -> Parted:
    """A whole text parted: thought comes first, its opening tag may be missing, and its end may never have come."""
    opening = text.lstrip()
    if not opening.startswith(_OPEN) and _CLOSE not in text:
        return Parted("", text)
    reasoning, _, content = opening.removeprefix(_OPEN).partition(_CLOSE)
    return Parted(reasoning, content.lstrip("\n"))


def with_reasoning(completion: ChatCompletion) -> ChatCompletion:
    """The answer with thought moved from `content` to `reasoning_content`; the same object where there is none."""
    choices = [_parted(choice) for choice in completion.choices]
    return completion if choices == completion.choices else completion.model_copy(update={"choices": choices})


def _parted(choice: Choice) -> Choice:
    message = choice.message
    if not isinstance(message.content, str) or "think>" not in message.content or message.reasoning_text:
        return choice
    reasoning, content = part(message.content)
    if not reasoning:
        return choice
    update = {"content": content, "reasoning_content": reasoning}
    return choice.model_copy(update={"message": message.model_copy(update=update)})


class ThoughtReader:
    """Parts a text that comes in pieces, cut anywhere; what might yet become a tag is held back until it is known.

    `is_plain` says that all that follows is said, so that the reader is needed no more. A closing tag without an
    opening one cannot be foreseen: in a stream, the text before it has gone out as said.
    """

    def __init__(self) -> None:
        self._held = ""
        self._read = self._open
        self.is_plain = False

    def feed(self, piece: str) -> Parted:
        """What is now known to be thought or said, and was not given before."""
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
        thought, closed, said = text.partition(_CLOSE)
        if closed:
            self._read = self._say
            return Parted(thought, self._say(said).content)
        kept = next((n for n in range(min(len(_CLOSE) - 1, len(text)), 0, -1) if _CLOSE.startswith(text[-n:])), 0)
        self._held = text[len(text) - kept :]
        return Parted(text[: len(text) - kept], "")

    def _say(self, text: str) -> Parted:
        said = text.lstrip("\n")
        self.is_plain = bool(said)
        return Parted("", said)
