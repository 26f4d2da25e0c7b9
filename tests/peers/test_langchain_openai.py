"""The classes of langchain-openai against the emulator's OpenAI routes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.peers.conftest import Way, needed, settled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PEER = "langchain-openai"
DOT = "data:image/png;base64,iVBORw0KGgo="
WEATHER = ("get_weather", {"city": "Oslo"})


@pytest.fixture
async def openai(way: Way, emulator: Any) -> AsyncIterator[Any]:
    """Makes models on the emulator's v1 route, and closes their clients."""
    needed("langchain_openai", "langchain-openai")
    import httpx
    import langchain_openai as package

    with httpx.Client() as client:
        async with httpx.AsyncClient() as async_client:

            def make(name: str, path: str = "/openai/v1", **arguments: Any) -> Any:
                place = (
                    {"azure_endpoint": emulator.root, "api_version": "2024-06-01"}
                    if name.startswith("Azure")
                    else {"base_url": f"{emulator.root}{path}"}
                )
                told = {"api_key": "any", "http_client": client, "http_async_client": async_client, **place}
                return getattr(package, name)(**{**told, **arguments})

            yield SimpleNamespace(
                chat=lambda model="gpt-4o-mini", **more: make("ChatOpenAI", model=model, **more),
                embeddings=lambda **more: make(
                    "OpenAIEmbeddings",
                    **{"model": "text-embedding-3-small", "check_embedding_ctx_length": False, **more},
                ),
                make=make,
            )


@pytest.mark.parametrize("path", ["/openai/v1", "/v1"])
async def test_invoke(openai: Any, way: Way, path: str, sent: Callable[[], list[Any]]) -> None:
    """A whole answer on either path: text, usage with details, finish reason and the name of the dated model."""
    message = await way.call(openai.chat(path=path, temperature=0, max_tokens=50), "invoke", "Hello")

    assert message.content == "(emulator) You said: Hello"
    usage = message.usage_metadata
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    assert message.response_metadata["model_name"] == "gpt-4o-mini-2024-07-18"
    assert message.response_metadata["finish_reason"] == "stop"
    [entry] = sent()
    assert (entry["path"], entry["query"]) == (f"{path}/chat/completions", {})


async def test_azure_deployment(openai: Any, way: Way, sent: Callable[[], list[Any]]) -> None:
    """`AzureChatOpenAI` reaches a deployment by its path and its api-version."""
    message = await way.call(openai.make("AzureChatOpenAI", azure_deployment="gpt-4o-mini"), "invoke", "Hello")

    assert message.content == "(emulator) You said: Hello"
    [entry] = sent()
    assert entry["path"] == "/openai/deployments/gpt-4o-mini/chat/completions"
    assert entry["query"] == {"api-version": "2024-06-01"}


@pytest.mark.parametrize("usage", [True, False])
async def test_stream(openai: Any, way: Way, *, usage: bool) -> None:
    """Chunks join to the whole answer; usage comes once, in a chunk of its own, if it was asked for."""
    model = openai.chat(stream_usage=usage)

    whole = await way.call(model, "invoke", "Hello")
    chunks = await way.gather(model, "stream", "Hello")

    assert "".join(chunk.content for chunk in chunks) == whole.content
    reports = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    assert [report["output_tokens"] for report in reports] == [whole.usage_metadata["output_tokens"]] * usage


@pytest.mark.parametrize(
    ("choice", "calls"), [(None, [WEATHER]), ("any", [WEATHER]), ("get_weather", [WEATHER]), ("none", [])]
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_tools(
    openai: Any, way: Way, weather_tool: Any, choice: str | None, calls: list[Any], *, streamed: bool
) -> None:  # fmt: skip
    """Bound tools are called, whole and streamed alike: freely, by force, by name, or never."""
    bound = openai.chat().bind_tools([weather_tool], tool_choice=choice)

    message = await ask(way, bound, "What is the weather in Oslo?", streamed=streamed)

    assert [(call["name"], call["args"]) for call in message.tool_calls] == calls


async def ask(way: Way, model: Any, asked: Any, *, streamed: bool) -> Any:
    """The whole answer, or the sum of the chunks of a stream."""
    if not streamed:
        return await way.call(model, "invoke", asked)
    first, *others = await way.gather(model, "stream", asked)
    for chunk in others:
        first += chunk
    return first


@pytest.mark.parametrize("streamed", [False, True])
async def test_parallel_calls(openai: Any, way: Way, weather_tool: Any, *, streamed: bool) -> None:
    """One answer may hold several calls, which a stream keeps apart by their index."""
    bound = openai.chat().bind_tools([weather_tool])

    message = await ask(way, bound, "What is the weather in Oslo and in Rome?", streamed=streamed)

    assert [call["args"] for call in message.tool_calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert len({call["id"] for call in message.tool_calls}) == 2


async def test_round_trip_of_a_tool(openai: Any, way: Way, weather_tool: Any) -> None:
    """A call and its result go back as messages, and the answer comes from the result."""
    from langchain_core.messages import HumanMessage

    bound = openai.chat().bind_tools([weather_tool])
    messages: list[Any] = [HumanMessage("What is the weather in Oslo?")]

    messages.append(await way.call(bound, "invoke", messages))
    messages.append(weather_tool.invoke(messages[-1].tool_calls[0]))
    answer = await way.call(bound, "invoke", messages)

    assert "21 degrees" in answer.content


@pytest.mark.parametrize(
    ("method", "strict"),
    [("function_calling", None), ("function_calling", True), ("json_mode", None), ("json_schema", None)],
)
async def test_structured_output(openai: Any, way: Way, person: Any, method: str, *, strict: bool | None) -> None:
    """Each method of structured output fills a pydantic model."""
    structured = openai.chat().with_structured_output(person, method=method, strict=strict)
    keys = "Answer with the keys `name` and `age`. "
    asked = f"{keys if method == 'json_mode' else ''}The name: Anna, the age: 34."

    answer = await way.call(structured, "invoke", asked)

    assert answer == person(name="Anna", age=34)


async def test_several_choices(openai: Any, way: Way) -> None:
    """`n` gives that many choices."""
    from langchain_core.messages import HumanMessage

    result = await way.call(openai.chat(n=3), "generate", [[HumanMessage("Hello")]])

    assert len(result.generations[0]) == 3


async def test_picture(openai: Any, way: Way) -> None:
    """A picture in a message is taken, and counted."""
    from langchain_core.messages import HumanMessage

    parts = [{"type": "text", "text": "Hello"}, {"type": "image_url", "image_url": {"url": DOT}}]
    model = openai.chat()

    plain = await way.call(model, "invoke", "Hello")
    seen = await way.call(model, "invoke", [HumanMessage(content=parts)])

    assert seen.usage_metadata["input_tokens"] > plain.usage_metadata["input_tokens"]


async def test_reasoning_model(openai: Any, way: Way, sent: Callable[[], list[Any]]) -> None:
    """A reasoning model takes its own parameters and counts what it thought."""
    message = await way.call(openai.chat("o3-mini", max_tokens=200, reasoning_effort="low"), "invoke", "Hello")

    assert message.content
    assert message.usage_metadata["output_token_details"]["reasoning"] > 0
    assert sent()[0]["body"]["max_completion_tokens"] == 200


@pytest.mark.parametrize("streamed", [False, True])
async def test_text_completion(openai: Any, way: Way, *, streamed: bool) -> None:
    """The `OpenAI` class completes a text, whole and streamed."""
    model = openai.make("OpenAI", model="gpt-4o-mini", max_tokens=20)

    text = (
        "".join(await way.gather(model, "stream", "Once upon a time"))
        if streamed
        else await way.call(model, "invoke", "Once upon a time")
    )

    assert text.startswith("(emulator)")


@pytest.mark.parametrize(
    ("arguments", "prompt", "code"),
    [
        ({"model": "no-such-model"}, "Hello", "unknown_model"),
        ({"model": "text-embedding-3-small"}, "Hello", "OperationNotSupported"),
        ({"temperature": 3}, "Hello", "invalid_value"),
        ({"model": "o3-mini", "stop": ["!"]}, "Hello", "unsupported_parameter"),
        ({}, "[[filter the prompt]] Hello", "content_filter"),
        ({}, "word " * 140_000, "context_length_exceeded"),
        ({"path": "/nope"}, "Hello", "404"),
    ],
    ids=["model", "task", "range", "parameter", "filter", "length", "route"],
)
async def test_refusals(openai: Any, way: Way, arguments: dict[str, Any], prompt: str, code: str) -> None:
    """Refusals are the openai package's errors with the code that Azure OpenAI gives."""
    from openai import BadRequestError, NotFoundError

    with pytest.raises(NotFoundError if code == "404" else BadRequestError) as caught:
        await way.call(openai.chat(max_retries=0, **arguments), "invoke", prompt)

    assert caught.value.code == code


async def test_wrong_key(openai: Any, way: Way) -> None:
    """401 is the openai package's `AuthenticationError`."""
    from openai import AuthenticationError

    from azure_inference_emulator import running

    with running(key="right") as url, pytest.raises(AuthenticationError):
        await way.call(openai.chat(base_url=f"{url}/v1"), "invoke", "Hello")


async def test_retry_after(openai: Any, way: Way, sent: Callable[[], list[Any]]) -> None:
    """The openai package's own retries understand 429 with a wait in milliseconds."""
    fault = {"x-emulator-fault": f"status:code=429,retry-after-ms=1,times=1,id=openai-{way.name}"}

    message = await way.call(openai.chat(default_headers=fault, max_retries=2), "invoke", "Hello")

    assert message.content
    assert [entry["status"] for entry in sent()] == [429, 200]


async def test_rate_limit(openai: Any, way: Way) -> None:
    """Beyond the rate limit its error is `RateLimitError`, with the wait in its headers."""
    from openai import RateLimitError

    from azure_inference_emulator import running

    with running(rate_limit=1) as url:
        model = openai.chat(base_url=f"{url}/v1", max_retries=0)
        await way.call(model, "invoke", "Hello")
        with pytest.raises(RateLimitError) as caught:
            await way.call(model, "invoke", "Hello")

    assert 0 < int(caught.value.response.headers["retry-after"]) <= 60


@pytest.mark.parametrize(("arguments", "size"), [({}, 1536), ({"dimensions": 256}, 256)])
async def test_embeddings(openai: Any, way: Way, arguments: dict[str, Any], size: int) -> None:
    """Documents and a query become vectors of the size asked for; the nearest is the text that answers."""
    embeddings = openai.embeddings(**arguments)

    documents = await way.call(embeddings, "embed_documents", ["Wombats live in Australia.", "Snow is cold."])
    query = await way.call(embeddings, "embed_query", "Where do wombats live?")

    assert [len(vector) for vector in [*documents, query]] == [size] * 3
    near = [sum(a * b for a, b in zip(query, vector, strict=True)) for vector in documents]
    assert near[0] > near[1]


async def test_token_ids(openai: Any, way: Way, sent: Callable[[], list[Any]]) -> None:
    """Inputs may be token ids, one list each, and vectors travel as base64, as its clients do by themselves."""
    embeddings = openai.embeddings()
    client = embeddings.async_client if way.asynchronous else embeddings.client

    answer = await settled(client.create(input=[[9906, 1917], [9906]], model="text-embedding-3-small"))

    assert [len(row.embedding) for row in answer.data] == [1536, 1536]
    assert answer.data[0].embedding != answer.data[1].embedding
    assert answer.usage.prompt_tokens == 3
    assert sent()[0]["body"]["encoding_format"] == "base64"
