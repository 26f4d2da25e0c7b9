"""Server-sent events: frames as bytes, and texts cut into the small pieces that services really send."""

from azure_inference_emulator import text as linguistics
from azure_inference_emulator.values import to_bytes

DONE = b"data: [DONE]\n\n"


def frame(data: object) -> bytes:
    """One event that carries ``data`` as JSON."""
    return b"data: " + to_bytes(data) + b"\n\n"


def pieces(text: str) -> list[str]:
    """A text in the pieces it is streamed in; they join to the text."""
    return linguistics.tokens(text)


def argument_pieces(text: str, size: int = 8) -> list[str]:
    """A JSON text of tool arguments in pieces; they join to the text."""
    return [text[start : start + size] for start in range(0, len(text), size)]
