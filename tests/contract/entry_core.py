"""The clients of the core, asked and heard."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure_inference import (
    AsyncInferenceClient,
    ChatRequest,
    CompletionRequest,
    EmbeddingsRequest,
    ImageEmbeddingsRequest,
    ImageInput,
    InferenceClient,
    parse_arguments,
    to_request,
    to_response_format,
    to_tool_choice,
)

from .asks import Ask, Heard, Person, Place


@dataclass(frozen=True)
class Mode:
    """Plain or async code, written once."""

    is_async: bool

    def of(self, owner: Any, name: str) -> Any:
        """The method of that name; frameworks put an `a` before it in async code."""
        return getattr(owner, f"a{name}" if self.is_async else name)


async def told(value: Any) -> Any:
    """A result, awaited if need be."""
    return await value if inspect.isawaitable(value) else value


async def gathered(stream: Any) -> list[Any]:
    """All that a stream brings."""
    stream = await told(stream)
    return [piece async for piece in stream] if hasattr(stream, "__aiter__") else list(stream)


async def hear(ask: Ask, place: Place, mode: Mode) -> Heard:
    """A call by way of a client."""
    client = (AsyncInferenceClient if mode.is_async else InferenceClient)(**place.arguments(ask))
    try:
        return await _ROUTES[ask.route](client, ask, place.models[ask.role])
    finally:
        await told(client.close())


async def _chat(client: Any, ask: Ask, model: str) -> Heard:
    return _heard(await told(client.chat(_request(ask, model))))


async def _stream(client: Any, ask: Ask, model: str) -> Heard:
    stream = await told(client.stream_chat(_request(ask, model)))
    pieces = await gathered(stream)
    heard = _heard(stream.so_far)
    heard.pieces = sum(bool(choice.delta.text or choice.delta.tool_calls) for c in pieces for choice in c.choices)
    return heard


async def _object(client: Any, ask: Ask, model: str) -> Heard:
    heard = await (_stream if ask.route == "stream object" else _chat)(client, ask, model)
    heard.object = Person.model_validate_json(heard.text)
    return heard


async def _completion(client: Any, ask: Ask, model: str) -> Heard:
    request = to_request(CompletionRequest, {"model": model, "prompt": ask.inputs[0], **ask.parameters})
    if ask.route == "completion":
        answers = [await told(client.complete(request))]
    else:
        answers = await gathered(client.stream_complete(request))
    choices = [choice for answer in answers for choice in answer.choices]
    return Heard(
        text="".join(choice.text for choice in choices),
        finish=choices[-1].finish_reason,
        pieces=sum(bool(choice.text) for choice in choices),
    )


async def _embeddings(client: Any, ask: Ask, model: str) -> Heard:
    kind = {"query": "query", "documents": "document"}.get(ask.route, "document")
    fields = {"model": model, "input_type": kind, **ask.parameters}
    if ask.route == "images":
        images = [ImageInput(image=image) for image in ask.inputs]
        result = await told(client.embed_images(to_request(ImageEmbeddingsRequest, {**fields, "input": images})))
    else:
        result = await told(client.embed(to_request(EmbeddingsRequest, {**fields, "input": list(ask.inputs)})))
    return Heard(vectors=result.vectors, model=result.model)


async def _info(client: Any, ask: Ask, model: str) -> Heard:
    return Heard(info=(await told(client.info())).model_dump())


_ROUTES = {
    "chat": _chat,
    "stream": _stream,
    "object": _object,
    "stream object": _object,
    "completion": _completion,
    "stream completion": _completion,
    "query": _embeddings,
    "documents": _embeddings,
    "images": _embeddings,
    "info": _info,
}


def _request(ask: Ask, model: str) -> ChatRequest:
    fields: dict[str, Any] = {"model": model, "messages": ask.messages, **ask.parameters}
    if ask.tools:
        fields["tools"] = [tool.definition for tool in ask.tools]
    if ask.tool_choice:
        fields["tool_choice"] = to_tool_choice(ask.tool_choice, [tool.name for tool in ask.tools])
    if "object" in ask.route:
        fields["response_format"] = to_response_format(Person.model_json_schema(), name="Person")
    return to_request(ChatRequest, fields)


def _heard(answer: Any) -> Heard:
    choice = answer.choices[0]
    calls = [call.function for call in choice.message.tool_calls]
    return Heard(
        text=choice.message.text,
        reasoning=choice.message.reasoning_text,
        calls=[(call.name, parse_arguments(call.arguments)) for call in calls],
        usage=answer.usage and tokens(answer.usage.model_dump()),
        finish=choice.finish_reason,
        model=answer.model,
    )


def tokens(usage: Mapping[str, Any]) -> tuple[int, int, int]:
    """The counts of a usage as the API names them."""
    return usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]
