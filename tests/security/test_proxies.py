"""Proxies of the environment: only where they are asked for, only for https, and they see no key."""

from __future__ import annotations

import asyncio
import importlib
import json
import select
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trustme

from azure_inference import APIConnectionError, ConfigurationError, InferenceClient
from azure_inference.transport import _tls

from .doors import DOORS, HELLO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CA = trustme.CA()
KEY = "canary-5ecret"
BODY = b'{"id": "c", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


class Listener:
    """A server on this machine that does the same with each connection, in a thread of its own."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=20)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.settimeout(20)
            thread = threading.Thread(target=self._serve_one, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve_one(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._serve(connection)
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(20)


class Place:
    """A server that speaks TLS, a proxy that leads there, and what each of them was told."""

    def __init__(self) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        CA.issue_cert("localhost").configure_cert(self._context)
        self.asked: list[bytes] = []
        self.through: list[bytes] = []
        self.surplus = b""
        self.refusal = b""
        self.server = Listener(self._answer)
        self.proxy = Listener(self._pass_on)
        self.url = f"https://localhost:{self.server.port}/models"

    def _answer(self, plain: socket.socket) -> None:
        with self._context.wrap_socket(plain, server_side=True) as connection:
            while request := connection.recv(65536):
                while not request.endswith(b"}"):
                    request += connection.recv(65536)
                self.asked.append(request)
                connection.sendall(ANSWER + self.surplus)

    def _pass_on(self, near: socket.socket) -> None:
        self.through.append(near.recv(65536))
        if self.refusal:
            near.sendall(self.refusal)
            return
        with socket.create_connection(("127.0.0.1", self.server.port), 20) as far:
            near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            other = {near: far, far: near}
            while True:
                ready, _, _ = select.select([near, far], [], [], 20)
                data = ready[0].recv(65536) if ready else b""
                if not data:
                    return
                self.through.append(data)
                other[ready[0]].sendall(data)

    def close(self) -> None:
        self.proxy.close()
        self.server.close()


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Both of them, named by the environment; the authority of these tests is trusted meanwhile."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    _tls.tls_context.cache_clear()
    CA.configure_trust(_tls.tls_context())
    place = Place()
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{KEY}-of-the-proxy@127.0.0.1:{place.proxy.port}")
    yield place
    place.close()
    _tls.tls_context.cache_clear()


EACH = pytest.mark.parametrize(
    ("door", "way"), [(door, way) for door in DOORS for way in ("chat", "achat")], ids=lambda word: word
)


@EACH
def test_asked_for(place: Place, door: str, way: str) -> None:
    """With `trust_env`, a call goes through the proxy, which is told the host and its own password, and no key."""
    DOORS[door].ask(way, DOORS[door].model(way, endpoint=place.url, credential=KEY, trust_env=True))

    assert len(place.asked) == place.proxy.connections == 1
    assert f"api-key: {KEY}\r\n".encode() in place.asked[0]
    assert place.through[0].startswith(f"CONNECT localhost:{place.server.port} HTTP/1.1\r\n".encode())
    assert b"proxy-authorization: basic " in place.through[0].lower()
    assert not any(b"api-key" in data or b"Bearer" in data for data in place.through)
    assert b"roxy-" not in place.asked[0]


@EACH
def test_not_asked_for(place: Place, door: str, way: str) -> None:
    """Without it, nobody goes through the proxy."""
    DOORS[door].ask(way, DOORS[door].model(way, endpoint=place.url, credential=KEY))

    assert (len(place.asked), place.proxy.connections) == (1, 0)


@pytest.mark.parametrize("hosts", ["localhost", "example.com,localhost", "*"])
def test_exceptions(place: Place, monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    """NO_PROXY names hosts that are reached directly."""
    monkeypatch.setenv("NO_PROXY", hosts)
    InferenceClient(place.url, KEY, trust_env=True).chat(HELLO)

    assert (len(place.asked), place.proxy.connections) == (1, 0)


def test_all_proxy(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """ALL_PROXY is for https too, and may do without a scheme."""
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.setenv("ALL_PROXY", f"127.0.0.1:{place.proxy.port}")
    InferenceClient(place.url, KEY, trust_env=True).chat(HELLO)

    assert (len(place.asked), place.proxy.connections) == (1, 1)


def test_plain_http_is_reached_directly(monkeypatch: pytest.MonkeyPatch, server: Any) -> None:
    """What is not encrypted is not shown to a proxy."""
    for name in VARIABLES[:3]:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server.reply_json(json.loads(BODY))

    InferenceClient(server.url, KEY, trust_env=True).chat(HELLO)


@pytest.mark.parametrize("surplus", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"])
@pytest.mark.parametrize("way", ["chat", "achat"])
def test_connections_through_a_proxy(place: Place, way: str, surplus: bytes) -> None:
    """They are used again, but not one whose server sent more than its answer."""
    place.surplus = surplus

    async def ask_async() -> list[str]:
        async with connection.async_client as client:
            return [(await client.chat(HELLO)).id or "" for _ in range(2)]

    connection = DOORS["core"].model(way, endpoint=place.url, credential=KEY, trust_env=True)
    if way == "chat":
        with connection.client as client:
            answers = [client.chat(HELLO).id for _ in range(2)]
    else:
        answers = asyncio.run(ask_async())

    assert answers == ["c", "c"]
    assert place.proxy.connections == (2 if surplus else 1)


@EACH
@pytest.mark.parametrize("case", ["it refuses", "nobody is there"])
def test_proxies_that_lead_nowhere(
    place: Place, monkeypatch: pytest.MonkeyPatch, case: str, door: str, way: str
) -> None:
    """A proxy that lets nobody through, or is dead, is a connection that cannot be made; it is named, not its key."""
    address = f"127.0.0.1:{place.proxy.port if case == 'it refuses' else 9}"
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{KEY}-of-the-proxy@{address}")
    place.refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"
    model = DOORS[door].model(way, endpoint=place.url, credential=KEY, trust_env=True, max_retries=0)

    with pytest.raises(APIConnectionError, match=f"through the proxy {address} of the environment") as caught:
        DOORS[door].ask(way, model)
    assert ("407 Proxy Authentication Required" in str(caught.value)) is (case == "it refuses")
    assert caught.value.args == (caught.value.message,)
    assert KEY not in str(caught.value)
    assert place.asked == []


def nobody_knows(*asked: Any, **more: Any) -> Any:
    """What a name server says of a name that there is not."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("has_aiohttp", [True, False])
@pytest.mark.parametrize(
    ("endpoint", "told"),
    [("https://localhost:9/models", True), ("https://no.invalid/models", True), ("http://localhost:9/models", False)],
)
@EACH
def test_a_proxy_that_nobody_asks_for(  # noqa: PLR0917
    monkeypatch: pytest.MonkeyPatch, door: str, way: str, endpoint: str, told: bool, has_aiohttp: bool
) -> None:
    """Where a server cannot be reached directly, and there is a proxy for it, the error says how to go through it."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    if not has_aiohttp:
        monkeypatch.setattr("azure_inference.transport._engines.find_spec", lambda name: None)
    if "localhost" not in endpoint:
        monkeypatch.setattr("socket.getaddrinfo", nobody_knows)
    errors: list[str] = []
    for proxy, excepted in (("", ""), (f"http://user:{KEY}@127.0.0.1:9", ""), ("http://127.0.0.1:9", "*")):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setenv("NO_PROXY", excepted)
        model = DOORS[door].model(way, endpoint=endpoint, credential=KEY, max_retries=0)
        with pytest.raises(APIConnectionError, match=r"Check the endpoint and the network\.") as caught:
            DOORS[door].ask(way, model)
        errors.append(str(caught.value))

    assert ["pass trust_env=True" in error for error in errors] == [False, told, False]


def test_settings_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS and Windows, proxies may also be set for the whole system: those are neither used nor spoken of."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"https": "http://127.0.0.1:9"})
    monkeypatch.setattr("urllib.request.proxy_bypass", lambda host: False)
    proxies = importlib.import_module("azure_inference.transport._proxies")
    try:
        importlib.reload(proxies)  # where what reads the settings of the system would be bound
        assert proxies.environment_proxy("https://x.services.ai.azure.com") is None
        error = APIConnectionError("no connection")
        proxies.name_proxy(error, "https://x.services.ai.azure.com", None)
        assert str(error) == "no connection"
    finally:
        monkeypatch.undo()
        importlib.reload(proxies)


def test_a_client_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of the user's has its own rules for proxies: nothing is said of ours."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with (
        httpx.Client(trust_env=False) as client,
        pytest.raises(APIConnectionError) as caught,
    ):
        InferenceClient("https://localhost:9/models", KEY, max_retries=0, http_client=client).chat(HELLO)
    assert "proxy" not in str(caught.value)


@pytest.mark.parametrize("address", [f"socks5://user:{KEY}@127.0.0.1:1", "http://", f"http://user:{KEY}@[::1"])
def test_proxies_that_are_none(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """What is no address of a proxy is refused where the client is made, and not shown."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", address)

    with pytest.raises(ConfigurationError, match="trust_env=True") as caught:
        InferenceClient("https://x.services.ai.azure.com/models", "key", trust_env=True)
    assert KEY not in str(caught.value)
