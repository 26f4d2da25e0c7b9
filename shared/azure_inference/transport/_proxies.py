"""The proxy that the environment names, for those who ask for it."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import httpx

from azure_inference.credentials import Secret
from azure_inference.errors import APIConnectionError, APITimeoutError, ConfigurationError, InferenceError


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
            "trust_env=True found a proxy in HTTPS_PROXY or ALL_PROXY that is not an http(s) URL (value withheld): "
            "correct it, or pass http_client and async_http_client"
        )
    return proxy


def name_proxy(error: InferenceError, server: str, proxy: httpx.Proxy | None) -> None:
    """Adds to the error of an attempt which proxy it went through, or that one is there which is not asked."""
    if not isinstance(error, APIConnectionError):
        return
    if proxy is not None:
        hint = f"It was sent through the proxy {proxy.url.netloc.decode()} of the environment: check that, too."
    elif _is_unmade(error) and _address(server):
        hint = "The environment names a proxy (HTTPS_PROXY, ALL_PROXY) that is not read: pass trust_env=True."
    else:
        return
    error.message = f"{error.message}{'' if error.message.endswith('.') else '.'} {hint}"
    error.args = (error.message,)


def _is_unmade(error: APIConnectionError) -> bool:
    """Whether there was no connection at all."""
    if isinstance(error, APITimeoutError):
        return error.phase == "connect"
    return error.may_pass and not error.dropped


def _address(origin: str) -> Secret | None:
    parts = urlsplit(origin)
    proxies = getproxies_environment()  # without those of the system, which macOS and Windows have: nobody named them
    if parts.scheme != "https" or not proxies or proxy_bypass(parts.netloc):
        return None
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
