"""Everything that can go wrong, as exceptions that say what happened and what to do.

InferenceError
├── ConfigurationError (also a ValueError)     the call could not be made as asked: an argument is wrong
├── APIConnectionError                         no answer came
│   └── APITimeoutError                        ... in time
├── StreamInterruptedError                     a streamed answer stopped before its end
├── ResponseValidationError                    an answer came that is not what the API says
└── APIStatusError                             the service refused
    ├── BadRequestError                        400 and other 4xx
    │   ├── ContentFilterError                 the content filter refused the prompt
    │   └── ContextLengthError                 the messages are longer than the model can read
    ├── AuthenticationError                    401
    ├── PermissionDeniedError                  403
    ├── NotFoundError                          404, 405, 410
    ├── UnprocessableEntityError               422
    │   └── ParameterNotSupportedError         the model does not take this parameter, or this value of it
    │                                          (also a BadRequestError: 400 is what OpenAI's routes say)
    ├── RateLimitError                         429
    └── InternalServerError                    5xx
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

from msgspec.structs import asdict

from .schema._base import ESSENTIAL
from .schema.failures import Failure, cut, keyword, request_id_of


class CallIdentity(Protocol):
    """What errors say about a call."""

    @property
    def client_request_id(self) -> str:
        """The id that all its attempts have."""
        ...

    @property
    def url(self) -> str:
        """Where it goes."""
        ...

    @property
    def model(self) -> str | None:
        """The model that is asked, if the request names it."""
        ...


class InferenceError(Exception):
    """The root of the tree.

    Attributes:
        message: What happened and what to do.
        url: Where the request went, without the query.
        model: The model that the request named, if it named one.
        attempts: How many attempts this call had; for want of a token or a connection, one may have sent nothing.
        client_request_id: The `x-ms-client-request-id` of the call, the same on every attempt.
        request_id: The service's id of the request, to quote to its operators: that of the last attempt, if its answer
            had begun and named one.
        retry_budget_exhausted: Whether there was no retry because the client had made too many of them lately.
        rows: Where many inputs were embedded in batches, what each input has: its vector, or None if it has none, so
            that inputs with a vector need not be embedded (and paid for) again. Empty for every other call.
        partial: Of a stream, what had arrived: a `ChatCompletion` or `Completion`; None if nothing had.
    """

    url: str | None = None
    model: str | None = None
    attempts: int = 0
    retry_budget_exhausted: bool = False
    client_request_id: str | None = None
    request_id: str | None = None
    rows: Sequence[list[float] | None] = ()
    partial: Any = None

    def __init__(self, message: str, **attributes: Any) -> None:
        super().__init__(message)
        self.message = message
        vars(self).update(attributes)

    @property
    def done(self) -> int:
        """How many inputs have their vectors in `rows`."""
        return sum(row is not None for row in self.rows)

    def belongs_to(self, call: CallIdentity, *, attempts: int, answer_headers: Mapping[str, str]) -> None:
        """Records which call it is about: how many attempts it had, and what the last answer began with."""
        self.url, self.model = call.url.partition("?")[0], call.model
        self.attempts = attempts
        self.client_request_id = call.client_request_id
        self.request_id = self.request_id or request_id_of(answer_headers)

    def __str__(self) -> str:
        notes = "; ".join(self._notes())
        notes = f" ({notes})" if notes else ""
        return cut(self.message, _TEXT_LIMIT - len(notes)) + notes

    def _notes(self) -> Iterator[str]:
        """What is known of the call, but not said in the message."""
        if self.url:
            yield ", ".join(
                part
                for part, is_news in (
                    (cut(self.url, _URL_SHOWN), self.url not in self.message),
                    (f"model {shown(self.model)}", self.model),
                    (f"{self.attempts} attempts", self.attempts > 1),
                )
                if is_news
            )
        if self.retry_budget_exhausted:
            yield "not retried, since too many calls of this client failed lately"
        if done := self.done:
            yield f"{done} of {len(self.rows)} inputs were done: see rows"

    def _attributes(self) -> dict[str, Any]:
        """What makes another one like it, beside its message."""
        return {name: value for name, value in vars(self).items() if name != "message"}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self._attributes())

    def as_type(self, kind: type[Self]) -> Self:
        """The same error as another class of the tree, for frameworks that have error classes of their own."""
        error = kind(self.message, **self._attributes())
        error.__cause__, error.__suppress_context__ = self.__cause__, True
        return error.with_traceback(self.__traceback__)


def _rebuild(kind: type[InferenceError], message: str, attributes: dict[str, Any]) -> InferenceError:
    return kind(message, **attributes)


class ConfigurationError(InferenceError, ValueError):
    """An argument is missing or wrong; nothing was sent."""


class APIConnectionError(InferenceError):
    """No connection, or one that broke before the answer was complete.

    Attributes:
        may_pass: Whether another try could help.
        dropped: Whether a connection that had been made was lost before any answer, as happens to idle ones.
    """

    may_pass: bool = True
    dropped: bool = False


class APITimeoutError(APIConnectionError):
    """The answer did not come in time.

    Attributes:
        phase: What took too long: `connect`, `pool` (waiting for a free connection), `write`, `read`, `total` (the
            whole call), `credential` (waiting for a token, until the end of `total`) or `idle` (between two chunks of
            a stream).
    """

    phase: str = "read"


class StreamInterruptedError(InferenceError):
    """A streamed answer ended before the model said that it was done; `partial` has what had arrived."""


class ResponseValidationError(InferenceError):
    """An answer that is not what the API says it should be."""


class APIStatusError(InferenceError):
    """The service refused the request.

    Attributes:
        status_code: The HTTP status; behind Managed Compute's 424, the true one.
        code: The service's word for the failure, such as `content_filter`.
        param: The parameter that the failure names.
        location: The path of the refused value, such as `["body", "messages", 0, "role"]`.
        value: The refused value.
        details: Every detail the service gave, as it gave them.
        inner_code: The code of the inner error.
        content_filter: The categories of the content filter: name to verdict.
        retry_after: Seconds that the service asks the client to wait.
        should_retry: What the service says about retrying, in `x-should-retry`; None if it says nothing.
        body: The answer's body, parsed if it was JSON.
    """

    status_code: int = 0
    code: str | None = None
    param: str | None = None
    location: list[str | int]
    value: Any = None
    details: list[Any]
    inner_code: str | None = None
    content_filter: dict[str, Any]
    retry_after: float | None = None
    should_retry: bool | None = None
    body: Any = None

    def __init__(self, message: str, **attributes: Any) -> None:
        super().__init__(message, **{"location": [], "details": [], "content_filter": {}, **attributes})


class BadRequestError(APIStatusError):
    """The request is wrong (400 and those 4xx that have no class of their own)."""


class ContentFilterError(BadRequestError):
    """The content filter refused the prompt; `content_filter` has its categories."""


class ContextLengthError(BadRequestError):
    """The messages, or they and the answer asked for, are longer than the model's context window."""


class AuthenticationError(APIStatusError):
    """The credential is missing, wrong, expired, or meant for another audience; or the token provider failed.

    In the last case `status_code` is 0, and that attempt sent nothing.
    """


class PermissionDeniedError(APIStatusError):
    """The credential is known but may not do this."""


class NotFoundError(APIStatusError):
    """There is no such route, model or deployment, or it is gone."""


class UnprocessableEntityError(APIStatusError):
    """The request is well formed but its content is refused."""


class ParameterNotSupportedError(UnprocessableEntityError, BadRequestError):
    """The model does not take a parameter, or its value (422, or OpenAI's 400): see `location` and `value`."""


class RateLimitError(APIStatusError):
    """Too many requests or tokens; `retry_after` says how long to wait, if the service said it."""


class InternalServerError(APIStatusError):
    """The service failed, or took too long (408)."""


_BY_STATUS: dict[int, type[APIStatusError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: NotFoundError,
    410: NotFoundError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}
_SERVER_ERRORS = 500
_UNSPECIFIC = frozenset({400, 413, 424})
"""Statuses that need the words of the message to be understood."""
_OF_SERVICE = frozenset({408, 424})
"""Statuses of a service that took too long, or whose container failed and does not say how."""
_URL_SHOWN = 200
_TEXT_LIMIT = 1000
"""Characters of the text of an exception."""


LEAVE_OUT = "Leave it out, or set on_unsupported='drop' to have it left out."
_CHANGE = "Change what was refused."


class _Signs:
    """What tells one refusal from another of the same status: codes, compared whole, and phrases of the message."""

    content_filter_codes = frozenset({"contentfilter", "contentpolicyviolation", "responsibleaipolicyviolation"})
    content_filter = (
        r"(?i)content management policy|response was filtered|\b(?:violate|filtere|blocke)[sd]\b.*content safety"
    )
    context_length_codes = frozenset({"contextlengthexceeded", "tokenslimitreached"})
    context_length = r"(?i)\bcontext_length_exceeded\b|maximum context length|too large for model"
    authentication_codes = frozenset({"invalidapikey", "authentication"})
    authentication = r"(?i)auth token must be passed|invalid api key|no api key|authentication error"


class _Hints:
    """What to do, by what went wrong: by words where a class says little, looked up in the order written."""

    by_words: ClassVar[dict[str, str]] = {
        "audience is incorrect": "Get the token for the audience named here: set credential_scopes.",
        "use 'max_completion_tokens'": "Pass max_completion_tokens in place of max_tokens for this model.",
        "extra parameters [": "Set extra_parameters to 'pass-through' to pass them on, or to 'drop'.",
        "deploymentnotfound": "Check the deployment name in the model argument or in the endpoint.",
        "operationnotsupported": "Choose a model made for this kind of request.",
        "task_type": "Choose a model made for this kind of request.",
        "api version": "Check the api_version argument, and that the endpoint is of this kind.",
        "api-version": "Check the api_version argument, and that the endpoint is of this kind.",
        "extra inputs are not permitted": LEAVE_OUT,
        "unknown_model": "Check the model argument: it must be the name of a deployment of this endpoint.",
    }
    by_class: ClassVar[dict[type[APIStatusError], str]] = {
        ContextLengthError: "Shorten the messages or choose a model with a larger context window.",
        ParameterNotSupportedError: LEAVE_OUT,
        UnprocessableEntityError: _CHANGE,
        AuthenticationError: "Check the credential argument and that it belongs to this endpoint.",
        PermissionDeniedError: "Check the roles of this identity and the network rules of the resource.",
        NotFoundError: "Check the endpoint, the model name, and that this model serves this kind of request.",
        RateLimitError: "Wait and send again, or raise the quota of the deployment.",
        ContentFilterError: "Change the prompt or the filter of the deployment; content_filter names the categories.",
        InternalServerError: "The service failed: send again later, or ask its operators about the request_id.",
    }
    by_status: ClassVar[dict[int, str]] = {413: "Send less at once: shorter messages, smaller images, fewer texts."}
    of_page = "Ask whoever runs the gateway, proxy or firewall between here and the service."
    # Their messages name much that is not to blame, such as the version of the API that has too many requests.
    told_by_class = frozenset(
        {RateLimitError, PermissionDeniedError, ContentFilterError, ContextLengthError, InternalServerError}
    )


def from_failure(failure: Failure, *, hint: str | None = None) -> APIStatusError:
    """The exception that fits a failure; `hint` replaces what the error says to do."""
    kind = _kind(failure)
    attributes = asdict(failure)
    attributes["status_code"] = attributes.pop("status")
    del attributes["message"], attributes["is_page"]
    return kind(_text(failure, kind, hint), **attributes)


def _kind(failure: Failure) -> type[APIStatusError]:
    if failure.status >= _SERVER_ERRORS:
        return InternalServerError
    codes = {keyword(failure.code), keyword(failure.inner_code)}
    if codes & _Signs.content_filter_codes:
        return ContentFilterError
    if failure.is_of_parameter:
        return ParameterNotSupportedError
    return _BY_STATUS.get(failure.status) or _kind_of_bad_request(failure, codes)


def _kind_of_bad_request(failure: Failure, codes: set[str]) -> type[APIStatusError]:
    # A refusal of one value, whose place it names, may repeat anything of what was sent.
    said = "" if failure.location or failure.status not in _UNSPECIFIC else failure.message
    if codes & _Signs.context_length_codes or re.search(_Signs.context_length, said):
        return ContextLengthError
    if codes & _Signs.authentication_codes or re.search(_Signs.authentication, said):
        return AuthenticationError
    if re.search(_Signs.content_filter, said):
        return ContentFilterError
    return InternalServerError if failure.status in _OF_SERVICE else BadRequestError


def _text(failure: Failure, kind: type[APIStatusError], hint: str | None) -> str:
    said = failure.message.rstrip() or ("" if failure.body else "No reason was given.")
    where = ""
    if failure.location:
        path = cut(".".join(map(str, failure.location)))
        where = f" at {path}: {shown(failure.value)}" if failure.value is not None else f" at {path}"
    code = f" {cut(failure.code)}" if failure.code and failure.code != str(failure.status) else ""
    parts = [f"{failure.status}{code}{where}"]
    if said:
        parts.append(said if said[-1] in ".!?" else f"{said}.")
    if failure.retry_after:
        parts.append(f"The service asks you to wait {failure.retry_after:g} s.")
    if advice := hint or _hint(failure, kind):
        parts.append(advice)
    text = ": ".join([parts[0], " ".join(parts[1:])]) if parts[1:] else parts[0]
    return text.encode("utf-8", "replace").decode()


def _hint(failure: Failure, kind: type[APIStatusError]) -> str | None:
    if failure.is_page:
        return _Hints.of_page
    hint = _hint_by_words(failure) if kind not in _Hints.told_by_class else None
    hint = hint or _Hints.by_class.get(kind) or _Hints.by_status.get(failure.status)
    field = re.match(r"\w+", failure.param or "")
    return _CHANGE if hint is LEAVE_OUT and field and field[0] in ESSENTIAL else hint


def _hint_by_words(failure: Failure) -> str | None:
    words = f"{failure.code} {failure.message}".lower()
    return next((hint for word, hint in _Hints.by_words.items() if word in words), None)


def shown(value: Any) -> str:
    """A value as messages show it."""
    return cut(repr(value))


def kind_of(value: Any) -> str:
    """The type of a value as messages name it: "a str", "an int"."""
    return with_article(type(value).__name__)


def with_article(name: str) -> str:
    """The name of a type as it is spoken: "an AIMessage", "an httpx.Client", but "a URL" and "a UserMessage"."""
    return f"{'an' if name.startswith((*'aeioAEIO', 'http', 'HTTP')) else 'a'} {name}"
