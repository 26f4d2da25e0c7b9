"""Which tools a conversation asks for, and the arguments they get: by lexical match, and never for ever."""

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from azure_inference_emulator import handoffs
from azure_inference_emulator import text as linguistics
from azure_inference_emulator import tools as toolbox
from azure_inference_emulator.evidence import Evidence
from azure_inference_emulator.json_schema import Filler
from azure_inference_emulator.prompts import Conversation, dissect_text
from azure_inference_emulator.tools import Call, Tool
from azure_inference_emulator.values import JsonObject, as_object, as_text

_CLAUSE = re.compile(
    r"[?!;\n]+|(?<=\w)\.(?=\s|$)|,?\s+\b(?:and (?:then |also )?|then |also |as well as |plus )\b"
    r"|,\s+(?=(?:what|how|who|where|when|which|list|find|get|search)\b)",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"\?|^\s*(?:what|which|who|whom|whose|where|when|why|how|is|are|does|do|can|tell|find|look|search|explain|describe)\b",
    re.IGNORECASE,
)
_NOT_WITH = r"\b(?:without|not|don't|do not|never|instead of)\s+(?:\w+\s+){0,2}[`'\"]?"
_FOLLOW_UP = re.compile(r"^\s*(?:and|what about|how about|now|the same for)\b", re.IGNORECASE)

_MOST_CLAUSES = 31
_LONG = 800

Phrase = Callable[[str, JsonObject], str]


@dataclass(frozen=True)
class Ask:
    """What a message asks: its text, what tools said since, and how to word a string that it offers nothing for."""

    question: str
    material: str = ""
    phrase: Phrase | None = None


def choose(talk: Conversation, body: JsonObject, phrase: Phrase | None = None) -> list[Call]:
    """The calls a request leads to now; none when the answer is text.

    ``phrase`` words the strings of a forced call that the prompt offers nothing for.
    """
    tools = toolbox.offered(body)
    choice = body.get("tool_choice", "auto")
    if not tools or choice == "none":
        return []
    named = as_text(as_object(as_object(choice).get("function")).get("name"))
    if named:
        tools = [tool for tool in tools if tool.name == named]
    calls = _forced(talk, tools, phrase) if named or choice == "required" else pending(talk, tools)
    return calls[:1] if body.get("parallel_tool_calls") is False else calls


def pending(talk: Conversation, tools: Sequence[Tool], phrase: Phrase | None = None) -> list[Call]:
    """The calls the last user message asks for and that were not made since; a failed call is not made again."""
    # A long message is mostly material; what it asks is in the question that stands with it.
    question = dissect_text(talk.question).question if len(talk.question) > _LONG else talk.question
    ask = Ask(question, "\n".join(text for name, _, text in talk.results() if not handoffs.is_handoff(name)), phrase)
    wanted = plan(ask, [tool for tool in tools if not handoffs.is_handoff(tool.name)]) or _follow_up(talk, ask, tools)
    made = _made(talk)
    open_calls: list[Call] = []
    for call in wanted:
        if call.name in made:
            made.remove(call.name)
        else:
            open_calls.append(call)
    if open_calls:
        return open_calls
    due = handoffs.next_agent(talk, tools, answered=bool(wanted))
    if due is None:
        return []
    tool, decided = due
    given = {**arguments(tool, ask.question, ask), "reason": linguistics.flat(ask.question), **decided}
    return [Call(tool.name, {name: given[name] for name in tool.properties if name in given})]


def _made(talk: Conversation) -> list[str]:
    """The names of the tools called since the last user message."""
    return [as_text(as_object(call.get("function")).get("name")) for m in talk.since for call in m.tool_calls]


def _follow_up(talk: Conversation, ask: Ask, tools: Sequence[Tool]) -> list[Call]:
    """``And in London?`` asks the tool of the turn before."""
    if not _FOLLOW_UP.search(ask.question) or len(ask.question) > 60:
        return []
    before = [call for message in talk.messages[: talk.last_user] for call in message.tool_calls]
    name = as_text(as_object(before[-1].get("function")).get("name")) if before else ""
    tool = next((tool for tool in tools if tool.name == name), None)
    return _calls(tool, ask.question, ask) if tool else []


def _forced(talk: Conversation, tools: Sequence[Tool], phrase: Phrase | None) -> list[Call]:
    """At least one call: what is pending, else the tool that fits best and was called least."""
    calls = pending(talk, tools, phrase)
    if calls or not tools:
        return calls
    made = _made(talk)
    fits = toolbox.scores(toolbox.words_of(talk.question), tools)
    best = max(range(len(tools)), key=lambda index: (-made.count(tools[index].name), fits[index], -index))
    return _calls(tools[best], talk.question, Ask(talk.question, phrase=phrase))


def plan(ask: Ask, tools: Sequence[Tool]) -> list[Call]:
    """Every call a message asks for: each clause its best tool, a tool once for each value named."""
    tools = [tool for tool in tools if not _unwanted(tool, ask.question)]
    assigned = _assigned(ask.question, tools)
    best = None if assigned else _best(ask.question, tools)
    if best is not None:
        assigned = [(ask.question, best)]
    chosen = {tool.name for _, tool in assigned}
    assigned += [(ask.question, tool) for tool in tools if tool.name not in chosen and tool.named_in(ask.question)]
    calls = [call for clause, tool in assigned for call in _calls(tool, clause, ask)]
    return list({call.key: call for call in calls}.values())


def _assigned(question: str, tools: Sequence[Tool]) -> list[tuple[str, Tool]]:
    """The clauses that ask for a tool, each with it; a clause that asks for none belongs to the one before."""
    found: list[tuple[int, int, Tool]] = []
    start = 0
    for separator in [*islice(_CLAUSE.finditer(question), _MOST_CLAUSES), None]:
        end = separator.start() if separator else len(question)
        end += 1 if separator and separator[0].startswith("?") else 0
        clause = question[start:end]
        tool = _best(clause, tools) if linguistics.stems(clause) else None
        if tool is not None:
            found.append((start, end, tool))
        elif found and linguistics.stems(clause):
            found[-1] = (found[-1][0], end, found[-1][2])
        start = separator.end() if separator else end
    return [(question[first:last].strip(" ,"), tool) for first, last, tool in found]


def _unwanted(tool: Tool, text: str) -> bool:
    """Whether a message says that a tool is not to be used."""
    return bool(re.search(_NOT_WITH + re.escape(tool.name) + r"\b", text, re.IGNORECASE))


def _best(text: str, tools: Sequence[Tool]) -> Tool | None:
    """The tool that fits a clause best, if one fits well enough."""
    if not tools:
        return None
    fits = toolbox.scores(toolbox.words_of(text), tools)
    fits = [score + 3.0 * tool.named_in(text) for score, tool in zip(fits, tools, strict=True)]
    best = max(range(len(tools)), key=lambda index: (fits[index], -index))
    if fits[best] >= toolbox.WORTH_A_CALL:
        return tools[best]
    if _QUESTION.search(text) and linguistics.stems(text):
        return next((tool for tool in tools if tool.retrieves), None)
    return None


def _calls(tool: Tool, clause: str, ask: Ask) -> list[Call]:
    """The calls of one tool that a clause asks for: as written, one for each value, or one."""
    written = _written_calls(tool, clause)
    if written:
        return written
    given = arguments(tool, clause, ask)
    varied = _varied(tool, clause)
    if varied:
        name, values = varied
        return [Call(tool.name, {**given, name: value}) for value in values]
    return [Call(tool.name, given)]


def _varied(tool: Tool, clause: str) -> tuple[str, list[Any]] | None:
    """The one parameter that the clause names several values for, and these."""
    if len(tool.required) != 1:
        return None
    name = tool.required[0]
    kind = as_object(tool.properties.get(name)).get("type")
    said = Evidence(clause)
    if kind in {"integer", "number"}:
        numbers = [float(text) for text in said.numbers()]
        values: list[Any] = [int(value) if value.is_integer() else value for value in numbers]
    elif kind == "string":
        values = list(dict.fromkeys(said.quoted()))
        if len(values) < 2 and not tool.retrieves:
            values = list(said.places())
    else:
        return None
    return (name, values) if len(values) >= 2 else None


def _written_calls(tool: Tool, text: str) -> list[Call]:
    """Calls written out in the text, as ``name(3)`` or ``name(a=1, b="x")``."""
    calls: list[Call] = []
    for match in re.finditer(rf"(?<!\w){re.escape(tool.name)}\(([^()]*)\)", text):
        try:
            node = ast.parse(match[0], mode="eval").body
        except (SyntaxError, ValueError):
            continue
        given = _literal_arguments(node, tool)
        if given is not None and set(tool.required) <= set(given):
            calls.append(Call(tool.name, given))
    return list({call.key: call for call in calls}.values())


def _literal_arguments(node: ast.expr, tool: Tool) -> JsonObject | None:
    if not isinstance(node, ast.Call) or len(node.args) > len(tool.properties):
        return None
    pairs = [*zip(tool.properties, node.args, strict=False), *((word.arg, word.value) for word in node.keywords)]
    try:
        return {name: ast.literal_eval(value) for name, value in pairs if name is not None}
    except (ValueError, TypeError):
        return None


def arguments(tool: Tool, clause: str, ask: Ask) -> JsonObject:
    """Arguments that satisfy the tool's schema, from the clause and, for what it lacks, from the whole message."""
    if not tool.properties and not tool.required:
        return {}
    said = Evidence(clause, material=ask.material)

    def filled(evidence: Evidence) -> JsonObject:
        return as_object(Filler(tool.parameters, evidence, ask.phrase or asked).fill())

    def asked(_name: str, _schema: JsonObject) -> str:
        return said.question()

    given = filled(said)
    if clause == ask.question or tool.retrieves:
        return given
    wider = filled(replace(said, text=ask.question, used=set[str]()))
    unsaid = {name for name in tool.required if given.get(name) in (said.question(), 0, 1, 0.0)}
    return {name: wider[name] if name in unsaid and name in wider else value for name, value in given.items()}
