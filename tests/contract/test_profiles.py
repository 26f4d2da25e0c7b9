"""What is known of models, as each framework tells it to its users, and what it changes in what is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import httpx
import pytest
from langchain_core.messages import HumanMessage, SystemMessage, trim_messages
from langchain_core.runnables import ConfigurableField
from llama_index.core.indices.prompt_helper import PromptHelper
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.prompts import PromptTemplate

from azure_inference import estimate_tokens, model_profile
from azure_inference_emulator import running
from langchain_azure_inference import AzureInferenceLLM, ChatAzureInference
from llamaindex_azure_inference import AzureInference
from tests.canary import KEY
from tests.core.conftest import ScriptedServer

from . import changes
from .asks import Person
from .entries import finish
from .entry_core import Mode, gathered, told
from .material import ADA, THE_PERSON

NOWHERE = {"endpoint": "https://nobody.example/models", "credential": KEY}
NAMES = ["gpt-4o-mini", "gpt-5-mini", "Mistral-large-2411", "Phi-4", "DeepSeek-R1", "Llama-3.3-70B-Instruct"]
TEXT = "Four words of text."


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("is_alias", [False, True], ids=["by name", "by base_model"])
def test_both_tell_the_same(socket_disabled: None, name: str, is_alias: bool) -> None:
    """LangChain's profile and LlamaIndex's metadata are what the core knows of a model, or of that behind an alias."""
    known = model_profile(name)
    named: dict[str, Any] = {"model": "my-deployment", "base_model": name} if is_alias else {"model": name}

    profile: Any = ChatAzureInference(**NOWHERE, **named).profile
    metadata = AzureInference(**NOWHERE, **named).metadata

    assert profile["max_input_tokens"] == known.max_input_tokens
    assert profile["max_output_tokens"] == known.max_output_tokens
    assert profile["tool_calling"] == metadata.is_function_calling_model == known.tool_calling
    assert profile["structured_output"] == known.structured_output
    assert profile["reasoning_output"] == known.reasoning
    assert metadata.context_window == known.context_window
    assert metadata.is_chat_model
    assert metadata.model_name == named["model"]


@pytest.mark.parametrize("named", [{}, {"model": "my-deployment"}, {"model": "m", "base_model": "none such"}])
def test_nothing_known(socket_disabled: None, named: dict[str, Any]) -> None:
    """A model that nobody knows has no profile in LangChain, and in LlamaIndex what a model has that is not known."""
    metadata = AzureInference(**NOWHERE, **named).metadata

    assert ChatAzureInference(**NOWHERE, **named).profile is None
    assert (metadata.context_window, metadata.is_function_calling_model) == (3900, True)


def test_the_user_knows_better(socket_disabled: None) -> None:
    """What the user says of a model counts more than what is known of it."""
    told: Any = {"context_window": 1000, "is_function_calling_model": True}
    metadata = AzureInference(**NOWHERE, model="Phi-4", **told).metadata
    profile: Any = {"tool_calling": True}

    assert (metadata.context_window, metadata.is_function_calling_model) == (1000, True)
    assert ChatAzureInference(**NOWHERE, model="Phi-4", profile=profile).profile == profile


def test_tokens_in_langchain(socket_disabled: None) -> None:
    """Tokens are told without a network, so that LangChain's own tools for long conversations work without one."""
    model = ChatAzureInference(**NOWHERE, model="my-deployment")
    talk = [SystemMessage("Be terse."), *[HumanMessage(TEXT) for _ in range(100)]]
    one = model.get_num_tokens_from_messages([HumanMessage(TEXT)])

    kept = trim_messages(talk, max_tokens=10 * one, token_counter=model, strategy="last", include_system=True)
    assert model.get_num_tokens(TEXT) == AzureInferenceLLM(**NOWHERE).get_num_tokens(TEXT) == estimate_tokens(TEXT)
    assert kept[0] == talk[0]
    assert len(kept) == 10


def test_tokens_in_llamaindex(socket_disabled: None) -> None:
    """LlamaIndex counts by its own tokenizer, which it brings along; what fits is by the model's window."""
    llm = AzureInference(**NOWHERE, model="my-deployment", base_model="Phi-3-mini-4k-instruct", max_tokens=96)
    helper = PromptHelper.from_llm_metadata(llm.metadata)
    memory = ChatMemoryBuffer.from_defaults(llm=llm)

    assert memory.token_limit == 3072
    assert helper.context_window - helper.num_output == 4000
    assert len(helper.truncate(PromptTemplate("{context_str}"), ["word " * 9000], llm=llm)[0]) < 20_000


ALIASES = {"can-schema": "gpt-4o-mini", "can-tools": "Mistral-large-2411", "can-nothing": "Phi-3-mini-4k-instruct"}


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    """An emulator whose deployments have names that tell nothing."""
    with running(key=KEY, models=ALIASES) as url:
        yield url


MODELS: dict[str, type[Any]] = {"langchain": ChatAzureInference, "llamaindex": AzureInference}


async def _asked(model: Any, mode: Mode, *, is_stream: bool) -> Any:
    if isinstance(model, AzureInference):
        name = "stream_structured_predict" if is_stream else "structured_predict"
        answer = mode.of(model, name)(Person, PromptTemplate(ADA[0]["content"]))
    else:
        asking = model.with_structured_output(Person)
        answer = mode.of(asking, "stream" if is_stream else "invoke")(list(ADA))
    return (await gathered(answer))[-1] if is_stream else await told(answer)


SCHEMA, TOOL, TEXT_ONLY = {"response_format"}, {"tools", "tool_choice"}, set[str]()


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("framework", "deployment", "is_told", "sent"),
    [
        ("langchain", "can-schema", True, [SCHEMA]),
        ("langchain", "can-schema", False, [TOOL]),
        ("langchain", "can-tools", True, [TOOL]),
        ("langchain", "can-tools", False, [TOOL]),
        ("llamaindex", "can-schema", True, [SCHEMA]),
        ("llamaindex", "can-schema", False, [SCHEMA]),
        ("llamaindex", "can-tools", True, [TOOL]),
        ("llamaindex", "can-tools", False, [SCHEMA, TOOL]),  # it is refused, and asked otherwise
        ("llamaindex", "can-nothing", True, [TEXT_ONLY]),
    ],
)
def test_how_objects_are_asked_for(  # noqa: PLR0917 - the table has six columns
    root: str, framework: str, deployment: str, is_told: bool, sent: list[set[str]], is_stream: bool, is_async: bool
) -> None:
    """An object is asked for by what the model is known to take; where that is not known, the answer is one too."""
    journal = f"{root}/__emulator/requests"
    httpx.delete(journal)
    known = {"base_model": ALIASES[deployment]} if is_told else {}
    arguments = {"endpoint": f"{root}/models", "credential": KEY, "model": deployment, "max_retries": 0, **known}

    asking = _asked(MODELS[framework](**arguments), Mode(is_async), is_stream=is_stream)
    answer = finish(asking, is_async=is_async)

    bodies = [entry["body"].keys() for entry in httpx.get(journal).json()]
    assert [set(body) & (SCHEMA | TOOL) for body in bodies] == sent
    assert answer.model_dump() == THE_PERSON.model_dump()


def _configured(model: Any, /, **arguments: Any) -> Any:
    fields = {name: ConfigurableField(id=name) for name in arguments}
    return model.configurable_fields(**fields).with_config(configurable=arguments)


SWITCHES = [("langchain", changes.changed), ("langchain", changes.copied), ("langchain", _configured)]
SWITCHES += [("llamaindex", changes.changed), ("llamaindex", changes.copied)]


@pytest.mark.parametrize(("framework", "switch"), SWITCHES)
@pytest.mark.parametrize("field", ["model", "base_model"])
def test_another_model(root: str, framework: str, switch: Callable[..., Any], field: str) -> None:
    """A model that is switched is asked as the new one is known to take it, unless the user said what it takes."""
    journal = f"{root}/__emulator/requests"
    httpx.delete(journal)
    at: dict[str, Any] = {"endpoint": f"{root}/models", "credential": KEY, "model": "gpt-4o-mini", "max_retries": 0}
    names = {"model": "can-tools", "base_model": ALIASES["can-tools"]}

    first = MODELS[framework](**(at if field == "model" else {**at, "model": "can-tools", "base_model": "gpt-4o-mini"}))
    switched = switch(first, **(names if field == "model" else {field: names[field]}))
    assert finish(_asked(switched, Mode(is_async=False), is_stream=False), is_async=False)

    bodies = [entry["body"].keys() for entry in httpx.get(journal).json()]
    assert [set(body) & (SCHEMA | TOOL) for body in bodies] == [TOOL]


@pytest.mark.parametrize("switch", [changes.changed, changes.copied])
def test_own_profile_of_another_model(socket_disabled: None, switch: Callable[..., Any]) -> None:
    """A profile that the user gave stays, whatever the model; so does a window in LlamaIndex."""
    profile: Any = {"tool_calling": True}
    model = ChatAzureInference(**NOWHERE, model="gpt-4o", profile=profile)
    llm = AzureInference(**NOWHERE, model="gpt-4o", context_window=1000)

    assert switch(model, model="Phi-4").profile == profile
    assert switch(llm, model="Phi-4").metadata.context_window == 1000
    assert switch(ChatAzureInference(**NOWHERE, model="gpt-4o"), model="none such").profile is None
    assert (
        ChatAzureInference(**NOWHERE, model="gpt-4o").model_copy(update={"model": "Phi-4", "profile": profile}).profile
        == profile
    )


@pytest.mark.parametrize("switch", [changes.changed, changes.copied])
def test_what_another_model_refused(root: str, switch: Callable[..., Any]) -> None:
    """That one model refused JSON Schemas says nothing of the next one, nor of the first after that one did."""
    journal = f"{root}/__emulator/requests"
    httpx.delete(journal)
    at: dict[str, Any] = {"endpoint": f"{root}/models", "credential": KEY, "max_retries": 0}
    llm = AzureInference(**at, model="can-tools")

    for name in ("can-tools", "can-schema", "can-tools"):
        assert finish(_asked(switch(llm, model=name), Mode(is_async=False), is_stream=False), is_async=False)

    bodies = [entry["body"].keys() for entry in httpx.get(journal).json()]
    assert [set(body) & (SCHEMA | TOOL) for body in bodies] == [SCHEMA, TOOL, SCHEMA, TOOL]


FENCED = ["Here it is:\n```json\n", '{"name": "Ada ', 'Lovelace", "age"', ": 36}", "\n```\nAnything else?"]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("pieces", "is_object"),
    [(FENCED, True), (FENCED[:3], False), (["I will not."], False)],
    ids=["fenced", "half", "no"],
)
def test_objects_in_words(pieces: list[str], is_object: bool, is_stream: bool, is_async: bool) -> None:
    """A model without tools is asked in words: words around the object are no harm, half of one or none is an error."""
    with ScriptedServer() as server:
        if is_stream:
            chunks = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
            server.reply_events(*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        else:
            message = {"role": "assistant", "content": "".join(pieces)}
            server.reply_json({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        arguments = {"endpoint": server.url, "credential": KEY, "model": "Phi-4", "max_retries": 0}
        asking = _asked(AzureInference(**arguments), Mode(is_async), is_stream=is_stream)

        with nullcontext() if is_object else pytest.raises(ValueError, match=r"(?i)json"):
            assert finish(asking, is_async=is_async) == THE_PERSON
