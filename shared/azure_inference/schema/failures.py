"""What a server says when a request fails: its many shapes, read into one."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from ._base import WireModel

_REQUEST_ID_HEADERS = ("apim-request-id", "x-request-id", "x-ms-client-request-id")
_MESSAGE_LIMIT = 500
_NESTING_LIMIT = 4
_EXTRAS_NAMED = re.compile(r"Extra parameters \[([^\]]*)\]")
_PARAMETER_NAMED = re.compile(r"(?:[Uu]nsupported parameter|Validation error at #/)\W*(\w+)")


class Failure(WireModel):
    """One failure in one form, whatever shape it came in.

    `status` is the true one: a status that Managed Compute hid behind 424 is uncovered. `location` is the path of the
    refused value, such as `["body", "messages", 0, "role"]`, and `value` the value itself. `body` is what was sent.
    """

    status: int
    code: str | None = None
    message: str = ""
    param: str | None = None
    location: list[str | int] = []
    value: Any = None
    details: list[Any] = []
    inner_code: str | None = None
    content_filter: dict[str, Any] = {}
    request_id: str | None = None
    retry_after: float | None = None
    body: Any = None


def read_failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Reads an answer that is not a success. `headers` have lower-case names. Never raises."""
    true_status = headers.get("ms-azureml-model-error-statuscode", "")
    if status == 424 and true_status.isdigit():
        status = int(true_status)
    request_id = next((headers[name] for name in _REQUEST_ID_HEADERS if headers.get(name)), None)
    value = _parsed(body)
    found = _Found()
    found.read(value)
    code = found.code or headers.get("x-ms-error-code")
    return Failure(
        status=status,
        code=code,
        message=_short(found.message or _plain(value)),
        param=found.param or _named_parameter(found.message),
        location=found.location,
        value=found.value,
        details=found.details,
        inner_code=found.inner_code,
        content_filter=found.content_filter,
        request_id=request_id,
        retry_after=retry_after(headers, now=time.time()),
        body=value,
    )


def is_failure(value: Any) -> bool:
    """Whether a JSON value that came with status 200, or as a stream event, is in truth a failure."""
    if not isinstance(value, dict):
        return False
    if value.get("error"):
        return True
    return not value.keys() & {"choices", "data"} and "message" in value and bool(value.keys() & {"code", "status"})


def status_of(value: Any, default: int) -> int:
    """The HTTP status that a failure inside a 200 names, or `default`."""
    inner = value.get("error") if isinstance(value, dict) else None
    for part in (inner, value):
        if isinstance(part, dict):
            for key in ("status", "statusCode", "code"):
                number = part.get(key)
                if str(number).isdigit() and 400 <= int(str(number)) <= 599:
                    return int(str(number))
    return default


class _Found:
    """What has been found so far while walking through an error body, outer parts first."""

    def __init__(self) -> None:
        self.code: str | None = None
        self.message = ""
        self.param: str | None = None
        self.location: list[str | int] = []
        self.value: Any = None
        self.details: list[Any] = []
        self.inner_code: str | None = None
        self.content_filter: dict[str, Any] = {}

    def read(self, value: Any, depth: int = 0) -> None:
        """Reads one level; the deeper level knows more, so it is read first and kept."""
        if depth > _NESTING_LIMIT:
            return
        if isinstance(value, str):
            self._read_text(value, depth)
        elif isinstance(value, list):
            for item in value:
                self._read_detail(item)
        elif isinstance(value, dict):
            self._read_object(value, depth)

    def _read_text(self, text: str, depth: int) -> None:
        inner = _parsed(text.encode("utf-8", "replace")) if text.lstrip()[:1] in ("{", "[") else None
        if isinstance(inner, dict | list):
            self.read(inner, depth + 1)
        self.message = self.message or text

    def _read_object(self, value: dict[str, Any], depth: int) -> None:
        for key in ("error", "message", "detail", "details"):
            inner = value.get(key)
            if isinstance(inner, dict) and ("loc" in inner or "input" in inner):
                self._read_detail(inner)
            elif inner:
                self.read(inner, depth + 1)
        self._read_codes(value)
        for key in ("innererror", "inner_error"):
            self._read_inner(value.get(key))
        status = value.get("status")
        if isinstance(status, str) and not status.isdigit() and not self.message:
            self.message = status

    def _read_codes(self, value: dict[str, Any]) -> None:
        code = value.get("code")
        if self.code is None and code not in (None, ""):
            self.code = str(code)
        if self.param is None and isinstance(value.get("param"), str):
            self.param = value["param"]

    def _read_detail(self, item: Any) -> None:
        if not isinstance(item, dict):
            self.message = self.message or (item if isinstance(item, str) else "")
            return
        self.details.append(item)
        location = item.get("loc")
        if isinstance(location, list | tuple) and not self.location:
            self.location = [part if isinstance(part, int) else str(part) for part in location]
            self.value = item.get("input", item.get("value"))
        text = item.get("msg") or item.get("message")
        if isinstance(text, str) and not self.message:
            self.message = text

    def _read_inner(self, inner: Any) -> None:
        if not isinstance(inner, dict):
            return
        if inner.get("code") is not None:
            self.inner_code = str(inner["code"])
        for key in ("content_filter_result", "content_filter_results"):
            if isinstance(inner.get(key), dict):
                self.content_filter = inner[key]


def _parsed(body: bytes) -> Any:
    """The JSON value of a body, or its text."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def _plain(value: Any) -> str:
    """Something to show of a body without a message: never markup."""
    if isinstance(value, str):
        return "" if value.lstrip().startswith("<") else value.strip()
    return ""


def _short(text: str) -> str:
    return text if len(text) <= _MESSAGE_LIMIT else text[: _MESSAGE_LIMIT - 3] + "..."


def _named_parameter(message: str) -> str | None:
    """The parameter that only the text of a message names."""
    if extras := _EXTRAS_NAMED.search(message):
        return extras[1].split(",")[0].strip(" '\"") or None
    named = _PARAMETER_NAMED.search(message)
    return named[1] if named else None


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """The seconds a server asks to wait, by `retry-after-ms`, `x-ms-retry-after-ms` or `Retry-After`; else None.

    A value that makes no sense counts as absent. `headers` have lower-case names, `now` is Unix time.
    """
    for name, scale in (("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        seconds = _seconds(text.strip(), scale) if name != "retry-after" else _seconds_or_date(text.strip(), now)
        if seconds is not None:
            return seconds
    return None


def _seconds(text: str, scale: float) -> float | None:
    try:
        seconds = float(text) * scale
    except ValueError:
        return None
    return None if math.isnan(seconds) or seconds < 0 else seconds


def _seconds_or_date(text: str, now: float) -> float | None:
    seconds = _seconds(text, 1.0)
    if seconds is not None:
        return seconds
    try:
        waited = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return waited if waited > 0 else None
