"""Clients of the user's: those of httpx are taken, of the kind that the code which calls them is written for."""

from __future__ import annotations

from typing import Any

import httpx

from azure_inference.errors import ConfigurationError, with_article

_KINDS: dict[str, type] = {"http_client": httpx.Client, "async_http_client": httpx.AsyncClient}


def check_client(name: str, client: Any) -> None:
    """Raises `ConfigurationError` unless a client is what the argument of this name takes."""
    kind = _KINDS[name]
    if isinstance(client, kind):
        return
    other = next((other for other, its_kind in _KINDS.items() if isinstance(client, its_kind)), None)
    remedy = f", or pass this one as {other}" if other else ""
    own_name = f"{type(client).__module__}.{type(client).__qualname__}".removeprefix("builtins.")
    given = "a class" if isinstance(client, type) else with_article(own_name)
    raise ConfigurationError(f"{name} is {given}: pass an httpx.{kind.__name__}{remedy}")
