"""What a server says when a request fails: its many shapes, read into one."""

import ast
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any

import msgspec

from ._json import is_array, is_object, read_json

_FLAGS = {"true": True, "false": False}
_REQUEST_ID_HEADERS = ("apim-request-id", "x-request-id", "x-ms-client-request-id")
_MESSAGE_LIMIT = 500
_SHOWN = 80
"""The most that a message repeats of a code, a path or a value."""
_NESTING_LIMIT = 8
_REPR_LIMIT = 20_000
_READ_LIMIT = 4000
"""The most of a message that is searched for what it names: it may repeat much of the request."""
EXTRAS_NAMED = r"Extra parameters \[([^\]]*)\]"
"""How a message lists the extra parameters that were refused."""
_PARAMETER_NAMED = r"(?:[Uu]nsupported parameter|Validation error at #/)\W*(\w+)"
_SECONDS_IN = {
    **dict.fromkeys(("ms", "millisecond"), 0.001),
    **dict.fromkeys(("h", "hr", "hour"), 3600.0),
    **dict.fromkeys(("m", "min", "minute"), 60.0),
    **dict.fromkeys(("s", "sec", "second"), 1.0),
}
"""The units of a wait: `ms` comes before `m`, which may have an `s` after it, too."""
_SPAN = rf"(\d+(?:\.\d+)?) ?({'|'.join(_SECONDS_IN)})s?(?![a-z])"
_WAIT_NAMED = rf"(?ai)(?:(?:retry|try again) (?:after|in)|\bwait(?: for)?) ((?:{_SPAN}(?:,? (?:and )?)?)+)"
UNSUPPORTED_CODES = frozenset({"parameternotsupported", "unsupportedparameter", "unsupportedvalue", "extraforbidden"})
"""The codes, by their `keyword`, of a refusal of one parameter, or of its value, because of the model."""
_PAGE = r"(?i)\s*<(?:!doctype\s+html|html)\b"
_MARKUP = r"<[^>]{,1000}>"
_TITLE = r"(?is)<title[^>]*>(.*?)</title>"
_OUTER = ("body", "query", "path", "header")
_DETAIL_TEXTS = 3
_ID_LIMIT = 128
_STATUS_BY_KEYWORD = {
    **dict.fromkeys(("badrequest", "invalidrequest", "invalidvalue", "unsupportedparameter", "unsupportedvalue"), 400),
    **dict.fromkeys(("unknownmodel", "operationnotsupported", "contextlengthexceeded"), 400),
    **dict.fromkeys(("contentfilter", "responsibleaipolicyviolation"), 400),
    **dict.fromkeys(("unauthorized", "authentication", "invalidapikey"), 401),
    **dict.fromkeys(("forbidden", "permissiondenied"), 403),
    **dict.fromkeys(("notfound", "resourcenotfound", "deploymentnotfound", "modelnotfound"), 404),
    "tokenslimitreached": 413,
    **dict.fromkeys(("invalidinput", "parameternotsupported", "extraforbidden"), 422),
    **dict.fromkeys(("unprocessablecontent", "unprocessableentity"), 422),
    **dict.fromkeys(("toomanyrequests", "ratelimit", "ratelimitexceeded", "ratelimitreached"), 429),
    "insufficientquota": 429,
    **dict.fromkeys(("server", "internalserver"), 500),
    "serviceunavailable": 503,
}
"""The status that services send with a code, by its `keyword`: inside a 200, there may be only the code."""


def cut(text: str, limit: int = _SHOWN) -> str:
    """The beginning of a text, as long as messages repeat one."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


class Failure(msgspec.Struct, frozen=True):
    """One failure in one form, whatever shape it came in.

    `status` is the true one: a status that Managed Compute hid behind 424 is uncovered. `location` is the path of the
    refused value, such as `["body", "messages", 0, "role"]`, and `value` the value itself. `body` is what was sent;
    `is_page`, whether that is a web page, which no service of this API sends.
    """

    status: int
    code: str | None
    message: str
    param: str | None
    location: list[str | int]
    value: Any
    details: list[Any]
    inner_code: str | None
    content_filter: dict[str, Any]
    request_id: str | None
    retry_after: float | None
    should_retry: bool | None
    body: Any
    is_page: bool

    @property
    def is_of_parameter(self) -> bool:
        """Whether it is the refusal of one parameter, or of its value, because of the model."""
        first = self.details[0] if self.details else None
        kind = first.get("type") if is_object(first) else None
        return not UNSUPPORTED_CODES.isdisjoint(map(keyword, (self.code, self.inner_code, kind)))


def read_failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Reads an answer that is not a success. `headers` have lower-case names. Never raises."""
    if status == 424:
        status = _as_status(headers.get("ms-azureml-model-error-statuscode")) or status
    value = _parsed(body)
    found = _Found()
    found.read(_plain(_unlisted(value)))
    message = found.text[:_READ_LIMIT]
    wait = retry_after(headers, now=time.time())
    return Failure(
        status=status,
        code=found.code or headers.get("x-ms-error-code"),
        message=cut(message.encode("utf-8", "replace").decode(), _MESSAGE_LIMIT),
        param=found.param or _named_parameter(message) or _first_named(found.location),
        location=found.location,
        value=found.value,
        details=found.details,
        inner_code=found.inner_code,
        content_filter=found.content_filter,
        request_id=request_id_of(headers) or found.request_id,
        retry_after=_wait_named(message) if wait is None else wait,
        should_retry=_FLAGS.get(headers.get("x-should-retry", "").strip().lower()),
        body=value,
        is_page=_is_page(value),
    )


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """The service's id of a request, by the headers of its answer. `headers` have lower-case names."""
    return next((found for name in _REQUEST_ID_HEADERS if (found := _to_id(headers.get(name)))), None)


def _to_id(value: Any) -> str | None:
    """The id, if it is one: of one line, since it goes into logs."""
    return "".join(filter(str.isprintable, value))[:_ID_LIMIT] or None if isinstance(value, str) else None


def is_failure(value: Any) -> bool:
    """Whether a JSON value that came with status 200, or as a stream event, is in truth a failure."""
    value = _unlisted(value)
    if not is_object(value):
        return False
    if value.get("error"):
        return True
    if value.keys() & {"choices", "data"}:
        return False
    return "detail" in value or ("message" in value and bool(value.keys() & {"code", "status", "statusCode"}))


def status_of(value: Any, default: int) -> int:
    """The HTTP status that a failure inside a 200 names, or that its codes go with, or `default`."""
    levels: list[dict[str, Any]] = []
    value = _unlisted(value)
    while is_object(value) and len(levels) < _NESTING_LIMIT:
        levels.insert(0, value)
        value = value.get("error")
    found = (_as_status(level.get(key)) for level in levels for key in ("status", "statusCode", "code"))
    if status := next(filter(None, found), None):
        return status
    # What stands in `type` is the kind of a code: an invalid_api_key is an invalid_request_error, too.
    codes = (level.get(key) for key in ("code", "error", "type") for level in levels)
    return next((known for code in codes if (known := _STATUS_BY_KEYWORD.get(keyword(code)))), default)


def keyword(code: Any) -> str:
    """A code in one spelling, to be compared whole: `rate_limit_error`, `RateLimit` and `Rate Limit` are the same."""
    return re.sub(r"[\W_]", "", code).lower().removesuffix("error") if isinstance(code, str) else ""


def _unlisted(value: Any) -> Any:
    """The value, or the failure that is the only one of a list: so gateways of other services wrap it."""
    alone = value[0] if is_array(value) and len(value) == 1 else None
    return alone if is_object(alone) and "error" in alone else value


def _as_status(value: Any) -> int | None:
    """The number, if it is the HTTP status of a failure."""
    text = str(value) if isinstance(value, str | int) else ""
    return int(text) if re.fullmatch(r"[45][0-9]{2}", text) else None


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
        self.request_id: str | None = None
        self._detail_texts: list[str] = []

    @property
    def text(self) -> str:
        """The message, and what the details say beyond it."""
        message = self.message[:_READ_LIMIT]
        further = (text for text in dict.fromkeys(self._detail_texts) if text not in message)
        return ": ".join(part for part in (message, "; ".join(islice(further, _DETAIL_TEXTS))) if part)

    def read(self, value: Any, depth: int = 0) -> None:
        """Reads one level; the deeper level knows more, so it is read first and kept."""
        if depth > _NESTING_LIMIT:
            return
        if isinstance(value, str):
            self._read_text(value, depth)
        elif is_array(value):
            for item in value:
                self._read_detail(item)
        elif is_object(value):
            self._read_object(value, depth)

    def _read_text(self, text: str, depth: int) -> None:
        inner = _parsed_text(text) if text.lstrip()[:1] in ("{", "[") else None
        if is_object(inner) or is_array(inner):
            self.read(inner, depth + 1)
        self.message = self.message or ("" if self._detail_texts else text)

    def _read_object(self, value: dict[str, Any], depth: int) -> None:
        error = value.get("error")
        word = error if isinstance(error, str) else None
        # Beside a message, a text in `error` is only a word for the kind of failure.
        message = value.get("message") or value.get("Message")
        lists = (value.get(key) for key in ("detail", "details", "errors"))
        for inner in (None if word else error, message, word, *lists):
            if isinstance(inner, str) and self.message:
                self._detail_texts += [] if inner is word else [inner]
            elif is_object(inner) and ("loc" in inner or "input" in inner):
                self._read_detail(inner)
            elif inner:
                self.read(inner, depth + 1)
        self._read_codes(value)
        self._read_categories(value)
        for key in ("innererror", "inner_error"):
            self._read_inner(value.get(key))
        status = value.get("status")
        if isinstance(status, str) and not status.isdigit() and not self.message:
            self.message = status

    def _read_codes(self, value: dict[str, Any]) -> None:
        code = value.get("code")
        if isinstance(code, str | int) and code != "":
            # A number only repeats the status, so a word is better wherever it stands.
            self.code = str(code) if self.code is None or self.code.isdecimal() else self.code
        for key in ("param", "target"):
            self.param = self.param or _text_or_none(value.get(key))
        for key in ("request_id", "requestid", "requestId"):
            self.request_id = self.request_id or _to_id(value.get(key))

    def _read_detail(self, item: Any) -> None:
        if not is_object(item):
            self._detail_texts += [item] if isinstance(item, str) else []
            return
        self.details.append(item)
        given, text = item.get("loc"), item.get("msg") or item.get("message")
        location = [part if isinstance(part, int) else str(part) for part in given] if is_array(given) else []
        if isinstance(text, str):
            is_further = location and self.location  # the first place is told beside the message
            self._detail_texts.append(f"at {'.'.join(map(str, location))}: {text}" if is_further else text)
        if location and not self.location:
            self.location, self.value = location, item.get("input", item.get("value"))

    def _read_inner(self, inner: Any) -> None:
        if not is_object(inner):
            return
        if isinstance(inner.get("code"), str | int):
            self.inner_code = str(inner["code"])
        self._read_categories(inner)

    def _read_categories(self, value: dict[str, Any]) -> None:
        for key in ("content_filter_result", "content_filter_results"):
            if is_object(value.get(key)):
                self.content_filter = value[key]


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _parsed_text(text: str) -> Any:
    """The value of JSON, or of what Python prints of a list of errors, inside a message; else the text."""
    value = _parsed(text.encode("utf-8", "replace"))
    if not isinstance(value, str) or len(text) > _REPR_LIMIT:
        return value
    try:
        return json.loads(json.dumps(ast.literal_eval(text.strip())))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


def _parsed(body: bytes) -> Any:
    """The JSON value of a body, or its text."""
    try:
        return read_json(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def _is_page(value: Any) -> bool:
    return isinstance(value, str) and re.match(_PAGE, value) is not None


def _plain(value: Any) -> Any:
    """The value, but of a text only what can be shown: of a web page, its title; of other markup, its words."""
    if not isinstance(value, str):
        return value
    if not _is_page(value):
        text = value.strip()
        return " ".join(re.sub(_MARKUP, " ", text[:_REPR_LIMIT]).split()) if text.startswith("<") else text
    from html import unescape  # noqa: PLC0415 - an import that only such a page needs

    title = re.search(_TITLE, value[:_REPR_LIMIT])
    words = " ".join(unescape(title[1]).split()) if title else ""
    return f"A web page came back, titled {words!r}" if words else "A web page came back"


def _named_parameter(message: str) -> str | None:
    """The parameter that only the text of a message names."""
    if extras := re.search(EXTRAS_NAMED, message):
        return extras[1].split(",")[0].strip(" '\"") or None
    named = re.search(_PARAMETER_NAMED, message)
    return named[1] if named else None


def _first_named(location: list[str | int]) -> str | None:
    """The parameter that a path leads through."""
    return next((part for part in location if isinstance(part, str) and part not in _OUTER), None)


def _wait_named(message: str) -> float | None:
    """The seconds to wait that only the text of a message names."""
    named = re.search(_WAIT_NAMED, message)
    spans: list[tuple[str, str]] = re.findall(f"(?ai){_SPAN}", named[1]) if named else []
    return sum(float(number) * _SECONDS_IN[unit.lower()] for number, unit in spans) if spans else None


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """The seconds a server asks to wait, by `retry-after-ms`, `x-ms-retry-after-ms` or `Retry-After`; else None.

    A value that makes no sense counts as absent; one too large for a number is infinite. `headers` have lower-case
    names, `now` is Unix time.
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
    return seconds if seconds >= 0 else None


def _seconds_or_date(text: str, now: float) -> float | None:
    seconds = _seconds(text, 1.0)
    if seconds is not None:
        return seconds
    try:
        date = parsedate_to_datetime(text)
        # Dates of HTTP are in UTC, also in the old form that does not say so.
        waited = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return waited if waited > 0 else None
