"""Whatever a service sends, on any route, in any form: only answers and errors of ours come of it."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_inference import APIStatusError, InferenceError, dialects, protocol
from azure_inference.accumulate import ChatAccumulator, CompletionAccumulator
from azure_inference.reader import StreamReader
from tests.core import endpoints
from tests.core.test_chunks import SHAPED as SHAPED_CHUNKS
from tests.core.test_chunks import as_bytes


def call(name: str = "CHAT") -> Any:
    """A call as a client makes it."""
    target = dialects.resolve("https://x.services.ai.azure.com/models")
    return protocol.prepare(target, getattr(endpoints, name), None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text(st.characters(categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
WORDS = [
    "error", "message", "detail", "details", "code", "status", "statusCode", "param", "target", "loc", "input", "value",
    "msg", "innererror", "inner_error", "content_filter_result", "choices", "delta", "tool_calls", "function", "index",
    "usage", "data", "embedding", "id", "content", "arguments", "audio", "logprobs", "content_filter_results",
]  # fmt: skip
SHAPED = st.recursive(
    JSON,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6)
        | st.builds(json.dumps, inner)
        | st.builds(repr, inner)
    ),
    max_leaves=15,
)
BODIES = st.binary(max_size=200) | st.builds(lambda value: json.dumps(value).encode(), SHAPED)
CHUNKS = st.one_of(*SHAPED_CHUNKS.values()).map(as_bytes)
EVENTS = st.builds(lambda data: b"data: " + data + b"\n\n", CHUNKS | CHUNKS | BODIES | st.just(b"[DONE]"))
HEADERS = st.dictionaries(
    st.sampled_from(
        ["retry-after", "retry-after-ms", "x-request-id", "x-ms-error-code", "ms-azureml-model-error-statuscode"]
    ),
    st.text(max_size=12),
)


@given(st.sampled_from([400, 401, 404, 422, 424, 429, 500, 599]), HEADERS, BODIES)
def test_any_refusal_is_a_status_error(status: int, headers: dict[str, str], body: bytes) -> None:
    """Whatever a refusal holds, it is told, can be printed, and can cross processes."""
    with pytest.raises(APIStatusError) as caught:
        protocol.raise_for_status(call(), status, headers, body)

    str(caught.value).encode()
    assert 400 <= caught.value.status_code <= 599
    assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message


@given(st.sampled_from(["CHAT", "COMPLETIONS", "EMBEDDINGS", "IMAGE_EMBEDDINGS", "INFO"]), BODIES)
def test_any_200_is_an_answer_or_an_error_of_ours(name: str, body: bytes) -> None:
    """Nothing that comes with status 200 makes anything but an answer or an InferenceError."""
    try:
        protocol.read_answer(call(name), 200, {}, body)
    except InferenceError as error:
        str(error).encode()


@given(
    st.sampled_from([("CHAT_STREAM", ChatAccumulator), ("COMPLETIONS_STREAM", CompletionAccumulator)]),
    st.lists(EVENTS, max_size=5) | st.lists(BODIES | EVENTS, max_size=5),
)
def test_any_stream_is_chunks_or_an_error_of_ours(kind: tuple[str, Any], pieces: list[bytes]) -> None:
    """Nothing that comes as a stream makes anything but chunks or an InferenceError."""
    reader: Any = StreamReader(call(kind[0]), kind[1]())
    try:
        for piece in pieces:
            if not reader.is_done:
                reader.feed(piece)
        reader.end()
        while reader.next() is not None:
            pass
    except InferenceError as error:
        str(error).encode()
    reader.result()
