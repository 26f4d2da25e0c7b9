"""What an HTTP library says of a connection that failed, as an error of ours."""

from __future__ import annotations

import re
import ssl

from azure_inference.errors import APIConnectionError
from azure_inference.schema.failures import cut

NO_ANSWER = "Server disconnected without sending a response."
"""What httpcore says of a connection that ended before an answer began: whatever is installed, it is said so."""
_QUOTED = r"(?s)(?<!\w)(?:bytearray\()?b['\"].*"
"""Where an error of an HTTP library begins to quote bytes."""
_SHOWN = 300
"""The most that an error repeats of one of theirs."""
_BROKEN_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
"""What TLS calls a connection that was closed or lost, as any may be."""
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
"""How OpenSSL says that it does not know who made out a certificate."""
_OF_AUTHORITIES = (
    "Check the endpoint; if a company or a proxy has an authority of its own, set SSL_CERT_FILE to a PEM file with all "
    "authorities to trust, or pass http_client and async_http_client."
)


def closed_error(server: str) -> APIConnectionError:
    """The error of a call whose client was closed meanwhile: it is not sent again, as it may have been answered."""
    return APIConnectionError(
        f"the client was closed before {server} had answered: close it once its calls and streams have ended",
        may_pass=False,
    )


def keep_words(error: BaseException | None) -> None:
    """Leaves the errors of an HTTP library a few words of their own.

    The variables of their frames hold the key as sent; what they quote may be a cookie, and as long as a server likes.
    """
    while error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        error.args = tuple(_own_words(argument) if isinstance(argument, str) else argument for argument in error.args)
        keep_words(error.__cause__)
        error = error.__context__


def _own_words(text: str) -> str:
    return cut(" ".join(re.sub(_QUOTED, "", text).split()).rstrip(" :."), _SHOWN)


def connection_error(server: str, error: Exception, *, dropped: bool) -> APIConnectionError:
    """The error for a connection that failed; one that TLS refused is not worth another try."""
    cause: BaseException | None = error
    while cause is not None and (not isinstance(cause, ssl.SSLError) or isinstance(cause, _BROKEN_OFF)):
        cause = cause.__cause__ or cause.__context__
    text = _own_words(str(error)) or type(error).__name__
    if isinstance(cause, ssl.SSLCertVerificationError):
        code = getattr(getattr(cause, "certificate_error", cause), "verify_code", None)  # aiohttp's has it inside
        advice = _OF_AUTHORITIES if code in _UNKNOWN_AUTHORITY else "Check the endpoint."
        return APIConnectionError(f"{server} has no valid certificate: {text}. {advice}", may_pass=False)
    if cause is not None and not dropped:
        return APIConnectionError(f"{server} offers no secure TLS: {text}. Check the endpoint.", may_pass=False)
    what = f"the connection to {server} broke" if dropped else f"no connection to {server}"
    return APIConnectionError(f"{what}: {text}. Check the endpoint and the network.", dropped=dropped)
