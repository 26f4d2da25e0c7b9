"""Refusals of the emulator as the official SDK tells them, and the credentials that it sends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.peers.conftest import settled

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.peers.official import Sdk

PEER = "azure-ai-inference"
HELLO = [{"role": "user", "content": "Hello"}]


async def refused(answer: Callable[[], Any]) -> Any:
    """The SDK's error."""
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError) as caught:
        await settled(answer())
    return caught.value


async def test_wrong_key(sdk: Sdk) -> None:
    """401 is the SDK's `ClientAuthenticationError`, and the key that is right passes."""
    from azure.core.credentials import AzureKeyCredential

    with sdk.emulator(key="right") as url:
        error = await refused(lambda: sdk.chat(url, AzureKeyCredential("wrong")).complete(messages=HELLO))
        answer = await settled(sdk.chat(url, AzureKeyCredential("right")).complete(messages=HELLO))

    assert type(error).__name__ == "ClientAuthenticationError"
    assert (error.status_code, error.error.code) == (401, "401")
    assert answer.choices


@pytest.mark.parametrize("kind", ["key", "token"])
async def test_credentials(sdk: Sdk, sent: Callable[[], list[Any]], kind: str) -> None:
    """A key travels as `Authorization: Bearer` and as `api-key`; a token as the first alone."""
    client = sdk.chat(sdk.root, sdk.key if kind == "key" else Token(asynchronous=sdk.asynchronous))
    # It refuses to send a token over plain http unless it is told to.
    await settled(client.complete(messages=HELLO, **({"enforce_https": False} if kind == "token" else {})))

    headers = sent()[0]["headers"]
    assert headers["authorization"] == "Bearer [redacted]"
    assert ("api-key" in headers) == (kind == "key")


async def test_serverless_endpoint(sdk: Sdk) -> None:
    """An endpoint that reads `Authorization` alone, and serves one model, is content with what it sends."""
    with sdk.emulator(bearer_only=True, only="Mistral-large-2411") as url:
        answer = await settled(sdk.chat(url).complete(messages=HELLO))

    assert answer.model == "Mistral-large-2411"


class Token:
    """A token credential of either way."""

    def __init__(self, *, asynchronous: bool) -> None:
        self.get_token = self._later if asynchronous else self._now

    def _now(self, *scopes: str, **_: Any) -> Any:
        from azure.core.credentials import AccessToken

        assert scopes == ("https://ml.azure.com/.default",)
        return AccessToken("token", int(time.time()) + 3600)

    async def _later(self, *scopes: str, **_: Any) -> Any:
        return self._now(*scopes)


@pytest.mark.parametrize(
    ("path", "arguments", "status", "said"),
    [
        ("/nope", {}, 404, "Resource not found"),
        ("/models", {"model": "no-such-model"}, 400, "Unknown model: no-such-model"),
        ("/models", {"model": "emulated-embed"}, 404, "does not support chat"),
        ("/openai/deployments/no-such-one", {}, 404, "The API deployment for this resource does not exist"),
        ("/openai/v1", {}, 400, "api-version query parameter is not allowed"),
        ("/models", {"temperature": 5}, 422, "Invalid input"),
        ("/models", {"headers": {"extra-parameters": "allow"}}, 400, "Unexpected EXTRA_PARAMETERS option allow"),
    ],
)
async def test_statuses(sdk: Sdk, path: str, arguments: dict[str, Any], status: int, said: str) -> None:
    """Wrong addresses, models, values and headers are refused with the status and the text that the API has."""
    error = await refused(lambda: sdk.chat(f"{sdk.root}{path}").complete(messages=HELLO, **arguments))

    assert error.status_code == status
    assert said in f"{error} {error.response.text()}"
    assert (type(error).__name__ == "ResourceNotFoundError") == (status == 404)


async def test_wrong_method(sdk: Sdk) -> None:
    """405 names the method that a route does not take."""
    from azure.core.rest import HttpRequest

    response = await settled(sdk.chat().send_request(HttpRequest("GET", "chat/completions")))

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert "Method Not Allowed" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("model", "arguments", "loc", "value"),
    [
        ("Cohere-command-r-plus", {"response_format": "json_schema"}, "response_format", "json_schema"),
        ("Meta-Llama-3-70B-Instruct", {"response_format": "json_object"}, "response_format", "json_object"),
        ("emulated-chat-2", {"seed": 7}, "seed", 7),
        ("emulated-chat", {"model_extras": {"modalities": ["text", "audio"]}}, "modalities", ["text", "audio"]),
    ],
)
async def test_unsupported_parameter(sdk: Sdk, model: str, arguments: dict[str, Any], loc: str, value: Any) -> None:
    """422 `parameter_not_supported` tells where the parameter stands and what its value was."""
    if value == "json_schema":
        arguments = {"response_format": sdk.models.JsonSchemaFormat(name="a", schema={"type": "object"})}

    error = await refused(lambda: sdk.chat().complete(messages=HELLO, model=model, **arguments))

    body = error.response.json()
    assert (error.status_code, body["code"]) == (422, "parameter_not_supported")
    assert body["detail"] == {"loc": ["body", loc], "input": value}


async def test_unknown_parameter(sdk: Sdk) -> None:
    """A body of the caller's own with a key outside the API is refused with 400 and the key's name."""
    error = await refused(lambda: sdk.chat().complete({"messages": HELLO, "safe_prompt": True}))

    assert error.status_code == 400
    assert "Extra parameters ['safe_prompt'] are not allowed" in error.response.json()["detail"]


@pytest.mark.parametrize(("model", "shape"), [("emulated-chat", "flat"), ("gpt-4o-mini", "nested")])
async def test_content_filter(sdk: Sdk, model: str, shape: str) -> None:
    """A prompt that meets the content filter is refused with 400 `content_filter`, at Azure OpenAI with categories."""
    harmful = [{"role": "user", "content": "[[filter the prompt]] Hello"}]

    error = await refused(lambda: sdk.chat(model=model).complete(messages=harmful))

    body = error.response.json()
    assert error.status_code == 400
    assert (body if shape == "flat" else body["error"])["code"] == "content_filter"
    if shape == "nested":
        assert error.error.code == "content_filter"
        assert error.error.innererror["content_filter_result"]["violence"]["filtered"] is True


async def test_filtered_answer(sdk: Sdk) -> None:
    """An answer that meets the filter ends with the SDK's `CONTENT_FILTERED`."""
    answer = await settled(sdk.chat().complete(messages=[{"role": "user", "content": "[[filter the answer]] Hello"}]))

    assert answer.choices[0].finish_reason == sdk.models.CompletionsFinishReason.CONTENT_FILTERED


async def test_rate_limit(sdk: Sdk) -> None:
    """Beyond the rate limit 429 comes with Retry-After, the limit, and what remains of it."""
    with sdk.emulator(rate_limit=2) as url:
        client = sdk.chat(url, retry_total=0)
        first = await settled(client.complete(messages=HELLO))
        await settled(client.complete(messages=HELLO))
        error = await refused(lambda: client.complete(messages=HELLO))

    assert first.choices
    assert error.status_code == 429
    assert 0 < int(error.response.headers["Retry-After"]) <= 60
    assert error.response.headers["x-ratelimit-limit-requests"] == "2"
    assert error.response.headers["x-ratelimit-remaining-requests"] == "0"
    assert "Please retry after" in error.error.message


async def test_retry_after(sdk: Sdk, sent: Callable[[], list[Any]]) -> None:
    """The SDK's own retries understand the waits that the emulator asks for, and its next try succeeds."""
    fault = {"x-emulator-fault": f"status:code=429,retry-after=0,times=1,id={sdk.asynchronous}"}

    answer = await settled(sdk.chat().complete(messages=HELLO, headers=fault))

    assert answer.choices
    assert [entry["status"] for entry in sent()] == [429, 200]


async def test_managed_compute_wraps(sdk: Sdk) -> None:
    """A managed online endpoint wraps what its model refuses into 424, the true status in a header."""
    with sdk.emulator(managed_compute=True) as url:
        error = await refused(lambda: sdk.chat(url).complete(messages=HELLO, temperature=1.5))

    assert error.status_code == 424
    assert error.response.headers["ms-azureml-model-error-statuscode"] == "422"
    [problem] = error.response.json()["error"]["details"]
    assert (problem["loc"], problem["input"]) == (["body", "temperature"], 1.5)


async def test_request_ids(sdk: Sdk) -> None:
    """Answers and refusals carry the client's own request id and the service's."""
    headers = {"x-ms-client-request-id": "5c7cd0de-0000-0000-0000-000000000001"}

    error = await refused(lambda: sdk.chat().complete(messages=HELLO, temperature=5, headers=headers))

    assert error.response.headers["x-ms-client-request-id"] == headers["x-ms-client-request-id"]
    assert error.response.headers["apim-request-id"]
