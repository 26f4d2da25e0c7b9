"""From an HTTP request to a body that may be answered: key, JSON, extra parameters, schema, model, in this order."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from azure_inference_emulator import failures, managed, models, prompts, usage
from azure_inference_emulator.checks import Checker
from azure_inference_emulator.failures import Refused
from azure_inference_emulator.models import Model, Refusal, Task
from azure_inference_emulator.rules import EXTRA_PARAMETERS_OPTIONS, OPENAI_PARAMETERS, Rule
from azure_inference_emulator.settings import Settings
from azure_inference_emulator.values import JsonObject, as_list, as_object, as_objects, as_text, is_object

Dialect = Literal["model-inference", "openai-v1", "azure-openai"]


@dataclass(frozen=True)
class Incoming:
    """An HTTP request without its framework: ``deployment`` is the model that the path names."""

    dialect: Dialect
    headers: Mapping[str, str]
    query: Mapping[str, str]
    raw: bytes = b""
    deployment: str = ""


@dataclass(frozen=True)
class Admitted:
    """A request that passed: ``body`` holds what the model gets, ``extras`` what of it is outside the API."""

    dialect: Dialect
    body: JsonObject
    model: Model
    model_name: str
    extras: JsonObject = field(default_factory=dict[str, Any])
    managed_compute: bool = False

    @property
    def like_openai(self) -> bool:
        """Whether answers carry what only Azure OpenAI's do: by the route's dialect, or by the model."""
        return self.dialect != "model-inference" or self.model.azure_openai


def check_key(incoming: Incoming, settings: Settings) -> None:
    """Refuse a request whose key is missing or wrong; ``Authorization: Bearer`` or ``api-key`` may carry it."""
    scheme, _, token = incoming.headers.get("authorization", "").partition(" ")
    if settings.bearer_only and not token:
        raise failures.no_bearer()
    given = [
        token.strip() if scheme.lower() == "bearer" else "",
        "" if settings.bearer_only else incoming.headers.get("api-key", "").strip(),
    ]
    keys = [key for key in given if key]
    wanted = settings.key
    if not keys or (wanted is not None and not any(hmac.compare_digest(key.encode(), wanted.encode()) for key in keys)):
        raise failures.unauthorized()


def check_version(incoming: Incoming, settings: Settings) -> None:
    """Refuse a query that the dialect does not take: each wants an api-version, or wants none."""
    version = incoming.query.get("api-version")
    if incoming.dialect == "openai-v1" and version not in {None, "preview", "latest", "v1"}:
        raise failures.nested(400, "BadRequest", "api-version query parameter is not allowed when using /v1 path")
    if incoming.dialect == "azure-openai" and not version:
        raise failures.nested(404, "404", "Resource not found (the query parameter api-version is missing)")
    if incoming.dialect == "model-inference" and not version and settings.strict:
        raise failures.nested(400, "BadRequest", "Missing required query parameter: api-version")


def admit(incoming: Incoming, table: Mapping[str, Rule], task: Task, settings: Settings) -> Admitted:
    """What a POST request asks for; raises ``Refused`` with the answer it gets otherwise."""
    if settings.managed_compute:
        table = managed.table(table)
    body = parse(incoming)
    body, extras = _extra_parameters(incoming, table, body, settings)
    _check_schema(incoming, table, body, settings)
    model, name = resolve(incoming, as_text(body.get("model")), task, settings)
    _check_support(incoming, model, body)
    _check_parts(model, body)
    _check_size(incoming, model, body)
    _check_content(incoming, model, body, settings)
    return Admitted(incoming.dialect, body, model, name, extras, settings.managed_compute)


def parse(incoming: Incoming) -> JsonObject:
    """The JSON object of the body."""
    try:
        body = json.loads(incoming.raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        message = f"The request body is not valid JSON: {error}"
        raise failures.nested(400, "BadRequest", message) from None
    if not is_object(body):
        problem = {
            "type": "model_attributes_type",
            "loc": ["body"],
            "msg": "Input should be a valid dictionary",
            "input": body,
        }
        raise failures.invalid([problem])
    return as_object(body)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _extra_parameters(
    incoming: Incoming, table: Mapping[str, Rule], body: JsonObject, settings: Settings
) -> tuple[JsonObject, JsonObject]:
    """The body as the model gets it, and the keys of it that are outside the API."""
    if incoming.dialect != "model-inference":
        return _openai_extras(table, body, settings)
    extras = {name: value for name, value in body.items() if name not in table}
    option = incoming.headers.get("extra-parameters", "error")
    if option not in EXTRA_PARAMETERS_OPTIONS:
        raise failures.unexpected_option(option, EXTRA_PARAMETERS_OPTIONS)
    if extras and option == "error":
        raise failures.extra_parameters(list(extras))
    if option == "drop":
        return {name: value for name, value in body.items() if name in table}, {}
    return body, extras


def _openai_extras(table: Mapping[str, Rule], body: JsonObject, settings: Settings) -> tuple[JsonObject, JsonObject]:
    extras = {name: value for name, value in body.items() if name not in table and name not in OPENAI_PARAMETERS}
    if extras and settings.strict:
        raise failures.openai(400, f"Unrecognized request argument supplied: {', '.join(extras)}")
    return body, extras


def _check_schema(incoming: Incoming, table: Mapping[str, Rule], body: JsonObject, settings: Settings) -> None:
    foreign = incoming.dialect != "model-inference"
    problems = Checker(strict=settings.strict and not foreign, nulls=foreign).body(table, body)
    if settings.managed_compute and not problems:
        problems = managed.check(body)
    if problems and foreign and not settings.managed_compute:
        first = problems[0]
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"][1:]).lstrip(".")
        raise failures.openai(400, f"Invalid value for '{where}': {first['msg']}.", param=where, code="invalid_value")
    if problems:
        raise failures.invalid(problems)


def resolve(incoming: Incoming, asked: str, task: Task, settings: Settings) -> tuple[Model, str]:
    """The model a request is for, and the name it is asked by."""
    name = settings.only or incoming.deployment or asked or models.DEFAULTS[task]
    model = models.find(settings.models.get(name, name))
    if settings.managed_compute and not settings.only and (model is None or model.task != task):
        # Such an endpoint serves one model and does not look at the name; this one plays one for each task.
        name = models.DEFAULTS[task]
        model = models.MODELS[name]
    if model is None:
        raise _unknown_model(incoming, name, settings)
    if model.task != task:
        raise _wrong_task(incoming, name, task)
    return model, name


def _unknown_model(incoming: Incoming, name: str, settings: Settings) -> Refused:
    known = ", ".join([*models.MODELS, *settings.models])
    if incoming.dialect == "azure-openai":
        message = f"The API deployment for this resource does not exist: {name}. This emulator serves {known}."
        return failures.nested(404, "DeploymentNotFound", message)
    message = f"Unknown model: {name}"
    return failures.nested(400, "unknown_model", f"{message}. This emulator serves {known}.", details=message)


def _wrong_task(incoming: Incoming, name: str, task: Task) -> Refused:
    wanted = models.DEFAULTS[task]
    if incoming.dialect != "model-inference":
        message = (
            f"The {task} operation does not work with the specified model, {name}. Choose another, such as {wanted}."
        )
        return failures.nested(400, "OperationNotSupported", message)
    message = f"The model {name} does not support {task}; {wanted} does."
    return Refused(404, {"status": 404, "error": "Not Found", "message": message})


def _check_support(incoming: Incoming, model: Model, body: JsonObject) -> None:
    for refusal in model.refusals:
        value = body.get(refusal.parameter)
        if refusal.applies(value):
            raise _unsupported(incoming, refusal, value)


def _unsupported(incoming: Incoming, refusal: Refusal, value: object) -> Refused:
    """What a model that does not support a parameter answers, in its own shape."""
    name = refusal.parameter
    if incoming.dialect != "model-inference" or refusal.shape == "openai":
        message = f"Unsupported parameter: '{name}' is not supported with this model.{refusal.advice}"
        return failures.openai(400, message, param=name, code="unsupported_parameter")
    if refusal.shape == "flat":
        return failures.parameter_not_supported([name], as_object(value).get("type", value))
    problem = {
        "type": "extra_forbidden",
        "loc": ["body", name],
        "msg": "Extra inputs are not permitted",
        "input": value,
    }
    return failures.invalid([problem]) if refusal.shape == "details" else failures.invalid_list([problem])


def _check_parts(model: Model, body: JsonObject) -> None:
    """Refuse audio in messages for a model that takes none."""
    for index, message in enumerate(as_objects(body.get("messages"))):
        kinds = {part.get("type") for part in as_objects(message.get("content"))}
        if not model.audio and kinds & {"input_audio", "audio_url"}:
            where = f"messages[{index}]"
            message_text = f"Invalid '{where}'. Content blocks are expected to be either text or image_url type."
            raise failures.openai(400, message_text, param=where, code="invalid_value")


def _check_size(incoming: Incoming, model: Model, body: JsonObject) -> None:
    """Refuse what is longer than the model's context, more inputs than it takes at once, and too long an answer."""
    inputs = as_list(body.get("input"))
    if len(inputs) > model.batch and not isinstance(inputs[0], int):
        msg = f"List should have at most {model.batch} items after validation, not {len(inputs)}"
        problem: JsonObject = {"type": "too_long", "loc": ["body", "input"], "msg": msg, "input": len(inputs)}
        raise failures.invalid([{**problem, "ctx": {"max_length": model.batch}}])
    wanted = body.get("max_completion_tokens", body.get("max_tokens"))
    if model.output is not None and isinstance(wanted, int) and wanted > model.output:
        message = (
            f"max_tokens is too large: {wanted}. This model supports at most {model.output} completion tokens, "
            f"whereas you provided {wanted}."
        )
        raise failures.openai(400, message, param="max_tokens", code="invalid_value")
    if model.task == "embeddings":
        _check_inputs(model, body)
    elif (asked := usage.prompt_tokens(body)) > model.context:
        raise _too_long(incoming, model, asked)


def _check_inputs(model: Model, body: JsonObject) -> None:
    """Refuse an input that is longer than an Azure OpenAI model reads; others cut it off."""
    longest = usage.longest_input(body.get("input"))
    if model.azure_openai and longest > model.context:
        message = (
            f"This model's maximum context length is {model.context} tokens, however you requested {longest} tokens "
            f"({longest} in your prompt; 0 for the completion). Please reduce your prompt; or completion length."
        )
        raise failures.openai(400, message)


def _too_long(incoming: Incoming, model: Model, asked: int) -> Refused:
    if incoming.dialect != "model-inference" or model.azure_openai:
        message = (
            f"This model's maximum context length is {model.context} tokens. However, your messages resulted in "
            f"{asked} tokens. Please reduce the length of the messages."
        )
        return failures.openai(400, message, param="messages", code="context_length_exceeded")
    message = f"Request body too large for {model.name} model. Max size: {model.context} tokens."
    return failures.nested(413, "tokens_limit_reached", message, details=message)


def _check_content(incoming: Incoming, model: Model, body: JsonObject, settings: Settings) -> None:
    """Refuse a prompt that begins with the phrase which stands for a harmful one."""
    talk = prompts.conversation(body) if "messages" in body else None
    said = talk.question if talk else as_text(body.get("prompt"))
    if not any(text.lstrip().startswith(failures.INPUT_FILTER) for text in (said, prompts.dissect_text(said).question)):
        return
    if settings.managed_compute:
        raise managed.filtered()
    nested = incoming.dialect != "model-inference" or model.azure_openai or model.name == "emulated-chat-2"
    raise failures.filtered_nested() if nested else failures.filtered_flat()
