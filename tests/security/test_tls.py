"""TLS that is not to be trusted: refused with clear words, not tried again, and no key sent."""

from __future__ import annotations

import gc
import re
import socket
import ssl
import sys
import threading
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from azure_inference import (
    APIConnectionError,
    ConfigurationError,
    InferenceClient,
    ResponseValidationError,
    Timeouts,
)
from azure_inference.transport import _tls

from .doors import DOORS, WAYS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CA = trustme.CA()
MOVED = b"HTTP/1.1 307 Moved\r\nlocation: http://localhost:%d/models\r\ncontent-length: 0\r\n\r\n"


class TlsServer:
    """A server that speaks TLS as its case has it, and answers that one is to go on without TLS."""

    def __init__(self, case: str) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self._connection: ssl.SSLSocket | None = None
        self._ears = threading.Event()
        if case not in ("deaf", "silent"):
            self._ears.set()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        host = "example.org" if case == "wrong host" else "localhost"
        (trustme.CA() if case == "unknown CA" else CA).issue_cert(host).configure_cert(self._context)
        if case == "TLS 1.1":
            self._context.minimum_version = ssl.TLSVersion.TLSv1
            self._context.maximum_version = ssl.TLSVersion.TLSv1_1
            self._context.set_ciphers("ALL:@SECLEVEL=0")
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=20)
        self.port = self._listener.getsockname()[1]
        self.asked = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(case,), daemon=True)
        self._thread.start()

    def _serve(self, case: str) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            plain.settimeout(20)
            try:
                with self._context.wrap_socket(plain, server_side=True) as connection:
                    self._connection = connection
                    self.requests.append(connection.recv(65536))
                    self.asked.set()
                    if case != "silent":
                        connection.sendall(MOVED % self.port)
                    self._ears.wait(20)
                    connection.recv(65536)
            except OSError:
                plain.close()

    def close(self) -> None:
        self._ears.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._connection is not None:
            with suppress(OSError):  # closed already
                socket.socket.shutdown(self._connection, socket.SHUT_RDWR)
        self._thread.join(20)


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Meanwhile the authority of these tests is trusted, as those of the system are."""
    _tls.tls_context.cache_clear()
    context = _tls.tls_context()
    CA.configure_trust(context)
    yield
    _tls.tls_context.cache_clear()


@pytest.fixture
def tls(request: pytest.FixtureRequest) -> Iterator[TlsServer]:
    """A server for the case that is asked for."""
    server = TlsServer(request.param)
    yield server
    server.close()


def failure(door: str, way: str, server: TlsServer) -> Any:
    """The error that a call ends with, which may be tried again twice."""
    model = DOORS[door].model(way, endpoint=f"https://localhost:{server.port}/models", credential="canary-5ecret")
    with pytest.raises((APIConnectionError, ResponseValidationError)) as caught:
        DOORS[door].ask(way, model)
    return caught.value


EACH = pytest.mark.parametrize(
    ("door", "way"), [(door, way) for door in DOORS for way in WAYS if door == "core" or way in ("chat", "astream")]
)


@pytest.mark.parametrize(
    ("tls", "words"),
    [
        ("wrong host", r"no valid certificate.*Check the endpoint\.$"),
        ("unknown CA", "no valid certificate.*set SSL_CERT_FILE.* or pass http_client"),
        ("TLS 1.1", "no secure TLS"),
    ],
    indirect=["tls"],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
@EACH
def test_refused(trusting: None, tls: TlsServer, door: str, way: str, words: str) -> None:
    """A certificate of another host or an unknown authority, or an old TLS, is refused, once, and said to be why."""
    error = failure(door, way, tls)

    assert isinstance(error, APIConnectionError)
    assert re.search(words, error.message)
    assert (error.attempts, tls.connections, tls.requests) == (1, 1, [])


@pytest.fixture
def _own_context() -> Iterator[None]:
    """Meanwhile the context is made anew."""
    _tls.tls_context.cache_clear()
    yield
    _tls.tls_context.cache_clear()


@pytest.mark.parametrize("tls", [""], indirect=True)
@pytest.mark.usefixtures("_own_context")
@EACH
def test_authorities_of_a_company(
    tls: TlsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, door: str, way: str
) -> None:
    """SSL_CERT_FILE names the authorities to trust, whatever `trust_env` says."""
    CA.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    failure(door, way, tls)  # which is the redirect of an answer

    assert len(tls.requests) == 1


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSLKEYLOGFILE"])
@pytest.mark.usefixtures("_own_context")
@EACH
def test_files_that_are_none(monkeypatch: pytest.MonkeyPatch, name: str, door: str, way: str) -> None:
    """A file that the environment names and nobody can open is said to be what is wrong."""
    for other in ("SSL_CERT_FILE", "SSLKEYLOGFILE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "/nowhere/file.pem")
    model = DOORS[door].model(way, endpoint="https://localhost:9/models", credential="canary-5ecret")

    with pytest.raises(ConfigurationError, match=f"correct or unset {name}='/nowhere/file.pem' "):
        DOORS[door].ask(way, model)


@pytest.mark.parametrize("tls", [""], indirect=True)
@EACH
def test_redirects_out_of_tls(trusting: None, tls: TlsServer, door: str, way: str) -> None:
    """A server that sends one on to plain http on the same host gets one request and no other."""
    error = failure(door, way, tls)

    assert isinstance(error, ResponseValidationError)
    assert "redirect" in str(error)
    assert (error.attempts, tls.connections, len(tls.requests)) == (1, 1, 1)


@pytest.mark.parametrize("tls", ["deaf"], indirect=True)
@pytest.mark.parametrize("way", WAYS)
def test_ends_without_a_farewell(trusting: None, tls: TlsServer, way: str) -> None:
    """No connection outlives its event loop because the server does not answer that it is over."""
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        failure("core", way, tls)
        gc.collect()

    assert [str(complaint.message) for complaint in complaints] == []


@pytest.mark.parametrize("tls", ["silent"], indirect=True)
@pytest.mark.parametrize("library", ["llhttp", "h11"])
@pytest.mark.usefixtures("trusting")
def test_closing_while_a_server_is_silent(tls: TlsServer, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that waits for an answer is told when its client is closed, over TLS too."""
    if library == "h11":
        monkeypatch.setitem(sys.modules, "azure_inference.transport._llhttp", None)
    client = InferenceClient(f"https://localhost:{tls.port}/models", "canary-5ecret", timeout=Timeouts(read=None))
    errors: list[APIConnectionError] = []

    def call() -> None:
        with pytest.raises(APIConnectionError, match="was closed") as caught:
            client.info()
        errors.append(caught.value)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    assert tls.asked.wait(20)
    client.close()
    thread.join(20)
    assert len(errors) == tls.connections == 1
