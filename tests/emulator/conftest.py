"""What the emulator's own tests share: an emulator over real HTTP, asked by a plain HTTP client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = {"api-key": "k"}


class Server:
    """A running emulator and a client for it."""

    def __init__(self, client: httpx.Client) -> None:
        self.http = client

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """The answer to a POST; underscores in header names stand for dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(path, json=body, headers=sent)

    def chat(self, text: str = "Hello", path: str = "/models/chat/completions", **body: Any) -> dict[str, Any]:
        """The body that answers a chat request of one user message (or of ``messages``)."""
        asked = {"messages": [{"role": "user", "content": text}], **body}
        answer = self.post(path, asked, extra_parameters="pass-through")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def say(self, text: str, **body: Any) -> str:
        """The text that answers."""
        return self.chat(text, **body)["choices"][0]["message"]["content"]

    def calls(self, text: str, tools: list[Any], **body: Any) -> list[tuple[str, dict[str, Any]]]:
        """Name and arguments of the tool calls that answer."""
        message = self.chat(text, tools=tools, **body)["choices"][0]["message"]
        functions = [call["function"] for call in message.get("tool_calls") or []]
        return [(function["name"], json.loads(function["arguments"])) for function in functions]

    def frames(self, body: dict[str, Any], path: str = "/models/chat/completions", **headers: str) -> list[Any]:
        """The events of a stream, parsed; ``[DONE]`` stays text."""
        answer = self.post(path, {**body, "stream": True}, **headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        data = [event.removeprefix("data: ") for event in answer.text.split("\n\n") if event]
        return [item if item == "[DONE]" else json.loads(item) for item in data]


@pytest.fixture(scope="session")
def start() -> Callable[..., Any]:
    """Start an emulator with the settings given, as a context that yields a `Server`."""
    from contextlib import contextmanager

    from azure_inference_emulator import running

    @contextmanager
    def started(**settings: Any) -> Iterator[Server]:
        with running(**settings) as url, httpx.Client(base_url=url, headers=KEY, timeout=30) as client:
            yield Server(client)

    return started


@pytest.fixture(scope="session")
def server(start: Any) -> Iterator[Server]:
    """The emulator as it is without settings."""
    with start() as running:
        yield running


@pytest.fixture(scope="session")
def strict(start: Any) -> Iterator[Server]:
    """The emulator with `--strict`."""
    with start(strict=True) as running:
        yield running


@pytest.fixture(scope="session")
def managed(start: Any) -> Iterator[Server]:
    """The emulator with `--managed-compute`."""
    with start(managed_compute=True) as running:
        yield running


def tool(name: str, description: str, /, optional: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """A tool definition; a property given as a word has that type."""
    schemas = {key: {"type": value} if isinstance(value, str) else value for key, value in properties.items()}
    parameters = {"type": "object", "properties": schemas, "required": [key for key in schemas if key not in optional]}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


@pytest.fixture(scope="session", name="tool")
def tool_factory() -> Callable[..., dict[str, Any]]:
    """Makes tool definitions."""
    return tool
