"""The model families by name, and the managed-compute mode: what each refuses, and how its answers differ."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azure_inference_emulator.models import MODELS, Model
from tests.emulator.conftest import tool

USER = {"role": "user", "content": "What is the weather in Oslo?"}
HELLO = {"messages": [USER]}
CHAT = "/models/chat/completions"
WEATHER = tool("get_weather", "Get the weather of a city.", city="string")
NAMED = {"type": "function", "function": {"name": "get_weather"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
SOUND = {
    "messages": [
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]}
    ]
}
LONG = {"messages": [{"role": "user", "content": "word " * 5000}]}


@pytest.mark.parametrize(
    ("model", "body", "status", "said"),
    [
        ("Cohere-command-r-plus", {"response_format": SCHEMA}, 422, '"parameter_not_supported"'),
        ("Mistral-large-2411", {"response_format": SCHEMA}, 422, '"parameter_not_supported"'),
        ("Mistral-small", {"user": "me"}, 422, '{"detail":[{"type":"extra_forbidden","loc":["body","user"]'),
        ("DeepSeek-R1", {"response_format": {"type": "json_object"}}, 422, '"details":[{"type":"extra_forbidden"'),
        ("Phi-3-mini-4k-instruct", {"tools": [WEATHER]}, 422, '"parameter_not_supported"'),
        ("Phi-3-mini-4k-instruct", LONG, 413, "tokens_limit_reached"),
        ("Llama-2-70b-chat", LONG, 413, "Max size: 4096 tokens."),
        ("o3-mini", {"max_tokens": 5}, 400, "Use 'max_completion_tokens' instead."),
        ("o3-mini", {"temperature": 0}, 400, '"unsupported_parameter"'),
        ("Meta-Llama-3.1-405B-Instruct", {"tools": [WEATHER]}, 422, '"parameter_not_supported"'),
        (
            "Mistral-small",
            {"messages": [{"role": "user", "content": "word " * 33_000}]},
            413,
            "Max size: 32768 tokens.",
        ),
        ("DeepSeek-R1-0528", {"tools": [WEATHER]}, 422, '"loc":["body","tools"]'),
        (
            "gpt-4o-mini",
            {"messages": [{"role": "user", "content": "word " * 140_000}]},
            400,
            "context length is 128000",
        ),
        ("gpt-4o-mini", {"max_tokens": 20_000}, 400, "supports at most 16384 completion tokens"),
        ("gpt-4o-mini", SOUND, 400, "Content blocks are expected to be either text or image_url type."),
    ],
)
def test_refusals(server: Any, model: str, body: dict[str, Any], status: int, said: str) -> None:
    """Each family refuses what it cannot do, in the shape that family sends."""
    answer = server.post(CHAT, {**HELLO, "model": model, **body}, extra_parameters="pass-through")

    assert answer.status_code == status
    assert said in answer.text


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("Cohere-command-r-plus", {"tools": [WEATHER]}),
        ("Meta-Llama-3.1-405B-Instruct", {"seed": 1, "temperature": 0.5}),
        ("o3-mini", {"tools": [WEATHER], "response_format": SCHEMA}),
        ("Mistral-large-2411", {"response_format": {"type": "json_object"}, "safe_prompt": True}),
        ("o3-mini", {"max_completion_tokens": 100, "reasoning_effort": "low"}),
        ("gpt-4o-mini", {"response_format": SCHEMA, "tools": [WEATHER], "seed": 1}),
        ("META-LLAMA-3-70B-INSTRUCT", {}),
    ],
)
def test_capabilities(server: Any, model: str, body: dict[str, Any]) -> None:
    """Each family answers what it can do, its name in any case."""
    assert server.chat(model=model, **body)["choices"]


def test_mistral_calls_in_one_frame(server: Any) -> None:
    """Mistral streams a call whole, without index and type, in one frame with finish reason and usage."""
    frames = server.frames({**HELLO, "model": "Mistral-large-2411", "tools": [WEATHER]})

    [choice] = frames[-2]["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["delta"]["tool_calls"][0].keys() == {"id", "function"}
    assert json.loads(choice["delta"]["tool_calls"][0]["function"]["arguments"]) == {"city": "Oslo"}
    assert frames[-2]["usage"]["total_tokens"] > 0


def test_phi_counts_in_every_frame(server: Any) -> None:
    """Phi-3 sends the usage so far in every frame, and `tool_calls: []` in whole answers."""
    whole = server.chat("Hello", model="Phi-3-medium-128k-instruct")
    frames = server.frames({"messages": [{"role": "user", "content": "Hello"}], "model": "Phi-3-medium-128k-instruct"})

    counts = [frame["usage"]["completion_tokens"] for frame in frames[:-1]]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == whole["usage"]["completion_tokens"] > 0
    assert whole["choices"][0]["message"]["tool_calls"] == []


def test_azure_openai_like(server: Any) -> None:
    """gpt-4o-mini answers under a dated name with filter results, and ends a call forced by name with `stop`."""
    body = server.chat("What is the weather in Oslo?", model="gpt-4o-mini", tools=[WEATHER], tool_choice=NAMED)
    frames = server.frames({**HELLO, "model": "gpt-4o-mini"})

    assert body["model"] == "gpt-4o-mini-2024-07-18"
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["choices"][0]["message"]["tool_calls"]
    assert body["choices"][0]["content_filter_results"]["hate"] == {"filtered": False, "severity": "safe"}
    assert frames[0]["choices"] == []
    assert frames[0]["prompt_filter_results"]
    assert not any(frame.get("usage") for frame in frames[:-1])


@pytest.mark.parametrize("limit", [{}, {"max_tokens": 4}])
def test_deepseek_thinks_in_the_text(server: Any, limit: dict[str, int]) -> None:
    """DeepSeek-R1 thinks between tags in the content, whole and streamed alike."""
    text = server.say("Hello", model="DeepSeek-R1", **limit)
    frames = server.frames({"messages": [{"role": "user", "content": "Hello"}], "model": "DeepSeek-R1", **limit})

    assert text.startswith("<think>\n(emulator)")
    assert "</think>" in text
    assert "".join(frame["choices"][0]["delta"].get("content") or "" for frame in frames[:-1]) == text


def test_reasoning_content(server: Any) -> None:
    """The newer way puts the thinking beside the content and counts it."""
    body = server.chat("Hello", model="DeepSeek-R1-0528")
    message = body["choices"][0]["message"]
    frames = server.frames({"messages": [{"role": "user", "content": "Hello"}], "model": "DeepSeek-R1-0528"})
    deltas = [choice["delta"] for frame in frames[:-1] for choice in frame["choices"]]

    assert message["reasoning_content"].startswith("(emulator) I am asked: Hello")
    assert message["content"] == "(emulator) You said: Hello"
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == message["reasoning_content"]
    assert 0 < body["usage"]["completion_tokens_details"]["reasoning_tokens"] < body["usage"]["completion_tokens"]


def test_hidden_reasoning(server: Any) -> None:
    """Azure OpenAI counts what a model thought and does not tell it."""
    body = server.chat("Hello", model="o3-mini")
    frames = server.frames({"messages": [{"role": "user", "content": "Hello"}], "model": "o3-mini"})

    assert body["choices"][0]["message"] == {"role": "assistant", "content": "(emulator) You said: Hello"}
    assert "reasoning_content" not in json.dumps(frames)
    assert 0 < body["usage"]["completion_tokens_details"]["reasoning_tokens"] < body["usage"]["completion_tokens"]


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_sources(model: Model) -> None:
    """Each model says where what it does was found: a page of documentation, and recorded or reported answers."""
    assert "page" in model.source


@pytest.mark.parametrize(
    ("model", "body", "status"),
    [
        ("Cohere-embed-v3-english", {"input": ["a"], "input_type": "query"}, 200),
        ("Cohere-embed-v3-multilingual", {"input": ["a"], "encoding_format": "ubinary"}, 200),
        ("Cohere-embed-v3-english", {"input": ["a"] * 96}, 200),
        ("Cohere-embed-v3-english", {"input": ["a"] * 97}, 422),
        ("Cohere-embed-v3-english", {"input": ["a"], "dimensions": 256}, 422),
        ("text-embedding-3-small", {"input": ["a"], "dimensions": 256}, 200),
        ("text-embedding-3-small", {"input": ["a"], "input_type": "query"}, 422),
        ("text-embedding-3-large", {"input": ["a"], "encoding_format": "int8"}, 422),
        ("text-embedding-3-small", {"input": ["a", "word " * 8000]}, 200),
        ("text-embedding-3-small", {"input": ["a", "word " * 8192]}, 400),
        ("text-embedding-3-small", {"input": [list(range(8192))]}, 400),
        ("text-embedding-3-small", {"input": list(range(8192))}, 400),
        ("Cohere-embed-v3-english", {"input": ["word " * 600]}, 200),
    ],
)
def test_embedding_models(server: Any, model: str, body: dict[str, Any], status: int) -> None:
    """Embedding models differ in batch size, dimensions, input types and encodings."""
    assert server.post("/models/embeddings", {**body, "model": model}).status_code == status


@pytest.mark.parametrize(("model", "size"), [("Cohere-embed-v3-english", 1024), ("text-embedding-3-large", 3072)])
def test_embedding_sizes(server: Any, model: str, size: int) -> None:
    """Vectors have the length of the model's."""
    data = server.post("/models/embeddings", {"input": ["a"], "model": model}).json()["data"]

    assert len(data[0]["embedding"]) == size


MANAGED: list[tuple[dict[str, Any], int, str]] = [
    ({"temperature": 1.5}, 422, '"le":1'),
    ({"temperature": None}, 422, '"float_type"'),
    ({"messages": [{"role": "developer", "content": "a"}, USER]}, 422, "'system', 'user', 'assistant' or 'tool'"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, 422, "text can not be empty"),
    (
        {
            "messages": [
                {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}
            ]
        },
        422,
        "input_audio is not supported",
    ),
    ({"response_format": SCHEMA}, 422, '"response_format","type"'),
    ({"tools": [WEATHER], "tool_choice": NAMED}, 422, '"tool_choice"'),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, 422, '"description"'),
    ({"modalities": ["text"]}, 400, "Extra parameters ['modalities']"),
    ({"stream_options": {}}, 400, "Extra parameters ['stream_options']"),
    ({"messages": [{"role": "user", "content": "[[filter the prompt]]"}]}, 400, "violates azure ai content safety"),
]


@pytest.mark.parametrize(("body", "status", "said"), MANAGED)
def test_managed_compute_refuses(server: Any, managed: Any, body: dict[str, Any], status: int, said: str) -> None:
    """Managed compute has tighter rules, and its proxy answers 424 with the true status in a header."""
    answer = managed.post("/chat/completions", {**HELLO, **body})

    assert answer.status_code == 424
    assert answer.headers["ms-azureml-model-error-statuscode"] == str(status)
    assert answer.headers["ms-azureml-model-error-reason"] == "model_error"
    assert said in answer.text


def test_managed_compute_answers(managed: Any) -> None:
    """Its answers hold tool arguments as an object beside a null, `tool_calls: null` without calls, any model name."""
    called = managed.chat(USER["content"], "/chat/completions", tools=[WEATHER])["choices"][0]["message"]
    plain = managed.chat("Hello", "/chat/completions", model="whatever")

    assert called["tool_calls"][0]["function"] == {
        "name": "get_weather",
        "arguments": {"city": "Oslo"},
        "call_id": None,
    }
    assert plain["choices"][0]["message"]["tool_calls"] is None
    assert plain["model"] == "emulated-chat"


def test_managed_compute_limits_the_answer(server: Any, managed: Any) -> None:
    """There an answer has 256 tokens unless `max_tokens` says otherwise."""
    text = f"Summarize the text: {'The quick brown fox jumps over the lazy dog, ' * 60}"

    assert managed.chat(text, "/chat/completions")["usage"]["completion_tokens"] == 256
    assert managed.chat(text, "/chat/completions")["choices"][0]["finish_reason"] == "length"
    assert managed.chat(text, "/chat/completions", max_tokens=300)["usage"]["completion_tokens"] > 256
    assert server.chat(text)["usage"]["completion_tokens"] > 256


def test_managed_compute_routes(managed: Any) -> None:
    """Unknown routes are the container's and come as 424; a missing key is the proxy's own 401."""
    lost = managed.http.post("/nope", json={})
    unauthorized = managed.http.post("/chat/completions", json=HELLO, headers={"api-key": ""})

    assert (lost.status_code, lost.headers["ms-azureml-model-error-statuscode"]) == (424, "404")
    assert lost.json() == {"detail": "Not Found"}
    assert unauthorized.status_code == 401
