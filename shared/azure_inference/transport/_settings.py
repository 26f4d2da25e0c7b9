"""How a transport sends."""

from typing import TYPE_CHECKING, NamedTuple

from azure_inference.credentials import Authorizer, Headers
from azure_inference.retry import RetryBudget, RetryPolicy
from azure_inference.timeouts import Timeouts

if TYPE_CHECKING:
    import httpx


class TransportSettings(NamedTuple):
    """Who asks, what is tried again, how long it waits, and over how many connections.

    Attributes:
        authorizer: Gives the headers that say who asks, anew for each attempt.
        retry: Which failures are tried again.
        budget: What is left to spend on that.
        timeouts: How long a call and its phases may take.
        headers: Sent with every request.
        max_connections: The most connections at once, for each process and each event loop.
        keepalive_expiry: Seconds that an idle one is kept; so are as many as there were at once.
        proxy: What all connections go through; None for none.
    """

    authorizer: Authorizer
    retry: RetryPolicy
    budget: RetryBudget
    timeouts: Timeouts
    headers: Headers
    max_connections: int
    keepalive_expiry: float = 30.0
    proxy: "httpx.Proxy | None" = None
