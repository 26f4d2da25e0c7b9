"""What the tests with independent clients and servers share."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from types import ModuleType

HERE = Path(__file__).resolve().parent
MISSING = "{} is not installed here: run `make peers`"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder, so that `-m "not peers"` leaves it out."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.peers)


def needed(module: str, distribution: str) -> ModuleType:
    """An independent client, imported; the test is skipped where it is not installed."""
    return pytest.importorskip(module, reason=MISSING.format(distribution))


async def settled(value: Any) -> Any:
    """A result, whether it was returned or must be awaited."""
    return await value if inspect.isawaitable(value) else value


async def gathered(stream: Any) -> list[Any]:
    """All items of a stream, whichever way it is read, and the stream closed: the official SDK does not by itself."""
    stream = await settled(stream)
    items = [item async for item in stream] if hasattr(stream, "__aiter__") else list(stream)
    close = getattr(stream, "aclose", None) or getattr(stream, "close", None)
    if close:
        await settled(close())
    return items


class Way:
    """One of the two ways to call a client: `method` names the async twin of a sync method."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asynchronous = name == "async"

    async def call(self, owner: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        """The result of a method or, by the async way, of its twin with the name that LangChain gives it."""
        return await settled(getattr(owner, f"a{method}" if self.asynchronous else method)(*args, **kwargs))

    async def gather(self, owner: Any, method: str, *args: Any, **kwargs: Any) -> list[Any]:
        """All items that a method streams."""
        return await gathered(getattr(owner, f"a{method}" if self.asynchronous else method)(*args, **kwargs))


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Way:
    """The sync and the async way."""
    return Way(request.param)


@pytest.fixture(params=["langchain", "llamaindex"])
def ours(request: pytest.FixtureRequest, way: Way) -> Any:
    """Each adapter, by either way."""
    from tests.peers.ours import ADAPTERS

    return ADAPTERS[request.param](way)


@pytest.fixture
def sent(emulator: Any) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Gives the requests that the emulator got in this test, oldest first."""
    journal = f"{emulator.root}/__emulator/requests"
    httpx.delete(journal)
    return lambda: httpx.get(journal).json()


@pytest.fixture
async def sdk(way: Way, emulator: Any) -> AsyncIterator[Any]:
    """The official SDK by both of its ways; its clients are closed after the test."""
    needed("azure.ai.inference", "azure-ai-inference")
    from tests.peers.official import Sdk

    sdk = Sdk(asynchronous=way.asynchronous, root=emulator.root)
    yield sdk
    for client in sdk.opened:
        await settled(client.close())


@pytest.fixture
def picture(tmp_path: Path) -> str:
    """The path of a small picture."""
    path = tmp_path / "dot.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(16))
    return str(path)


@pytest.fixture(scope="session")
def weather_tool() -> Any:
    """A LangChain tool."""
    from langchain_core.tools import tool

    @tool
    def get_weather(city: str) -> str:
        """Get the weather of a city."""
        return f"It is 21 degrees in {city}."

    return get_weather


@pytest.fixture(scope="session")
def person() -> Any:
    """A pydantic model to be filled."""
    from pydantic import BaseModel

    class Person(BaseModel):
        """A person."""

        name: str
        age: int

    return Person
