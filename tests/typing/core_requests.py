"""What a type checker says of requests, options and errors; `make check` reads it, and nothing runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

import azure_inference as core

FORECAST = core.ToolDefinition(
    function=core.FunctionDefinition(name="forecast", description="The weather.", parameters={"type": "object"})
)
REQUEST = core.ChatRequest(
    messages=[
        core.SystemMessage(content="Be brief."),
        core.UserMessage(
            content=[
                core.TextPart(text="What is this?"),
                core.ImagePart.from_file(Path("picture.png"), detail="low"),
                core.InputAudioPart.from_bytes(b"", mime_type="audio/wav"),
                core.AudioUrlPart.from_url("https://example.com/sound.mp3"),
            ]
        ),
        core.AssistantMessage(tool_calls=[core.ToolCall(id="1", function=core.FunctionCall(name="forecast"))]),
        core.ToolMessage(tool_call_id="1", content="rain"),
    ],
    model="m",
    temperature=0,
    stop=["END"],
    tools=[FORECAST],
    tool_choice="auto",
    response_format=core.ResponseFormat(type="json_object"),
)
IMAGES = core.ImageEmbeddingsRequest(input=[core.ImageInput.from_file("picture.png")], input_type="document")


def requests(fields: dict[str, Any]) -> None:
    """A request from loose fields is of the kind that was asked for."""
    assert_type(core.to_request(core.ChatRequest, fields), core.ChatRequest)
    assert_type(core.to_request(core.EmbeddingsRequest, core.wire_fields(fields, {"x": 1})), core.EmbeddingsRequest)
    assert_type(REQUEST.extras, dict[str, Any])
    assert_type(REQUEST.without(["seed"]), core.ChatRequest)


def options(settings: core.ClientOptions, call: core.CallOptions) -> None:
    """Options are the same for both clients and the connection, and typed for each call."""
    plain = core.InferenceClient("https://example.com", "key", **settings)
    core.AsyncInferenceClient("https://example.com", "key", **settings)
    connection = core.Connection("https://example.com", "key", retry=core.RetryPolicy(max_retries=0), timeout=3)
    assert_type(connection.client, core.InferenceClient)
    assert_type(connection.async_client, core.AsyncInferenceClient)
    assert_type(plain.embed_all(IMAGES, batch_size=8, **call), list[list[float]])
    assert_type(
        plain.embed_images(IMAGES, extra_parameters="drop", timeout=core.Timeouts(read=1)), core.EmbeddingsResult
    )
    with plain.stream_complete(core.CompletionRequest(prompt="hello"), headers={"x": "y"}) as stream:
        assert_type(next(stream), core.CompletionChunk)
        assert_type(stream.so_far, core.Completion | None)


def credentials(key: core.Credential) -> None:
    """A key, a function and an async function are credentials."""

    async def token() -> str:
        return "token"

    for credential in ("key", lambda: "token", token, key):
        core.InferenceClient("https://example.com", credential)


def conversations(questions: list[core.UserMessage], texts: list[core.TextPart]) -> None:
    """Lists of one kind of message, or of part, are lists of messages and parts; so are tuples."""
    core.ChatRequest(messages=questions, tool_choice=core.NamedToolChoice(function=core.FunctionName(name="forecast")))
    core.ChatRequest(messages=(core.UserMessage(content=texts),), user_security_context=core.UserSecurityContext())


def answers(answer: core.ChatCompletion, chunk: core.ChatCompletionChunk) -> None:
    """What an answer says is typed down to the arguments of a call."""
    message = answer.choices[0].message
    assert_type(message, core.AnswerMessage)
    assert_type(message.text, str)
    assert_type(message.reasoning_text, str)
    assert_type(message.tool_calls, list[core.ToolCall])
    assert_type(core.parse_arguments(message.tool_calls[0].function.arguments), dict[str, Any] | None)
    assert_type(answer.usage, core.Usage | None)
    assert_type(chunk.choices[0].delta, core.Delta)
    assert_type(chunk.choices[0].delta.tool_calls, list[core.ToolCallDelta] | None)


def failures(error: core.APIStatusError) -> None:
    """What a refusal says is typed."""
    assert_type(error.location, list[str | int])
    assert_type(error.content_filter, dict[str, Any])
    assert_type(error.retry_after, float | None)
    assert_type(error.attempts, int)
