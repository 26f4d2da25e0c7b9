"""The pieces of a streamed answer, put together: the answer so far, whole or not."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from .reasoning import Parted, ThoughtReader, with_unopened
from .schema._json import is_array, is_object
from .schema.chat import AnswerMessage, Audio, ChatCompletion, Choice, is_other, text_in
from .schema.chunks import (
    ChatCompletionChunk,
    ChunkChoice,
    CompletionChunk,
    CompletionChunkChoice,
    Delta,
    ToolCallDelta,
)
from .schema.completions import Completion, CompletionChoice
from .schema.tools import FunctionCall, ToolCall, new_call_id

_HEAD = ("id", "object", "created", "model", "system_fingerprint", "prompt_filter_results")


UNKNOWN = "unknown"
"""Why a choice ended, where nobody has said it."""


class _Head:
    """What stands beside the choices: the first value that says something counts; of usage and new keys, the last."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._missing = list(_HEAD)

    def add(self, chunk: ChatCompletionChunk | CompletionChunk) -> None:
        """Takes in what a chunk says of it."""
        for name in self._missing:
            if value := getattr(chunk, name):
                self.values[name] = value
                self._missing = [name for name in _HEAD if name not in self.values]
        if chunk.usage is not None:
            self.values["usage"] = chunk.usage
        if chunk.service_tier is not None:
            self.values["service_tier"] = chunk.service_tier
        if chunk.model_extra:
            self.values.update(_given(chunk.model_extra))


class _ToolCalls:
    """The tool calls of one choice, merged by index; a piece without one is placed by its id, else by its order."""

    def __init__(self) -> None:
        self._calls: dict[int, list[str]] = {}
        self._named_here: set[int] = set()
        """The calls that have an id of our own."""
        self._last = -1

    def place(self, piece: ToolCallDelta, position: int | None) -> int:
        """The index of the call that a piece without one belongs to; of several at once, this one has a `position`."""
        known = next((i for i, (id_, _, _) in self._calls.items() if piece.id and id_ == piece.id), None)
        if known is not None:
            return known
        if piece.id or piece.function.name or not self._calls:
            return max(self._calls, default=-1) + 1
        return self._last if position is None or position >= len(self._calls) else sorted(self._calls)[position]

    def add(self, index: int, piece: ToolCallDelta) -> ToolCallDelta:
        """Takes a piece in; gives back the same one, or, of a call that began without an id, one by our own."""
        id_, function = piece.id, piece.function
        call = self._calls.get(index)
        if call is None:
            if not id_:
                piece = replace(piece, id=new_call_id())
                self._named_here.add(index)
            call = self._calls[index] = [piece.id or "", "", ""]
        elif id_ and index in self._named_here:
            piece = replace(piece, id=None)  # too late: the call has been told by ours
        if function.name and not call[1]:
            call[1] = function.name
        if function.arguments:
            call[2] += function.arguments
        self._last = index
        return piece

    def result(self) -> list[ToolCall]:
        return [
            ToolCall(id=id_, type="function", function=FunctionCall(name=name, arguments=arguments))
            for _, (id_, name, arguments) in sorted(self._calls.items())
        ]


class _ChoiceSoFar:
    """One choice of a chat answer, as far as it has come."""

    def __init__(self, thought: ThoughtReader | None) -> None:
        self._thought = thought
        self.role: str | None = None
        # UTF-8: to hold the pieces themselves, as a list or a StringIO does, takes twelve times as much for short ones.
        self.content = bytearray()
        self.reasoning = bytearray()
        self.refusal: list[str] = []
        self.tools: _ToolCalls | None = None
        self.audio: dict[str, Any] = {}
        self.others: list[tuple[int, Any]] = []
        """The parts of the content that are neither text nor thought, each with the length of the text before it."""
        self.kept: dict[str, Any] = {}
        self.unknown: dict[str, list[Any]] = {}
        """What came under keys of the message that this library does not know."""
        self.finish_reason: str | None = None

    def add(self, piece: ChunkChoice) -> ChunkChoice:
        """Takes a piece in; gives back the same one, or one with its text parted and its tool calls numbered."""
        reason = piece.finish_reason
        came = delta = piece.delta
        if self._thought is not None:
            delta = self._parted(delta, at_end=reason is not None)
        if delta.tool_calls:
            delta = self._placed(delta, delta.tool_calls)
        text, thought = delta.content, delta.reasoning_content or delta.reasoning
        if isinstance(text, list):
            self._add_others(text)
            text, thought = delta.text, delta.reasoning_text
        if text:
            self.content += text.encode("utf-8", "surrogatepass")
        if thought:
            self.reasoning += thought.encode("utf-8", "surrogatepass")
        if delta.refusal:
            self.refusal.append(delta.refusal)
        self.role = self.role or delta.role
        if delta.audio is not None:
            self._add_audio(delta.audio.model_dump(exclude_none=True))
        if reason:
            self.finish_reason = reason
        if piece.content_filter_results or piece.logprobs is not None or piece.model_extra or delta.model_extra:
            self._keep(piece)
        return piece if delta is came else replace(piece, delta=delta)

    def rest(self) -> Delta | None:
        """The text held back, given up at the end."""
        delta = Delta() if self._thought is None else self._parted(Delta(), at_end=True)
        if not delta.text and not delta.reasoning_text:
            return None
        self.content += delta.text.encode("utf-8", "surrogatepass")
        self.reasoning += delta.reasoning_text.encode("utf-8", "surrogatepass")
        return delta

    def _parted(self, delta: Delta, *, at_end: bool) -> Delta:
        reader = self._thought
        if reader is None or delta.reasoning_text or isinstance(delta.content, list):
            self._thought = None
            return delta
        if not delta.content and not at_end:
            return delta
        parted = reader.feed(delta.content) if delta.content else Parted("", "")
        if at_end:
            held = reader.flush()
            parted = Parted(parted.reasoning + held.reasoning, parted.content + held.content)
        if at_end or reader.is_plain:
            self._thought = None
        if parted == ("", delta.content or ""):
            return delta
        return replace(delta, content=parted.content, reasoning_content=parted.reasoning or None)

    def _placed(self, delta: Delta, came: list[ToolCallDelta]) -> Delta:
        """The delta with an index on each piece of a tool call that came, and an id on the first of each call.

        It is the same object where all had them.
        """
        tools = self.tools = self.tools or _ToolCalls()
        changed: list[ToolCallDelta] | None = None
        several = len(came) > 1
        for position, piece in enumerate(came):
            index, seen = piece.index, piece
            if index is None:
                index = tools.place(piece, position if several else None)
                seen = replace(piece, index=index)
            seen = tools.add(index, seen)
            if seen is not piece:
                changed = changed or list(came)
                changed[position] = seen
        return delta if changed is None else replace(delta, tool_calls=changed)

    def _add_others(self, parts: list[Any]) -> None:
        length = len(self.content)
        for position, part in enumerate(parts):
            if is_other(part):
                self.others.append((length + len(text_in(parts[:position]).encode("utf-8", "surrogatepass")), part))

    def _add_audio(self, audio: dict[str, Any]) -> None:
        for name, value in audio.items():
            is_text = name in ("data", "transcript") and name in self.audio
            self.audio[name] = self.audio[name] + value if is_text else value

    def _keep(self, piece: ChunkChoice) -> None:
        self.kept.update(_given(piece.model_extra))
        for name, value in _given(piece.delta.model_extra).items():
            self.unknown.setdefault(name, []).append(value)
        if filtered := piece.content_filter_results:
            self.kept["content_filter_results"] = {**self.kept.get("content_filter_results", {}), **filtered}
        if piece.logprobs is not None:
            self._add_logprobs(piece.logprobs)

    def _add_logprobs(self, logprobs: Any) -> None:
        known = self.kept.get("logprobs")
        if not is_object(known) or not is_object(logprobs):
            self.kept["logprobs"] = {**logprobs} if is_object(logprobs) else logprobs
            return
        for name, value in logprobs.items():
            before = known.get(name)
            if is_array(before) and is_array(value):
                known[name] = [*before, *value]
            elif value is not None:
                known[name] = value

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
            tool_calls=self.tools.result() if self.tools else [],
            audio=Audio(**self.audio) if self.audio else None,
            **{name: _sum(values) for name, values in self.unknown.items()},
        )
        own = {"index": index, "finish_reason": self.finish_reason, "message": message}
        fields: dict[str, Any] = {**self.kept, **own}
        return Choice(**fields)


def _given(unknown: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in unknown.items() if value is not None} if unknown else {}


def _sum(values: list[Any]) -> Any:
    """The values that came under one key: texts, lists and objects added up; of any others, the last."""
    if all(isinstance(value, str) for value in values):
        return "".join(values)
    if all(map(is_array, values)):
        return [item for value in values for item in value]
    if all(map(is_object, values)):
        return {name: item for value in values for name, item in value.items()}
    return values[-1]


class ChatAccumulator:
    """Puts the chunks of a streamed chat answer together.

    With `split_reasoning`, text between `<think>` and `</think>` is moved to where reasoning belongs.
    """

    def __init__(self, *, split_reasoning: bool = True) -> None:
        self._head = _Head()
        self._choices: dict[int, _ChoiceSoFar] = {}
        self._split_reasoning = split_reasoning

    def add(self, chunk: ChatCompletionChunk) -> ChatCompletionChunk:
        """Takes a chunk in; gives it back as callers are to see it: thought parted, tool-call pieces numbered."""
        self._head.add(chunk)
        changed: list[ChunkChoice] | None = None
        for position, choice in enumerate(chunk.choices):
            index = choice.index
            if index is None:
                index = position
            so_far = self._choices.get(index)
            if so_far is None:
                so_far = _ChoiceSoFar(ThoughtReader() if self._split_reasoning else None)
                self._choices[index] = so_far
            seen = so_far.add(choice)
            if seen is not choice:
                changed = changed or list(chunk.choices)
                changed[position] = seen
        return chunk if changed is None else replace(chunk, choices=changed)

    def rest(self) -> ChatCompletionChunk | None:
        """The text held back when a stream breaks off, as one more chunk; None if there is none."""
        choices = [
            ChunkChoice(index=index, delta=delta)
            for index, choice in sorted(self._choices.items())
            if (delta := choice.rest()) is not None
        ]
        return ChatCompletionChunk(choices=choices) if choices else None

    def unexplained(self) -> ChatCompletionChunk | None:
        """The end of the choices that have not said why they ended, as one more chunk to add; None if all have."""
        left = sorted(index for index, choice in self._choices.items() if not choice.finish_reason)
        choices = [ChunkChoice(index=index, finish_reason=UNKNOWN) for index in left]
        return ChatCompletionChunk(id=self._head.values.get("id"), choices=choices) if choices else None

    @property
    def is_empty(self) -> bool:
        """Whether no choice has come yet."""
        return not self._choices

    @property
    def is_finished(self) -> bool:
        """Whether every choice seen has said why it ended."""
        return bool(self._choices) and all(choice.finish_reason for choice in self._choices.values())

    def result(self) -> ChatCompletion | None:
        """The answer so far; None while no choice has come."""
        if not self._choices:
            return None
        choices = [choice.result(index) for index, choice in sorted(self._choices.items())]
        completion = ChatCompletion(choices=choices, **self._head.values)
        # A closing tag whose opening one is missing is only recognised in the whole text.
        return with_unopened(completion) if self._split_reasoning else completion


class CompletionAccumulator:
    """Puts the chunks of a streamed text completion together."""

    def __init__(self) -> None:
        self._head = _Head()
        self._texts: dict[int, list[str]] = {}
        self._reasons: dict[int, str | None] = {}

    def add(self, chunk: CompletionChunk) -> CompletionChunk:
        """Takes a chunk in and gives it back."""
        self._head.add(chunk)
        for position, choice in enumerate(chunk.choices):
            index = position if choice.index is None else choice.index
            self._texts.setdefault(index, []).append(choice.text)
            self._reasons[index] = choice.finish_reason or self._reasons.get(index)
        return chunk

    def rest(self) -> CompletionChunk | None:
        """Nothing: no text of a completion is ever held back."""
        return None

    def unexplained(self) -> CompletionChunk | None:
        """The end of the choices that have not said why they ended, as one more chunk to add; None if all have."""
        left = sorted(index for index, reason in self._reasons.items() if not reason)
        choices = [CompletionChunkChoice(index=index, finish_reason=UNKNOWN) for index in left]
        return CompletionChunk(id=self._head.values.get("id"), choices=choices) if choices else None

    @property
    def is_empty(self) -> bool:
        """Whether no choice has come yet."""
        return not self._texts

    @property
    def is_finished(self) -> bool:
        """Whether every choice seen has said why it ended."""
        return bool(self._texts) and all(self._reasons.values())

    def result(self) -> Completion | None:
        """The answer so far; None while no choice has come."""
        if not self._texts:
            return None
        choices = [
            CompletionChoice(index=index, text="".join(texts), finish_reason=self._reasons[index])
            for index, texts in sorted(self._texts.items())
        ]
        return Completion(choices=choices, **self._head.values)
