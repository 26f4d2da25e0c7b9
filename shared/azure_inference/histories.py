"""What frameworks keep of calls of tools and their results, in the form that the API has of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import ConfigurationError

_ELSEWHERE = "(see the next message of the user)"


def to_history(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages of a request, with an id for each call of a tool, and text alone as the results of tools.

    A call without an id, as models of Ollama and Gemini make it, is given one, and so is its result: of the results
    that name no call, the first that has the name of the tool for its id, else the first. Anything but text in a result
    follows after all results of the turn, in a user message that says which result it belongs to. The given messages
    are not changed.

    Raises:
        ConfigurationError: A result names no call, and there is none without an id that it may be of.
    """
    return _without_media(messages if all(map(_has_ids, messages)) else _paired(messages))


def _has_ids(message: Mapping[str, Any]) -> bool:
    """Whether each call of a message has an id, and so has its result."""
    if message["role"] == "tool":
        return bool(message.get("tool_call_id"))
    calls = message.get("tool_calls")
    return not calls or all(call.get("id") for call in calls)


def _paired(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    known: set[str] = set()
    waiting: list[dict[str, Any]] = []
    paired: list[Mapping[str, Any]] = []
    for place, message in enumerate(messages):
        made = message
        if calls := message.get("tool_calls"):
            # The same in every request, for caches; of the form that the templates of Mistral's models want.
            ids = [call.get("id") or f"c{place:05}{number:03}" for number, call in enumerate(calls)]
            made = {**message, "tool_calls": [{**call, "id": id_} for call, id_ in zip(calls, ids, strict=True)]}
            known = {call["id"] for call in calls if call.get("id")}
            waiting = [call for call in made["tool_calls"] if call["id"] not in known]
        elif message["role"] == "tool" and waiting and message.get("tool_call_id") not in known:
            made = {**message, "tool_call_id": _taken(waiting, message.get("tool_call_id"))}
        elif message["role"] == "tool" and not message.get("tool_call_id"):
            raise ConfigurationError(
                f"messages.{place} is the result of a tool, and has no tool_call_id: set it to the id of the call that "
                "it answers"
            )
        paired.append(made)
    return paired


def _taken(waiting: list[dict[str, Any]], name: Any) -> str:
    """The id of the call that a result is of, which no more waits for one."""
    call = next((call for call in waiting if call["function"].get("name") == name), waiting[0])
    waiting.remove(call)
    return str(call["id"])


def _without_media(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    moved: list[dict[str, Any]] = []
    media: list[dict[str, Any]] = []
    for message in messages:
        if message["role"] == "tool":
            text, taken = _parted(message)
            media += taken
            moved.append({**message, "content": text})
            continue
        if media:
            moved.append({"role": "user", "content": media})
            media = []
        moved.append(dict(message))
    return [*moved, {"role": "user", "content": media}] if media else moved


def _parted(result: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The text of a result, and the other parts of it, introduced."""
    content = result.get("content") or ""
    if isinstance(content, str):
        return content, []
    text = "\n".join(part["text"] for part in content if part.get("type") == "text")
    media = [part for part in content if part.get("type") != "text"]
    if not media:
        return text, []
    introduced = {"type": "text", "text": f"The result of the tool call {result['tool_call_id']}:"}
    return text or _ELSEWHERE, [introduced, *media]
