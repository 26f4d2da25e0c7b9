"""What lies below the frameworks: a socket, HTTP libraries, the Azure SDK, and vectors parsed by the fastest routes."""

# ruff: noqa: PLC0415 - each worker imports only the client that it measures
from __future__ import annotations

import asyncio
import json
import socket
import urllib.parse
from array import array
from binascii import a2b_base64
from typing import Any

from benchmarks import bodies
from benchmarks.clients.base import KEY, MODEL, QUESTION, Client

BODY = {"messages": [{"role": "user", "content": QUESTION}], "model": MODEL}
HEADERS = {"content-type": "application/json", "api-key": KEY}


class RawSocket(Client):
    """The least that an exchange can cost: a request made beforehand, an answer that only json looks into."""

    def new(self, scene: str) -> bytes:
        body = json.dumps(BODY).encode()
        head = f"POST /{scene}/models/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def __init__(self, base: str) -> None:
        super().__init__(base)
        parts = urllib.parse.urlsplit(base)
        self.address = (parts.hostname, parts.port)
        self.socket: socket.socket | None = None
        self.free: list[Any] = []

    def chat(self, request: bytes) -> str:
        if self.socket is None:
            self.socket = socket.create_connection(self.address)
        self.socket.sendall(request)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0 or len(received) < end + 4 + _length(received[:end]):
            received += self.socket.recv(65536)
        return _text(received[end + 4 :])

    async def achat(self, request: bytes) -> str:
        reader, writer = self.free.pop() if self.free else await asyncio.open_connection(*self.address)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        self.free.append((reader, writer))
        return _text(body)

    def stream(self, request: bytes) -> int:
        if self.socket is None:
            self.socket = socket.create_connection(self.address)
        self.socket.sendall(request)
        count, rest = 0, b""
        while True:
            *events, rest = (rest + self.socket.recv(65536)).split(b"\n\n")
            for event in events:
                data = event.partition(b"data: ")[2]
                if data != b"[DONE]":
                    json.loads(data)
                    count += 1
            if rest.endswith(b"0\r\n\r\n"):
                return count


def _length(head: bytes) -> int:
    return int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])


def _text(body: bytes) -> str:
    return json.loads(body)["choices"][0]["message"]["content"]


class Httpx(Client):
    """httpx's clients and json, with nothing around them."""

    def new(self, scene: str) -> str:
        return f"{self.url(scene)}/chat/completions"

    def __init__(self, base: str) -> None:
        super().__init__(base)
        import httpx

        self.http = httpx.Client()
        self.ahttp = httpx.AsyncClient()

    def chat(self, url: str) -> str:
        return _text(self.http.post(url, json=BODY, headers=HEADERS).content)

    async def achat(self, url: str) -> str:
        return _text((await self.ahttp.post(url, json=BODY, headers=HEADERS)).content)

    def stream(self, url: str) -> int:
        count = 0
        with self.http.stream("POST", url, json=BODY, headers=HEADERS) as response:
            for line in response.iter_lines():
                if line.startswith("data: {"):
                    json.loads(line[6:])
                    count += 1
        return count


class Aiohttp(Client):
    """aiohttp's session and json, with nothing around them."""

    def new(self, scene: str) -> str:
        return f"{self.url(scene)}/chat/completions"

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.session: Any = None

    async def achat(self, url: str) -> str:
        import aiohttp

        if self.session is None:
            self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1000))
        async with self.session.post(url, json=BODY, headers=HEADERS) as response:
            return _text(await response.read())


class AzureSDK(Client):
    """azure-ai-inference by itself."""

    def new(self, scene: str) -> Any:
        from azure.ai.inference import ChatCompletionsClient
        from azure.ai.inference.aio import ChatCompletionsClient as AsyncClient
        from azure.core.credentials import AzureKeyCredential

        arguments = {"endpoint": self.url(scene), "credential": AzureKeyCredential(KEY), "model": MODEL}
        return ChatCompletionsClient(**arguments), AsyncClient(**arguments)

    def __init__(self, base: str) -> None:
        super().__init__(base)
        from azure.ai.inference.models import UserMessage

        self.messages = [UserMessage(content=QUESTION)]

    def chat(self, clients: Any) -> str:
        return clients[0].complete(messages=self.messages).choices[0].message.content

    async def achat(self, clients: Any) -> str:
        return (await clients[1].complete(messages=self.messages)).choices[0].message.content

    def stream(self, clients: Any) -> int:
        return sum(1 for _ in clients[0].complete(messages=self.messages, stream=True))

    async def astream(self, clients: Any) -> int:
        count = 0
        async for _ in await clients[1].complete(messages=self.messages, stream=True):
            count += 1
        return count


class Parsed(Client):
    """The answer of one batch, already in memory, parsed again and again, and nothing else."""

    BATCH = 96

    def new_embeddings(self, scene: str) -> bytes:
        body = bodies.embeddings(self.BATCH, int(scene.partition("-")[2]), self.encoding)
        return body.partition(b"\r\n\r\n")[2]

    def embed(self, body: bytes, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), self.BATCH):
            vectors += self.parse(body)[: len(texts) - start]
        return vectors

    def parse(self, body: bytes) -> list[list[float]]:
        return [row["embedding"] for row in self.loads(body)["data"]]

    encoding = "float"
    loads = staticmethod(json.loads)


class ParsedByPydantic(Parsed):
    """JSON numbers read by pydantic_core, which this library depends on."""

    def __init__(self, base: str) -> None:
        super().__init__(base)
        import pydantic_core

        self.loads = pydantic_core.from_json


class ParsedByOrjson(Parsed):
    """JSON numbers read by orjson, the fastest that is in common use."""

    def __init__(self, base: str) -> None:
        super().__init__(base)
        import orjson

        self.loads = orjson.loads


class ParsedFromBase64(ParsedByOrjson):
    """JSON by orjson, base64 and float32 by the standard library."""

    encoding = "base64"

    def parse(self, body: bytes) -> list[list[float]]:
        return [array("f", a2b_base64(row["embedding"])).tolist() for row in self.loads(body)["data"]]


class ParsedFromBase64ByPydantic(Parsed):
    """JSON and base64 by pydantic_core, as this library reads them, float32 by the standard library."""

    encoding = "base64"

    def __init__(self, base: str) -> None:
        super().__init__(base)
        import pydantic_core
        from pydantic import ConfigDict, TypeAdapter

        self.loads = pydantic_core.from_json
        self.decode = TypeAdapter(bytes, config=ConfigDict(val_json_bytes="base64")).validate_strings

    def parse(self, body: bytes) -> list[list[float]]:
        return [array("f", self.decode(row["embedding"])).tolist() for row in self.loads(body)["data"]]
