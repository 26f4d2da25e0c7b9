"""What LangChain's caches find an answer by."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache

from langchain_azure_inference import AzureInferenceLLM, ChatAzureInference

DEPLOYMENT = "azureml-model-deployment"


@pytest.fixture(params=[ChatAzureInference, AzureInferenceLLM], ids=lambda kind: kind.__name__)
def make(request: pytest.FixtureRequest, emulator: Any) -> Any:
    """Makes models of a kind, which have a cache in common."""
    cache = InMemoryCache()
    usual = {"endpoint": emulator.url, "credential": "canary-5ecret", "model": "emulated-chat", "cache": cache}
    return lambda **options: request.param(**{**usual, **options})


@pytest.fixture
def variants(emulator: Any) -> list[dict[str, Any]]:
    """What makes another answer."""
    return [
        {},
        {"model": "emulated-chat-2"},
        {"temperature": 0},
        {"model_kwargs": {"top_k": 1}},
        {"endpoint": f"{emulator.root}/v1"},
        {"extra_parameters": "drop"},
        {"headers": {DEPLOYMENT: "blue"}},
        {"headers": {DEPLOYMENT.title(): "green"}},
    ]


def test_other_models(make: Any, variants: Any, sent: Any) -> None:
    """The same question is answered from the cache, but never that of another model, parameter or endpoint."""
    for _ in range(2):
        for variant in variants:
            make(**variant).invoke("hi")

    assert len(sent()) == len(variants)


@pytest.mark.parametrize("way", ["model_copy", "set", "copied and set"])
def test_changed_models(make: Any, variants: Any, sent: Any, way: str) -> None:
    """A model that was changed after a call, or is a changed copy, is another one."""
    for variant in variants:
        model = make()
        model.invoke("hi")
        if way == "model_copy":
            model = model.model_copy(update=variant)
        else:
            model = copy.copy(model) if way == "copied and set" else model
            for name, value in variant.items():
                setattr(model, name, value)
        model.invoke("hi")

    assert len(sent()) == len(variants)


def test_keywords_of_calls(make: Any, sent: Any) -> None:
    """What a call says counts, bound or not; what is LangChain's own, and other headers, do not."""
    model = make()
    differing = [
        {},
        {"model": "emulated-chat-2"},
        {"max_tokens": 3},
        {"max_tokens": 3, "stop": ["x"]},
        {"top_k": 1},
        {"headers": {DEPLOYMENT: "blue"}},
        {"headers": {DEPLOYMENT: "green"}},
    ]

    for keywords in differing:
        model.invoke("hi", **keywords)
        model.bind(**keywords).invoke("hi", config={"tags": ["a"], "metadata": {"b": 1}, "run_name": "c"})
    model.invoke("hi", headers={"x-of-mine": "1"}, timeout=30)

    assert len(sent()) == len(differing)


async def test_keywords_of_async_calls(make: Any, sent: Any) -> None:
    """The same in async code, of calls at once."""
    for _ in range(2):
        model = make()
        await model.abatch(["hi", "ho"], max_tokens=3)
        await model.ainvoke("hi", max_tokens=4)

    assert sorted(request["body"]["max_tokens"] for request in sent()) == [3, 3, 4]
