"""Chat answers on the wire: one JSON body, or the frames of a stream, of what ``replies`` said."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from azure_inference_emulator import failures, managed, replies, sse, usage
from azure_inference_emulator import text as linguistics
from azure_inference_emulator.admission import Admitted
from azure_inference_emulator.prompts import conversation
from azure_inference_emulator.tools import Call
from azure_inference_emulator.values import JsonObject, as_int, as_list, as_object, is_object

WireCall = tuple[str, str, str]


@dataclass(frozen=True)
class Answer:
    """One finished answer with what every shape of it needs; ``calls`` are id, name and arguments as JSON."""

    id: str
    created: int
    model: str
    text: str | None
    calls: tuple[WireCall, ...]
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
    most = body.get(
        "max_completion_tokens", body.get("max_tokens", managed.MAX_TOKENS if admitted.managed_compute else None)
    )
    reasoning = _reasoning(admitted, said)
    if said.calls:
        text, (calls, finish) = None, _limited_calls(said.calls, number, most, forced=_is_forced(admitted))
    else:
        left = most - linguistics.count_tokens(reasoning) if isinstance(most, int) and reasoning else most
        (text, finish), calls = _filtered(admitted, limited_text(said.text, body.get("stop"), left)), ()
    reasoning = "".join(sse.pieces(reasoning)[:most])
    if admitted.model.reasoning == "think" and text is not None:
        text, reasoning = f"<think>\n{reasoning}\n</think>\n\n{text}", ""
    count = choices_of(body)
    reasoning_tokens = linguistics.count_tokens(reasoning)
    spent = reasoning_tokens + linguistics.count_tokens(text or "", *(name + given for _, name, given in calls))
    return Answer(
        id=f"chatcmpl-{number:012x}",
        created=int(time.time()),
        model=admitted.model.served_as or admitted.model_name,
        text=text,
        calls=calls,
        finish_reason=finish,
        usage=usage.counts(
            usage.prompt_tokens(body), spent * count, audio=usage.audio_tokens(body), reasoning=reasoning_tokens * count
        ),
        count=count,
        reasoning="" if admitted.model.reasoning == "hidden" else reasoning,
    )


def choices_of(body: JsonObject) -> int:
    """How many choices a request asks for with ``n``: 1 to 128."""
    return min(128, max(1, as_int(body.get("n"), 1)))


def _reasoning(admitted: Admitted, said: replies.Reply) -> str:
    """What a reasoning model thinks before it speaks."""
    if not admitted.model.reasoning:
        return ""
    asked = linguistics.flat(conversation(admitted.body).question, 80)
    plan = f"I call {' and '.join(call.name for call in said.calls)}." if said.calls else "I look for what answers it."
    return f"(emulator) I am asked: {asked} {plan}"


def _is_forced(admitted: Admitted) -> bool:
    """Whether a call ends with ``stop``, as Azure OpenAI's do when one tool was chosen by name."""
    return admitted.like_openai and is_object(admitted.body.get("tool_choice"))


def _limited_calls(
    calls: tuple[Call, ...], number: int, most: object, *, forced: bool
) -> tuple[tuple[WireCall, ...], str]:
    whole = tuple(_wire_call(call, number, index) for index, call in enumerate(calls))
    if not isinstance(most, int):
        return whole, "stop" if forced else "tool_calls"
    cut = tuple((key, name, "".join(sse.pieces(given)[:most])) for key, name, given in whole)
    return cut, "length" if cut != whole else "stop" if forced else "tool_calls"


def limited_text(text: str, stop: object, most: object) -> tuple[str, str]:
    """A text within stop sequences and a number of tokens, and the finish reason."""
    marks = [stop] if isinstance(stop, str) else [mark for mark in as_list(stop) if isinstance(mark, str)]
    ends = [text.index(mark) for mark in marks if mark and mark in text]
    text = text[: min(ends)] if ends else text
    kept = sse.pieces(text)
    if isinstance(most, int) and len(kept) > most:
        return "".join(kept[: max(0, most)]), "length"
    return text, "stop"


def _filtered(admitted: Admitted, said: tuple[str, str]) -> tuple[str, str]:
    """Half of the text and ``content_filter`` when the prompt asks for a filtered answer."""
    if not conversation(admitted.body).question.lstrip().startswith(failures.OUTPUT_FILTER):
        return said
    kept = sse.pieces(said[0])
    return "".join(kept[: len(kept) // 2]), "content_filter"


def _wire_call(call: Call, number: int, index: int) -> WireCall:
    return f"call_{number:010x}_{index}", call.name, json.dumps(call.arguments, ensure_ascii=False)


def body_of(admitted: Admitted, done: Answer) -> JsonObject:
    """The answer as one JSON body."""
    message: JsonObject = {"role": "assistant", "content": done.text}
    if done.reasoning:
        message["reasoning_content"] = done.reasoning
    if done.calls:
        message["tool_calls"] = [_call_of(admitted, call) for call in done.calls]
    elif admitted.managed_compute or admitted.model.empty_calls:
        message["tool_calls"] = None if admitted.managed_compute else []
    choices: list[JsonObject] = []
    for index in range(done.count):
        choice: JsonObject = {"index": index, "finish_reason": done.finish_reason, "message": dict(message)}
        if admitted.like_openai:
            verdict = failures.filter_results(filtered=done.finish_reason == "content_filter")
            choice = {**choice, "logprobs": None, "content_filter_results": verdict}
        choices.append(choice)
    whole: JsonObject = {**done.head, "object": "chat.completion", "choices": choices, "usage": done.usage}
    if admitted.like_openai:
        whole["prompt_filter_results"] = failures.prompt_filter_results()
    return with_extras(whole, admitted.extras)


def _call_of(admitted: Admitted, call: WireCall) -> JsonObject:
    key, name, given = call
    if admitted.managed_compute:
        # Measured: that server's answers hold the arguments as an object, and a null beside them.
        function: JsonObject = {"name": name, "arguments": _parsed(given), "call_id": None}
        return {"id": key, "type": "function", "function": function}
    return {"id": key, "type": "function", "function": {"name": name, "arguments": given}}


def _parsed(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def with_extras(whole: JsonObject, extras: JsonObject) -> JsonObject:
    """The body or last frame with the extra parameters that came through, under ``emulator.extra_parameters``."""
    return {**whole, "emulator": {"extra_parameters": extras}} if extras else whole


def frames(admitted: Admitted, done: Answer) -> Iterator[JsonObject]:
    """The answer as the frames of a stream; the texts of each choice join to that of the whole body."""
    asked = bool(as_object(admitted.body.get("stream_options")).get("include_usage"))
    head = {**done.head, "object": "chat.completion.chunk"}
    if admitted.like_openai:
        verdict = failures.prompt_filter_results()
        yield {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": verdict}
    frames_of_all = [frame for index in range(done.count) for frame in _choice_frames(admitted, done, index)]
    for number, frame in enumerate(frames_of_all):
        last = number == len(frames_of_all) - 1
        whole = {**head, **frame, **_usage_of(admitted, done, number, last=last, asked=asked)}
        yield with_extras(whole, admitted.extras) if last else whole
    if asked:
        yield {**head, "choices": [], "usage": done.usage}


def _usage_of(admitted: Admitted, done: Answer, number: int, *, last: bool, asked: bool) -> JsonObject:
    """The usage that one frame carries: none, a null, the running count, or the whole in the last frame."""
    if admitted.model.running_usage:
        prompt, spent = done.usage["prompt_tokens"], done.usage["completion_tokens"]
        so_far = spent if last else min(number, spent)
        return {"usage": {"prompt_tokens": prompt, "completion_tokens": so_far, "total_tokens": prompt + so_far}}
    if asked:
        return {"usage": None}
    return {"usage": done.usage} if last and not admitted.like_openai else {}


def _choice_frames(admitted: Admitted, done: Answer, index: int) -> Iterator[JsonObject]:
    """The frames of one choice: the role, the pieces, and the finish."""
    yield _frame(index, {"role": "assistant", "content": None if done.text is None else ""})
    for piece in sse.pieces(done.reasoning):
        yield _frame(index, {"reasoning_content": piece})
    for piece in sse.pieces(done.text or ""):
        yield _frame(index, {"content": piece})
    if done.calls and admitted.model.whole_calls:
        calls = [{"id": key, "function": {"name": name, "arguments": given}} for key, name, given in done.calls]
        yield _frame(index, {"content": None, "tool_calls": calls}, done.finish_reason)
        return
    for number, call in enumerate(done.calls):
        yield from (_frame(index, {"tool_calls": [delta]}) for delta in _call_deltas(number, call))
    yield _frame(index, {}, done.finish_reason)


def _call_deltas(index: int, call: WireCall) -> Iterator[JsonObject]:
    key, name, given = call
    yield {"index": index, "id": key, "type": "function", "function": {"name": name, "arguments": ""}}
    for piece in sse.argument_pieces(given):
        yield {"index": index, "function": {"arguments": piece}}


def _frame(index: int, delta: JsonObject, finish_reason: str | None = None) -> JsonObject:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}]}
