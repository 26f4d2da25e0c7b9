"""A connection read by llhttp: what becomes of it when answers are left, late or without end."""

from __future__ import annotations

import gc
import threading
import zlib
from importlib import import_module
from typing import Any

import httpcore
import pytest

from azure_inference import ChatRequest, to_request
from tests.core.conftest import sse

pytest.importorskip("httptools")
ORIGIN = httpcore.Origin(b"http", b"127.0.0.1", 80)
URL = httpcore.URL("http://127.0.0.1/")
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
DONE = b"data: [DONE]\n\n"
ENDS = (None, "stop")
HELLO = to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}]})


class Wire(httpcore.MockStream):
    """What a server sends; `deafness` is how it takes no request, `has_more` says whether more is there."""

    deafness: Exception | None = None
    is_silent = False
    is_closed = False
    has_more = False

    def get_extra_info(self, info: str) -> Any:
        return self.has_more if info == "is_readable" else super().get_extra_info(info)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self.deafness is not None:
            raise self.deafness

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self.is_silent:
            raise httpcore.ReadTimeout
        return super().read(max_bytes, timeout)

    def close(self) -> None:
        self.is_closed = True


def connected(*sent: bytes) -> tuple[Any, Wire]:
    """A connection on which a server sends these bytes, one read after another."""
    read_by: Any = import_module("azure_inference.transport._llhttp")
    wire = Wire([*sent])
    return read_by._Exchanges(ORIGIN, wire, None), wire


def asked(connection: Any) -> Any:
    """The answer to a request, as httpcore's pool makes it of what the connection returns."""
    got = connection.handle_request(httpcore.Request("GET", URL))
    return httpcore.Response(got.status, headers=got.headers, content=got.stream, extensions=got.extensions)


def test_connections_that_are_new() -> None:
    """A connection is not to be had, nor to be closed as idle, before it was used by whom it was made for."""
    connection, _ = connected(WHOLE)
    assert (connection.is_idle(), connection.is_available(), connection.has_expired()) == (False, False, False)
    answer = asked(connection)
    assert answer.read() == b"hi"
    answer.close()
    assert connection.is_available()


def test_idle_connections_with_news() -> None:
    """What a server says while nobody asks retires the connection."""
    connection, wire = connected(WHOLE)
    answer = asked(connection)
    answer.read()
    answer.close()

    assert not connection.has_expired()
    wire.has_more = True
    assert connection.has_expired()


@pytest.mark.parametrize("deafness", [httpcore.WriteError(), httpcore.WriteTimeout()], ids=["gone", "deaf"])
def test_requests_sent_in_part(deafness: Exception) -> None:
    """The answer to a request that could not be sent whole is read, and nothing is asked on that connection again."""
    connection, wire = connected(WHOLE)
    wire.deafness = deafness
    answer = asked(connection)
    assert answer.read() == b"hi"
    answer.close()
    assert wire.is_closed


@pytest.mark.parametrize("sent", [(), (WHOLE[:20],)], ids=["nothing", "half a head"])
def test_servers_that_take_nothing(sent: tuple[bytes, ...]) -> None:
    """A request of which the server takes nothing for long is a timeout of writing, without a head that says more."""
    connection, wire = connected(*sent)
    wire.deafness, wire.is_silent = httpcore.WriteTimeout(), not sent
    with pytest.raises(httpcore.WriteTimeout):
        asked(connection)
    assert wire.is_closed


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: "]
)
def test_heads_and_trailers_without_end(start: bytes) -> None:
    """A head or a trailer that does not end is an error, before it fills the memory."""
    connection, wire = connected(start, *[b"x" * 60_000] * 3)
    with pytest.raises(httpcore.RemoteProtocolError, match="more than 102400 bytes"):
        asked(connection).read()
    assert wire.is_closed


def test_answers_left_after_their_end() -> None:
    """Whoever still holds an answer that was ended, or drops it, does nothing to the next on that connection."""
    connection, wire = connected(WHOLE, WHOLE)
    first = asked(connection)
    pieces = iter(first.stream)
    assert next(pieces) == b"hi"
    first.close()
    second = asked(connection)
    first.close()
    assert list(pieces) == []
    del first, pieces
    gc.collect()
    assert (second.read(), wire.is_closed) == (b"hi", False)


def test_streams_held_after_their_end(server: Any, reply: Any, either: Any) -> None:
    """A stream of which more came than its last piece may be dropped while the next one uses its connection."""
    going_on = threading.Event()
    said = [
        sse({"id": "c", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": end}]}) for end in ENDS
    ]
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(b"".join(said) + DONE + b": and so on\n" * 40_000) + packer.flush()
    server.reply(reply(pieces=[packed], headers={"content-encoding": "gzip"}))
    server.reply(reply(pieces=[said[0], going_on, said[1], DONE]))
    client = either.client(server.url)
    streams = [client.stream_chat(HELLO)]
    assert len([*streams[0]]) == len(ENDS)
    streams.append(client.stream_chat(HELLO))
    streams.pop(0)
    gc.collect()
    going_on.set()
    assert len([*streams[0]]) == len(ENDS)
