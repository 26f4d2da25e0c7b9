"""Both adapters against aimock, a server of the OpenAI and Azure routes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from azure_inference import (
    APIConnectionError,
    AuthenticationError,
    ContentFilterError,
    ContextLengthError,
    InferenceError,
    InternalServerError,
    NotFoundError,
    RateLimitError,
    ResponseValidationError,
    StreamInterruptedError,
)
from tests.peers.ours import Adapter, LangChain
from tests.peers.servers import node_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PEER = "aimock"
KEY = "key-of-the-tests"
FIXTURES = Path(__file__).with_name("aimock.json")
HELLO = "Hello, how nice to meet you!"
PATHS = {"openai-v1": "/openai/v1", "model-inference": "/models", "azure-openai": "/openai/deployments/any"}


@pytest.fixture(scope="session")
def aimock() -> Iterator[str]:
    """The server, one for the whole session."""
    told = ("-p", "0", "-h", "127.0.0.1", "-f", str(FIXTURES), "--log-level", "info", "--validate-on-load")
    with node_server("llmock", *told, AIMOCK_API_KEYS=KEY) as url:
        yield url


@pytest.fixture(params=["openai-v1", "model-inference"])
def place(request: pytest.FixtureRequest, aimock: str) -> dict[str, Any]:
    """How to reach the server in each dialect."""
    return {"endpoint": f"{aimock}{PATHS[request.param]}", "credential": KEY, "model": "any"}


@pytest.fixture
def model(ours: Adapter, place: dict[str, Any]) -> Any:
    """A chat model of the adapter."""
    return ours.model(**place)


@pytest.fixture
def journal(aimock: str) -> Callable[[], list[dict[str, Any]]]:
    """Gives the requests that the server got in this test."""
    headers = {"api-key": KEY}
    httpx.post(f"{aimock}/__aimock/reset/journal", headers=headers).raise_for_status()
    return lambda: httpx.get(f"{aimock}/__aimock/journal", headers=headers).json()


async def test_chat(ours: Adapter, aimock: str, place: dict[str, Any], journal: Callable[[], list[Any]]) -> None:
    """A whole answer; the request named model and path, and held nothing that was not set."""
    assert await ours.text(ours.model(**place), "Hello") == HELLO

    [entry] = journal()
    assert f"{aimock}{entry['path']}".startswith(f"{place['endpoint']}/chat/completions")
    assert {name for name in entry["body"] if not name.startswith("_")} == {"model", "messages"}
    assert entry["body"]["messages"] == [{"role": "user", "content": "Hello"}]


async def test_deployment(ours: Adapter, aimock: str, journal: Callable[[], list[Any]]) -> None:
    """A deployment's own path is an endpoint too."""
    model = ours.model(endpoint=f"{aimock}{PATHS['azure-openai']}", credential=KEY, api_version="2024-06-01")

    assert await ours.text(model, "Hello") == HELLO
    assert journal()[0]["path"].startswith("/openai/deployments/any/chat/completions")


async def test_stream(ours: Adapter, model: Any) -> None:
    """A streamed answer comes in several pieces that join to the whole."""
    pieces: list[str] = []

    await ours.pieces(model, "Hello", pieces)

    assert "".join(pieces) == HELLO
    assert sum(map(bool, pieces)) > 2


async def test_usage_of_a_stream(ours: Adapter, aimock: str) -> None:
    """On the v1 route a stream tells its usage, which the adapters ask for."""
    model = ours.model(endpoint=f"{aimock}/openai/v1", credential=KEY, model="any")

    prompt, answer = await ours.usage(model, "Hello")

    assert prompt > 0
    assert answer > 0


async def test_emoji(ours: Adapter, model: Any) -> None:
    """An emoji that the server tears into two halves, in two frames, arrives whole."""
    pieces: list[str] = []

    await ours.pieces(model, "emoji", pieces)

    assert "".join(pieces) == "abc😀def🎉"
    assert "".join(pieces).encode()


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("forced", [False, True])
async def test_tool_call(ours: Adapter, model: Any, *, streamed: bool, forced: bool) -> None:
    """A tool is called, whole and streamed, freely and by force."""
    calls = await ours.calls(model, "What is the weather in Oslo?", streamed=streamed, forced=forced)

    assert calls == [("get_weather", {"city": "Oslo"})]


@pytest.mark.parametrize("streamed", [False, True])
async def test_parallel_calls(ours: Adapter, model: Any, *, streamed: bool) -> None:
    """Two calls in one answer stay two."""
    calls = await ours.calls(model, "What is the weather in Oslo and Rome?", streamed=streamed)

    assert calls == [("get_weather", {"city": "Oslo"}), ("get_weather", {"city": "Rome"})]


@pytest.mark.parametrize("streamed", [False, True])
async def test_text_and_call(ours: Adapter, model: Any, *, streamed: bool) -> None:
    """A call that follows words is found."""
    calls = await ours.calls(model, "first words", streamed=streamed)

    assert calls == [("get_weather", {"city": "Oslo"})]


async def test_tool_result(ours: Adapter, model: Any) -> None:
    """A tool's result goes back, and the server recognises it as one."""
    assert await ours.after_tool(model, "What is the weather in Oslo?") == "It is 21 degrees in Oslo."


async def test_structured_output(ours: Adapter, model: Any) -> None:
    """A pydantic object is made of the answer."""
    person = await ours.object(model, "Anna is 34 years old.")

    assert person.model_dump() == {"name": "Anna", "age": 34}


async def test_reasoning(ours: Adapter, model: Any) -> None:
    """What a model thought is kept apart from what it says."""
    assert await ours.thoughts(model, "think") == "Two and two make four."
    assert await ours.text(model, "think") == "Four."


async def test_embeddings(ours: Adapter, place: dict[str, Any]) -> None:
    """Vectors of texts and of a query arrive as they were sent, whatever encoding was asked for."""
    embeddings = ours.embeddings(**place)

    vectors = await ours.vectors(embeddings, ["known", "known too"])

    assert vectors == [[0.25, -0.5, 0.125]] * 2
    assert await ours.query(embeddings, "known") == vectors[0]


async def test_many_embeddings(ours: Adapter, place: dict[str, Any], journal: Callable[[], list[Any]]) -> None:
    """Many texts go in several requests, and each gets the vector of its own text."""
    embeddings = ours.embeddings(
        **place, **({"batch_size": 4} if isinstance(ours, LangChain) else {"embed_batch_size": 4})
    )
    texts = [f"text number {number}" for number in range(10)]

    vectors = await ours.vectors(embeddings, texts)

    assert len(journal()) == 3
    assert vectors == [await ours.query(embeddings, text) for text in texts]
    assert len({tuple(vector) for vector in vectors}) == 10


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ("filter this", ContentFilterError),
        ("too long", ContextLengthError),
        ("no such model", NotFoundError),
        ("always limited", RateLimitError),
    ],
)
async def test_errors(ours: Adapter, place: dict[str, Any], asked: str, error: type[InferenceError]) -> None:
    """Refusals are errors of the class that says what happened, a limit with the wait that was asked for."""
    with pytest.raises(error) as caught:
        await ours.text(ours.model(**place, max_retries=0), asked)

    if isinstance(caught.value, RateLimitError):
        assert caught.value.retry_after == 7


async def test_wrong_key(ours: Adapter, place: dict[str, Any]) -> None:
    """A wrong key is an `AuthenticationError`, in a chat and in embeddings."""
    wrong = {**place, "credential": "wrong"}

    with pytest.raises(AuthenticationError):
        await ours.text(ours.model(**wrong), "Hello")
    with pytest.raises(AuthenticationError):
        await ours.query(ours.embeddings(**wrong), "known")


@pytest.mark.parametrize("asked", ["limited once", "broken once"])
async def test_retries(
    ours: Adapter, aimock: str, asked: str, journal: Callable[[], list[Any]], request: pytest.FixtureRequest
) -> None:
    """429 with Retry-After, and 503, are tried again, and the second answer is the result."""
    headers = {"x-test-id": request.node.name}
    model = ours.model(endpoint=f"{aimock}/openai/v1", credential=KEY, model="any")

    assert await ours.text(model, asked, headers=headers) == HELLO
    assert len(journal()) == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("drop", InternalServerError),
        ("malformed", ResponseValidationError),
        ("disconnect", APIConnectionError),
        ("ratelimit", RateLimitError),
    ],
)
async def test_chaos(ours: Adapter, place: dict[str, Any], fault: str, error: type[InferenceError]) -> None:
    """An error of the server, no JSON, a closed socket and a limit are errors, each of its own class."""
    model = ours.model(**place, max_retries=0)

    with pytest.raises(error):
        await ours.text(model, "Hello", headers={f"x-aimock-chaos-{fault}": "1"})


async def test_cut_stream(ours: Adapter, model: Any) -> None:
    """A stream whose connection is lost gives what arrived and then an error, never a short answer."""
    pieces: list[str] = []

    with pytest.raises(StreamInterruptedError):
        await ours.pieces(model, "broken stream", pieces)

    assert "".join(pieces)
    assert "This answer never comes".startswith("".join(pieces)[:10])


async def test_limited_vectors(ours: Adapter, place: dict[str, Any]) -> None:
    """A limit met by embeddings is the same error, with the wait."""
    with pytest.raises(RateLimitError) as caught:
        await ours.vectors(ours.embeddings(**place, max_retries=0), ["limited vectors"])

    assert caught.value.retry_after == 7
