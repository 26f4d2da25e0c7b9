"""What answers say: text, reasoning in every place that servers put it, tool calls, sound, usage, model information."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from azure_inference import (
    APIStatusError,
    ChatCompletion,
    ChatRequest,
    CompletionRequest,
    ModelInfo,
    ResponseValidationError,
    UserMessage,
    estimate_tokens,
    model_profile,
    protocol,
    to_request,
)
from azure_inference.accumulate import ChatAccumulator
from azure_inference.reader import StreamReader
from azure_inference.remedy import Remedy, refused_parameters

from . import endpoints
from .answers import CALL, accumulated, answer, chunk, chunks_of, frame
from .conftest import Reply


@pytest.mark.parametrize(
    ("message", "text", "thought"),
    [
        ({"content": "hi"}, "hi", ""),
        ({"content": None}, "", ""),
        ({"content": ""}, "", ""),
        ({}, "", ""),
        ({"content": "hi", "reasoning_content": "hm"}, "hi", "hm"),
        ({"content": "hi", "reasoning": "hm"}, "hi", "hm"),
        ({"content": "hi", "reasoning_content": None, "reasoning": "hm"}, "hi", "hm"),
        ({"content": [{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]}, "hi", ""),
        ({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "hi"}]}, "hi", "hm"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}, "", "hm"),
        ({"content": [5, {"type": "text"}, {"type": "text", "text": None}, {}]}, "", ""),
        ({"content": ["h", {"type": "text", "text": "i"}, "!"]}, "hi!", ""),
        ({"content": [{"type": "thinking", "thinking": ["h", "m"]}, "hi"]}, "hi", "hm"),
    ],
)
def test_text_and_thought(message: Any, text: str, thought: str) -> None:
    """Text and thought are read from whichever place the server puts them, whole and streamed."""
    read = answer(message).choices[0].message
    pieces, _ = accumulated(chunk(message))
    put_together = pieces.choices[0].message

    assert (read.text, read.reasoning_text) == (text, thought)
    assert (put_together.text, put_together.reasoning_text) == (text, thought)


@pytest.mark.parametrize("choice", [{}, {"message": None}])
def test_no_message(choice: Any) -> None:
    """A choice without a message is no answer, unless the content filter stopped it before its first word."""
    filtered = ChatCompletion.model_validate({"choices": [{**choice, "finish_reason": "content_filter"}]})

    assert filtered.choices[0].message.text == ""
    for reason in ("stop", None):
        with pytest.raises(ValidationError, match="a choice without a message"):
            ChatCompletion.model_validate({"choices": [{**choice, "finish_reason": reason}]})


def test_a_body_in_place_of_a_stream_is_bounded() -> None:
    """A page without end in place of a stream is given up, not collected for ever."""
    endpoint = replace(endpoints.CHAT_STREAM, answer_limit=100)
    reader: Any = StreamReader(replace(CALL, endpoint=endpoint), ChatAccumulator())
    for _ in range(20):
        if not reader.is_done:
            reader.feed(b"<html>" + b" " * 10)
    with pytest.raises(ResponseValidationError, match="an endless body"):
        reader.next()


def test_a_stream_of_calls_only_has_no_text() -> None:
    """An answer that only calls tools has no content, as when it comes whole; not an empty one."""
    reader: Any = StreamReader(CALL, ChatAccumulator())
    reader.feed(frame({"tool_calls": [{"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}}]}))
    reader.feed(b"data: [DONE]\n\n")

    assert reader.result().choices[0].message.content is None


ODD_HEADS = [{"id": 12}, {"created": 1.5}, {"created": 1700000000}, {"id": "", "created": None}]


@pytest.mark.parametrize("head", ODD_HEADS)
def test_ids_and_times_in_other_forms(server: Any, either: Any, head: dict[str, Any]) -> None:
    """An id that is a number is its text, a time may be no whole number, and neither refuses an answer."""
    call = {"id": 7, "function": {"name": "f", "arguments": "{}"}}
    end = {"index": 0, "finish_reason": "stop"}
    server.reply_json({**head, "choices": [{**end, "message": {"tool_calls": [call], "audio": {"expires_at": 1.5}}}]})
    server.reply_events({**head, "choices": [{**end, "delta": {"tool_calls": [call], "audio": {"expires_at": 1.5}}}]})
    server.reply_json({**head, "choices": [{**end, "text": "hi"}]})
    server.reply_events({**head, "choices": [{**end, "text": "hi"}]})
    client = either.client(server.url)
    chat, text = ChatRequest(messages=[UserMessage(content="p")]), CompletionRequest(prompt="p")
    streams = client.stream_chat, client.stream_complete

    for ask, stream, request in zip((client.chat, client.complete), streams, (chat, text), strict=True):
        whole = ask(request)
        pieces = stream(request)
        chunks = list(pieces)
        expected = str(head["id"]) if head.get("id") else None
        for read in (whole, chunks[0], pieces.so_far):
            assert (read.id or None, read.created) == (expected, head.get("created"))
            assert type(read.created) is type(head.get("created"))
        if request is chat:
            assert [read.choices[0].message.tool_calls[0].id for read in (whole, pieces.so_far)] == ["7", "7"]
            assert whole.choices[0].message.audio == pieces.so_far.choices[0].message.audio


@pytest.mark.parametrize(
    ("written", "text"),
    [("a\\ud83c", "a"), ("a\\ud83cb", "a\ufffdb"), ("\\udf88b", "\ufffdb"), ("\\ud83c\\udf88\\uD83C", "🎈")],
)
def test_half_a_character(server: Any, either: Any, written: str, text: str) -> None:
    """What a token limit left of a character refuses no answer, whole or streamed; the rest of the text is the same."""
    said = '{"choices": [{"index": 0, "%s": {"content": "' + written + '"}, "finish_reason": "length"}]}'
    server.reply(Reply(body=(said % "message").encode()))
    server.reply_events(b"data: " + (said % "delta").encode() + b"\n\n")
    server.reply(Reply(body=(said % "message").encode()))
    client = either.client(server.url)
    request = ChatRequest(messages=[UserMessage(content="p")])

    assert client.chat(request).choices[0].message.text == text
    for stream in (client.stream_chat(request), client.stream_chat(request)):
        assert "".join(chunk.choices[0].delta.text for chunk in stream) == text
        assert stream.so_far.choices[0].message.text == text


def test_half_a_character_and_no_answer(server: Any, either: Any) -> None:
    """A body with half a character that is no answer in other ways, too, is refused."""
    server.reply(Reply(body=b'{"choices": [{"x": "\\ud83c"}]}'))

    with pytest.raises(ResponseValidationError, match="not a valid ChatCompletion"):
        either.client(server.url).chat(ChatRequest(messages=[UserMessage(content="p")]))


@pytest.mark.parametrize("separator", ["\\ud83c\\udf88", "\\ud83c|\\udf88"])
def test_halves_of_a_character(separator: str) -> None:
    """A character that a server cut in half, each half in its own event, comes out whole."""
    reader: Any = StreamReader(CALL, ChatAccumulator())
    for part in f"a{separator}b".split("|"):
        reader.feed(b'data: {"choices": [{"index": 0, "delta": {"content": "' + part.encode() + b'"}}]}\n\n')
    reader.feed(frame({}, "stop"))
    reader.end()

    assert "".join(chunk.choices[0].delta.text for chunk in chunks_of(reader)) == "a🎈b"
    assert reader.result().choices[0].message.text == "a🎈b"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}, ("1", "f", "{}")),
        ({"id": "1", "function": {"name": "f", "arguments": {"a": 1}, "call_id": None}}, ("1", "f", '{"a": 1}')),
        ({"id": "1", "function": {"name": "f", "arguments": None}}, ("1", "f", "")),
        ({"id": "1", "type": None, "function": {"name": "f"}}, ("1", "f", "")),
        ({"id": "1", "function": {"name": "f", "arguments": "{"}}, ("1", "f", "{")),
        ({"id": "1", "index": 3, "function": {"name": None, "arguments": " {} "}}, ("1", "", " {} ")),
    ],
)
def test_tool_calls(call: Any, expected: tuple[str, str, str]) -> None:
    """Tool calls in every form: arguments as an object or null, ids and names that are null, keys nobody knows."""
    (read,) = answer({"content": None, "tool_calls": [call]}, finish_reason="stop").choices[0].message.tool_calls

    assert (read.id, read.function.name, read.function.arguments) == expected


@pytest.mark.parametrize("missing", [{}, {"id": None}, {"id": ""}])
def test_calls_without_an_id(missing: dict[str, Any]) -> None:
    """Calls that a server gives no id have one of our own each, which an answer keeps where it is written and read."""
    call = {"function": {"name": "f", "arguments": "{}"}, **missing}
    whole = answer({"content": None, "tool_calls": [call, call, {**call, "id": "1"}]}, finish_reason="stop")
    first, second, third = whole.choices[0].message.tool_calls

    assert len({first.id, second.id, third.id}) == 3
    assert all(len(made.id) == 9 and made.id.isalnum() for made in (first, second))
    assert third.id == "1"
    assert ChatCompletion.model_validate_json(whole.model_dump_json()) == whole
    assert answer({"tool_calls": None}).choices[0].message.tool_calls == []


def test_everything_else() -> None:
    """Usage in detail, sound, filters, words nobody knows, and keys nobody knows are all there to be read."""
    read = ChatCompletion.model_validate_json(
        json.dumps(
            {
                "id": "i",
                "created": 5,
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "model_length",
                        "message": {
                            "role": "odd",
                            "audio": {"id": "a", "expires_at": 9, "data": "AA==", "format": "wav", "transcript": "t"},
                            "annotations": [1],
                        },
                        "content_filter_results": {"hate": {"filtered": False}},
                        "stop_reason": 3,
                    }
                ],
                "usage": {
                    "prompt_tokens": 3,
                    "completion_tokens": 4,
                    "total_tokens": 7,
                    "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 1, "other": 5},
                    "prompt_tokens_details": {"cached_tokens": 9, "audio_tokens": None},
                    "reasoning_tokens": 2,
                },
                "prompt_filter_results": [{"prompt_index": 0}],
                "service_tier": "x",
            }
        )
    )
    (choice,) = read.choices

    assert read.usage is not None
    assert read.usage.completion_tokens_details is not None
    assert read.usage.completion_tokens_details.reasoning_tokens == 2
    assert read.usage.completion_tokens_details.model_extra == {"other": 5}
    assert read.usage.prompt_tokens_details is not None
    assert read.usage.prompt_tokens_details.cached_tokens == 9
    assert read.usage.model_extra == {"reasoning_tokens": 2}
    assert choice.message.audio is not None
    assert (choice.message.audio.transcript, choice.message.audio.expires_at) == ("t", 9)
    assert (choice.finish_reason, choice.message.role) == ("model_length", "odd")
    assert choice.content_filter_results == {"hate": {"filtered": False}}
    assert (choice.model_extra, choice.message.model_extra) == ({"stop_reason": 3}, {"annotations": [1]})
    assert read.prompt_filter_results == [{"prompt_index": 0}]
    assert read.model_extra == {"service_tier": "x"}


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("chat-completion", "chat-completion"),
        ("chat_completion", "chat-completion"),
        ("chat-completions", "chat-completion"),
        ("Chat Completions", "chat-completion"),
        ("chat", "chat-completion"),
        ("completion", "text-generation"),
        ("text_generation", "text-generation"),
        ("text-generation", "text-generation"),
        ("embedding", "embeddings"),
        ("embeddings", "embeddings"),
        ("text-embeddings", "embeddings"),
        ("image_embeddings", "image-embeddings"),
        ("image-embeddings", "image-embeddings"),
        ("image_generation", "image-generation"),
        ("audio_generation", "audio-generation"),
        ("something new", "something-new"),
        ("", ""),
        (None, ""),
    ],
)
def test_kinds_of_models(word: str | None, kind: str) -> None:
    """Each of the many spellings of a kind of model is one word."""
    info = ModelInfo.model_validate({"model_name": "m", "model_type": word, "extra": 1})

    assert info.kind == kind
    assert info.model_type == word
    assert info.model_extra == {"extra": 1}


# Refused parameters, in every shape that services use.


def refused(body: Any, status: int = 400) -> list[str]:
    """The parameters that a refusal names."""
    with pytest.raises(APIStatusError) as caught:
        protocol.raise_for_status(CALL, status, {}, json.dumps(body).encode())
    return refused_parameters(caught.value)


OLD = "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later"
REPR = "[{'type': 'extra_forbidden', 'loc': ('body', 'top_k'), 'msg': 'Extra inputs are not permitted', 'input': 3}]"


@pytest.mark.parametrize(
    ("status", "body", "names"),
    [
        (
            422,
            {"code": "parameter_not_supported", "detail": {"loc": ["body", "seed"], "input": 1}, "message": "x"},
            ["seed"],
        ),
        (
            422,
            {"detail": [{"type": "extra_forbidden", "loc": ["body", "user"], "msg": "Extra inputs are not permitted"}]},
            ["user"],
        ),
        (
            422,
            {"detail": [{"loc": ["body", "response_format", "type"], "msg": "should be 'text'"}]},
            ["response_format"],
        ),
        (422, {"detail": [{"loc": ["body", "seed"], "msg": "Input should be a valid integer"}]}, []),
        (400, {"detail": "Extra parameters ['n', 'safe_prompt'] are not allowed when ..."}, ["n", "safe_prompt"]),
        (
            400,
            {"error": {"code": "unsupported_parameter", "param": "max_tokens", "message": "Unsupported parameter"}},
            ["max_tokens"],
        ),
        (
            400,
            {"error": {"message": "Validation error at #/store: Extra inputs are not permitted", "code": 400}},
            ["store"],
        ),
        (400, {"error": {"code": "Bad Request", "message": json.dumps({"message": REPR, "code": 400})}}, ["top_k"]),
        (400, {"error": {"code": "unsupported_value", "param": "temperature", "message": "only 1"}}, ["temperature"]),
        (400, {"error": {"code": "BadRequest", "param": "response_format", "message": OLD}}, ["response_format"]),
        (400, {"error": {"code": "content_filter", "param": "prompt", "message": "filtered"}}, []),
        (400, {"error": {"code": "invalid_type", "param": "messages", "message": "expected a string"}}, []),
        (500, {"error": {"code": "unsupported_parameter", "param": "seed", "message": "x"}}, []),
    ],
)
def test_refused_parameters(status: int, body: Any, names: list[str]) -> None:
    """A refusal names the parameters that are not supported, whatever its shape; another failure names none."""
    assert refused(body, status) == names


def test_what_is_remembered() -> None:
    """What one model refuses at one endpoint is left out there, and nowhere else."""
    remedy = Remedy("drop")
    fields = {"messages": [{"role": "user", "content": "x"}], "model": "m", "seed": 1, "top_p": 0.5}
    request = to_request(ChatRequest, fields)
    error = APIStatusError("no", status_code=400, code="unsupported_parameter", param="seed")
    with pytest.warns(UserWarning, match="seed=1 was left out"):
        assert remedy.after("https://a", request, error).seed is None

    assert remedy.apply("https://a", request) == request.without(["seed"])
    assert remedy.apply("https://b", request) is request
    other = to_request(ChatRequest, {**fields, "model": "other"})
    assert remedy.apply("https://a", other) is other


NEWER_NAME = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
)
LIMITED = {"messages": [{"role": "user", "content": "x"}], "model": "m", "max_tokens": 5, "safe_prompt": True}


@pytest.mark.parametrize("on_unsupported", ["error", "drop"])
def test_a_newer_name(on_unsupported: str, caplog: pytest.LogCaptureFixture) -> None:
    """A limit that is known by another name is sent by that: at once and later, at this endpoint, to this model."""
    remedy, request = Remedy(on_unsupported), to_request(ChatRequest, LIMITED)
    error = APIStatusError(NEWER_NAME, status_code=400, code="unsupported_parameter", param="max_tokens")

    with caplog.at_level("INFO", "azure_inference"):
        renamed = remedy.after("https://a", request, error)
        remedy.after("https://a", request, error)

    assert renamed.max_tokens is None
    assert renamed.extras == {"safe_prompt": True, "max_completion_tokens": 5}
    assert remedy.apply("https://a", request) == renamed
    assert remedy.apply("https://a", request, may_rename=False) is request
    assert remedy.apply("https://b", request) is request
    assert request.max_tokens == 5
    assert [record.getMessage() for record in caplog.records] == [
        "model 'm' refuses max_tokens; it is sent as max_completion_tokens from now on"
    ]


@pytest.mark.parametrize(
    ("message", "more", "may_rename"),
    [
        (NEWER_NAME, {}, False),
        (NEWER_NAME, {"max_completion_tokens": 6}, True),
        (NEWER_NAME.partition(" Use")[0], {}, True),
        (NEWER_NAME.replace("completion_", "output_"), {}, True),
    ],
    ids=["where extra parameters are dropped", "that is given too", "that is not told", "that nobody knows"],
)
def test_no_newer_name(message: str, more: dict[str, Any], may_rename: bool) -> None:
    """Where another name would not reach the model, overwrite what is there, or is only guessed, the error stands."""
    error = APIStatusError(message, status_code=400, code="unsupported_parameter", param="max_tokens")

    with pytest.raises(APIStatusError):
        Remedy("error").after("https://a", to_request(ChatRequest, {**LIMITED, **more}), error, may_rename=may_rename)


# Models.


@pytest.mark.parametrize("name", ["gpt-4o", "GPT-4o-2024-08-06", "gpt-4o-mini"])
def test_profiles_of_known_models(name: str) -> None:
    """A model's family is known by its name, however that is written."""
    assert model_profile(name).context_window == 128_000
    assert model_profile(name).tool_calling is True


@pytest.mark.parametrize("name", [None, "", "my-own-deployment"])
def test_profiles_of_unknown_models(name: str | None) -> None:
    """Of a model that nobody knows, nothing is said, and so nothing is refused."""
    assert model_profile(name) == model_profile(None)
    assert model_profile(name).context_window is None
    assert model_profile(name).tool_calling is None


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("€", 1), ("\ud800", 1)])
def test_estimated_tokens(text: str, tokens: int) -> None:
    """About four bytes make a token; any text can be estimated."""
    assert estimate_tokens(text) == tokens
