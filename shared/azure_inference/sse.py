"""Server-sent events from raw bytes, cut anywhere, in bounded memory."""

from __future__ import annotations

from typing import NamedTuple

from .errors import ResponseValidationError

EVENT_LIMIT = 16 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event: its data lines joined by a line feed, and its name if it has one."""

    data: bytes
    name: str = ""


class Decoder:
    """Turns pieces of an event stream into events, by the WHATWG grammar: CR, LF and CRLF end a line.

    Lines end at these bytes only: text may hold U+2028 and its kin. An event whose closing blank line never came is
    given by `flush`, since servers forget it; whether the stream was complete is told by what the events say.
    """

    def __init__(self, limit: int = EVENT_LIMIT) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._searched = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, piece: bytes) -> list[Event]:
        """The events that this piece completes.

        Raises:
            ResponseValidationError: An event is larger than the limit.
        """
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._rest += piece
        if self._at_start:
            self._skip_mark()
        return self._complete_events()

    def flush(self) -> list[Event]:
        """The event left over at the end of the stream, if any."""
        event = _to_event(bytes(self._rest))
        self._rest.clear()
        return [event] if event else []

    def _skip_mark(self) -> None:
        if _BYTE_ORDER_MARK.startswith(self._rest[:3]) and len(self._rest) < len(_BYTE_ORDER_MARK):
            return
        self._at_start = False
        if self._rest.startswith(_BYTE_ORDER_MARK):
            del self._rest[: len(_BYTE_ORDER_MARK)]

    def _complete_events(self) -> list[Event]:
        rest = self._rest
        end = rest.rfind(b"\n\n", max(0, self._searched - 1))
        blocks = b"" if end < 0 else bytes(rest[:end])
        if end >= 0:
            del rest[: end + 2]
        self._searched = len(rest)
        if self._searched > self._limit:
            raise ResponseValidationError(f"the stream has an event of more than {self._limit} bytes")
        return [event for block in blocks.split(b"\n\n") if (event := _to_event(block))] if blocks else []


def _to_event(block: bytes) -> Event | None:
    """The event that the lines between two blank lines make; None for comments, keep-alives and the like."""
    if block.startswith(b"data: {") and b"\n" not in block:
        return Event(block[6:])
    data: list[bytes] = []
    name = ""
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    # An error is one even without a word; anything else that says nothing only keeps the connection alive.
    return Event(b"\n".join(data), name) if any(map(bytes.strip, data)) or name == "error" else None
