"""The classes for LangChain, asked and heard as its users do."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

from langchain_azure_inference import AzureInferenceEmbeddings, AzureInferenceLLM, ChatAzureInference

from .asks import Ask, Heard, Person, Place
from .entry_core import Mode, gathered, told


async def hear(ask: Ask, place: Place, mode: Mode) -> Heard:
    """A call by way of a model class."""
    return await _ROUTES[ask.route](ask, place.model_arguments(ask), mode)


async def _chat(ask: Ask, arguments: dict[str, Any], mode: Mode) -> Heard:
    model: Any = ChatAzureInference(**arguments)
    if ask.tools:
        model = model.bind_tools([tool.definition for tool in ask.tools], tool_choice=ask.tool_choice)
    if ask.route == "chat":
        return _heard(await told(mode.of(model, "invoke")(list(ask.messages), **ask.parameters)))
    chunks = await gathered(mode.of(model, "stream")(list(ask.messages), **ask.parameters))
    heard = _heard(reduce(add, chunks))
    heard.pieces = sum(bool(chunk.text or chunk.tool_call_chunks) for chunk in chunks)
    return heard


async def _object(ask: Ask, arguments: dict[str, Any], mode: Mode) -> Heard:
    model = ChatAzureInference(**arguments).with_structured_output(Person)
    if ask.route == "object":
        return Heard(object=await told(mode.of(model, "invoke")(list(ask.messages))))
    return Heard(object=(await gathered(mode.of(model, "stream")(list(ask.messages))))[-1])


async def _completion(ask: Ask, arguments: dict[str, Any], mode: Mode) -> Heard:
    model = AzureInferenceLLM(**arguments)
    if ask.route == "stream completion":
        pieces = await gathered(mode.of(model, "stream")(ask.inputs[0], **ask.parameters))
        return Heard(text="".join(pieces), pieces=sum(map(bool, pieces)))
    result = await told(mode.of(model, "generate")([ask.inputs[0]], **ask.parameters))
    generation = result.generations[0][0]
    return Heard(text=generation.text, finish=generation.generation_info["finish_reason"])


async def _embeddings(ask: Ask, arguments: dict[str, Any], mode: Mode) -> Heard:
    model = AzureInferenceEmbeddings(**arguments, **ask.parameters)
    if ask.route == "query":
        return Heard(vectors=[await told(mode.of(model, "embed_query")(ask.inputs[0]))])
    name = "embed_images" if ask.route == "images" else "embed_documents"
    return Heard(vectors=await told(mode.of(model, name)(list(ask.inputs))))


_ROUTES = {
    "chat": _chat,
    "stream": _chat,
    "object": _object,
    "stream object": _object,
    "completion": _completion,
    "stream completion": _completion,
    "query": _embeddings,
    "documents": _embeddings,
    "images": _embeddings,
}


def _heard(message: Any) -> Heard:
    usage = message.usage_metadata
    blocks = message.content_blocks
    return Heard(
        text=message.text,
        reasoning="".join(block["reasoning"] for block in blocks if block["type"] == "reasoning"),
        calls=[(call["name"], call["args"]) for call in message.tool_calls],
        usage=usage and (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]),
        finish=message.response_metadata.get("finish_reason"),
        model=message.response_metadata.get("model_name"),
    )
