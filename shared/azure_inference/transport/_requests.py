"""Calls as requests of HTTP/1.1: what the calls of a client have in common is put together once."""

from __future__ import annotations

import functools
from typing import Any

import httpx

from azure_inference.bodies import NO_COMPRESSION
from azure_inference.credentials import Headers, Secret
from azure_inference.errors import ConfigurationError
from azure_inference.protocol import Call
from azure_inference.timeouts import Timeouts

_REQUEST_ID = "x-ms-client-request-id"
_KEPT = 16
"""How many heads are kept to be used again, one for each kind of call; they go when the client does."""


@functools.lru_cache(maxsize=256)
def parsed_url(text: str) -> httpx.URL:
    """The URL of a call, parsed once: a client has but a few."""
    return httpx.URL(text)


class Requests:
    """Requests for httpx's transports, made of what is ready to be sent: httpx has nothing left to find out.

    `own` are the headers that all of them have, unless a call says otherwise.
    """

    def __init__(self, own: Headers) -> None:
        self._common = functools.lru_cache(_KEPT)(functools.partial(_common_headers, own))

    def make(self, call: Call[Any], authorization: Headers, timeouts: Timeouts) -> httpx.Request:
        """The request of one attempt."""
        limits = {"connect": timeouts.connect, "read": timeouts.read, "write": timeouts.write, "pool": timeouts.pool}
        request = httpx.Request(
            call.endpoint.method,
            parsed_url(call.url),
            headers=self._common(call.url, authorization, call.headers),
            stream=httpx.ByteStream(call.body),
            extensions={"timeout": limits},
        )
        request.headers[_REQUEST_ID] = call.client_request_id
        if call.body:
            request.headers["content-length"] = str(len(call.body))
        return request


class Heads:
    """What goes before the bodies of calls; `own` are the headers that all have, unless a call says otherwise."""

    def __init__(self, own: Headers) -> None:
        self._common = functools.lru_cache(_KEPT)(functools.partial(_common_lines, own))

    def make(self, call: Call[Any], authorization: Headers) -> bytes:
        """The head of one attempt."""
        lines = self._common(call.endpoint.method, call.url, authorization, call.headers)
        length = f"content-length: {len(call.body)}\r\n" if call.body else ""
        return f"{lines}{_REQUEST_ID}: {call.client_request_id}\r\n{length}\r\n".encode("ascii")


def _merged(own: Headers, authorization: Headers, given: Headers) -> dict[str, str]:
    """Each header once: what a call says goes before what is usual."""
    return {**dict(own), **dict(authorization), **dict(given)}


def _common_headers(own: Headers, address: str, authorization: Headers, given: Headers) -> httpx.Headers:
    pairs = _merged(own, authorization, given).items()
    raw = [(name.encode("ascii"), value.encode("ascii")) for name, value in pairs]
    return httpx.Headers([(b"host", parsed_url(address).netloc), *raw])


def _common_lines(own: Headers, method: str, address: str, authorization: Headers, given: Headers) -> str:
    url = parsed_url(address)
    start = (f"{method} {url.raw_path.decode()} HTTP/1.1", f"host: {url.netloc.decode()}")
    headers = _merged(own, authorization, given)
    text = Secret("\r\n".join([*start, *(f"{name}: {value}" for name, value in headers.items())]))
    if max(text.count("\n"), text.count("\r")) > len(headers) + 1 or not text.isascii():
        raise ConfigurationError(
            "a header of the request holds the end of a line, or a letter outside ASCII (value withheld)"
        )
    return f"{text}\r\n"


def to_request_of(client: httpx.Client | httpx.AsyncClient, call: Call[Any], authorization: Headers) -> httpx.Request:
    """The request by way of a client of the user's, with that client's headers, proxies and timeouts.

    Of the headers that are ours without being a call's, only one replaces the client's: it would ask for compression.
    The client's parameters, if it has any, go before those of the URL, of which httpx would keep none.
    """
    url = parsed_url(call.url)
    headers = {_REQUEST_ID: call.client_request_id, **_merged((NO_COMPRESSION,), authorization, call.headers)}
    params = url.params if client.params else None
    return client.build_request(call.endpoint.method, url, params=params, headers=headers, content=call.body or None)
