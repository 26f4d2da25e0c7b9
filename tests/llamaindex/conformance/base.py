"""What all claims are tested with: the model to be made, servers to ask, and one face for four ways of asking."""

from __future__ import annotations

import asyncio
import base64
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
)
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, PrivateAttr

from .scripted import Says, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "canary-5ecret-of-llamaindex"
MODEL = "emulated-chat"
WHOLE = ("chat", "achat")
STREAMED = ("stream_chat", "astream_chat")
COMPLETIONS = ("complete", "acomplete", "stream_complete", "astream_complete")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
WAV = b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\0\0\0"


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def multiply(a: int, b: int) -> int:
    """Multiply two whole numbers."""
    return a * b


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"It is sunny in {city}."


TOOLS = [FunctionTool.from_defaults(multiply), FunctionTool.from_defaults(weather)]


def ask(llm: Any, method: str, *arguments: Any, **named: Any) -> list[Any]:
    """What a method answers, plain or async, whole or in pieces: its responses, in a list."""
    if not method.startswith("a"):
        answer = getattr(llm, method)(*arguments, **named)
        return list(answer) if "stream" in method else [answer]

    async def answers() -> list[Any]:
        answer = await getattr(llm, method)(*arguments, **named)
        return [one async for one in answer] if "stream" in method else [answer]

    return asyncio.run(answers())


def about() -> PromptTemplate:
    """A new prompt: LlamaIndex's text program changes the one it is given."""
    return PromptTemplate("Who is it? {text}")


def user(text: str) -> list[ChatMessage]:
    """A conversation of one message."""
    return [ChatMessage(role="user", content=text)]


class Recorder(BaseEventHandler):
    """Keeps the names of the events of LLMs."""

    _names: list[str] = PrivateAttr(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "Recorder"

    def handle(self, event: Any, **kwargs: Any) -> None:
        if event.class_name().startswith(("LLM", "Exception")):
            self._names.append(event.class_name())


@contextmanager
def recorded_events() -> Iterator[list[str]]:
    """The names of events fired meanwhile."""
    recorder, root = Recorder(), get_dispatcher()
    root.add_event_handler(recorder)
    try:
        yield recorder._names
    finally:
        root.event_handlers.remove(recorder)


class ModelUnderTest:
    """`make_llm` makes the model; override `endpoint` to choose the well-behaved server."""

    def make_llm(self, root: str, **arguments: Any) -> Any:
        """The model, asking a server whose base URL is `root`, as `MODEL` with `SECRET`."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def endpoint(cls) -> Iterator[str]:
        """The base URL of a server that answers as the API says."""
        from azure_inference_emulator import running

        with running() as url:
            yield url

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[ScriptedServer]:
        """A server that says what a test tells it."""
        with ScriptedServer() as server:
            yield server

    @pytest.fixture
    def script(self, server: ScriptedServer) -> ScriptedServer:
        """The same, with nothing said yet."""
        server.will(Says("All is well."))
        return server

    @pytest.fixture
    def llm(self, script: ScriptedServer) -> Any:
        """The model on the scripted server."""
        return self.make_llm(script.root)

    def key_into_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Puts the secret where a model without one looks for it."""
        monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", SECRET)
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)
