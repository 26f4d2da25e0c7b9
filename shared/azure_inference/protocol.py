"""Requests to bytes, and bytes to a typed answer or a typed error; no I/O."""

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Generic, TypeVar, cast

import msgspec
from msgspec.structs import replace
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import to_json

from . import errors
from .bodies import Body
from .checks import found_at, told
from .credentials import Secret
from .dialects import Target
from .errors import APIStatusError, ConfigurationError, InferenceError, ResponseValidationError, kind_of, shown
from .schema._base import RequestModel, WireModel
from .schema._endpoint import ERROR_LIMIT, AnswerT, Endpoint
from .schema._json import is_array, is_object, read_json
from .schema.chat import ChatRequest
from .schema.failures import Failure, cut, is_failure, read_failure, status_of
from .schema.messages import without_names
from .surrogates import SurrogateJoiner

ModelT = TypeVar("ModelT", bound=WireModel)
RequestT = TypeVar("RequestT", bound=RequestModel)
EXCERPT = 80
"""Bytes of a body that an error shows."""
_UNSUITABLE_BODY = 502
_STREAM_OPTIONS = "stream_options"
_NO_NUMBER = rb"[\[:,]-?(?:NaN|Infinity)"
_HALF = rb"\\u[dD][89a-fA-F]"
_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_DEPLOYMENT = "azureml-model-deployment"
_NOT_FOR_USERS = {
    "host": "leave it out; endpoint says which host is asked",
    "content-length": "leave it out; it follows from the request",
    "transfer-encoding": "leave it out; requests are sent whole",
    "expect": "leave it out; requests are sent without waiting for a go-ahead",
    "upgrade": "leave it out; nothing but HTTP/1.1 is spoken",
}
"""Headers that would go out twice or promise what is not kept, and what to do instead."""


class ExtraParameters(StrEnum):
    """What becomes of request parameters that the API does not define.

    On endpoints that know the `extra-parameters` header, the service does it; elsewhere, this library.
    """

    PASS_THROUGH = "pass-through"  # noqa: S105 - no password
    """Hand them to the model."""
    DROP = "drop"
    """Leave them out."""
    ERROR = "error"
    """Refuse the request."""


_OLD_WORDS = {"allow": ExtraParameters.PASS_THROUGH, "ignore": ExtraParameters.DROP}


def to_extra_parameters(word: str | None) -> ExtraParameters | None:
    """The policy that a word means; the words of older API versions (`allow`, `ignore`) are understood."""
    if word is None or isinstance(word, ExtraParameters):
        return word
    try:
        return _OLD_WORDS.get(word) or ExtraParameters(word)
    except (ValueError, TypeError):
        raise ConfigurationError(
            f"extra_parameters={shown(word)} is unknown: pass 'pass-through', 'drop' or 'error'"
        ) from None


def to_request(kind: type[ModelT], fields: Mapping[str, Any]) -> ModelT:
    """A request, or a message of one, from a mapping of its fields; those that are None are not sent.

    Raises:
        ConfigurationError: A field is missing or wrong; the message names it and what was given.
    """
    try:
        request: ModelT = kind.__pydantic_validator__.validate_python(fields)
    except ValidationError as error:
        raise ConfigurationError(_what_is_wrong(kind, fields, error)) from None
    return request


def _what_is_wrong(kind: type[BaseModel], fields: Mapping[str, Any], error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    path, given = found_at(problem["loc"], fields)
    if problem["type"] == "missing":
        return f"{f'{path}.' if path else ''}{problem['loc'][-1]} is missing from the {kind.__name__}"
    if not path:
        return f"{told(given)} is not a valid {kind.__name__}: {problem['msg']}"
    return f"{path}={told(given)} cannot be sent: {problem['msg']}"


class Call(msgspec.Struct, Generic[AnswerT], frozen=True):
    """A request ready to be sent, any number of times, with the same id; who asks is added for each attempt."""

    endpoint: Endpoint[AnswerT]
    target: Target
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    client_request_id: str
    model: str | None

    def __repr__(self) -> str:
        return f"Call({_named(self)}, model={self.model!r}, client_request_id={self.client_request_id!r})"

    @property
    def server(self) -> str:
        """Who is asked, as errors name it."""
        return self.target.origin


def prepare(
    target: Target,
    endpoint: Endpoint[AnswerT],
    request: RequestModel | None,
    *,
    extra_parameters: ExtraParameters | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str | None] | None = None,
) -> Call[AnswerT]:
    """The call that a request to a route of a target makes; `headers` are those of `to_headers`.

    Raises:
        ConfigurationError: The target needs something the request lacks, or refuses something it has.
    """
    sent = {"accept": "application/json"}
    body = b""
    if request is not None:
        if not endpoint.streams and getattr(request, "stream", None):
            raise ConfigurationError("stream=True asks for an answer in pieces: call stream_chat or stream_complete")
        request, policy = _apply(request, target, extra_parameters)
        sent["content-type"] = "application/json"
        if policy is not None:
            sent["extra-parameters"] = policy.value
        body = _to_bytes(request)
    if headers:
        sent.update(headers)
    return Call(
        endpoint=endpoint,
        target=target,
        url=target.url(endpoint.path, query),
        # str: other values of headers are not shown, and this one is what a call is found by in logs.
        client_request_id=str(sent.pop("x-ms-client-request-id", "")) or os.urandom(16).hex(),
        headers=tuple(sent.items()),
        body=body,
        model=getattr(request, "model", None),
    )


def deployment_in(headers: object) -> str | None:
    """The deployment that headers ask for, on an endpoint that has several: another model answers then."""
    if not isinstance(headers, Mapping):
        return None
    given = cast("Any", headers).items()
    value = next((_hidden(value) for name, value in given if str(name).lower() == _DEPLOYMENT), None)
    return "".join(value) if isinstance(value, str) else None


def to_headers(given: Any) -> dict[str, str]:
    """The headers that a user wants sent, a mapping or None: names in lower case, values that are not shown.

    Raises:
        ConfigurationError: One cannot be sent, or is not for users to set.
    """
    if given is None:
        return {}
    if not hasattr(given, "items"):
        raise ConfigurationError(f"headers is {kind_of(given)}: pass a mapping of names to values")
    plain = {name: _hidden(value) for name, value in given.items()}
    for name, value in plain.items():
        _check_header(name, value)
    return {name.lower(): value for name, value in plain.items()}


def _hidden(value: Any) -> Any:
    """The text that a value holds, as one that reports of variables do not show; what is no text as it is."""
    if isinstance(value, SecretStr):
        return Secret(value.get_secret_value())
    return Secret(value) if isinstance(value, str) else value


def _check_header(name: Any, value: Any) -> None:
    is_name = isinstance(name, str) and re.fullmatch(_HEADER_NAME, name)
    if not is_name or not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ConfigurationError(
            f"headers has {shown(name)}, which cannot be sent: names are letters, digits and hyphens, values printable "
            "ASCII text (value withheld)"
        )
    if remedy := _NOT_FOR_USERS.get(name.lower()):
        raise ConfigurationError(f"headers has {shown(name)}, which the client sets itself: {remedy}")


def check_kind(request: Any, *kinds: type[RequestModel]) -> None:
    """Raises `ConfigurationError` for what is no such request, such as a dict: type checkers would have told."""
    if not isinstance(request, kinds):
        ways = " or ".join(f"to_request({kind.__name__}, fields)" for kind in kinds)
        raise ConfigurationError(f"request is {kind_of(request)}: make it with {ways}")


def _to_bytes(request: RequestModel) -> bytes:
    try:
        body = request.__pydantic_serializer__.to_json(request, exclude_none=True, by_alias=True)
    except ValueError as error:
        for name, value in request:
            try:
                to_json(value)
            except ValueError:
                raise ConfigurationError(f"{name} holds something that JSON cannot represent: {error}") from None
        raise ConfigurationError(f"the request holds something that JSON cannot represent: {error}") from None
    if (b"NaN" in body or b"Infinity" in body) and re.search(_NO_NUMBER, body):
        for path, number in _endless_numbers(read_json(body)):
            raise ConfigurationError(f"{path}={number} cannot be sent: Input should be a finite number")
    return body


def _endless_numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """The numbers in a value that JSON has no word for, each with its place."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path, value
    items = value.items() if is_object(value) else enumerate(value) if is_array(value) else ()
    for key, inner in items:
        yield from _endless_numbers(inner, f"{path}.{key}" if path else str(key))


def streamed(request: RequestT, target: Target, *, ask_usage: bool) -> RequestT:
    """The request for an answer in pieces; with usage, where the dialect gives it only to those who ask for it."""
    added: dict[str, Any] = {"stream": True}
    if ask_usage and target.dialect.asks_stream_usage and _STREAM_OPTIONS not in request.extras:
        added[_STREAM_OPTIONS] = {"include_usage": True}
    return request.model_copy(update=added)


def _apply(
    request: RequestT, target: Target, policy: ExtraParameters | None
) -> tuple[RequestT, ExtraParameters | None]:
    """The request as the target takes it, and the value of the header if one goes out."""
    if target.dialect.needs_model and getattr(request, "model", None) is None:
        raise ConfigurationError(
            f"model is missing: {cut(target.base_url)} serves several: pass the name of a deployment"
        )
    if not target.dialect.takes_names and isinstance(request, ChatRequest):
        messages = without_names(request.messages)
        request = request if messages is request.messages else request.model_copy(update={"messages": messages})
    extras = request.extras
    if _STREAM_OPTIONS in extras:
        is_stream = getattr(request, "stream", None)
        if not is_stream:  # said for all calls of a model; services refuse it where nothing is streamed
            request = request.without((_STREAM_OPTIONS,))
        if not is_stream or target.dialect.asks_stream_usage:
            del extras[_STREAM_OPTIONS]
    if target.dialect.extra_parameters_header:
        return request, policy or (ExtraParameters.PASS_THROUGH if extras else None)
    if extras and policy is ExtraParameters.ERROR:
        names = cut(", ".join(sorted(extras)))
        raise ConfigurationError(
            f"extra parameters {names} are refused by extra_parameters='error': leave them out, or set 'pass-through'"
        )
    if extras and policy is ExtraParameters.DROP:
        return request.without(extras), None
    return request, None


def read_answer(call: Call[AnswerT], status: int, headers: Mapping[str, str], body: bytes) -> AnswerT:
    """The typed answer that a response holds.

    Raises:
        APIStatusError: The service refused, with a status or inside a 200.
        ResponseValidationError: The body is not what the API says.
    """
    raise_for_status(call, status, headers, body)
    kind: Any = call.endpoint.answer
    validator = kind.__pydantic_validator__
    try:
        answer: Any = validator.validate_json(body)
    except ValidationError as error:
        raise_if_failure(call, headers, body)
        try:
            answer = validator.validate_python(_mended(body))
        except (ValueError, RecursionError):
            raise ResponseValidationError(
                f"{_named(call)} answered 200 with {seen(body)}, which is not a valid {call.endpoint.answer.__name__}: "
                f"{_first(error)}. Check that the endpoint speaks this API."
            ) from None
    if (answer.model_extra or {}).keys() & {"error", "message", "detail"}:
        raise_if_failure(call, headers, body)
    return cast("AnswerT", answer)


def _mended(body: bytes) -> Any:
    """The JSON value of a body with halves of characters, as in a stream; raises ValueError if there are none."""
    if not re.search(_HALF, body):
        raise ValueError("all characters are whole")
    return SurrogateJoiner().read(body)


def unchecked(answer: AnswerT) -> AnswerT:
    """The answer, about which there is nothing more to check."""
    return answer


def raise_for_status(call: Call[Any], status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raises the exception for a status that is no success."""
    if status == 200:
        return
    if 300 <= status < 400:
        raise ResponseValidationError(
            f"{_named(call)} answered {status}, a redirect, which is never followed since it could carry the "
            "credential away: check the endpoint."
        )
    if status < 300:
        raise ResponseValidationError(f"{_named(call)} answered {status} and {seen(body)}: check the endpoint.")
    raise _status_error(call, status, headers, body)


def body_of(call: Call[Any], status: int, headers: Mapping[str, str]) -> Body:
    """The body of a response, to be read: of a refusal, less of it."""
    return Body(headers, call.endpoint.answer_limit if status == 200 else ERROR_LIMIT)


def error_of_unread(
    call: Call[Any], status: int, headers: Mapping[str, str], body: Body, error: InferenceError
) -> InferenceError:
    """What to raise for a response whose body could not be read to its end: a refusal is one, whatever came of it."""
    try:
        raise_for_status(call, status, headers, body.so_far)
    except InferenceError as refusal:
        refusal.__cause__ = error
        return refusal
    return error


def raise_if_failure(call: Call[Any], headers: Mapping[str, str], body: bytes) -> None:
    """Raises if a body that came as a success, or as an event of a stream, says that the request failed."""
    try:
        value = read_json(body)
    except ValueError:
        return
    if is_failure(value):
        raise _status_error(call, status_of(value, _UNSUITABLE_BODY), headers, body)


def _status_error(call: Call[Any], status: int, headers: Mapping[str, str], body: bytes) -> APIStatusError:
    failure = _located(call, read_failure(status, headers, body))
    return errors.from_failure(failure, hint=call.target.retirement_hint if failure.status in (404, 410) else None)


def _located(call: Call[Any], failure: Failure) -> Failure:
    """The failure with place and value of a refused parameter, where the service says no more than its name."""
    if failure.location or not failure.param or not failure.is_of_parameter:
        return failure
    path = [int(part) if part.isdecimal() else part for part in re.findall(r"\w+", failure.param)]
    return replace(failure, location=["body", *path], value=_value_at(path, call.body))


def _value_at(path: Iterable[str | int], body: bytes) -> Any:
    """What stands there in a request; None if nothing does."""
    try:
        value = read_json(body)
        for part in path:
            value = value[part]
    except (ValueError, LookupError, TypeError):
        return None
    return value


def _named(call: Call[Any]) -> str:
    return f"{call.endpoint.method} {call.url.partition('?')[0]}"


def seen(body: bytes) -> str:
    """A body as messages show it."""
    return repr(body[:EXCERPT].decode("utf-8", "replace")) if body else "an empty body"


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    path = ".".join(map(str, problem["loc"]))
    return f"{path}: {problem['msg']}" if path else problem["msg"]
