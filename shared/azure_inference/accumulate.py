"""The pieces of a streamed answer, put together: the answer so far, whole or not.

What is read of every chunk is taken from `__dict__`: pydantic's own look-up of an attribute takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .reasoning import Parted, ThoughtReader, with_reasoning
from .schema._json import is_array, is_object
from .schema.chat import (
    AnswerMessage,
    Audio,
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChunkChoice,
    Delta,
)
from .schema.completions import Completion, CompletionChoice, CompletionChunk
from .schema.tools import FunctionCall, ToolCall, ToolCallDelta

_HEAD = ("id", "object", "created", "model", "system_fingerprint", "prompt_filter_results")


UNKNOWN = "unknown"
"""Why a choice ended, where nobody has said it."""


class _Head:
    """What stands beside the choices: the first value that says something counts; of usage, the last."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._missing = list(_HEAD)

    def add(self, fields: Mapping[str, Any]) -> None:
        """Takes in the fields of a chunk."""
        for name in self._missing:
            if fields.get(name):
                self.values[name] = fields[name]
                self._missing = [name for name in _HEAD if name not in self.values]
        if fields["usage"] is not None:
            self.values["usage"] = fields["usage"]


class _ToolCalls:
    """The tool calls of one choice, merged by index; a piece without one is placed by its id, else by its order."""

    def __init__(self) -> None:
        self._calls: dict[int, list[str]] = {}
        self._last = -1

    def place(self, piece: ToolCallDelta, position: int | None) -> int:
        """The index of the call that a piece without one belongs to; of several at once, this one has a `position`."""
        known = next((i for i, (id_, _, _) in self._calls.items() if piece.id and id_ == piece.id), None)
        if known is not None:
            return known
        if piece.id or piece.function.name or not self._calls:
            return max(self._calls, default=-1) + 1
        return self._last if position is None or position >= len(self._calls) else sorted(self._calls)[position]

    def add(self, index: int, piece: ToolCallDelta) -> None:
        call = self._calls.setdefault(index, ["", "", ""])
        call[0] = call[0] or piece.id
        function = piece.function
        call[1] = call[1] or function.name
        call[2] += function.arguments
        self._last = index

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
        self.content: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.tools: _ToolCalls | None = None
        self.audio: dict[str, Any] = {}
        self.kept: dict[str, Any] = {}
        self.finish_reason: str | None = None

    def add(self, piece: ChunkChoice) -> ChunkChoice:
        """Takes a piece in; gives back the same one, or one with its text parted and its tool calls numbered."""
        fields = piece.__dict__
        reason: str | None = fields["finish_reason"]
        came = delta = fields["delta"]
        if self._thought is not None:
            delta = self._parted(delta, at_end=reason is not None)
        said = delta.__dict__
        if said["tool_calls"]:
            delta = self._placed(delta)
        content, thought = said["content"], said["reasoning_content"] or said["reasoning"]
        if isinstance(content, list):
            content, thought = delta.text, delta.reasoning_text
        if content:
            self.content.append(content)
        if thought:
            self.reasoning.append(thought)
        if said["refusal"]:
            self.refusal.append(said["refusal"])
        self.role = self.role or said["role"]
        if said["audio"] is not None:
            self._add_audio(said["audio"].model_dump(exclude_none=True))
        if reason:
            self.finish_reason = reason
        if fields["content_filter_results"] or fields["logprobs"] is not None:
            self._keep(fields["content_filter_results"], fields["logprobs"])
        return piece if delta is came else piece.model_copy(update={"delta": delta})

    def rest(self) -> Delta | None:
        """The text held back, given up at the end."""
        delta = Delta() if self._thought is None else self._parted(Delta(), at_end=True)
        if not delta.text and not delta.reasoning_text:
            return None
        self.content.append(delta.text)
        self.reasoning.append(delta.reasoning_text)
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
        return delta.model_copy(update={"content": parted.content, "reasoning_content": parted.reasoning or None})

    def _placed(self, delta: Delta) -> Delta:
        """The delta with an index on each piece of a tool call; the same object where all had one."""
        tools = self.tools = self.tools or _ToolCalls()
        came: list[ToolCallDelta] = delta.tool_calls
        changed: list[ToolCallDelta] | None = None
        several = len(came) > 1
        for position, piece in enumerate(came):
            index = piece.index
            if index is None:
                index = tools.place(piece, position if several else None)
                changed = changed or list(came)
                changed[position] = piece.model_copy(update={"index": index})
            tools.add(index, piece)
        return delta if changed is None else delta.model_copy(update={"tool_calls": changed})

    def _add_audio(self, audio: dict[str, Any]) -> None:
        for name, value in audio.items():
            is_text = name in ("data", "transcript") and name in self.audio
            self.audio[name] = self.audio[name] + value if is_text else value

    def _keep(self, filtered: dict[str, Any] | None, logprobs: Any) -> None:
        if filtered:
            self.kept["content_filter_results"] = {**self.kept.get("content_filter_results", {}), **filtered}
        if logprobs is not None:
            self._add_logprobs(logprobs)

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

    def result(self, index: int) -> Choice:
        message = AnswerMessage(
            role=self.role or "assistant",
            content="".join(self.content) if self.content else None,
            reasoning_content="".join(self.reasoning) or None,
            refusal="".join(self.refusal) or None,
            tool_calls=self.tools.result() if self.tools else [],
            audio=Audio(**self.audio) if self.audio else None,
        )
        return Choice(index=index, finish_reason=self.finish_reason, message=message, **self.kept)


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
        fields = chunk.__dict__
        self._head.add(fields)
        changed: list[ChunkChoice] | None = None
        for position, choice in enumerate(fields["choices"]):
            index = choice.index
            if index is None:
                index = position
            so_far = self._choices.get(index)
            if so_far is None:
                so_far = _ChoiceSoFar(ThoughtReader() if self._split_reasoning else None)
                self._choices[index] = so_far
            seen = so_far.add(choice)
            if seen is not choice:
                changed = changed or list(fields["choices"])
                changed[position] = seen
        return chunk if changed is None else chunk.model_copy(update={"choices": changed})

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
        return with_reasoning(completion) if self._split_reasoning else completion


class CompletionAccumulator:
    """Puts the chunks of a streamed text completion together."""

    def __init__(self) -> None:
        self._head = _Head()
        self._texts: dict[int, list[str]] = {}
        self._reasons: dict[int, str | None] = {}

    def add(self, chunk: CompletionChunk) -> CompletionChunk:
        """Takes a chunk in and gives it back."""
        self._head.add(chunk.__dict__)
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
        choices = [CompletionChoice(index=index, finish_reason=UNKNOWN) for index in left]
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
