"""Bytes out and bytes in: the only package that knows an HTTP library, which is imported once a client is made.

`Transport` and `AsyncTransport` are the same few lines twice, without a decision in them: what to send is in
`protocol`, what to try again in `retry`, who asks in `credentials`, how large and how long in `bodies` and `timeouts`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._async import AsyncHttpClient, AsyncTransport, AsyncWire, decoded_async
    from ._proxies import environment_proxy
    from ._settings import TransportSettings
    from ._sync import HttpClient, Transport, Wire, decoded
else:
    from azure_inference.lazy import lazily

    __getattr__, __dir__ = lazily(
        __name__,
        {
            "_async": "AsyncHttpClient AsyncTransport AsyncWire decoded_async",
            "_proxies": "environment_proxy",
            "_settings": "TransportSettings",
            "_sync": "HttpClient Transport Wire decoded",
        },
    )

__all__ = [
    "AsyncHttpClient",
    "AsyncTransport",
    "AsyncWire",
    "HttpClient",
    "Transport",
    "TransportSettings",
    "Wire",
    "decoded",
    "decoded_async",
    "environment_proxy",
]
