"""Which tools a conversation asks for, and the arguments they get: by lexical match, and never for ever."""

import ast
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from azure_inference_emulator import text as linguistics
from azure_inference_emulator.evidence import Evidence
from azure_inference_emulator.json_schema import Filler
from azure_inference_emulator.prompts import Conversation
from azure_inference_emulator.values import JsonObject, as_list, as_object, as_objects, as_text

_CLAUSE = re.compile(
    r"[?!;\n]+|(?<=\w)\.(?=\s|$)|,?\s+\b(?:and (?:then |also )?|then |also |as well as |plus )\b"
    r"|,\s+(?=(?:what|how|who|where|when|which|list|find|get|search)\b)",
    re.IGNORECASE,
)
_WORTH_A_CALL = 1.0
_RETRIEVAL = {
    "search",
    "retriev",
    "retrieve",
    "lookup",
    "knowledg",
    "knowledge",
    "rag",
    "docu",
    "document",
    "passag",
    "query",
    "queri",
    "index",
}
_QUESTION = re.compile(
    r"\?|^\s*(?:what|which|who|whom|whose|where|when|why|how|is|are|does|do|can|tell|find|look|search|explain|describe)\b",
    re.IGNORECASE,
)
_NOT_WITH = r"\b(?:without|not|don't|do not|never|instead of)\s+(?:\w+\s+){0,2}[`'\"]?"
Phrase = Callable[[str, JsonObject], str]
_HANDOFF = re.compile(r"hand[_-]?off|transfer[_-]?to|delegate", re.IGNORECASE)


@dataclass(frozen=True)
class Tool:
    """A tool a request offers."""

    name: str
    description: str = ""
    parameters: JsonObject = field(default_factory=dict[str, Any])

    @property
    def properties(self) -> JsonObject:
        """Its parameters by name."""
        return as_object(self.parameters.get("properties"))

    @property
    def required(self) -> list[str]:
        """The names of the parameters it must get."""
        return [name for name in as_list(self.parameters.get("required")) if isinstance(name, str)]


@dataclass(frozen=True)
class Call:
    """One call of a tool."""

    name: str
    arguments: JsonObject

    @property
    def key(self) -> tuple[str, str]:
        """What makes two calls the same."""
        return self.name, json.dumps(self.arguments, sort_keys=True)


def offered(body: JsonObject) -> list[Tool]:
    """The tools of a request body that was checked before."""
    functions = [as_object(tool.get("function")) for tool in as_objects(body.get("tools"))]
    return [
        Tool(as_text(f.get("name")), as_text(f.get("description")), as_object(f.get("parameters"))) for f in functions
    ]


def choose(talk: Conversation, body: JsonObject, phrase: Phrase | None = None) -> list[Call]:
    """The calls a request leads to now; none when the answer is text.

    ``phrase`` words the strings of a forced call that the prompt offers nothing for.
    """
    tools = offered(body)
    choice = body.get("tool_choice", "auto")
    if not tools or choice == "none":
        return []
    named = as_text(as_object(as_object(choice).get("function")).get("name"))
    if named:
        tools = [tool for tool in tools if tool.name == named]
    calls = _forced(talk, tools, phrase) if named or choice == "required" else pending(talk, tools)
    return calls[:1] if body.get("parallel_tool_calls") is False else calls


def is_handoff(name: str) -> bool:
    """Whether a tool of this name passes the conversation to another agent."""
    return bool(_HANDOFF.search(name))


def pending(talk: Conversation, tools: Sequence[Tool], phrase: Phrase | None = None) -> list[Call]:
    """The calls the last user message asks for and that were not made since."""
    made = [(as_text(f.get("name")), as_text(f.get("arguments"))) for f in _functions(talk)]
    wanted = plan(talk.question, [tool for tool in tools if not _HANDOFF.search(tool.name)], phrase)
    left = list(made)
    open_calls: list[Call] = []
    for call in wanted:
        done = next((item for item in left if item[0] == call.name), None)
        if done is not None:
            left.remove(done)
        else:
            open_calls.append(call)
    if open_calls:
        return open_calls
    return _handoff(talk, tools, bool(wanted))


def _functions(talk: Conversation) -> list[JsonObject]:
    return [as_object(call.get("function")) for message in talk.since for call in message.tool_calls]


def _forced(talk: Conversation, tools: Sequence[Tool], phrase: Phrase | None) -> list[Call]:
    """At least one call: what is pending, else the tool that fits best and was called least."""
    calls = pending(talk, tools, phrase)
    if calls or not tools:
        return calls
    written = [call for tool in tools for call in _written_calls(tool, talk.question)]
    if written:
        return written
    made = [as_text(function.get("name")) for function in _functions(talk)]
    scores = _scores(talk.question, tools)
    best = max(range(len(tools)), key=lambda index: (-made.count(tools[index].name), scores[index], -index))
    return _calls(tools[best], talk.question, talk.question, phrase)


def plan(question: str, tools: Sequence[Tool], phrase: Phrase | None = None) -> list[Call]:
    """Every call a message asks for: each clause its best tool, a tool once for each value named."""
    calls: list[Call] = []
    for clause, tool in _assigned(question, tools):
        calls += _calls(tool, clause, question, phrase)
    if not calls:
        best = _best(question, tools)
        calls = _calls(best, question, question, phrase) if best else []
    for tool in tools:
        if re.search(rf"(?<!\w){re.escape(tool.name)}(?!\w)", question) and all(
            call.name != tool.name for call in calls
        ):
            calls += [] if _unwanted(tool, question) else _calls(tool, question, question, phrase)
    distinct = {call.key: call for call in calls}
    return _without_repeats(list(distinct.values()), tools)


def _without_repeats(calls: list[Call], tools: Sequence[Tool]) -> list[Call]:
    """Two clauses that lead to one tool without naming different values mean one call."""
    kept: list[Call] = []
    takes_text = {tool.name for tool in tools if not _closed(tool)}
    for call in calls:
        if call.name in takes_text or all(other.name != call.name for other in kept) or call.arguments:
            kept.append(call)
    return kept


def _closed(tool: Tool) -> bool:
    return not tool.properties


def _assigned(question: str, tools: Sequence[Tool]) -> list[tuple[str, Tool]]:
    """The clauses that ask for a tool, each with it; a clause that asks for none belongs to the one before."""
    found: list[tuple[int, int, Tool]] = []
    start = 0
    for separator in [*_CLAUSE.finditer(question), None]:
        end = separator.start() if separator else len(question)
        clause = question[start:end]
        tool = _best(clause, tools) if linguistics.stems(clause) else None
        if tool is not None:
            found.append((start, end, tool))
        elif found and linguistics.stems(clause):
            found[-1] = (found[-1][0], end, found[-1][2])
        start = separator.end() if separator else end
    return [(question[first:last].strip(" ,"), tool) for first, last, tool in found]


def _unwanted(tool: Tool, text: str) -> bool:
    return bool(re.search(_NOT_WITH + re.escape(tool.name) + r"\b", text, re.IGNORECASE))


def _best(text: str, tools: Sequence[Tool]) -> Tool | None:
    """The tool that fits a clause best, if one fits well enough."""
    scores = _scores(text, tools)
    usable = [index for index in range(len(tools)) if not _unwanted(tools[index], text)]
    if not usable:
        return None
    best = max(usable, key=lambda index: (scores[index], -index))
    if scores[best] >= _WORTH_A_CALL:
        return tools[best]
    if _QUESTION.search(text) and linguistics.stems(text):
        return next((tools[index] for index in usable if _retrieves(tools[index])), None)
    return None


def _retrieves(tool: Tool) -> bool:
    """Whether a tool looks things up: any question may be for it."""
    about = set(linguistics.name_stems(tool.name)) | set(linguistics.stems(tool.description))
    texts = [name for name in tool.required if as_object(tool.properties.get(name)).get("type") == "string"]
    asks = any(
        set(linguistics.name_stems(name)) & {"query", "queri", "question", "search", "q", "input", "text"}
        or name == "q"
        for name in texts
    )
    return bool(asks and about & _RETRIEVAL)


def _scores(text: str, tools: Sequence[Tool]) -> list[float]:
    """How well each tool's name, description and parameters fit a text; words that all tools share count less."""
    said = linguistics.with_synonyms(linguistics.stems(text))
    said |= {
        linguistics.OPERATORS[sign]
        for sign in linguistics.OPERATORS
        if re.search(rf"\d\s*{re.escape(sign)}\s*\d", text)
    }
    names = [set(linguistics.name_stems(tool.name)) for tool in tools]
    about = [set(linguistics.stems(tool.description)) for tool in tools]
    takes = [{stem for name in tool.properties for stem in linguistics.name_stems(name)} for tool in tools]
    scores: list[float] = []
    for index, tool in enumerate(tools):
        score = 3.0 if re.search(rf"(?<!\w){re.escape(tool.name)}(?!\w)", text, re.IGNORECASE) else 0.0
        for word in said:
            value = max(1.6 * _has(word, names[index]), 1.0 * _has(word, about[index]), 0.5 * _has(word, takes[index]))
            sharing = sum(1 for other in range(len(tools)) if _has(word, names[other] | about[other]))
            score += value * (1.0 if sharing <= 1 else 1.0 / (1.0 + math.log(sharing)))
        scores.append(score)
    return scores


def _has(word: str, bag: set[str]) -> float:
    if word in bag:
        return 1.0
    return (
        0.7 if len(word) >= 4 and any(len(o) >= 4 and (o.startswith(word) or word.startswith(o)) for o in bag) else 0.0
    )


def _calls(tool: Tool, clause: str, question: str, phrase: Phrase | None = None) -> list[Call]:
    """The calls of one tool that a clause asks for: as written, one for each value, or one."""
    written = _written_calls(tool, clause)
    if written:
        return written
    varied = _varied(tool, clause)
    if varied:
        name, values = varied
        base = arguments(tool, clause, question, phrase)
        return [Call(tool.name, {**base, name: value}) for value in values]
    return [Call(tool.name, arguments(tool, clause, question, phrase))]


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
        if len(values) < 2 and not _retrieves(tool):
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


def arguments(tool: Tool, clause: str, question: str, phrase: Phrase | None = None) -> JsonObject:
    """Arguments that satisfy the tool's schema, from the clause and, for what it lacks, from the whole message.

    ``phrase`` words a string that neither offers; without it the string is what was asked.
    """
    if not tool.properties and not tool.required:
        return {}
    said, whole = Evidence(clause), Evidence(question)
    filled = as_object(Filler(tool.parameters, said, phrase or (lambda _name, _schema: said.question())).fill())
    if clause == question or _retrieves(tool):
        return filled
    wider = as_object(Filler(tool.parameters, whole, phrase or (lambda _name, _schema: said.question())).fill())
    unsaid = {name for name in tool.required if filled.get(name) in (said.question(), 0, 1, 0.0)}
    return {name: wider[name] if name in unsaid and name in wider else value for name, value in filled.items()}


def _handoff(talk: Conversation, tools: Sequence[Tool], answered: bool) -> list[Call]:
    """The call that hands the conversation to the agent that fits better; each agent gets it at most once."""
    visited = {as_text(f.get("arguments")) for f in _functions(talk) if _HANDOFF.search(as_text(f.get("name")))}
    names = {as_text(f.get("name")) for f in _functions(talk)}
    for tool in tools:
        if not _HANDOFF.search(tool.name):
            continue
        agents = {
            name: about for name, about in _agents(tool).items() if not any(f'"{name}"' in text for text in visited)
        }
        if not agents and (
            tool.name in names or _agents(tool) or _scores(talk.question, [tool])[0] < _WORTH_A_CALL or answered
        ):
            continue
        target = _agent_for(talk, agents)
        if agents and target is None:
            continue
        reason = linguistics.flat(talk.question)
        known = {"to_agent": target or "", "agent_name": target or "", "agent": target or "", "reason": reason}
        filled = arguments(tool, talk.question, talk.question)
        return [Call(tool.name, {name: known.get(name, value) for name, value in filled.items()})]
    return []


def _agents(tool: Tool) -> dict[str, str]:
    """Names and descriptions of the agents that a hand-off tool's description lists as a mapping."""
    match = re.search(r"\{.*\}", tool.description, re.DOTALL)
    try:
        found = as_object(ast.literal_eval(match[0])) if match else {}
    except (ValueError, SyntaxError):
        return {}
    return {str(name): str(about) for name, about in found.items()}


def _agent_for(talk: Conversation, agents: dict[str, str]) -> str | None:
    """The agent that fits what is asked, or that the instructions name as the next one."""
    if not agents:
        return None
    order = list(agents)
    told = [
        name
        for name in order
        if re.search(rf"hand(?:ing)?[ -]?(?:off|over)[^.]*\b{re.escape(name)}\b", talk.instructions, re.IGNORECASE)
    ]
    scores = _scores(talk.question, [Tool(name, about) for name, about in agents.items()])
    best = max(range(len(order)), key=lambda index: (scores[index], -index))
    if scores[best] >= _WORTH_A_CALL:
        return order[best]
    return told[0] if told else None
