"""Both adapters against Prism, which answers from the published document, and both judged by it over the emulator."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from azure_inference import (
    APIStatusError,
    AsyncInferenceClient,
    AuthenticationError,
    BadRequestError,
    InferenceClient,
    RateLimitError,
    UnprocessableEntityError,
)
from azure_inference_emulator.models import MODELS
from tests.peers.conftest import WEATHER, settled
from tests.peers.servers import node_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.peers.conftest import Way
    from tests.peers.ours import Adapter

PEER = "Prism"
OSLO = "What is the weather in Oslo?"
DOT = "data:image/png;base64,iVBORw0KGgo="
VERSION = {"api-version": "2024-05-01-preview"}


@pytest.fixture(scope="session")
def documents(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The published document made strict about what its prose says; `closed` knows no extra parameters."""
    folder = tmp_path_factory.mktemp("openapi")
    source = shared_dir / "reference" / "openapi" / "2024-05-01-preview.json"
    made: dict[str, str] = {}
    for name, options in {"open": [], "closed": ["--strict"]}.items():
        made[name] = str(folder / f"{name}.json")
        command = [sys.executable, str(shared_dir / "tools" / "harden.py"), str(source), made[name], *options]
        subprocess.run(command, check=True, capture_output=True)
    return made


@pytest.fixture(scope="session")
def mock(documents: dict[str, str]) -> Iterator[str]:
    """Prism answering by itself."""
    with node_server("prism", "mock", "-h", "127.0.0.1", "-p", "0", documents["closed"]) as url:
        yield url


@pytest.fixture(scope="session")
def proxy(documents: dict[str, str], emulator: Any) -> Iterator[dict[str, str]]:
    """Prism between a client and the emulator: whatever breaks the document, on either side, is an error."""

    def started(document: str) -> Any:
        arguments = ("proxy", "-h", "127.0.0.1", "-p", "0", "--errors", documents[document], emulator.root)
        return node_server("prism", *arguments)

    with started("closed") as closed, started("open") as other:
        yield {"closed": closed, "open": other}


@pytest.fixture
def judged(ours: Adapter, proxy: dict[str, str]) -> Callable[..., Any]:
    """Makes models whose requests, and whose answers from the emulator, Prism judges."""

    def make(kind: str = "model", document: str = "closed", **arguments: Any) -> Any:
        told = {"model": "emulated-chat" if kind == "model" else "emulated-embed", "max_retries": 0, **arguments}
        return getattr(ours, kind)(endpoint=proxy[document], credential="any", **told)

    return make


async def test_chat(ours: Adapter, judged: Any) -> None:
    """Requests and answers of a chat are those of the document, whole and streamed."""
    pieces: list[str] = []

    text = await ours.text(judged(), "Hello")
    await ours.pieces(judged(), "Hello", pieces)

    assert text == "".join(pieces) == "(emulator) You said: Hello"


async def test_every_parameter(ours: Adapter, judged: Any) -> None:
    """So are requests with every parameter of the API that a model takes."""
    model = judged(
        temperature=0.5,
        top_p=0.9,
        max_tokens=20,
        frequency_penalty=0.1,
        presence_penalty=-0.1,
        seed=7,
        stop=["###"],
    )

    assert await ours.text(model, "Hello") == "(emulator) You said: Hello"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("forced", [False, True])
async def test_tools(ours: Adapter, judged: Any, *, streamed: bool, forced: bool) -> None:
    """So are tools, their choice, and calls."""
    calls = await ours.calls(judged(), OSLO, streamed=streamed, forced=forced)

    assert calls == [("get_weather", {"city": "Oslo"})]


async def test_tool_result(ours: Adapter, judged: Any) -> None:
    """So are messages with calls and results of tools."""
    assert "21 degrees" in await ours.after_tool(judged(), OSLO)


async def test_structured_output(ours: Adapter, judged: Any) -> None:
    """So is structured output."""
    person = await ours.object(judged(), "The name: Anna, the age: 34.")

    assert person.model_dump() == {"name": "Anna", "age": 34}


@pytest.mark.parametrize("arguments", [{}, {"dimensions": 64}, {"encoding_format": "int8"}], ids=str)
async def test_embeddings(ours: Adapter, judged: Any, arguments: dict[str, Any]) -> None:
    """So are embeddings of documents and of queries."""
    embeddings = judged("embeddings", **arguments)

    vectors = await ours.vectors(embeddings, ["one", "two"])
    query = await ours.query(embeddings, "one")

    assert {len(vector) for vector in [*vectors, query]} == {arguments.get("dimensions", 256)}


async def test_extras(ours: Adapter, judged: Any) -> None:
    """Extra parameters pass with the header's legal value where they may; elsewhere the error says what is wrong."""
    arguments = {"model_kwargs" if type(ours).__name__ == "LangChain" else "additional_kwargs": {"safe_prompt": True}}

    assert await ours.text(judged(document="open", **arguments), "Hello")
    with pytest.raises(UnprocessableEntityError) as caught:
        await ours.text(judged(**arguments), "Hello")

    assert "safe_prompt" in json.dumps(caught.value.body)


async def test_images(ours: Adapter, judged: Any) -> None:
    """So are embeddings of pictures."""
    vectors = await ours.images(judged("embeddings"), [DOT, DOT])

    assert [len(vector) for vector in vectors] == [256, 256]


async def test_info(way: Way, proxy: dict[str, str]) -> None:
    """So is the information about the model, which the core asks for."""
    kind = AsyncInferenceClient if way.asynchronous else InferenceClient

    client = kind(proxy["closed"], "any", max_retries=0)
    info = await settled(client.info())
    await settled(client.close())

    assert (info.model_name, info.model_type) == ("emulated-chat", "chat-completion")


CHATS = [name for name, model in MODELS.items() if model.task == "chat"]


@pytest.mark.parametrize("model", CHATS)
def test_every_family(proxy: dict[str, str], model: str) -> None:
    """The emulator's answers keep to the document for every model that it plays."""
    answer = asked(
        proxy["closed"], "/chat/completions", {"messages": [{"role": "user", "content": OSLO}], "model": model}
    )

    assert answer.status_code == 200, answer.text


def asked(url: str, path: str, body: Any, **headers: str) -> httpx.Response:
    """The answer to a bare POST."""
    return httpx.post(f"{url}{path}", params=VERSION, json=body, headers={"api-key": "any", **headers}, timeout=30)


HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
FILTERED = {"messages": [{"role": "user", "content": "[[filter the prompt]]"}]}
SHAPES = {
    "a call": (200, {"messages": [{"role": "user", "content": OSLO}], "tools": [WEATHER]}),
    "an answer cut short": (200, {**HELLO, "max_tokens": 1}),
    "a JSON object": (200, {**HELLO, "response_format": {"type": "json_object"}}),
    "a filtered answer": (200, {"messages": [{"role": "user", "content": "[[filter the answer]] Hello"}]}),
    "an unknown model": (400, {**HELLO, "model": "nope"}),
    "a filtered prompt": (400, {**FILTERED, "model": "gpt-4o-mini"}),
    "too long": (413, {"messages": [{"role": "user", "content": "word " * 5000}], "model": "Llama-2-70b-chat"}),
}
FLAT = {
    "a filtered prompt, flat": (400, FILTERED),
    "an unsupported parameter": (422, {**HELLO, "model": "emulated-chat-2", "seed": 1}),
    "a wrong task": (404, {**HELLO, "model": "emulated-embed"}),
}
NOT_FLAT = pytest.mark.xfail(strict=True, reason="the document has nested errors only; its reference pages, flat ones")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *(pytest.param(*case, id=name) for name, case in SHAPES.items()),
        *(pytest.param(*case, id=name, marks=NOT_FLAT) for name, case in FLAT.items()),
    ],
)
def test_answers_of_the_emulator(proxy: dict[str, str], status: int, body: dict[str, Any]) -> None:
    """The emulator's answers and refusals are those of the document."""
    answer = asked(proxy["closed"], "/chat/completions", body)

    assert (answer.status_code, "sl-violations" in answer.headers) == (status, False), answer.text


@pytest.mark.xfail(strict=True, reason="the document calls vectors lists of numbers; its own base64 is a text")
def test_base64_vectors(proxy: dict[str, str]) -> None:
    """Vectors in base64 are those of the document."""
    answer = asked(proxy["closed"], "/embeddings", {"input": ["a"], "encoding_format": "base64"})

    assert answer.status_code == 200


async def test_answers_of_prism(ours: Adapter, mock: str) -> None:
    """The document's own examples are read: a whole answer, and vectors."""
    place = {"endpoint": mock, "credential": "any", "model": "m"}

    assert await ours.text(ours.model(**place), "Hello") == "Hello from the official schema."
    assert await ours.vectors(ours.embeddings(**place), ["a"]) == [[0.1, 0.2, 0.3]]


@pytest.mark.parametrize(
    ("headers", "said"),
    [({}, "Hello from the official schema."), ({"accept": "text/event-stream"}, "Hello stream.")],
    ids=["whole", "streamed"],
)
async def test_streams_of_prism(ours: Adapter, mock: str, headers: dict[str, str], said: str) -> None:
    """A stream is read, and so is the whole answer that a server sends in its place."""
    pieces: list[str] = []

    await ours.pieces(ours.model(endpoint=mock, credential="any", model="m"), "Hello", pieces, headers=headers)

    assert "".join(pieces) == said


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, BadRequestError), (401, AuthenticationError), (422, UnprocessableEntityError), (429, RateLimitError)],
)
async def test_errors_of_prism(ours: Adapter, mock: str, status: int, error: type[APIStatusError]) -> None:
    """The document's example of an error is the error of its status, with code and text."""
    model = ours.model(endpoint=mock, credential="any", model="m", max_retries=0)

    with pytest.raises(error) as caught:
        await ours.text(model, "Hello", headers={"Prefer": f"code={status}"})

    assert caught.value.code == "invalid_request"
    assert "The request does not match the schema." in str(caught.value)


@pytest.mark.parametrize("arguments", [{"temperature": 3}, {"max_tokens": -1}, {"top_p": 2}], ids=str)
async def test_refusals(ours: Adapter, judged: Any, arguments: dict[str, Any]) -> None:
    """What breaks the document is refused, and the error says what it was."""
    [name] = arguments

    with pytest.raises(UnprocessableEntityError) as caught:
        await ours.text(judged(**arguments), "Hello")

    assert name in json.dumps(caught.value.body)


async def test_wrong_version(ours: Adapter, mock: str) -> None:
    """The api-version travels as the document wants it, and another is refused."""
    assert await ours.text(ours.model(endpoint=mock, credential="any", model="m"), "Hello")

    with pytest.raises(UnprocessableEntityError):
        await ours.text(ours.model(endpoint=mock, credential="any", model="m", api_version="2020-01-01"), "Hello")
