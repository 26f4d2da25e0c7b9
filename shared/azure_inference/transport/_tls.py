"""How connections are made safe, for all that makes them."""

from __future__ import annotations

import functools
import os
import ssl

import httpx

from azure_inference.errors import ConfigurationError

_VARIABLES = ("SSL_CERT_FILE", "SSLKEYLOGFILE")
"""What names a file that httpx or Python's `ssl` opens."""


@functools.cache
def tls_context() -> ssl.SSLContext:
    """One TLS context for the whole process: loading the certificates takes longer than a request.

    Its authorities are those of certifi, or what SSL_CERT_FILE or SSL_CERT_DIR names.

    Raises:
        ConfigurationError: A file that the environment names cannot be used.
    """
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        set_there = [f"{name}={os.environ[name]!r}" for name in _VARIABLES if os.environ.get(name)]
        raise ConfigurationError(
            f"TLS cannot be set up ({error.strerror or error}): correct or unset {', '.join(set_there)}"
        ) from None
