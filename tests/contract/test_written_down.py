"""Models that are written down as JSON: what is loaded is the same model, with the key from the environment."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.load import dumps, loads

from azure_inference import RetryPolicy, Timeouts
from tests.canary import KEY
from tests.security.doors import DOORS

OPTIONS: list[dict[str, Any]] = [
    {"timeout": 9, "max_retries": 1},
    {"timeout": Timeouts(read=3.5, total=None), "retry": RetryPolicy(max_retries=4, retry_on_timeout=True)},
]


def _langchain(model: Any) -> Any:
    return loads(
        dumps(model),
        valid_namespaces=["langchain_azure_inference"],
        allowed_objects=[type(model)],
        secrets_from_env=True,
    )


def _llamaindex(model: Any) -> Any:
    return type(model).from_dict(json.loads(json.dumps(model.to_dict())))


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
@pytest.mark.parametrize("options", OPTIONS, ids=["numbers", "objects"])
@pytest.mark.parametrize("way", ["chat", "embed"])
@pytest.mark.parametrize(("framework", "again"), [("langchain", _langchain), ("llamaindex", _llamaindex)])
def test_options(
    monkeypatch: pytest.MonkeyPatch, framework: str, again: Any, way: str, options: dict[str, Any]
) -> None:
    """Timeouts and retries come back as they were, be they numbers or objects of ours."""
    monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", KEY)
    model = DOORS[framework].model(way, endpoint="https://nobody.example/models", **options)

    loaded = again(model)

    assert {name: getattr(loaded, name) for name in options} == options
    assert loaded.connection.identity == model.connection.identity
