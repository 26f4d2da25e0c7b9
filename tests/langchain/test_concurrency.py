"""One model object everywhere at once: threads, event loops one after another, forks, and hundreds of calls."""

from __future__ import annotations

import asyncio
import gc
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel

from langchain_azure_inference import AzureInferenceEmbeddings, ChatAzureInference


@pytest.fixture
def model(emulator: Any) -> ChatAzureInference:
    """A model over the emulator."""
    return ChatAzureInference(endpoint=emulator.url, credential="canary-5ecret", model="emulated-chat")


def test_threads(model: ChatAzureInference) -> None:
    """Each of many threads gets the answer to its own question."""
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda number: model.invoke(f"number {number}").content, range(100)))

    assert [f"number {number}" in answer for number, answer in enumerate(answers)] == [True] * 100


def test_loops(emulator: Any, model: ChatAzureInference) -> None:
    """Event loops may come and go; each call works in each, once, and nothing is left unclosed."""
    embeddings = AzureInferenceEmbeddings(endpoint=emulator.url, credential="canary-5ecret", model="emulated-embed")

    async def work(number: int) -> str:
        await embeddings.aembed_query("x")
        pieces = [chunk.text async for chunk in model.astream(f"number {number}")]
        answer = await model.ainvoke(f"number {number}")
        assert "".join(pieces) == answer.text
        return answer.text

    for number in range(3):
        assert f"number {number}" in asyncio.run(work(number))
    gc.collect()


def test_batches(model: ChatAzureInference) -> None:
    """500 questions at once are each answered."""
    questions = [f"number {number}" for number in range(500)]

    answers = asyncio.run(model.abatch(questions))

    assert [question in answer.text for question, answer in zip(questions, answers, strict=True)] == [True] * 500


def test_several_loops_at_once(model: ChatAzureInference) -> None:
    """Threads with an event loop each share the model."""

    async def work(number: int) -> str:
        return (await model.ainvoke(f"number {number}")).text

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda number: asyncio.run(work(number)), range(8)))

    assert [f"number {number}" in answer for number, answer in enumerate(answers)] == [True] * 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_fork(model: ChatAzureInference) -> None:
    """A child of a fork makes connections of its own, and leaves those of its parent alone."""
    assert model.invoke("before").text
    child = os.fork()
    if not child:
        try:
            right = "in the child" in model.invoke("in the child").text
            right = right and "again" in asyncio.run(model.ainvoke("again")).text
            os._exit(0 if right else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert "after" in model.invoke("after").text


@pytest.mark.parametrize("stop", [None, ["a"]])
def test_what_traces_and_caches_are_shown(
    model: ChatAzureInference, stop: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parameters of a call are those that langchain-core gives, without silencing the warnings of all threads."""
    langchains = BaseChatModel._get_invocation_params(model, stop=stop, seed=1)

    with monkeypatch.context() as patch:
        patch.setattr(warnings, "catch_warnings", lambda **_: pytest.fail("touched the filters of all threads"))
        assert model._get_invocation_params(stop=stop, seed=1, headers={"x-key": "k"}) == langchains
        assert model.invoke("hi").text
