"""Token counts: what a prompt costs, and the ``usage`` object of an answer."""

import json

from azure_inference_emulator import text as linguistics
from azure_inference_emulator.values import JsonObject, as_list, as_object, as_objects, as_text, is_list

_IMAGE_TOKENS = 85
_AUDIO_TOKENS = 50


def prompt_tokens(body: JsonObject) -> int:
    """How many tokens a chat request counts: texts, tools and media, and a few for each message; 0 for others."""
    if "messages" not in body:
        return 0
    total = 3
    for message in as_objects(body.get("messages")):
        total += 4 + linguistics.count_tokens(as_text(message.get("content")))
        for part in as_objects(message.get("content")):
            total += linguistics.count_tokens(as_text(part.get("text")))
            total += _IMAGE_TOKENS if "image" in as_text(part.get("type")) else 0
        for call in as_objects(message.get("tool_calls")):
            function = as_object(call.get("function"))
            total += linguistics.count_tokens(as_text(function.get("name")), as_text(function.get("arguments")))
    tools = body.get("tools")
    return total + (linguistics.count_tokens(json.dumps(tools)) if tools else 0) + audio_tokens(body)


def longest_input(given: object) -> int:
    """How many tokens the longest of the inputs of an embeddings request counts."""
    items = as_list(given) if is_list(given) else [given]
    if items and isinstance(items[0], int):
        return len(items)
    return max((len(as_list(item)) or linguistics.count_tokens(as_text(item)) for item in items), default=0)


def audio_tokens(body: JsonObject) -> int:
    """How many of them are audio."""
    parts = [part for message in as_objects(body.get("messages")) for part in as_objects(message.get("content"))]
    return _AUDIO_TOKENS * sum(1 for part in parts if "audio" in as_text(part.get("type")))


def counts(prompt: int, completion: int, *, audio: int = 0, reasoning: int = 0) -> JsonObject:
    """Token counts that add up, with their details."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"audio_tokens": audio, "cached_tokens": 0},
        "completion_tokens_details": {"audio_tokens": 0, "reasoning_tokens": reasoning, "total_tokens": completion},
    }
