"""Where the emulator answers, whom, and with what when it does not."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
PREFIXES = ["", "/models", "/v1", "/openai/v1", "/openai/deployments/emulated-chat"]
VERSION = {"/openai/deployments/emulated-chat": "?api-version=2024-10-21"}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_chat_on_every_route(server: Any, prefix: str) -> None:
    """Chat answers on the routes of each dialect, and names the model."""
    answer = server.post(f"{prefix}/chat/completions{VERSION.get(prefix, '')}", HELLO)

    assert answer.status_code == 200
    assert answer.json()["model"] == "emulated-chat"
    assert answer.json()["choices"][0]["message"]["content"] == "(emulator) You said: Hello"


@pytest.mark.parametrize("prefix", ["", "/models", "/v1", "/openai/v1"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/completions", {"prompt": "Hello"}),
        ("/embeddings", {"input": ["Hello"]}),
        ("/images/embeddings", {"input": [{"image": "data:image/png;base64,AAAA"}]}),
    ],
)
def test_other_routes(server: Any, prefix: str, path: str, body: dict[str, Any]) -> None:
    """The other routes stand beside chat in each dialect."""
    assert server.post(prefix + path, body).status_code == 200


def test_the_deployment_of_the_path_is_the_model(server: Any) -> None:
    """On the deployments route the path names the model, whatever the body says."""
    path = "/openai/deployments/emulated-embed/embeddings?api-version=2024-10-21"

    assert server.post(path, {"input": "a", "model": "x"}).json()["model"] == "emulated-embed"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("", ("emulated-chat", "chat-completion", "emulator")),
        ("?model=emulated-embed", ("emulated-embed", "embeddings", "emulator")),
        ("?model=Mistral-large-2411", ("Mistral-large-2411", "chat-completion", "Mistral AI")),
        ("?model=Cohere-embed-v3-english", ("Cohere-embed-v3-english", "embedding", "Cohere")),
    ],
)
def test_info(server: Any, model: str, expected: tuple[str, str, str]) -> None:
    """`/info` tells name, type and provider of the model asked for."""
    body = server.http.get(f"/models/info{model}").json()

    assert (body["model_name"], body["model_type"], body["model_provider_name"]) == expected


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/chat/completions", 405),
        ("POST", "/info", 405),
        ("POST", "/chat", 404),
        ("GET", "/v1/info", 404),
        ("GET", "/", 404),
        ("POST", "/models/chat/completions/", 404),
    ],
)
def test_unknown_routes(server: Any, method: str, path: str, status: int) -> None:
    """A wrong path or method gets a JSON error that lists the routes."""
    answer = server.http.request(method, path)

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == str(status)
    assert "/chat/completions" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"api-key": ""}, 401),
        ({"authorization": "Bearer"}, 401),
        ({"authorization": "Basic right"}, 401),
        ({"api-key": "wrong"}, 401),
        ({"api-key": "right"}, 200),
        ({"authorization": "Bearer right"}, 200),
        ({"authorization": "bearer right"}, 200),
        ({"authorization": "Bearer wrong", "api-key": "right"}, 200),
    ],
)
def test_key(start: Any, headers: dict[str, str], status: int) -> None:
    """With `key` only that one is let in, by either header."""
    with start(key="right") as server:
        answer = httpx.post(f"{server.http.base_url}/models/chat/completions", json=HELLO, headers=headers)

    assert answer.status_code == status
    if status == 401:
        assert answer.json()["error"]["code"] == "401"
        assert "right" not in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"api-key": "right"}, 400),
        ({"authorization": "Bearer wrong", "api-key": "right"}, 401),
        ({"authorization": "Bearer right", "api-key": "right"}, 200),
    ],
)
def test_bearer_only(start: Any, headers: dict[str, str], status: int) -> None:
    """`bearer_only` takes the key from `Authorization` alone, and says in its own shape that there is none."""
    with start(key="right", bearer_only=True) as server:
        answer = httpx.post(f"{server.http.base_url}/chat/completions", json=HELLO, headers=headers)

    assert answer.status_code == status
    if status == 400:
        assert answer.json() == {"status": "Auth token must be passed as a header called Authorization"}


def test_any_key(server: Any) -> None:
    """Without `key` any key is let in, and none is not."""
    assert server.post("/chat/completions", HELLO, api_key="anything").status_code == 200
    assert httpx.post(f"{server.http.base_url}/chat/completions", json=HELLO).status_code == 401


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/openai/v1/chat/completions?api-version=2024-10-21", 400, "api-version query parameter is not allowed"),
        ("/openai/v1/chat/completions?api-version=preview", 200, ""),
        ("/openai/deployments/emulated-chat/chat/completions", 404, "api-version is missing"),
        ("/models/chat/completions", 200, ""),
        ("/models/chat/completions?api-version=2024-05-01-preview", 200, ""),
    ],
)
def test_api_version(server: Any, path: str, status: int, said: str) -> None:
    """Each dialect wants an api-version, or wants none."""
    answer = server.post(path, HELLO)

    assert answer.status_code == status
    assert said in answer.text


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/models/chat/completions", {**HELLO, "model": "nope"}, 400, "unknown_model"),
        ("/v1/chat/completions", {**HELLO, "model": "nope"}, 400, "unknown_model"),
        ("/openai/deployments/nope/chat/completions?api-version=1", HELLO, 404, "DeploymentNotFound"),
        ("/v1/chat/completions", {**HELLO, "model": "emulated-embed"}, 400, "OperationNotSupported"),
    ],
)
def test_unknown_model(server: Any, path: str, body: dict[str, Any], status: int, code: str) -> None:
    """A model that is not there gets the error of its route, and is told which are."""
    answer = server.post(path, body)

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert "emulated-chat" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/models/chat/completions", {**HELLO, "model": "emulated-embed"}),
        ("/models/embeddings", {"input": ["a"], "model": "emulated-chat"}),
    ],
)
def test_wrong_task(server: Any, path: str, body: dict[str, Any]) -> None:
    """A model that cannot do what the route is for answers 404 in the flat shape of the documents."""
    answer = server.post(path, body)

    assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert "does not support" in answer.json()["message"]


def test_further_model_names(start: Any) -> None:
    """`models` gives a deployment name to a model."""
    with start(models={"my-gpt": "gpt-4o-mini"}) as server:
        assert server.chat(model="my-gpt")["model"] == "gpt-4o-mini-2024-07-18"
        assert server.http.get("/info?model=my-gpt").json()["model_name"] == "my-gpt"


@pytest.mark.parametrize("managed", [False, True])
def test_only_one_model(start: Any, *, managed: bool) -> None:
    """`only` serves one model, whatever a request asks for; what that model cannot do is 404."""
    with start(only="mine", models={"mine": "Mistral-large-2411"}, managed_compute=managed) as server:
        answers = [server.chat(path="/chat/completions", **asked) for asked in ({}, {"model": "anything"})]
        info = server.http.get("/info").json()
        embeddings = server.post("/embeddings", {"input": ["a"], "model": "emulated-embed"})

    assert [answer["model"] for answer in answers] == ["mine", "mine"]
    assert (info["model_name"], info["model_provider_name"]) == ("mine", "Mistral AI")
    assert embeddings.headers.get("ms-azureml-model-error-statuscode", str(embeddings.status_code)) == "404"
    assert "The model mine does not support embeddings" in embeddings.text


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a": NaN}', b"\xff\xfe", b"[" * 100_000])
def test_not_json(server: Any, raw: bytes) -> None:
    """What is no JSON is refused with a reason."""
    answer = server.http.post("/models/chat/completions", content=raw)

    assert answer.status_code == 400
    assert "not valid JSON" in answer.json()["error"]["message"]


def test_journal(start: Any) -> None:
    """The journal tells what was sent and answered, in order, without secrets, within its length."""
    with start(journal_length=3) as server:
        for number in range(4):
            server.post(
                f"/models/chat/completions?api-version={number}&sig=s3cret", HELLO, authorization="Bearer s3cret"
            )
        server.http.get("/nope")
        entries = server.http.get("/__emulator/requests").json()

        assert [entry["status"] for entry in entries] == [200, 200, 404]
        assert [entry["query"].get("api-version") for entry in entries] == ["2", "3", None]
        assert entries[0]["path"] == "/models/chat/completions"
        assert entries[0]["method"] == "POST"
        assert entries[0]["body"] == HELLO
        assert entries[0]["headers"]["authorization"] == "Bearer [redacted]"
        assert entries[0]["headers"]["api-key"] == "[redacted]"
        assert "s3cret" not in str(entries)
        assert server.http.delete("/__emulator/requests").json() == []


def test_request_ids(server: Any) -> None:
    """Every answer has an id, and repeats the client's own."""
    answer = server.post("/models/chat/completions", HELLO, x_ms_client_request_id="mine")

    assert answer.headers["x-ms-client-request-id"] == "mine"
    assert answer.headers["x-request-id"] == answer.headers["apim-request-id"] != ""


def test_latency(start: Any) -> None:
    """`latency` is waited for before an answer."""
    with start(latency=0.05) as server:
        assert server.post("/models/chat/completions", HELLO).elapsed.total_seconds() >= 0.05


def test_rate_limit(start: Any) -> None:
    """Above the limit the answer is 429 with the seconds to wait, and every answer says what is left."""
    with start(rate_limit=2) as server:
        answers = [server.post("/models/chat/completions", HELLO) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["1", "0", "0"]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    assert answers[2].json()["error"]["code"] == "429"
