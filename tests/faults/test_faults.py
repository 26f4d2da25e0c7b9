"""Every fault of the tables through both adapters, in plain and in async code."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from langchain_core.exceptions import ModelError

import azure_inference
from azure_inference import InferenceError

from .cases import CASES, Case
from .judge import matches
from .libraries import KEY, OURS, PROMPT
from .server import RawServer

AMPLE = {"read": 10.0, "idle": 10.0, "total": 20.0}

frameworks = pytest.mark.parametrize("framework", OURS)
modes = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@frameworks
@modes
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_fault(case: Case, framework: str, is_async: bool) -> None:
    """A fault ends in the right answer or in the error that the table names, after so many requests; nothing leaks."""
    error = case.error_in(framework)
    with case.playing() as (server, foreign):
        job = case.to_job(server.root, is_async=is_async, at_once=True, limits={**AMPLE, **case.limits})
        if error is None:
            heard = OURS[framework].run(job)
            assert all(matches(case.right, one) for one in heard), heard
        else:
            with pytest.raises(InferenceError) as caught:
                OURS[framework].run(job)
            check(caught.value, error, case)
            assert isinstance(caught.value, ModelError) == (framework == "langchain")

    check_traffic(case, server)
    assert foreign.requests == []


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
