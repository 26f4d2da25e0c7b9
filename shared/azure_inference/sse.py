"""Server-sent events from raw bytes, cut anywhere, in bounded memory."""

import msgspec

from .errors import ResponseValidationError

EVENT_LIMIT = 16 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class NamedEvent(msgspec.Struct, frozen=True):
    """An event that has a name. Those that have none, nearly all, are their data alone."""

    data: bytes
    name: str


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

    def feed(self, piece: bytes) -> list[bytes | NamedEvent]:
        """The events that this piece completes: the data of each, its lines joined by a line feed.

        Raises:
            ResponseValidationError: An event is larger than the limit.
        """
        if self._after_cr or b"\r" in piece:
            piece = self._with_line_feeds(piece)
        if self._rest or self._at_start:
            piece = self._with_rest(piece)
        blocks, _, tail = piece.rpartition(b"\n\n")
        if tail:
            self._keep(tail)
        lines = blocks.removeprefix(b"data: ").split(b"\n\ndata: ")
        if blocks.startswith(b"data: ") and blocks.count(b"\n") == 2 * (len(lines) - 1):  # one each: nearly always
            return [*filter(bytes.strip, lines)]
        events = map(_to_event, filter(None, blocks.split(b"\n\n")))
        return [event for event in events if event is not None]

    def flush(self) -> list[bytes | NamedEvent]:
        """The event left over at the end of the stream, if any."""
        event = _to_event(bytes(self._rest))
        self._rest.clear()
        return [] if event is None else [event]

    def _with_line_feeds(self, piece: bytes) -> bytes:
        """The piece with its lines ended by line feeds; a pair of CR and LF may be cut in two."""
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        self._after_cr = self._after_cr or piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _with_rest(self, piece: bytes) -> bytes:
        """What is complete of the bytes kept and the piece; the others are kept, and searched once only."""
        rest = self._rest
        rest += piece
        if self._at_start:
            self._skip_mark()
        at = rest.rfind(b"\n\n", max(0, self._searched - 1))
        complete = b"" if at < 0 else bytes(rest[: at + 2])
        del rest[: len(complete)]
        self._keep(b"")
        return complete

    def _keep(self, tail: bytes) -> None:
        self._rest += tail
        self._searched = len(self._rest)
        if self._searched > self._limit:
            raise ResponseValidationError(f"the stream has an event of more than {self._limit} bytes")

    def _skip_mark(self) -> None:
        if _BYTE_ORDER_MARK.startswith(self._rest[:3]) and len(self._rest) < len(_BYTE_ORDER_MARK):
            return
        self._at_start = False
        if self._rest.startswith(_BYTE_ORDER_MARK):
            del self._rest[: len(_BYTE_ORDER_MARK)]


def _to_event(block: bytes) -> bytes | NamedEvent | None:
    """The event that the lines between two blank lines make; None for comments, keep-alives and the like."""
    lines: list[bytes] = []
    name = ""
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            lines.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    # An error is one even without a word; anything else that says nothing only keeps the connection alive.
    if not any(map(bytes.strip, lines)) and name != "error":
        return None
    data = b"\n".join(lines)
    return NamedEvent(data, name) if name else data
