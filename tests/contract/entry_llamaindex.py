"""The classes for LlamaIndex, asked and heard as its users do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool, ToolMetadata

from azure_inference import parse_arguments
from llamaindex_azure_inference import AzureInference, AzureInferenceCompletion, AzureInferenceEmbedding

from .asks import Ask, Heard, Person, Place, Tool
from .entry_core import Mode, gathered, tokens, told


async def hear(ask: Ask, place: Place, mode: Mode) -> Heard:
    """A call by way of a model class."""
    return await _ROUTES[ask.route](ask, place.model_arguments(ask), mode)


async def _chat(ask: Ask, arguments: dict[str, Any], mode: Mode) -> Heard:
    llm = AzureInference(**arguments)
    messages = [_message(message) for message in ask.messages]
    name = "chat" if ask.route == "chat" else "stream_chat"
    if ask.tools:
        tools = [_tool(tool) for tool in ask.tools]
        more = {"allow_parallel_tool_calls": True, "tool_choice": ask.tool_choice, **ask.parameters}
        answer = mode.of(llm, f"{name}_with_tools")(tools, chat_history=messages, **more)
    else:
        answer = mode.of(llm, name)(messages, **ask.parameters)
    if ask.route == "chat":
        return _heard(await told(answer))
    responses = await gathered(answer)
    heard = _heard(responses[-1])
    heard.pieces = sum(bool(response.delta or _calls(response)) for response in responses)
    return heard


async def _object(ask: Ask, arguments: dict[str, Any], mode: Mode) -> Heard:
    llm = AzureInference(**arguments)
    prompt = PromptTemplate(ask.messages[-1]["content"])
    if ask.route == "object":
        return Heard(object=await told(mode.of(llm, "structured_predict")(Person, prompt)))
    return Heard(object=(await gathered(mode.of(llm, "stream_structured_predict")(Person, prompt)))[-1])


async def _completion(ask: Ask, arguments: dict[str, Any], mode: Mode) -> Heard:
    llm = AzureInferenceCompletion(**arguments)
    if ask.route == "completion":
        response: Any = await told(mode.of(llm, "complete")(ask.inputs[0], **ask.parameters))
        return Heard(text=response.text, finish=response.additional_kwargs["finish_reason"])
    responses = await gathered(mode.of(llm, "stream_complete")(ask.inputs[0], **ask.parameters))
    return Heard(text=responses[-1].text, pieces=sum(bool(response.delta) for response in responses))


async def _embeddings(ask: Ask, arguments: dict[str, Any], mode: Mode) -> Heard:
    model = AzureInferenceEmbedding(**arguments, **ask.parameters)
    if ask.route == "query":
        return Heard(vectors=[await told(mode.of(model, "get_query_embedding")(ask.inputs[0]))])
    name = "get_image_embedding_batch" if ask.route == "images" else "get_text_embedding_batch"
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


def _message(message: Mapping[str, Any]) -> ChatMessage:
    content = message.get("content")
    kept = {name: message[name] for name in ("tool_calls", "tool_call_id", "name") if name in message}
    if isinstance(content, str) or content is None:
        return ChatMessage(role=message["role"], content=content, additional_kwargs=kept)
    blocks = [
        TextBlock(text=part["text"]) if part["type"] == "text" else ImageBlock(url=part["image_url"]["url"])
        for part in content
    ]
    return ChatMessage(role=message["role"], blocks=blocks)


def _tool(tool: Tool) -> FunctionTool:
    async def never_called(**arguments: Any) -> str:
        raise AssertionError("the model calls tools, nobody here runs them")

    metadata = _Metadata(name=tool.name, description=tool.description)
    metadata.parameters = tool.parameters
    return FunctionTool(async_fn=never_called, metadata=metadata)


class _Metadata(ToolMetadata):
    """Says the arguments of a tool by a JSON Schema, where there is no function to tell them by."""

    parameters: Mapping[str, Any]

    def get_parameters_dict(self) -> dict[str, Any]:
        return dict(self.parameters)


def _heard(response: Any) -> Heard:
    blocks = response.message.blocks
    facts = response.additional_kwargs
    return Heard(
        text="".join(block.text for block in blocks if block.block_type == "text"),
        reasoning="".join(block.content or "" for block in blocks if block.block_type == "thinking"),
        calls=[(block.tool_name, _arguments(block.tool_kwargs)) for block in _calls(response)],
        usage=tokens(facts) if "total_tokens" in facts else None,
        finish=facts.get("finish_reason"),
        model=response.raw and response.raw.model,
    )


def _calls(response: Any) -> list[Any]:
    return [block for block in response.message.blocks if block.block_type == "tool_call"]


def _arguments(value: Any) -> Any:
    return parse_arguments(value) if isinstance(value, str) else value
