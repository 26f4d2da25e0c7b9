"""A request's messages as a conversation, and a prompt taken apart into question, context and earlier answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from azure_inference_emulator.values import JsonObject, as_list, as_object, as_objects, as_text

_QUESTION_LABEL = re.compile(
    r"^[ \t>*#]*(?:user(?:'s)? |input |human |the |follow[- ]?up |current )?"
    r"(?:query|question|request|instruction|message|input)"
    r"(?:\s+is(?: as follows)?)?\**\s*:[ \t*]*",
    re.IGNORECASE | re.MULTILINE,
)
_QUERY_SENTENCE = re.compile(r"original query is as follows\s*:\s*(.+?)\s*\n", re.IGNORECASE)
_ANSWER_LABEL = re.compile(
    r"^[ \t>*#]*(?:\w+ )?(?:answer|response|output|summary|assistant|ai|thought|standalone question)\**\s*:[ \t*\"]*",
    re.IGNORECASE | re.MULTILINE,
)
_CONTEXT_LABEL = re.compile(
    r"^[ \t>*#]*(?:(?:new|the|retrieved|given|relevant|following) )*(?:context|documents?|passages?|sources?|excerpts?|"
    r"background|information|content|text|notes|article)\**\s*:[ \t*]*",
    re.IGNORECASE | re.MULTILINE,
)
_EARLIER_ANSWER = re.compile(
    r"(?:original|existing|previous) answer\s*:\s*(.*?)\s*"
    r"(?:\n\s*(?:new answer|we have the opportunity|refined answer|query)\b|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_FENCED = re.compile(r"^[ \t]*-{4,}[^\n-]*(?:-{4,})?[ \t]*$", re.MULTILINE)
_TAGGED = re.compile(
    r"<(context|documents?|sources?|passages?|information|text|article|retrieved_context)\b[^>]*>(.*?)</\1>",
    re.IGNORECASE | re.DOTALL,
)
_SPEAKS_OF_CONTEXT = re.compile(r"\b(?:context|documents?|passages?|sources?|excerpts?)\b", re.IGNORECASE)
_SHORTEST_CONTEXT = 40


@dataclass(frozen=True)
class Message:
    """One message with its text parts joined; ``media`` counts its other parts by type."""

    role: str
    text: str
    tool_calls: tuple[JsonObject, ...] = ()
    tool_call_id: str = ""
    media: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conversation:
    """The messages of one request."""

    messages: tuple[Message, ...]

    @property
    def last_user(self) -> int:
        """Position of the message that the answer is for: the last of a user, else the last one."""
        for index in range(len(self.messages) - 1, -1, -1):
            if self.messages[index].role == "user":
                return index
        return len(self.messages) - 1

    @property
    def question(self) -> str:
        """Text of the last user message."""
        return self.messages[self.last_user].text

    @property
    def since(self) -> tuple[Message, ...]:
        """What happened after the last user message: tool calls and their results."""
        return self.messages[self.last_user + 1 :]

    @property
    def instructions(self) -> str:
        """Text of the system and developer messages."""
        return "\n\n".join(message.text for message in self.messages if message.role in {"system", "developer"})

    def results(self) -> list[tuple[str, JsonObject, str]]:
        """Name, arguments and result of each tool that answered after the last user message."""
        calls = {as_text(call.get("id")): as_object(call.get("function")) for m in self.since for call in m.tool_calls}
        found: list[tuple[str, JsonObject, str]] = []
        for message in self.since:
            if message.role == "tool":
                function = calls.get(message.tool_call_id, {})
                found.append((as_text(function.get("name")), function, message.text))
        return found

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)


@dataclass(frozen=True)
class Prompt:
    """A prompt taken apart; ``context`` is empty when there is nothing to quote from."""

    question: str
    context: str = ""
    earlier_answer: str = ""


def conversation(body: JsonObject) -> Conversation:
    """The conversation of a request body that was checked before."""
    return Conversation(tuple(_message(as_object(item)) for item in as_list(body.get("messages"))))


def _message(item: JsonObject) -> Message:
    content = item.get("content")
    parts = as_objects(content)
    texts = [as_text(part.get("text")) for part in parts if part.get("type") == "text"]
    return Message(
        role=as_text(item.get("role")),
        text=as_text(content) or "\n".join(texts),
        tool_calls=tuple(as_objects(item.get("tool_calls"))),
        tool_call_id=as_text(item.get("tool_call_id")),
        media=tuple(as_text(part.get("type")) for part in parts if part.get("type") != "text"),
    )


def dissect(talk: Conversation) -> Prompt:
    """Question and context of a conversation's last user message, the context also from the instructions."""
    prompt = dissect_text(talk.question)
    if prompt.context:
        return prompt
    context = _context_of_instructions(talk.instructions)
    if not context:
        earlier = [message.text for message in talk.messages[: talk.last_user] if message.role == "user"]
        context = "\n\n".join(text for text in earlier if not text.rstrip().endswith("?"))
    return Prompt(prompt.question, context, prompt.earlier_answer)


def dissect_text(text: str) -> Prompt:
    """Question, context and earlier answer of one prompt text."""
    earlier = _EARLIER_ANSWER.search(text)
    earlier_answer = earlier[1].strip() if earlier else ""
    asked = _QUERY_SENTENCE.search(text)
    if asked:
        rest = text[: asked.start()] + "\n" + text[asked.end() :]
        return Prompt(asked[1].strip(), _context_of(rest), earlier_answer)
    label = _question_label(text)
    if label is None:
        return _unlabelled(text)
    question, end = _until_next_label(text, label.end())
    rest = text[: label.start()] + "\n" + text[end:]
    return Prompt(question or text.strip(), _context_of(rest), earlier_answer)


def _question_label(text: str) -> re.Match[str] | None:
    """The label of the question: before the context if a context label follows it, else the last one."""
    labels = list(_QUESTION_LABEL.finditer(text))
    if not labels:
        return None
    context = _CONTEXT_LABEL.search(text) or _TAGGED.search(text) or _FENCED.search(text)
    if context and labels[0].start() < context.start():
        return labels[0]
    return labels[-1]


def _until_next_label(text: str, start: int) -> tuple[str, int]:
    ends = [len(text)]
    for pattern in (_ANSWER_LABEL, _CONTEXT_LABEL, _FENCED, _TAGGED):
        found = pattern.search(text, start)
        if found:
            ends.append(found.start())
    blank = re.compile(r"\n[ \t]*\n").search(text, start)
    if blank and text[start : blank.start()].strip():
        ends.append(blank.start())
    end = min(ends)
    return text[start:end].strip(), end


def _context_of(text: str) -> str:
    """The part of a prompt that it gives as material, without the instructions around it."""
    tagged = [match[2].strip() for match in _TAGGED.finditer(text)]
    if tagged:
        return "\n\n".join(tagged)
    fences = list(_FENCED.finditer(text))
    if len(fences) >= 2:
        return text[fences[0].end() : fences[-1].start()].strip()
    label = _CONTEXT_LABEL.search(text)
    material = text[label.end() :] if label else text
    cut = [match for match in _ANSWER_LABEL.finditer(material) if not material[match.end() :].strip()]
    material = material[: cut[0].start()] if cut else material
    return material.strip() if label or len(material.strip()) >= _SHORTEST_CONTEXT else ""


def _context_of_instructions(text: str) -> str:
    """The material in a system message: marked as such, or what follows the paragraph that speaks of it."""
    if _TAGGED.search(text) or len(_FENCED.findall(text)) >= 2 or _CONTEXT_LABEL.search(text):
        return _context_of(text)
    told = _SPEAKS_OF_CONTEXT.search(text)
    blank = re.compile(r"\n[ \t]*\n").search(text, told.end()) if told else None
    return text[blank.end() :].strip() if blank else ""


def _unlabelled(text: str) -> Prompt:
    """A prompt without a label: its first or last line asks and the rest is the material, or it is all question."""
    tagged = list(_TAGGED.finditer(text))
    if tagged:
        question = _TAGGED.sub("\n", text).strip()
        return Prompt(question, "\n\n".join(match[2].strip() for match in tagged))
    stripped = text.strip()
    first, _, rest = stripped.partition("\n")
    if rest and first.rstrip().endswith("?") and len(rest) > _SHORTEST_CONTEXT:
        return Prompt(first.strip(), _context_of(rest))
    before, _, last = stripped.rpartition("\n")
    if before and last.rstrip().endswith("?"):
        return Prompt(last.strip(), _context_of(before))
    lead, colon, material = stripped.partition(":")
    if colon and len(lead) < 200 and len(material.strip()) > 4 * _SHORTEST_CONTEXT:
        return Prompt(lead.strip(), material.strip())
    return Prompt(stripped)
