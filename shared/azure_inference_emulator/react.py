"""The text format of ReAct agents: ``Thought``, ``Action``, ``Action Input``, and at the end ``Answer``."""

import json
import re
from collections.abc import Callable
from dataclasses import replace

from azure_inference_emulator import tool_calls
from azure_inference_emulator.prompts import Conversation, Message
from azure_inference_emulator.tools import Tool
from azure_inference_emulator.values import JsonObject, as_object

_FORMAT = re.compile(r"Action Input\s*:", re.IGNORECASE)
_TOOL = re.compile(
    r"^\s*>?\s*Tool Name:\s*(\S+)\s*\n\s*Tool Description:\s*(.*?)\n\s*Tool Args:\s*(\{.*\})\s*$",
    re.MULTILINE | re.DOTALL,
)
_STEP = re.compile(r"Action:\s*(\S+).*?Action Input:\s*(\{.*?\}|\S[^\n]*)\s*(?:\n|\Z)", re.DOTALL)
_OBSERVATION = re.compile(r"^\s*Observation:\s*(.*?)(?=^\s*Thought:|\Z)", re.MULTILINE | re.DOTALL)


def applies(talk: Conversation) -> bool:
    """Whether a conversation asks for the format: its instructions (or its one prompt) describe it."""
    return bool(_FORMAT.search(talk.instructions) or (len(talk.messages) == 1 and _FORMAT.search(talk.question)))


def reply(talk: Conversation, answer: Callable[[Conversation], str]) -> str:
    """The next step: an action not yet taken, or the answer from the observations."""
    plain = _as_tool_conversation(talk)
    for call in tool_calls.pending(plain, _tools(f"{talk.instructions}\n{talk.question}")):
        given = json.dumps(call.arguments, ensure_ascii=False)
        return (
            f"Thought: I need to use a tool to help me answer the question.\nAction: {call.name}\nAction Input: {given}"
        )
    # The format's own description is no material to quote from.
    told = Conversation(tuple(message for message in plain if message.role != "system"))
    return f"Thought: I can answer without using any more tools.\nAnswer: {answer(told)}"


def _tools(text: str) -> list[Tool]:
    """The tools that LlamaIndex's ReAct header lists."""
    found: list[Tool] = []
    for block in re.split(r"(?=^\s*>\s*Tool Name:)", text, flags=re.MULTILINE):
        match = _TOOL.search(block.split("\n## ")[0].rstrip())
        if match:
            found.append(Tool(match[1], match[2].strip(), _schema(match[3])))
    return found


def _schema(text: str) -> JsonObject:
    try:
        return as_object(json.JSONDecoder().raw_decode(text)[0])
    except (ValueError, RecursionError):
        return {}


def _as_tool_conversation(talk: Conversation) -> Conversation:
    """The same conversation with actions as tool calls and observations as tool messages."""
    messages: list[Message] = []
    calls = 0
    for message in talk:
        step = _STEP.search(message.text) if message.role == "assistant" else None
        seen = _OBSERVATION.match(message.text) if message.role in {"user", "tool"} else None
        if step:
            calls += 1
            function = {"name": step[1], "arguments": step[2]}
            messages.append(Message("assistant", "", ({"id": f"step-{calls}", "function": function},)))
        elif seen:
            messages.append(Message("tool", seen[1].strip(), tool_call_id=f"step-{calls}"))
        else:
            messages.append(replace(message))
    return Conversation(tuple(messages))
