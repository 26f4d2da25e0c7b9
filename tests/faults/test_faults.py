"""Every fault of the tables through both adapters, sync and async."""

from __future__ import annotations

import asyncio
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langchain_core.exceptions import ModelError
from llama_index.core.llms import ChatMessage

import azure_inference
from azure_inference import APITimeoutError, InferenceError, InternalServerError

from .answers import GOOD, TEXT, refused, streamed, words
from .cases import CASES, Case
from .catalogue import FAULTS, PROMISES
from .judge import matches
from .libraries import KEY, OURS, PROMPT, Job
from .page import promises
from .server import RawServer

ROOT = Path(__file__).resolve().parents[2]
AMPLE = {"read": 10.0, "idle": 10.0, "total": 20.0}

frameworks = pytest.mark.parametrize("framework", OURS)
modes = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@frameworks
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_fault(case: Case, framework: str) -> None:
    """A fault ends in the right answer or in the error that the table names, after so many requests; nothing leaks.
    Sync and async at once: most of the time is spent waiting.
    """
    with ThreadPoolExecutor(2) as pool:
        plays = {mode: pool.submit(play, case, framework, mode == "async") for mode in ("sync", "async")}
    for mode, outcome in plays.items():
        error = outcome.exception()
        if error is not None:
            error.add_note(f"in {mode} code")
            raise error


def play(case: Case, framework: str, is_async: bool) -> None:
    """One run of a case."""
    error = case.error_in(framework)
    with case.playing() as (server, foreign):
        job = case.to_job(server.root, is_async=is_async, at_once=True, limits={**AMPLE, **case.limits})
        if error is None:
            heard = ask(framework, job)
            assert all(matches(case.right, one) for one in heard), heard
        else:
            with pytest.raises(InferenceError) as caught:
                ask(framework, job)
            check(caught.value, error, case)
            assert isinstance(caught.value, ModelError) == (framework == "langchain")

    check_traffic(case, server)
    assert foreign.requests == []


def ask(framework: str, job: Job) -> list[Any]:
    """What is heard through a framework."""
    return OURS[framework].ask(OURS[framework].model(job), job)


def check(error: InferenceError, name: str, case: Case) -> None:
    """The error is of the class, says what it should, is short, travels between processes, and tells no secret."""
    ours = next(kind for kind in type(error).__mro__ if kind.__module__ == "azure_inference.errors")
    assert ours is getattr(azure_inference, name), repr(error)
    assert {name: getattr(error, name) for name in case.fields} == case.fields
    if case.partial is not None:
        assert partial_text(error) == case.partial
    assert len(str(error)) < 800
    assert KEY not in repr(error)
    assert type(pickle.loads(pickle.dumps(error))) is type(error)


def partial_text(error: Any) -> str:
    """What had arrived of a stream."""
    return str(error.partial.choices[0].message.text)


def check_traffic(case: Case, server: RawServer) -> None:
    """Requests are as many as may be, as far apart as was asked for, and hold nothing that they must not hold."""
    if case.requests is not None:
        assert len(server.requests) == case.requests
    if case.least_wait:
        assert server.times[1] - server.times[0] >= case.least_wait
    if case.never_sent is not None:
        assert not any(case.never_sent in head for head in server.requests)
    assert all(PROMPT.encode() in body for body in server.bodies)


@frameworks
@modes
def test_budget(framework: str, is_async: bool) -> None:
    """One model object stops trying again when the service is down for good, and says so."""
    with RawServer() as server:
        server.script("request", refused(503))
        job = Job(url=server.root, call="chat", is_async=is_async, at_once=True, **AMPLE)
        model = OURS[framework].model(job)
        exhausted = []
        for _ in range(40):
            with pytest.raises(InternalServerError) as caught:
                OURS[framework].ask(model, job)
            exhausted.append(caught.value.retry_budget_exhausted)

    assert len(server.requests) <= 40 + 500 // 14
    assert exhausted == sorted(exhausted), "once it is exhausted it stays so"
    assert exhausted[-1]


@frameworks
@modes
def test_full_pool(framework: str, is_async: bool) -> None:
    """While every connection is in use, a call waits for one no longer than it may; one given back is free at once."""
    with RawServer() as server:
        server.script("request", streamed(words("hel", finish_reason=None), end=False), "stall")
        server.script(*GOOD["chat"])
        job = Job(url=server.root, call="stream", is_async=is_async, pool=0.1, **AMPLE)
        model = OURS[framework].model(job)
        if is_async:
            caught, text = asyncio.run(_ask_beside_async(framework, model))
        else:
            caught, text = _ask_beside(framework, model)

    assert (caught.phase, caught.attempts) == ("pool", 1)
    assert isinstance(caught, ModelError) == (framework == "langchain")
    assert text == TEXT
    assert len(server.requests) == 2


def _ask_beside(framework: str, model: Any) -> tuple[APITimeoutError, str]:
    question: Any = PROMPT if framework == "langchain" else [ChatMessage(content=PROMPT)]
    ask, stream = (model.invoke, model.stream) if framework == "langchain" else (model.chat, model.stream_chat)
    opened = stream(question)
    next(opened)
    with pytest.raises(APITimeoutError) as caught:
        ask(question)
    opened.close()
    return caught.value, text_of(ask(question))


async def _ask_beside_async(framework: str, model: Any) -> tuple[APITimeoutError, str]:
    question: Any = PROMPT if framework == "langchain" else [ChatMessage(content=PROMPT)]
    ask = model.ainvoke if framework == "langchain" else model.achat
    opened = model.astream(question) if framework == "langchain" else await model.astream_chat(question)
    await anext(opened)
    with pytest.raises(APITimeoutError) as caught:
        await ask(question)
    await opened.aclose()
    return caught.value, text_of(await ask(question))


def text_of(answer: Any) -> str:
    """What a framework's answer says."""
    return str(answer.content if hasattr(answer, "content") else answer.message.content)


@frameworks
@modes
@pytest.mark.usefixtures("misleading_environment")
def test_environment(framework: str, is_async: bool) -> None:
    """Neither proxies nor passwords are taken from the environment."""
    with RawServer() as server:
        server.script(*GOOD["chat"])
        ask(framework, Job(url=server.root, call="chat", is_async=is_async, **AMPLE))

    (head,) = server.requests
    assert f"\r\napi-key: {KEY}".encode() in head
    assert b"Basic" not in head


def test_catalogue() -> None:
    """Every fault is in the tables or names its tests, every promise is put to the test, and nothing is unnumbered."""
    tabled = {case.fault for case in CASES}

    assert list(FAULTS) == [f"F{number:02}" for number in range(1, 69)]
    assert list(PROMISES) == list(range(1, 27))
    assert tabled <= FAULTS.keys()
    assert {number for fault in FAULTS.values() for number in fault.promises} == PROMISES.keys()
    assert [name for name, fault in FAULTS.items() if name not in tabled and not fault.elsewhere] == []
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize("place", sorted({place for fault in FAULTS.values() for place in fault.elsewhere}))
def test_places(place: str) -> None:
    """What the catalogue names is there."""
    file, _, function = place.partition("::")

    text = (ROOT / file).read_text(encoding="utf-8")
    assert not function or f"def {function}(" in text


def test_page() -> None:
    """The page makes the promises of the catalogue, and tells of this library nothing that must not happen."""
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    counts = [line.split(" | ") for line in text.splitlines() if line.startswith("| ours (")][: len(OURS)]

    assert promises() in text
    assert [row[4:8] for row in counts] == [["0"] * 4] * len(OURS), "obscure, silent, hang, leak"
