"""Tools and structured output: what goes out for each way of asking, and what comes of each answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NotRequired, TypeVar

import pytest
from langchain_core.exceptions import ModelInvalidRequestError
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import TypedDict

from azure_inference import ConfigurationError
from langchain_azure_inference import ChatAzureInference

if TYPE_CHECKING:
    from types import SimpleNamespace

T = TypeVar("T")


@tool
def weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"fine in {city}"


def clock(zone: str) -> str:
    """Tells the time in a zone."""
    return zone


class City(BaseModel):
    """A city that is asked about."""

    name: str = Field(description="The name of the city")
    people: int = 0


class CityV1(BaseModelV1):
    """A city that is asked about."""

    name: str
    people: int = 0


class CityDict(TypedDict):
    """A city that is asked about."""

    name: str


SCHEMA = {
    "title": "City",
    "description": "A city that is asked about.",
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
}
SCHEMAS = {"pydantic": City, "pydantic v1": CityV1, "TypedDict": CityDict, "JSON Schema": SCHEMA}
METHODS = ("json_schema", "function_calling", "json_mode")


@pytest.fixture
def model(emulator: Any) -> ChatAzureInference:
    """A model over the emulator."""
    return ChatAzureInference(endpoint=emulator.url, credential="canary-5ecret", model="emulated-chat")


def scripted(script: Any, **arguments: Any) -> ChatAzureInference:
    """A model over a scripted server."""
    return ChatAzureInference(endpoint=script.url, credential="canary-5ecret", model="m", **arguments)


WEATHER = {"type": "function", "function": {"name": "weather"}}


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (None, None),
        ("auto", "auto"),
        ("none", "none"),
        ("any", "required"),
        ("required", "required"),
        (True, "required"),
        ("weather", WEATHER),
        ({"type": "function", "function": {"name": "weather"}}, WEATHER),
        ({"type": "tool", "name": "weather"}, WEATHER),
        ({"type": "any"}, "required"),
    ],
)
def test_tool_choice(model: ChatAzureInference, sent: Any, choice: Any, wire: Any) -> None:
    """Every way in which LangChain and other APIs word a tool choice goes out in this API's words, bound or called."""
    model.bind_tools([weather, clock], tool_choice=choice).invoke("hi")
    model.bind_tools([weather, clock]).invoke("hi", tool_choice=choice)

    assert [request["body"].get("tool_choice") for request in sent()] == [wire, wire]


@pytest.mark.parametrize("strict", [None, True])
@pytest.mark.parametrize("kind", ["web_search", "code_interpreter", "mcp"])
def test_tools_of_other_services(model: ChatAzureInference, kind: str, strict: bool | None) -> None:
    """A tool that is no function is refused when it is bound, with what to do instead."""
    with pytest.raises(ModelInvalidRequestError, match=f"'{kind}' is not part of this API.* pass a function"):
        model.bind_tools([{"type": kind}], strict=strict)
    with pytest.raises(ModelInvalidRequestError, match=f"'{kind}' is not part of this API.* pass a function"):
        model.invoke("hi", tools=[{"type": kind}])


async def test_tools_of_a_model_with_fallbacks(model: ChatAzureInference, sent: Any) -> None:
    """`bind_tools` of a model with fallbacks binds the tools to all its models."""
    nowhere = ChatAzureInference(endpoint="http://127.0.0.1:9/models", credential="canary-5ecret", max_retries=0)
    bound: Any = nowhere.with_fallbacks([model])

    bound.bind_tools([weather]).invoke("hi")
    await bound.bind_tools([weather]).ainvoke("hi")

    assert [request["body"]["tools"][0]["function"]["name"] for request in sent()] == ["weather"] * 2


def test_tools_of_every_kind(model: ChatAzureInference, sent: Any) -> None:
    """Tools, functions, classes and objects of other APIs are tools of this API; `strict` goes with them."""
    anthropic = {"name": "picker", "description": "Picks.", "input_schema": {"type": "object", "properties": {}}}

    model.bind_tools([weather, clock, City, SCHEMA, anthropic], strict=True).invoke("hi")

    tools = sent()[0]["body"]["tools"]
    assert [tool["function"]["name"] for tool in tools] == ["weather", "clock", "City", "City", "picker"]
    assert {tool["function"]["strict"] for tool in tools} == {True}


def test_parallel_calls_are_an_extra(model: ChatAzureInference, sent: Any) -> None:
    """`parallel_tool_calls` is no parameter of the API, so it goes out as an extra one, with the header for that."""
    model.bind_tools([weather], parallel_tool_calls=False).invoke("hi")

    (request,) = sent()
    assert request["body"]["parallel_tool_calls"] is False
    assert request["headers"]["extra-parameters"] == "pass-through"


def test_no_tools(model: ChatAzureInference, sent: Any) -> None:
    """An empty list of tools is not sent, nor a choice among none, since services refuse both."""
    model.bind_tools([], tool_choice="any").invoke("hi")

    assert sent()[0]["body"].keys() == {"messages", "model"}


def test_a_choice_of_nothing(model: ChatAzureInference) -> None:
    """Choosing a tool that is not there is refused at once, with the names of those that are."""
    with pytest.raises(ModelInvalidRequestError, match=r"'wether'.*weather, clock"):
        model.bind_tools([weather, clock], tool_choice="wether")


@pytest.mark.parametrize("arguments", ['{"city": "Par', '["Paris"]', "Paris", '{"city": "Paris"} and more'])
def test_broken_arguments(script: Any, wire: SimpleNamespace, arguments: str) -> None:
    """Arguments that are no complete JSON object make an invalid call with their text; they are never mended."""
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    script.says(wire.body({"content": None, "tool_calls": [call]}, "tool_calls"))

    answer = scripted(script).bind_tools([weather]).invoke("hi")

    assert answer.tool_calls == []
    assert [(call["name"], call["args"], call["id"]) for call in answer.invalid_tool_calls] == [
        ("weather", arguments, "c1")
    ]


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("method", [None, *METHODS])
@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
async def test_structured(model: ChatAzureInference, schema: Any, method: Any, way: str) -> None:
    """Each kind of schema by each method gives an object of the class, or a dict, from a service that plays along."""
    structured = model.with_structured_output(schema, method=method)
    question = 'The city\'s name is Paris. Answer in JSON with the key "name".'

    answer = structured.invoke(question) if way == "invoke" else await structured.ainvoke(question)

    if schema in (City, CityV1):
        assert isinstance(answer, schema)
        assert answer.name
    else:
        assert isinstance(answer, dict)
        assert answer["name"]


@pytest.mark.parametrize(
    ("arguments", "wire"),
    [
        (
            {"method": "json_schema", "strict": True},
            {"type": "json_schema", "json_schema": {"name": "City", "strict": True, "schema": {}}},
        ),
        ({"method": "json_schema"}, {"type": "json_schema", "json_schema": {"name": "City", "schema": {}}}),
        ({"method": "json_mode"}, {"type": "json_object"}),
        ({"method": "function_calling"}, None),
    ],
    ids=str,
)
def test_structured_on_the_wire(model: ChatAzureInference, sent: Any, arguments: Any, wire: Any) -> None:
    """Each method asks in its own way."""
    model.with_structured_output(City, **arguments).invoke('Name Paris. Answer in JSON with the key "name".')

    body = sent()[0]["body"]
    form = body.get("response_format")
    if form and "json_schema" in form:
        assert form["json_schema"].pop("description") == "A city that is asked about."
        assert form["json_schema"]["schema"]["properties"].keys() == {"name", "people"}
        form["json_schema"]["schema"] = {}
    assert form == wire
    assert (body.get("tool_choice"), len(body.get("tools", []))) == ((None, 0) if wire else ("required", 1))


DEFAULTS = [
    ({"model": "gpt-4o"}, "response_format"),
    ({"model": "Mistral-Large-2411"}, "tools"),
    ({"model": "unknown"}, "tools"),
    ({"model": "unknown", "base_model": "gpt-4o"}, "response_format"),
]


@pytest.mark.parametrize(("names", "asks"), DEFAULTS)
def test_default_method(script: Any, wire: SimpleNamespace, names: dict[str, str], asks: str) -> None:
    """Unless told otherwise, the service sees to the schema where the model is known to do that."""
    script.says(wire.body({"content": '{"name": "Paris"}'}))

    ChatAzureInference(endpoint=script.url, credential="canary-5ecret", **names).with_structured_output(City).invoke(
        "hi"
    )

    assert asks in script.requests[0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [City, CityDict])
def test_structured_stream(script: Any, wire: SimpleNamespace, method: Any, schema: Any) -> None:
    """A stream gives the object as far as it has come, and in the end whole."""
    pieces = ['{"na', 'me": "Pa', 'ris", "people', '": 2}']
    if method == "function_calling":
        calls = [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
        calls[0]["tool_calls"][0] |= {"id": "c1"}
        calls[0]["tool_calls"][0]["function"] |= {"name": schema.__name__}
        script.says(wire.events(*calls, finish_reason="tool_calls"))
    else:
        script.says(wire.events(*({"content": piece} for piece in pieces)))

    objects = list(scripted(script).with_structured_output(schema, method=method).stream("hi"))

    names = [item.name if schema is City else item.get("name") for item in objects]
    assert [name for name in names if name] == sorted(name for name in names if name)
    assert "Pa" in names
    assert objects[-1] == (City(name="Paris", people=2) if schema is City else {"name": "Paris", "people": 2})


@pytest.mark.parametrize(
    "form",
    [
        City,
        SCHEMA,
        {"type": "json_schema", "json_schema": {"name": "City", "schema": SCHEMA}},
    ],
)
def test_any_response_format(model: ChatAzureInference, sent: Any, form: Any) -> None:
    """A call takes a `response_format` as the API's object, as a schema, or as a class."""
    model.invoke([HumanMessage("The name is Paris.")], response_format=form)

    assert sent()[0]["body"]["response_format"]["json_schema"]["name"] == "City"


def test_unknown_method(model: ChatAzureInference) -> None:
    """A method that is none is refused with those there are."""
    with pytest.raises(ValueError, match="json_schema"):
        model.with_structured_output(City, method="guess")  # type: ignore[arg-type]


class Loop(TypedDict):
    """Something of itself."""

    more: list[Loop]


class Choosy(TypedDict):
    """Something that may lack something."""

    name: str
    age: NotRequired[int]


@pytest.mark.parametrize(("schema", "words"), [(Choosy, "NotRequired"), (Loop, "recursion")])
def test_what_langchain_makes_no_schema_of(script: Any, wire: SimpleNamespace, schema: Any, words: str) -> None:
    """The error of a schema says what langchain-core says of it; JSON mode, which sends none, works all the same."""
    script.says(wire.body({"content": '{"name": "Ada"}'}))

    for method in ("json_schema", "function_calling"):
        with pytest.raises(ConfigurationError, match=rf"holds no schema: pass .*langchain-core says: .*{words}"):
            scripted(script).with_structured_output(schema, method=method)
    assert scripted(script).with_structured_output(schema, method="json_mode").invoke("hi") == {"name": "Ada"}


class Boxed(BaseModel, Generic[T]):
    """A thing in a box."""

    inside: T


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize(
    ("schema", "name"),
    [(Boxed[int], "Boxed_int_"), ({**SCHEMA, "title": "A person!"}, "A_person_")],
)
def test_names_that_services_refuse(strict_url: str, schema: Any, name: str, method: Any) -> None:
    """A class or schema whose name is none of the API goes out with one that is."""
    model = ChatAzureInference(endpoint=strict_url, credential="canary-5ecret", model="emulated-chat")

    answer: Any = model.with_structured_output(schema, method=method, include_raw=True).invoke("It is 5, Ada.")

    assert answer["parsed"]
    assert [call["name"] for call in answer["raw"].tool_calls] in ([name], [])
