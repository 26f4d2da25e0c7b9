"""The two adapters in words common to both: what the tests with independent servers ask them."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from tests.peers.conftest import Way


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return f"It is 21 degrees in {city}."


Calls = list[tuple[str, dict[str, Any]]]


class LangChain:
    """`ChatAzureInference` and `AzureInferenceEmbeddings`."""

    def __init__(self, way: Way) -> None:
        self.way = way

    def model(self, **arguments: Any) -> Any:
        """A chat model."""
        from langchain_azure_inference import ChatAzureInference

        return ChatAzureInference(**arguments)

    def embeddings(self, **arguments: Any) -> Any:
        """An embedding model."""
        from langchain_azure_inference import AzureInferenceEmbeddings

        return AzureInferenceEmbeddings(**arguments)

    async def text(self, model: Any, asked: str, **more: Any) -> str:
        """The text of a whole answer."""
        return (await self.way.call(model, "invoke", asked, **more)).text

    async def pieces(self, model: Any, asked: str, into: list[str], **more: Any) -> None:
        """The texts of a stream, collected until it ends or fails."""
        if self.way.asynchronous:
            async for chunk in model.astream(asked, **more):
                into.append(chunk.text)  # noqa: PERF401 - an error must not lose them
        else:
            for chunk in model.stream(asked, **more):
                into.append(chunk.text)  # noqa: PERF401 - an error must not lose them

    async def calls(self, model: Any, asked: str, *, streamed: bool = False, forced: bool = False) -> Calls:
        """The tool calls of an answer."""
        bound = model.bind_tools([get_weather], tool_choice="any" if forced else None)
        if streamed:
            message = reduce(add, await self.way.gather(bound, "stream", asked))
        else:
            message = await self.way.call(bound, "invoke", asked)
        return [(call["name"], call["args"]) for call in message.tool_calls]

    async def after_tool(self, model: Any, asked: str) -> str:
        """The text of the answer that follows a tool's result."""
        from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

        call = {"name": "get_weather", "args": {"city": "Oslo"}, "id": "c1"}
        messages = [HumanMessage(asked), AIMessage("", tool_calls=[call]), ToolMessage("21 degrees", tool_call_id="c1")]
        return (await self.way.call(model.bind_tools([get_weather]), "invoke", messages)).text

    async def usage(self, model: Any, asked: str) -> tuple[int, int]:
        """Tokens of prompt and answer, as a stream tells them."""
        message = reduce(add, await self.way.gather(model, "stream", asked))
        return message.usage_metadata["input_tokens"], message.usage_metadata["output_tokens"]

    async def thoughts(self, model: Any, asked: str) -> str:
        """What the model thought."""
        message = await self.way.call(model, "invoke", asked)
        return "".join(block["reasoning"] for block in message.content_blocks if block["type"] == "reasoning")

    async def object(self, model: Any, asked: str) -> Any:
        """Structured output."""
        return await self.way.call(model.with_structured_output(Person), "invoke", asked)

    async def vectors(self, embeddings: Any, texts: list[str]) -> list[list[float]]:
        """The vectors of texts."""
        return await self.way.call(embeddings, "embed_documents", texts)

    async def query(self, embeddings: Any, text: str) -> list[float]:
        """The vector of a query."""
        return await self.way.call(embeddings, "embed_query", text)

    async def images(self, embeddings: Any, images: list[str]) -> list[list[float]]:
        """The vectors of pictures."""
        return await self.way.call(embeddings, "embed_images", images)


class LlamaIndex:
    """`AzureInference` and `AzureInferenceEmbedding`."""

    def __init__(self, way: Way) -> None:
        self.way = way

    def model(self, **arguments: Any) -> Any:
        """A chat model."""
        from llamaindex_azure_inference import AzureInference

        return AzureInference(**arguments)

    def embeddings(self, **arguments: Any) -> Any:
        """An embedding model."""
        from llamaindex_azure_inference import AzureInferenceEmbedding

        return AzureInferenceEmbedding(**arguments)

    async def text(self, model: Any, asked: str, **more: Any) -> str:
        """The text of a whole answer."""
        return (await self.way.call(model, "chat", _said(asked), **more)).message.content or ""

    async def pieces(self, model: Any, asked: str, into: list[str], **more: Any) -> None:
        """The texts of a stream, collected until it ends or fails."""
        if self.way.asynchronous:
            async for response in await model.astream_chat(_said(asked), **more):
                into.append(response.delta or "")  # noqa: PERF401 - same
        else:
            for response in model.stream_chat(_said(asked), **more):
                into.append(response.delta or "")  # noqa: PERF401 - same

    async def calls(self, model: Any, asked: str, *, streamed: bool = False, forced: bool = False) -> Calls:
        """The tool calls of an answer."""
        from llama_index.core.tools import FunctionTool

        told = {
            "user_msg": asked,
            "allow_parallel_tool_calls": True,
            **({"tool_required": True} if forced else {}),
        }
        tools = [FunctionTool.from_defaults(get_weather)]
        if streamed:
            response = (await self.way.gather(model, "stream_chat_with_tools", tools, **told))[-1]
        else:
            response = await self.way.call(model, "chat_with_tools", tools, **told)
        found = model.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        return [(call.tool_name, call.tool_kwargs) for call in found]

    async def after_tool(self, model: Any, asked: str) -> str:
        """The text of the answer that follows a tool's result."""
        from llama_index.core.base.llms.types import ToolCallBlock
        from llama_index.core.llms import ChatMessage

        call = ToolCallBlock(tool_call_id="c1", tool_name="get_weather", tool_kwargs={"city": "Oslo"})
        result = ChatMessage(role="tool", content="21 degrees", additional_kwargs={"tool_call_id": "c1"})
        messages = [*_said(asked), ChatMessage(role="assistant", blocks=[call]), result]
        return (await self.way.call(model, "chat", messages)).message.content or ""

    async def usage(self, model: Any, asked: str) -> tuple[int, int]:
        """Tokens of prompt and answer, as a stream tells them."""
        response = (await self.way.gather(model, "stream_chat", _said(asked)))[-1]
        return response.additional_kwargs["prompt_tokens"], response.additional_kwargs["completion_tokens"]

    async def thoughts(self, model: Any, asked: str) -> str:
        """What the model thought."""
        response = await self.way.call(model, "chat", _said(asked))
        return "".join(block.content for block in response.message.blocks if block.block_type == "thinking")

    async def object(self, model: Any, asked: str) -> Any:
        """Structured output."""
        from llama_index.core.prompts import PromptTemplate

        return await self.way.call(model, "structured_predict", Person, PromptTemplate(asked))

    async def vectors(self, embeddings: Any, texts: list[str]) -> list[list[float]]:
        """The vectors of texts."""
        return await self.way.call(embeddings, "get_text_embedding_batch", texts)

    async def query(self, embeddings: Any, text: str) -> list[float]:
        """The vector of a query."""
        return await self.way.call(embeddings, "get_query_embedding", text)

    async def images(self, embeddings: Any, images: list[str]) -> list[list[float]]:
        """The vectors of pictures."""
        return await self.way.call(embeddings, "get_image_embedding_batch", images)


def _said(asked: str) -> list[Any]:
    from llama_index.core.llms import ChatMessage

    return [ChatMessage(role="user", content=asked)]


Adapter = LangChain | LlamaIndex
ADAPTERS = {"langchain": LangChain, "llamaindex": LlamaIndex}
