"""Answers as objects of a class: how they are asked for, and what is made of what comes."""

from __future__ import annotations

import datetime as dt
import json
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.program.function_program import FunctionCallingProgram
from llama_index.core.prompts import ChatPromptTemplate, RichPromptTemplate, SelectorPromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, ConfigDict, RootModel, ValidationError, field_validator

from .conformance import Says, ScriptedServer, ask, call, user
from .conformance.base import Person, about

if TYPE_CHECKING:
    from collections.abc import Callable

    from llama_index.core.prompts import BasePromptTemplate

    from llamaindex_azure_inference import AzureInference

    LLMOf = Callable[..., AzureInference]

PREDICTED = ("structured_predict", "astructured_predict")
STREAMED = ("stream_structured_predict", "astream_structured_predict")
PREDICTIONS = (*PREDICTED, *STREAMED)
ANNA = '{"name": "Anna", "age": 31}'
WAYS: dict[str, dict[str, Any]] = {
    "schema": {},
    "tool": {"model": "mistral-large"},
    "words": {"model": "Phi-4"},
    "function mode": {"pydantic_program_mode": PydanticProgramMode.FUNCTION},
    "llm mode": {"pydantic_program_mode": PydanticProgramMode.LLM},
}
"""Models that are asked for objects in every way there is."""
REFUSALS = {
    "published": {
        "error": {
            "code": "parameter_not_supported",
            "message": "One of the parameters contain invalid values.",
            "details": [{"loc": ["body", "response_format"], "input": "json_schema"}],
        }
    },
    "managed compute": {"detail": [{"loc": ["body", "response_format", "type"], "msg": "should be 'text'"}]},
}


def says(way: str, kind: type[BaseModel], text: str) -> Says:
    """An answer as a model gives it that was asked in this way."""
    return Says(calls=[call(kind.__name__, text)]) if way in {"tool", "function mode"} else Says(text)


class Titled(BaseModel):
    """A class with a default."""

    name: str
    title: str | None = "n/a"


class Numbers(RootModel[list[int]]):
    """A class that is no object."""


class Colour(Enum):
    """A colour."""

    RED = "red"


class Exact(BaseModel):
    """A class that takes a date and a colour only from JSON."""

    model_config = ConfigDict(strict=True)
    day: dt.date
    colour: Colour


class Item(BaseModel):
    """A part of an object."""

    word: str
    number: int


class Items(BaseModel):
    """An object that holds a list."""

    items: list[Item]


class Shy(BaseModel):
    """A class whose validator breaks on half an object."""

    parts: dict[str, str]

    @field_validator("parts", mode="before")
    @classmethod
    def _has_both(cls, parts: dict[str, str]) -> dict[str, str]:
        return {"first": parts["first"], "second": parts["second"]}


ANNABELLA = Titled(name="Annabella Smith", title=None)
ANSWERS: dict[str, tuple[str, BaseModel]] = {
    "null where there is a default": (ANNABELLA.model_dump_json(), ANNABELLA),
    "a default left out": ('{"name": "Anna"}', Titled(name="Anna", title="n/a")),
    "a strict class": (
        '{"day": "2024-02-29", "colour": "red"}',
        Exact(day=dt.date(2024, 2, 29), colour=Colour.RED),
    ),
    "a validator that breaks": ('{"parts": {"first": "a", "second": "b"}}', Shy(parts={"first": "a", "second": "b"})),
    "letters of all kinds": ('{"name": "\\u00e9\\ud83d\\ude00\u00e9\U0001f600"}', Titled(name="\u00e9\U0001f600" * 2)),
}
IN_WORDS: dict[str, tuple[str, BaseModel]] = {
    "words after": ('{"name": "Anna"}\n\nIs {that} all? [1]', Titled(name="Anna")),
    "words before": ('In {braces} [1], as asked: {"name": "Anna"}', Titled(name="Anna")),
    "a fence": ('```json\n{"name": "Anna"}\n```', Titled(name="Anna")),
    "words and a fence": ('Here:\n```\n{\n  "name": "Anna"\n}\n```\nMore?', Titled(name="Anna")),
    "a list": ("[1, 2, 33]", Numbers([1, 2, 33])),
    "a list in a fence": ("```json\n[1, 2, 33]\n```", Numbers([1, 2, 33])),
}


@pytest.mark.parametrize("method", PREDICTIONS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_whole_object(script: ScriptedServer, llm_of: LLMOf, answer: str, way: str, method: str) -> None:
    """The object, of a stream the last one, is what the class makes of the answer, in whatever way it was asked for."""
    text, expected = ANSWERS[answer]
    script.will(says(way, type(expected), text))
    *_, last = ask(llm_of(**WAYS[way]), method, type(expected), about(), text="Anna")
    assert last == expected


@pytest.mark.parametrize("method", PREDICTIONS)
@pytest.mark.parametrize("way", ["schema", "words", "llm mode"])
@pytest.mark.parametrize("answer", IN_WORDS)
def test_object_in_words(script: ScriptedServer, llm_of: LLMOf, answer: str, way: str, method: str) -> None:
    """Words and fences around an object are no harm, even where a schema was asked for."""
    text, expected = IN_WORDS[answer]
    script.will(Says(text))
    *_, last = ask(llm_of(**WAYS[way]), method, type(expected), about(), text="Anna")
    assert last == expected


@pytest.mark.parametrize("method", PREDICTIONS)
@pytest.mark.parametrize("way", WAYS)
def test_other_form_than_asked(script: ScriptedServer, llm_of: LLMOf, way: str, method: str) -> None:
    """An object that comes as a tool call though none was asked for, or as text where one was, is taken."""
    other = {"tool": "words", "function mode": "words"}.get(way, "tool")
    script.will(says(other, Person, ANNA))
    assert ask(llm_of(**WAYS[way]), method, Person, about(), text="Anna")[-1] == Person(name="Anna", age=31)


@pytest.mark.parametrize("method", ["stream_chat", "astream_chat"])
@pytest.mark.parametrize("way", WAYS)
def test_structured_llm(script: ScriptedServer, llm_of: LLMOf, way: str, method: str) -> None:
    """The stream of a structured LLM ends with the object too; the messages that were asked stay as they were."""
    script.will(says(way, Titled, ANNABELLA.model_dump_json()))
    question = user("Who is it?")
    # LlamaIndex writes the message with what pydantic has given up.
    with pytest.warns(DeprecationWarning, match="json"):
        *_, last = ask(llm_of(**WAYS[way]).as_structured_llm(Titled), method, question)
    assert last.raw == ANNABELLA
    assert question == user("Who is it?")


@pytest.mark.parametrize("method", STREAMED)
@pytest.mark.parametrize("way", WAYS)
def test_growing_list(script: ScriptedServer, llm_of: LLMOf, way: str, method: str) -> None:
    """The items of a list come one after another, and none of the objects before the last is there twice."""
    whole = Items(items=[Item(word=f"word {number}", number=number) for number in range(4)])
    script.will(says(way, Items, json.dumps(whole.model_dump())))
    *before, last = ask(llm_of(**WAYS[way]), method, Items, about(), text="Anna")

    assert last == whole
    assert [len(one.items) for one in before if type(one) is Items] == sorted(
        len(one.items) for one in before if type(one) is Items
    )
    assert {len(one.items or ()) for one in before} >= {1, 2, 3, 4}
    assert [one for place, one in enumerate(before) if one in before[:place]] == []


@pytest.mark.parametrize("method", ["stream_call", "astream_call"])
def test_growing_in_programs_of_llamaindex(script: ScriptedServer, llm: AzureInference, method: str) -> None:
    """LlamaIndex's own program of function calls shows an object as it grows."""
    script.will(Says(calls=[call("Person", {"name": "Annabella Smith", "age": 3112})]))
    program = FunctionCallingProgram.from_defaults(output_cls=Person, llm=llm, prompt=about())
    seen = [(one.name, one.age) for one in ask(program, method, text="Anna")]

    assert len({name for name, _ in seen}) > 2
    assert {age for _, age in seen} == {None, 3112}
    assert seen[-1] == ("Annabella Smith", 3112)


CAUSES = {
    "refusal": (Says(deltas=[{"refusal": "I will"}, {"refusal": " not."}]), r"no Person.*refused: I will not\."),
    "length": (Says(ANNA[:20], finish="length"), r"Person.*max_tokens"),
    "filter": (
        Says(
            ANNA[:20],
            finish="content_filter",
            choice={"content_filter_results": {"hate": {"filtered": True}, "violence": {"filtered": False}}},
        ),
        r"Person.*content filter.*\(hate\)",
    ),
    "nothing": (Says(""), r"no Person.*no complete JSON"),
    "no": (Says("I would rather not. " * 9), r"no Person.*no complete JSON: 'I would rather.*\.\.\.'"),
    "half": (Says(ANNA[:20]), r"no Person.*no complete JSON"),
    "half a list": (Says(f"[{ANNA}, {ANNA[:20]}"), r"no Person.*no complete JSON"),
}


@pytest.mark.parametrize("method", PREDICTIONS)
@pytest.mark.parametrize("cause", CAUSES)
def test_no_object(script: ScriptedServer, llm: AzureInference, cause: str, method: str) -> None:
    """An answer that holds no object is an error that says why, as far as the answer does."""
    reply, message = CAUSES[cause]
    if cause == "refusal" and method in PREDICTED:
        reply = Says(choice={"message": {"role": "assistant", "content": None, "refusal": "I will not."}})
    script.will(reply)
    with pytest.raises(ValueError, match=message):
        ask(llm, method, Person, about(), text="Anna")


@pytest.mark.parametrize("method", PREDICTIONS)
@pytest.mark.parametrize("text", [f"[{ANNA}]", '{"items": []}', '"Anna"', "{}"])
def test_wrong_object(script: ScriptedServer, llm: AzureInference, text: str, method: str) -> None:
    """JSON that is not what the class wants is pydantic's error, and is searched for nothing else."""
    script.will(Says(text))
    with pytest.raises(ValidationError, match="Person"):
        ask(llm, method, Person, about(), text="Anna")


@pytest.mark.parametrize("method", PREDICTIONS)
def test_one_invalid_schema(script: ScriptedServer, llm_of: LLMOf, method: str) -> None:
    """A schema that is refused for itself is not sent again; those of other classes still are."""
    llm = llm_of()
    refusal = {"message": "Invalid schema for response_format 'Person': 'oneOf' is not permitted.", "type": "x"}
    script.will(Says(status=400, body={"error": {**refusal, "param": "response_format"}}), Says(ANNA))
    for kind in (Person, Person, Titled):
        assert ask(llm, method, kind, about(), text="Anna")[-1].name == "Anna"
    assert ["response_format" in body for body in script.bodies] == [True, False, False, True]


@pytest.mark.parametrize("method", PREDICTIONS)
def test_programs_of_others(llm_of: LLMOf, method: str) -> None:
    """A program that only another package of LlamaIndex has is LlamaIndex' business."""
    llm = llm_of(pydantic_program_mode=PydanticProgramMode.LM_FORMAT_ENFORCER)
    with pytest.raises(ImportError, match="llama-index-program-lmformatenforcer"):
        ask(llm, method, Person, about(), text="Anna")


@pytest.mark.parametrize("method", PREDICTIONS)
def test_by_schema(script: ScriptedServer, llm: AzureInference, method: str) -> None:
    """A model that takes a JSON Schema is asked by it."""
    script.will(Says(ANNA))
    assert ask(llm, method, Person, about(), text="Anna")[-1] == Person(name="Anna", age=31)
    (body,) = script.bodies
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["name", "age"]
    assert body["response_format"]["json_schema"]["name"] == "Person"
    assert "tools" not in body


@pytest.mark.parametrize("method", PREDICTIONS)
def test_by_function(script: ScriptedServer, llm_of: LLMOf, method: str) -> None:
    """A model that takes none is asked by a function that it must call."""
    script.will(Says(calls=[call("Person", ANNA)]))
    objects = ask(llm_of(model="mistral-large"), method, Person, about(), text="Anna")
    assert objects[-1] == Person(name="Anna", age=31)
    (body,) = script.bodies
    assert body["tool_choice"] == "required"
    assert "response_format" not in body
    if "stream" in method:
        assert any(one.name == "Anna" and one.age is None for one in objects)


@pytest.mark.parametrize("method", PREDICTIONS)
@pytest.mark.parametrize("refusal", REFUSALS)
def test_refused_schema(script: ScriptedServer, llm_of: LLMOf, method: str, refusal: str) -> None:
    """A model that refuses the schema is asked by a function, and from then on at once."""
    llm = llm_of(model="my-deployment")
    script.will(Says(status=422, body=REFUSALS[refusal]), Says(calls=[call("Person", ANNA)]))
    assert ask(llm, method, Person, about(), text="Anna")[-1] == Person(name="Anna", age=31)
    assert ask(llm, method, Person, about(), text="Anna")[-1] == Person(name="Anna", age=31)
    assert ["response_format" in body for body in script.bodies] == [True, False, False]


@pytest.mark.parametrize("method", PREDICTIONS)
def test_other_refusals(script: ScriptedServer, llm: AzureInference, method: str) -> None:
    """A request that is refused for another reason is not sent again in another form."""
    script.will(Says(status=400, body={"error": {"code": "bad", "message": "temperature is too high"}}))
    with pytest.raises(Exception, match="temperature is too high"):
        ask(llm, method, Person, about(), text="Anna")
    assert len(script.bodies) == 1


@pytest.mark.parametrize("method", PREDICTIONS[2:])
def test_nothing(script: ScriptedServer, llm: AzureInference, method: str) -> None:
    """A stream that holds no object is an error."""
    script.will(Says(""))
    with pytest.raises(ValueError, match="Person"):
        ask(llm, method, Person, about(), text="Anna")


@pytest.mark.parametrize("method", PREDICTIONS)
@pytest.mark.parametrize("way", ["schema", "tool"])
@pytest.mark.parametrize("told", [(None, None, None), (True, None, True), (True, False, False)])
def test_strict(
    script: ScriptedServer, llm_of: LLMOf, told: tuple[bool | None, bool | None, bool | None], way: str, method: str
) -> None:
    """The model or the call says whether the answer must keep to the schema exactly; by default neither does."""
    own, of_call, strict = told
    script.will(says(way, Titled, ANNABELLA.model_dump_json()))
    llm_kwargs = {} if of_call is None else {"strict": of_call}
    ask(llm_of(**WAYS[way], strict=own), method, Titled, about(), llm_kwargs=llm_kwargs, text="Anna")
    (body,) = script.bodies
    told = body["response_format"]["json_schema"] if way == "schema" else body["tools"][0]["function"]
    assert told.get("strict") is strict
    assert told["schema" if way == "schema" else "parameters"]["required"] == (
        ["name", "title"] if strict else ["name"]
    )
    assert told["description"] == "A class with a default."


@pytest.mark.parametrize("method", PREDICTIONS)
def test_what_is_no_object(script: ScriptedServer, llm_of: LLMOf, method: str) -> None:
    """A class that is no object is not asked for by a function, whose arguments are one, but in words."""
    script.will(Says("[1, 2]"))
    assert ask(llm_of(**WAYS["tool"]), method, Numbers, about(), text="Anna")[-1] == Numbers([1, 2])
    assert "tools" not in script.bodies[-1]


def test_modes(script: ScriptedServer, llm_of: LLMOf) -> None:
    """LlamaIndex's own modes are honoured: functions where they are asked for, a prompt where that is."""
    script.will(Says(calls=[call("Person", ANNA)]))
    by_function = llm_of(pydantic_program_mode=PydanticProgramMode.FUNCTION)
    assert by_function.structured_predict(Person, about(), text="Anna").age == 31
    assert script.bodies[-1]["tools"]

    script.will(Says(ANNA))
    by_prompt = llm_of(pydantic_program_mode=PydanticProgramMode.LLM)
    assert by_prompt.structured_predict(Person, about(), text="Anna").age == 31
    assert not script.bodies[-1].keys() & {"tools", "response_format"}


WHO = ChatPromptTemplate([ChatMessage(role="system", content="Be exact."), ChatMessage(content="Who is it? {text}")])
PROMPTS: dict[str, Callable[[], BasePromptTemplate]] = {
    "text": about,
    "messages": lambda: WHO,
    "messages of fixed text": lambda: ChatPromptTemplate([ChatMessage(content="Who is Anna?")]),
    "a choice": lambda: SelectorPromptTemplate(about(), [(lambda llm: llm.metadata.is_chat_model, WHO)]),
    "blocks": lambda: RichPromptTemplate("{% chat role='user' %}Who is it? {{ text }}{% endchat %}"),
}


@pytest.mark.parametrize("method", PREDICTIONS)
@pytest.mark.parametrize("kind", PROMPTS)
def test_model_that_can_neither(script: ScriptedServer, llm_of: LLMOf, kind: str, method: str) -> None:
    """A model that takes no schema and calls no functions is asked in words, which hold the schema as it is.

    The caller's prompt is as before, which may be one that all of LlamaIndex uses.
    """
    script.will(Says(ANNA))
    prompt, llm = PROMPTS[kind](), llm_of(model="Phi-4")
    before = prompt.format_messages(llm=llm, text="Anna")
    *_, last = ask(llm, method, Person, prompt, text="Anna")
    assert last.age == 31
    assert not script.bodies[-1].keys() & {"tools", "response_format"}
    assert script.bodies[-1]["messages"][0]["content"].count(json.dumps(Person.model_json_schema())) == 1
    assert prompt.format_messages(llm=llm, text="Anna") == before


def test_system_prompt_and_arguments(script: ScriptedServer, llm_of: LLMOf) -> None:
    """The system prompt and the arguments of the call go along."""
    script.will(Says(ANNA))
    given = {"temperature": 0}
    llm_of(system_prompt="Be exact.").structured_predict(Person, about(), llm_kwargs=given, text="Anna")
    assert script.bodies[-1]["messages"][0] == {"role": "system", "content": "Be exact."}
    assert script.bodies[-1]["temperature"] == 0
    assert given == {"temperature": 0}


@pytest.mark.parametrize("method", PREDICTIONS)
def test_no_prompt(llm_of: LLMOf, method: str) -> None:
    """A prompt that is missing is told by the name of the method."""
    with pytest.raises(TypeError, match=rf"^(AzureInference|LLM)\.{method}\(\) missing 1 required .*'prompt'"):
        ask(llm_of(), method, Person)
