"""Failures of every shape, read into one form; exceptions that say what to do; nothing else ever escapes."""

from __future__ import annotations

import copy
import json
import pickle
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from azure_inference import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ChatCompletion,
    ConfigurationError,
    ContentFilterError,
    ContextLengthError,
    InferenceError,
    InternalServerError,
    NotFoundError,
    ParameterNotSupportedError,
    RateLimitError,
    ResponseValidationError,
    StreamInterruptedError,
    dialects,
    errors,
    protocol,
)
from azure_inference.schema import failures

from . import endpoints

SHAPES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("error_shapes.json").read_text(encoding="utf-8"))
"""What services were seen to answer: the class it becomes, what its attributes are, a part of what it says to do."""


def call(name: str = "CHAT", url: str = "https://x.services.ai.azure.com/models") -> Any:
    """A call as a client makes it."""
    return protocol.prepare(dialects.resolve(url), getattr(endpoints, name), None)


def refused(
    status: int, headers: dict[str, str], body: Any, url: str = "https://x.models.ai.azure.com"
) -> APIStatusError:
    """The error that an answer makes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(APIStatusError) as caught:
        protocol.read_answer(call(url=url), status, headers, raw)
    return caught.value


@pytest.mark.parametrize("shape", SHAPES, ids=[shape["name"] for shape in SHAPES])
def test_shapes(shape: dict[str, Any]) -> None:
    """Each shape becomes the right class with the right attributes, and a message that says what to do."""
    body = shape["body"] if "body" in shape else shape["text"]
    error = refused(shape["status"], shape.get("headers", {}), body.encode() if isinstance(body, str) else body)

    assert type(error) is getattr(errors, shape["class"])
    expected = {"status_code": shape["status"], **shape.get("attributes", {})}
    assert {name: getattr(error, name) for name in expected} == expected
    assert shape["says"] in str(error)
    assert "<html" not in str(error)
    assert error.body == body


@pytest.mark.parametrize("status", [408, 424])
def test_reasons_that_are_told(status: int) -> None:
    """A reason that is named is told, whatever the status."""
    body = {"error": {"code": "context_length_exceeded", "message": "x"}}
    assert type(refused(status, {}, body)) is errors.ContextLengthError
    assert type(refused(424, {}, {"message": "maximum context length is 8"})) is errors.ContextLengthError


@pytest.mark.parametrize("status", [408, 424, 500, 503, 529])
def test_failures_of_the_service(status: int) -> None:
    """It is not the request that is wrong where the service took too long, or its container failed without a word."""
    assert type(refused(status, {}, {"message": "x"})) is errors.InternalServerError


def test_details_are_all_kept() -> None:
    """Every detail is there as the service gave it, not only the first."""
    body = {"error": {"message": "x", "details": [{"loc": ["a"], "msg": "1"}, {"loc": ["b"], "msg": "2"}]}}

    assert refused(422, {}, body).details == body["error"]["details"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"apim-request-id": "a", "x-request-id": "b"}, "a"),
        ({"x-request-id": "b"}, "b"),
        ({"x-ms-client-request-id": "c"}, "c"),
        ({}, "from the body"),
    ],
)
def test_request_id(headers: dict[str, str], expected: str) -> None:
    """The id that operators ask for comes from the first header that has one, else from the body."""
    assert refused(500, headers, {"message": "x", "request_id": "from the body"}).request_id == expected


@pytest.mark.parametrize(
    ("headers", "body"), [({"x-request-id": "a\nINFO b\x85"}, {}), ({}, {"requestid": "a\nINFO b\u2028"})]
)
def test_request_id_is_of_one_line(headers: dict[str, str], body: dict[str, str]) -> None:
    """An id goes into logs: what would begin a line of its own there is left out."""
    assert refused(500, headers, {"message": "x", **body}).request_id == "aINFO b"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "1", "retry-after-ms": "20"}, 0.02),
        ({"retry-after": "1", "x-ms-retry-after-ms": "30"}, 0.03),
        ({"retry-after-ms": "nonsense", "retry-after": "3"}, 3.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, float("inf")),
        ({"retry-after": "-inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": formatdate(0)}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    """The wait that a server asks for, from the most exact header that makes sense."""
    assert refused(429, headers, {"message": "x"}).retry_after == (
        None if expected is None else pytest.approx(expected)
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Please retry after 3 seconds.", 3.0),
        ("Please try again in 3000ms.", 3.0),
        ("try again in 500ms", 0.5),
        ("Please try again in 1m0s.", 60.0),
        ("Please try again in 1m2s.", 62.0),
        ("Please try again in 6h1m0.5s. Visit 3s.com.", 21660.5),
        ("Limit of 15 per 60s exceeded. Please wait 3 seconds before retrying.", 3.0),
        ("Wait for 250 milliseconds", 0.25),
        ("RETRY AFTER 2 MINUTES", 120.0),
        ("Try again in 1 hour, 2 mins and 3 secs, 4 times at most.", 3723.0),
        ("try again in 9" + "9" * 400 + " h", float("inf")),
        ("Please try again in 3 messages.", None),
        ("Please try again in 1d2h.", None),
        ("Please wait 3 \u017f", None),
        ("You waited 3 seconds", None),
    ],
)
def test_retry_after_in_a_message(message: str, expected: float | None) -> None:
    """The wait that only the message tells, in its usual wordings; a header counts first."""
    assert refused(429, {}, {"message": message}).retry_after == expected
    assert refused(429, {"retry-after": "7"}, {"message": message}).retry_after == 7.0


def test_retry_after_as_a_date() -> None:
    """A date counts from now."""
    now = 1_000_000.0

    assert failures.retry_after({"retry-after": formatdate(now + 30, usegmt=True)}, now=now) == 30.0
    asked = refused(429, {"retry-after": formatdate(time.time() + 1000, usegmt=True)}, b"").retry_after
    assert asked is not None
    assert asked > 0


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"error": {"code": "429", "message": "slow"}}, 429, RateLimitError),
        ({"error": {"message": "x", "status": 400}}, 400, BadRequestError),
        ({"error": {"error": {"message": "x", "code": 503}}}, 503, InternalServerError),
        ({"error": "out of order"}, 502, InternalServerError),
        ({"status": 401, "message": "no"}, 401, AuthenticationError),
        ({"statusCode": 401, "message": "no"}, 401, AuthenticationError),
        ({"code": "content_filter", "message": "no", "status": 400}, 400, ContentFilterError),
        ({"detail": "Not Found"}, 502, InternalServerError),
        ({"object": "error", "message": "x", "code": 404}, 404, NotFoundError),
        ({"error": {"message": "x"}, "choices": []}, 502, InternalServerError),
        ({"error": {"code": "content_filter", "message": "x"}}, 400, ContentFilterError),
        (
            {"error": {"code": "BadRequest", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
            400,
            ContentFilterError,
        ),
        ({"error": {"code": "context_length_exceeded", "message": "x"}}, 400, ContextLengthError),
        ({"error": {"code": "rate_limit_exceeded", "type": "rate_limit_error", "message": "x"}}, 429, RateLimitError),
        ({"error": {"code": "RateLimitReached", "message": "x"}}, 429, RateLimitError),
        ({"error": {"type": "rate_limit_error", "message": "x"}}, 429, RateLimitError),
        ({"error": {"code": "invalid_api_key", "type": "invalid_request_error"}}, 401, AuthenticationError),
        ({"error": {"code": "Unauthorized", "message": "x"}}, 401, AuthenticationError),
        ({"error": {"code": "DeploymentNotFound", "message": "x"}}, 404, NotFoundError),
        ({"error": {"code": None, "type": "invalid_request_error", "message": "x"}}, 400, BadRequestError),
        ({"error": {"code": "parameter_not_supported", "message": "x"}}, 422, ParameterNotSupportedError),
        ({"error": {"code": "mystery", "message": "content_filter rate_limit_exceeded"}}, 502, InternalServerError),
        ({"error": "too_many_requests", "message": "x"}, 429, RateLimitError),
    ],
)
@pytest.mark.parametrize("name", ["CHAT", "EMBEDDINGS", "INFO"])
def test_errors_inside_a_200(name: str, body: Any, status: int, kind: type[APIStatusError]) -> None:
    """A 200 that says that it failed is that failure, on every route."""
    with pytest.raises(APIStatusError) as caught:
        protocol.read_answer(call(name), 200, {}, json.dumps(body).encode())

    assert type(caught.value) is kind
    assert caught.value.status_code == status


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"", "an empty body"),
        (200, b"<html><body>Welcome</body></html>", "<html>"),
        (200, b"[]", "not a valid ChatCompletion"),
        (200, b'{"choices": []}', "choices"),
        (200, b'{"object": "list", "data": []}', "choices"),
        (200, b"data: {}\n\n", "data: {}"),
        (200, b"\xff\xfe", "not a valid ChatCompletion"),
        (204, b"", "204"),
        (302, b"", "redirect"),
    ],
)
def test_answers_that_are_none(status: int, body: bytes, said: str) -> None:
    """What is neither an answer nor a refusal says what was seen, and where."""
    with pytest.raises(ResponseValidationError) as caught:
        protocol.read_answer(call(), status, {}, body)

    assert said in str(caught.value)
    assert "https://x.services.ai.azure.com/models/chat/completions" in str(caught.value)


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://x.services.ai.azure.com/models", "https://x.services.ai.azure.com/openai/v1"),
        ("https://models.inference.ai.azure.com", "https://<resource>.services.ai.azure.com/openai/v1"),
        ("https://models.github.ai/inference", "https://<resource>.services.ai.azure.com/openai/v1"),
    ],
)
def test_retired_hosts(status: int, url: str, named: str) -> None:
    """A host whose end was announced, once it answers 404 or 410, says so and names the address to move to."""
    message = str(refused(status, {}, {"error": {"code": "404", "message": "Resource not found"}}, url))

    assert "retirement" in message
    assert named in message


@pytest.mark.parametrize(
    ("status", "url"),
    [
        (404, "https://x.models.ai.azure.com"),
        (404, "https://e.eastus.inference.ml.azure.com"),
        (404, "https://x.services.ai.azure.com/openai/v1"),
        (401, "https://x.services.ai.azure.com/models"),
    ],
)
def test_no_word_of_retirement_elsewhere(status: int, url: str) -> None:
    """Neither a host that lives on nor another failure speaks of an end."""
    assert "retirement" not in str(refused(status, {}, {"error": {"message": "no"}}, url))


EVERY_CLASS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, InferenceError) and kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", EVERY_CLASS)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_copies_and_pickles(kind: type[InferenceError], again: Any) -> None:
    """An error that crosses processes is the same error: class, message, and all it knows."""
    partial = ChatCompletion.model_validate({"choices": [{"message": {"content": "so far"}}]})
    error = kind("what and why", attempts=3, client_request_id="id", partial=partial, status_code=429, retry_after=2.0)

    twin = again(error)

    assert type(twin) is kind
    assert str(twin) == "what and why"
    assert vars(twin) == vars(error)
    assert twin is not error


@pytest.mark.parametrize("kind", EVERY_CLASS)
def test_as_type(kind: type[InferenceError]) -> None:
    """An error becomes another class of the tree with all it knows: its cause and its traceback too."""
    other = type("Other", (kind,), {})
    cause = ValueError("cause")
    try:
        raise kind("what", attempts=2, details=[1]) from cause
    except InferenceError as error:
        changed = error.as_type(other)

    assert type(changed) is other
    assert vars(changed) == {**vars(changed), "message": "what", "attempts": 2, "details": [1]}
    assert changed.__cause__ is cause
    assert changed.__traceback__ is not None


def test_the_tree_is_drawn_in_the_module() -> None:
    """The docstring of the module shows every class there is."""
    assert [kind.__name__ for kind in EVERY_CLASS if kind.__name__ not in (errors.__doc__ or "")] == []
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(APITimeoutError, APIConnectionError)


def test_no_two_errors_share_a_list() -> None:
    """What one error is given, another does not have."""
    APIStatusError("one").details.append("only here")

    assert APIStatusError("two").details == []


def test_interruptions_keep_what_had_arrived() -> None:
    """The errors of a stream have a place for what came before them."""
    for kind in (StreamInterruptedError, ResponseValidationError, APITimeoutError, APIStatusError):
        assert kind("x").partial is None


@pytest.mark.parametrize("body", [{"code": "x" * 9000}, {"detail": {"loc": ["body", "x" * 9000], "input": "x" * 9000}}])
def test_long_words_are_cut(body: dict[str, Any]) -> None:
    """However much a service says, a message repeats little of it; the whole is in the attributes."""
    with pytest.raises(APIStatusError) as caught:
        protocol.raise_for_status(call(), 400, {}, json.dumps(body).encode())

    assert len(str(caught.value)) < 500
    assert caught.value.body == body


@pytest.mark.parametrize(
    "body",
    [
        {"detail": "Extra parameters [" * 50_000},
        {"message": "x" * 500_000, "details": [f"y{number}" for number in range(80_000)]},
        {"error": "<" * 900_000},
        {"message": "wait " + "1s " * 300_000},
    ],
    ids=["names", "details", "markup", "waits"],
)
def test_long_refusals_are_read_at_once(body: dict[str, Any]) -> None:
    """A refusal that repeats a long request does not hold up the process: of its text, only the start counts."""
    with pytest.raises(APIStatusError) as caught:
        protocol.raise_for_status(call(), 400, {}, json.dumps(body).encode())

    assert len(str(caught.value)) < 1000
    assert caught.value.body == body


def test_the_longest_text() -> None:
    """An exception that has all that can be long is no longer than promised, and says whom it asked."""
    detail = {"loc": ["body", "x" * 9000], "input": "x" * 9000}
    body = {"error": {"code": "x" * 9000, "message": "why " * 9000, "details": [detail]}}
    asked = replace(call(url="https://x.services.ai.azure.com/" + "models/" * 90), model="m" * 9000)
    with pytest.raises(APIStatusError) as caught:
        protocol.raise_for_status(asked, 400, {"retry-after": "7"}, json.dumps(body).encode())
    caught.value.belongs_to(asked, attempts=3, answer_headers={})
    caught.value.rows = [None] * 10_000

    assert 900 < len(str(caught.value)) <= 1000
    assert str(caught.value).endswith(", 3 attempts)")
