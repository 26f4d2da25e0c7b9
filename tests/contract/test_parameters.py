"""Parameters by way of both adapters: where they are said, which of them counts, and what is sent of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from azure_inference import ConfigurationError
from langchain_azure_inference import AzureInferenceEmbeddings, AzureInferenceLLM, ChatAzureInference
from llamaindex_azure_inference import AzureInference, AzureInferenceCompletion, AzureInferenceEmbedding
from tests.security.doors import DOORS

CHAT = {"langchain": ChatAzureInference, "llamaindex": AzureInference}
WAYS = ("chat", "stream", "achat", "astream")
ANSWER = {"choices": [{"index": 0, "message": {"content": "It rains."}, "finish_reason": "stop"}]}
EVENT = {"choices": [{"index": 0, "delta": {"content": "It rains."}, "finish_reason": "stop"}]}
frameworks = pytest.mark.parametrize("framework", CHAT)
ways = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def asked(server: Any) -> Callable[..., dict[str, Any]]:
    """Gives the body that a call sends, without the messages."""

    def ask(framework: str, way: str, call: dict[str, Any], kind: Any = None, **arguments: Any) -> dict[str, Any]:
        server.reply_events(EVENT) if "stream" in way else server.reply_json(ANSWER)
        model = (kind or CHAT[framework])(endpoint=server.url, credential="key", **arguments)
        DOORS[framework].ask(way, model, **call)
        body: dict[str, Any] = json.loads(server.requests[-1].body)
        return {name: value for name, value in body.items() if name not in ("messages", "stream", "stream_options")}

    return ask


PRECEDENCE: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "an argument": ({"temperature": 0.2}, {}, {"temperature": 0.2}),
    "model_kwargs over an argument": ({"seed": 1, "model_kwargs": {"seed": 2}}, {}, {"seed": 2}),
    "a call over model_kwargs": ({"model_kwargs": {"top_k": 1}}, {"top_k": 0}, {"top_k": 0}),
    "a call that takes an argument back": ({"temperature": 0.2, "seed": 1}, {"temperature": None}, {"seed": 1}),
    "a call that takes model_kwargs back": ({"model_kwargs": {"top_k": 1}}, {"top_k": None}, {}),
    "a call without stops": ({"stop": ["END"]}, {"stop": []}, {}),
    "no stops at all": ({"stop": []}, {}, {}),
    "words that frameworks have, too": ({"model_kwargs": {"metadata": {"a": "b"}}}, {}, {"metadata": {"a": "b"}}),
    "extra_body of the constructor": ({"extra_body": {"top_k": 1}}, {"seed": 1}, {"top_k": 1, "seed": 1}),
    "a limit of a call": ({"max_tokens": 9}, {"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
    "the same the other way": ({"extra_body": {"max_completion_tokens": 9}}, {"max_tokens": 5}, {"max_tokens": 5}),
    "a limit of model_kwargs": (
        {"max_tokens": 9, "model_kwargs": {"max_completion_tokens": 5}},
        {"extra_body": {"top_k": 1}},
        {"max_completion_tokens": 5, "top_k": 1},
    ),
    "a limit that is taken back": ({"max_tokens": 9}, {"max_completion_tokens": None}, {"max_tokens": 9}),
    "both limits at once": (
        {"max_tokens": 9},
        {"max_tokens": 5, "max_completion_tokens": 6},
        {"max_tokens": 5, "max_completion_tokens": 6},
    ),
    "extra_body of a call": ({"model_kwargs": {"top_k": 1}}, {"extra_body": {"top_k": 2}}, {"top_k": 2}),
}


@frameworks
@ways
@pytest.mark.parametrize("case", PRECEDENCE)
def test_precedence(asked: Any, framework: str, way: str, case: str) -> None:
    """What is said nearer to the call counts, also that something is not to be sent."""
    arguments, call, sent = PRECEDENCE[case]

    assert asked(framework, way, call, **arguments) == sent


@frameworks
@ways
def test_headers_by_another_name(asked: Any, framework: str, way: str) -> None:
    """Headers of a call are refused by the name that they have elsewhere, and are not sent to the model."""
    with pytest.raises(ConfigurationError, match="extra_headers is not an argument of a call: pass headers"):
        asked(framework, way, {"extra_headers": {"x": "y"}})


@frameworks
def test_a_field_of_a_subclass(asked: Any, framework: str) -> None:
    """A parameter of the API that a subclass makes an argument is sent like those that there are."""

    class Speaking(CHAT[framework]):  # type: ignore[misc]
        modalities: list[str] | None = None

    sent = asked(framework, "chat", {}, kind=Speaking, modalities=["audio"])
    assert sent == {"modalities": ["audio"]}


@frameworks
@ways
@pytest.mark.parametrize(("splits", "text"), [(True, "Rain."), (False, "<think>Clouds.</think>Rain.")])
def test_reasoning_is_split_or_not(server: Any, framework: str, way: str, *, splits: bool, text: str) -> None:
    """`split_reasoning` is an argument of both chat models."""
    said = {"role": "assistant", "content": "<think>Clouds.</think>Rain."}
    choice = {"index": 0, "finish_reason": "stop"}
    if "stream" in way:
        server.reply_events({"choices": [{**choice, "delta": said}]})
    else:
        server.reply_json({"choices": [{**choice, "message": said}]})
    model = CHAT[framework](endpoint=server.url, credential="key", split_reasoning=splits)

    answer = DOORS[framework].ask(way, model)
    if framework == "langchain":
        assert "".join(piece.text for piece in (answer if "stream" in way else [answer])) == text
    else:
        assert (answer[-1] if "stream" in way else answer).message.content == text


EVERY = [
    ChatAzureInference,
    AzureInferenceLLM,
    AzureInferenceEmbeddings,
    AzureInference,
    AzureInferenceCompletion,
    AzureInferenceEmbedding,
]
TO_THE_MODEL = "to send it to the model with every request, pass model_kwargs="
WORDS = {
    "openai_api_key": "did you mean credential[?]$",
    "azure_endpoint": "did you mean endpoint[?]$",
    "azure_deployment": "did you mean model(_name)?[?]$",
    "default_headers": "did you mean headers[?]$",
    "client_kwargs": "did you mean timeout or http_client[?]$",
    "reasoning_effort": TO_THE_MODEL + r"\{'reasoning_effort': \.\.\.\}$",
    "n": TO_THE_MODEL + r"\{'n': \.\.\.\}$",
}


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("word", WORDS)
def test_words_of_others(kind: Any, word: str) -> None:
    """An argument of another class is refused with its name here, and one of the model with where to put it."""
    with pytest.raises(ConfigurationError, match=f"^{word} is not an argument of {kind.__name__}: {WORDS[word]}"):
        kind(endpoint="https://example.com/models", credential="key", **{word: "x"})


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ({"api_key": "5ecret"}, "api_key .value withheld. would go to the model: pass a key as credential"),
        ({"mistral_api_key": "5ecret"}, "pass a key as credential"),
        ({"model_extras": {"safe_prompt": True}}, "put what it holds in model_kwargs itself"),
    ],
)
def test_no_parameters_of_models(kind: Any, given: dict[str, Any], remedy: str) -> None:
    """What would go to the model as a parameter, and cannot be meant so, is refused wherever it is set."""
    with pytest.raises(ConfigurationError, match=remedy) as caught:
        kind(endpoint="https://example.com/models", credential="key", model_kwargs=given)
    assert "5ecret" not in str(caught.value)
    model = kind(endpoint="https://example.com/models", credential="key")
    with pytest.raises(ConfigurationError, match=remedy):
        model.model_kwargs = given
    with pytest.raises(ConfigurationError, match=remedy):
        model.model_copy(update={"model_kwargs": given})
    assert kind(endpoint="https://example.com/models", credential="key", model_kwargs={"extra_body": given})


@pytest.mark.parametrize("kind", EVERY)
def test_extra_body_and_model_kwargs(kind: Any) -> None:
    """Both words for further parameters at once are refused."""
    with pytest.raises(ConfigurationError, match="model_kwargs and extra_body are the same argument"):
        kind(endpoint="https://example.com/models", credential="key", extra_body={}, model_kwargs={})
