"""Models that are written down as JSON: what is loaded is the same model, with the key from the environment."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.load import dumps, loads
from pydantic import BaseModel, ConfigDict, PrivateAttr, TypeAdapter

from azure_inference import RetryPolicy, Timeouts
from langchain_azure_inference import AzureInferenceEmbeddings, AzureInferenceLLM, ChatAzureInference
from llamaindex_azure_inference import AzureInference, AzureInferenceCompletion, AzureInferenceEmbedding
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


WRITTEN: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("langchain", "dumps"): _langchain,
    ("llamaindex", "to_dict"): _llamaindex,
    ("llamaindex", "arguments"): lambda model: type(model)(**model.model_dump()),
    ("llamaindex", "model_dump"): lambda model: type(model).model_validate(model.model_dump()),
    ("llamaindex", "model_dump_json"): lambda model: type(model).model_validate_json(model.model_dump_json()),
}


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
@pytest.mark.parametrize("options", OPTIONS, ids=["numbers", "objects"])
@pytest.mark.parametrize("way", ["chat", "embed"])
@pytest.mark.parametrize(("framework", "written"), WRITTEN)
def test_options(
    monkeypatch: pytest.MonkeyPatch, framework: str, written: str, way: str, options: dict[str, Any]
) -> None:
    """Timeouts and retries come back as they were, be they numbers or objects of ours."""
    monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", KEY)
    model = DOORS[framework].model(way, endpoint="https://nobody.example/models", **options)

    loaded = WRITTEN[framework, written](model)

    assert {name: getattr(loaded, name) for name in options} == options
    assert loaded.connection.identity == model.connection.identity


class LangChainChild(ChatAzureInference):
    """A class of a user's, with something of its own."""

    _notes: list[str] = PrivateAttr(default_factory=list)

    def model_post_init(self, context: Any, /) -> None:
        """Asked by pydantic once the object is made."""
        super().model_post_init(context)
        self._notes.append("made")


class LlamaIndexChild(AzureInference):
    """The same of the other framework."""

    _notes: list[str] = PrivateAttr(default_factory=list)

    def model_post_init(self, context: Any, /) -> None:
        """Asked by pydantic once the object is made."""
        super().model_post_init(context)
        self._notes.append("made")


@pytest.mark.parametrize("kind", [LangChainChild, LlamaIndexChild])
def test_classes_of_users(kind: Any) -> None:
    """A class with private attributes keeps them as pydantic does, in copies and pickles; a key it does not."""
    model = kind(endpoint="https://nobody.example/models", credential=KEY, temperature=0.5)
    model._notes.append("used")
    written = pickle.dumps(model)
    loaded = pickle.loads(written)

    assert model._notes == ["made", "used"]
    assert model.model_copy()._notes == ["made", "used"]
    assert model.model_copy().connection is model.connection
    assert loaded._notes[0] == "made"
    assert (loaded.temperature, loaded.endpoint, loaded.credential) == (0.5, model.endpoint, None)
    assert KEY.encode() not in written


class LangChainPool(ChatAzureInference):
    """What a user may keep in a model, called as we might call our own."""

    _connection: str = PrivateAttr(default="theirs")


class LlamaIndexPool(AzureInference):
    """The same of the other framework."""

    _connection: str = PrivateAttr(default="theirs")


@pytest.mark.parametrize("kind", [LangChainPool, LlamaIndexPool])
def test_names_of_users(kind: Any) -> None:
    """A private attribute of theirs is never ours, whatever its name."""
    model = kind(endpoint="https://nobody.example/models", credential=KEY)

    assert model._connection == "theirs"
    model._connection = "another"
    assert [each._connection for each in (model, model.model_copy(), pickle.loads(pickle.dumps(model)))] == [
        "another"
    ] * 3
    assert model.connection.identity


class Holder(BaseModel):
    """What holds a model among others, as agents do."""

    model: ChatAzureInference | AzureInference | str


@pytest.mark.parametrize("kind", [ChatAzureInference, AzureInference])
def test_the_connection_is_no_data(kind: Any) -> None:
    """The connection, made with the model, is in no form of its data, and tells no two models apart."""
    model = kind(endpoint="https://nobody.example/models", credential=KEY)
    twin = model.model_copy(update={"timeout": None})
    forms = [dict(model), model.model_dump(), Holder(model=model).model_dump()["model"]]

    assert model == twin
    assert model.connection is not twin.connection
    assert [set(form) - set(kind.model_fields) - {"class_name"} for form in forms] == [set()] * 3
    assert "Connection" not in repr(model)


@pytest.mark.parametrize(
    "parent",
    [
        ChatAzureInference,
        AzureInferenceLLM,
        AzureInferenceEmbeddings,
        AzureInference,
        AzureInferenceCompletion,
        AzureInferenceEmbedding,
    ],
)
def test_classes_that_revalidate(parent: Any) -> None:
    """A class that has pydantic make objects anew gets the same arguments: what is kept beside them is none of them."""

    class Child(parent):
        model_config = ConfigDict(revalidate_instances="always")

    model = Child(endpoint="https://nobody.example/models", credential=KEY, model="m")
    _ = model.connection, getattr(model, "_serialized", None)

    again: Any = TypeAdapter(Child).validate_python(model)

    assert again is not model
    assert again == model
