"""Bodies of answers from the bytes of the wire: decompressed, and never larger than a limit."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .errors import ResponseValidationError

NO_COMPRESSION = ("accept-encoding", "identity")
"""The header that asks for what `BodyDecoder` understands."""
_PIECE = 64 * 1024
_MARKS = (codecs.BOM_UTF8[:1], codecs.BOM_UTF16_LE[:1], codecs.BOM_UTF16_BE[:1])
_GZIP = 16 + zlib.MAX_WBITS


class BodyDecoder:
    """Decompresses a body piece by piece, in pieces of bounded size, and notices when it was cut short.

    No compression is asked for, but some servers and proxies compress all the same. What cannot be decompressed is an
    error only once there is something to decompress.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        # Asked first: httpx finds out that a header is missing by way of an exception.
        encoding = headers["content-encoding"].strip().lower() if "content-encoding" in headers else ""
        self._encoding = "" if encoding == "identity" else encoding
        self._inflater: Any = None
        if encoding in ("gzip", "x-gzip"):
            self._inflater = zlib.decompressobj(_GZIP)
        elif encoding == "deflate":
            self._inflater = zlib.decompressobj()
        self._has_begun = False

    def feed(self, piece: bytes) -> Iterable[bytes]:
        """What the next piece of the wire decompresses to."""
        return self._inflate(piece) if self._encoding else (piece,)

    def _inflate(self, piece: bytes) -> Iterator[bytes]:
        inflater = self._inflater
        if inflater is None:
            raise ResponseValidationError(f"the answer is encoded as {self._encoding[:20]!r}, which was not asked for")
        self._has_begun = self._has_begun or bool(piece)
        while piece:
            if inflater.eof:  # one more member of a gzip body
                inflater = self._inflater = zlib.decompressobj(_GZIP)
            try:
                yield inflater.decompress(piece, _PIECE)
            except zlib.error as error:
                raise ResponseValidationError(f"the answer's body cannot be decompressed: {error}") from None
            piece = inflater.unconsumed_tail or inflater.unused_data

    def end(self) -> None:
        """Says that the wire has ended.

        Raises:
            ResponseValidationError: The compressed data has not.
        """
        if self._inflater is not None and self._has_begun and not self._inflater.eof:
            raise ResponseValidationError("the answer's compressed body was cut short")


class Body:
    """A whole body being read: at most `limit` bytes."""

    def __init__(self, headers: Mapping[str, str], limit: int) -> None:
        self._decoder = BodyDecoder(headers)
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Takes in the next piece of the wire.

        Raises:
            ResponseValidationError: The body is larger than the limit, or cannot be decompressed.
        """
        for plain in self._decoder.feed(piece):
            self._size += len(plain)
            if self._size > self._limit:
                raise ResponseValidationError(f"the answer has more than {self._limit} bytes, the most that is read")
            self._pieces.append(plain)

    def whole(self) -> bytes:
        """The body, now that the wire has ended."""
        self._decoder.end()
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        return body if body[:1] not in _MARKS else _as_utf8(body)

    @property
    def so_far(self) -> bytes:
        """What has come of a body whose rest cannot be read."""
        return b"".join(self._pieces)


def _as_utf8(body: bytes) -> bytes:
    """A body that begins with a byte order mark without it, and in UTF-8 if it was in UTF-16."""
    if body.startswith(codecs.BOM_UTF8):
        return body.removeprefix(codecs.BOM_UTF8)
    if not body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body
    try:
        return body.decode("utf-16").encode()
    except UnicodeDecodeError:
        return body
