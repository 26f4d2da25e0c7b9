"""The answers of the server as bytes: chat whole and in pieces, tool calls in pieces, and embeddings."""

from __future__ import annotations

import base64
import json
import random
from array import array
from functools import lru_cache

MODEL = "mistral-large-2411"
EMBEDDING_MODELS = {1536: "text-embedding-3-small", 3072: "text-embedding-3-large"}
ANSWER = "Air scatters blue light more than it scatters red light, so the sky looks blue."
WORD = " word"
FRAGMENT = "some"
_USAGE = {"prompt_tokens": 12, "completion_tokens": 19, "total_tokens": 31}
_DIFFERENT_VECTORS = 16


def _with_head(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _answer(**more: object) -> dict[str, object]:
    return {"id": "chatcmpl-8c1e6d4b", "created": 1731974400, "model": MODEL, **more}


def embedding_model(scene: str) -> str:
    """The name of the embedding model that is played: OpenAI's with so many numbers, or one that nobody knows."""
    kind, _, dimensions = scene.partition("-")
    return EMBEDDING_MODELS.get(int(dimensions), "my-embeddings") if kind == "vectors" else "my-embeddings"


@lru_cache
def whole() -> bytes:
    """A chat answer."""
    message = {"role": "assistant", "content": ANSWER, "tool_calls": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return _with_head(json.dumps(_answer(object="chat.completion", choices=[choice], usage=_USAGE)).encode())


@lru_cache
def info() -> bytes:
    """What `/info` answers, which some clients ask."""
    known = {"model_name": MODEL, "model_type": "chat-completions", "model_provider_name": "Mistral AI"}
    return _with_head(json.dumps(known).encode())


@lru_cache
def missing() -> bytes:
    """What is answered to a path that is not there."""
    return _with_head(b'{"error": {"code": "not_found", "message": "no such path"}}', "404 Not Found")


def _event(delta: dict[str, object] | None, finish: str | None = None) -> bytes:
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    usage = {"usage": _USAGE} if finish else {}
    chunk = _answer(object="chat.completion.chunk", choices=choices, **usage)
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def _tool_call(**function: str) -> dict[str, object]:
    return {"index": 0, "function": function}


@lru_cache
def streamed(kind: str, count: int) -> list[bytes]:
    """The pieces of an answer with `count` deltas of text, or of a tool call's arguments: its head, then its events.

    Each event is a chunk of HTTP, as servers send them that write events when they have them.
    """
    if kind == "text":
        opening = [_event({"role": "assistant", "content": ""})]
        events = [_event({"content": WORD})] * count
        ending = [_event({}, "stop")]
    else:
        call = {**_tool_call(name="note", arguments=""), "id": "call_1", "type": "function"}
        opening = [
            _event({"role": "assistant", "content": None, "tool_calls": [call]}),
            _event({"tool_calls": [_tool_call(arguments='{"text": "')]}),
        ]
        events = [_event({"tool_calls": [_tool_call(arguments=FRAGMENT)]})] * count
        ending = [_event({"tool_calls": [_tool_call(arguments='"}')]}), _event({}, "tool_calls")]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = [b"%x\r\n%s\r\n" % (len(event), event) for event in (*opening, *events, *ending, b"data: [DONE]\n\n")]
    return [head, *chunks, b"0\r\n\r\n"]


@lru_cache
def _vectors(dimensions: int) -> list[array[float]]:
    numbers = random.Random(dimensions)
    return [array("f", (numbers.gauss(0, 0.03) for _ in range(dimensions))) for _ in range(_DIFFERENT_VECTORS)]


@lru_cache
def _written(dimensions: int, encoding: str) -> list[bytes]:
    """The vectors as they stand in JSON: eight significant digits, as services write them, or base64 of float32."""
    if encoding == "base64":
        return [b'"%s"' % base64.b64encode(vector.tobytes()) for vector in _vectors(dimensions)]
    return [f"[{','.join(f'{number:.8g}' for number in vector)}]".encode() for vector in _vectors(dimensions)]


@lru_cache(maxsize=64)
def embeddings(count: int, dimensions: int, encoding: str) -> bytes:
    """The vectors of `count` inputs."""
    written = _written(dimensions, encoding)
    rows = b",".join(
        b'{"object":"embedding","index":%d,"embedding":%s}' % (index, written[index % _DIFFERENT_VECTORS])
        for index in range(count)
    )
    usage = b'{"prompt_tokens":%d,"total_tokens":%d}' % (count * 4, count * 4)
    return _with_head(b'{"object":"list","model":"%s","data":[%s],"usage":%s}' % (MODEL.encode(), rows, usage))
