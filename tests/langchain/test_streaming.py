"""Streamed answers: every piece once, the same sum as the whole answer, and no end that is none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.runnables import ConfigurableField

from azure_inference import APIStatusError, StreamInterruptedError
from langchain_azure_inference import ChatAzureInference

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

METADATA = {"model_provider": "azure_inference", "model_name": "scripted", "id": "chat-1", "created": 1}


def piece(
    index: int | None, arguments: str | None, *, id_: str | None = None, name: str | None = None
) -> dict[str, Any]:
    """A delta with a piece of a tool call; without an index, as some models send it."""
    call = {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"tool_calls": [call if index is None else {"index": index, **call}]}


def model_of(script: Any, **arguments: Any) -> ChatAzureInference:
    """A model that talks to a scripted server."""
    return ChatAzureInference(endpoint=script.url, credential="canary-5ecret", model="m", max_retries=0, **arguments)


def chunks_of(model: ChatAzureInference, way: str, into: Any = None, **kwargs: Any) -> list[AIMessageChunk]:
    """The chunks of an answer, by the plain or by the async way; `into` has those that came before an error."""
    chunks: list[AIMessageChunk] = [] if into is None else into

    async def collect() -> None:
        async for chunk in model.astream("hi", **kwargs):
            chunks.append(chunk)  # noqa: PERF401 - an error must not lose them

    if way == "astream":
        asyncio.run(collect())
    else:
        for chunk in model.stream("hi", **kwargs):
            chunks.append(chunk)  # noqa: PERF402 - same
    return chunks


def standard(message: AIMessage) -> list[dict[str, Any]]:
    """The standard blocks, but for their index and for broken calls, which langchain-core shows in streams alone.

    Blocks that are not calls have an id of langchain-core's own, another one each time.
    """
    blocks = [
        {name: value for name, value in block.items() if name != "index" and not str(value).startswith("lc_")}
        for block in message.content_blocks
    ]
    return [block for block in blocks if block["type"] != "invalid_tool_call"]


def total(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    """The sum of chunks."""
    first, *others = chunks
    return first + others


CITED = {"type": "url_citation", "url_citation": {"url": "https://x/y", "title": "t", "start_index": 0, "x": 1}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
OTHER_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,BB=="}}
ANSWERS: dict[str, tuple[dict[str, Any], list[dict[str, Any]], str]] = {
    "text": ({"content": "Hello there"}, [{"role": "assistant", "content": "Hel"}, {"content": "lo there"}], "stop"),
    "thoughts": (
        {"content": "yes", "reasoning_content": "hm, well"},
        [{"reasoning_content": "hm, "}, {"reasoning_content": "well", "content": None}, {"content": "yes"}],
        "stop",
    ),
    "thoughts in tags": (
        {"content": "<think>hm, well</think>yes"},
        [{"content": "<thi"}, {"content": "nk>hm, well</think"}, {"content": ">yes"}],
        "stop",
    ),
    "two calls": (
        {
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}},
            ],
        },
        [
            piece(0, "", id_="c1", name="f"),
            piece(1, "", id_="c2", name="g"),
            piece(0, '{"a"'),
            piece(0, ": 1}"),
        ],
        "tool_calls",
    ),
    "calls without index": (
        {
            "tool_calls": [
                {"id": "c1", "function": {"name": "f", "arguments": '{"a": 1}'}},
                {"id": "c2", "function": {"name": "g", "arguments": "{}"}},
            ]
        },
        [piece(None, '{"a": 1}', id_="c1", name="f"), piece(None, "{}", id_="c2", name="g")],
        "tool_calls",
    ),
    "text and a call in one piece": (
        {"content": "I look.", "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}]},
        [{"content": "I look.", **piece(0, "{}", id_="c1", name="f")}],
        "tool_calls",
    ),
    "a broken call": (
        {"tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": '{"city": "Par'}}]},
        [piece(0, '{"city"', id_="c1", name="f"), piece(0, ': "Par')],
        "length",
    ),
    "a broken and a whole call": (
        {
            "tool_calls": [
                {"id": "c1", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c2", "function": {"name": "g", "arguments": '["no object"]'}},
            ]
        },
        [piece(0, "{}", id_="c1", name="f"), piece(1, '["no object"]', id_="c2", name="g")],
        "tool_calls",
    ),
    "citations": (
        {"content": "It rains.", "annotations": [CITED, {"type": "file_citation", "x": 1}], "context": {"intent": "x"}},
        [
            {"content": "It ", "context": {"intent": "x"}},
            {"content": "rains.", "annotations": [CITED]},
            {"annotations": [{"type": "file_citation", "x": 1}]},
        ],
        "stop",
    ),
    "images": (
        {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Look:"}, IMAGE, IMAGE]},
        [{"content": [{"type": "thinking", "thinking": "hm"}]}, {"content": "Look:"}, {"content": [IMAGE, IMAGE]}],
        "stop",
    ),
    "speech": (
        {"audio": {"id": "a", "expires_at": 5.5, "data": "AABB", "transcript": "Hi", "format": "wav", "x": 1}},
        [
            {"audio": {"id": "a", "expires_at": 5, "data": "AA", "format": "wav", "x": 1}},
            {"audio": {"id": "a", "expires_at": 5, "transcript": "Hi"}},
            {"audio": {"id": "a", "expires_at": 5.5, "data": "BB", "format": "wav"}},
        ],
        "stop",
    ),
    "a refusal": ({"content": None, "refusal": "I will not."}, [{"refusal": "I will "}, {"refusal": "not."}], "stop"),
}


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("output_version", ["v0", "v1"])
@pytest.mark.parametrize(("message", "deltas", "reason"), ANSWERS.values(), ids=ANSWERS)
def test_same_as_whole(  # noqa: PLR0917
    script: Any, wire: SimpleNamespace, way: str, output_version: str, message: Any, deltas: Any, reason: str
) -> None:
    """The sum of a stream says what the whole answer says: text, thoughts, calls, broken calls, refusals, metadata."""
    script.says(wire.body(message, reason), wire.events(*deltas, finish_reason=reason))
    model = model_of(script, output_version=output_version)

    whole, chunks = model.invoke("hi"), chunks_of(model, way)
    streamed = total(chunks)

    assert streamed.text == whole.text
    assert streamed.additional_kwargs == whole.additional_kwargs
    assert streamed.tool_calls == whole.tool_calls
    assert streamed.invalid_tool_calls == whole.invalid_tool_calls
    assert streamed.usage_metadata == whole.usage_metadata
    assert standard(streamed) == standard(whole)
    expected = METADATA | {"finish_reason": reason} | ({"output_version": "v1"} if output_version == "v1" else {})
    del whole.response_metadata["token_usage"]
    for metadata in (whole.response_metadata, streamed.response_metadata):
        metadata.pop("prompt_filter_results", None)
        assert metadata == expected


WAYS = {
    "invoke": lambda model: model.invoke("hi"),
    "ainvoke": lambda model: asyncio.run(model.ainvoke("hi")),
    "stream": lambda model: total(chunks_of(model, "stream")),
    "astream": lambda model: total(chunks_of(model, "astream")),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("output_version", ["v0", "v1"])
def test_nothing_is_lost(script: Any, wire: SimpleNamespace, way: str, output_version: str) -> None:
    """What the API does not define is in the message under the names that the service has for it; null is not."""
    message, deltas, _ = ANSWERS["citations"]
    reply: Any = wire.events(*deltas) if "stream" in way else wire.body({**message, "function_call": None})
    for event in reply[1:-1] if "stream" in way else [reply]:
        event.update(service_tier="flex", odd={"a": 1}, empty=None)
        for choice in event["choices"]:
            choice["stop_reason"] = "END"
    script.says(reply)

    heard: Any = WAYS[way](model_of(script, output_version=output_version))

    told = {"service_tier": "flex", "odd": {"a": 1}, "stop_reason": "END"}
    assert told.items() <= heard.response_metadata.items()
    assert "empty" not in heard.response_metadata
    assert heard.additional_kwargs == {name: message[name] for name in ("annotations", "context")}
    (text,) = standard(heard)
    assert text["text"] == "It rains."
    assert text["annotations"] == [
        {"type": "citation", "url": "https://x/y", "title": "t", "start_index": 0, "extras": {"x": 1}},
        {"type": "non_standard_annotation", "value": {"type": "file_citation", "x": 1}},
    ]


@pytest.mark.parametrize("way", WAYS)
def test_images_of_an_answer(script: Any, wire: SimpleNamespace, way: str) -> None:
    """An answer that is more than text is a list, with its text and its images."""
    message, deltas, _ = ANSWERS["images"]
    script.says(wire.events(*deltas) if "stream" in way else wire.body(message))

    heard: Any = WAYS[way](model_of(script))

    assert [part for part in heard.content if part == IMAGE] == [IMAGE, IMAGE]
    assert heard.text == "Look:"
    assert [block["type"] for block in heard.content_blocks] == ["reasoning", "text", "image", "image"]


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_said_once(script: Any, wire: SimpleNamespace, way: str) -> None:
    """Usage, finish reason, filter results and model come once, on the last chunk, however often they were said."""
    events = wire.events({"content": "a"}, {"content": "b"})
    for event in events[1:-1]:
        event["usage"] = {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16}
    script.says(events)

    *chunks, last = chunks_of(model_of(script), way)

    assert [chunk.content for chunk in chunks] == ["a", "b"]
    assert [chunk.usage_metadata for chunk in chunks] == [None, None]
    assert [chunk.response_metadata for chunk in chunks] == [{"model_provider": "azure_inference"}] * 2
    assert last.chunk_position == "last"
    assert last.usage_metadata == {"input_tokens": 7, "output_tokens": 9, "total_tokens": 16}
    assert last.response_metadata["prompt_filter_results"] == [{"x": 1}]
    assert total([*chunks, last]).response_metadata["model_name"] == "scripted"


def test_several_choices(script: Any, wire: SimpleNamespace) -> None:
    """Of several choices a whole answer has all, and a stream the first, unmixed."""
    body, events = wire.body({"content": "A"}), wire.events({"content": "A"})
    body["choices"].append({"index": 1, "message": {"content": "B"}, "finish_reason": "length"})
    events.insert(2, {"choices": [{"index": 1, "delta": {"content": "B"}, "finish_reason": "length"}]})
    script.says(body, events)
    model = model_of(script)

    generations = model.generate([[AIMessage("hi")]], n=2).generations[0]

    assert [generation.text for generation in generations] == ["A", "B"]
    assert total(chunks_of(model, "stream", n=2)).content == "A"
    assert [request["n"] for request in script.requests] == [2, 2]


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (lambda events: events[:2], StreamInterruptedError),
        (
            lambda events: [*events[:2], {"error": {"code": "429", "message": "slow down"}}],
            APIStatusError,
        ),
    ],
    ids=["cut", "error event"],
)
def test_no_end_that_is_none(
    script: Any, wire: SimpleNamespace, way: str, end: Callable[[list[Any]], list[Any]], kind: type[Exception]
) -> None:
    """A stream that breaks off raises after what it said; it never passes for a short answer."""
    script.says(end(wire.events({"content": "Hel"}, {"content": "lo"})))
    heard: list[Any] = []

    with pytest.raises(kind) as raised:
        chunks_of(model_of(script), way, into=heard)

    assert raised.value.partial.choices[0].message.content == "Hel"
    assert [chunk.content for chunk in heard] == ["Hel"]


def test_left_early(script: Any, wire: SimpleNamespace) -> None:
    """Who stops listening gives the connection back at once: the next call works, and nothing is left unclosed."""
    script.says(wire.events({"content": "a"}, {"content": "b"}))
    model = model_of(script)

    for _ in range(3):
        stream = model.stream("hi")
        assert next(stream).content == "a"
        stream.close()

    async def leave() -> None:
        stream = model.astream("hi")
        assert (await anext(stream)).content == "a"
        await stream.aclose()

    asyncio.run(leave())
    assert total(chunks_of(model, "stream")).content == "ab"


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize(
    "arguments", ["", "{", ' {"a": 1}', '{"a": "b\n', "word ", "1", "null", '"b"', "[1]", "}", "\ufeff{}"]
)
def test_pieces_of_calls(script: Any, wire: SimpleNamespace, arguments: str, way: str) -> None:
    """A piece of a call shows what any chunk of langchain-core makes of it, though the way there is shorter."""
    script.says(wire.events(piece(0, arguments, id_="c", name="f"), finish_reason="tool_calls"))

    chunk = chunks_of(model_of(script), way)[0]

    usual = AIMessageChunk(content="", tool_call_chunks=chunk.tool_call_chunks)
    assert [call["args"] for call in chunk.tool_call_chunks] == [arguments]
    assert (chunk.tool_calls, chunk.invalid_tool_calls) == (usual.tool_calls, usual.invalid_tool_calls)


@pytest.mark.filterwarnings("ignore:.* is in beta")
@pytest.mark.parametrize("way", ["stream_events", "astream_events"])
def test_events_of_a_broken_call(script: Any, wire: SimpleNamespace, way: str) -> None:
    """LangChain's event protocol tells a broken call from a whole one too."""
    _, deltas, reason = ANSWERS["a broken call"]
    script.says(wire.events(*deltas, finish_reason=reason))
    model = model_of(script)

    async def ask() -> AIMessage:
        return await (await model.astream_events("hi", version="v3")).output

    answer = asyncio.run(ask()) if way == "astream_events" else model.stream_events("hi", version="v3").output

    assert answer.tool_calls == []
    assert [call["args"] for call in answer.invalid_tool_calls] == ['{"city": "Par']


@pytest.mark.filterwarnings("ignore:.* is in beta")
@pytest.mark.parametrize("way", ["stream_events", "output_version"])
@pytest.mark.parametrize(
    ("deltas", "blocks"),
    [
        (
            [{"content": "A:"}, {"content": [IMAGE]}, {"content": " B:"}, {"content": [OTHER_IMAGE]}],
            [("text", "A: B:"), ("image", "AA=="), ("image", "BB==")],
        ),
        (ANSWERS["a refusal"][1], [("refusal", "I will not.")]),
    ],
    ids=["images", "a refusal"],
)
def test_blocks_of_a_stream(script: Any, wire: SimpleNamespace, way: str, deltas: Any, blocks: Any) -> None:
    """What comes whole in a stream is a block of its own, and what comes in pieces is one with all of them."""
    script.says(wire.events(*deltas))

    if way == "stream_events":
        answer: Any = model_of(script).stream_events("hi", version="v3").output
    else:
        answer = total(chunks_of(model_of(script, output_version="v1"), "stream"))

    said = [block["value"] if block["type"] == "non_standard" else block for block in answer.content]
    assert [(block["type"], block.get("base64") or block[block["type"]]) for block in said] == blocks
    assert answer.additional_kwargs.get("refusal") == dict(blocks).get("refusal")


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "events"])
@pytest.mark.parametrize("name", ["text", "two calls", "a broken call"])
def test_invoke_that_streams(script: Any, wire: SimpleNamespace, way: str, name: str) -> None:
    """`streaming=True` makes `invoke` stream for the sake of callbacks: the message is that of one that does not."""
    message, deltas, reason = ANSWERS[name]
    script.says(wire.body(message, reason), wire.events(*deltas, finish_reason=reason))
    model, streaming = model_of(script), model_of(script, streaming=True)

    async def last_event() -> Any:
        events = [event async for event in model.astream_events("hi", version="v2")]
        return events[-1]["data"]["output"]

    whole = model.invoke("hi")
    if way == "events":
        answer: Any = message_chunk_to_message(asyncio.run(last_event()))
    else:
        answer = streaming.invoke("hi") if way == "invoke" else asyncio.run(streaming.ainvoke("hi"))

    assert [request.get("stream", False) for request in script.requests] == [False, True]
    assert type(answer) is AIMessage
    assert (answer.content, answer.tool_calls, answer.invalid_tool_calls) == (
        whole.content,
        whole.tool_calls,
        whole.invalid_tool_calls,
    )


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize(("arguments", "count"), [({}, 3), ({"streaming": False}, 1)], ids=["unset", "False"])
def test_streaming_is_off_if_told(
    script: Any, wire: SimpleNamespace, way: str, arguments: dict[str, Any], count: int
) -> None:
    """A model streams unless it is told not to, also one made anew of all fields of another one."""
    script.says(wire.events({"content": "a"}, {"content": "b"}) if count > 1 else wire.body({"content": "ab"}))
    model = model_of(script, **arguments)
    configurable: Any = model.configurable_fields(temperature=ConfigurableField(id="t"))

    for asked in (model, configurable.with_config(configurable={"t": 0.5})):
        chunks = chunks_of(asked, way)
        assert ("".join(chunk.text for chunk in chunks), len(chunks)) == ("ab", count)
