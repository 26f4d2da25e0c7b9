"""What clients really sent: the last requests with their answers' status, secrets redacted."""

import re
from collections import deque
from collections.abc import Iterable, Mapping

from azure_inference_emulator.values import JsonObject

_SECRET_HEADERS = frozenset(
    {"authorization", "api-key", "proxy-authorization", "cookie", "x-api-key", "ocp-apim-subscription-key"}
)
_SECRET_QUERY = re.compile(r"key|token|sig|secret|code", re.IGNORECASE)
REDACTED = "[redacted]"


class Journal:
    """A bounded list of requests, oldest first."""

    def __init__(self, length: int) -> None:
        self._entries: deque[JsonObject] = deque(maxlen=max(1, length))

    def add(
        self,
        *,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Iterable[tuple[str, str]],
        body: object,
        status: int,
    ) -> None:
        """Remember one request and the status it was answered with."""
        self._entries.append(
            {
                "method": method,
                "path": path,
                "query": {name: REDACTED if _SECRET_QUERY.search(name) else value for name, value in query.items()},
                "headers": {name: _shown(name, value) for name, value in headers},
                "body": body,
                "status": status,
            }
        )

    def entries(self) -> list[JsonObject]:
        """The remembered requests."""
        return list(self._entries)

    def clear(self) -> None:
        """Forget all requests."""
        self._entries.clear()


def _shown(name: str, value: str) -> str:
    if name.lower() not in _SECRET_HEADERS:
        return value
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {REDACTED}" if space and name.lower() == "authorization" else REDACTED
