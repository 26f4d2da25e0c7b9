"""The error answers of the API in the shapes that services really send, and the exception that carries one."""

from collections.abc import Mapping
from typing import Any

from azure_inference_emulator.values import JsonObject

# A last user message (or the question in it) that begins with one of these meets the content filter.
INPUT_FILTER = "[[filter the prompt]]"
OUTPUT_FILTER = "[[filter the answer]]"

_HARMLESS: JsonObject = {
    "hate": {"filtered": False, "severity": "safe"},
    "self_harm": {"filtered": False, "severity": "safe"},
    "sexual": {"filtered": False, "severity": "safe"},
    "violence": {"filtered": False, "severity": "safe"},
}


class Refused(Exception):  # noqa: N818 - it is an answer, and the normal end of many requests
    """A request that is answered with an error: its status, JSON body and further headers."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def nested(status: int, code: str, message: str, **more: object) -> Refused:
    """The usual shape: an ``error`` object with code and message."""
    return Refused(status, {"error": {"code": code, "message": message, **more}}, {"x-ms-error-code": code})


def openai(status: int, message: str, *, param: str | None = None, code: str | None = None) -> Refused:
    """The shape of the OpenAI dialects."""
    return Refused(
        status, {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}
    )


def unauthorized() -> Refused:
    """401, as the gateway says it."""
    return nested(
        401,
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
        "active subscription and use a correct regional API endpoint for your resource.",
    )


def no_bearer() -> Refused:
    """400, as serverless endpoints say that there is no ``Authorization``."""
    return Refused(400, {"status": "Auth token must be passed as a header called Authorization"})


def invalid(problems: list[JsonObject]) -> Refused:
    """422 for what breaks the schema."""
    error = {"code": "Invalid input", "status": 422, "message": "invalid input error", "details": problems}
    return Refused(422, {"error": error})


def parameter_not_supported(loc: list[str | int], value: object) -> Refused:
    """422 for a parameter of the API that the model does not support with this value."""
    return Refused(
        422,
        {
            "status": 422,
            "code": "parameter_not_supported",
            "detail": {"loc": ["body", *loc], "input": value},
            "message": "One of the parameters contain invalid values.",
        },
    )


def extra_parameters(names: list[str]) -> Refused:
    """400 for keys outside the API while nothing allows them."""
    message = (
        f"Extra parameters {names} are not allowed when extra-parameters is not set or set to be 'error'. "
        "Set extra-parameters to 'pass-through' to pass to the model."
    )
    return Refused(400, {"detail": message})


def unexpected_option(value: str, options: tuple[str, ...]) -> Refused:
    """400 for a value of the extra-parameters header that does not exist."""
    return Refused(400, {"detail": f"Unexpected EXTRA_PARAMETERS option {value}, expected options are {list(options)}"})


def invalid_list(problems: list[JsonObject]) -> Refused:
    """422 as a bare list, which some models' own servers send."""
    return Refused(422, {"detail": problems})


def filtered_flat() -> Refused:
    """400 content_filter in the flat shape of the API's documents."""
    body = {
        "status": 400,
        "code": "content_filter",
        "message": "The response was filtered",
        "param": "messages",
        "type": None,
    }
    return Refused(400, body)


def filtered_nested() -> Refused:
    """400 content_filter as Azure OpenAI sends it, with the categories."""
    result = {
        **_HARMLESS,
        "jailbreak": {"filtered": False, "detected": False},
        "violence": {"filtered": True, "severity": "high"},
    }
    error = {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
        "Please modify your prompt and retry.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": result},
    }
    return Refused(400, {"error": error})


def prompt_filter_results() -> list[JsonObject]:
    """The verdict on a harmless prompt, as the OpenAI dialects send it."""
    return [
        {
            "prompt_index": 0,
            "content_filter_results": {**_HARMLESS, "jailbreak": {"filtered": False, "detected": False}},
        }
    ]


def filter_results(*, filtered: bool = False) -> JsonObject:
    """The verdict on an answer."""
    return {**_HARMLESS, "violence": {"filtered": True, "severity": "high"}} if filtered else dict(_HARMLESS)
