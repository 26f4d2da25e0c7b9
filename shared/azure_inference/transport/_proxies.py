"""The proxy that the environment names, for those who ask for it."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from azure_inference.credentials import Secret
from azure_inference.errors import ConfigurationError


def environment_proxy(origin: str) -> httpx.Proxy | None:
    """The proxy for a server by HTTPS_PROXY, ALL_PROXY and NO_PROXY.

    None for one of plain http: a proxy could read the credential there, and of https it only passes the bytes on.

    Raises:
        ConfigurationError: It is no http(s) URL; the value is withheld, since it may hold a password.
    """
    address = _address(origin)
    proxy = _proxy(address) if address else None
    if address and proxy is None:
        raise ConfigurationError(
            "trust_env=True found a proxy in HTTPS_PROXY or ALL_PROXY that is no http(s) URL (value withheld): correct "
            "it, or pass http_client and async_http_client"
        )
    return proxy


def _address(origin: str) -> Secret | None:
    parts = urlsplit(origin)
    if parts.scheme != "https" or proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    address = proxies.get("https") or proxies.get("all")
    if not address:
        return None
    return Secret(address if "://" in address else f"http://{address}")


def _proxy(address: Secret) -> httpx.Proxy | None:
    try:
        proxy = httpx.Proxy(address)
    except (ValueError, httpx.InvalidURL):
        return None
    return proxy if proxy.url.scheme in ("http", "https") and proxy.url.host else None
