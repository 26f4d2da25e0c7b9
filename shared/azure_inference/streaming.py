"""Streamed answers: the objects that a caller loops over, and how they are opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar, overload

from . import transport
from .errors import InferenceError
from .protocol import Call
from .reader import Accumulator, ChunkT, StreamReader, WholeT
from .retry import Tries
from .schema.chat import Choice
from .schema.chunks import ChatCompletionChunk, ChunkChoice, CompletionChunk, CompletionChunkChoice
from .timeouts import Deadline

ChoiceT = TypeVar("ChoiceT", bound=Choice | ChunkChoice | CompletionChunkChoice)

_LAST_BYTES = 0.01
"""Seconds to wait for the end of a body once the stream has said that it is done."""


class ChatStream(Generic[ChunkT, WholeT]):
    """A streamed answer: loop over it for chunks.

    It holds a connection until it ends, breaks, or is closed; used with `with`, it is closed in any case.
    """

    def __init__(
        self, reader: StreamReader[ChunkT, WholeT], response: transport.OpenResponse, idle: float | None
    ) -> None:
        self._reader = reader
        self._ready = reader.ready
        self._response = response
        self._pieces = transport.decoded(response)
        self._idle = idle

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ChunkT:
        if self._ready:
            return self._ready.popleft()
        self._wait_for_news()
        chunk = self._reader.next()
        if chunk is None:
            raise StopIteration
        return chunk

    def arrived(self) -> list[ChunkT]:
        """The chunks that have arrived, waiting for one if there is none; an empty list at the end of the stream.

        For those who read very many chunks: it is less work for each than a loop.
        """
        if not self._ready:
            self._wait_for_news()
        return self._reader.take()

    def _wait_for_news(self) -> None:
        if not self._reader.has_news:
            self._response.deadline = Deadline.within(self._idle, "idle")
            while not self._reader.has_news:
                self._pull()

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
        self._response.deadline = Deadline.within(_LAST_BYTES, "idle")
        with suppress(InferenceError, StopIteration):
            next(self._pieces)
        self._response.close()

    @property
    def so_far(self) -> WholeT | None:
        """What has arrived, put together; the whole answer once the loop has ended. None if nothing has."""
        return self._reader.result()

    def close(self) -> None:
        """Releases the connection; what was not read is lost."""
        self._reader.stop()
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._response.close()


class AsyncChatStream(Generic[ChunkT, WholeT]):
    """A streamed answer: loop over it with `async for`; otherwise as `ChatStream`."""

    def __init__(
        self, reader: StreamReader[ChunkT, WholeT], response: transport.AsyncOpenResponse, idle: float | None
    ) -> None:
        self._reader = reader
        self._ready = reader.ready
        self._response = response
        self._pieces = transport.decoded_async(response)
        self._idle = idle

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChunkT:
        if self._ready:
            return self._ready.popleft()
        await self._wait_for_news()
        chunk = self._reader.next()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def arrived(self) -> list[ChunkT]:
        """The chunks that have arrived, waiting for one if there is none; an empty list at the end of the stream."""
        if not self._ready:
            await self._wait_for_news()
        return self._reader.take()

    async def _wait_for_news(self) -> None:
        if not self._reader.has_news:
            self._response.deadline = Deadline.within(self._idle, "idle")
            while not self._reader.has_news:
                await self._pull()

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
        self._response.deadline = Deadline.within(_LAST_BYTES, "idle")
        with suppress(InferenceError, StopAsyncIteration):
            await anext(self._pieces)
        await self._response.close()

    @property
    def so_far(self) -> WholeT | None:
        """What has arrived, put together; the whole answer once the loop has ended. None if nothing has."""
        return self._reader.result()

    async def close(self) -> None:
        """Releases the connection; what was not read is lost."""
        self._reader.stop()
        await self._response.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


def open_stream(
    transport: transport.Transport,
    call: Call[ChunkT],
    accumulator: Callable[[], Accumulator[ChunkT, WholeT]],
    tries: Tries,
) -> ChatStream[ChunkT, WholeT]:
    """The stream that a call opens, its first chunk already there: until then, failures are tried again."""

    def attempt(tries: Tries) -> ChatStream[ChunkT, WholeT]:
        response = transport.open(call, tries)
        reader = StreamReader(call, accumulator(), headers=response.headers, attempts=tries.count)
        stream = ChatStream(reader, response, tries.timeouts.idle)
        stream.wait_for_chunk()
        return stream

    return transport.run(attempt, tries)


async def open_stream_async(
    transport: transport.AsyncTransport,
    call: Call[ChunkT],
    accumulator: Callable[[], Accumulator[ChunkT, WholeT]],
    tries: Tries,
) -> AsyncChatStream[ChunkT, WholeT]:
    """The stream that a call opens, its first chunk already there: until then, failures are tried again."""

    async def attempt(tries: Tries) -> AsyncChatStream[ChunkT, WholeT]:
        response = await transport.open(call, tries)
        reader = StreamReader(call, accumulator(), headers=response.headers, attempts=tries.count)
        stream = AsyncChatStream(reader, response, tries.timeouts.idle)
        await stream.wait_for_chunk()
        return stream

    return await transport.run(attempt, tries)


class FirstChoice:
    """The choice that is followed through a stream: the one that comes first, whatever its `index`.

    Some servers do not count from 0, and any of several answers will do; what matters is that they are not mixed.
    """

    def __init__(self) -> None:
        self.index: int | None = None

    def of(self, choices: Sequence[ChoiceT]) -> ChoiceT | None:
        """This choice, if it is among these; chunks that hold only usage or filter results have none."""
        for choice in choices:
            index = choice.index or 0
            if index == self.index:
                return choice
            if self.index is None:
                self.index = index
                return choice
        return None

    @overload
    def in_chunks(self, chunks: Iterable[ChatCompletionChunk]) -> Iterator[ChunkChoice]: ...

    @overload
    def in_chunks(self, chunks: Iterable[CompletionChunk]) -> Iterator[CompletionChunkChoice]: ...

    def in_chunks(self, chunks: Iterable[Any]) -> Iterator[Any]:
        """The pieces of it in some chunks, in their order."""
        for chunk in chunks:
            choices = chunk.choices
            # Nearly always there is one choice, and the one that is followed: then no function is called to find it.
            if len(choices) == 1 and choices[0].index == self.index is not None:
                yield choices[0]
            elif (choice := self.of(choices)) is not None:
                yield choice

    def of_whole(self, choices: Sequence[ChoiceT]) -> ChoiceT:
        """The one of a whole answer, which has at least one."""
        return self.of(choices) or choices[0]
