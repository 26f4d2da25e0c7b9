"""Nothing of one model reaches another, and nothing of the surroundings reaches a request, by whichever door."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from azure_inference import ResponseValidationError
from tests.canary import KEY

from .doors import DOORS
from .test_exceptions import HeldKey

ANSWER = {
    "id": "c",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "data": [{"index": 0, "embedding": [1.0, 2.0]}, {"index": 1, "embedding": [2.0, 1.0]}],
}
BOTH = pytest.mark.parametrize("way", ["chat", "achat", "embed", "aembed"])
ALL = pytest.mark.parametrize("door", DOORS)


@pytest.fixture
def asked(server: Any) -> Any:
    """Makes a model, asks it, and gives the request that came of it."""
    server.reply_json(ANSWER)

    def asked(door: str, way: str, **arguments: Any) -> Any:
        DOORS[door].ask(way, DOORS[door].model(way, **{"endpoint": server.url, "credential": KEY, **arguments}))
        return server.requests[-1]

    return asked


@BOTH
@ALL
def test_shared_dicts(asked: Any, door: str, way: str) -> None:
    """Two models that were given the same objects send their own keys, and leave the objects as they were."""
    headers = {"x-team": "a"}
    more = {} if door == "core" else {"model_kwargs": {"top_k": 1, "nested": {"a": [1]}}}
    before = copy.deepcopy((headers, more))
    first = asked(door, way, headers=headers, credential=f"{KEY}-1", **more)
    second = asked(door, way, headers=headers, credential=f"{KEY}-2", **more)

    assert (headers, more) == before
    assert (first.headers["api-key"], second.headers["api-key"]) == (f"{KEY}-1", f"{KEY}-2")
    assert second.headers["authorization"] == f"Bearer {KEY}-2"
    assert (first.headers["x-team"], second.headers["x-team"]) == ("a", "a")


@BOTH
@ALL
def test_settings_of_one_model(asked: Any, door: str, way: str) -> None:
    """The api-version, headers and parameters of one model are not those of the next."""
    asked(door, way, api_version="2030-01-01", headers={"x-team": "a"}, extra_parameters="drop")
    plain = asked(door, way)

    assert "2030-01-01" not in plain.path
    assert "x-team" not in plain.headers
    assert "extra-parameters" not in plain.headers


@pytest.mark.parametrize(
    "name", ["temperature", "seed", "top_p", "max_tokens", "frequency_penalty", "presence_penalty"]
)
@pytest.mark.parametrize("door", ["langchain", "llamaindex"])
def test_zeros(asked: Any, door: str, name: str) -> None:
    """0 is sent as 0, whether a model or its `model_kwargs` say it; what nobody said is not sent."""
    assert asked(door, "chat", **{name: 0}).json[name] == 0
    assert asked(door, "chat", model_kwargs={name: 0, "flag": False}).json[name] == 0
    assert asked(door, "chat", model_kwargs={"flag": False}).json["flag"] is False
    assert name not in asked(door, "chat").json


@BOTH
@ALL
def test_rotated_keys(server: Any, door: str, way: str) -> None:
    """A key that is replaced while a model lives counts from the next request on, in both headers."""
    server.reply_json(ANSWER)
    holder = HeldKey(f"{KEY}-old")
    model = DOORS[door].model(way, endpoint=server.url, credential=holder)
    DOORS[door].ask(way, model)
    holder.key = f"{KEY}-new"
    DOORS[door].ask(way, model)

    first, second = ((got.headers["authorization"], got.headers["api-key"]) for got in server.requests)
    assert first == (f"Bearer {KEY}-old", f"{KEY}-old")
    assert second == (f"Bearer {KEY}-new", f"{KEY}-new")


@BOTH
@ALL
def test_refused_tokens(server: Any, door: str, way: str) -> None:
    """A token that is refused is replaced by a new one, once, which the same call goes on with."""
    given: list[str] = []

    def give() -> str:
        given.append(f"{KEY}-{len(given)}")
        return given[-1]

    server.reply_json({"error": {"code": "401", "message": "expired"}}, 401)
    server.reply_json(ANSWER)
    DOORS[door].ask(way, DOORS[door].model(way, endpoint=server.url, credential=give, max_retries=0))

    assert [got.headers["authorization"] for got in server.requests] == [f"Bearer {KEY}-0", f"Bearer {KEY}-1"]
    assert len(given) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@BOTH
@ALL
def test_redirects(server: Any, door: str, way: str, status: int) -> None:
    """A redirect is an error after one request; whoever it points to hears nothing."""
    server.reply_json({}, status, location=server.url.replace("127.0.0.1", "localhost"))
    model = DOORS[door].model(way, endpoint=server.url, credential=KEY)
    with pytest.raises(ResponseValidationError, match="redirect") as caught:
        DOORS[door].ask(way, model)

    assert len(server.requests) == caught.value.attempts == 1


@BOTH
@ALL
def test_surroundings(server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, door: str, way: str) -> None:
    """Proxies and passwords of the environment are not used, and a cookie is not sent back."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login u password p\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    server.reply_json(ANSWER, set_cookie="session=1; Path=/")
    model = DOORS[door].model(way, endpoint=server.url, credential=KEY)
    for _ in range(2):
        DOORS[door].ask(way, model)

    assert len(server.requests) == 2
    for got in server.requests:
        assert got.headers["authorization"] == f"Bearer {KEY}"
        assert "cookie" not in got.headers
        assert "proxy-connection" not in got.headers
