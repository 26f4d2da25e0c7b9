"""The classes of langchain-azure-ai for this API against the emulator."""

from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from tests.peers.conftest import Way, needed, settled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PEER = "langchain-azure-ai"


@pytest.fixture
async def made(way: Way, emulator: Any) -> AsyncIterator[Callable[..., Any]]:
    """Makes models, and closes their clients: they never do it themselves."""
    needed("langchain_azure_ai.chat_models.inference", "langchain-azure-ai")
    from langchain_azure_ai.chat_models.inference import AzureAIChatCompletionsModel
    from langchain_azure_ai.embeddings.inference import AzureAIEmbeddingsModel

    models: list[Any] = []

    def make(kind: str, endpoint: str = "", **arguments: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # both say that they are deprecated
            class_ = AzureAIChatCompletionsModel if kind == "chat" else AzureAIEmbeddingsModel
            model = class_(endpoint=endpoint or emulator.url, credential="any", **arguments)
        models.append(model)
        return model

    yield make
    for model in models:
        model._client.close()
        await settled(model._async_client.close())
    if way.asynchronous:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nor do they close a stream that was read
            gc.collect()


@pytest.fixture
def chat(made: Callable[..., Any]) -> Callable[..., Any]:
    """Makes chat models."""
    return lambda model="emulated-chat", **arguments: made("chat", model=model, **arguments)


async def test_invoke(chat: Any, way: Way) -> None:
    """A whole answer: its text, and usage that adds up."""
    message = await way.call(chat(), "invoke", "Hello")

    assert message.content == "(emulator) You said: Hello"
    usage = message.usage_metadata
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0


@pytest.mark.parametrize("model", ["emulated-chat", "gpt-4o-mini", "Mistral-large-2411", "Phi-3-mini-4k-instruct"])
async def test_stream(chat: Any, way: Way, model: str) -> None:
    """Chunks that join to the whole answer."""
    model = chat(model)

    whole = await way.call(model, "invoke", "Hello")
    chunks = await way.gather(model, "stream", "Hello")

    assert "".join(chunk.content for chunk in chunks) == whole.content
    assert len(chunks) > 2


@pytest.mark.parametrize(("choice", "calls"), [(None, 1), ("auto", 1), ("any", 1), ("get_weather", 1), ("none", 0)])
async def test_tools(chat: Any, way: Way, weather_tool: Any, choice: str | None, calls: int) -> None:
    """Bound tools are called with arguments, unless that is forbidden."""
    if choice == "get_weather":
        choice = {"type": "function", "function": {"name": choice}}
    bound = chat().bind_tools([weather_tool], tool_choice=choice)

    message = await way.call(bound, "invoke", "What is the weather in Oslo?")

    assert [(call["name"], call["args"]) for call in message.tool_calls] == [("get_weather", {"city": "Oslo"})] * calls


NO_INDEX = pytest.mark.xfail(
    strict=True, reason="the class loses calls without an index, which is how Mistral's models stream them"
)


@pytest.mark.parametrize("model", ["emulated-chat", "gpt-4o-mini", pytest.param("Mistral-large-2411", marks=NO_INDEX)])
async def test_streamed_tool_call(chat: Any, way: Way, weather_tool: Any, model: str) -> None:
    """A streamed call adds up to name and arguments."""
    bound = chat(model).bind_tools([weather_tool])

    first, *others = await way.gather(bound, "stream", "What is the weather in Oslo?")
    for chunk in others:
        first += chunk

    assert [(call["name"], call["args"]) for call in first.tool_calls] == [("get_weather", {"city": "Oslo"})]


async def test_round_trip_of_a_tool(chat: Any, way: Way, weather_tool: Any) -> None:
    """A call and its result go back as messages, and the answer comes from the result."""
    from langchain_core.messages import HumanMessage

    bound = chat().bind_tools([weather_tool])
    messages: list[Any] = [HumanMessage("What is the weather in Oslo?")]

    messages.append(await way.call(bound, "invoke", messages))
    messages.append(weather_tool.invoke(messages[-1].tool_calls[0]))
    answer = await way.call(bound, "invoke", messages)

    assert "21 degrees" in answer.content


@pytest.mark.parametrize("method", ["function_calling", "json_mode", "json_schema"])
async def test_structured_output(chat: Any, way: Way, person: Any, method: str) -> None:
    """Each method of structured output fills a pydantic model."""
    structured = chat().with_structured_output(person, method=method)
    keys = "Answer with the keys `name` and `age`. "
    asked = f"{keys if method == 'json_mode' else ''}The name: Anna, the age: 34."

    answer = await way.call(structured, "invoke", asked)

    # Its json_mode leaves the JSON as it came, a dict of texts.
    assert person.model_validate(answer) == person(name="Anna", age=34)


async def test_extras(chat: Any, way: Way, sent: Callable[[], list[Any]]) -> None:
    """`model_kwargs` reach the model as extra parameters."""
    await way.call(chat(model_kwargs={"safe_prompt": True}), "invoke", "Hello")

    [entry] = sent()
    assert entry["headers"]["extra-parameters"] == "pass-through"
    assert (entry["status"], entry["body"]["safe_prompt"]) == (200, True)


async def test_model_of_the_endpoint(made: Any, way: Way) -> None:
    """Without a model's name it asks the endpoint for its only model."""
    from azure_inference_emulator import running

    with running(only="Mistral-large-2411") as url:
        model = made("chat", url)
        message = await way.call(model, "invoke", "Hello")

    assert model._model_name == "Mistral-large-2411"
    assert message.content


async def test_refusal(chat: Any, way: Way) -> None:
    """A refused parameter is the SDK's error with status 422."""
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError) as caught:
        await way.call(chat("emulated-chat-2", seed=1), "invoke", "Hello")

    assert caught.value.status_code == 422
    assert caught.value.response.json()["detail"] == {"loc": ["body", "seed"], "input": 1}


@pytest.mark.parametrize(
    ("model", "kinds"), [("Cohere-embed-v3-english", ["document", "query"]), ("emulated-embed", ["text", "text"])]
)
async def test_embeddings(made: Any, way: Way, sent: Callable[[], list[Any]], model: str, kinds: list[str]) -> None:
    """Documents and a query become vectors; Cohere's models are told which is which."""
    embeddings = made("embeddings", model=model)

    documents = await way.call(embeddings, "embed_documents", ["Wombats live in Australia.", "Snow is cold."])
    query = await way.call(embeddings, "embed_query", "Where do wombats live?")

    assert {len(vector) for vector in [*documents, query]} == {256 if model == "emulated-embed" else 1024}
    near = [sum(a * b for a, b in zip(query, vector, strict=True)) for vector in documents]
    assert near[0] > near[1]
    assert [entry["body"]["input_type"] for entry in sent()] == kinds
