"""Refusals: which are tried again, after what wait, and what the others are told as."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from tests.faults.answers import chat, refused, whole
from tests.faults.server import Peer, Step

from ._case import CALLS, Case, answered, fails, fails_once, passes


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _tried_again()
    yield from _waits()
    yield from _told_at_once()
    yield from _parameters_and_filters()
    yield from _odd_refusals()
    yield from _credentials()


def _tried_again() -> Iterator[Case]:
    for status in (500, 503, 504):
        yield from passes("F01", f"{status} once", ("request", refused(status)), calls=CALLS)
    for status in (408, 429, 502, 529):
        yield from passes("F02", f"{status} once", ("request", refused(status)), calls=CALLS)
    told = {"attempts": 3, "status_code": 503}
    script = ("request", refused(503))
    yield from fails("F03", "503 always", "InternalServerError", script, calls=CALLS, requests=3, fields=told)


def _until(seconds: float) -> Step:
    """A refusal until a date, which is made when it is sent."""

    def step(peer: Peer) -> bytes:
        date = datetime.now(UTC) + timedelta(seconds=seconds)
        return refused(429, retry_after=format_datetime(date, usegmt=True))

    return step


def _waits() -> Iterator[Case]:
    for wait in ("1", "0.3"):
        script = ("request", refused(429, retry_after=wait))
        yield from passes("F04", f"Retry-After: {wait}", script, least_wait=float(wait))
    yield from passes("F04", "Retry-After: a date to come", ("request", _until(2)), least_wait=0.9)
    yield from passes("F04", "Retry-After: a date in the past", ("request", _until(-60)))
    for fields in ({"retry_after_ms": 300}, {"x_ms_retry_after_ms": 300}, {"retry_after_ms": 300, "retry_after": 10}):
        name = ", ".join(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())
        yield from passes("F05", name, ("request", refused(429, **fields)), least_wait=0.3)
    told = {"attempts": 1, "status_code": 429}
    date = "Fri, 31 Dec 9999 23:59:59 GMT"
    for wait, name in {"1000000000": None, date: None, "inf": None, "1e999": None, "9" * 400: "400 digits"}.items():
        step = refused(429, retry_after=wait)
        yield from fails_once("F06", f"Retry-After: {name or wait}", "RateLimitError", step, fields=told)
    for wait in ("soon", "Mon, 99 Foo 2026", "nan", "-5", ""):
        yield from passes("F07", f"Retry-After: {wait or 'nothing'}", ("request", refused(429, retry_after=wait)))


def _told_at_once() -> Iterator[Case]:
    step = refused(400, retry_after="1")
    told = {"attempts": 1, "status_code": 400}
    yield from fails_once("F08", "400 with Retry-After: 1", "BadRequestError", step, calls=CALLS, fields=told)
    step = refused(503, x_should_retry="false")
    told = {"attempts": 1, "status_code": 503, "should_retry": False}
    yield from fails_once("F09", "503, x-should-retry: false", "InternalServerError", step, calls=CALLS, fields=told)
    step = refused(429, retry_after="30")
    told = {"attempts": 1, "retry_after": 30.0}
    # The others know no deadline: they would wait and be right.
    yield from fails_once("F12", "beyond the deadline", "RateLimitError", step, fields=told, is_compared=False)


_PARAMETER = {"loc": ["body", "response_format"], "input": "json_object"}
_FILTER = {
    "error": {
        "code": "content_filter",
        "message": "The prompt was filtered.",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"hate": {"filtered": True, "severity": "high"}},
        },
    }
}


def _parameters_and_filters() -> Iterator[Case]:
    message = "One of the parameters contain invalid values."
    bodies = {
        "detail": {"status": 422, "code": "parameter_not_supported", "detail": _PARAMETER, "message": message},
        "error.details": {"error": {"code": "parameter_not_supported", "message": message, "details": [_PARAMETER]}},
    }
    told = {"location": ["body", "response_format"], "value": "json_object", "status_code": 422}
    for name, body in bodies.items():
        script = ("request", refused(422, body))
        yield from fails("F13", name, "ParameterNotSupportedError", script, calls=("chat", "stream"), fields=told)
    told = {"code": "content_filter", "status_code": 400}
    calls = ("chat", "stream")
    yield from fails("F14", "400", "ContentFilterError", ("request", refused(400, _FILTER)), calls=calls, fields=told)
    yield from fails("F14", "an error in a 200", "ContentFilterError", ("request", whole(_FILTER)), calls=calls)
    filtered = {"text": "", "finish": "content_filter"}
    yield from answered("F14", "a finish reason", whole(chat("", "content_filter")), right=filtered)


_ODD = {
    "a page": (b"<html><head><title>Refused</title></head>" + b"<p>Sorry. " * 2000, 400, "BadRequestError"),
    "a page of a gateway": (b"<html>" + b"Bad gateway " * 2000, 502, "InternalServerError"),
    "nothing": (b"", 404, "NotFoundError"),
    "half an object": (b'{"error": {"mess', 500, "InternalServerError"),
    "error: null": ({"error": None}, 401, "AuthenticationError"),
    "error: a text": ({"error": "no"}, 403, "PermissionDeniedError"),
    "a list": ([1, 2], 422, "UnprocessableEntityError"),
    "a number": (b"7", 400, "BadRequestError"),
    "deep": (b'{"error":' * 50_000, 400, "BadRequestError"),
}


def _odd_refusals() -> Iterator[Case]:
    for name, (body, status, error) in _ODD.items():
        requests = 3 if status >= 500 else 1
        script = ("request", refused(status, body))
        told = {"status_code": status}
        yield from fails("F15", f"{status} {name}", error, script, calls=CALLS, requests=requests, fields=told)


def _credentials() -> Iterator[Case]:
    told = {"status_code": 401, "attempts": 1}
    yield from fails_once("F58", "a key", "AuthenticationError", refused(401), calls=CALLS, fields=told)
    # The others take no token over http, or none that is made anew.
    renewed = {"job": {"renews": True}, "is_compared": False}
    yield from passes("F58", "a token that is renewed", ("request", refused(401)), calls=CALLS, **renewed)
