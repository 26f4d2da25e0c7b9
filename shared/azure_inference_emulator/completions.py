"""Text completions on the wire: one JSON body, or frames of the same shape."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from azure_inference_emulator import chat, replies, sse, usage
from azure_inference_emulator import text as linguistics
from azure_inference_emulator.admission import Admitted
from azure_inference_emulator.values import JsonObject, as_list, as_object


@dataclass(frozen=True)
class Completion:
    """A finished completion of one or more prompts."""

    head: JsonObject
    texts: tuple[tuple[str, str], ...]
    usage: JsonObject


def complete(admitted: Admitted, number: int) -> Completion:
    """The completion of each prompt of an admitted request, text and finish reason."""
    body = admitted.body
    prompts = _prompts(body.get("prompt"))
    count = chat.choices_of(body)
    said = [
        chat.limited_text(replies.complete(prompt), body.get("stop"), body.get("max_tokens", 256)) for prompt in prompts
    ]
    texts = tuple(text for text in said for _ in range(count))
    asked = linguistics.count_tokens(*prompts)
    head: JsonObject = {
        "id": f"cmpl-{number:012x}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": admitted.model_name,
    }
    return Completion(head, texts, usage.counts(asked, linguistics.count_tokens(*(text for text, _ in texts))))


def _prompts(prompt: object) -> list[str]:
    """The prompts as texts; token ids, which have no text here, by their numbers."""
    if isinstance(prompt, str):
        return [prompt]
    items = as_list(prompt)
    if items and isinstance(items[0], int):
        return [" ".join(map(str, items))]
    return [item if isinstance(item, str) else " ".join(map(str, as_list(item))) for item in items]


def body_of(admitted: Admitted, done: Completion) -> JsonObject:
    """The completion as one JSON body."""
    choices = [_choice(index, text, finish) for index, (text, finish) in enumerate(done.texts)]
    return chat.with_extras({**done.head, "choices": choices, "usage": done.usage}, admitted.extras)


def _choice(index: int, text: str, finish: str | None) -> JsonObject:
    return {"index": index, "text": text, "finish_reason": finish, "logprobs": None}


def frames(admitted: Admitted, done: Completion) -> Iterator[JsonObject]:
    """The completion as the frames of a stream."""
    apart = bool(as_object(admitted.body.get("stream_options")).get("include_usage"))
    inline = admitted.dialect == "model-inference" and not apart
    for index, (text, finish) in enumerate(done.texts):
        for piece in sse.pieces(text):
            yield {**done.head, "choices": [_choice(index, piece, None)]}
        last = index == len(done.texts) - 1
        frame: JsonObject = {**done.head, "choices": [_choice(index, "", finish)]}
        if last and inline:
            frame["usage"] = done.usage
        yield chat.with_extras(frame, admitted.extras) if last else frame
    if apart:
        yield {**done.head, "choices": [], "usage": done.usage}
