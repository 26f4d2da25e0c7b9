"""The tour: RAG, a chain and two agents over a folder of documents, with LlamaIndex and with LangChain.

It asks the endpoint that AZURE_INFERENCE_ENDPOINT and AZURE_INFERENCE_CREDENTIAL name, or starts the emulator. Nothing
else changes from one to the other but the names of the models: CHAT_MODEL and EMBED_MODEL.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from langchain.agents import create_agent
from langchain_core.callbacks import UsageMetadataCallbackHandler as Usage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.vectorstores import InMemoryVectorStore
from llama_index.core import Document, SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.node_parser import SentenceSplitter
from llama_index.readers.file import HTMLTagReader
from stage import DemoError, Summary, endpoint, find_documents, heading

from azure_inference import BadRequestError, InferenceError, UnprocessableEntityError
from langchain_azure_inference import AzureInferenceEmbeddings, ChatAzureInference
from llamaindex_azure_inference import AzureInference, AzureInferenceEmbedding

CHAT_MODEL = os.environ.get("CHAT_MODEL", "emulated-chat")
EMBED_MODEL = os.environ.get("EMBED_MODEL", "emulated-embed")
QUESTIONS = ["What does the extra_parameters policy drop do?", "Which error is raised when a stream ends too early?"]
"""What is asked of this project's own documents; of others, what ASK says."""
ANY_QUESTION = "What are these documents about?"


def load(files: list[Path]) -> list[Document]:
    """The documents, read by LlamaIndex's own readers."""
    reader = SimpleDirectoryReader(
        input_files=files, file_extractor={".html": HTMLTagReader("body"), ".htm": HTMLTagReader("body")}
    )
    return reader.load_data()


def llamaindex_rag(
    documents: list[Document], questions: tuple[str, ...], callbacks: CallbackManager
) -> VectorStoreIndex:
    """Chunk, embed, index, ask; prints each answer with the passages it rests on."""
    index = VectorStoreIndex.from_documents(
        documents,
        embed_model=AzureInferenceEmbedding(model=EMBED_MODEL, callback_manager=callbacks),
        transformations=[SentenceSplitter(chunk_size=256, chunk_overlap=32)],
        show_progress=True,
    )
    engine = index.as_query_engine(llm=AzureInference(model=CHAT_MODEL, callback_manager=callbacks), similarity_top_k=3)
    for question in questions:
        answer = engine.query(question)
        print(f"\nQ: {question}\nA: {answer}")
        for source in answer.source_nodes:
            passage = " ".join(source.get_content().split())[:84]
            print(f"   {source.score:.2f}  {source.metadata.get('file_name')}: {passage}...")
    return index


def langchain_chain(documents: list[Document], question: str, usage: Usage) -> InMemoryVectorStore:
    """The same documents in a LangChain vector store, and a chain whose answer is streamed token by token."""
    store = InMemoryVectorStore(AzureInferenceEmbeddings(model=EMBED_MODEL, show_progress=True))
    passages = SentenceSplitter(chunk_size=256, chunk_overlap=32).get_nodes_from_documents(documents)
    store.add_texts([passage.get_content() for passage in passages])
    prompt = ChatPromptTemplate.from_template("Answer from the context.\nContext: {context}\nQuestion: {question}")
    chain = prompt | ChatAzureInference(model=CHAT_MODEL) | StrOutputParser()
    context = "\n\n".join(found.page_content for found in store.similarity_search(question, k=3))
    print(f"\nQ: {question}\nA: ", end="")
    for token in chain.stream({"context": context, "question": question}, {"callbacks": [usage]}):
        print(token, end="", flush=True)
    print()
    return store


def langchain_agent(names: list[str], store: InMemoryVectorStore, task: str, usage: Usage) -> None:
    """An agent of `langchain.agents` that calls two tools over the documents."""

    def search_documents(question: str) -> str:
        """Search the documents for passages that answer a question."""
        print(f"   search_documents({question!r})")
        return "\n\n".join(found.page_content for found in store.similarity_search(question, k=2))

    def list_documents() -> str:
        """List the names of the documents there are."""
        print("   list_documents()")
        return ", ".join(names)

    agent = create_agent(ChatAzureInference(model=CHAT_MODEL), [search_documents, list_documents])
    print(f"Task: {task}")
    result = agent.invoke({"messages": [{"role": "user", "content": task}]}, {"callbacks": [usage]})
    print(f"A: {result['messages'][-1].text}")


async def llamaindex_agent(names: list[str], index: VectorStoreIndex, task: str, callbacks: CallbackManager) -> None:
    """LlamaIndex's `FunctionAgent` with the same two tools."""
    retriever = index.as_retriever(similarity_top_k=2)

    async def search_documents(question: str) -> str:
        """Search the documents for passages that answer a question."""
        print(f"   search_documents({question!r})")
        return "\n\n".join(found.get_content() for found in await retriever.aretrieve(question))

    async def list_documents() -> str:
        """List the names of the documents there are."""
        print("   list_documents()")
        return ", ".join(names)

    llm = AzureInference(model=CHAT_MODEL, callback_manager=callbacks)
    agent = FunctionAgent(tools=[search_documents, list_documents], llm=llm)
    print(f"Task: {task}")
    print(f"A: {await agent.run(task)}")


def parameters(usage: Usage) -> None:
    """A parameter that few models take, and one that the API does not know and hands to the model, which may not."""
    model = ChatAzureInference(model=CHAT_MODEL, callbacks=[usage])
    for name, value in (("modalities", ["text", "audio"]), ("safe_prompt", True)):
        try:
            answer = model.invoke("Say something.", **{name: value})
        except (BadRequestError, UnprocessableEntityError) as error:
            print(f"{type(error).__name__}: location={error.location} value={error.value}\n   {error.message}")
        else:
            print(f"{name}={value} was passed through: {answer.text}")


def tour(folder: str, questions: list[str]) -> None:
    """The whole tour, and what it took."""
    files = find_documents(folder)
    names = [str(file.relative_to(folder)) for file in files]
    summary = Summary()
    usage, counter = Usage(), TokenCountingHandler()
    callbacks = CallbackManager([counter])
    with endpoint() as url:
        print(f"{len(files)} documents of {Path(folder).resolve().name}/ against {url}")
        documents = load(files)
        task = f"List the documents there are, and search them: {questions[0]}"
        heading("LlamaIndex: load, chunk, embed, index, query")
        index = llamaindex_rag(documents, questions, callbacks)
        heading("LangChain: a vector store, and prompt | model | parser, streamed")
        store = langchain_chain(documents, questions[0], usage)
        heading("LangChain: an agent with two tools")
        langchain_agent(names, store, task, usage)
        heading("LlamaIndex: an agent with two tools")
        asyncio.run(llamaindex_agent(names, index, task, callbacks))
        heading("Parameters: one of the API that few models take, and one of the model")
        parameters(usage)
    tokens = sum(used["total_tokens"] for used in usage.usage_metadata.values()) + counter.total_llm_token_count
    heading("Done")
    print(f"{summary.requests} requests, {tokens} tokens of chat, {summary.seconds:.1f} s")
    print(
        "The same script against a real endpoint: set AZURE_INFERENCE_ENDPOINT and AZURE_INFERENCE_CREDENTIAL, then\n"
        "   make demo CHAT_MODEL=<your chat deployment> EMBED_MODEL=<your embedding deployment>"
    )


def main() -> int:
    """Runs the tour; what the user can put right is said in one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--docs", help="the folder of documents; by default this project's own")
    parser.add_argument("--ask", action="append", help="a question about them; may be given several times")
    options = parser.parse_args()
    try:
        tour(options.docs or ".", options.ask or ([ANY_QUESTION] if options.docs else QUESTIONS))
    except (DemoError, InferenceError) as error:
        print(f"\nerror: {error}", file=sys.stderr)  # on a line of its own, below a bar that stopped
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
