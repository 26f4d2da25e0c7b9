"""Chat answers on the wire: one JSON body, or the frames of a stream, of what ``replies`` said."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from azure_inference_emulator import failures, replies, sse
from azure_inference_emulator import text as linguistics
from azure_inference_emulator.admission import Admitted
from azure_inference_emulator.tool_calls import Call
from azure_inference_emulator.values import JsonObject, as_int, as_list, as_object, as_objects, as_text

_IMAGE_TOKENS = 85
_AUDIO_TOKENS = 50


@dataclass(frozen=True)
class Answer:
    """One finished answer with what every shape of it needs."""

    id: str
    created: int
    model: str
    text: str | None
    calls: tuple[tuple[str, str, str], ...]
    finish_reason: str
    usage: JsonObject
    count: int
    reasoning: str = ""

    @property
    def head(self) -> JsonObject:
        """What the body and each frame begin with."""
        return {"id": self.id, "created": self.created, "model": self.model}


def answer(admitted: Admitted, number: int) -> Answer:
    """The answer to an admitted chat request; ``number`` makes its ids unique."""
    body = admitted.body
    said = replies.reply(body)
    text, calls, finish = _limited(said, body, number)
    completion = linguistics.count_tokens(text or "", *(name + given for _, name, given in calls))
    count = as_int(body.get("n"), 1)
    return Answer(
        id=f"chatcmpl-{number:012x}",
        created=int(time.time()),
        model=admitted.model_name,
        text=text,
        calls=calls,
        finish_reason=finish,
        usage=usage(prompt_tokens(body), completion * count, audio=_audio_tokens(body)),
        count=count,
        reasoning=said.reasoning,
    )


def _limited(
    said: replies.Reply, body: JsonObject, number: int
) -> tuple[str | None, tuple[tuple[str, str, str], ...], str]:
    """What is left of a reply within ``stop`` and ``max_tokens``, and why it ends."""
    most = body.get("max_completion_tokens", body.get("max_tokens"))
    if said.calls:
        calls = tuple(_wire_call(call, number, index) for index, call in enumerate(said.calls))
        cut = tuple((key, name, "".join(sse.pieces(given)[:most])) for key, name, given in calls)
        return None, cut, "tool_calls" if cut == calls else "length"
    text, finish = limited_text(said.text, body.get("stop"), most)
    return text, (), finish


def limited_text(text: str, stop: object, most: object) -> tuple[str, str]:
    """A text within stop sequences and a number of tokens, and the finish reason."""
    marks = [stop] if isinstance(stop, str) else [mark for mark in as_list(stop) if isinstance(mark, str)]
    ends = [text.index(mark) for mark in marks if mark and mark in text]
    text = text[: min(ends)] if ends else text
    kept = sse.pieces(text)
    if isinstance(most, int) and len(kept) > most:
        return "".join(kept[:most]), "length"
    return text, "stop"


def _wire_call(call: Call, number: int, index: int) -> tuple[str, str, str]:
    return f"call_{number:010x}_{index}", call.name, json.dumps(call.arguments, ensure_ascii=False)


def prompt_tokens(body: JsonObject) -> int:
    """How many tokens a chat request counts: its texts, its tools, its media, and a few for each message."""
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
    return total + (linguistics.count_tokens(json.dumps(tools)) if tools else 0) + _audio_tokens(body)


def _audio_tokens(body: JsonObject) -> int:
    parts = [part for message in as_objects(body.get("messages")) for part in as_objects(message.get("content"))]
    return _AUDIO_TOKENS * sum(1 for part in parts if "audio" in as_text(part.get("type")))


def usage(prompt: int, completion: int, *, audio: int = 0, reasoning: int = 0) -> JsonObject:
    """Token counts that add up, with their details."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"audio_tokens": audio, "cached_tokens": 0},
        "completion_tokens_details": {"audio_tokens": 0, "reasoning_tokens": reasoning, "total_tokens": completion},
    }


def body_of(admitted: Admitted, done: Answer) -> JsonObject:
    """The answer as one JSON body."""
    foreign = admitted.dialect != "model-inference"
    message: JsonObject = {"role": "assistant", "content": done.text}
    if done.calls:
        message["tool_calls"] = [
            {"id": key, "type": "function", "function": {"name": name, "arguments": given}}
            for key, name, given in done.calls
        ]
    choices: list[JsonObject] = []
    for index in range(done.count):
        choice: JsonObject = {"index": index, "finish_reason": done.finish_reason, "message": dict(message)}
        choices.append(
            {**choice, "logprobs": None, "content_filter_results": failures.filter_results()} if foreign else choice
        )
    whole: JsonObject = {**done.head, "object": "chat.completion", "choices": choices, "usage": done.usage}
    if foreign:
        whole["prompt_filter_results"] = failures.prompt_filter_results()
    return with_extras(whole, admitted.extras)


def with_extras(whole: JsonObject, extras: JsonObject) -> JsonObject:
    """The body or last frame with the extra parameters that came through, under ``emulator.extra_parameters``."""
    return {**whole, "emulator": {"extra_parameters": extras}} if extras else whole


def frames(admitted: Admitted, done: Answer) -> Iterator[JsonObject]:
    """The answer as the frames of a stream; the texts of each choice join to that of the whole body."""
    foreign = admitted.dialect != "model-inference"
    apart = bool(as_object(admitted.body.get("stream_options")).get("include_usage"))
    head = {**done.head, "object": "chat.completion.chunk"}
    more: JsonObject = {"usage": None} if apart else {}
    if foreign:
        yield {
            "id": "",
            "object": "",
            "created": 0,
            "model": "",
            "choices": [],
            "prompt_filter_results": failures.prompt_filter_results(),
        }
    for index in range(done.count):
        for delta in _deltas(done):
            yield {**head, "choices": [{"index": index, "delta": delta, "finish_reason": None}], **more}
    for index in range(done.count):
        last = index == done.count - 1
        finish: JsonObject = {
            **head,
            "choices": [{"index": index, "delta": {}, "finish_reason": done.finish_reason}],
            **more,
        }
        if last and not foreign and not apart:
            finish["usage"] = done.usage
        yield with_extras(finish, admitted.extras) if last else finish
    if apart:
        yield {**head, "choices": [], "usage": done.usage}


def _deltas(done: Answer) -> Iterator[JsonObject]:
    yield {"role": "assistant", "content": "" if done.text is not None else None}
    for piece in sse.pieces(done.text or ""):
        yield {"content": piece}
    for index, (key, name, given) in enumerate(done.calls):
        yield {
            "tool_calls": [{"index": index, "id": key, "type": "function", "function": {"name": name, "arguments": ""}}]
        }
        for piece in sse.argument_pieces(given):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
