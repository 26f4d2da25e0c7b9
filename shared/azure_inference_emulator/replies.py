"""What the emulated model says to a request: a text, tool calls or JSON, decided by the prompt alone."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from azure_inference_emulator import answers, handoffs, json_schema, prompts, react, tool_calls
from azure_inference_emulator import text as linguistics
from azure_inference_emulator.evidence import Evidence
from azure_inference_emulator.json_schema import Filler
from azure_inference_emulator.prompts import Conversation
from azure_inference_emulator.tools import Call
from azure_inference_emulator.values import JsonObject, as_object, as_text, is_object

_STANDALONE = re.compile(r"standalone (?:question|query|message)", re.IGNORECASE)
_FOLLOW_UP = re.compile(
    r"follow[ -]?up (?:message|question|input)\s*[>:]\s*(.+?)\s*(?:\n\s*<?standalone|\Z)", re.IGNORECASE | re.DOTALL
)
_KEYS = re.compile(r"\bkeys?\b|\bfields?\b|\bpropert(?:y|ies)\b", re.IGNORECASE)
_KEY = re.compile(r"[\"'`]([A-Za-z_][\w-]*)[\"'`]")
_WRITTEN_JSON = re.compile(r"\{[^{}]*(?:\{[^{}]*(?:\{.*?\})?[^{}]*\})*[^{}]*\}", re.DOTALL)
_ANSWER_NAMES = frozenset("answer response output summary result text content explanation".split())
_LONGEST_VERBATIM = 420


@dataclass(frozen=True)
class Reply:
    """What the model says: ``text`` or ``calls``; ``reasoning`` is the reasoning before it."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    reasoning: str = ""


def reply(body: JsonObject) -> Reply:
    """The reply to a chat request that was checked before."""
    talk = prompts.conversation(body)
    calls = tool_calls.choose(talk, body, _phrase(talk))
    if calls:
        return Reply(calls=tuple(calls))
    schema = _asked_schema(talk, as_object(body.get("response_format")))
    if schema is not None:
        return Reply(text=json.dumps(_structured(talk, schema), ensure_ascii=False))
    if react.applies(talk):
        return Reply(text=react.reply(talk, _answer))
    return Reply(text=_answer(talk))


def complete(prompt: str) -> str:
    """The continuation of a plain prompt."""
    return reply({"messages": [{"role": "user", "content": prompt}]}).text


def _asked_schema(talk: Conversation, response_format: JsonObject) -> JsonObject | None:
    """The schema the answer must satisfy: that of the request, or the one an output parser wrote into the prompt."""
    kind = response_format.get("type")
    if kind == "json_schema":
        definition = as_object(response_format.get("json_schema"))
        return as_object(definition.get("schema"))
    written = json_schema.embedded(talk.question) or json_schema.embedded(talk.instructions)
    if written is not None:
        return written
    return _schema_of_keys(talk) if kind == "json_object" else None


def _schema_of_keys(talk: Conversation) -> JsonObject:
    """A schema with the keys that the prompt quotes, or with one for the answer."""
    asked = f"{talk.instructions}\n{talk.question}"
    keys = list(dict.fromkeys(_KEY.findall(asked))) if _KEYS.search(asked) else []
    keys = keys or ["answer"]
    return {"type": "object", "properties": {key: {"type": "string"} for key in keys}, "required": keys}


def _phrase(talk: Conversation) -> Callable[[str, JsonObject], str]:
    """How to word a string that the prompt offers no value for: from its context, else an honest filler."""
    prompt = prompts.dissect(talk)
    results = "\n".join(text for _, _, text in talk.results())
    material = "\n\n".join(part for part in (results, prompt.context) if part)

    def phrase(name: str, part: JsonObject) -> str:
        if name in _ANSWER_NAMES:
            return _answer(talk)
        what = as_text(part.get("description")) or name.replace("_", " ")
        found = answers.extract(" ".join([*linguistics.name_stems(name), what]), material) if material else ""
        return linguistics.flat(found, 400) or f"(emulator) {what}, for: {linguistics.flat(prompt.question, 80)}"

    return phrase


def _structured(talk: Conversation, schema: JsonObject) -> object:
    results = "\n".join(text for _, _, text in talk.results())
    text = _WRITTEN_JSON.sub(" ", json_schema.single_braces(talk.question))
    for name in as_object(schema.get("properties")):
        text = re.sub(rf"[\"'`]{re.escape(name)}[\"'`]", name, text)
    return Filler(schema, Evidence(f"{results}\n{text}".strip(), structured=True), _phrase(talk)).fill()


def _answer(talk: Conversation) -> str:
    """The answer in words: from tool results, from the context of the prompt, or an honest remark."""
    if _STANDALONE.search(talk.question) or _STANDALONE.search(talk.instructions):
        return _standalone(talk)
    results = talk.results()
    if results:
        return from_results(talk.question, results)
    prompt = prompts.dissect(talk)
    found = answers.extract(prompt.question, prompt.context) if prompt.context else ""
    if prompt.earlier_answer:
        return _better(prompt.question, prompt.earlier_answer, found)
    return found or _remark(
        talk, linguistics.flat(prompt.question), long_context=len(prompt.context) > _LONGEST_VERBATIM
    )


def _remark(talk: Conversation, asked: str, *, long_context: bool) -> str:
    """What an emulator can honestly say to a prompt that holds no answer."""
    if long_context:
        return f"(emulator) The context does not say anything about: {asked}"
    kinds = sorted({kind for message in talk for kind in message.media})
    sent = f"You sent {' and '.join(kinds)}. " if kinds else ""
    return f"(emulator) {sent}You said: {asked}" if asked else f"(emulator) {sent or 'You said nothing.'}".strip()


def _standalone(talk: Conversation) -> str:
    match = _FOLLOW_UP.search(talk.question)
    return " ".join((match[1] if match else talk.question).split())


def _better(question: str, earlier: str, found: str) -> str:
    """Refinement: the new answer when it says more to the question than the earlier one, else the earlier."""
    if not found or earlier == found or found in earlier:
        return earlier
    if earlier.startswith("(emulator)"):
        return found
    return found if answers.coverage(question, found) > answers.coverage(question, earlier) + 0.05 else earlier


def from_results(question: str, results: list[tuple[str, JsonObject, str]]) -> str:
    """An answer made of what tools returned."""
    said: list[str] = []
    for name, function, content in results:
        if handoffs.is_handoff(name):
            continue
        line = _told(_own_question(question, function), name, content.strip())
        if line not in said:
            said.append(line)
    return "\n".join(said) or f"(emulator) You said: {linguistics.flat(question)}"


def _own_question(question: str, function: JsonObject) -> str:
    """What one call was about: its question or query argument, else the user's message."""
    try:
        arguments = as_object(json.loads(as_text(function.get("arguments")) or "{}"))
    except (ValueError, RecursionError):
        return question
    asked = [
        value
        for key, value in arguments.items()
        if key in {"query", "question", "q", "input", "search"} and isinstance(value, str)
    ]
    return asked[0] if asked else question


def _told(question: str, name: str, content: str) -> str:
    tool = name or "the tool"
    if not content:
        return f"{tool} returned nothing."
    if re.match(r"(?:\w*Error|Exception|Traceback)\b", content):
        return f"{tool} failed: {linguistics.flat(content, 300)}"
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        pass
    else:
        return f"{tool} returned {_worded(value)}."
    if len(content) <= _LONGEST_VERBATIM and content.count("\n") <= 6:
        return content
    return (
        answers.extract(question, content)
        or answers.extract("summary", content)
        or linguistics.flat(content, _LONGEST_VERBATIM)
    )


def _worded(value: object) -> str:
    if is_object(value):
        pairs = as_object(value)
        if len(pairs) == 1:
            return _worded(next(iter(pairs.values())))
        return ", ".join(f"{name}: {_worded(item)}" for name, item in pairs.items())
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
