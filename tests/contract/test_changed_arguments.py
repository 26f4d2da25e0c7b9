"""Arguments that are set after an object was made: they count from the next call on, and keys are not shown."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from azure_inference import ConfigurationError, Connection
from tests.core.conftest import ScriptedServer
from tests.security.doors import DOORS, WAYS
from tests.security.test_written_down import script

from . import changes

frameworks = pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
SECRET = "canary-5ecret"


changed = pytest.mark.parametrize("change", [changes.changed, changes.copied, changes.copied_by_an_older_name])


@frameworks
@changed
@pytest.mark.parametrize("way", WAYS)
def test_another_endpoint(server: Any, framework: str, way: str, change: Callable[..., Any]) -> None:
    """A model that was used asks the endpoint that it is given, with the key and headers that it is given."""
    door = DOORS[framework]
    model = door.model(way, endpoint=server.url, credential="before", max_retries=0)
    script(server, way, "good")
    door.ask(way, model)
    before = len(server.requests)
    with ScriptedServer() as other:
        script(other, way, "good")
        model = change(model, endpoint=other.url, credential=SECRET, headers={"x-key": SECRET})
        door.ask(way, model)

    assert len(server.requests) == before
    assert other.requests[0].headers["api-key"] == other.requests[0].headers["x-key"] == SECRET
    assert SECRET not in f"{vars(model)!r} {model!r}"


@frameworks
@changed
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["model", "model_name"])
def test_by_other_names(server: Any, framework: str, way: str, change: Callable[..., Any], name: str) -> None:
    """Arguments are changed by their aliases as by their names; either name tells the model."""
    door = DOORS[framework]
    model = door.model(way, endpoint=server.url, credential="before", max_retries=0)
    assert (model.model, model.model_name) == ("m", "m")
    script(server, way, "good")
    model = change(model, **{name: "another", "api_key": SECRET})
    door.ask(way, model)

    assert (model.model, model.model_name) == ("another", "another")
    assert json.loads(server.requests[0].body)["model"] == "another"
    assert server.requests[0].headers["api-key"] == SECRET
    assert SECRET not in f"{vars(model)!r} {model!r}"


@frameworks
@pytest.mark.parametrize("way", ["chat", "embed"])
def test_no_further_parameters(server: Any, framework: str, way: str) -> None:
    """None as further parameters means none."""
    door = DOORS[framework]
    names = ["model_kwargs", *(["additional_kwargs"] if (framework, way) == ("llamaindex", "chat") else [])]
    model = door.model(way, endpoint=server.url, credential="k", **dict.fromkeys(names))
    script(server, way, "good")
    door.ask(way, model)
    assert [getattr(model, name) for name in names] == [{}] * len(names)
    assert not server.requests[0].json.keys() & {*names}


@frameworks
@changed
@pytest.mark.parametrize("way", ["chat", "embed"])
@pytest.mark.parametrize("other", [None, "extra_body"])
def test_no_further_parameters_any_more(
    server: Any, framework: str, way: str, change: Callable[..., Any], other: str | None
) -> None:
    """They are taken back by None as well."""
    door = DOORS[framework]
    names = [other or "model_kwargs", *(["additional_kwargs"] if (framework, way) == ("llamaindex", "chat") else [])]
    model = door.model(way, endpoint=server.url, credential="k", **{name: {"wide": 1} for name in names})
    model = change(model, **dict.fromkeys(names))
    script(server, way, "good")
    door.ask(way, model)
    assert model.model_kwargs == {}
    assert not server.requests[0].json.keys() & {"wide", *names}


@frameworks
def test_by_both_names(server: Any, framework: str) -> None:
    """An argument that is given by both its names is refused."""
    model = DOORS[framework].model("chat", endpoint=server.url, credential="k")
    with pytest.raises(ConfigurationError, match="credential and api_key are the same argument"):
        model.model_copy(update={"credential": "a", "api_key": "b"})


@frameworks
@changed
def test_options(server: Any, framework: str, change: Callable[..., Any]) -> None:
    """Other options count as well, and a model's own parameters as ever."""
    door = DOORS[framework]
    model = door.model("chat", endpoint=server.url, credential="k", max_retries=5)
    server.reply_json({"error": {"message": "no"}}, 503)
    model = change(model, max_retries=0, temperature=0.5)

    with pytest.raises(Exception, match="503"):
        door.ask("chat", model)
    assert [json.loads(request.body)["temperature"] for request in server.requests] == [0.5]


@frameworks
def test_what_is_shared(server: Any, framework: str) -> None:
    """Copies share the connection of a model, also if other arguments of theirs are changed."""
    model = DOORS[framework].model("chat", endpoint=server.url, credential="k")

    assert copy.deepcopy(model).connection is model.connection
    copied = model.model_copy(update={"temperature": 0.5})
    assert copied.connection is model.connection
    copied.timeout = 5
    assert copied.connection is not model.connection


@frameworks
def test_set_while_a_connection_is_made(monkeypatch: pytest.MonkeyPatch, framework: str) -> None:
    """An argument that is set while another thread makes the connection counts from the next call on, too."""
    model = DOORS[framework].model("chat", endpoint="https://a.example/models", credential="k")
    model.timeout = 5
    make = Connection.of

    def slowly(owner: Any) -> Connection:
        made = make(owner)
        owner.endpoint = "https://b.example/models"
        return made

    monkeypatch.setattr(Connection, "of", slowly)
    assert model.connection.identity["endpoint"] == "https://a.example/models"
    monkeypatch.undo()
    assert model.connection.identity["endpoint"] == "https://b.example/models"
    assert model.connection is model.connection


@frameworks
@pytest.mark.parametrize("fields", [{"include": {"model"}}, {"exclude": {"credential"}}], ids=str)
def test_no_copy_of_some_fields(framework: str, fields: dict[str, Any]) -> None:
    """There is no copy of some fields only, which pydantic 1 had: such a model would have no endpoint."""
    model = DOORS[framework].model("chat", endpoint="https://x.example", credential="k")
    with pytest.raises(ConfigurationError, match="include and exclude are not for copies"):
        model.copy(**fields)
    assert model.copy(deep=True).connection is model.connection


@frameworks
def test_a_wrong_one(server: Any, framework: str) -> None:
    """A wrong argument is an error of the next call that names it; set right, the model is as good as new."""
    door = DOORS[framework]
    model = door.model("chat", endpoint=server.url, credential="k")
    script(server, "chat", "good")
    model.endpoint = "ftp://x"

    with pytest.raises(ValueError, match="endpoint"):
        door.ask("chat", model)
    model.endpoint = server.url
    assert door.ask("chat", model)
