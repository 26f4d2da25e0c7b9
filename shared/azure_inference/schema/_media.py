"""The kinds of images and sounds, told by their first bytes."""

import re

_SIGNS = {
    rb"\x89PNG\r\n\x1a\n": "image/png",
    rb"\xff\xd8\xff": "image/jpeg",
    rb"GIF8[79]a": "image/gif",
    rb"(?s)RIFF....WEBP": "image/webp",
    rb"BM": "image/bmp",
    rb"II\*\0|MM\0\*": "image/tiff",
    rb"(?s)RIFF....WAVE": "audio/wav",
    rb"ID3|\xff[\xfa\xfb\xf2\xf3]": "audio/mpeg",
}
"""How files of each kind begin."""


def media_type_of(data: bytes, kind: str) -> str | None:
    """The media type of an `image` or of `audio`, told by its first bytes; None if they are of no kind known here."""
    return next((found for sign, found in _SIGNS.items() if found.startswith(kind) and re.match(sign, data)), None)
