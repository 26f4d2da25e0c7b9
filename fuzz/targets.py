"""What is fuzzed of the core: each target takes any bytes and raises only if a promise is broken."""

from __future__ import annotations

import json
import math
import pickle
import zlib
from collections.abc import Callable
from typing import Any

from azure_inference import (
    APIStatusError,
    InferenceError,
    ResponseValidationError,
    RetryPolicy,
    batching,
    dialects,
    protocol,
    sse,
)
from azure_inference.accumulate import ChatAccumulator, CompletionAccumulator
from azure_inference.bodies import Body
from azure_inference.reader import StreamReader
from azure_inference.reasoning import with_reasoning
from azure_inference.schema.failures import retry_after
from tests.core import endpoints

from . import samples
from .source import WORDS, Source

Target = Callable[[bytes], None]

_TARGET = dialects.resolve("https://x.services.ai.azure.com/models")
_CALLS = {name: protocol.prepare(_TARGET, getattr(endpoints, name), None) for name in endpoints.__all__}
_ANSWERS = {
    "CHAT": samples.CHAT,
    "COMPLETIONS": samples.COMPLETION,
    "EMBEDDINGS": samples.EMBEDDINGS,
    "IMAGE_EMBEDDINGS": samples.EMBEDDINGS,
    "INFO": samples.INFO,
}
_HEADERS = [
    "retry-after", "retry-after-ms", "x-ms-retry-after-ms", "x-should-retry", "x-request-id", "x-ms-error-code",
    "ms-azureml-model-error-statuscode",
]  # fmt: skip
_LONGEST_MESSAGE = 1000
_MARKS = (b"\xef", b"\xff", b"\xfe")
"""How a byte order mark begins: such a body is given in UTF-8, without it."""


def events(data: bytes) -> None:
    """Any bytes are events or a `ResponseValidationError`; how the network cuts them changes nothing."""
    source = Source(data)
    seed, limit = source.byte(), source.choose([1, 16, 200, sse.EVENT_LIMIT])
    body = source.rest()
    _decoded([body], sse.EVENT_LIMIT)
    pieces = source.cut(body, seed)
    assert _decoded(pieces, sse.EVENT_LIMIT) == _decoded([body], sse.EVENT_LIMIT), "cuts change the events"
    try:
        found = _decoded(pieces, limit)
    except ResponseValidationError:
        return
    largest = limit + max(map(len, pieces), default=0)
    assert all(len(event if isinstance(event, bytes) else event.data) <= largest for event in found), (
        "an event too large"
    )


def _decoded(pieces: list[bytes], limit: int) -> list[bytes | sse.NamedEvent]:
    decoder = sse.Decoder(limit)
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.flush()


def bodies(data: bytes) -> None:
    """Any body is bytes within the limit or a `ResponseValidationError`; what was compressed comes out as it was."""
    source = Source(data)
    seed, limit, encoding = source.byte(), source.choose([10, 1000, 1 << 20]), source.choose(["gzip", "deflate", ""])
    packed, damage = source.byte() % 2, source.byte()
    plain = source.rest()
    wire = _compressed(encoding, plain) if packed else plain
    if damage % 4 == 1 and wire:
        place = damage % len(wire)
        wire = wire[:place] + bytes([wire[place] ^ damage]) + wire[place + 1 :]
    elif damage % 4 == 2:
        wire = wire[: len(wire) - damage // 4]
    outcomes = [_whole(encoding, limit, pieces) for pieces in ([wire], source.cut(wire, seed))]
    assert outcomes[0] == outcomes[1], "cuts change the body"
    whole = outcomes[0]
    if whole is not None and plain[:1] in _MARKS:
        assert 2 * len(whole) <= 3 * limit, "a body beyond the limit"  # UTF-16 may grow by half as it becomes UTF-8
        return
    assert whole is None or len(whole) <= limit, "a body beyond the limit"
    if (packed or not encoding) and damage % 4 in (0, 3):
        assert whole == (plain if len(plain) <= limit else None), "another body than was sent"


def _compressed(encoding: str, plain: bytes) -> bytes:
    if not encoding:
        return plain
    packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    return packer.compress(plain) + packer.flush()


def _whole(encoding: str, limit: int, pieces: list[bytes]) -> bytes | None:
    body = Body({"content-encoding": encoding}, limit)
    try:
        for piece in pieces:
            body.add(piece)
        return body.whole()
    except ResponseValidationError:
        return None


def refusals(data: bytes) -> None:
    """Any answer that is no success is an error of ours: short, printable, picklable."""
    source = Source(data)
    status = source.choose([400, 401, 404, 408, 422, 424, 429, 500, 503, 599, 201, 204, 302, 600])
    headers = {source.choose(_HEADERS): str(source.value()) for _ in range(source.byte() % 3)}
    body = _body(source, samples.REFUSALS)
    try:
        protocol.raise_for_status(_CALLS["CHAT"], status, headers, body)
    except APIStatusError as error:
        assert 400 <= error.status_code <= 600
        assert error.retry_after is None or error.retry_after >= 0, "a wait that is none"
        _check_shown(error)
    except ResponseValidationError as error:
        _check_shown(error)
    else:
        raise AssertionError("a refusal passed for an answer")


def answers(data: bytes) -> None:
    """Any body that comes with status 200, on any route, is an answer or an error of ours."""
    source = Source(data)
    name = source.choose(list(_ANSWERS))
    body = _body(source, _ANSWERS[name])
    try:
        answer: Any = protocol.read_answer(_CALLS[name], 200, {}, body)
        if name == "CHAT":
            answer = with_reasoning(answer)
            _ = [(choice.message.text, choice.message.reasoning_text) for choice in answer.choices]
        if "EMBEDDINGS" in name:
            rows = batching.with_vectors(answer, 2).vectors
            assert len(rows) == 2
            assert len({len(row) for row in rows}) == 1
            assert all(math.isfinite(number) for row in rows for number in row)
    except InferenceError as error:
        _check_shown(error)


def streams(data: bytes) -> None:
    """Any event stream is chunks, then perhaps an error of ours; how the network cuts it changes nothing."""
    source = Source(data)
    seed = source.byte()
    name, accumulator = source.choose([("CHAT_STREAM", ChatAccumulator), ("COMPLETIONS_STREAM", CompletionAccumulator)])
    body = stream_body(source, samples.CHUNKS if name == "CHAT_STREAM" else [samples.COMPLETION * 2])
    whole, cut = (_read(name, accumulator, pieces) for pieces in ([body], source.cut(body, seed)))
    assert whole == cut, "cuts change the stream"


def _read(name: str, accumulator: Callable[[], Any], pieces: list[bytes]) -> list[str]:
    reader: Any = StreamReader(_CALLS[name], accumulator())
    seen: list[str] = []
    for piece in pieces:
        if not reader.is_done:
            reader.feed(piece)
    if not reader.is_done:
        reader.end()
    try:
        while (chunk := reader.next()) is not None:
            seen.append(repr(chunk))
    except InferenceError as error:
        _check_shown(error)
        seen.append(type(error).__name__)
    seen.append(repr(reader.result()))
    return seen


def waits(data: bytes) -> None:
    """Any words on how long to wait are a number of seconds or none, and no wait is longer than the policy has it."""
    source = Source(data)
    names = [source.choose(_HEADERS[:3]) for _ in range(1 + source.byte() % 3)]
    text = source.rest().decode("latin-1")
    headers = dict(zip(names, text.split("\n"), strict=False))
    asked = retry_after(headers, now=1_800_000_000.0)
    assert asked is None or asked >= 0, "a wait that is none"
    policy = RetryPolicy()
    try:
        protocol.raise_for_status(_CALLS["CHAT"], 429, headers, text.encode())
    except APIStatusError as error:
        if policy.should_retry(error):
            assert 0 <= policy.delay(1, error) <= max(policy.max_delay, policy.max_retry_after)


def _body(source: Source, known: list[Any]) -> bytes:
    kind = source.byte() % 4
    if kind == 0:
        return source.rest()
    return json.dumps(source.value() if kind == 1 else source.changed(source.choose(known))).encode()


def stream_body(source: Source, known: list[list[Any]]) -> bytes:
    """The bytes of an event stream: any at all, or events that resemble real ones."""
    if source.byte() % 4 == 0:
        return source.rest()
    ends = source.choose([b"\n\n", b"\r\n\r\n", b"\r\r", b"\n"])
    begins = source.choose([b"data: ", b"data:", b": keep-alive\ndata: ", b"event: error\ndata: ", b""])
    chunks = [json.dumps(chunk).encode() for chunk in source.changed(source.choose(known))]
    body = b"".join(begins + chunk + ends for chunk in chunks)
    return body + source.choose([b"data: [DONE]\n\n", b"", b"data: [DONE]"])


def _check_shown(error: InferenceError) -> None:
    text = str(error)
    text.encode()
    assert len(text) <= _LONGEST_MESSAGE, "a long message"
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), twin.message) == (type(error), error.message)


TARGETS: dict[str, Target] = {target.__name__: target for target in (events, bodies, refusals, answers, streams, waits)}
DICTIONARY = [*WORDS, "data: ", "[DONE]", "event: error", "Retry-After", "inf", "nan", "1e999"]
