"""The published contract of the API and the emulator's rules: what is sent fits them, and the names are the same."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from pydantic import BaseModel

from azure_inference import (
    ChatRequest,
    CompletionRequest,
    EmbeddingsRequest,
    ImageEmbeddingsRequest,
    dialects,
    protocol,
    to_request,
)
from azure_inference.schema import chat, chunks, embeddings, info, messages, tools

from . import endpoints

if TYPE_CHECKING:
    from pathlib import Path

CONTRACTS = ["2024-05-01-preview", "2025-05-15-preview"]
TARGET = dialects.resolve("https://x.services.ai.azure.com/models")

_NAME = {"name": "OpenAI's routes have it, and no other is told it"}
# Our model, the definitions that describe it, and the fields that these do not have, each with its reason.
MODELS: list[tuple[type[BaseModel | chunks.ChunkModel], list[str], dict[str, str]]] = [
    (ChatRequest, ["ChatCompletionsOptions"], {}),
    (EmbeddingsRequest, ["EmbeddingsOptions"], {}),
    (ImageEmbeddingsRequest, ["ImageEmbeddingsOptions"], {}),
    (embeddings.ImageInput, ["ImageEmbeddingInput"], {}),
    (messages.SystemMessage, ["ChatRequestMessage", "ChatRequestSystemMessage"], _NAME),
    (messages.UserMessage, ["ChatRequestMessage", "ChatRequestUserMessage"], _NAME),
    (messages.AssistantMessage, ["ChatRequestMessage", "ChatRequestAssistantMessage"], _NAME),
    (messages.ToolMessage, ["ChatRequestMessage", "ChatRequestToolMessage"], {}),
    (messages.AudioReference, ["ChatRequestAudioReference"], {}),
    (messages.TextPart, ["ChatMessageContentItem", "ChatMessageTextContentItem"], {}),
    (messages.ImagePart, ["ChatMessageContentItem", "ChatMessageImageContentItem"], {}),
    (messages.ImageUrl, ["ChatMessageImageUrl"], {}),
    (messages.AudioUrlPart, ["ChatMessageContentItem", "ChatMessageAudioContentItem"], {}),
    (messages.AudioUrl, ["ChatMessageAudioUrl"], {}),
    (messages.InputAudio, ["ChatMessageInputAudio"], {}),
    (tools.ToolDefinition, ["ChatCompletionsToolDefinition"], {}),
    (tools.FunctionDefinition, ["FunctionDefinition"], {"strict": "the v1 route has it, and others ignore it"}),
    (tools.NamedToolChoice, ["ChatCompletionsNamedToolChoice"], {}),
    (tools.FunctionName, ["ChatCompletionsNamedToolChoiceFunction"], {}),
    (tools.ToolCall, ["ChatCompletionsToolCall"], {}),
    (tools.FunctionCall, ["FunctionCall"], {}),
    (chunks.FunctionCallDelta, ["FunctionCall"], {}),
    (
        chunks.ToolCallDelta,
        ["StreamingChatResponseToolCallUpdate"],
        {"index": "every service sends it", "type": "every service sends it"},
    ),
    (chat.ResponseFormat, ["ChatCompletionsResponseFormat", "ChatCompletionsResponseFormatJsonSchema"], {}),
    (chat.JsonSchemaFormat, ["ChatCompletionsResponseFormatJsonSchemaDefinition"], {}),
    (chat.UserSecurityContext, ["UserSecurityContext"], {}),
    (
        chat.ChatCompletion,
        ["ChatCompletions"],
        {"system_fingerprint": "in the documents' examples", "prompt_filter_results": "every Azure service sends it"},
    ),
    (
        chunks.ChatCompletionChunk,
        ["StreamingChatCompletionsUpdate"],
        {
            "system_fingerprint": "as in whole answers",
            "prompt_filter_results": "as in whole answers",
            "service_tier": "OpenAI's services send it with every chunk",
            "obfuscation": "the same",
        },
    ),
    (
        chat.Choice,
        ["ChatChoice"],
        {"content_filter_results": "every Azure service sends it", "logprobs": "sent to those who ask for it"},
    ),
    (
        chunks.ChunkChoice,
        ["StreamingChatChoiceUpdate"],
        {"content_filter_results": "as in whole answers", "logprobs": "as in whole answers"},
    ),
    (
        chat.AnswerMessage,
        ["ChatResponseMessage"],
        {"reasoning": "other servers' word for reasoning_content", "refusal": "newer models send it"},
    ),
    (
        chunks.Delta,
        ["StreamingChatResponseMessageUpdate"],
        {"reasoning": "as in messages", "refusal": "as in messages", "audio": "as in messages"},
    ),
    (chat.Audio, ["ChatCompletionsAudio"], {}),
    (chat.Usage, ["CompletionsUsage", "EmbeddingsUsage"], {}),
    (chat.CompletionTokensDetails, ["CompletionsUsageDetails"], {}),
    (chat.PromptTokensDetails, ["PromptUsageDetails"], {}),
    (embeddings.EmbeddingsResult, ["EmbeddingsResult"], {"vectors": "read from data, never on the wire"}),
    (embeddings.EmbeddingItem, ["EmbeddingItem"], {}),
    (info.ModelInfo, ["ModelInfo"], {}),
]


@pytest.fixture(scope="session", params=CONTRACTS)
def contract(request: pytest.FixtureRequest, shared_dir: Path) -> dict[str, Any]:
    """A published document of the API, its definitions made fit for validation."""
    document: dict[str, Any] = json.loads((shared_dir / "reference" / "openapi" / f"{request.param}.json").read_bytes())
    return _as_json_schema(document)


def _as_json_schema(document: dict[str, Any]) -> dict[str, Any]:
    """The definitions with what their discriminators say, which JSON Schema does not know, said in its own words."""
    document = copy.deepcopy(document)
    definitions: dict[str, Any] = document["definitions"]
    for name, definition in list(definitions.items()):
        marker = definition.pop("discriminator", None)
        if marker is None:
            continue
        kinds = {
            each["x-ms-discriminator-value"]: other
            for other, each in definitions.items()
            if {"$ref": f"#/definitions/{name}"} in each.get("allOf", [])
        }
        definitions[f"{name}.any"] = {
            "allOf": [
                {
                    "if": {"properties": {marker: {"const": value}}},
                    "then": {"$ref": f"#/definitions/{kind}"},
                }
                for value, kind in kinds.items()
            ],
            "properties": {marker: {"enum": list(kinds)}},
            "required": [marker],
        }
        for each in definitions.values():
            for part in each.get("properties", {}).values():
                _redirect(part, f"#/definitions/{name}", f"#/definitions/{name}.any")
    return document


def _redirect(part: dict[str, Any], old: str, new: str) -> None:
    if part.get("$ref") == old:
        part["$ref"] = new
    elif isinstance(part.get("items"), dict):
        _redirect(part["items"], old, new)


def _fields_of(kind: type[BaseModel | chunks.ChunkModel]) -> set[str]:
    if issubclass(kind, chunks.ChunkModel):
        return set(kind.__struct_fields__) - {"model_extra"}
    return {field.alias or name for name, field in kind.model_fields.items()}


@pytest.mark.parametrize(("kind", "names", "ours"), MODELS, ids=[kind.__name__ for kind, _, _ in MODELS])
def test_field_names(shared_dir: Path, kind: type[BaseModel], names: list[str], ours: dict[str, str]) -> None:
    """A model has the fields that the newest contract has, and no others but those named here with a reason."""
    path = shared_dir / "reference" / "openapi" / f"{CONTRACTS[-1]}.json"
    definitions = json.loads(path.read_bytes())["definitions"]
    documented = {field for name in names for field in definitions[name].get("properties", {})}

    assert _fields_of(kind) == documented | ours.keys()
    assert not documented & ours.keys(), "documented by now: no reason needed any more"


def test_every_definition_has_its_model(shared_dir: Path) -> None:
    """No object of the newest contract that a chat or an embedding can hold is without a model here."""
    path = shared_dir / "reference" / "openapi" / f"{CONTRACTS[-1]}.json"
    document = json.loads(path.read_bytes())
    routes = [getattr(endpoints, name).path for name in endpoints.__all__]
    elsewhere = {
        "Image generation, no part of this library": "ImageGeneration",
        "Errors, read in any shape": "Azure.Core",
    }

    objects = {name for name, definition in document["definitions"].items() if definition.get("properties")}
    known = {name for _, names, _ in MODELS for name in names} | {"ChatMessageInputAudioContentItem"}
    left = {name for name in objects - known if not name.startswith(tuple(elsewhere.values()))}
    assert left == set()
    assert set(document["paths"]) - set(routes) == {"/images/generations"}


TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
GUID = "00000000-0000-0000-0000-000000000000"
USER = {"role": "user", "content": "hello"}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
REQUESTS: list[tuple[str, Any, dict[str, Any]]] = [
    ("ChatCompletionsOptions", ChatRequest, {"messages": [USER]}),
    (
        "ChatCompletionsOptions",
        ChatRequest,
        {
            "messages": [
                {"role": "system", "content": "s"},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "t"},
                        {"type": "image_url", "image_url": {"url": "https://x/y", "detail": "high"}},
                        {"type": "audio_url", "audio_url": {"url": "https://x/y"}},
                    ],
                },
                {"role": "assistant", "content": "a", "tool_calls": [CALL], "audio": {"id": "a"}},
                {"role": "tool", "content": "7", "tool_call_id": "1"},
            ],
            "model": "m",
            "frequency_penalty": -2,
            "presence_penalty": 2.0,
            "temperature": 0,
            "top_p": 1,
            "max_tokens": 0,
            "stop": "END",
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
            "tools": [TOOL],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "seed": 2**40,
            "modalities": ["text", "audio"],
            "user_security_context": {"application_name": "a", "end_user_id": GUID},
            "an_extra": {"a": None},
        },
    ),
    ("EmbeddingsOptions", EmbeddingsRequest, {"input": "a"}),
    (
        "EmbeddingsOptions",
        EmbeddingsRequest,
        {"input": ["a"], "dimensions": 8, "encoding_format": "ubinary", "input_type": "query", "model": "m", "x": 1},
    ),
    (
        "ImageEmbeddingsOptions",
        ImageEmbeddingsRequest,
        {"input": [{"image": "data:image/png;base64,AA==", "text": "t"}]},
    ),
]
ROUTE_OF = {ChatRequest: endpoints.CHAT, EmbeddingsRequest: endpoints.EMBEDDINGS}


def _valid(contract: dict[str, Any], name: str, body: Any) -> None:
    schema = {"$ref": f"#/definitions/{name}", "definitions": contract["definitions"]}
    jsonschema.Draft202012Validator(schema).validate(body)


@pytest.mark.parametrize(("name", "kind", "asked"), REQUESTS)
def test_requests_fit_the_contract(contract: dict[str, Any], name: str, kind: Any, asked: dict[str, Any]) -> None:
    """What is sent is what the published document says a request is; the judge does refuse what is none."""
    request = to_request(kind, asked)
    body = json.loads(protocol.prepare(TARGET, ROUTE_OF.get(kind, endpoints.IMAGE_EMBEDDINGS), request).body)

    _valid(contract, name, body)
    with pytest.raises(jsonschema.ValidationError):
        _valid(contract, name, {**body, "model": 5})
    with pytest.raises(jsonschema.ValidationError):
        _valid(contract, name, {name: value for name, value in body.items() if name not in ("messages", "input")})


PARAMETERS = [
    ("CHAT_PARAMETERS", ChatRequest),
    ("COMPLETIONS_PARAMETERS", CompletionRequest),
    ("EMBEDDINGS_PARAMETERS", EmbeddingsRequest),
    ("IMAGE_EMBEDDINGS_PARAMETERS", ImageEmbeddingsRequest),
]


@pytest.mark.parametrize(("table", "kind"), PARAMETERS)
def test_the_emulator_knows_the_same_parameters(table: str, kind: type[BaseModel]) -> None:
    """What the emulator, which is made from the published API alone, takes for a parameter is a field here."""
    from azure_inference_emulator import rules

    assert set(getattr(rules, table)) == _fields_of(kind)
    assert not rules.OPENAI_PARAMETERS & _fields_of(kind)


def test_the_emulator_knows_the_same_words() -> None:
    """The words of the extra-parameters header are those of the emulator."""
    from azure_inference_emulator import rules

    assert set(rules.EXTRA_PARAMETERS_OPTIONS) == set(protocol.ExtraParameters)
