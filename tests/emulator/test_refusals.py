"""What the emulator refuses: extra parameters, what breaks the schema, and what a model does not support."""

from __future__ import annotations

from typing import Any

import pytest

USER = {"role": "user", "content": "Hello"}
HELLO = {"messages": [USER]}
CHAT, EMBED = "/models/chat/completions", "/models/embeddings"
FUNCTION = {"name": "f", "description": "Does f.", "parameters": {"type": "object", "properties": {}}}
TOOL = {"type": "function", "function": FUNCTION}


@pytest.mark.parametrize("prefix", ["", "/models"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chat/completions", {**HELLO, "safe_prompt": True, "n": 1}),
        ("/completions", {"prompt": "a", "safe_prompt": True, "n": 1}),
        ("/embeddings", {"input": ["a"], "safe_prompt": True, "n": 1}),
        ("/images/embeddings", {"input": [{"image": "data:image/png;base64,AAAA"}], "safe_prompt": True, "n": 1}),
    ],
)
def test_extra_parameters(server: Any, prefix: str, path: str, body: dict[str, Any]) -> None:
    """Keys outside the API: refused by default and by `error`, left out by `drop`, echoed by `pass-through`."""
    refused = [server.post(prefix + path, body), server.post(prefix + path, body, extra_parameters="error")]
    dropped = server.post(prefix + path, body, extra_parameters="drop")
    passed = server.post(prefix + path, body, extra_parameters="pass-through")

    for answer in refused:
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith("Extra parameters ['safe_prompt', 'n'] are not allowed when")
    assert dropped.status_code == 200
    assert "emulator" not in dropped.json()
    assert passed.json()["emulator"] == {"extra_parameters": {"safe_prompt": True, "n": 1}}


@pytest.mark.parametrize("value", ["allow", "ignore", "Pass-Through", ""])
def test_extra_parameters_option(server: Any, value: str) -> None:
    """Old and misspelt values of the header are refused, also when there is nothing extra."""
    answer = server.post(CHAT, HELLO, extra_parameters=value)

    assert answer.status_code == 400
    expected = f"Unexpected EXTRA_PARAMETERS option {value}, expected options are ['error', 'drop', 'pass-through']"
    assert answer.json() == {"detail": expected}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/openai/v1/chat/completions"])
def test_openai_routes_have_no_extra_parameters(server: Any, strict: Any, path: str) -> None:
    """On the OpenAI routes unknown keys pass, and the header means nothing; `--strict` refuses them there too."""
    body = {**HELLO, "n": 1, "logprobs": False, "safe_prompt": True}

    assert server.post(path, body, extra_parameters="allow").json()["emulator"]["extra_parameters"] == {
        "safe_prompt": True
    }
    answer = strict.post(path, body)
    assert answer.status_code == 400
    assert "safe_prompt" in answer.json()["error"]["message"]


INVALID: list[tuple[str, dict[str, Any], list[Any]]] = [
    (CHAT, {}, ["messages"]),
    (CHAT, {"messages": []}, ["messages"]),
    (CHAT, {"messages": "hi"}, ["messages"]),
    (CHAT, {"messages": ["hi"]}, ["messages", 0]),
    (CHAT, {"messages": [USER, {"content": "a"}]}, ["messages", 1, "role"]),
    (CHAT, {"messages": [{"role": "robot", "content": "a"}]}, ["messages", 0, "role"]),
    (CHAT, {"messages": [{"role": "user"}]}, ["messages", 0, "content"]),
    (CHAT, {"messages": [{"role": "user", "content": None}]}, ["messages", 0, "content"]),
    (CHAT, {"messages": [{"role": "user", "content": []}]}, ["messages", 0, "content"]),
    (CHAT, {"messages": [{"role": "user", "content": [{"type": "file"}]}]}, ["messages", 0, "content", 0, "type"]),
    (CHAT, {"messages": [{"role": "user", "content": [{"type": "text"}]}]}, ["messages", 0, "content", 0, "text"]),
    (
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]}]},
        ["messages", 0, "content", 0, "image_url", "url"],
    ),
    (
        CHAT,
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "http://x"}]}]},
        ["messages", 0, "content", 0, "image_url"],
    ),
    (
        CHAT,
        {
            "messages": [
                {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "A", "format": "ogg"}}]}
            ]
        },
        ["messages", 0, "content", 0, "input_audio", "format"],
    ),
    (CHAT, {"messages": [USER, {"role": "tool", "content": "a"}]}, ["messages", 1, "tool_call_id"]),
    (
        CHAT,
        {"messages": [USER, {"role": "assistant", "tool_calls": [{"id": "1"}]}]},
        ["messages", 1, "tool_calls", 0, "function"],
    ),
    (
        CHAT,
        {
            "messages": [
                USER,
                {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {}}}]},
            ]
        },
        ["messages", 1, "tool_calls", 0, "function", "arguments"],
    ),
    (CHAT, {**HELLO, "model": 1}, ["model"]),
    (CHAT, {**HELLO, "temperature": "hot"}, ["temperature"]),
    (CHAT, {**HELLO, "temperature": 2.1}, ["temperature"]),
    (CHAT, {**HELLO, "temperature": -0.1}, ["temperature"]),
    (CHAT, {**HELLO, "temperature": None}, ["temperature"]),
    (CHAT, {**HELLO, "temperature": True}, ["temperature"]),
    (CHAT, {**HELLO, "top_p": 1.5}, ["top_p"]),
    (CHAT, {**HELLO, "frequency_penalty": 3}, ["frequency_penalty"]),
    (CHAT, {**HELLO, "presence_penalty": -3}, ["presence_penalty"]),
    (CHAT, {**HELLO, "max_tokens": -1}, ["max_tokens"]),
    (CHAT, {**HELLO, "max_tokens": 1.5}, ["max_tokens"]),
    (CHAT, {**HELLO, "seed": "1"}, ["seed"]),
    (CHAT, {**HELLO, "stream": "yes"}, ["stream"]),
    (CHAT, {**HELLO, "stop": []}, ["stop"]),
    (CHAT, {**HELLO, "stop": [1]}, ["stop", 0]),
    (CHAT, {**HELLO, "modalities": ["smell"]}, ["modalities", 0]),
    (CHAT, {**HELLO, "tools": []}, ["tools"]),
    (CHAT, {**HELLO, "tools": [{"function": FUNCTION}]}, ["tools", 0, "type"]),
    (CHAT, {**HELLO, "tools": [{"type": "function", "function": {}}]}, ["tools", 0, "function", "name"]),
    (CHAT, {**HELLO, "tools": [{"type": "function", "function": {"name": "a b"}}]}, ["tools", 0, "function", "name"]),
    (
        CHAT,
        {**HELLO, "tools": [{"type": "function", "function": {"name": "f", "parameters": None}}]},
        ["tools", 0, "function", "parameters"],
    ),
    (CHAT, {**HELLO, "tools": [TOOL], "tool_choice": "any"}, ["tool_choice"]),
    (CHAT, {**HELLO, "tools": [TOOL], "tool_choice": {"type": "tool"}}, ["tool_choice", "type"]),
    (CHAT, {**HELLO, "response_format": "json"}, ["response_format"]),
    (CHAT, {**HELLO, "response_format": {"type": "xml"}}, ["response_format", "type"]),
    (CHAT, {**HELLO, "response_format": {"type": "json_schema"}}, ["response_format", "json_schema"]),
    (
        CHAT,
        {**HELLO, "response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}}},
        ["response_format", "json_schema", "name"],
    ),
    (
        CHAT,
        {**HELLO, "response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
        ["response_format", "json_schema", "schema"],
    ),
    (EMBED, {}, ["input"]),
    (EMBED, {"input": []}, ["input"]),
    (EMBED, {"input": [{"a": 1}]}, ["input", 0]),
    (EMBED, {"input": ["a"], "dimensions": 0}, ["dimensions"]),
    (EMBED, {"input": ["a"], "encoding_format": "hex"}, ["encoding_format"]),
    (EMBED, {"input": ["a"], "input_type": "search_query"}, ["input_type"]),
    ("/models/images/embeddings", {"input": [{"text": "a"}]}, ["input", 0, "image"]),
    ("/models/images/embeddings", {"input": [{"image": "http://x/y.png"}]}, ["input", 0, "image"]),
    ("/models/images/embeddings", {"input": [{"image": "data:image/png;base64,A"}]}, ["input", 0, "image"]),
    ("/models/completions", {"prompt": 1}, ["prompt"]),
]


@pytest.mark.parametrize(("path", "body", "loc"), INVALID)
def test_schema(server: Any, path: str, body: dict[str, Any], loc: list[Any]) -> None:
    """What breaks the schema is answered 422 `Invalid input`, at the place where it does, positions as numbers."""
    answer = server.post(path, body)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (422, "Invalid input", 422)
    assert ["body", *loc] in [detail["loc"] for detail in error["details"]]
    assert all({"type", "loc", "msg", "input"} <= set(detail) for detail in error["details"])


def test_all_violations_at_once(server: Any) -> None:
    """A body that is wrong in several ways is told all of them."""
    error = server.post(CHAT, {**HELLO, "temperature": 3, "seed": "a", "tools": []}).json()["error"]

    assert [detail["loc"][1] for detail in error["details"]] == ["temperature", "seed", "tools"]


def test_openai_routes_say_it_their_way(server: Any) -> None:
    """On the OpenAI routes a violation is 400 with `param`, and null is no violation."""
    answer = server.post("/v1/chat/completions", {**HELLO, "temperature": 3})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "temperature"
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert server.post("/v1/chat/completions", {**HELLO, "temperature": None, "stop": None}).status_code == 200


ACCEPTED: list[dict[str, Any]] = [
    {"temperature": 0, "top_p": 1, "max_tokens": 5, "seed": 0, "stop": "x"},
    {"stop": ["a", "b"], "frequency_penalty": -2, "presence_penalty": 2, "modalities": ["text"]},
    {"messages": [{"role": "developer", "content": "Be brief."}, USER]},
    {"messages": [{"role": "system", "content": "a"}, {"role": "system", "content": "b"}, USER, USER]},
    {"messages": [{"role": "user", "content": "a", "name": "example_user"}]},
    {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                ],
            }
        ]
    },
    {
        "messages": [
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]}
        ]
    },
    {"messages": [{"role": "user", "content": [{"type": "audio_url", "audio_url": {"url": "https://x/y.mp3"}}]}]},
    {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": []}, USER]},
    {"user_security_context": {"application_name": "a"}},
]


@pytest.mark.parametrize("body", ACCEPTED)
def test_what_the_api_allows(server: Any, body: dict[str, Any]) -> None:
    """What the API allows is answered."""
    assert server.post(CHAT, {**HELLO, **body}).status_code == 200


STRICT: list[tuple[dict[str, Any], list[Any]]] = [
    ({"messages": [{**USER, "name": "x"}]}, ["messages", 0, "name"]),
    ({"messages": [{"role": "system", "content": [{"type": "text", "text": "a"}]}, USER]}, ["messages", 0, "content"]),
    ({"messages": [USER, {"role": "assistant", "tool_calls": None}]}, ["messages", 1, "tool_calls"]),
    (
        {
            "messages": [
                USER,
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "1", "index": 0, "function": {"name": "f", "arguments": ""}}],
                },
            ]
        },
        ["messages", 1, "tool_calls", 0, "index"],
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {}}]}]},
        ["messages", 0, "content", 0, "cache_control"],
    ),
    ({"tools": [{"type": "function", "function": FUNCTION, "cache_control": {}}]}, ["tools", 0, "cache_control"]),
    ({"stop": "x"}, ["stop"]),
]


@pytest.mark.parametrize(("body", "loc"), STRICT)
def test_strict(server: Any, strict: Any, body: dict[str, Any], loc: list[Any]) -> None:
    """`--strict` refuses what only the letter of the schema forbids; without it that passes."""
    path = f"{CHAT}?api-version=2024-05-01-preview"
    answer = strict.post(path, {**HELLO, **body})

    assert answer.status_code == 422
    assert ["body", *loc] in [detail["loc"] for detail in answer.json()["error"]["details"]]
    assert server.post(path, {**HELLO, **body}).status_code == 200


def test_strict_wants_a_version(strict: Any) -> None:
    """`--strict` wants the api-version that the document requires."""
    assert strict.post(CHAT, HELLO).status_code == 400
    assert strict.post(f"{CHAT}?api-version=2024-05-01-preview", HELLO).status_code == 200


@pytest.mark.parametrize(
    ("model", "body", "loc", "value"),
    [
        ("emulated-chat", {"modalities": ["text", "audio"]}, ["body", "modalities"], ["text", "audio"]),
        ("emulated-chat-2", {"modalities": ["audio"]}, ["body", "modalities"], ["audio"]),
        ("emulated-chat-2", {"seed": 7}, ["body", "seed"], 7),
        (
            "Meta-Llama-3.1-405B-Instruct",
            {"response_format": {"type": "json_object"}},
            ["body", "response_format"],
            "json_object",
        ),
        ("Llama-2-70b-chat", {"tools": [TOOL]}, ["body", "tools"], [TOOL]),
    ],
)
def test_unsupported_parameter(server: Any, model: str, body: dict[str, Any], loc: list[str], value: Any) -> None:
    """A parameter of the API that the model does not support is 422 in the flat shape, with location and value."""
    answer = server.post(CHAT, {**HELLO, "model": model, **body})

    assert answer.status_code == 422
    assert answer.json() == {
        "status": 422,
        "code": "parameter_not_supported",
        "detail": {"loc": loc, "input": value},
        "message": "One of the parameters contain invalid values.",
    }


def test_supported_values(server: Any) -> None:
    """The same parameters with values the model supports are answered."""
    assert server.chat(modalities=["text"], seed=7)["model"] == "emulated-chat"


def test_unsupported_on_the_openai_routes(server: Any) -> None:
    """There an unsupported parameter is 400 `unsupported_parameter`."""
    error = server.post("/v1/chat/completions", {**HELLO, "modalities": ["audio"]}).json()["error"]

    assert (error["code"], error["param"]) == ("unsupported_parameter", "modalities")


FILTERED = {"messages": [{"role": "user", "content": "[[filter the prompt]] please"}]}


@pytest.mark.parametrize(
    ("path", "body", "nested"),
    [
        (CHAT, FILTERED, False),
        (CHAT, {**FILTERED, "stream": True}, False),
        (CHAT, {**FILTERED, "model": "emulated-chat-2"}, True),
        ("/v1/chat/completions", FILTERED, True),
        ("/models/completions", {"prompt": "[[filter the prompt]]"}, False),
    ],
)
def test_filtered_prompt(server: Any, path: str, body: dict[str, Any], nested: bool) -> None:
    """A prompt that begins with the trigger phrase is 400 `content_filter`, flat or nested with its categories."""
    answer = server.post(path, body)

    assert answer.status_code == 400
    if nested:
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == ("content_filter", "prompt")
        assert error["innererror"]["content_filter_result"]["violence"] == {"filtered": True, "severity": "high"}
    else:
        assert answer.json()["code"] == "content_filter"
        assert answer.json()["param"] == "messages"


def test_the_phrase_in_a_document_is_harmless(server: Any) -> None:
    """The phrase only counts where a message, or the question in it, begins with it."""
    quoted = "Context information is below.\nWrite [[filter the prompt]] to test.\nQuery: What do I write?\nAnswer:"

    assert "to test" in server.say(quoted)
    asked = server.post(
        CHAT, {"messages": [{"role": "user", "content": "Context: a\n\nQuestion: [[filter the prompt]]"}]}
    )
    assert asked.status_code == 400
