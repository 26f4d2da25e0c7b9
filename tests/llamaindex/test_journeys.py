"""What people do with LlamaIndex, done with these models: indexes, query and chat engines, pipelines, agents."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core import Document, Settings, SummaryIndex, VectorStoreIndex
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.ingestion import IngestionCache, IngestionPipeline
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.tools import FunctionTool, QueryEngineTool

from llamaindex_azure_inference import AzureInference, AzureInferenceEmbedding

from .conformance import SECRET, Says, ScriptedServer, Vectors, call
from .conformance.base import Person, multiply, user, weather

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# LlamaIndex reads what pydantic has given up: `__fields__` of workflows, `.json()` of structured answers.
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")

FACTS = [
    "The lighthouse of Marlow stands on the northern cliff and was built in 1871 by Edith Crane.",
    "The bakery in Marlow opens at six in the morning and is known for its rye bread.",
    "The ferry to the island leaves from the old harbour every two hours in summer.",
]
QUESTION = "Who built the lighthouse of Marlow?"


@pytest.fixture
def llm(emulator: Any) -> AzureInference:
    """The chat model on the emulator."""
    return AzureInference(endpoint=emulator.url, credential=SECRET, model="emulated-chat")


@pytest.fixture
def embed_model(emulator: Any) -> AzureInferenceEmbedding:
    """The embedding model on the emulator."""
    return AzureInferenceEmbedding(endpoint=emulator.url, credential=SECRET, model="emulated-embed")


@pytest.fixture
def settings(llm: AzureInference, embed_model: AzureInferenceEmbedding) -> Iterator[None]:
    """Both models as LlamaIndex's defaults."""
    before = Settings._llm, Settings._embed_model
    Settings.llm, Settings.embed_model = llm, embed_model
    yield
    Settings._llm, Settings._embed_model = before


@pytest.fixture
def index(settings: None) -> VectorStoreIndex:
    """The facts, by the default models."""
    return VectorStoreIndex.from_documents([Document(text=fact) for fact in FACTS])


class TestQueries:
    """Query and chat engines over an index; their default memory leaves its database open, so they are given one."""

    def test_query(self, index: VectorStoreIndex) -> None:
        """A question is answered from the passage that knows it."""
        response = index.as_query_engine(similarity_top_k=1).query(QUESTION)
        assert "Edith Crane" in str(response)
        assert response.source_nodes[0].text == FACTS[0]

    async def test_async_query(self, index: VectorStoreIndex) -> None:
        """The same, in async code."""
        assert "Edith Crane" in str(await index.as_query_engine(similarity_top_k=1).aquery(QUESTION))

    def test_streaming_query(self, index: VectorStoreIndex) -> None:
        """The same, in pieces."""
        response: Any = index.as_query_engine(similarity_top_k=1, streaming=True).query(QUESTION)
        pieces = list(response.response_gen)
        assert "Edith Crane" in "".join(pieces)
        assert len(pieces) > 3

    async def test_async_streaming_query(self, index: VectorStoreIndex) -> None:
        """The same, in pieces, in async code."""
        response: Any = await index.as_query_engine(similarity_top_k=1, streaming=True).aquery(QUESTION)
        assert "Edith Crane" in "".join([piece async for piece in response.async_response_gen()])

    def test_async_index(self, settings: None) -> None:
        """An index is made by async requests, from plain code."""
        documents = [Document(text=fact) for fact in FACTS]
        index = VectorStoreIndex.from_documents(documents, use_async=True)
        assert index.as_retriever(similarity_top_k=1).retrieve(QUESTION)[0].text == FACTS[0]

    def test_structured_query(self, index: VectorStoreIndex, llm: AzureInference) -> None:
        """An answer comes as an object."""
        engine = index.as_query_engine(llm=llm.as_structured_llm(Person), similarity_top_k=1)
        assert isinstance(engine.query(QUESTION).response, Person)  # type: ignore[union-attr]

    @pytest.mark.parametrize("mode", ["refine", "compact", "tree_summarize", "accumulate"])
    def test_response_modes(self, index: VectorStoreIndex, mode: Any) -> None:
        """Every way of putting passages together works."""
        assert str(index.as_query_engine(response_mode=mode, similarity_top_k=2).query(QUESTION))

    def test_summary(self, settings: None) -> None:
        """A summary index asks the chat model alone."""
        index = SummaryIndex.from_documents([Document(text=fact) for fact in FACTS])
        assert "Edith Crane" in str(index.as_query_engine().query(QUESTION))

    @pytest.mark.parametrize("mode", ["context", "condense_plus_context", "condense_question", "simple"])
    def test_chat_engines(self, index: VectorStoreIndex, mode: Any) -> None:
        """Chat engines of every kind hold a conversation, whole and in pieces."""
        engine = index.as_chat_engine(chat_mode=mode, similarity_top_k=1, memory=ChatMemoryBuffer.from_defaults())
        assert str(engine.chat(QUESTION))
        assert "".join(engine.stream_chat("And when was it built?").response_gen)
        assert len(engine.chat_history) == 4

    async def test_async_chat_engine(self, index: VectorStoreIndex) -> None:
        """The same, in async code."""
        memory = ChatMemoryBuffer.from_defaults()
        engine = index.as_chat_engine(chat_mode="context", similarity_top_k=1, memory=memory)
        assert "Edith Crane" in str(await engine.achat(QUESTION))
        streamed = await engine.astream_chat("And when was it built?")
        assert "".join([piece async for piece in streamed.async_response_gen()])


class TestPipelines:
    """Ingestion pipelines."""

    DOCUMENTS = [Document(text=fact, doc_id=f"fact-{number}") for number, fact in enumerate(FACTS)]

    def test_cache(self, script: ScriptedServer, embedding_of: Callable[..., AzureInferenceEmbedding]) -> None:
        """A second run over the same documents asks for nothing; another model has another entry."""
        script.will(Vectors())
        cache = IngestionCache()

        def run(model: AzureInferenceEmbedding) -> tuple[int, list[Any]]:
            steps = [SentenceSplitter(chunk_size=64, chunk_overlap=0), model]
            nodes = IngestionPipeline(transformations=steps, cache=cache).run(documents=self.DOCUMENTS)
            return len(script.bodies), [node.embedding for node in nodes]

        assert run(embedding_of()) == run(embedding_of())
        assert run(embedding_of(dimensions=2))[0] == 2
        assert run(embedding_of(model="emulated-embed-2"))[0] == 3

    @pytest.mark.filterwarnings("ignore:Specified num_workers exceed number of CPUs")
    def test_workers(self, embed_model: AzureInferenceEmbedding, monkeypatch: pytest.MonkeyPatch) -> None:
        """Several processes share the work: the model travels to them, and finds its key there."""
        monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", SECRET)
        nodes = IngestionPipeline(transformations=[embed_model]).run(documents=self.DOCUMENTS, num_workers=2)
        expected = embed_model.get_text_embedding_batch([document.get_content() for document in self.DOCUMENTS])
        assert sorted(node.embedding or [] for node in nodes) == sorted(expected)

    async def test_async(self, embed_model: AzureInferenceEmbedding) -> None:
        """A pipeline runs in async code."""
        nodes = await IngestionPipeline(transformations=[embed_model]).arun(documents=self.DOCUMENTS)
        assert all(node.embedding for node in nodes)


class TestAgents:
    """Agents, with the emulator choosing the tools."""

    TOOLS = [FunctionTool.from_defaults(multiply), FunctionTool.from_defaults(weather)]

    @pytest.mark.parametrize("streaming", [True, False])
    async def test_function_agent(self, llm: AzureInference, streaming: bool) -> None:
        """An agent calls the tool that the question needs, and answers from its result."""
        agent = FunctionAgent(tools=self.TOOLS, llm=llm, streaming=streaming)
        assert "sunny in Oslo" in str(await agent.run("What is the weather in Oslo?"))

    @pytest.mark.parametrize("streaming", [True, False])
    async def test_renamed_tool(
        self, script: ScriptedServer, llm_of: Callable[..., AzureInference], streaming: bool
    ) -> None:
        """An agent finds a tool whose name is not fit for the wire, and goes on from its result."""
        script.will(Says(calls=[call("math_add", {"a": 1, "b": 2})]), Says("It is 3."))
        tool = FunctionTool.from_defaults(lambda a, b: a + b, name="math.add", description="x")
        agent = FunctionAgent(tools=[tool], llm=llm_of(), streaming=streaming)
        assert str(await agent.run("1 + 2?")) == "It is 3."
        *_, called, result = script.bodies[-1]["messages"]
        assert (called["tool_calls"][0]["function"]["name"], result["content"]) == ("math_add", "3")

    @pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning")
    async def test_react_agent(self, llm: AzureInference) -> None:
        """An agent that reasons in text calls tools too."""
        agent = ReActAgent(tools=self.TOOLS, llm=llm)
        assert "sunny in Oslo" in str(await agent.run("What is the weather in Oslo?"))

    async def test_agent_over_documents(self, llm: AzureInference, index: VectorStoreIndex) -> None:
        """An agent asks an index."""
        tool = QueryEngineTool.from_defaults(
            index.as_query_engine(similarity_top_k=1), name="search", description="Search facts about Marlow."
        )
        assert "Edith Crane" in str(await FunctionAgent(tools=[tool], llm=llm).run(QUESTION))

    async def test_workflow(self, llm: AzureInference) -> None:
        """A workflow of agents answers."""
        workflow = AgentWorkflow.from_tools_or_functions(self.TOOLS, llm=llm)
        assert "sunny in Oslo" in str(await workflow.run("What is the weather in Oslo?"))


def test_one_model_in_many_loops(llm: AzureInference) -> None:
    """One model serves many event loops one after another, and several streams in each."""

    async def texts() -> list[str]:
        async def one(name: str) -> str:
            return "".join([r.delta or "" async for r in await llm.astream_chat(user(f"Say hello to {name}."))])

        return await asyncio.gather(one("Ada"), one("Bob"))

    for _ in range(3):
        ada, bob = asyncio.run(texts())
        assert "Ada" in ada
        assert "Bob" in bob
