"""The chat model as an object: what it sends, keeps, hides, and tells LangChain of itself."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from langchain_core import exceptions as lc
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.load import dumpd, dumps, load
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField

import azure_inference as core
from langchain_azure_inference import ChatAzureInference

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

SECRET = "canary-5ecret-of-langchain"
KEY = {"content-type": "application/json"}


@pytest.fixture
def make(emulator: Any) -> Callable[..., ChatAzureInference]:
    """Makes models over the emulator."""

    def make(**arguments: Any) -> ChatAzureInference:
        return ChatAzureInference(
            **{"endpoint": emulator.url, "credential": SECRET, "model": "emulated-chat", **arguments}
        )

    return make


def test_nothing_unasked(make: Any, sent: Any) -> None:
    """Only what was set is sent: no sampling default, no empty list, no header."""
    make(stop=[]).invoke("hi")

    (request,) = sent()
    assert request["body"] == {"messages": [{"role": "user", "content": "hi"}], "model": "emulated-chat"}
    assert "extra-parameters" not in request["headers"]


def test_zero_is_sent(make: Any, sent: Any) -> None:
    """0 and False are values like any other."""
    make(temperature=0, top_p=0, seed=0, frequency_penalty=0, presence_penalty=0).invoke("hi", logprobs=False)

    body = sent()[0]["body"]
    assert [body[name] for name in ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty")] == [0] * 5
    assert body["logprobs"] is False


def test_fixed_in_a_subclass(make: Any, sent: Any) -> None:
    """What a subclass fixes for all of its models, so that it is no argument any more, is sent."""

    class Steady(ChatAzureInference):
        temperature: ClassVar[float] = 0.5  # type: ignore[misc] # a field of its base

    Steady(endpoint=make().endpoint, credential=SECRET).invoke("hi", model="emulated-chat")

    assert sent()[0]["body"]["temperature"] == Steady.temperature


@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream"])
def test_precedence(make: Any, sent: Any, way: str) -> None:
    """A call goes before what is bound, that before the constructor; keys that are no parameters are extra ones."""
    model = make(temperature=0.1, max_tokens=1, top_p=0.1, stop=["a"], model_kwargs={"top_k": 1, "safe_prompt": True})
    bound = model.bind(temperature=0.2, max_tokens=2, top_k=2, stop=["b"])

    async def call() -> None:
        if way == "ainvoke":
            await bound.ainvoke("hi", temperature=0.3, model="emulated-chat-2")
        async for _ in bound.astream("hi", temperature=0.3, model="emulated-chat-2") if way == "astream" else _none():
            pass

    if way in ("invoke", "stream"):
        list(getattr(bound, way)("hi", temperature=0.3, model="emulated-chat-2"))
    else:
        asyncio.run(call())

    (request,) = sent()
    assert request["headers"]["extra-parameters"] == "pass-through"
    assert {name: value for name, value in request["body"].items() if name not in ("messages", "stream")} == {
        "model": "emulated-chat-2",
        "temperature": 0.3,
        "max_tokens": 2,
        "top_p": 0.1,
        "stop": ["b"],
        "top_k": 2,
        "safe_prompt": True,
    }


async def _none() -> Any:
    for nothing in ():
        yield nothing


def test_policy_of_a_call(make: Any, sent: Any) -> None:
    """`extra_parameters`, `timeout` and `headers` of one call are options of that call, and never in the body."""
    make().invoke("hi", extra_parameters="drop", top_k=1, timeout=5.0, headers={"x-team": "blue"})

    (request,) = sent()
    assert request["headers"]["extra-parameters"] == "drop"
    assert request["headers"]["x-team"] == "blue"
    assert request["body"].keys() == {"messages", "model", "top_k"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"temprature": 1}, "did you mean temperature"),
        ({"frobnicate": 1}, "model_kwargs={'frobnicate'"),
        ({"base_url": "https://x"}, "did you mean endpoint"),
        ({"temperature": "hot"}, "temperature=.hot. is not valid for ChatAzureInference"),
        ({"endpoint": "ftp://x"}, "endpoint"),
        ({"credential": ""}, "credential is blank"),
        ({"api_key": "x"}, "credential and api_key"),
        ({"timeout": -1}, "timeout=-1"),
        ({"extra_parameters": "perhaps"}, "extra_parameters='perhaps'"),
    ],
)
def test_bad_arguments(make: Any, arguments: Any, words: str) -> None:
    """A wrong or misspelt argument is refused by name, with the remedy, and without any secret."""
    with pytest.raises(core.ConfigurationError, match=words) as raised:
        make(**arguments)

    assert SECRET not in str(raised.value)


def test_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an endpoint or a credential, the error names the argument and the variable."""
    with pytest.raises(core.ConfigurationError, match=r"endpoint.*AZURE_INFERENCE_ENDPOINT"):
        ChatAzureInference(credential="canary-5ecret")
    monkeypatch.setenv("AZURE_INFERENCE_ENDPOINT", "https://example.services.ai.azure.com/models")
    with pytest.raises(core.ConfigurationError, match=r"credential.*AZURE_INFERENCE_CREDENTIAL"):
        ChatAzureInference()


def test_other_names(emulator: Any) -> None:
    """`api_key` and `model_name`, as other classes call them, are understood."""
    model = ChatAzureInference(endpoint=emulator.url, api_key="canary-5ecret", model_name="emulated-chat")

    assert model.model == "emulated-chat"
    assert model.invoke("hi").content


class TokenProvider:
    """A credential as those of azure-identity."""

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        """A token that is valid for an hour."""
        return type("Token", (), {"token": SECRET, "expires_on": 4_000_000_000})()


@pytest.mark.parametrize("credential", [TokenProvider(), lambda: SECRET], ids=["credential", "function"])
def test_credentials(make: Any, sent: Any, credential: Any) -> None:
    """Whatever gives tokens is taken, sync and async, and is no part of what is serialized."""
    model = make(credential=credential)

    assert model.invoke("hi").content
    assert asyncio.run(model.ainvoke("hi")).content
    assert "api-key" not in sent()[0]["headers"]
    assert dumpd(model)["kwargs"]["credential"]["type"] == "secret"


def test_no_secret_anywhere(make: Any) -> None:
    """The key is in no text that a model, a chain, a dump, a pickle, a cache key or a trace is made of."""
    model = make(headers={"x-key": SECRET}, cache=False)
    chain = ChatPromptTemplate.from_messages([("user", "{x}")]) | model.bind(stop=["a"])
    model.invoke("hi")

    texts = [
        repr(model),
        str(model),
        repr(chain),
        dumps(model),
        dumps(chain),
        str(model.asdict()),
        str(model.model_dump()),
    ]
    texts += [model._get_llm_string(), str(model._get_ls_params()), pickle.dumps(model).decode("latin-1")]

    assert [text for text in texts if SECRET in text] == []


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_copies(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies, pickles and loaded dumps are the same model, also after use; the key comes from the environment."""
    model = make(temperature=0, timeout=9, max_retries=1, model_kwargs={"seed": 1}, rate_limiter=None)
    answer = model.invoke("hi").content
    copied = copy.deepcopy(make(rate_limiter=InMemoryRateLimiter(requests_per_second=1000)))
    pickled = pickle.dumps(model)
    dumped = dumpd(model)

    assert model.model_copy(update={"endpoint": "https://x/models"}).asdict()["endpoint"] == "https://x/models"
    assert copied.invoke("hi").content == copy.copy(model).invoke("hi").content == answer
    with pytest.raises(core.ConfigurationError, match="AZURE_INFERENCE_CREDENTIAL"):
        pickle.loads(pickled).invoke("hi")
    monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", SECRET)
    loaded = load(
        dumped,
        valid_namespaces=["langchain_azure_inference"],
        allowed_objects=[ChatAzureInference],
        secrets_from_env=True,
    )
    for twin in (pickle.loads(pickled), loaded):
        assert twin.asdict() == model.asdict()
        assert twin.invoke("hi").content == answer


def test_configurable(make: Any, sent: Any) -> None:
    """Fields that are made configurable are set for a call."""
    model = make().configurable_fields(temperature=ConfigurableField(id="heat"), model=ConfigurableField(id="model"))

    model.with_config(configurable={"heat": 0.5, "model": "emulated-chat-2"}).invoke("hi")

    body = sent()[0]["body"]
    assert (body["temperature"], body["model"]) == (0.5, "emulated-chat-2")


def test_rate_limiter(make: Any) -> None:
    """A rate limiter is asked before each request."""

    class Counting(InMemoryRateLimiter):
        asked = 0

        def acquire(self, *, blocking: bool = True) -> bool:
            Counting.asked += 1
            return super().acquire(blocking=blocking)

    model = make(rate_limiter=Counting(requests_per_second=1000))
    model.invoke("hi")
    list(model.stream("hi"))

    assert Counting.asked == 2


def test_usage_callback(make: Any) -> None:
    """LangChain's usage handler sees tokens by model, streamed or not."""
    handler = UsageMetadataCallbackHandler()

    make().invoke("hi", config={"callbacks": [handler]})
    whole = handler.usage_metadata["emulated-chat"]["total_tokens"]
    list(make().stream("hi", config={"callbacks": [handler]}))

    assert handler.usage_metadata["emulated-chat"]["total_tokens"] == 2 * whole > 0


@pytest.mark.parametrize("named", [None, ""])
def test_usage_of_answers_that_name_no_model(script: Any, wire: SimpleNamespace, named: str | None) -> None:
    """Usage is counted for the model that was asked, where the answer does not say which one gave it."""
    handler = UsageMetadataCallbackHandler()
    model = ChatAzureInference(endpoint=script.url, credential="canary-5ecret", model="asked")

    script.says(wire.body({"content": "Hi"}, model=named))
    model.invoke("hi", config={"callbacks": [handler]})
    script.says([{**event, "model": named} if isinstance(event, dict) else event for event in wire.events({})])
    list(model.stream("hi", config={"callbacks": [handler]}))

    assert handler.usage_metadata["asked"]["total_tokens"] == 2 * 12


def test_profile() -> None:
    """What is known of a model by its name is its profile, and nothing is made up of others; a given one counts."""
    arguments = {"endpoint": "https://example.services.ai.azure.com/models", "credential": "canary-5ecret"}

    known = ChatAzureInference(model="gpt-4o", **arguments).profile

    assert known is not None
    assert known["structured_output"] is True
    assert known["max_input_tokens"] > 100_000
    assert ChatAzureInference(model="our-own", **arguments).profile is None
    assert ChatAzureInference(model="our-own", base_model="gpt-4o", **arguments).profile == known
    assert ChatAzureInference(model="gpt-4o", profile={"tool_calling": False}, **arguments).profile == {
        "tool_calling": False
    }


def test_unknown_profile_keys() -> None:
    """LangChain warns of keys that it does not know in a given profile, and finds none in what we know of models."""
    arguments = {"endpoint": "https://h.services.ai.azure.com/models", "credential": "k"}

    with pytest.warns(UserWarning, match=r"Unrecognized keys in model profile: \['made_up'\]"):
        ChatAzureInference(profile={"made_up": True, "tool_calling": True}, **arguments)
    ChatAzureInference(model="gpt-4o", **arguments)
    ChatAzureInference(profile={"tool_calling": True, "structured_output": True}, **arguments)


def test_of_langchain(make: Any) -> None:
    """Tracing learns provider, model, parameters and versions."""
    model = make(temperature=0, max_tokens=5, stop="x")

    assert model._get_ls_params() == {
        "ls_provider": "azure_inference",
        "ls_model_type": "chat",
        "ls_model_name": "emulated-chat",
        "ls_temperature": 0,
        "ls_max_tokens": 5,
        "ls_stop": ["x"],
    }
    assert model._llm_type == "azure-inference-chat"
    assert {"azure-inference", "langchain-core"} <= model.metadata["lc_versions"].keys()


def body(code: str, message: str = "no", **more: Any) -> bytes:
    """The body of an error."""
    import json

    return json.dumps({"error": {"code": code, "message": message, **more}}).encode()


ERRORS = {
    "401": ((401, KEY, body("401")), core.AuthenticationError, lc.ModelAuthenticationError, False),
    "403": ((403, KEY, body("403")), core.PermissionDeniedError, lc.ModelPermissionDeniedError, False),
    "404": ((404, KEY, body("DeploymentNotFound")), core.NotFoundError, lc.ModelNotFoundError, False),
    "400": ((400, KEY, body("bad")), core.BadRequestError, lc.ModelInvalidRequestError, False),
    "content filter": (
        (400, KEY, body("content_filter", innererror={"content_filter_result": {"hate": {"filtered": True}}})),
        core.ContentFilterError,
        lc.ModelInvalidRequestError,
        False,
    ),
    "too long": (
        (400, KEY, body("context_length_exceeded", "This model's maximum context length is 10 tokens.")),
        core.ContextLengthError,
        lc.ContextOverflowError,
        False,
    ),
    "422": ((422, KEY, body("Invalid input")), core.UnprocessableEntityError, lc.ModelInvalidRequestError, False),
    "parameter": (
        (
            422,
            KEY,
            b'{"code": "parameter_not_supported", "detail": {"loc": ["body", "seed"], "input": 1}, "message": "no"}',
        ),
        core.ParameterNotSupportedError,
        lc.ModelInvalidRequestError,
        False,
    ),
    "429": ((429, {**KEY, "retry-after": "3"}, body("429")), core.RateLimitError, lc.ModelRateLimitError, True),
    "500": ((500, KEY, body("500")), core.InternalServerError, lc.ModelAPIError, True),
    "no JSON": ((200, KEY, b"<html>"), core.ResponseValidationError, lc.ModelAPIError, True),
}


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize(("reply", "ours", "theirs", "retryable"), ERRORS.values(), ids=ERRORS)
async def test_errors(script: Any, reply: Any, ours: Any, theirs: Any, retryable: bool, way: str) -> None:  # noqa: PLR0917
    """Each error is the core's, with all it knows, and LangChain's class for it, by every way of calling."""
    script.says(reply)
    model = ChatAzureInference(endpoint=script.url, credential="canary-5ecret", model="m", max_retries=0)

    with pytest.raises(ours) as raised:
        await call(model, way)

    error = raised.value
    assert isinstance(error, theirs)
    assert error.is_retryable is retryable
    assert error.attempts == 1
    assert pickle.loads(pickle.dumps(error)).args == error.args
    if isinstance(error, core.APIStatusError):
        assert error.status_code == reply[0]
    if isinstance(error, core.ParameterNotSupportedError):
        assert (error.location, error.value) == (["body", "seed"], 1)
    if isinstance(error, core.ContentFilterError):
        assert error.content_filter["hate"]["filtered"] is True


async def call(model: Any, way: str) -> Any:
    """One call, by any way."""
    if way == "invoke":
        return model.invoke("hi")
    if way == "ainvoke":
        return await model.ainvoke("hi")
    return list(model.stream("hi")) if way == "stream" else [chunk async for chunk in model.astream("hi")]


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
async def test_nobody_there(script: Any, way: str) -> None:
    """A server that is not there is a connection error of both families."""
    model = ChatAzureInference(
        endpoint="http://127.0.0.1:9/models", credential="canary-5ecret", model="m", max_retries=0
    )

    with pytest.raises(lc.ModelConnectionError) as raised:
        await call(model, way)

    assert isinstance(raised.value, core.APIConnectionError)


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
async def test_fallbacks_by_class(script: Any, make: Any, way: str) -> None:
    """`with_fallbacks` goes on to the next model for the classes it names, LangChain's or ours, and for no others."""
    script.says((429, KEY, body("429")))
    first = ChatAzureInference(endpoint=script.url, credential="canary-5ecret", model="m", max_retries=0)

    for kind in (lc.ModelRateLimitError, core.RateLimitError):
        assert await call(first.with_fallbacks([make()], exceptions_to_handle=(kind,)), way)
    with pytest.raises(core.RateLimitError):
        await call(first.with_fallbacks([make()], exceptions_to_handle=(lc.ModelTimeoutError,)), way)


def test_batch_keeps_what_worked(script: Any, wire: SimpleNamespace) -> None:
    """In a batch, an error of one question leaves the answers of the others."""
    script.says(wire.body({"content": "a"}), (400, KEY, body("bad")), wire.body({"content": "b"}))
    model = ChatAzureInference(endpoint=script.url, credential="canary-5ecret", model="m", max_retries=0)

    answers = model.batch(["1", "2", "3"], config={"max_concurrency": 1}, return_exceptions=True)

    assert [getattr(answer, "content", type(answer).__name__) for answer in answers] == ["a", "BadRequestError", "b"]


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
async def test_retry_policy(script: Any, way: str) -> None:
    """How often a failed request is sent again can be said as a policy too, which a copy and a pickle keep."""
    script.says((503, KEY, body("503")))
    policy = core.RetryPolicy(max_retries=1, first_delay=0.0)
    model = ChatAzureInference(endpoint=script.url, credential="canary-5ecret", model="m", retry=policy)

    with pytest.raises(core.InternalServerError) as raised:
        await call(copy.deepcopy(model), way)

    assert raised.value.attempts == len(script.requests) == 2
    assert pickle.loads(pickle.dumps(model)).retry == policy
