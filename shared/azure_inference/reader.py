"""The pieces of a streamed body, turned into chunks; no I/O."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from msgspec.structs import replace

from .errors import APIConnectionError, APITimeoutError, InferenceError, ResponseValidationError, StreamInterruptedError
from .protocol import EXCERPT, Call, raise_if_failure, seen
from .schema._base import AnswerModel
from .schema._json import is_array, read_json
from .schema.chunks import SHALLOW, ChatCompletionChunk, CompletionChunk
from .sse import Decoder, NamedEvent
from .surrogates import SurrogateJoiner

ChunkT = TypeVar("ChunkT", bound=ChatCompletionChunk | CompletionChunk)
WholeT = TypeVar("WholeT", bound=AnswerModel)
WholeT_co = TypeVar("WholeT_co", bound=AnswerModel, covariant=True)
_LOGGER = logging.getLogger("azure_inference")
_DONE = b"[DONE]"
_FIELD = rb"(?:\xef\xbb\xbf)?(?:data|event|id|retry)?(?:[:\r\n]|\Z)"
"""How the lines of an event stream begin, or nothing."""


class Accumulator(Protocol[ChunkT, WholeT_co]):
    """Puts chunks together: `ChatAccumulator` or `CompletionAccumulator`."""

    def add(self, chunk: ChunkT) -> ChunkT:
        """Takes a chunk in and gives back what the caller is to see of it."""
        ...

    @property
    def is_empty(self) -> bool:
        """Whether no choice has come yet."""
        ...

    @property
    def is_finished(self) -> bool:
        """Whether every choice seen has said why it ended."""
        ...

    def rest(self) -> ChunkT | None:
        """The text held back when a stream breaks off, as one more chunk."""
        ...

    def unexplained(self) -> ChunkT | None:
        """The end of the choices that have not said why they ended, as one more chunk to add."""
        ...

    def result(self) -> WholeT_co | None:
        """The answer so far."""
        ...


class StreamReader(Generic[ChunkT, WholeT]):
    """The pieces of a body, turned into chunks; no I/O.

    What was complete before an error is given before the error is raised, so that the way a network cuts a stream
    changes nothing of what a caller sees.
    """

    def __init__(
        self,
        call: Call[ChunkT],
        accumulator: Accumulator[ChunkT, WholeT],
        *,
        headers: Mapping[str, str] | None = None,
        attempts: int = 1,
    ) -> None:
        """`headers` (by lower-case names) came before the body, at so many `attempts`: errors tell of both.

        `ready` are the chunks that nobody has taken yet; `is_done`: none will be added.
        """
        self.ready: deque[ChunkT] = deque()
        self.is_done = False
        self._call = call
        self._read_fast: Callable[[bytes], Any] = call.endpoint.answer.fast_reader()
        self._headers = headers or {}
        self._attempts = attempts
        self._accumulator = accumulator
        self._decoder = Decoder()
        self._whole_body: bytearray | None = None
        self._begin = b""
        """How the body begins: its first line, or so much of it as errors show."""
        self._is_event_stream = False
        self._halves = SurrogateJoiner()
        self._error: InferenceError | None = None

    def feed(self, piece: bytes) -> None:
        """Takes in the next piece of the body."""
        if not self._is_event_stream and self._is_kept(piece):
            return
        try:
            self._read(self._decoder.feed(piece))
        except InferenceError as error:
            self._fail(error)

    def end(self) -> None:
        """Says that the body has ended."""
        try:
            self._read(self._last_events() if self._whole_body is None else self._from_whole())
        except InferenceError as error:
            self._fail(error)
        if not self.is_done and not self._accumulator.is_finished:
            self._fail(self._unfinished())
        self.is_done = True

    def fail(self, error: InferenceError) -> None:
        """Says that the connection broke or stalled; no matter, once the answer is complete."""
        if not self._accumulator.is_finished:
            if isinstance(error, APITimeoutError) or not isinstance(error, APIConnectionError):
                self._fail(error)
            else:
                interrupted = StreamInterruptedError(f"the stream broke off: {error.message}")
                interrupted.__cause__ = error
                self._fail(interrupted)
        self.is_done = True

    def next(self) -> ChunkT | None:
        """The next chunk that is ready, or None; raises the error that came after the last."""
        if self.ready:
            return self.ready.popleft()
        if self._error is not None:
            raise self._error
        return None

    def take(self) -> list[ChunkT]:
        """All chunks that are ready; none at the end, unless an error came after the last, which is raised."""
        if not self.ready and self._error is not None:
            raise self._error
        chunks = list(self.ready)
        self.ready.clear()
        return chunks

    def stop(self) -> None:
        """Says that nobody wants more; what was ready is lost."""
        self.ready.clear()
        self.is_done = True

    @property
    def has_news(self) -> bool:
        """Whether there is a chunk, an error, or the end."""
        return bool(self.ready) or self.is_done

    def raise_if_only_error(self) -> None:
        """Raises the error that came in place of a first chunk; a broken connection as itself, to be tried again."""
        if not self.ready and self._error is not None:
            cause = self._error.__cause__
            raise cause if isinstance(cause, APIConnectionError) else self._error

    def result(self) -> WholeT | None:
        """The answer so far."""
        return self._accumulator.result()

    def _is_kept(self, piece: bytes) -> bool:
        """Whether a piece is of a plain body, with which some servers answer a stream request; if so, it is kept."""
        if self._whole_body is None:
            self._begin = begin = (self._begin + piece[:EXCERPT]).lstrip()
            if not begin.startswith((b"{", b"[", b"<")):  # no event stream begins like this
                self._is_event_stream = b"\n" in begin or len(begin) >= EXCERPT
                return False
            self._whole_body = bytearray()
        self._whole_body += piece
        if len(self._whole_body) > self._call.endpoint.answer_limit:
            self._whole_body = None
            self._fail(ResponseValidationError("a stream was requested, but an endless body came"))
        return True

    def _read(self, events: Iterable[bytes | NamedEvent]) -> None:
        for event in events:
            if self.is_done:
                return
            data = event if isinstance(event, bytes) else self._unless_error(event)
            read = self._read_fast if len(data) <= SHALLOW else self._read_patiently
            try:
                chunk = read(data)
            except (ValueError, RecursionError):
                if data.strip() == _DONE:
                    self._done()
                    return
                chunk = self._read_patiently(data)
            if len(chunk.choices) != 1 or chunk.model_extra:
                self._take_odd(chunk, data)
            else:
                self.ready.append(self._accumulator.add(chunk))

    def _take_odd(self, chunk: ChunkT, data: bytes) -> None:
        """Takes in a chunk that may be an error, or hold several pieces of one choice."""
        if not chunk.choices or (chunk.model_extra and "error" in chunk.model_extra):
            raise_if_failure(self._call, self._headers, data)
        self.ready.extend(map(self._accumulator.add, _apart(chunk)))

    def _unfinished(self) -> InferenceError:
        """The error for a body that ended too early, or that was no event stream at all."""
        if self._accumulator.is_empty and not re.match(_FIELD, self._begin):
            return _no_stream(self._begin)
        return StreamInterruptedError("the stream ended before the model said that it was done")

    def _done(self) -> None:
        self.is_done = True
        if self._accumulator.is_empty:
            raise StreamInterruptedError("the stream was done before it said anything")
        self._end_unexplained()

    def _read_patiently(self, data: bytes) -> Any:
        """The chunk of an event that holds more than the API's fields, or is written in another way."""
        kind = self._call.endpoint.answer
        try:
            chunk = kind.from_json(data)
        except ValueError:
            raise_if_failure(self._call, self._headers, data)
            chunk = self._mended(data)
        is_first = self._accumulator.is_empty
        if any(choice.is_of_other_kind(is_first=is_first) for choice in chunk.choices):
            raise _no_chunk(data)
        return chunk

    def _mended(self, data: bytes) -> Any:
        """The chunk of an event that is no valid JSON as it came."""
        try:
            return self._call.endpoint.answer.from_value(self._halves.read(data))
        except (ValueError, RecursionError):
            raise _no_chunk(data) from None

    def _unless_error(self, event: NamedEvent) -> bytes:
        """The data of an event whose name does not say that it is an error."""
        data = event.data
        if event.name == "error" and data.strip() != _DONE:
            body = data if data.lstrip().startswith(b"{") else json.dumps(data.decode("utf-8", "replace")).encode()
            raise_if_failure(self._call, self._headers, b'{"error":' + body + b"}")
        return data

    def _last_events(self) -> list[bytes | NamedEvent]:
        """What comes after the last blank line, without half an event: that is the place where the stream was cut."""
        return [event for event in self._decoder.flush() if _is_whole(event)]

    def _from_whole(self) -> list[bytes]:
        """A whole answer as the one event of a stream; anything else is an error."""
        body = bytes(self._whole_body or b"")
        self._whole_body = None
        raise_if_failure(self._call, self._headers, body)
        try:
            value = read_json(body)
            value["choices"] = [_as_piece(choice) for choice in _listed(value["choices"])]
        except (ValueError, LookupError, TypeError):
            raise _no_stream(body) from None
        return [json.dumps(value).encode()]

    def _end_unexplained(self) -> None:
        """A server that says that it is done is believed, but callers are not told a reason that it did not give."""
        if (end := self._accumulator.unexplained()) is not None:
            _LOGGER.warning(
                "%r: the stream was done without a finish_reason; it is reported as 'unknown'",
                self._call,
            )
            self.ready.append(self._accumulator.add(end))

    def _fail(self, error: InferenceError) -> None:
        if self._error is None:
            if (rest := self._accumulator.rest()) is not None:
                self.ready.append(rest)
            error.partial = self._accumulator.result()
            error.belongs_to(self._call, attempts=self._attempts, answer_headers=self._headers)
            self._error = error
        self.is_done = True


def _apart(chunk: ChunkT) -> list[ChunkT]:
    """The chunk, as several where it has several pieces of one choice: whoever follows a choice looks for one.

    What stands beside the choices comes with the last.
    """
    places: Counter[int] = Counter()
    rows: defaultdict[int, list[Any]] = defaultdict(list)
    choices: list[Any] = [*chunk.choices]
    for position, choice in enumerate(choices):
        index = position if choice.index is None else choice.index
        rows[places[index]].append(replace(choice, index=index))
        places[index] += 1
    if len(rows) < 2:
        return [chunk]
    *before, last = rows.values()
    bare = replace(chunk, usage=None, prompt_filter_results=None)
    return [*(replace(bare, choices=row) for row in before), replace(chunk, choices=last)]


def _no_stream(body: bytes) -> ResponseValidationError:
    return ResponseValidationError(f"a stream was requested, but {seen(body)} came: check the endpoint")


def _no_chunk(data: bytes) -> ResponseValidationError:
    return ResponseValidationError(f"the stream has an event that is not a chunk: {seen(data)}")


def _listed(choices: Any) -> list[Any]:
    if not is_array(choices):
        raise TypeError("no list of choices")
    return choices


def _as_piece(choice: Any) -> dict[str, Any]:
    """A choice of a whole answer as one of a chunk; raises LookupError or TypeError if it says nothing."""
    known = {**choice}
    message = known.pop("message", None)
    if message is None and known.get("finish_reason") != "content_filter":
        return {**known, "text": known["text"]}
    return {**known, "delta": message}


def _is_whole(event: bytes | NamedEvent) -> bool:
    if isinstance(event, NamedEvent):
        return event.name == "error" or _is_whole(event.data)
    if event.strip() == _DONE:
        return True
    try:
        read_json(event)
    except ValueError:
        return False
    return True
