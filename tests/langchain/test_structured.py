"""Structured output: what of a schema goes out, however it is written down, and what comes of answers that fit it."""

from __future__ import annotations

import threading
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.exceptions import ModelInvalidRequestError, OutputParserException
from langchain_core.tools import StructuredTool
from pydantic import BaseModel, ValidationError, field_validator

from azure_inference import ConfigurationError
from langchain_azure_inference import ChatAzureInference

if TYPE_CHECKING:
    from types import SimpleNamespace


class Node(BaseModel):
    """A tree."""

    name: str
    left: Node | None = None


class Basket(BaseModel):
    """A basket."""

    prices: dict[str, float]


class Kind(Enum):
    """A kind of day."""

    FEAST = "feast"


class Day(BaseModel, strict=True):
    """A day."""

    day: date
    kind: Kind


def weather(city: str) -> str:
    """Tells the weather of a city."""
    return city


PERSON = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
CLOSED = {**PERSON, "additionalProperties": False}
NAMED = {"name": "Person", "description": "Who", "schema": PERSON}
STRICT = {**NAMED, "schema": CLOSED, "strict": True}
TITLED = {"title": "Person", "description": "Who", **PERSON}
DEFINED = {"title": "Person", "description": "Who", "$ref": "#/$defs/P", "$defs": {"P": PERSON}}
FORMS: dict[str, tuple[dict[str, Any], dict[str, Any], bool | None]] = {
    "named": (NAMED, PERSON, None),
    "named and strict": (STRICT, CLOSED, True),
    "the API's own": ({"type": "json_schema", "json_schema": STRICT}, CLOSED, True),
    "JSON Schema": (TITLED, PERSON, None),
    "JSON Schema by reference": (DEFINED, {"$ref": "#/$defs/P", "$defs": {"P": PERSON}}, None),
    "function": ({"name": "Person", "description": "Who", "parameters": CLOSED, "strict": True}, CLOSED, True),
    "tool": ({"type": "function", "function": {**NAMED, "parameters": PERSON}}, PERSON, None),
    "of Anthropic": ({"name": "Person", "description": "Who", "input_schema": PERSON}, PERSON, None),
}


def model_of(script: Any, **arguments: Any) -> ChatAzureInference:
    """A model over a scripted server."""
    return ChatAzureInference(endpoint=script.url, credential="canary-5ecret", model="m", **arguments)


def call(name: str, arguments: str) -> dict[str, Any]:
    """A message that calls a tool."""
    function = {"name": name, "arguments": arguments}
    return {"content": None, "tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": function}]}


@pytest.mark.parametrize(("form", "schema", "strict"), FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("way", ["json_schema", "response_format", "constructor", "function_calling"])
def test_the_schema_arrives(  # noqa: PLR0917
    script: Any, wire: SimpleNamespace, form: Any, schema: Any, strict: bool | None, way: str
) -> None:
    """However a schema is written down, it goes out whole, by its name, as strict as it says it is."""
    script.says(wire.body({"content": '{"name": "Ada"}'}))
    if way == "response_format":
        model_of(script).invoke("hi", response_format=form)
    elif way == "constructor":
        model_of(script, response_format=form).invoke("hi")
    else:
        model_of(script).with_structured_output(form, method=way).invoke("hi")

    (request,) = script.requests
    wanted = request["tools"][0]["function"] if "tools" in request else request["response_format"]["json_schema"]
    sent = wanted["parameters" if "tools" in request else "schema"]
    assert (wanted["name"], wanted["description"], wanted.get("strict")) == ("Person", "Who", strict)
    assert {key: value for key, value in sent.items() if key != "description"} == schema


@pytest.mark.parametrize("form", [NAMED, TITLED, FORMS["tool"][0]])
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_made_strict(script: Any, wire: SimpleNamespace, form: Any, method: Any) -> None:
    """`strict=True` closes a schema that says nothing of it, and leaves what was passed in as it was."""
    script.says(wire.body({"content": '{"name": "Ada"}'}))
    before = repr(form)

    model_of(script).with_structured_output(form, method=method, strict=True).invoke("hi")

    (request,) = script.requests
    wanted = request["tools"][0]["function"] if "tools" in request else request["response_format"]["json_schema"]
    assert wanted["strict"] is True
    assert wanted.get("parameters", wanted.get("schema"))["additionalProperties"] is False
    assert repr(form) == before


OPEN: Any = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}


@pytest.mark.parametrize("way", ["response_format", "constructor", "tool", "tools"])
@pytest.mark.parametrize("schema", [OPEN, {**OPEN, "additionalProperties": False}], ids=["open", "closed"])
def test_an_object_of_the_api_that_is_strict(script: Any, wire: SimpleNamespace, way: str, schema: Any) -> None:
    """An object of the API that says it is strict is made so if its schema is open, and left as it is if not."""
    script.says(wire.body({"content": '{"name": "Ada"}'}))
    form = {"type": "json_schema", "json_schema": {"name": "Person", "strict": True, "schema": schema}}
    tool: Any = {"type": "function", "function": {"name": "Person", "strict": True, "parameters": schema}}
    match way:
        case "response_format":
            model_of(script).invoke("hi", response_format=form)
        case "constructor":
            model_of(script, response_format=form).invoke("hi")
        case "tool":
            model_of(script).bind_tools([tool]).invoke("hi")
        case _:
            model_of(script).invoke("hi", tools=[tool])

    (request,) = script.requests
    wanted = request["tools"][0]["function"] if "tools" in request else request["response_format"]["json_schema"]
    sent = wanted["parameters" if "tools" in request else "schema"]
    closed = {**OPEN, "additionalProperties": False, "required": ["name", "age"]}
    assert sent == (closed if schema == OPEN else schema)
    assert wanted["strict"] is True
    assert "additionalProperties" not in OPEN


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize(
    ("form", "strict", "words"),
    [
        (STRICT, False, "Person has strict=True, and strict=False was passed"),
        (Basket, True, r"Basket\.prices has keys of any name"),
        ({"title": "Basket", **Basket.model_json_schema()}, True, r"Basket\.prices has keys of any name"),
        ({}, None, "schema"),
        ({"title": "Person"}, None, "schema"),
        ({"name": "Person", "schema": {}}, None, "schema"),
        ({"name": "Person", "scheme": PERSON}, None, "'scheme'.*holds no schema"),
        ({"type": "json_schema", "json_schema": {"name": "Person"}}, None, "Person"),
        (5, None, "5 holds no schema"),
    ],
)
def test_schemas_that_cannot_be_sent(script: Any, method: Any, form: Any, strict: bool | None, words: str) -> None:
    """What would go out as no schema at all, or as another than was meant, is refused before anything is sent."""
    with pytest.raises(ModelInvalidRequestError, match=words):
        model_of(script).with_structured_output(form, method=method, strict=strict)
    if strict is None:
        with pytest.raises(ModelInvalidRequestError, match=words):
            model_of(script).invoke("hi", response_format=form)

    assert script.requests == []


@pytest.mark.parametrize("strict", [None, True])
@pytest.mark.parametrize("way", ["json_schema", "function_calling", "tool", "function", "tool with a JSON Schema"])
def test_a_class_that_refers_to_itself(script: Any, wire: SimpleNamespace, way: str, strict: bool | None) -> None:
    """A recursive class is recursive on the wire: as a schema, as a tool, and as the argument of one."""

    def plant(tree: Node) -> str:
        """Plants a tree."""
        return tree.name

    script.says(wire.body({"content": '{"name": "root"}'}))
    model = model_of(script)
    tool = StructuredTool.from_function(plant)
    own: Any = tool.args_schema
    tools = {
        "tool": tool,
        "function": plant,
        "tool with a JSON Schema": StructuredTool.from_function(plant, args_schema=own.model_json_schema()),
    }
    if way in tools:
        model.bind_tools([tools[way]], strict=strict).invoke("hi")
    else:
        model.with_structured_output(Node, method=way, strict=strict).invoke("hi")  # type: ignore[arg-type]

    (request,) = script.requests
    wanted = request["tools"][0]["function"] if "tools" in request else request["response_format"]["json_schema"]
    schema = wanted.get("parameters") or wanted["schema"]
    assert schema["type"] == "object"
    assert schema["$defs"]["Node"]["properties"]["left"]["anyOf"][0] == {"$ref": "#/$defs/Node"}
    assert schema.get("additionalProperties") is (False if strict else None)


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_a_class_that_is_strict_with_python(script: Any, wire: SimpleNamespace, method: Any, way: str) -> None:
    """A class that takes no text for a date in Python takes it in JSON, which has nothing else."""
    text = '{"day": "2026-12-25", "kind": "feast"}'
    message = call("Day", text) if method == "function_calling" else {"content": text}
    script.says(wire.body(message) if way == "invoke" else wire.events(message))
    structured = model_of(script).with_structured_output(Day, method=method)

    answer = structured.invoke("hi") if way == "invoke" else list(structured.stream("hi"))[-1]

    assert answer == Day(day=date(2026, 12, 25), kind=Kind.FEAST)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("text", [None, "I look."])
async def test_a_tool_instead_of_an_object(script: Any, wire: SimpleNamespace, way: str, text: Any) -> None:
    """A model that has tools beside a schema may call one: there is no object then, and no error."""
    script.says(wire.body({**call("weather", '{"city": "Paris"}'), "content": text}, "tool_calls"))
    arguments: Any = {"method": "json_schema", "tools": [weather], "strict": True}
    plain = model_of(script).with_structured_output(Node, **arguments)
    raw = model_of(script).with_structured_output(Node, include_raw=True, **arguments)

    answers: Any = [await it.ainvoke("hi") if way == "ainvoke" else it.invoke("hi") for it in (plain, raw)]

    assert answers[0] is None
    assert (answers[1]["parsed"], answers[1]["parsing_error"]) == (None, None)
    assert [called["name"] for called in answers[1]["raw"].tool_calls] == ["weather"]
    assert [request["tools"][0]["function"]["strict"] for request in script.requests] == [True, True]


@pytest.mark.parametrize("arguments", ['{"day": 5}', '{"day": "2026-12-25"}', "{}", "[1, 2]", '```\n{"day": 5}\n```'])
def test_a_call_that_makes_no_object(script: Any, wire: SimpleNamespace, arguments: str) -> None:
    """Arguments of another schema raise; with `include_raw` the error is shown beside the message."""
    script.says(wire.body(call("Day", arguments)))
    model = model_of(script)

    with pytest.raises(OutputParserException, match=r"The answer is not a valid Day: .* Got: ") as raised:
        model.with_structured_output(Day, method="function_calling").invoke("hi")
    assert isinstance(raised.value.__cause__, ValidationError)
    assert raised.value.llm_output == arguments.strip("`\n")
    raw: Any = model.with_structured_output(Day, method="function_calling", include_raw=True).invoke("hi")
    assert (raw["parsed"], "Day" in str(raw["parsing_error"])) == (None, True)


def test_a_call_of_another_tool(script: Any, wire: SimpleNamespace) -> None:
    """A call of a tool that was not offered is no object, and is told."""
    script.says(wire.body(call("Night", "{}")))

    with pytest.raises(OutputParserException, match=r"'Night'.*'Day'"):
        model_of(script).with_structured_output(Day, method="function_calling").invoke("hi")


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_an_object_without_a_class(script: Any, wire: SimpleNamespace, method: Any, way: str) -> None:
    """A schema gives a dict, from among words too; what is none is told by the name of the schema."""
    structured = model_of(script).with_structured_output(TITLED, method=method)
    answers = ('Here [1]: {"name": "Ada"}.', '{"name": "A')
    for text, finish in zip(answers, ("stop", "length"), strict=True):
        message = {"content": text}
        script.says(wire.body(message, finish) if way == "invoke" else wire.events(message, finish_reason=finish))
        if finish == "stop":
            answer = structured.invoke("hi") if way == "invoke" else list(structured.stream("hi"))[-1]
            assert answer == {"name": "Ada"}
        else:
            with pytest.raises(OutputParserException, match=r"no (Person|object) in .* raise max_tokens") as raised:
                structured.invoke("hi") if way == "invoke" else list(structured.stream("hi"))
            assert raised.value.llm_output == text


@pytest.mark.parametrize("way", ["invoke", "stream"])
@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
def test_no_object_without_a_class(script: Any, wire: SimpleNamespace, method: Any, way: str) -> None:
    """JSON that is no object is none, where a schema wants one."""
    message = call("Person", "[1, 2]") if method == "function_calling" else {"content": "[1, 2]"}
    script.says(wire.body(message) if way == "invoke" else wire.events(message))
    structured = model_of(script).with_structured_output(TITLED, method=method)

    with pytest.raises(
        OutputParserException, match=r"not a valid (Person|object): \[1, 2\]. Got: JSON of a list, not an object"
    ):
        structured.invoke("hi") if way == "invoke" else list(structured.stream("hi"))


@pytest.mark.parametrize(("kind", "text", "value"), [("integer", "5", 5), ("array", "```\n[1, 2]\n```", [1, 2])])
def test_a_schema_of_another_type(script: Any, wire: SimpleNamespace, kind: str, text: str, value: Any) -> None:
    """What need not be an object is read as what it is."""
    script.says(wire.body({"content": text}))

    assert (
        model_of(script).with_structured_output({"title": "Numbers", "type": kind}, method="json_schema").invoke("hi")
        == value
    )


class Note(BaseModel):
    """A note."""

    text: str


KEYWORDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"model": "other"}, {"model": "other"}),
    ({"temperature": 0, "stop": ["END"]}, {"temperature": 0, "stop": ["END"]}),
    ({"tool_choice": "auto", "tools": [weather]}, {"tool_choice": "auto"}),
]


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
@pytest.mark.parametrize(("keywords", "sent"), KEYWORDS, ids=str)
@pytest.mark.parametrize("include_raw", [False, True])
def test_keywords(  # noqa: PLR0917 - the table has two columns
    script: Any, wire: SimpleNamespace, method: Any, keywords: Any, sent: Any, include_raw: bool
) -> None:
    """Any keyword of a call can be given, also one that is named as something of ours, or that asking sets itself."""
    script.says(wire.body({"content": '{"text": "a"}'}))

    model_of(script).with_structured_output(Note, method=method, include_raw=include_raw, **keywords).invoke("hi")

    (request,) = script.requests
    assert {name: request[name] for name in sent} == sent
    names = [tool["function"]["name"] for tool in request.get("tools", ())]
    asked = ["Note"] if method == "function_calling" else []
    assert names == asked + (["weather"] if "tools" in keywords else [])


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_another_tool_beside_the_schema(script: Any, wire: SimpleNamespace, way: str) -> None:
    """Asked by function calling with other tools, an answer that calls one of them is no object, and no error."""
    message = call("weather", '{"city": "Paris"}')
    script.says(wire.body({"content": None, **message}) if way == "invoke" else wire.events(message))
    model: Any = model_of(script).with_structured_output(Note, method="function_calling", tools=[weather])

    assert (model.invoke("hi") if way == "invoke" else list(model.stream("hi"))) in (None, [])
    script.says(wire.body(call("other", "{}")))
    with pytest.raises(OutputParserException, match="called 'other', and there are 'Note' and other tools"):
        model.invoke("hi")


@pytest.mark.parametrize("way", ["invoke", "stream"])
@pytest.mark.parametrize("arguments", ['{"text": "a"}', '```json\n{"text": "a"}\n```'])
def test_the_object_behind_another_call(script: Any, wire: SimpleNamespace, way: str, arguments: str) -> None:
    """The call that was asked for is found behind one of another tool, and half of the other is no part of it."""
    first, second = (call(*made)["tool_calls"][0] for made in (("weather", '{"text": "b"}'), ("Note", arguments)))
    both = {"content": None, "tool_calls": [first, {**second, "index": 1, "id": "c2"}]}
    script.says(wire.body(both) if way == "invoke" else wire.events(both))
    model: Any = model_of(script).with_structured_output(Note, method="function_calling", tools=[weather])

    answers = [model.invoke("hi")] if way == "invoke" else list(model.stream("hi"))
    assert answers == [Note(text="a")]


def test_json_mode_without_a_schema(script: Any, wire: SimpleNamespace) -> None:
    """JSON mode needs no schema; any other way does, and what is no way is refused."""
    script.says(wire.body({"content": '{"name": "Ada"}'}))

    assert model_of(script).with_structured_output(method="json_mode").invoke("hi") == {"name": "Ada"}
    for method in (None, "json_schema", "function_calling"):
        with pytest.raises(ModelInvalidRequestError, match="None holds no schema: pass a class"):
            model_of(script).with_structured_output(method=method)
    with pytest.raises(ModelInvalidRequestError, match="holds no schema: pass a class"):
        model_of(script).with_structured_output(Note | None, method="json_schema")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="method='json' is unknown: pass 'json_schema'"):
        model_of(script).with_structured_output(Note, method="json")  # type: ignore[arg-type]


@pytest.mark.parametrize("wanted", [Node, TITLED, "json_object", {"type": "json_object"}], ids=str)
def test_response_format_of_the_constructor(script: Any, wire: SimpleNamespace, wanted: Any) -> None:
    """The constructor takes for a `response_format` whatever a call takes."""
    script.says(wire.body({"content": "{}"}))

    model_of(script, response_format=wanted).invoke("hi")
    model_of(script).invoke("hi", response_format=wanted)

    one, other = (request["response_format"] for request in script.requests)
    assert one == other


def test_wrong_response_format_of_the_constructor(script: Any) -> None:
    """What a call would refuse, the constructor refuses."""
    with pytest.raises(ConfigurationError, match="holds no schema"):
        model_of(script, response_format={"name": "Person", "scheme": PERSON})


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize("include_raw", [False, True])
def test_what_it_gives_has_a_schema(script: Any, method: Any, include_raw: bool) -> None:
    """What asks for objects can be described as any runnable, as tools and servers do that are made of it."""
    model = model_of(script).with_structured_output(Note, method=method, include_raw=include_raw)

    assert model.get_output_jsonschema()


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
@pytest.mark.parametrize("include_raw", [False, True])
async def test_validators_do_not_block_the_event_loop(
    script: Any, wire: SimpleNamespace, way: str, include_raw: bool
) -> None:
    """In async code a class validates a whole answer in a thread, as with any parser of LangChain."""
    threads: list[threading.Thread] = []

    class Slow(BaseModel):
        """What takes its time."""

        text: str

        @field_validator("text")
        @classmethod
        def note(cls, text: str) -> str:
            threads.append(threading.current_thread())
            return text

    message = {"content": '{"text": "a"}'}
    script.says(wire.body(message) if way == "ainvoke" else wire.events(message))
    model = model_of(script).with_structured_output(Slow, method="json_schema", include_raw=include_raw)
    if way == "ainvoke":
        await model.ainvoke("hi")
    else:
        assert [piece async for piece in model.astream("hi")]

    assert threads
    assert threading.current_thread() not in threads
