"""How a transport sends."""

from typing import TYPE_CHECKING

import msgspec

from azure_inference.credentials import Authorizer, Headers

if TYPE_CHECKING:
    import httpx


class TransportSettings(msgspec.Struct, frozen=True):
    """Who asks, and over how many connections.

    Attributes:
        authorizer: Gives the headers that say who asks, anew for each attempt.
        headers: Sent with every request.
        max_connections: The most connections at once, for each process and each event loop.
        keepalive_expiry: Seconds that an idle one is kept; so are as many as there were at once.
        proxy: What all connections go through; None for none.
    """

    authorizer: Authorizer
    headers: Headers
    max_connections: int
    keepalive_expiry: float = 30.0
    proxy: "httpx.Proxy | None" = None
