"""What a type checker tells the users of the core; `make check` reads it, and nothing runs it."""

from __future__ import annotations

from typing import assert_type

import azure_inference as core

REQUEST = core.ChatRequest(model="m", messages=[core.UserMessage(content="hello")])
TEXTS = core.EmbeddingsRequest(model="m", input=["one", "two"])


def plain(client: core.InferenceClient) -> None:
    """Each method of the client for plain code has an exact answer type."""
    assert_type(client.chat(REQUEST), core.ChatCompletion)
    assert_type(client.complete(core.CompletionRequest(prompt="hello")), core.Completion)
    assert_type(client.embed(TEXTS), core.EmbeddingsResult)
    assert_type(client.info(), core.ModelInfo)
    with client.stream_chat(REQUEST) as stream:
        for chunk in stream:
            assert_type(chunk, core.ChatCompletionChunk)
        assert_type(stream.so_far, core.ChatCompletion | None)


async def asynchronous(client: core.AsyncInferenceClient) -> None:
    """So has its twin for async code."""
    assert_type(await client.chat(REQUEST), core.ChatCompletion)
    assert_type(await client.complete(core.CompletionRequest(prompt="hello")), core.Completion)
    assert_type(await client.embed(TEXTS), core.EmbeddingsResult)
    assert_type(await client.info(), core.ModelInfo)
    async with await client.stream_chat(REQUEST) as stream:
        async for chunk in stream:
            assert_type(chunk, core.ChatCompletionChunk)
        assert_type(stream.so_far, core.ChatCompletion | None)


def errors(error: core.InferenceError) -> None:
    """An error can be told apart by class, and what it knows is typed."""
    match error:
        case core.RateLimitError():
            assert_type(error.retry_after, float | None)
        case core.APIStatusError():
            assert_type(error.status_code, int)
        case _:
            pass
