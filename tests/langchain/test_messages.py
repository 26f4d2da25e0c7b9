"""What becomes of LangChain messages on the wire, and of answers in LangChain."""

from __future__ import annotations

import base64
import copy
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from azure_inference import ChatCompletion, ChatRequest, ConfigurationError, to_request
from langchain_azure_inference import ChatAzureInference
from langchain_azure_inference._answers import to_result
from langchain_azure_inference._messages import to_wire

if TYPE_CHECKING:
    from types import SimpleNamespace

B64 = base64.b64encode(b"bytes").decode()
SAID = base64.b64encode(b"said").decode()
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
ASKED = {**CALL, "function": {"name": "f", "arguments": {"a": 1}}}
"""The core writes the arguments as JSON."""
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}"}}


def user(*parts: Any) -> list[dict[str, Any]]:
    """The wire form of a user message."""
    return [{"role": "user", "content": parts[0] if isinstance(parts[0], str) else list(parts)}]


MESSAGES = {
    "text": (HumanMessage("hi"), user("hi")),
    "one text block": (HumanMessage([{"type": "text", "text": "hi"}]), user("hi")),
    "a name": (HumanMessage("hi", name="Ann"), [{"role": "user", "content": "hi", "name": "Ann"}]),
    "a name of a model": (AIMessage("hi", name="Ann"), [{"role": "assistant", "content": "hi", "name": "Ann"}]),
    "a name of an own role": (ChatMessage("hi", role="x", name="Ann"), [{"role": "x", "content": "hi", "name": "Ann"}]),
    "two text blocks": (
        HumanMessage(["a", {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]),
        user({"type": "text", "text": "a"}, {"type": "text", "text": "b"}),
    ),
    "system": (SystemMessage("be"), [{"role": "system", "content": "be"}]),
    "system blocks": (
        SystemMessage([{"type": "text", "text": "be"}, {"type": "text", "text": "nice"}]),
        [{"role": "system", "content": "be\nnice"}],
    ),
    "system blocks of Bedrock": (
        SystemMessage([{"type": "text", "text": "be"}, {"cachePoint": {"type": "default"}}]),
        [{"role": "system", "content": "be"}],
    ),
    "developer": (
        SystemMessage("be", additional_kwargs={"__openai_role__": "developer"}),
        [{"role": "developer", "content": "be"}],
    ),
    "own role": (ChatMessage("hi", role="critic"), [{"role": "critic", "content": "hi"}]),
    "image of version 1": (HumanMessage([{"type": "image", "base64": B64, "mime_type": "image/png"}]), user(IMAGE)),
    "image of version 0": (
        HumanMessage([{"type": "image", "source_type": "base64", "data": B64, "mime_type": "image/png"}]),
        user(IMAGE),
    ),
    "image of Anthropic": (
        HumanMessage(
            [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": B64}}],
        ),
        user(IMAGE),
    ),
    "image by address": (
        HumanMessage([{"type": "image", "url": "https://x/y.png", "extras": {"detail": "low"}}]),
        user({"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}}),
    ),
    "image of the API": (
        HumanMessage([{"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "high"}}]),
        user({"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "high"}}),
    ),
    "image as a bare address": (
        HumanMessage([{"type": "image_url", "image_url": "https://x/y.png"}]),
        user({"type": "image_url", "image_url": {"url": "https://x/y.png"}}),
    ),
    "sound": (
        HumanMessage([{"type": "audio", "base64": B64, "mime_type": "audio/mpeg"}]),
        user({"type": "input_audio", "input_audio": {"data": B64, "format": "mp3"}}),
    ),
    "sound by address": (
        HumanMessage([{"type": "audio", "url": "https://x/y.mp3"}]),
        user({"type": "audio_url", "audio_url": {"url": "https://x/y.mp3"}}),
    ),
    "plain text file": (
        HumanMessage([{"type": "file", "base64": SAID, "mime_type": "text/plain"}]),
        user("said"),
    ),
    "text file": (HumanMessage([{"type": "text-plain", "text": "said", "mime_type": "text/plain"}]), user("said")),
    "text file as data": (
        HumanMessage([{"type": "text-plain", "base64": SAID, "mime_type": "text/plain"}]),
        user("said"),
    ),
    "text file of version 0": (HumanMessage([{"type": "file", "source_type": "text", "text": "said"}]), user("said")),
    "text file of Anthropic": (
        HumanMessage([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "said"}}]),
        user("said"),
    ),
    "JSON file": (HumanMessage([{"type": "file", "base64": SAID, "mime_type": "application/json"}]), user("said")),
    "text of Bedrock": (HumanMessage([{"text": "hi"}, {"cachePoint": {"type": "default"}}]), user("hi")),
    "unknown part": (HumanMessage([{"type": "hologram", "x": 1}]), user({"type": "hologram", "x": 1})),
    "empty": (HumanMessage(""), user("")),
    "answer": (AIMessage("yes"), [{"role": "assistant", "content": "yes"}]),
    "thoughts": (
        AIMessage(
            [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "reasoning", "reasoning": "hm"},
                {"type": "text", "text": "y"},
                {"type": "text", "text": "es"},
            ],
            additional_kwargs={"reasoning_content": "hm"},
        ),
        [{"role": "assistant", "content": "yes"}],
    ),
    "calls": (
        AIMessage("", tool_calls=[{"id": "c1", "name": "f", "args": {"a": 1}}]),
        [{"role": "assistant", "content": None, "tool_calls": [ASKED]}],
    ),
    "calls told twice": (
        AIMessage(
            [{"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}],
            tool_calls=[{"id": "c1", "name": "f", "args": {"a": 1}}],
        ),
        [{"role": "assistant", "content": None, "tool_calls": [ASKED]}],
    ),
    "calls in blocks alone": (
        AIMessage([{"type": "tool_call", "id": "c1", "name": "f", "args": {"a": 1}}]),
        [{"role": "assistant", "content": None, "tool_calls": [ASKED]}],
    ),
    "calls that were taken out of a message of the first version": (
        AIMessage(
            [{"type": "tool_call", "id": id_, "name": "f", "args": {"a": 1}} for id_ in ("c1", "c2")],
            tool_calls=[{"id": "c1", "name": "f", "args": {"a": 1}}],
            response_metadata={"output_version": "v1"},
        ),
        [{"role": "assistant", "content": None, "tool_calls": [ASKED]}],
    ),
    "all calls taken out": (
        AIMessage(
            [{"type": "text", "text": "No."}, {"type": "tool_call", "id": "c2", "name": "f", "args": {"a": 1}}],
            response_metadata={"output_version": "v1"},
        ).model_copy(update={"tool_calls": []}),
        [{"role": "assistant", "content": "No."}],
    ),
    "json of a tool": (
        ToolMessage([{"type": "json", "json": {"a": "é"}}], tool_call_id="c1"),
        [{"role": "tool", "tool_call_id": "c1", "content": '{"a": "é"}'}],
    ),
    "json of a tool in the form of Bedrock": (
        ToolMessage([{"json": [1]}], tool_call_id="c1"),
        [{"role": "tool", "tool_call_id": "c1", "content": "[1]"}],
    ),
    "what a tool found": (
        ToolMessage(
            [{"type": "search_result", "title": "T", "source": "S", "content": [{"type": "text", "text": "Cats."}]}],
            tool_call_id="c1",
        ),
        [{"role": "tool", "tool_call_id": "c1", "content": "T\nS\nCats."}],
    ),
    "guarded text": (
        HumanMessage([{"type": "guard_content", "guard_content": {"text": {"text": "hi"}}}]),
        [{"role": "user", "content": "hi"}],
    ),
    "parts of Responses": (
        HumanMessage(
            [{"type": "input_text", "text": "hi"}, {"type": "input_image", "image_url": "https://x/y", "detail": "low"}]
        ),
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "hi"},
                    {"type": "image_url", "image_url": {"url": "https://x/y", "detail": "low"}},
                ],
            }
        ],
    ),
    "media of Google": (
        HumanMessage(
            [{"type": "media", "mime_type": "image/png", "data": data} for data in (B64, base64.b64decode(B64))]
        ),
        [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}"}}] * 2,
            }
        ],
    ),
    "base64 that is bytes": (
        HumanMessage([{"type": "image", "mime_type": "image/png", "base64": B64.encode()}]),
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}"}}]}],
    ),
    "broken calls": (
        AIMessage("", invalid_tool_calls=[{"id": "c1", "name": "f", "args": '{"a": ', "error": "broken"}]),
        [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{**CALL, "function": {"name": "f", "arguments": '{"a": '}}],
            }
        ],
    ),
    "spoken answer": (
        AIMessage("yes", additional_kwargs={"audio": {"id": "a1", "data": B64}}),
        [{"role": "assistant", "content": "yes", "audio": {"id": "a1"}}],
    ),
    "a call of a function": (
        AIMessage("", additional_kwargs={"function_call": {"name": "f", "arguments": "{}"}}),
        [{"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}],
    ),
    "the same, said twice": (
        AIMessage(
            "",
            tool_calls=[{"id": "c1", "name": "f", "args": {"a": 1}}],
            additional_kwargs={"function_call": {"name": "f", "arguments": '{"a": 1}'}},
        ),
        [{"role": "assistant", "content": None, "tool_calls": [ASKED]}],
    ),
    "result": (
        ToolMessage("1", tool_call_id="c1", name="f", status="error"),
        [{"role": "tool", "tool_call_id": "c1", "content": "1"}],
    ),
    "result in blocks": (
        ToolMessage([{"type": "text", "text": "1"}, {"type": "text", "text": "2"}], tool_call_id="c1"),
        [{"role": "tool", "tool_call_id": "c1", "content": "1\n2"}],
    ),
    "result of Anthropic": (
        HumanMessage(
            [
                {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "1"}]},
                {"type": "text", "text": "so?"},
            ]
        ),
        [{"role": "tool", "tool_call_id": "c1", "content": "1"}, *user("so?")],
    ),
}


@pytest.mark.parametrize(("message", "wire"), MESSAGES.values(), ids=MESSAGES)
def test_to_wire(message: BaseMessage, wire: list[dict[str, Any]]) -> None:
    """Each kind of message has the form that the API gives it, and is itself left as it was."""
    before = copy.deepcopy(message)

    assert to_wire([message]) == wire
    assert message == before
    to_request(ChatRequest, {"messages": wire})


ELSEWHERE: dict[str, tuple[dict[str, Any], ...]] = {
    "code that Gemini ran": (
        {"type": "executable_code", "executable_code": "1 + 1", "language": "python"},
        {"type": "code_execution_result", "code_execution_result": "2", "outcome": 1},
    ),
    "a search of Anthropic": (
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
    ),
    "an image": ({"type": "image", "base64": B64, "id": "i1"},),
    "a sound": ({"type": "audio", "base64": B64, "mime_type": "audio/pcm"},),
    "a video": ({"type": "video", "url": "https://x/y.mp4"},),
    "a file by its id": ({"type": "file", "file_id": "f1"},),
    "a file of text": ({"type": "file", "base64": B64, "mime_type": "text/csv"},),
    "a refusal": ({"type": "refusal", "refusal": "no"},),
    "a block without a type": ({"guardContent": {}},),
    "text that is none": ({"type": "text", "text": None},),
}


@pytest.mark.parametrize("blocks", ELSEWHERE.values(), ids=ELSEWHERE)
@pytest.mark.parametrize("provider", [None, "anthropic", "google_genai", "openai"])
def test_answers_of_other_models(blocks: tuple[dict[str, Any], ...], provider: str | None) -> None:
    """Of an answer in a history its text goes back, and nothing that the model did not say, whatever else is there."""
    metadata = {"model_provider": provider} if provider else {}
    said = AIMessage(["It ", *blocks, {"type": "text", "text": "is "}, {"text": "2."}], response_metadata=metadata)

    assert to_wire([said]) == [{"role": "assistant", "content": "It is 2."}]


def test_media_of_tools() -> None:
    """The API takes text alone from tools: pictures follow after all results of the turn, each with its call."""
    picture = {"type": "image", "base64": B64, "mime_type": "image/png"}
    results = [ToolMessage([picture], tool_call_id="c1"), ToolMessage("2", tool_call_id="c2")]

    wire = to_wire([*results, HumanMessage("so?")])

    assert [message["role"] for message in wire] == ["tool", "tool", "user", "user"]
    assert [message["content"] for message in wire[:2]] == ["(see the next message of the user)", "2"]
    assert wire[2]["content"] == [{"type": "text", "text": "The result of the tool call c1:"}, IMAGE]
    assert to_wire(results)[2] == wire[2]


def test_pdf(media: SimpleNamespace) -> None:
    """The API takes no PDF, so its text is sent."""
    document = {"type": "file", "base64": base64.b64encode(media.pdf).decode(), "mime_type": "application/pdf"}

    (message,) = to_wire([HumanMessage([{"type": "text", "text": "What is it about?"}, document])])

    assert [part["text"].strip() for part in message["content"]] == ["What is it about?", "A page about cats."]


@pytest.mark.parametrize(
    ("name", "kind", "is_sent"),
    [("a.txt", "text/plain", True), ("a.csv", "text/csv", True), ("a.pdf", "application/pdf", False)],
)
def test_files_in_the_form_of_openai(script: Any, wire: Any, name: str, kind: str, is_sent: bool) -> None:
    """A file of text is sent as its text, though langchain-core takes each file of that form for a PDF."""
    script.says(wire.body({"content": "Fine."}))
    data = base64.b64encode(b"a,b\n1,2").decode()
    file = {"type": "file", "file": {"filename": name, "file_data": f"data:{kind};base64,{data}"}}
    model = ChatAzureInference(endpoint=script.url, credential="canary-5ecret", model="m")

    with nullcontext() if is_sent else pytest.raises(ConfigurationError, match="PDF cannot be read"):
        model.invoke([HumanMessage([file])])

    assert [request["messages"][0]["content"] for request in script.requests] == ["a,b\n1,2"] * is_sent


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [("image", b"\x89PNG\r\n\x1a\n", "data:image/png;base64,iVBORw0KGgo="), ("audio", b"ID3\x03", "mp3")],
)
def test_kind_that_is_not_told(kind: str, data: bytes, told: str) -> None:
    """A picture or a sound without its mime_type is of the kind that its first bytes tell."""
    (sent,) = to_wire([HumanMessage([{"type": kind, "base64": base64.b64encode(data).decode()}])])
    assert told in str(sent["content"])


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (RemoveMessage(id="1"), "RemoveMessage"),
        (HumanMessage([{"type": "video", "url": "https://x/y.mp4"}]), "video"),
        (HumanMessage([{"type": "image", "base64": B64}]), "mime_type"),
        (HumanMessage([{"type": "audio", "base64": B64, "mime_type": "audio/ogg"}]), "audio/ogg"),
        (HumanMessage([{"type": "file", "url": "https://x/y.pdf"}]), "takes no documents"),
        (HumanMessage([{"type": "file", "base64": B64, "mime_type": "application/pdf"}]), "PDF"),
        (HumanMessage([{"type": "file", "base64": B64, "mime_type": "application/zip"}]), "application/zip"),
        (HumanMessage([{"type": "file", "file_id": "f1"}]), "'file' cannot be sent: .* no documents by file_id: load"),
        (HumanMessage([{"type": "text-plain", "url": "https://x/y.txt"}]), "'text-plain' .* no documents by url: load"),
        (HumanMessage([{"type": "text-plain", "file_id": "f1"}]), "'text-plain' .* no documents by file_id: load"),
        (HumanMessage([{"type": "image", "file_id": "f1"}]), "'image' cannot be sent: pass its data as base64, or its"),
        (HumanMessage([{"type": "image", "source_type": "base64"}]), "'image' cannot be sent: it has no 'data'"),
        (HumanMessage([{"guardContent": {"text": "x"}}]), r"without a type \(guardContent\) has no form"),
        (HumanMessage([{"type": "file", "base64": "x", "mime_type": "text/plain"}]), "'file' cannot be sent"),
        (
            ToolMessage([{"type": "json", "json": {(1, 2): 3}}], tool_call_id="c1"),
            "'json' cannot be sent: keys must be",
        ),
    ],
)
def test_what_has_no_form(message: BaseMessage, words: str) -> None:
    """What the API has no form for is refused by name, never dropped."""
    with pytest.raises(ConfigurationError, match=words):
        to_wire([message])


@pytest.mark.parametrize("noted", [{"audio": "a"}, {"audio": ["a"]}, {"tool_call_extra_content": "c1"}])
def test_what_others_note(noted: dict[str, Any]) -> None:
    """What is beside the text of an answer in a form that is not ours does not go out."""
    said = AIMessage("a", tool_calls=[{"id": "c1", "name": "f", "args": {}}])

    assert to_wire([said.model_copy(update={"additional_kwargs": noted})]) == to_wire([said])


ARGUMENTS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.none(), max_size=3)


@given(
    text=st.text(max_size=20),
    calls=st.lists(st.tuples(st.text(min_size=1, max_size=5), ARGUMENTS), max_size=3),
    broken=st.lists(st.text(max_size=5).map(lambda text: '{"a": ' + text.replace("}", "")), max_size=2),
)
def test_round_trip(text: str, calls: list[tuple[str, dict[str, Any]]], broken: list[str]) -> None:
    """What a model said goes back to it as it said it: text, calls, and calls with broken arguments."""
    said = AIMessage(
        text,
        tool_calls=[{"id": f"c{i}", "name": name, "args": args} for i, (name, args) in enumerate(calls)],
        invalid_tool_calls=[{"id": f"b{i}", "name": "f", "args": args, "error": ""} for i, args in enumerate(broken)],
    )
    (wire,) = to_wire([said])

    answer = ChatCompletion.model_validate({"choices": [{"index": 0, "message": wire}]})
    message = to_result(answer).generations[0].message

    assert to_wire([message]) == [wire]
    assert isinstance(message, AIMessage)
    assert [(call["name"], call["args"]) for call in message.tool_calls] == calls
    assert [call["args"] for call in message.invalid_tool_calls] == broken
