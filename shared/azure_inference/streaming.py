"""Streamed answers: bytes to chunks, and the objects that a caller loops over."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from pydantic import ValidationError

from . import transport
from .errors import APIConnectionError, APITimeoutError, InferenceError, ResponseValidationError, StreamInterruptedError
from .protocol import Call, raise_if_failure
from .retry import Tries
from .schema._json import is_array, read_json, without_nulls
from .schema.chat import ChatCompletion, ChatCompletionChunk
from .schema.completions import Completion, CompletionChunk
from .schema.failures import request_id_of
from .sse import Decoder, Event
from .surrogates import SurrogateJoiner
from .timeouts import Deadline, Timeouts

ChunkT = TypeVar("ChunkT", bound=ChatCompletionChunk | CompletionChunk)
WholeT = TypeVar("WholeT", bound=ChatCompletion | Completion)
WholeT_co = TypeVar("WholeT_co", bound=ChatCompletion | Completion, covariant=True)
_LOGGER = logging.getLogger("azure_inference")
_DONE = b"[DONE]"
_NOT_OF_A_CHUNK = frozenset({"message", "text"})
"""Where whole answers and text completions have their text: there it would be overlooked."""
_LAST_BYTES = 0.01
"""Seconds to wait for the end of a body once the stream has said that it is done."""


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
        """`headers` (by lower-case names) came before the body, at so many `attempts`: errors tell of both."""
        self._call = call
        self._headers = headers or {}
        self._attempts = attempts
        self._accumulator = accumulator
        self._decoder = Decoder()
        self._whole_body: bytearray | None = None
        self._started = False
        self._halves = SurrogateJoiner()
        self._ready: deque[ChunkT] = deque()
        self._error: InferenceError | None = None
        self.is_done = False

    def feed(self, piece: bytes) -> None:
        """Takes in the next piece of the body."""
        if not self._started and piece.strip():
            self._started = True
            # Some servers answer a stream request with a plain body; no event stream begins like this.
            if piece.lstrip()[:1] in (b"{", b"<"):
                self._whole_body = bytearray()
        if self._whole_body is not None:
            self._whole_body += piece
            if len(self._whole_body) > self._call.endpoint.answer_limit:
                self._whole_body = None
                self._fail(ResponseValidationError("a stream was asked for, and a body without end came"))
            return
        self._take(self._decoder.feed, piece)

    def end(self) -> None:
        """Says that the body has ended."""
        if self._whole_body is not None:
            self._take(self._from_whole)
        else:
            self._take(self._last_events)
        if not self.is_done and not self._accumulator.is_finished:
            self._fail(StreamInterruptedError("the stream ended before the model said that it was done"))
        self.is_done = True

    def fail(self, error: InferenceError) -> None:
        """Says that the connection broke or stalled; no matter, once the answer is complete."""
        if not self._accumulator.is_finished:
            self._identify(error)
            if isinstance(error, APITimeoutError) or not isinstance(error, APIConnectionError):
                self._fail(error)
            else:
                interrupted = StreamInterruptedError(f"the stream broke off: {error.message}")
                interrupted.__cause__ = error
                self._fail(interrupted)
        self.is_done = True

    def next(self) -> ChunkT | None:
        """The next chunk that is ready, or None; raises the error that came after the last."""
        if self._ready:
            return self._ready.popleft()
        if self._error is not None:
            raise self._error
        return None

    def stop(self) -> None:
        """Says that nobody wants more; what was ready is lost."""
        self._ready.clear()
        self.is_done = True

    @property
    def has_news(self) -> bool:
        """Whether there is a chunk, an error, or the end."""
        return bool(self._ready) or self.is_done

    def raise_if_only_error(self) -> None:
        """Raises the error that came in place of a first chunk; a broken connection as itself, to be tried again."""
        if not self._ready and self._error is not None:
            cause = self._error.__cause__
            raise cause if isinstance(cause, APIConnectionError) else self._error

    def result(self) -> WholeT | None:
        """The answer so far."""
        return self._accumulator.result()

    def _take(self, events: Callable[..., list[Event]], *arguments: Any) -> None:
        try:
            for event in events(*arguments):
                if self.is_done:
                    return
                self._read(event)
        except InferenceError as error:
            self._fail(error)

    def _read(self, event: Event) -> None:
        if event.data.strip() == _DONE:
            self.is_done = True
            if self._accumulator.is_empty:
                raise StreamInterruptedError("the stream was done before anything was said")
            self._end_unexplained()
            return
        if event.name == "error":
            self._raise_error_event(event.data)
        chunk = self._to_chunk(event.data)
        if not chunk.choices or "error" in (chunk.model_extra or ()):
            raise_if_failure(self._call, self._headers, event.data)
        for choice in chunk.choices:
            if choice.model_extra and choice.model_extra.keys() & _NOT_OF_A_CHUNK:
                raise _no_chunk(event.data)
        self._ready.append(self._accumulator.add(chunk))

    def _to_chunk(self, data: bytes) -> Any:
        model = self._call.endpoint.answer
        try:
            return model.model_validate_json(data)
        except ValidationError:
            raise_if_failure(self._call, self._headers, data)
        try:
            return model.model_validate(without_nulls(self._halves.read(data)))
        except (ValueError, RecursionError):
            raise _no_chunk(data) from None

    def _raise_error_event(self, data: bytes) -> None:
        body = data if data.lstrip().startswith(b"{") else json.dumps(data.decode("utf-8", "replace")).encode()
        raise_if_failure(self._call, self._headers, b'{"error":' + body + b"}")

    def _last_events(self) -> list[Event]:
        """What comes after the last blank line, without half an event: that is the place where the stream was cut."""
        return [event for event in self._decoder.flush() if event.name == "error" or _is_whole(event.data)]

    def _from_whole(self) -> list[Event]:
        """A whole answer as the one event of a stream; anything else is an error."""
        body = bytes(self._whole_body or b"")
        self._whole_body = None
        raise_if_failure(self._call, self._headers, body)
        try:
            value = read_json(body)
            value["choices"] = [_as_piece(choice) for choice in _listed(value["choices"])]
        except (ValueError, LookupError, TypeError):
            seen = body[:80].decode("utf-8", "replace")
            raise ResponseValidationError(f"a stream was asked for, and {seen!r} came: check the endpoint") from None
        return [Event(json.dumps(value).encode())]

    def _end_unexplained(self) -> None:
        """A server that says that it is done is believed, but callers are not told a reason that it did not give."""
        if (end := self._accumulator.unexplained()) is not None:
            _LOGGER.warning(
                "call %s: the stream was done without a finish_reason; it is told as 'unknown'",
                self._call.client_request_id,
            )
            self._ready.append(self._accumulator.add(end))

    def _fail(self, error: InferenceError) -> None:
        if self._error is None:
            if (rest := self._accumulator.rest()) is not None:
                self._ready.append(rest)
            vars(error)["partial"] = self._accumulator.result()
            self._identify(error)
            self._error = error
        self.is_done = True

    def _identify(self, error: InferenceError) -> None:
        error.attempts = self._attempts
        error.client_request_id = self._call.client_request_id
        error.request_id = error.request_id or request_id_of(self._headers)


def _no_chunk(data: bytes) -> ResponseValidationError:
    seen = data[:80].decode("utf-8", "replace")
    return ResponseValidationError(f"the stream has an event that is no chunk: {seen!r}")


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


def _is_whole(data: bytes) -> bool:
    if data.strip() == _DONE:
        return True
    try:
        read_json(data)
    except ValueError:
        return False
    return True


class ChatStream(Generic[ChunkT, WholeT]):
    """A streamed answer: loop over it for chunks.

    It holds a connection until it ends, breaks, or is closed; used with `with`, it is closed in any case.
    """

    def __init__(self, reader: StreamReader[ChunkT, WholeT], wire: transport.Wire, idle: float | None) -> None:
        self._reader = reader
        self._wire = wire
        self._pieces = transport.decoded(wire)
        self._idle = idle

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ChunkT:
        reader = self._reader
        if not reader.has_news:
            self._wire.deadline = Deadline.within(self._idle, "idle")
            while not reader.has_news:
                self._pull()
        chunk = reader.next()
        if chunk is None:
            raise StopIteration
        return chunk

    def wait_for_chunk(self) -> None:
        """Reads until the first chunk is there; raises if an error is there in its place."""
        try:
            while not self._reader.has_news:
                self._pull()
            self._reader.raise_if_only_error()
        except BaseException:
            self.close()
            raise

    def _pull(self) -> None:
        reader = self._reader
        try:
            reader.feed(next(self._pieces))
        except StopIteration:
            reader.end()
        except InferenceError as error:
            reader.fail(error)
        if reader.is_done:
            self._finish()

    def _finish(self) -> None:
        """Gives the connection back; it can be used again if the end of the body has come, too."""
        self._wire.deadline = Deadline.within(_LAST_BYTES, "idle")
        with suppress(InferenceError, StopIteration):
            next(self._pieces)
        self._wire.close()

    @property
    def so_far(self) -> WholeT | None:
        """What has arrived, put together; the whole answer once the loop has ended. None if nothing has."""
        return self._reader.result()

    def close(self) -> None:
        """Gives the connection back; what was not read is lost."""
        self._reader.stop()
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._wire.close()


class AsyncChatStream(Generic[ChunkT, WholeT]):
    """A streamed answer: loop over it with `async for`; otherwise as `ChatStream`."""

    def __init__(self, reader: StreamReader[ChunkT, WholeT], wire: transport.AsyncWire, idle: float | None) -> None:
        self._reader = reader
        self._wire = wire
        self._pieces = transport.decoded_async(wire)
        self._idle = idle

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChunkT:
        reader = self._reader
        if not reader.has_news:
            self._wire.deadline = Deadline.within(self._idle, "idle")
            while not reader.has_news:
                await self._pull()
        chunk = reader.next()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def wait_for_chunk(self) -> None:
        """Reads until the first chunk is there; raises if an error is there in its place."""
        try:
            while not self._reader.has_news:
                await self._pull()
            self._reader.raise_if_only_error()
        except BaseException:
            await self.close()
            raise

    async def _pull(self) -> None:
        reader = self._reader
        try:
            reader.feed(await anext(self._pieces))
        except StopAsyncIteration:
            reader.end()
        except InferenceError as error:
            reader.fail(error)
        if reader.is_done:
            await self._finish()

    async def _finish(self) -> None:
        """Gives the connection back; it can be used again if the end of the body has come, too."""
        self._wire.deadline = Deadline.within(_LAST_BYTES, "idle")
        with suppress(InferenceError, StopAsyncIteration):
            await anext(self._pieces)
        await self._wire.close()

    @property
    def so_far(self) -> WholeT | None:
        """What has arrived, put together; the whole answer once the loop has ended. None if nothing has."""
        return self._reader.result()

    async def close(self) -> None:
        """Gives the connection back; what was not read is lost."""
        self._reader.stop()
        await self._wire.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


def open_stream(
    transport: transport.Transport,
    call: Call[ChunkT],
    accumulator: Callable[[], Accumulator[ChunkT, WholeT]],
    timeouts: Timeouts | None,
) -> ChatStream[ChunkT, WholeT]:
    """The stream that a call opens, its first chunk already there: until then, failures are tried again."""

    def attempt(tries: Tries) -> ChatStream[ChunkT, WholeT]:
        wire = transport.open(call, timeouts, tries)
        reader = StreamReader(call, accumulator(), headers=wire.headers, attempts=tries.count)
        stream = ChatStream(reader, wire, transport.idle(timeouts))
        stream.wait_for_chunk()
        return stream

    return transport.run(call, attempt, timeouts)


async def open_stream_async(
    transport: transport.AsyncTransport,
    call: Call[ChunkT],
    accumulator: Callable[[], Accumulator[ChunkT, WholeT]],
    timeouts: Timeouts | None,
) -> AsyncChatStream[ChunkT, WholeT]:
    """The stream that a call opens, its first chunk already there: until then, failures are tried again."""

    async def attempt(tries: Tries) -> AsyncChatStream[ChunkT, WholeT]:
        wire = await transport.open(call, timeouts, tries)
        reader = StreamReader(call, accumulator(), headers=wire.headers, attempts=tries.count)
        stream = AsyncChatStream(reader, wire, transport.idle(timeouts))
        await stream.wait_for_chunk()
        return stream

    return await transport.run(call, attempt, timeouts)
