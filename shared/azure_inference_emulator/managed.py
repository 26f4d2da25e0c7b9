"""What Azure ML managed online endpoints do otherwise: tighter rules, and 424 for what fails inside."""

from collections.abc import Mapping
from types import MappingProxyType

from azure_inference_emulator.checks import Checker
from azure_inference_emulator.failures import Refused
from azure_inference_emulator.rules import Rule
from azure_inference_emulator.values import JsonObject, as_object, as_objects, as_text

MAX_TOKENS = 256
_ROLES = ("system", "user", "assistant", "tool")
_EXTRA_HERE = frozenset({"modalities", "user_security_context"})
# What the endpoint's own proxy says; everything else comes from the container and is rewritten.
_OF_THE_PROXY = frozenset({200, 401, 403, 408, 424, 429})


def table(published: Mapping[str, Rule]) -> Mapping[str, Rule]:
    """A published table as such a server has it: fewer parameters, temperature at most 1."""
    own = {name: rule for name, rule in published.items() if name not in _EXTRA_HERE}
    if "temperature" in own:
        own["temperature"] = Rule("number", low=0, high=1)
    if "prompt" in own:
        own["prompt"] = Rule("string", required=True)
    return MappingProxyType(own)


def check(body: JsonObject) -> list[JsonObject]:
    """What such a server refuses beyond the tables."""
    checker = Checker()
    for index, message in enumerate(as_objects(body.get("messages"))):
        if message.get("role") == "developer":
            checker.choice(_ROLES, "developer", ("messages", index, "role"))
        for place, part in enumerate(as_objects(message.get("content"))):
            where = ("messages", index, "content", place)
            if part.get("type") == "input_audio":
                checker.refuse("value_error", where, "Value error, input_audio is not supported", part)
            if part.get("type") == "text" and not part.get("text"):
                checker.refuse("value_error", (*where, "text"), "Value error, text can not be empty", "")
    if as_object(body.get("response_format")).get("type") == "json_schema":
        checker.choice(("text", "json_object"), "json_schema", ("response_format", "type"))
    if as_object(body.get("tool_choice")):
        checker.refuse("string_type", ("tool_choice",), "Input should be a valid string", body["tool_choice"])
    for index, tool in enumerate(as_objects(body.get("tools"))):
        function = as_object(tool.get("function"))
        if not as_text(function.get("description")):
            checker.refuse("missing", ("tools", index, "function", "description"), "Field required", function)
    return checker.problems


def wrapped(refused: Refused) -> Refused:
    """A refusal as the endpoint's proxy passes it on: 424 with the true status in a header."""
    if refused.status in _OF_THE_PROXY:
        return refused
    headers = {
        **refused.headers,
        "ms-azureml-model-error-reason": "model_error",
        "ms-azureml-model-error-statuscode": str(refused.status),
    }
    return Refused(424, refused.body, headers)


def filtered() -> Refused:
    """A filtered prompt, which such a server reports without a code."""
    message = "request input violates azure ai content safety setting."
    return Refused(400, {"error": {"code": "Bad Request", "message": message, "status": 400}})
