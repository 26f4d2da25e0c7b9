"""The pieces of a streamed answer, put together: the answer so far, whole or not."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from msgspec.structs import replace

from . import schema
from .pieces import Pieces, given
from .reasoning import Parted, ReasoningReader, with_unopened
from .schema.chat import AnswerMessage, Audio, ChatCompletion, Choice, is_other, text_in
from .schema.chunks import (
    ChatCompletionChunk,
    ChunkChoice,
    CompletionChunk,
    CompletionChunkChoice,
    Delta,
    ToolCallDelta,
)
from .tool_calls import ToolCalls, check_names

_HEAD = ("id", "object", "created", "model")
"""What nearly every stream says with its first chunk."""
_SPOKEN = frozenset({"data", "transcript"})
UNKNOWN = "unknown"
"""Why a choice ended, where nobody has said it."""


class _Head:
    """What stands beside the choices: the first value that says something counts; of usage and new keys, the last."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._missing = list(_HEAD)

    def add(self, chunk: ChatCompletionChunk | CompletionChunk) -> None:
        """Takes in what a chunk says of it."""
        if self._missing:  # seldom after the first chunk, so that no loop is begun for nothing
            for name in self._missing:
                if value := getattr(chunk, name):
                    self.values[name] = value
                    self._missing = [name for name in _HEAD if name not in self.values]
        if chunk.system_fingerprint:
            self.values.setdefault("system_fingerprint", chunk.system_fingerprint)
        if chunk.prompt_filter_results:
            self.values.setdefault("prompt_filter_results", chunk.prompt_filter_results)
        if chunk.usage is not None:
            self.values["usage"] = chunk.usage
        if chunk.service_tier is not None:
            self.values["service_tier"] = chunk.service_tier
        if chunk.model_extra:
            self.values.update(given(chunk.model_extra))


class _Beside:
    """What stands beside the text of a choice: filter results and log probabilities together, of new keys the last."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._logprobs = Pieces()

    def add(self, piece: ChunkChoice | CompletionChunkChoice) -> None:
        """Takes in what a piece says of it."""
        self._values.update(given(piece.model_extra))
        if filtered := piece.content_filter_results:
            self._values["content_filter_results"] = {**self._values.get("content_filter_results", {}), **filtered}
        if piece.logprobs is not None:
            self._logprobs.add({"logprobs": piece.logprobs})

    def total(self) -> dict[str, Any]:
        """What it all amounts to."""
        return {**self._values, **self._logprobs.total()}


class _ChoiceSoFar:
    """One choice of a chat answer, as far as it has come."""

    def __init__(self, reader: ReasoningReader | None) -> None:
        self._reader = reader
        self.role: str | None = None
        # UTF-8: to hold the pieces themselves, as a list or a StringIO does, takes twelve times as much for short ones.
        self.content = bytearray()
        self.reasoning = bytearray()
        self.refusal: list[str] = []
        self.tools = ToolCalls()
        self.audio: dict[str, Any] = {}
        self.spoken: dict[str, bytearray] = {}
        """What of the audio comes in pieces: the sound in base64, and its text."""
        self.others: list[tuple[int, Any]] = []
        """The parts of the content that are neither text nor reasoning, each with the length of the text before it."""
        self.kept = _Beside()
        self.unknown = Pieces()
        """What came under keys of the message that this library does not know."""
        self.finish_reason: str | None = None

    def add(self, piece: ChunkChoice) -> ChunkChoice:
        """Takes a piece in; gives back the same one, or one with its text parted and its tool calls numbered."""
        reason = piece.finish_reason
        original = delta = piece.delta
        if self._reader is not None and (delta.content or delta.reasoning_content or delta.reasoning or reason):
            delta = self._parted(delta, at_end=bool(reason))
        if delta.tool_calls:
            delta = self._placed(delta, delta.tool_calls)
        text, reasoning = delta.content, delta.reasoning_content or delta.reasoning
        if isinstance(text, list):
            self._add_others(text)
            text, reasoning = delta.text, delta.reasoning_text
        if text:
            self.content += text.encode("utf-8", "surrogatepass")
        if reasoning:
            self.reasoning += reasoning.encode("utf-8", "surrogatepass")
        if delta.refusal:
            self.refusal.append(delta.refusal)
        self.role = self.role or delta.role
        if delta.audio is not None:
            self._add_audio(delta.audio.model_dump(exclude_none=True))
        if piece.content_filter_results or piece.logprobs is not None or piece.model_extra or delta.model_extra:
            self.kept.add(piece)
            self.unknown.add(delta.model_extra)
        if reason:
            self.finish_reason = reason
        return piece if delta is original else replace(piece, delta=delta)

    def rest(self) -> Delta | None:
        """The text held back, given up at the end."""
        delta = Delta() if self._reader is None else self._parted(Delta(), at_end=True)
        text, reasoning = delta.text_and_reasoning
        if not text and not reasoning:
            return None
        self.content += text.encode("utf-8", "surrogatepass")
        self.reasoning += reasoning.encode("utf-8", "surrogatepass")
        return delta

    def _parted(self, delta: Delta, *, at_end: bool) -> Delta:
        reader = self._reader
        if reader is None:
            return delta
        if delta.reasoning_text or isinstance(delta.content, list):  # reasoning has another place here
            self._reader = None
            return _behind(reader.flush(), delta)
        parted = reader.feed(delta.content) if delta.content else Parted("", "")
        if at_end:
            held = reader.flush()
            parted = Parted(parted.reasoning + held.reasoning, parted.content + held.content)
        if at_end or reader.is_plain:
            self._reader = None
        if parted == ("", delta.content or ""):
            return delta
        return replace(delta, content=parted.content, reasoning_content=parted.reasoning or None)

    def _placed(self, delta: Delta, came: list[ToolCallDelta]) -> Delta:
        """The delta with pieces of tool calls that say of which call they are; the same object where one did."""
        if len(came) == 1:  # nearly always
            placed = self.tools.add(came[0], None)
            return delta if placed is came[0] else replace(delta, tool_calls=[placed] if placed else None)
        pieces = [self.tools.add(piece, position) for position, piece in enumerate(came)]
        return replace(delta, tool_calls=[piece for piece in pieces if piece] or None)

    def _add_others(self, parts: list[Any]) -> None:
        length = len(self.content)
        for position, part in enumerate(parts):
            if is_other(part):
                self.others.append((length + len(text_in(parts[:position]).encode("utf-8", "surrogatepass")), part))

    def _add_audio(self, audio: dict[str, Any]) -> None:
        for name in _SPOKEN & audio.keys():
            self.spoken.setdefault(name, bytearray()).extend(audio.pop(name).encode("utf-8", "surrogatepass"))
        self.audio.update(audio)

    def _audio(self) -> Audio | None:
        spoken: dict[str, Any] = {name: text.decode("utf-8", "surrogatepass") for name, text in self.spoken.items()}
        return Audio(**self.audio, **spoken) if self.audio or spoken else None

    def _content(self) -> str | list[Any] | None:
        """The text; with other parts among it, all in the order they came in."""
        if not self.others:
            return self.content.decode("utf-8", "surrogatepass") or None
        parts: list[Any] = []
        start = 0
        for end, part in [*self.others, (None, None)]:
            if text := self.content[start:end]:
                parts.append({"type": "text", "text": text.decode("utf-8", "surrogatepass")})
            if end is not None:
                parts.append(part)
                start = end
        return parts

    def result(self, index: int) -> Choice:
        message = AnswerMessage(
            role=self.role or "assistant",
            content=self._content(),
            reasoning_content=self.reasoning.decode("utf-8", "surrogatepass") or None,
            refusal="".join(self.refusal) or None,
            tool_calls=self.tools.result(),
            audio=self._audio(),
            **self.unknown.total(),
        )
        own = {"index": index, "finish_reason": self.finish_reason, "message": message}
        fields: dict[str, Any] = {**self.kept.total(), **own}
        return Choice(**fields)


def _behind(held: Parted, delta: Delta) -> Delta:
    """The delta with what was held back before it."""
    if held == ("", ""):
        return delta
    content = delta.content
    if isinstance(content, list):
        content = [{"type": "text", "text": held.content}, *content] if held.content else content
    else:
        content = held.content + (content or "")
    reasoning = held.reasoning + delta.reasoning_text
    return replace(delta, content=content, reasoning_content=reasoning or None, reasoning=None)


class _TextSoFar:
    """One choice of a text completion, as far as it has come."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.kept = _Beside()
        self.finish_reason: str | None = None

    def add(self, piece: CompletionChunkChoice) -> None:
        """Takes a piece in."""
        self.texts.append(piece.text)
        if piece.finish_reason:
            self.finish_reason = piece.finish_reason
        if piece.content_filter_results or piece.logprobs is not None or piece.model_extra:
            self.kept.add(piece)

    def result(self, index: int) -> schema.completions.CompletionChoice:
        own = {"index": index, "text": "".join(self.texts), "finish_reason": self.finish_reason}
        fields: dict[str, Any] = {**self.kept.total(), **own}
        return schema.completions.CompletionChoice(**fields)


SoFarT = TypeVar("SoFarT", bound=_ChoiceSoFar | _TextSoFar)


class _Choices(Generic[SoFarT]):
    """The choices of an answer, as far as they have come, and what stands beside them."""

    def __init__(self) -> None:
        self._head = _Head()
        self._choices: dict[int, SoFarT] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no choice has come yet."""
        return not self._choices

    @property
    def is_finished(self) -> bool:
        """Whether every choice seen has said why it ended."""
        return bool(self._choices) and all(choice.finish_reason for choice in self._choices.values())

    @property
    def _in_order(self) -> list[tuple[int, SoFarT]]:
        """The choices by their index."""
        return sorted(self._choices.items())

    @property
    def _without_reason(self) -> list[int]:
        """The choices that have not said why they ended."""
        return [index for index, choice in self._in_order if not choice.finish_reason]


class ChatAccumulator(_Choices[_ChoiceSoFar]):
    """Puts the chunks of a streamed chat answer together.

    With `split_reasoning`, text between `<think>` and `</think>` is moved to where reasoning belongs.
    """

    def __init__(self, *, split_reasoning: bool = True) -> None:
        super().__init__()
        self._split_reasoning = split_reasoning

    def add(self, chunk: ChatCompletionChunk) -> ChatCompletionChunk:
        """Takes a chunk in; gives it back as callers are to see it: reasoning parted, tool-call pieces numbered.

        Raises:
            ResponseValidationError: It ends a choice with a tool call that names no function; all else is taken in.
        """
        self._head.add(chunk)
        changed: list[ChunkChoice] | None = None
        is_end = False
        for position, choice in enumerate(chunk.choices):
            index = position if choice.index is None else choice.index
            so_far = self._choices.get(index)
            if so_far is None:
                so_far = _ChoiceSoFar(ReasoningReader() if self._split_reasoning else None)
                self._choices[index] = so_far
            seen = so_far.add(choice)
            if seen is not choice:
                changed = changed or list(chunk.choices)
                changed[position] = seen
            if choice.finish_reason:
                is_end = True
        if is_end:
            self._check_calls()
        return chunk if changed is None else replace(chunk, choices=changed)

    def _check_calls(self) -> None:
        for _, choice in self._in_order:
            if choice.finish_reason:
                check_names(choice.tools.result())

    def rest(self) -> ChatCompletionChunk | None:
        """The text held back when a stream breaks off, as one more chunk; None if there is none."""
        choices = [
            ChunkChoice(index=index, delta=delta)
            for index, choice in self._in_order
            if (delta := choice.rest()) is not None
        ]
        return ChatCompletionChunk(choices=choices) if choices else None

    def unexplained(self) -> ChatCompletionChunk | None:
        """The end of the choices that have not said why they ended, as one more chunk to add; None if all have."""
        choices = [ChunkChoice(index=index, finish_reason=UNKNOWN) for index in self._without_reason]
        return ChatCompletionChunk(id=self._head.values.get("id"), choices=choices) if choices else None

    def result(self) -> ChatCompletion | None:
        """The answer so far; None while no choice has come."""
        if not self._choices:
            return None
        choices = [choice.result(index) for index, choice in self._in_order]
        completion = ChatCompletion(choices=choices, **self._head.values)
        # A closing tag whose opening one is missing is only recognised in the whole text.
        return with_unopened(completion) if self._split_reasoning else completion


class CompletionAccumulator(_Choices[_TextSoFar]):
    """Puts the chunks of a streamed text completion together."""

    def add(self, chunk: CompletionChunk) -> CompletionChunk:
        """Takes a chunk in and gives it back."""
        self._head.add(chunk)
        for position, choice in enumerate(chunk.choices):
            index = position if choice.index is None else choice.index
            so_far = self._choices.get(index)
            if so_far is None:
                so_far = self._choices[index] = _TextSoFar()
            so_far.add(choice)
        return chunk

    def rest(self) -> CompletionChunk | None:
        """Nothing: no text of a completion is ever held back."""
        return None

    def unexplained(self) -> CompletionChunk | None:
        """The end of the choices that have not said why they ended, as one more chunk to add; None if all have."""
        choices = [CompletionChunkChoice(index=index, finish_reason=UNKNOWN) for index in self._without_reason]
        return CompletionChunk(id=self._head.values.get("id"), choices=choices) if choices else None

    def result(self) -> schema.completions.Completion | None:
        """The answer so far; None while no choice has come."""
        if not self._choices:
            return None
        choices = [choice.result(index) for index, choice in self._in_order]
        return schema.completions.Completion(choices=choices, **self._head.values)
