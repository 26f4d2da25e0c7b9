"""Arguments of constructors that are passed with a call: refused by name, and neither sent nor shown to anybody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableBinding
from llama_index.core.prompts import PromptTemplate
from llama_index.core.schema import TextNode
from pydantic import BaseModel

from azure_inference import ConfigurationError
from langchain_azure_inference import AzureInferenceLLM, ChatAzureInference
from llamaindex_azure_inference import AzureInference
from tests.canary import KEY
from tests.security.doors import DOORS, WAYS
from tests.security.test_written_down import Collected, Heard, listening, script

AT_CONSTRUCTION = {
    "api_key": "set credential where the model or client is made",
    "credential": "set credential where",
    "openai_api_key": "set credential where",
    "apikey": "set credential where",
    "mistral_api_key": "set credential where",
    "azure_ad_token": "set credential where",
    "endpoint": "set endpoint where",
    "base_url": "set endpoint where",
    "api_version": "set api_version where",
    "max_retries": "set max_retries where",
    "max_connections": "set max_connections where",
    "on_unsupported": "set on_unsupported where",
    "http_client": "set http_client where",
    "openai_proxy": "set trust_env or http_client or async_http_client where",
}
IN_THE_CALL = {
    "request_timeout": "pass timeout",
    "extra_headers": "pass headers",
    "azure_deployment": "pass model",
    "model_kwargs": "pass extra_body",
}


class City(BaseModel):
    """A city."""

    name: str


def _text_model(url: str) -> AzureInferenceLLM:
    return AzureInferenceLLM(endpoint=url, credential="key", model="m")


def _llm(url: str) -> AzureInference:
    return AzureInference(endpoint=url, credential="key", model="m")


async def _read(stream: Any) -> list[Any]:
    return [piece async for piece in stream]


OTHER_CALLS: dict[str, Callable[..., Any]] = {
    "langchain, text": lambda url, **more: _text_model(url).invoke("hello", **more),
    "langchain, text, async": lambda url, **more: asyncio.run(_text_model(url).ainvoke("hello", **more)),
    "langchain, text, stream": lambda url, **more: list(_text_model(url).stream("hello", **more)),
    "langchain, text, async stream": lambda url, **more: asyncio.run(_read(_text_model(url).astream("hello", **more))),
    "langchain, text, bind": lambda url, **more: _text_model(url).bind(**more),
    "langchain, text, bound": lambda url, **more: RunnableBinding(bound=_text_model(url), kwargs=more).invoke("hello"),
    "langchain, bind": lambda url, **more: DOORS["langchain"].make(endpoint=url, credential="key").bind(**more),
    "langchain, tools": lambda url, **more: (
        DOORS["langchain"].make(endpoint=url, credential="key").bind_tools([City], **more)
    ),
    "langchain, bound": lambda url, **more: RunnableBinding(
        bound=DOORS["langchain"].make(endpoint=url, credential="key"), kwargs=more
    ).invoke("hello"),
    "llamaindex, complete": lambda url, **more: _llm(url).complete("hello", **more),
    "llamaindex, complete, async": lambda url, **more: asyncio.run(_llm(url).acomplete("hello", **more)),
    "llamaindex, complete, stream": lambda url, **more: list(_llm(url).stream_complete("hello", **more)),
    "llamaindex, object": lambda url, **more: _llm(url).structured_predict(
        City, PromptTemplate("hello"), llm_kwargs=more
    ),
}


@pytest.mark.parametrize("door", ["langchain", "llamaindex"])
@pytest.mark.parametrize("way", [way for way in WAYS if "embed" not in way])
@pytest.mark.parametrize("name", [*AT_CONSTRUCTION, *IN_THE_CALL])
def test_refused(server: Any, door: str, way: str, name: str) -> None:
    """Each way to call says what the argument is called, and where it belongs; nothing is sent, traced or shown."""
    tracer, heard = Collected(), Heard()
    script(server, way, "good")
    model = DOORS[door].model(way, endpoint=server.url, credential="key")
    config = {"config": {"callbacks": [tracer, heard]}} if door == "langchain" else {}
    said = {**AT_CONSTRUCTION, **IN_THE_CALL}[name]
    with (
        listening() as (events, spans),
        pytest.raises(
            ConfigurationError, match=rf"^{name} is not an argument of a call: {said}.*; a parameter"
        ) as caught,
    ):
        DOORS[door].ask(way, model, **config, **{name: KEY})

    assert server.requests == []
    assert KEY not in str(caught.value)
    assert [*tracer.texts, *heard.texts, *events._texts, *spans._texts] == []


@pytest.mark.parametrize("call", OTHER_CALLS)
def test_a_key(server: Any, call: str) -> None:
    """A key is refused wherever keywords of a call are taken."""
    script(server, "chat", "good")
    with (
        listening() as (events, _),
        pytest.raises(ConfigurationError, match="api_key is not an argument of a call") as got,
    ):
        OTHER_CALLS[call](server.url, api_key=KEY)

    assert server.requests == []
    assert [text for text in (str(got.value), *events._texts) if KEY in text] == []


@pytest.mark.parametrize(
    ("door", "way"), [("core", way) for way in WAYS] + [("llamaindex", "embed"), ("llamaindex", "aembed")]
)
def test_a_key_where_keywords_are_options(server: Any, door: str, way: str) -> None:
    """So it is by the core's clients, and where LlamaIndex would forget it."""
    script(server, way, "good")
    model = DOORS[door].model(way, endpoint=server.url, credential="key")
    with pytest.raises(ConfigurationError, match="api_key is not an argument of a call: set credential") as caught:
        DOORS[door].ask(way, model, api_key=KEY)

    assert server.requests == []
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("way", ["embed", "aembed"])
@pytest.mark.parametrize("name", ["dimensions", "headers", "nonsense", "num_workers", "timeout"])
def test_batches_of_llamaindex(server: Any, way: str, name: str) -> None:
    """LlamaIndex would show all keywords of a batch to traces, and forget them: they are refused before."""
    script(server, way, "good")
    model = DOORS["llamaindex"].model(way, endpoint=server.url, credential="key")
    with (
        listening() as (events, spans),
        pytest.raises(ConfigurationError, match=rf"^{name} is not an argument .*where the model is"),
    ):
        DOORS["llamaindex"].ask(way, model, **{name: {"x-key": KEY}})

    assert server.requests == []
    assert [*events._texts, *spans._texts] == []


@pytest.mark.parametrize("way", ["embed", "aembed"])
def test_steps_of_a_pipeline(server: Any, way: str) -> None:
    """Of the keywords that LlamaIndex hands to all steps of a pipeline, those of others say nothing, nor are shown."""
    script(server, "aembed", "good")
    model = DOORS["llamaindex"].model(way, endpoint=server.url, credential="key")
    keywords = {"store_nodes_override": True, "show_progress": False, "headers": {"x-key": KEY}}
    nodes = [TextNode(text="a"), TextNode(text="b")]
    with listening() as (_, spans):
        done = model(nodes, **keywords) if way == "embed" else asyncio.run(model.acall(nodes, **keywords))

    assert [node.embedding for node in done] == [[1.0, 2.0], [2.0, 1.0]]
    assert spans._texts
    assert [text for text in spans._texts if KEY in text] == []


@pytest.mark.parametrize("door", ["langchain", "llamaindex"])
@pytest.mark.parametrize("way", [way for way in WAYS if "embed" not in way])
def test_what_is_for_the_model(server: Any, door: str, way: str) -> None:
    """Parameters of the model are sent, also one with such a name, in `extra_body`; None says nothing."""
    script(server, way, "good")
    told = {"stream_options": {"include_usage": False}} if "stream" in way else {}
    model = DOORS[door].model(way, endpoint=server.url, credential="key")
    DOORS[door].ask(way, model, top_k=1, max_retries=None, extra_body={"max_retries": 3}, timeout=20, **told)

    body = json.loads(server.requests[-1].body)
    assert (body["top_k"], body["max_retries"], "timeout" in body) == (1, 3, False)


@pytest.mark.parametrize("door", ["core", "langchain", "llamaindex"])
@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("asked", [True, False])
def test_usage_of_one_stream(server: Any, door: str, way: str, *, asked: bool) -> None:
    """A call may say whether usage is asked for, whatever the model was made with."""
    script(server, way, "good")
    url = f"{server.root}/openai/v1"
    model = DOORS[door].model(way, endpoint=url, credential="key", stream_usage=not asked)
    DOORS[door].ask(way, model, stream_usage=asked)

    assert ("stream_options" in json.loads(server.requests[-1].body)) is asked


OF_LANGCHAIN = ["callbacks", "config", "metadata", "run_manager", "run_name", "run_id", "tags", "verbose", "ls_x", "_x"]


@pytest.mark.parametrize("name", OF_LANGCHAIN)
def test_what_langchain_passes_along(server: Any, name: str) -> None:
    """What LangChain passes along with a call for itself is not sent; what users put elsewhere by that name is."""
    script(server, "chat", "good")
    model = ChatAzureInference(endpoint=server.url, credential="key", model_kwargs={name: 1})
    model._generate([HumanMessage("hello")], **{name: 2, "top_k": 3})
    model = ChatAzureInference(endpoint=server.url, credential="key")
    model._generate([HumanMessage("hello")], **{name: 2, "extra_body": {name: 4}})
    model._generate([HumanMessage("hello")], **{name: 2})
    sent = [{**request.json, "messages": None} for request in server.requests]

    assert sent == [{"messages": None, **more} for more in ({name: 1, "top_k": 3}, {name: 4}, {})]


@pytest.mark.parametrize("name", OF_LANGCHAIN)
@pytest.mark.parametrize("way", [way for way in WAYS if "embed" not in way])
def test_what_means_nothing_to_llamaindex(server: Any, way: str, name: str) -> None:
    """The same words are parameters of the model in LlamaIndex, but for `verbose`, which is its own."""
    script(server, way, "good")
    model = DOORS["llamaindex"].model(way, endpoint=server.url, credential="key")
    DOORS["llamaindex"].ask(way, model, store=True, **{name: "7"})
    (request,) = server.requests

    assert request.json["store"] is True
    assert request.json.get(name) == (None if name == "verbose" else "7")
