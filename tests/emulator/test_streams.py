"""Streams: realistic small frames that join to exactly the answer without a stream."""

from __future__ import annotations

import json
from typing import Any

import pytest

HELLO = {"messages": [{"role": "user", "content": "Tell me, what is a tide?"}]}
ROUTES = ["/models/chat/completions", "/chat/completions", "/v1/chat/completions"]


def text_of(frames: list[Any]) -> str:
    """The content of all frames of the first choice."""
    choices = [choice for frame in frames[:-1] for choice in frame["choices"] if choice["index"] == 0]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("limits", [{}, {"max_tokens": 6}, {"stop": ["tide"]}, {"max_tokens": 0}], ids=str)
def test_joins_to_the_whole_answer(server: Any, path: str, limits: dict[str, Any]) -> None:
    """The pieces join to the text of the same request without a stream, with its finish reason."""
    whole = server.post(path, {**HELLO, **limits}).json()["choices"][0]
    frames = server.frames({**HELLO, **limits}, path)

    reasons = [choice["finish_reason"] for frame in frames[:-1] for choice in frame["choices"]]
    assert text_of(frames) == whole["message"]["content"]
    assert [reason for reason in reasons if reason] == [whole["finish_reason"]]
    assert frames[-1] == "[DONE]"


def test_small_pieces(server: Any) -> None:
    """A role frame comes first, then pieces of a few characters, then the finish; id and model are the same in all."""
    frames = server.frames(HELLO)
    deltas = [frame["choices"][0]["delta"] for frame in frames[:-1]]

    assert deltas[0] == {"role": "assistant", "content": ""}
    assert all(0 < len(delta["content"]) <= 8 for delta in deltas[1:-1])
    assert deltas[-1] == {}
    assert len({(frame["id"], frame["model"], frame["object"]) for frame in frames[:-1]}) == 1
    assert frames[0]["object"] == "chat.completion.chunk"


def test_usage_in_the_finish_frame(server: Any) -> None:
    """On the Model Inference routes usage comes once, with the finish reason."""
    usages = [frame.get("usage") for frame in server.frames(HELLO)[:-1]]

    assert usages[-1] == server.post("/models/chat/completions", HELLO).json()["usage"]
    assert not any(usages[:-1])


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/openai/deployments/emulated-chat/chat/completions?api-version=1"]
)
def test_usage_on_request(server: Any, path: str) -> None:
    """On the OpenAI routes usage comes only when asked for, in a frame without choices; a filter frame comes first."""
    silent = server.frames(HELLO, path)
    asked = server.frames({**HELLO, "stream_options": {"include_usage": True}}, path)

    assert not any(frame.get("usage") for frame in silent[:-1])
    assert (silent[0]["choices"], silent[0]["id"], "prompt_filter_results" in silent[0]) == ([], "", True)
    assert asked[-2]["choices"] == []
    assert asked[-2]["usage"]["total_tokens"] > 0
    assert [frame["usage"] for frame in asked[1:-2]] == [None] * len(asked[1:-2])


def test_stream_options_as_an_extra_parameter(server: Any) -> None:
    """Passed through, `stream_options` works on the Model Inference routes too, and the last frame echoes it."""
    frames = server.frames({**HELLO, "stream_options": {"include_usage": True}}, extra_parameters="pass-through")

    assert frames[-2]["usage"]["total_tokens"] > 0
    assert frames[-3]["emulator"] == {"extra_parameters": {"stream_options": {"include_usage": True}}}


def test_tool_calls_in_pieces(server: Any, tool: Any) -> None:
    """Parallel calls stream by index: id, type and name once, then the arguments in pieces that join."""
    weather = tool("get_weather", "Get the weather of a city.", city="string")
    body = {"messages": [{"role": "user", "content": "What is the weather in Zürich and Oslo?"}], "tools": [weather]}
    whole = server.post("/models/chat/completions", body).json()["choices"][0]
    frames = server.frames(body)

    deltas = [frame["choices"][0]["delta"] for frame in frames[:-1]]
    pieces = [call for delta in deltas for call in delta.get("tool_calls", [])]
    assert deltas[0] == {"role": "assistant", "content": None}
    for index, call in enumerate(whole["message"]["tool_calls"]):
        own = [piece for piece in pieces if piece["index"] == index]
        assert "".join(piece["function"]["arguments"] for piece in own) == call["function"]["arguments"]
        assert [piece["function"].get("name") for piece in own] == [call["function"]["name"]] + [None] * (len(own) - 1)
        assert own[0]["type"] == "function"
        assert own[0]["id"]
        assert len(own) > 2
    assert "Zürich" in whole["message"]["tool_calls"][0]["function"]["arguments"]
    assert frames[-2]["choices"][0]["finish_reason"] == whole["finish_reason"] == "tool_calls"


def test_several_choices(server: Any) -> None:
    """With `n` the frames of each choice carry its index."""
    frames = server.frames({**HELLO, "n": 2}, extra_parameters="pass-through")

    assert {choice["index"] for frame in frames[:-1] for choice in frame["choices"]} == {0, 1}


def test_json_in_pieces(server: Any) -> None:
    """Structured output streams as text that joins to JSON."""
    frames = server.frames({**HELLO, "response_format": {"type": "json_object"}})

    assert set(json.loads(text_of(frames))) == {"answer"}


def test_completions(server: Any) -> None:
    """Text completions stream in frames of their own shape that join to the whole text."""
    whole = server.post("/models/completions", {"prompt": "Hello you"}).json()
    frames = server.frames({"prompt": "Hello you"}, "/models/completions")

    assert "".join(frame["choices"][0]["text"] for frame in frames[:-1]) == whole["choices"][0]["text"]
    assert frames[-2]["choices"][0]["finish_reason"] == "stop"
    assert frames[-2]["usage"] == whole["usage"]


@pytest.mark.parametrize("body", [{"messages": []}, {**HELLO, "modalities": ["audio"]}])
def test_refusals_are_no_streams(server: Any, body: dict[str, Any]) -> None:
    """A refused stream is a JSON answer with its status."""
    answer = server.post("/models/chat/completions", {**body, "stream": True})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/json"
