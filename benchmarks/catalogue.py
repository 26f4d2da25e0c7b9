"""The clients by name: what each is, in which environment it runs, and with whom it is compared."""

from __future__ import annotations

from dataclasses import dataclass

FRAMEWORKS = {"langchain": "LangChain", "llamaindex": "LlamaIndex"}


@dataclass(frozen=True)
class Entry:
    """A client: its short name, where its class is, what it is called on the page, and its distribution."""

    name: str
    place: str
    title: str
    distribution: str = ""


CLIENTS: dict[str, list[Entry]] = {
    "langchain": [
        Entry("ours", "langchain:Ours", "azure-inference"),
        Entry("bare", "langchain:WithoutExtras", "azure-inference without extras"),
        Entry("azure", "langchain:AzureAI", "langchain-azure-ai (inference)", "langchain-azure-ai"),
        Entry("openai", "langchain:OpenAI", "langchain-openai", "langchain-openai"),
        Entry("floor", "canned_langchain:Canned", "LangChain alone", "langchain-core"),
    ],
    "llamaindex": [
        Entry("ours", "llamaindex:Ours", "azure-inference"),
        Entry("bare", "llamaindex:WithoutExtras", "azure-inference without extras"),
        Entry("azure", "llamaindex:AzureAI", "llama-index azure-inference", "llama-index-llms-azure-inference"),
        Entry("openai", "llamaindex:OpenAILike", "llama-index openai-like", "llama-index-llms-openai-like"),
        Entry("floor", "canned_llamaindex:Canned", "LlamaIndex alone", "llama-index-core"),
    ],
}
BELOW = [
    Entry("socket", "bare:RawSocket", "a socket and json"),
    Entry("httpx", "bare:Httpx", "httpx alone", "httpx"),
    Entry("aiohttp", "bare:Aiohttp", "aiohttp alone", "aiohttp"),
    Entry("sdk", "bare:AzureSDK", "azure-ai-inference alone", "azure-ai-inference"),
]
PARSERS = [
    Entry("json", "bare:Parsed", "one batch parsed by json"),
    Entry("pydantic", "bare:ParsedByPydantic", "one batch parsed by pydantic_core", "pydantic-core"),
    Entry("orjson", "bare:ParsedByOrjson", "one batch parsed by orjson", "orjson"),
    Entry("base64", "bare:ParsedFromBase64", "one base64 batch parsed"),
    Entry("base64-pydantic", "bare:ParsedFromBase64ByPydantic", "one base64 batch parsed by pydantic_core"),
]
PEERS = ("azure", "openai")
CHAT_CLIENTS = ("ours", "azure", "openai", "floor")
CALLERS = (*CHAT_CLIENTS, "bare")
"""Those that differ in what they send and receive with, too."""
BELOW_SYNC = ("socket", "httpx", "sdk")
BELOW_ASYNC = ("socket", "httpx", "aiohttp", "sdk")


def entries(framework: str) -> list[Entry]:
    """All that can take part in a comparison within a framework; what lies below is measured with the first only."""
    below = BELOW if framework == next(iter(FRAMEWORKS)) else []
    return [*CLIENTS[framework], *below, *PARSERS]
