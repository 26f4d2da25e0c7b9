"""What models are written down as, shown as, and told to traces and caches as: never with a key."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import cloudpickle
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, dumps
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tracers.base import BaseTracer
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager
from llama_index.core.callbacks.base_handler import BaseCallbackHandler as LlamaIndexHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from pydantic import PrivateAttr, SecretStr

from azure_inference import InferenceError
from langchain_azure_inference import AzureInferenceLLM
from tests.canary import KEY
from tests.llamaindex.conformance.base import TOOLS, Person, about, ask

from .doors import DOORS, WAYS
from .test_exceptions import AsyncTokens, HeldKey, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

CREDENTIALS: dict[str, Callable[[], Any]] = {
    "key": lambda: KEY,
    "SecretStr": lambda: SecretStr(KEY),
    "AzureKeyCredential": lambda: HeldKey(KEY),
    "token credential": Tokens,
    "async token credential": AsyncTokens,
    "function": lambda: lambda: KEY,
}
ANSWER = {
    "id": "c",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "data": [{"index": 0, "embedding": [1.0, 2.0]}, {"index": 1, "embedding": [2.0, 1.0]}],
}
EVENT = {"id": "c", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}
TURNS = ("good", "refused", "cut short")


def script(server: Any, way: str, turn: str) -> None:
    """Tells the server what to answer."""
    server.replies.clear()
    if turn == "refused":
        server.reply_json({"error": {"code": "x", "message": "no"}}, 401)
    elif "stream" in way:
        event = {**EVENT, "choices": [{**EVENT["choices"][0], "finish_reason": "stop" if turn == "good" else None}]}
        server.reply_events(event, done=turn == "good", whole=turn == "good")
    else:
        server.reply_json(ANSWER)
        server.replies[-1].whole = turn == "good"


def used(server: Any, door: str, way: str, **arguments: Any) -> Any:
    """A model that was asked well, with a refusal, and in vain."""
    model = DOORS[door].model(way, endpoint=server.url, max_retries=0, headers={"x-key": KEY}, **arguments)
    for turn in TURNS:
        script(server, way, turn)
        with suppress(InferenceError):
            DOORS[door].ask(way, model)
    script(server, way, "good")
    return model


def usable(way: str, credential: str) -> bool:
    """Whether a call of this kind can be made with such a credential."""
    return way.startswith("a") or "async" not in credential


EACH = pytest.mark.parametrize(
    ("way", "credential"), [(way, credential) for way in WAYS for credential in CREDENTIALS if usable(way, credential)]
)


@EACH
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::langchain_core._api.LangChainDeprecationWarning")
def test_objects(server: Any, door: str, way: str, credential: str) -> None:
    """A model that was used shows no key: neither as text, nor as data, nor in a pickle or a copy."""
    model = used(server, door, way, credential=CREDENTIALS[credential]())
    texts = {
        "repr": repr(model),
        "str": str(model),
        "variables": repr(vars(DOORS[door].model(way, endpoint=server.url, credential=CREDENTIALS[credential]()))),
        "repr of a copy": repr(copy.deepcopy(model)),
        "pickle": pickle.dumps(model).decode("latin-1"),
        "cloudpickle": cloudpickle.dumps(model).decode("latin-1"),
    }
    for name in ("model_dump", "model_dump_json", "dict", "json", "to_dict", "to_json", "to_payload", "asdict"):
        if hasattr(model, name):
            texts[name] = repr(getattr(model, name)())
    if door == "langchain":
        texts |= {"dumps": dumps(model), "dumpd": repr(dumpd(model))}
    if door == "core":
        texts |= {name: repr(getattr(model, name)) for name in ("identity", "client", "async_client")}

    assert [name for name, text in texts.items() if KEY in text] == []


class Collected(BaseTracer):
    """Runs as LangSmith's tracer sends them."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def _persist_run(self, run: Any) -> None:
        self.texts += [
            repr(run),
            json.dumps(run.model_dump() if hasattr(run, "model_dump") else vars(run), default=repr),
        ]


class Heard(BaseCallbackHandler):
    """Every callback with every argument."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("on_"):
            return super().__getattribute__(name)
        return lambda *given, **named: self.texts.append(f"{name} {given!r} {named!r}")


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("way", [way for way in WAYS if "embed" not in way])
@pytest.mark.parametrize("of", ["chat", "text"])
def test_traces_of_langchain(server: Any, of: str, way: str, turn: str) -> None:
    """A traced run, its parents, every callback, and the cache hold no key, whatever becomes of the call."""
    tracer, heard, cache = Collected(), Heard(), InMemoryCache()
    arguments = {"endpoint": server.url, "credential": KEY, "headers": {"x-key": KEY}, "max_retries": 0, "cache": cache}
    model = DOORS["langchain"].make(**arguments) if of == "chat" else AzureInferenceLLM(model="m", **arguments)
    bound = model.bind(seed=1, headers={"x-call": KEY}, timeout=20)
    chain = (ChatPromptTemplate.from_messages([("user", "{x}")]) | bound).with_config(
        {"callbacks": [tracer, heard], "run_name": "chain"}
    )
    script(server, way, turn)
    if of == "text":
        for reply in server.replies:
            reply.body = reply.body.replace(b'"message": {"role": "assistant", "content": "hi"}', b'"text": "hi"')
    calls: dict[str, Callable[[], Any]] = {
        "chat": lambda: chain.invoke({"x": "hello"}),
        "stream": lambda: list(chain.stream({"x": "hello"})),
        "achat": lambda: asyncio.run(chain.ainvoke({"x": "hello"})),
        "astream": lambda: asyncio.run(_events(chain)),
    }
    outcome: Any = None
    with suppress(InferenceError):
        outcome = calls[way]()

    texts = [*tracer.texts, *heard.texts, repr(cache._cache), repr(outcome), repr(bound), dumps(bound)]
    assert server.requests[-1].headers["x-call"] == KEY
    assert tracer.texts
    assert heard.texts
    assert [text for text in texts if KEY in text] == []


async def _events(chain: Any) -> list[Any]:
    return [event async for event in chain.astream_events({"x": "hello"}, version="v2")]


class Events(BaseEventHandler):
    """Every event, with all it holds."""

    _texts: list[str] = PrivateAttr(default_factory=list)

    def handle(self, event: Any, **_: Any) -> None:
        self._texts += [repr(event), repr(event.model_dump()), str(event), event.model_dump_json(fallback=repr)]


class Spans(BaseSpanHandler[Any]):
    """Every span, with what its method was called with and what came of it."""

    _texts: list[str] = PrivateAttr(default_factory=list)

    def new_span(self, id_: str, bound_args: Any, instance: Any = None, **more: Any) -> None:
        self._texts.append(f"{bound_args!r} {instance!r} {more!r}")

    def prepare_to_exit_span(
        self, id_: str, bound_args: Any, instance: Any = None, result: Any = None, **_: Any
    ) -> None:
        self._texts.append(f"{bound_args!r} {instance!r} {result!r}")

    def prepare_to_drop_span(self, id_: str, bound_args: Any, instance: Any = None, err: Any = None, **_: Any) -> None:
        self._texts.append(f"{bound_args!r} {instance!r} {err!r}")


class Payloads(LlamaIndexHandler):
    """Every payload of the older callbacks."""

    def __init__(self) -> None:
        super().__init__([], [])
        self.texts: list[str] = []

    def on_event_start(self, event_type: Any, payload: Any = None, event_id: str = "", *_: Any, **more: Any) -> str:
        self.texts.append(f"{payload!r} {more!r}")
        return event_id

    def on_event_end(self, event_type: Any, payload: Any = None, event_id: str = "", **more: Any) -> None:
        self.texts.append(f"{payload!r} {more!r}")

    def start_trace(self, trace_id: str | None = None) -> None:
        """Of no interest."""

    def end_trace(self, trace_id: str | None = None, trace_map: Any = None) -> None:
        """Of no interest."""


@contextmanager
def listening() -> Iterator[tuple[Events, Spans]]:
    """Meanwhile, all events and spans are heard."""
    dispatcher: Any = get_dispatcher()
    events, spans = Events(), Spans()
    dispatcher.add_event_handler(events)
    dispatcher.add_span_handler(spans)
    try:
        yield events, spans
    finally:
        dispatcher.event_handlers.remove(events)
        dispatcher.span_handlers.remove(spans)


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("way", WAYS)
def test_traces_of_llamaindex(server: Any, way: str, turn: str) -> None:
    """Events, spans and payloads of callbacks hold no key, whatever becomes of the call."""
    payloads = Payloads()
    model = DOORS["llamaindex"].model(
        way,
        endpoint=server.url,
        credential=KEY,
        headers={"x-key": KEY},
        max_retries=0,
        callback_manager=CallbackManager([payloads]),
    )
    script(server, way, turn)
    call = {} if "embed" in way else {"headers": {"x-call": KEY}}
    with listening() as (events, spans), suppress(InferenceError):
        DOORS["llamaindex"].ask(way, model, **call)

    assert server.requests[-1].headers.get("x-call") == call.get("headers", {}).get("x-call")
    assert events._texts
    assert spans._texts
    assert payloads.texts
    assert [text for text in (*events._texts, *spans._texts, *payloads.texts) if KEY in text] == []


FURTHER: dict[str, tuple[tuple[Any, ...], str | None]] = {
    "chat_with_tools": ((TOOLS, "hello"), None),
    "stream_chat_with_tools": ((TOOLS, "hello"), None),
    "predict_and_call": ((TOOLS, "hello"), None),
    "structured_predict": ((Person, about()), "llm_kwargs"),
    "stream_structured_predict": ((Person, about()), "llm_kwargs"),
}
"""More calls of LlamaIndex: their arguments, and the one that has the keywords of the chat."""


@pytest.mark.parametrize("call", [*FURTHER, *(f"a{name}" for name in FURTHER)])
@pytest.mark.parametrize("turn", ["good", "refused"])
def test_headers_of_further_calls(server: Any, call: str, turn: str) -> None:
    """Headers of a call with tools, or for an object, go out and are in no span and no event."""
    arguments, place = FURTHER[call.removeprefix("a")]
    script(server, "stream" if "stream" in call else "chat", turn)
    headers = {"headers": {"x-call": KEY}}
    model = DOORS["llamaindex"].model("chat", endpoint=server.url, credential="another", max_retries=0)
    with listening() as (events, spans), suppress(InferenceError, ValueError):
        ask(model, call, *arguments, **({place: headers} if place else headers))

    assert server.requests[-1].headers["x-call"] == KEY
    assert spans._texts
    assert [text for text in (*events._texts, *spans._texts) if KEY in text] == []


@pytest.mark.parametrize("method", ["chat", "achat", "stream_chat", "astream_chat", "complete", "acomplete"])
def test_headers_of_structured_models(server: Any, method: str) -> None:
    """So are those of a call of what LlamaIndex makes of a model to answer with objects."""
    script(server, "stream" if "stream" in method else "chat", "refused")
    model = DOORS["llamaindex"].model("chat", endpoint=server.url, credential="another", max_retries=0)
    said = "hello" if "complete" in method else [ChatMessage(content="hello")]
    with listening() as (events, spans), suppress(InferenceError):
        ask(model.as_structured_llm(Person), method, said, headers={"x-call": KEY})

    assert server.requests[-1].headers["x-call"] == KEY
    assert any("StructuredLLM" in text for text in spans._texts)
    assert [text for text in (*events._texts, *spans._texts) if KEY in text] == []


@pytest.mark.parametrize("way", ["chat", "achat", "stream", "astream"])
@pytest.mark.parametrize("write", [pickle.dumps, cloudpickle.dumps], ids=["pickle", "cloudpickle"])
def test_bound_headers(server: Any, monkeypatch: pytest.MonkeyPatch, write: Any, way: str) -> None:
    """Headers that are bound to a model go out, by way of copies too; a pickle has none, and what it has works."""
    monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", "another")
    script(server, way, "good")
    bound = DOORS["langchain"].make(endpoint=server.url).bind(headers={"x-call": KEY}, top_k=7)
    written = write(bound)

    for model in (bound, copy.copy(bound), copy.deepcopy(bound), pickle.loads(written)):
        DOORS["langchain"].ask(way, model)

    assert [request.headers.get("x-call") for request in server.requests] == [KEY, KEY, KEY, None]
    assert [json.loads(request.body)["top_k"] for request in server.requests] == [7] * 4
    assert KEY.encode() not in written


def test_cache_keys_and_hashes(server: Any) -> None:
    """What LangChain caches by holds endpoint, model and parameters, and neither key nor header."""
    arguments = {"endpoint": server.url, "credential": KEY, "headers": {"x-key": KEY}, "temperature": 0}
    word = DOORS["langchain"].make(**arguments)._get_llm_string()

    assert server.url in word
    assert '"temperature": 0' in word or "'temperature', 0" in word
    assert KEY not in word
    assert word == DOORS["langchain"].make(**{**arguments, "credential": "another"})._get_llm_string()


@pytest.mark.parametrize("way", [way for way in WAYS if "embed" not in way])
def test_options_of_a_call(server: Any, way: str) -> None:
    """Headers and the timeout of a call are in no trace and no cache key of a chat model; its parameters are."""
    tracer, heard, cache = Collected(), Heard(), InMemoryCache()
    model = DOORS["langchain"].make(endpoint=server.url, credential="another", cache=cache)
    script(server, way, "good")
    call = {"headers": {"x-call": KEY}, "timeout": 20.25, "top_k": 7}
    DOORS["langchain"].ask(way, model, config={"callbacks": [tracer, heard]}, **call)

    assert server.requests[-1].headers["x-call"] == KEY
    texts = [*tracer.texts, *heard.texts, repr(cache._cache)]
    assert [text for text in texts if KEY in text or "20.25" in text] == []
    assert [text for text in texts if "'top_k': 7" in text] != []
