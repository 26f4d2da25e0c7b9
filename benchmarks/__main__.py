"""CPU time of a call through each adapter, as a ratio to the framework alone with a canned answer.

The server runs in a process of its own and answers with precomputed bytes. Rounds are interleaved, and the ratio is
taken round by round. Other clients are not measured here yet.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable

from langchain_core.language_models import FakeListChatModel
from llama_index.core.llms import ChatMessage, MockLLM

from langchain_azure_inference import ChatAzureInference
from llamaindex_azure_inference import AzureInference

ROUNDS, CALLS = 12, 60
QUESTION = "Why is the sky blue?"
MESSAGES = [ChatMessage(role="user", content=QUESTION)]
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Scattering."}, "finish_reason": "stop"}
USAGE = {"prompt_tokens": 6, "completion_tokens": 2, "total_tokens": 8}
BODY = json.dumps({"id": "1", "model": "m", "created": 1, "choices": [CHOICE], "usage": USAGE}).encode()
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Canned(asyncio.Protocol):
    """Answers every request, once it is whole, with the same bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, ended, body = self.received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if ended and len(body) >= length:
            self.received = b""
            self.transport.write(ANSWER)


def serve(port: multiprocessing.Queue) -> None:
    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


def cpu(call: Callable[[], object]) -> float:
    """Microseconds of CPU time of this process for one call."""
    started = time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - started) / CALLS * 1e6


def compare(name: str, floor: Callable[[], object], ours: Callable[[], object]) -> None:
    """Prints the median of both and of their ratio, with the quartiles of the ratio."""
    for call in (floor, ours):
        cpu(call)
    rounds = [(cpu(floor), cpu(ours)) for _ in range(ROUNDS)]
    ratios = [mine / least for least, mine in rounds]
    low, middle, high = statistics.quantiles(ratios, n=4)
    least, mine = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"| {name} | {least:.0f} | {mine:.0f} | {middle:.2f} ({low:.2f} to {high:.2f}) |")


def main() -> None:
    """Prints the table."""
    port: multiprocessing.Queue = multiprocessing.Queue()
    server = multiprocessing.get_context("fork").Process(target=serve, args=(port,), daemon=True)
    server.start()
    endpoint = {"endpoint": f"http://127.0.0.1:{port.get(timeout=10)}/models", "credential": "key", "model": "m"}
    chat, llm = ChatAzureInference(**endpoint), AzureInference(**endpoint)
    canned = FakeListChatModel(responses=["Scattering."])
    mock = MockLLM()
    print("| a chat call, sync | framework alone, CPU us | with this library, CPU us | ratio (quartiles) |")
    print("|---|---|---|---|")
    compare("LangChain", lambda: canned.invoke(QUESTION), lambda: chat.invoke(QUESTION))
    compare("LlamaIndex", lambda: mock.chat(MESSAGES), lambda: llm.chat(MESSAGES))
    server.terminate()
    server.join()


if __name__ == "__main__":
    main()
