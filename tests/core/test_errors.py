"""Failures of every shape, read into one form; exceptions that say what to do; nothing else ever escapes."""

from __future__ import annotations

import copy
import json
import pickle
import time
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_inference import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ChatCompletion,
    ConfigurationError,
    ContentFilterError,
    InferenceError,
    InternalServerError,
    NotFoundError,
    ParameterNotSupportedError,
    PermissionDeniedError,
    RateLimitError,
    ResponseValidationError,
    StreamInterruptedError,
    UnprocessableEntityError,
    dialects,
    endpoints,
    errors,
    protocol,
    streaming,
)
from azure_inference.accumulate import ChatAccumulator, CompletionAccumulator
from azure_inference.schema import failures

REPR = (
    "[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options'), 'msg': 'Extra inputs are not permitted', "
    "'input': {'include_usage': True}}]"
)
HIDDEN = {"ms-azureml-model-error-reason": "model_error", "ms-azureml-model-error-statuscode": "422"}
LENGTH = "Shorten the messages or choose a model with a larger context window."
GENERAL = {"status_code", "code", "message", "param", "location", "value", "details", "inner_code", "content_filter"}

# name, HTTP status, headers, body, class, what its attributes are, a part of what it says to do
SHAPES: list[tuple[str, int, dict[str, str], Any, type[APIStatusError], dict[str, Any], str]] = [
    (
        "A",
        422,
        {},
        {
            "status": 422,
            "code": "parameter_not_supported",
            "detail": {"loc": ["body", "response_format"], "input": "json_object"},
            "message": "One of the parameters contain invalid values.",
        },
        ParameterNotSupportedError,
        {
            "code": "parameter_not_supported",
            "param": "response_format",
            "location": ["body", "response_format"],
            "value": "json_object",
            "details": [{"loc": ["body", "response_format"], "input": "json_object"}],
        },
        "on_unsupported='drop'",
    ),
    (
        "A as the tables of the documents have it: value, not input",
        422,
        {},
        {"code": "parameter_not_supported", "detail": {"loc": ["body", "seed"], "value": 0}, "message": "No."},
        ParameterNotSupportedError,
        {"param": "seed", "location": ["body", "seed"], "value": 0},
        "body.seed: 0",
    ),
    (
        "B",
        400,
        {},
        {
            "status": 400,
            "code": "content_filter",
            "message": "The response was filtered",
            "param": "messages",
            "type": None,
        },
        ContentFilterError,
        {"code": "content_filter", "param": "messages"},
        "The response was filtered. Change the prompt",
    ),
    (
        "C",
        400,
        {},
        {"detail": "Extra parameters ['n', 'user'] are not allowed when extra-parameters is not set."},
        BadRequestError,
        {"code": None, "param": "n"},
        "Set extra_parameters to 'pass-through'",
    ),
    (
        "C of tools",
        400,
        {},
        {"detail": "Tools and tool_choice are not supported."},
        BadRequestError,
        {},
        "400: Tools and",
    ),
    (
        "D",
        422,
        {},
        {
            "error": {
                "code": "Invalid input",
                "status": 422,
                "message": "invalid input error",
                "details": [
                    {
                        "type": "literal_error",
                        "loc": ["body", "messages", 0, "role"],
                        "msg": "Input should be 'system' or 'user'",
                        "input": "developer",
                    },
                    {"type": "less_than_equal", "loc": ["body", "temperature"], "msg": "Too hot", "input": 1.5},
                ],
            }
        },
        UnprocessableEntityError,
        {
            "code": "Invalid input",
            "param": "messages",
            "location": ["body", "messages", 0, "role"],
            "value": "developer",
        },
        "at body.messages.0.role: 'developer': invalid input error: Input should be 'system' or 'user'; Too hot.",
    ),
    (
        "E",
        422,
        {},
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "user"],
                    "msg": "Extra inputs are not permitted",
                    "input": "u",
                }
            ]
        },
        UnprocessableEntityError,
        {"param": "user", "location": ["body", "user"], "value": "u"},
        "Extra inputs are not permitted. Leave it out",
    ),
    (
        "F",
        400,
        {},
        {
            "error": {
                "code": "Bad Request",
                "message": json.dumps(
                    {"object": "error", "message": "too long", "type": "BadRequestError", "code": 400}
                ),
                "status": 400,
            }
        },
        BadRequestError,
        {"code": "Bad Request"},
        "400 Bad Request: too long.",
    ),
    (
        "F with a list as Python prints it inside",
        400,
        {},
        {"error": {"code": "Bad Request", "message": json.dumps({"message": REPR, "code": 400}), "status": 400}},
        BadRequestError,
        {
            "param": "stream_options",
            "location": ["body", "stream_options"],
            "value": {"include_usage": True},
        },
        "Extra inputs are not permitted",
    ),
    (
        "G",
        400,
        {},
        {
            "error": {
                "message": "The response was filtered due to the prompt triggering the policy",
                "type": None,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {
                    "code": "ResponsibleAIPolicyViolation",
                    "content_filter_result": {"hate": {"filtered": True, "severity": "high"}},
                },
            }
        },
        ContentFilterError,
        {
            "param": "prompt",
            "inner_code": "ResponsibleAIPolicyViolation",
            "content_filter": {"hate": {"filtered": True, "severity": "high"}},
        },
        "content_filter has the categories",
    ),
    (
        "G spelt inner_error",
        400,
        {},
        {
            "error": {
                "code": "content_filter",
                "message": "x",
                "inner_error": {"code": "I", "content_filter_results": {"a": 1}},
            }
        },
        ContentFilterError,
        {"inner_code": "I", "content_filter": {"a": 1}},
        "x.",
    ),
    (
        "G without an inner error",
        400,
        {},
        {"error": {"code": "content_filter", "message": "x"}},
        ContentFilterError,
        {},
        "x.",
    ),
    (
        "H",
        400,
        {},
        {
            "error": {
                "code": "Bad Request",
                "message": "request input violates azure ai content safety setting.",
                "status": 400,
            }
        },
        ContentFilterError,
        {"code": "Bad Request"},
        "Change the prompt",
    ),
    (
        "I",
        401,
        {},
        {"error": {"code": "401", "message": "Access denied due to invalid subscription key or wrong API endpoint."}},
        AuthenticationError,
        {"code": "401"},
        "Check the credential argument",
    ),
    (
        "J",
        401,
        {},
        {"statusCode": 401, "message": "Unauthorized. Audience is incorrect (https://cognitiveservices.azure.com)."},
        AuthenticationError,
        {},
        "set credential_scopes",
    ),
    (
        "K",
        400,
        {},
        {"status": "Auth token must be passed as a header called Authorization"},
        AuthenticationError,
        {"status_code": 400},
        "Check the credential argument",
    ),
    (
        "L",
        404,
        {},
        {"error": {"code": "404", "message": "Resource not found"}},
        NotFoundError,
        {"code": "404"},
        "Check the endpoint",
    ),
    (
        "L of a deployment",
        404,
        {},
        {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}},
        NotFoundError,
        {"code": "DeploymentNotFound"},
        "Check the deployment name",
    ),
    ("L of Managed Compute", 404, {}, {"detail": "Not Found"}, NotFoundError, {}, "404: Not Found."),
    ("M", 405, {}, {"detail": "Method Not Allowed"}, NotFoundError, {}, "serves this kind of request"),
    ("N 408", 408, {}, b"upstream request timeout", BadRequestError, {}, "408: upstream request timeout."),
    (
        "N 424 with the true status in a header",
        424,
        HIDDEN,
        {"error": {"code": "Invalid input", "message": "no"}},
        UnprocessableEntityError,
        {"status_code": 422},
        "422 Invalid input",
    ),
    ("N 424 without", 424, {}, b"", BadRequestError, {"status_code": 424, "body": ""}, "424"),
    (
        "N 424 with nonsense",
        424,
        {"ms-azureml-model-error-statuscode": "²"},
        b"",
        BadRequestError,
        {"status_code": 424},
        "424",
    ),
    (
        "O",
        413,
        {},
        {
            "error": {
                "code": "tokens_limit_reached",
                "message": "Request body too large for model. Max size: 4000 tokens.",
            }
        },
        BadRequestError,
        {"code": "tokens_limit_reached"},
        LENGTH,
    ),
    ("O as text", 413, {}, b"Request body too large for model X", BadRequestError, {}, LENGTH),
    (
        "P",
        429,
        {},
        {"error": {"code": "429", "message": "You have exceeded the token rate limit. Please retry after 60 seconds."}},
        RateLimitError,
        {"retry_after": 60.0},
        "raise the quota",
    ),
    (
        "P with a header, which is nearer the truth",
        429,
        {"retry-after": "1"},
        {"error": {"message": "Retry after 9 seconds"}},
        RateLimitError,
        {"retry_after": 1.0},
        "9 seconds",
    ),
    (
        "Q",
        400,
        {},
        {
            "error": {
                "code": "unsupported_parameter",
                "type": "invalid_request_error",
                "param": "max_tokens",
                "message": "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
            }
        },
        BadRequestError,
        {"code": "unsupported_parameter", "param": "max_tokens"},
        "Pass max_completion_tokens in place of max_tokens",
    ),
    (
        "Q of the validator",
        400,
        {},
        {
            "error": {
                "requestid": "r-1",
                "code": 400,
                "message": "Validation error at #/max_completion_tokens: Extra inputs are not permitted\n"
                "Validation error at #/store: Extra inputs are not permitted",
            }
        },
        BadRequestError,
        {"code": "400", "param": "max_completion_tokens", "request_id": "r-1"},
        "Leave it out",
    ),
    (
        "R",
        502,
        {},
        {"error": "Downstream unavailable"},
        InternalServerError,
        {"code": None},
        "502: Downstream unavailable.",
    ),
    ("S", 502, {}, b"<html><body>502 Bad Gateway</body></html>", InternalServerError, {}, "502"),
    ("S empty", 504, {}, b"", InternalServerError, {"body": ""}, "504"),
    ("S as text", 500, {}, b"Internal Server Error", InternalServerError, {}, "500: Internal Server Error."),
    (
        "S without a code",
        500,
        {},
        {"error": {"message": "it broke", "details": "badly"}},
        InternalServerError,
        {},
        "it broke: badly.",
    ),
    (
        "T",
        410,
        {},
        {"error": {"code": "github_models_retirement_brownout", "message": "gone"}},
        NotFoundError,
        {},
        "gone.",
    ),
    (
        "the flat form of the documents, in which error is only a word",
        429,
        {},
        {"error": "too_many_requests", "message": "Slow down", "status": 429},
        RateLimitError,
        {"code": None},
        "429: Slow down.",
    ),
    (
        "403",
        403,
        {},
        {"error": {"code": "Forbidden", "message": "No role."}},
        PermissionDeniedError,
        {},
        "Check the roles",
    ),
    (
        "a code that only a header has",
        400,
        {"x-ms-error-code": "BadThing"},
        b"",
        BadRequestError,
        {"code": "BadThing"},
        "400",
    ),
    (
        "an unknown model",
        400,
        {},
        {"error": {"code": "unknown_model", "message": "Unknown model: x", "details": "Unknown model: x"}},
        BadRequestError,
        {"code": "unknown_model"},
        "Unknown model: x. Check the model argument",
    ),
    (
        "a chat model asked for embeddings",
        400,
        {},
        {"error": {"code": "OperationNotSupported", "message": "The embeddings operation does not work with gpt-4o."}},
        BadRequestError,
        {},
        "Choose a model made for this kind of request.",
    ),
    (
        "a target, as the published contract has it",
        400,
        {},
        {
            "error": {
                "code": "BadArgument",
                "message": "No.",
                "target": "top_p",
                "details": [{"code": "x", "message": "why"}],
            }
        },
        BadRequestError,
        {"param": "top_p", "details": [{"code": "x", "message": "why"}]},
        "No.: why.",
    ),
]


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


@pytest.mark.parametrize("shape", SHAPES, ids=[shape[0] for shape in SHAPES])
def test_shapes(shape: tuple[str, int, dict[str, str], Any, type[APIStatusError], dict[str, Any], str]) -> None:
    """Each shape becomes the right class with the right attributes, and a message that says what to do."""
    _, status, headers, body, kind, attributes, advice = shape
    error = refused(status, headers, body)

    assert type(error) is kind
    expected = {"status_code": status, **attributes}
    assert {name: getattr(error, name) for name in expected} == expected
    assert advice in str(error)
    assert "\n<" not in str(error)
    assert "<html" not in str(error)
    assert error.body == (body.decode() if isinstance(body, bytes) else body)


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
        ({"retry-after": "inf"}, None),
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
        (200, b"[]", "no ChatCompletion"),
        (200, b'{"choices": []}', "choices"),
        (200, b'{"object": "list", "data": []}', "choices"),
        (200, b"data: {}\n\n", "data: {}"),
        (200, b"\xff\xfe", "no ChatCompletion"),
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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text(st.characters(categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
WORDS = [
    "error", "message", "detail", "details", "code", "status", "statusCode", "param", "target", "loc", "input", "value",
    "msg", "innererror", "inner_error", "content_filter_result", "choices", "delta", "tool_calls", "function", "index",
    "usage", "data", "embedding", "id", "content", "arguments", "audio", "logprobs", "content_filter_results",
]  # fmt: skip
SHAPED = st.recursive(
    JSON,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6)
        | st.builds(json.dumps, inner)
        | st.builds(repr, inner)
    ),
    max_leaves=15,
)
BODIES = st.binary(max_size=200) | st.builds(lambda value: json.dumps(value).encode(), SHAPED)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["retry-after", "retry-after-ms", "x-request-id", "x-ms-error-code", "ms-azureml-model-error-statuscode"]
    ),
    st.text(max_size=12),
)


@given(st.sampled_from([400, 401, 404, 422, 424, 429, 500, 599]), HEADERS, BODIES)
def test_any_refusal_is_a_status_error(status: int, headers: dict[str, str], body: bytes) -> None:
    """Whatever a refusal holds, it is told, can be printed, and can cross processes."""
    with pytest.raises(APIStatusError) as caught:
        protocol.raise_for_status(call(), status, headers, body)

    str(caught.value).encode()
    assert 400 <= caught.value.status_code <= 599
    assert pickle.loads(pickle.dumps(caught.value)).message == caught.value.message


@given(st.sampled_from(["CHAT", "COMPLETIONS", "EMBEDDINGS", "IMAGE_EMBEDDINGS", "INFO"]), BODIES)
def test_any_200_is_an_answer_or_an_error_of_ours(name: str, body: bytes) -> None:
    """Nothing that comes with status 200 makes anything but an answer or an InferenceError."""
    try:
        protocol.read_answer(call(name), 200, {}, body)
    except InferenceError as error:
        str(error).encode()


@given(
    st.sampled_from([("CHAT_STREAM", ChatAccumulator), ("COMPLETIONS_STREAM", CompletionAccumulator)]),
    st.lists(BODIES | st.builds(lambda body: b"data: " + body + b"\n\n", BODIES), max_size=5),
)
def test_any_stream_is_chunks_or_an_error_of_ours(kind: tuple[str, Any], pieces: list[bytes]) -> None:
    """Nothing that comes as a stream makes anything but chunks or an InferenceError."""
    reader: Any = streaming.StreamReader(call(kind[0]), kind[1]())
    try:
        for piece in pieces:
            if not reader.is_done:
                reader.feed(piece)
        reader.end()
        while reader.next() is not None:
            pass
    except InferenceError as error:
        str(error).encode()
    reader.result()


def test_interruptions_keep_what_had_arrived() -> None:
    """The errors of a stream have a place for what came before them."""
    for kind in (StreamInterruptedError, ResponseValidationError, APITimeoutError, APIStatusError):
        assert kind("x").partial is None
