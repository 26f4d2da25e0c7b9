"""The official SDK's chat client against the emulator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.peers.conftest import PERSON, WEATHER, gathered, settled
from tests.peers.official import Sdk

if TYPE_CHECKING:
    from collections.abc import Callable

PEER = "azure-ai-inference"
HELLO = [{"role": "user", "content": "Hello"}]
OSLO = [{"role": "user", "content": "What is the weather in Oslo?"}]


async def complete(client: Any, **body: Any) -> Any:
    """The answer to a chat request, by the client's own way."""
    return await settled(client.complete(**body))


@pytest.mark.parametrize("path", ["", "/models", "/openai/deployments/gpt-4o-mini"])
async def test_answer(sdk: Sdk, path: str) -> None:
    """A whole answer at every kind of endpoint that the SDK knows: text, finish reason, and usage that adds up."""
    client = sdk.chat(f"{sdk.root}{path}")

    answer = await complete(client, messages=HELLO)

    [choice] = answer.choices
    assert choice.message.content == "(emulator) You said: Hello"
    assert choice.message.role == "assistant"
    assert choice.finish_reason == sdk.models.CompletionsFinishReason.STOPPED
    assert answer.id.startswith("chatcmpl-")
    assert answer.created.year >= 2024
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0


async def test_parameters_reach_the_model(sdk: Sdk, sent: Callable[[], list[Any]]) -> None:
    """Parameters of the constructor and of the call arrive under their own names; the call's take precedence."""
    client = sdk.chat(model="emulated-chat", temperature=0.5, max_tokens=3, seed=7)

    answer = await complete(client, messages=HELLO, temperature=0.0, top_p=0.9, stop=["!"], presence_penalty=1)

    [entry] = sent()
    assert entry["path"] == "/models/chat/completions"
    assert entry["query"] == {"api-version": "2024-05-01-preview"}
    assert entry["body"] == {
        "messages": HELLO,
        "model": "emulated-chat",
        "temperature": 0.0,
        "max_tokens": 3,
        "seed": 7,
        "top_p": 0.9,
        "stop": ["!"],
        "presence_penalty": 1,
    }
    assert answer.usage.completion_tokens == 3
    assert answer.choices[0].finish_reason == sdk.models.CompletionsFinishReason.TOKEN_LIMIT_REACHED


async def test_every_kind_of_message(sdk: Sdk, picture: Any) -> None:
    """The SDK's own messages are taken: each role, images from a file and by address, audio, calls and results."""
    m = sdk.models
    call = m.ChatCompletionsToolCall(id="c1", function=m.FunctionCall(name="get_weather", arguments='{"city": "Oslo"}'))
    messages = [
        m.SystemMessage("Be brief."),
        m.DeveloperMessage("Be kind."),
        m.UserMessage(
            [
                m.TextContentItem(text="What is the weather in Oslo?"),
                m.ImageContentItem(image_url=m.ImageUrl.load(image_file=picture, image_format="png", detail="low")),
                m.ImageContentItem(image_url=m.ImageUrl(url="https://example.org/sky.png")),
                m.AudioContentItem(input_audio=m.InputAudio(data="AAAA", format="wav")),
            ]
        ),
        m.AssistantMessage(tool_calls=[call]),
        m.ToolMessage("It is 21 degrees in Oslo.", tool_call_id="c1"),
    ]

    answer = await complete(sdk.chat(), messages=messages, tools=[WEATHER])

    assert "21 degrees" in answer.choices[0].message.content
    assert answer.usage.prompt_tokens > 2 * 85


@pytest.mark.parametrize("model", ["emulated-chat", "gpt-4o-mini", "Mistral-large-2411", "Phi-3-mini-4k-instruct"])
async def test_stream(sdk: Sdk, model: str) -> None:
    """A stream's pieces join to the whole answer; its role comes first, its finish reason and its usage last."""
    client = sdk.chat(model=model)
    asked = {"messages": HELLO}
    usage = {"model_extras": {"stream_options": {"include_usage": True}}} if model == "gpt-4o-mini" else {}

    whole = await complete(client, **asked)
    updates = await gathered(client.complete(**asked, stream=True, **usage))

    choices = [choice for update in updates for choice in update.choices or []]
    assert "".join(choice.delta.content or "" for choice in choices) == whole.choices[0].message.content
    assert choices[0].delta.role == "assistant"
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
    assert updates[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert len(updates) > 2


@pytest.mark.parametrize(
    ("choice", "calls"),
    [("auto", ["Oslo"]), ("required", ["Oslo"]), ("none", []), ("named", ["Oslo"]), (None, ["Oslo"])],
)
async def test_tool_choice(sdk: Sdk, choice: str | None, calls: list[str]) -> None:
    """Tools are called of the model's own accord, because they must be, because one was named, or never."""
    m = sdk.models
    function = m.FunctionDefinition(**WEATHER["function"])
    named = m.ChatCompletionsNamedToolChoice(function=m.ChatCompletionsNamedToolChoiceFunction(name="get_weather"))
    tools = [m.ChatCompletionsToolDefinition(function=function)]

    answer = await complete(sdk.chat(), messages=OSLO, tools=tools, tool_choice=named if choice == "named" else choice)

    [said] = answer.choices
    assert [json.loads(call.function.arguments)["city"] for call in said.message.tool_calls or []] == calls
    assert said.finish_reason == ("tool_calls" if calls else "stop")


async def test_round_trip_of_a_tool(sdk: Sdk) -> None:
    """The SDK's own answer goes back as a message, the tool's result with it, and the model answers from it."""
    m = sdk.models
    client = sdk.chat()
    messages = [m.UserMessage("What is the weather in Oslo?")]

    asked = await complete(client, messages=messages, tools=[WEATHER])
    [call] = asked.choices[0].message.tool_calls
    messages += [
        m.AssistantMessage(tool_calls=asked.choices[0].message.tool_calls),
        m.ToolMessage("It is 21 degrees in Oslo.", tool_call_id=call.id),
    ]
    answer = await complete(client, messages=messages, tools=[WEATHER])

    assert "21 degrees" in answer.choices[0].message.content


@pytest.mark.parametrize("model", ["emulated-chat", "gpt-4o-mini", "Mistral-large-2411"])
async def test_streamed_tool_call(sdk: Sdk, model: str) -> None:
    """A streamed call: name and id once, and pieces of arguments that join to JSON."""
    updates = await gathered(sdk.chat(model=model).complete(messages=OSLO, tools=[WEATHER], stream=True))

    deltas = [call for update in updates for choice in update.choices or [] for call in choice.delta.tool_calls or []]
    assert [delta.function.name for delta in deltas if delta.function.name] == ["get_weather"]
    assert len({delta.id for delta in deltas if delta.id}) == 1
    assert json.loads("".join(delta.function.arguments for delta in deltas)) == {"city": "Oslo"}


@pytest.mark.parametrize("form", ["json_object", "json_schema"])
async def test_response_format(sdk: Sdk, form: str) -> None:
    """Answers are JSON where that was asked for, and satisfy the schema where one was given."""
    strict = sdk.models.JsonSchemaFormat(name="person", schema=PERSON, description="A person.", strict=True)
    text = "Anna is 34 years old. Give name and age as JSON."

    answer = await complete(
        sdk.chat(),
        messages=[{"role": "user", "content": text}],
        response_format=strict if form == "json_schema" else form,
    )

    said = json.loads(answer.choices[0].message.content)
    assert isinstance(said, dict)
    if form == "json_schema":
        jsonschema.validate(said, PERSON)
        assert said == {"name": "Anna", "age": 34}


@pytest.mark.parametrize("streamed", [False, True])
async def test_model_extras(sdk: Sdk, sent: Callable[[], list[Any]], *, streamed: bool) -> None:
    """`model_extras` travel with `extra-parameters: pass-through`, reach the model, and come back as what it got."""
    extras = {"safe_prompt": True, "top_k": 5}

    answer = await settled(sdk.chat().complete(messages=HELLO, model_extras=extras, stream=streamed))
    last = (await gathered(answer))[-1] if streamed else answer

    [entry] = sent()
    assert entry["headers"]["extra-parameters"] == "pass-through"
    assert extras.items() <= entry["body"].items()
    assert last["emulator"]["extra_parameters"] == extras


async def test_dropped_extras(sdk: Sdk) -> None:
    """A body of the caller's own with `extra-parameters: drop` is answered, and its extras do not reach the model."""
    body = {"messages": HELLO, "top_k": 5}

    answer = await settled(sdk.chat().complete(body, headers={"extra-parameters": "drop"}))

    assert answer.choices[0].message.content
    assert "emulator" not in answer


@pytest.mark.parametrize(("model", "where"), [("DeepSeek-R1-0528", "field"), ("DeepSeek-R1", "tags")])
async def test_reasoning(sdk: Sdk, model: str, where: str) -> None:
    """Thinking comes beside the content or in it, as the SDK's users meet it."""
    message = (await complete(sdk.chat(model=model), messages=HELLO)).choices[0].message

    assert ("reasoning_content" in message) == (where == "field")
    assert message.content.startswith("<think>") == (where == "tags")


@pytest.mark.parametrize(
    ("model", "type_", "provider"),
    [
        ("emulated-chat", "chat-completion", "emulator"),
        ("Mistral-large-2411", "chat-completion", "Mistral AI"),
        ("Cohere-embed-v3-english", "embedding", "Cohere"),
    ],
)
async def test_model_info(sdk: Sdk, model: str, type_: str, provider: str) -> None:
    """`get_model_info` gives the name, type and provider of the one model that an endpoint serves."""
    with sdk.emulator(only=model) as url:
        info = await settled(sdk.chat(url).get_model_info())

    assert (info.model_name, info.model_type, info.model_provider_name) == (model, type_, provider)


@pytest.mark.parametrize(
    ("model", "client"),
    [("emulated-chat", "ChatCompletionsClient"), ("Cohere-embed-v3-english", "EmbeddingsClient")],
)
async def test_load_client(sdk: Sdk, model: str, client: str) -> None:
    """`load_client` asks the endpoint what it serves and gives the fitting client."""
    with sdk.emulator(only=model) as url:
        loaded = await settled(sdk.clients.load_client(url, sdk.key))
        await settled(loaded.close())

    assert type(loaded).__name__ == client


async def test_no_info_at_azure_openai(sdk: Sdk) -> None:
    """Azure OpenAI's routes say nothing about the model, and the SDK reports that clearly."""
    from azure.core.exceptions import ResourceNotFoundError

    client = sdk.chat(f"{sdk.root}/openai/deployments/gpt-4o-mini")

    with pytest.raises(ResourceNotFoundError) as caught:
        await settled(client.get_model_info())

    assert "`/info` route not supported" in caught.value.message


async def test_managed_compute(sdk: Sdk) -> None:
    """A managed online endpoint answers, calls tools with its own form of arguments, and tells its model."""
    with sdk.emulator(managed_compute=True) as url:
        client = sdk.chat(url)
        answer = await complete(client, messages=OSLO, tools=[WEATHER], tool_choice="auto")
        info = await settled(client.get_model_info())

    [call] = answer.choices[0].message.tool_calls
    assert call.function["arguments"] == {"city": "Oslo"}
    assert info.model_type == "chat-completion"


async def test_strict(sdk: Sdk) -> None:
    """What the SDK sends passes where anything that the published schema does not allow is refused."""
    m = sdk.models
    with sdk.emulator(strict=True) as url:
        client = sdk.chat(url)
        answer = await complete(
            client,
            messages=[m.SystemMessage("Be brief."), m.UserMessage("What is the weather in Oslo?")],
            tools=[m.ChatCompletionsToolDefinition(function=m.FunctionDefinition(**WEATHER["function"]))],
            tool_choice="auto",
            stop=["!"],
            temperature=1,
        )

    assert answer.choices[0].finish_reason == "tool_calls"
