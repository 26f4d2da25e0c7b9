"""Bytes out and bytes in: the only package that knows an HTTP library, which is imported once a client is made.

`Transport` and `AsyncTransport` are the same few lines twice, without a decision in them: what to send is in
`protocol`, what to try again in `retry`, who asks in `credentials`, how large and how long in `bodies` and `timeouts`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._async import AsyncHttpClient, AsyncOpenResponse, AsyncTransport, decoded_async
    from ._clients import check_client
    from ._proxies import environment_proxy
    from ._settings import TransportSettings
    from ._sync import HttpClient, OpenResponse, Transport, decoded
else:
    from azure_inference.lazy import lazy_exports

    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "_async": "AsyncHttpClient AsyncTransport AsyncOpenResponse decoded_async",
            "_clients": "check_client",
            "_proxies": "environment_proxy",
            "_settings": "TransportSettings",
            "_sync": "HttpClient Transport OpenResponse decoded",
        },
    )

__all__ = [
    "AsyncHttpClient",
    "AsyncOpenResponse",
    "AsyncTransport",
    "HttpClient",
    "OpenResponse",
    "Transport",
    "TransportSettings",
    "check_client",
    "decoded",
    "decoded_async",
    "environment_proxy",
]
