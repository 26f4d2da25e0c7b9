"""The tool calls of an answer: put together from the pieces of a stream, and checked."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from .errors import ResponseValidationError, shown
from .pieces import Pieces
from .schema._json import read_json
from .schema.chunks import ToolCallDelta
from .schema.tools import FunctionCall, ToolCall, is_empty, new_call_id

_TAIL = 80
"""Bytes of arguments that are looked at first, to see whether they may be whole."""


def check_names(calls: Iterable[ToolCall]) -> None:
    """Raises `ResponseValidationError` if a call of an answer has no name: it is of no function that could be run."""
    for call in calls:
        if not call.function.name:
            kind = f"a call of type {shown(call.type)} with id {shown(call.id)}"
            raise ResponseValidationError(f"the answer has {kind} that names no function: check the endpoint")


class _Call:
    """One call, as far as it has come."""

    def __init__(self, index: int, first: ToolCallDelta) -> None:
        self.index = index
        self.id = first.id or new_call_id()
        self.is_named_here = not first.id
        self.kind = first.type or "function"
        self.name = ""
        self.arguments = bytearray()
        self.unknown: tuple[Pieces, Pieces] | None = None
        """What came under unknown keys, of the call and of its function."""

    def keep(self, piece: ToolCallDelta) -> None:
        """Takes in the unknown keys of a piece."""
        self.unknown = self.unknown or (Pieces(), Pieces())
        self.unknown[0].add(piece.model_extra)
        self.unknown[1].add(piece.function.model_extra)

    def is_over_before(self, piece: ToolCallDelta) -> bool:
        """Whether a piece without an id, of the same index, begins another call: this one has all its arguments."""
        function = piece.function
        if piece.id or not function.name or not self.arguments[-_TAIL:].rstrip().endswith(b"}"):
            return False
        # Some servers repeat the name in each piece, also in a last one that brings nothing.
        return (function.name != self.name or bool(function.arguments)) and _is_json(self.arguments)

    def result(self) -> ToolCall:
        of_call, of_function = (unknown.total() for unknown in self.unknown) if self.unknown else ({}, {})
        function = FunctionCall(
            name=self.name, arguments=self.arguments.decode("utf-8", "surrogatepass"), **of_function
        )
        return ToolCall(id=self.id, type=self.kind, function=function, **of_call)


def _is_json(text: bytearray) -> bool:
    try:
        read_json(bytes(text))
    except ValueError:
        return False
    return True


class ToolCalls:
    """The tool calls of one choice.

    Pieces are merged by index; where a server gives one index to several calls, by their ids or, without, by which
    one is over; without an index by id, else by their order.
    """

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}
        self._moved: dict[int, int] = {}
        """The index of the call under way, by that which a server gives to several."""
        self._last = -1

    def add(self, piece: ToolCallDelta, position: int | None) -> ToolCallDelta | None:
        """Takes a piece in; of several at once, this one has a `position`.

        Gives back the same one; or one with the index of its call, with an id on the first of each call only, and
        without a name that is repeated, for those who put pieces together themselves; or None, if it says nothing and
        is of no call.
        """
        function = piece.function
        call = None if piece.index is None or self._moved else self._calls.get(piece.index)
        if (
            call is None
            or (piece.id and piece.id != call.id)
            or (function.name and not piece.id and call.is_over_before(piece))
        ):
            assigned = self._assigned(piece, position)
            if assigned is None:
                return None
            call, piece = assigned
            function = piece.function
        if function.name:
            if function.name != call.name:
                call.name += function.name
            else:
                piece = replace(piece, function=replace(function, name=None))
        if function.arguments:
            call.arguments += function.arguments.encode("utf-8", "surrogatepass")
        if piece.model_extra or function.model_extra:
            call.keep(piece)
        self._last = call.index
        return piece

    def result(self) -> list[ToolCall]:
        """The calls in their order."""
        return [call.result() for _, call in sorted(self._calls.items())]

    def _assigned(self, piece: ToolCallDelta, position: int | None) -> tuple[_Call, ToolCallDelta] | None:
        """The call that a piece belongs to, new or known, and the piece as one of that call; None for no call."""
        index = self._place(piece, position) if piece.index is None else self._sort(piece.index, piece)
        if index != piece.index:
            piece = replace(piece, index=index)
        call = self._calls.get(index)
        if call is None and is_empty(piece):
            return None
        if call is None:
            call = self._calls[index] = _Call(index, piece)
            return call, piece if piece.id else replace(piece, id=call.id)
        if piece.id and piece.id != call.id:
            piece = replace(piece, id=None)  # the call has been told by another
        return call, piece

    def _place(self, piece: ToolCallDelta, position: int | None) -> int:
        """The index of the call that a piece without one belongs to."""
        known = self._index_of(piece.id)
        if known is not None:
            return known
        if piece.id or piece.function.name or not self._calls:
            return self._next()
        return self._last if position is None or position >= len(self._calls) else sorted(self._calls)[position]

    def _sort(self, index: int, piece: ToolCallDelta) -> int:
        """The index of the call that a piece belongs to, where several may have the one that it came with.

        Another id begins another call only together with a name: some servers make up an id for each piece.
        """
        under_way = self._moved.get(index, index)
        call = self._calls.get(under_way)
        if call is None:
            return under_way
        if call.is_over_before(piece):
            meant = self._next()
        elif not piece.id or piece.id == call.id or call.is_named_here:
            return under_way
        elif (known := self._index_of(piece.id)) is not None:
            meant = known
        elif piece.function.name and call.name:
            meant = self._next()
        else:
            return under_way
        self._moved[index] = meant
        return meant

    def _index_of(self, id_: str | None) -> int | None:
        return next((index for index, call in self._calls.items() if id_ and call.id == id_), None)

    def _next(self) -> int:
        return max(self._calls, default=-1) + 1
