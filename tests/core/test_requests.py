"""Requests: messages and their parts, what goes out and what does not, and what is said of bad input."""

from __future__ import annotations

import base64
import copy
import datetime as dt
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import azure_inference as core
from azure_inference import (
    ChatRequest,
    CompletionRequest,
    ConfigurationError,
    EmbeddingsRequest,
    ImageEmbeddingsRequest,
    ImageInput,
    ImagePart,
    InputAudioPart,
    dialects,
    protocol,
    to_request,
)

from . import endpoints

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\nnot really"
IN_BASE64 = base64.b64encode(PNG).decode()
HELLO = {"messages": [{"role": "user", "content": "hello"}]}
TARGET = dialects.resolve("https://x.services.ai.azure.com/models")
ENDPOINT_OF = {
    ChatRequest: endpoints.CHAT,
    CompletionRequest: endpoints.COMPLETIONS,
    EmbeddingsRequest: endpoints.EMBEDDINGS,
    ImageEmbeddingsRequest: endpoints.IMAGE_EMBEDDINGS,
}


def sent(request: Any) -> Any:
    """The JSON that goes over the wire."""
    return json.loads(protocol.prepare(TARGET, ENDPOINT_OF[type(request)], request).body)


TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
}
CALLED = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": "hello"},
    {"role": "user", "content": "hello", "mood": "glad"},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            {"type": "audio_url", "audio_url": {"url": "https://x/y.mp3"}},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
            {"type": "image", "image": {"data": "AA=="}},
            {"type": "text", "text": "more", "cache_control": {"type": "ephemeral"}},
        ],
    },
    {"role": "assistant", "content": "hi"},
    {"role": "assistant", "content": ""},
    {"role": "assistant", "tool_calls": [CALLED]},
    {"role": "assistant", "content": "so", "tool_calls": [CALLED, {**CALLED, "id": "c2"}], "audio": {"id": "a"}},
    {"role": "tool", "tool_call_id": "c1", "content": "7"},
    {"role": "tool", "tool_call_id": "c1"},
    {"role": "critic", "content": {"anything": [1]}, "more": True},
]
FIELDS: dict[str, Any] = {
    "model": "m",
    "frequency_penalty": 0.5,
    "presence_penalty": -0.5,
    "temperature": 0.0,
    "top_p": 0.0,
    "max_tokens": 0,
    "stop": ["END"],
    "stream": False,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": False},
    },
    "tools": [TOOL],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "seed": 0,
    "modalities": ["text", "audio"],
    "user_security_context": {
        "application_name": "a",
        "end_user_id": "b",
        "end_user_tenant_id": "c",
        "source_ip": "::1",
    },
}


@pytest.mark.parametrize(
    "message", MESSAGES, ids=lambda message: f"{message['role']} {list(message)}{len(str(message))}"
)
def test_messages(message: dict[str, Any]) -> None:
    """A message of any role, with whatever it holds, goes out as it was given."""
    assert sent(to_request(ChatRequest, {"messages": [message]})) == {"messages": [message]}


@pytest.mark.parametrize("name", FIELDS)
def test_fields(name: str) -> None:
    """Each field of the API goes out as it was given, 0 and False too, and none is an extra parameter."""
    request = to_request(ChatRequest, {**HELLO, name: FIELDS[name]})

    assert sent(request) == {**HELLO, name: FIELDS[name]}
    assert request.extras == {}


def test_nothing_goes_out_by_itself() -> None:
    """What the user did not set is not sent, and neither is what is None."""
    assert sent(to_request(ChatRequest, HELLO)) == HELLO
    assert sent(to_request(ChatRequest, {**HELLO, **dict.fromkeys(FIELDS), "extra": None})) == HELLO
    assert sent(to_request(EmbeddingsRequest, {"input": ["a"], "dimensions": None})) == {"input": ["a"]}


def test_nulls_of_the_user_are_kept() -> None:
    """A null inside what the user gives (a JSON Schema's default, an extra) means something, and is sent."""
    schema = {"type": "object", "default": None, "properties": {"a": {"default": None, "enum": [None, 1]}}}
    asked = {
        **HELLO,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
        "extra": {"a": None, "b": [None, {"c": None}]},
    }

    assert sent(to_request(ChatRequest, asked)) == asked


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"city": "Zürich"}, '{"city": "Zürich"}'),
        ({}, "{}"),
        (None, ""),
        ("{}", "{}"),
        ("no json", "no json"),
        ([1], "[1]"),
    ],
)
def test_arguments_go_out_as_text(arguments: Any, text: str) -> None:
    """The arguments of a call are text on the wire, in whatever form they are at hand."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    body = sent(to_request(ChatRequest, {"messages": [{"role": "assistant", "tool_calls": [call]}]}))

    assert body["messages"][0]["tool_calls"][0]["function"]["arguments"] == text


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (ChatRequest, {**HELLO, "stop": "END"}, {**HELLO, "stop": ["END"]}),
        (EmbeddingsRequest, {"input": "text"}, {"input": ["text"]}),
        (EmbeddingsRequest, {"input": [[1, 2], [3]]}, {"input": [[1, 2], [3]]}),
        (CompletionRequest, {"prompt": "text"}, {"prompt": "text"}),
        (CompletionRequest, {"prompt": ["a", "b"], "stop": "x"}, {"prompt": ["a", "b"], "stop": ["x"]}),
        (CompletionRequest, {"prompt": [1, 2]}, {"prompt": [1, 2]}),
        (CompletionRequest, {"prompt": [[1], [2]]}, {"prompt": [[1], [2]]}),
        (
            ImageEmbeddingsRequest,
            {"input": [{"image": "data:x", "text": "t"}]},
            {"input": [{"image": "data:x", "text": "t"}]},
        ),
    ],
)
def test_forms_of_input(kind: Any, given: dict[str, Any], expected: dict[str, Any]) -> None:
    """Every form of text that a route takes, and a lone text where it takes a list."""
    assert sent(to_request(kind, given)) == expected


def test_typed_and_loose_requests_are_the_same() -> None:
    """A request of objects goes out as the same request of dicts."""
    loose = {"model": "m", "messages": MESSAGES[:1] + MESSAGES[2:3], "tools": [TOOL], "tool_choice": "auto", "top_k": 3}
    typed = ChatRequest(
        model="m",
        messages=[core.SystemMessage(content="Be brief."), core.UserMessage(content="hello")],
        tools=[
            core.ToolDefinition(
                function=core.FunctionDefinition(name="f", description="d", parameters={"type": "object"}, strict=True)
            )
        ],
        tool_choice="auto",
        top_k=3,
    )

    assert sent(typed) == sent(to_request(ChatRequest, loose)) == loose


def test_what_the_caller_gave_stays_as_it_was() -> None:
    """Neither checking nor preparing a request changes what the caller holds."""
    asked = {**copy.deepcopy(FIELDS), "messages": copy.deepcopy(MESSAGES), "stop": "x", "extra": {"a": [None]}}
    before = copy.deepcopy(asked)
    request = to_request(ChatRequest, asked)
    for policy in core.ExtraParameters:
        protocol.prepare(TARGET, endpoints.CHAT, request, extra_parameters=policy)
    protocol.streamed(request, TARGET, ask_usage=True)
    request.without(["stop", "extra"])

    assert asked == before
    assert request.model_extra == {"extra": {"a": [None]}}


def test_requests_are_frozen() -> None:
    """A request once made stays what it is."""
    with pytest.raises(ValidationError, match="frozen"):
        to_request(ChatRequest, HELLO).temperature = 1.0


def test_without() -> None:
    """A request without some parameters has all the others."""
    request = to_request(ChatRequest, {**HELLO, "seed": 1, "top_k": 2, "top_p": 0.0})

    assert sent(request.without(["seed", "top_k", "no such"])) == {**HELLO, "top_p": 0.0}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (5, "5 is not a valid ChatRequest: Input should be a valid dictionary"),
        ({}, "messages is missing from the ChatRequest"),
        ({"messages": []}, "messages=a list cannot be sent: List should have at least 1 item"),
        ({"messages": "hello"}, "messages='hello' cannot be sent: Input should be a valid list"),
        ({"messages": ["hello"]}, "messages.0='hello' cannot be sent"),
        ({"messages": [{"content": "hello"}]}, "messages.0.role is missing"),
        ({"messages": [{"role": ["user"], "content": "hello"}]}, "messages.0.role=a list cannot be sent"),
        ({"messages": [{"role": "user"}]}, "messages.0.content is missing"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content=5 cannot be sent"),
        ({"messages": [{"role": "user", "content": [{"type": ["text"]}]}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.tool_call_id is missing"),
        ({**HELLO, "temperature": "hot"}, "temperature='hot' cannot be sent: Input should be a valid number"),
        ({**HELLO, "temperature": math.nan}, "temperature=nan cannot be sent: Input should be a finite number"),
        ({**HELLO, "top_p": math.inf}, "top_p=inf cannot be sent: Input should be a finite number"),
        ({**HELLO, "max_tokens": 1.5}, "max_tokens=1.5 cannot be sent: Input should be a valid integer"),
        (
            {**HELLO, "tool_choice": "any"},
            "tool_choice='any' cannot be sent: Input should be 'auto', 'none' or 'required'",
        ),
        ({**HELLO, "stop": [1]}, "stop.0=1 cannot be sent"),
        ({**HELLO, "tools": [{"type": "function"}]}, "tools.0.function is missing"),
        ({**HELLO, "tools": [{"function": {"name": 1}}]}, "tools.0.function.name=1 cannot be sent"),
        (
            {**HELLO, "response_format": {"type": "json_schema", "json_schema": {"name": "n"}}},
            "json_schema.schema is missing",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"a": {1}}}}]}]},
            "messages.0.tool_calls.0.function.arguments=a dict cannot be sent",
        ),
    ],
)
def test_bad_input(asked: dict[str, Any], said: str) -> None:
    """Bad input names the argument, shows the value, and says what it should have been."""
    with pytest.raises(ConfigurationError) as caught:
        to_request(ChatRequest, asked)

    assert said in str(caught.value)
    assert "pydantic" not in str(caught.value)


@pytest.mark.parametrize("value", [object(), lambda: None, "half a character \ud83d", {"a": object()}])
def test_extras_that_are_no_json(value: Any) -> None:
    """An extra parameter that JSON cannot hold is refused before anything is sent, by name."""
    request = to_request(ChatRequest, {**HELLO, "odd_one": value})

    with pytest.raises(ConfigurationError, match="odd_one"):
        protocol.prepare(TARGET, endpoints.CHAT, request)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"odd_one": math.nan}, "odd_one=nan cannot be sent: Input should be a finite number"),
        ({"odd_one": -math.inf}, "odd_one=-inf"),
        ({"odd_one": {"a": [1.0, {"b": math.inf}]}}, "odd_one.a.1.b=inf"),
        ({"odd_one": (0, math.nan)}, "odd_one.1=nan"),
        ({"tools": [{"function": {"name": "f", "parameters": {"minimum": math.nan}}}]}, "tools.0.function.parameters."),
        ({"messages": [{"role": "user", "content": "NaN", "weight": math.nan}]}, "messages.0.weight=nan"),
    ],
)
def test_numbers_that_json_has_not(asked: dict[str, Any], said: str) -> None:
    """A number without end is refused by name wherever it stands, not sent as null."""
    request = to_request(ChatRequest, {**HELLO, **asked})

    with pytest.raises(ConfigurationError) as caught:
        protocol.prepare(TARGET, endpoints.CHAT, request)
    assert said in str(caught.value)


def test_words_that_look_like_numbers() -> None:
    """Text may say NaN and Infinity."""
    asked = {"messages": [{"role": "user", "content": "Infinity, NaN"}], "NaN": "-Infinity"}

    assert sent(to_request(ChatRequest, asked)) == asked


def test_extras_that_json_can_say() -> None:
    """Tuples, dates and models in extra parameters become what JSON has for them."""
    extras = {"a": (1, 2), "b": dt.date(2026, 1, 2), "c": core.TextPart(text="t")}

    body = sent(to_request(ChatRequest, {**HELLO, **extras}))
    assert body == {**HELLO, "a": [1, 2], "b": "2026-01-02", "c": {"type": "text", "text": "t"}}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1, max_size=8).map(lambda name: f"x_{name}"), JSON, max_size=4))
def test_any_extra_goes_out_unchanged(extras: dict[str, Any]) -> None:
    """Extra parameters of any name and value go out as they are, short of those that are None."""
    body = sent(to_request(ChatRequest, {**HELLO, **extras}))

    assert body == {**HELLO, **{name: value for name, value in extras.items() if value is not None}}


def test_builders_of_images(tmp_path: Path) -> None:
    """An image comes from a file, from bytes, or from an address, with its type and its detail."""
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    url = f"data:image/png;base64,{IN_BASE64}"

    for part in (
        ImagePart.from_file(path, detail="high"),
        ImagePart.from_file(str(path), detail="high"),
        ImagePart.from_bytes(PNG, mime_type="image/png", detail="high"),
        ImagePart.from_url(url, detail="high"),
    ):
        assert part.model_dump() == {"type": "image_url", "image_url": {"url": url, "detail": "high"}}
    assert ImagePart.from_file(path, mime_type="image/webp").image_url.url.startswith("data:image/webp;")
    assert ImageInput.from_file(path, text="t").model_dump() == {"image": url, "text": "t"}
    for embedded in (ImageInput.from_bytes(PNG, mime_type="image/png"), ImageInput.from_bytes(PNG)):
        assert embedded.model_dump(exclude_none=True) == {"image": url}


@pytest.mark.parametrize(
    ("name", "mime_type", "format_"),
    [("a.wav", None, "wav"), ("a.mp3", None, "mp3"), ("a", "audio/mpeg", "mp3"), ("a.bin", "audio/x-wav", "wav")],
)
def test_builders_of_sound(tmp_path: Path, name: str, mime_type: str | None, format_: str) -> None:
    """A sound comes from a file or from bytes, in base64 with the name of its format; or by its address."""
    path = tmp_path / name
    path.write_bytes(PNG)

    part = InputAudioPart.from_file(path, mime_type=mime_type)
    assert part.model_dump() == {"type": "input_audio", "input_audio": {"data": IN_BASE64, "format": format_}}
    assert InputAudioPart.from_bytes(PNG, mime_type=f"audio/{format_}") == part
    assert core.AudioUrlPart.from_url("https://x/y").model_dump()["audio_url"] == {"url": "https://x/y"}


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (
            lambda: ImagePart.from_bytes(PNG, mime_type="audio/wav"),
            "mime_type='audio/wav' of bytes is not an image type",
        ),
        (lambda: ImagePart.from_bytes(PNG, mime_type="png"), "mime_type='png' of bytes is not an image type"),
        (lambda: InputAudioPart.from_bytes(PNG, mime_type="audio/flac"), "convert it to wav or mp3"),
        (lambda: InputAudioPart.from_bytes(PNG, mime_type="image/png"), "is not an audio type"),
        (lambda: ImageInput.from_bytes(PNG, mime_type="text/plain"), "is not an image type"),
    ],
)
def test_builders_refuse_other_types(build: Callable[[], Any], said: str) -> None:
    """What is no image or no sound is refused, with what to do."""
    with pytest.raises(ValueError, match=said):
        build()


@pytest.mark.parametrize(
    ("data", "kind", "told"),
    [
        (PNG, ImagePart, "data:image/png;"),
        (b"\xff\xd8\xff\xe0", ImagePart, "data:image/jpeg;"),
        (b"GIF89a", ImagePart, "data:image/gif;"),
        (b"RIFF\n\0\0\0WEBP", ImagePart, "data:image/webp;"),
        (b"RIFF\n\0\0\0WAVE", InputAudioPart, "wav"),
        (b"ID3\x03\0", InputAudioPart, "mp3"),
        (b"\xff\xfb\x90", InputAudioPart, "mp3"),
        (b"RIFF\n\0\0\0WAVE", ImagePart, None),
        (PNG, InputAudioPart, None),
        (b"", ImagePart, None),
    ],
)
def test_kinds_by_their_first_bytes(tmp_path: Path, data: bytes, kind: Any, told: str | None) -> None:
    """Where neither the caller nor the name of a file tells the kind, its first bytes do; or it is refused."""
    path = tmp_path / "unknown"
    path.write_bytes(data)
    for build in (lambda: kind.from_bytes(data), lambda: kind.from_file(path)):
        if told:
            assert told in build().model_dump_json()
        else:
            with pytest.raises(ValueError, match=r"mime_type=None of .* pass mime_type, such as '(image|audio)/"):
                build()


def test_detail_of_an_image() -> None:
    """A detail that the API does not know is refused in one line."""
    wrong: Any = "ultra"
    with pytest.raises(ValueError, match=r"^detail='ultra' is unknown: pass 'auto', 'low', 'high'$"):
        ImagePart.from_url("https://x/y", detail=wrong)


def test_builders_name_the_file(tmp_path: Path) -> None:
    """A file whose name and content tell no type, or that is not there, is named."""
    path = tmp_path / "unknown"
    path.write_bytes(b"unknown")

    with pytest.raises(ValueError, match="unknown is not an image type: pass mime_type"):
        ImagePart.from_file(path)
    with pytest.raises(FileNotFoundError, match=r"missing\.png"):
        ImagePart.from_file(tmp_path / "missing.png")


def test_any_sequence_of_messages() -> None:
    """Type checkers let any sequence of messages and parts pass; it is kept as a list."""
    parts = (core.TextPart(text="hello"),)
    request = ChatRequest(messages=(core.UserMessage(content=parts),))

    assert sent(request) == {"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]}
    assert isinstance(request.messages, list)
