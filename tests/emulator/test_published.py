"""The emulator against the published OpenAPI document, which nobody here wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from azure_inference_emulator import rules
from tests.emulator.conftest import tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WEATHER = tool("get_weather", "Get the weather of a city.", city="string")
HELLO = {"messages": [{"role": "user", "content": "What is the weather in Oslo?"}]}
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
TABLES = {
    "ChatCompletionsOptions": rules.CHAT_PARAMETERS,
    "EmbeddingsOptions": rules.EMBEDDINGS_PARAMETERS,
    "ImageEmbeddingsOptions": rules.IMAGE_EMBEDDINGS_PARAMETERS,
}


@pytest.fixture(scope="session")
def definitions(shared_dir: Path) -> dict[str, Any]:
    """The definitions of the document that was published last for this API version."""
    path = shared_dir / "reference" / "openapi" / "2024-05-01-preview.json"
    return json.loads(path.read_text(encoding="utf-8"))["definitions"]


def violations(definitions: dict[str, Any], schema: dict[str, Any], value: Any, place: str = "$") -> Iterator[str]:
    """Where a value is not what a Swagger 2 schema says: types, enumerations, and what is required."""
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if value is None and schema.get("x-nullable"):
        return
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        yield f"{place} is {value!r}, not {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place} is {value!r}, not one of {schema['enum']}"
    if isinstance(value, dict):
        yield from (f"{place} has no {name}" for name in schema.get("required", []) if name not in value)
        for name, part in schema.get("properties", {}).items():
            if name in value:
                yield from violations(definitions, part, value[name], f"{place}.{name}")
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from violations(definitions, schema.get("items", {}), item, f"{place}[{index}]")


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_the_published_parameters(definitions: dict[str, Any], name: str) -> None:
    """The parameter tables hold the document's parameters, no more and no less, but for those of a later version."""
    published = definitions[name]
    own = {key: rule for key, rule in TABLES[name].items() if rule.since == "2024-05-01-preview"}

    assert own.keys() == published["properties"].keys()
    assert [key for key, rule in own.items() if rule.required] == published["required"]
    for key, rule in own.items():
        schema = published["properties"][key]
        while "$ref" in schema:
            schema = definitions[schema["$ref"].rpartition("/")[2]]
        if "minimum" in schema:
            assert rule.low == schema["minimum"]
        if "maximum" in schema and key != "temperature":
            assert rule.high == schema["maximum"]
        if "enum" in schema:
            assert set(rule.choices) == set(schema["enum"])


def test_the_header_is_the_published_enumeration(definitions: dict[str, Any]) -> None:
    """The legal values of `extra-parameters` are the document's."""
    assert list(rules.EXTRA_PARAMETERS_OPTIONS) == definitions["ExtraParameters"]["enum"]


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/models/chat/completions", HELLO, "ChatCompletions"),
        ("/models/chat/completions", {**HELLO, "max_tokens": 2}, "ChatCompletions"),
        ("/models/chat/completions", {**HELLO, "response_format": {"type": "json_object"}}, "ChatCompletions"),
        ("/models/embeddings", {"input": ["a", "b"]}, "EmbeddingsResult"),
        ("/models/embeddings", {"input": ["a", "b"], "encoding_format": "int8"}, "EmbeddingsResult"),
        ("/models/images/embeddings", {"input": [{"image": "data:image/png;base64,AA=="}]}, "EmbeddingsResult"),
    ],
)
def test_answers(server: Any, definitions: dict[str, Any], path: str, body: dict[str, Any], name: str) -> None:
    """Answers are what the document says they are."""
    assert list(violations(definitions, definitions[name], server.post(path, body).json())) == []


def test_answers_with_calls(server: Any, definitions: dict[str, Any]) -> None:
    """Answers with tool calls too, but for the content, which the services leave null and the document calls string."""
    answer = server.post("/models/chat/completions", {**HELLO, "tools": [WEATHER]}).json()

    found = list(violations(definitions, definitions["ChatCompletions"], answer))

    assert found in ([], ["$.choices[0].message.content is None, not string"])


def test_info(server: Any, definitions: dict[str, Any]) -> None:
    """So is the information about a model."""
    for model in ("emulated-chat", "emulated-embed"):
        answer = server.http.get(f"/models/info?model={model}").json()
        assert list(violations(definitions, definitions["ModelInfo"], answer)) == []


# What real streams do otherwise than the document says.
REAL = (
    "$.object is 'chat.completion.chunk'",
    "$.choices[0].finish_reason is None",
    "$.choices[0].delta.content is None",
    "$.choices[0].delta.tool_calls[0] has no id",
    "$.choices[0].delta.tool_calls[0].function has no name",
)


@pytest.mark.parametrize("extra", [{}, {"tools": [WEATHER]}])
def test_frames(server: Any, definitions: dict[str, Any], extra: dict[str, Any]) -> None:
    """Frames are the document's updates, but for what real streams do otherwise."""
    schema = definitions["StreamingChatCompletionsUpdate"]
    frames = server.frames({**HELLO, **extra})[:-1]
    assert frames
    for frame in frames:
        found = violations(definitions, schema, frame)
        assert [text for text in found if not text.startswith(REAL)] == []
