"""Arguments of constructors: a wrong one is named where the object is made, by the core and by both adapters alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest

from azure_inference import AsyncInferenceClient, ConfigurationError, Connection, InferenceClient, RetryPolicy, Timeouts
from langchain_azure_inference import AzureInferenceEmbeddings, AzureInferenceLLM, ChatAzureInference
from llamaindex_azure_inference import AzureInference, AzureInferenceCompletion, AzureInferenceEmbedding
from tests.canary import KEY
from tests.security.doors import DOORS
from tests.security.test_written_down import script

ENDPOINT = "https://x.services.ai.azure.com/models"
CLIENTS = [InferenceClient, AsyncInferenceClient]
CHAT = [ChatAzureInference, AzureInference]
GENERATING = [*CHAT, AzureInferenceLLM, AzureInferenceCompletion]
EMBEDDING = [AzureInferenceEmbeddings, AzureInferenceEmbedding]
MODELS = [*GENERATING, *EMBEDDING]
EVERY = [*CLIENTS, Connection, *MODELS]


def made(kind: Callable[..., Any], **arguments: Any) -> Any:
    """An object of the class, all right but for these arguments."""
    return kind(**{"endpoint": ENDPOINT, "credential": "key", **arguments})


def refused(kind: Callable[..., Any], **arguments: Any) -> str:
    """What is said of arguments."""
    with pytest.raises(ConfigurationError) as caught:
        made(kind, **arguments)
    return str(caught.value)


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"endpoint": 5}, "endpoint=5 is an int: pass text"),
    ({"dialect": ["x"]}, "dialect=['x'] is a list: pass text"),
    (
        {"timeout": True},
        "timeout=True is not a number of seconds above 0: pass one, up to 2147483, or azure_inference.Timeouts",
    ),
    (
        {"timeout": "30"},
        "timeout='30' is not a number of seconds above 0: pass one, up to 2147483, or azure_inference.Timeouts",
    ),
    ({"max_retries": True}, "max_retries=True is not a whole number from 0 up"),
    ({"max_retries": "3"}, "max_retries='3' is not a whole number from 0 up"),
    ({"max_connections": 1.5}, "max_connections=1.5 is not a whole number from 1 up"),
    ({"retry": 3}, "retry=3 is an int: pass a RetryPolicy, or max_retries"),
    ({"credential_scopes": "x"}, "credential_scopes='x' is a str: pass a list of texts"),
    ({"credential_scopes": [5]}, "an item of credential_scopes=5 is an int: pass text"),
    ({"headers": "x"}, "headers is a str: pass a mapping of names to values"),
    ({"allow_http": "false"}, "allow_http='false' is a str: pass True or False"),
    ({"trust_env": 1}, "trust_env=1 is an int: pass True or False"),
    ({"extra_parameters": 5}, "extra_parameters=5 is unknown: pass 'pass-through', 'drop' or 'error'"),
    ({"on_unsupported": True}, "on_unsupported=True is unknown: pass 'error' or 'drop'"),
]


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize(("arguments", "said"), OPTIONS, ids=repr)
def test_options_of_connections(kind: Any, arguments: dict[str, Any], said: str) -> None:
    """One judge, the core, says the same words everywhere."""
    assert refused(kind, **arguments) == said


@pytest.mark.parametrize("kind", GENERATING)
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"temperature": "hot"}, "temperature='hot' is not valid for {}: Input should be a valid number"),
        ({"temperature": float("nan")}, "temperature=nan is not valid for {}: Input should be a finite number"),
        ({"max_tokens": 1.5}, "max_tokens=1.5 is not valid for {}: Input should be a valid integer"),
        ({"stop": 5}, "stop=5 is not valid for {}: Input should be .*; or: Input should be a valid string$"),
        ({"stop": ["END", 5]}, "stop.1=5 is not valid for {}: Input should be a valid string"),
        ({"model": 5}, "model=5 is not valid for {}: Input should be a valid string"),
        ({"model_kwargs": f"key={KEY}"}, "model_kwargs=a str is not valid for {}: Input should be a valid dictionary"),
        ({"stream_usage": "no"}, "stream_usage='no' is a str: pass True or False"),
    ],
    ids=repr,
)
def test_parameters(kind: Any, arguments: dict[str, Any], said: str) -> None:
    """A parameter of the model is told by its name, and by what was given: no path of pydantic's, and no key."""
    assert re.match(said.format(kind.__name__), refused(kind, **arguments))


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (AzureInferenceEmbeddings, {"batch_size": 0}),
        (AzureInferenceEmbeddings, {"max_concurrency": 0}),
        (AzureInferenceEmbedding, {"embed_batch_size": 0}),
        *((kind, {"encoding_format": "x"}) for kind in EMBEDDING),
        *((kind, {"input_type": "x"}) for kind in EMBEDDING),
    ],
)
def test_arguments_of_embeddings(kind: Any, arguments: dict[str, Any]) -> None:
    """What is wrong by itself is refused where the object is made, by the name that it was given."""
    ((name, value),) = arguments.items()
    assert refused(kind, **arguments).startswith(f"{name}={value!r} is not valid for {kind.__name__}: Input should be ")


WRITTEN = [{"timeout": Timeouts(read=5.0)}, {"retry": RetryPolicy(max_retries=5)}]


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("arguments", WRITTEN)
def test_what_is_written_down(kind: Any, arguments: dict[str, Any]) -> None:
    """Timeouts and policies are read from the mappings that they are written down as; others are refused."""
    ((name, value),) = arguments.items()
    written = made(kind, **arguments).model_dump()[name]

    assert isinstance(written, dict)
    assert getattr(made(kind, **{name: written}), name) == value
    assert re.match(rf"\{{'x': 1\}} is not a {type(value).__name__}, which has ", refused(kind, **{name: {"x": 1}}))


HTTP_CLIENTS: list[tuple[str, Callable[[], Any], str]] = [
    (
        "http_client",
        httpx.AsyncClient,
        "an httpx.AsyncClient: pass an httpx.Client, or pass this one as async_http_client",
    ),
    ("async_http_client", httpx.Client, "an httpx.Client: pass an httpx.AsyncClient, or pass this one as http_client"),
    ("http_client", lambda: 5, "an int: pass an httpx.Client"),
    ("async_http_client", lambda: 5, "an int: pass an httpx.AsyncClient"),
    ("http_client", lambda: httpx.Client, "a class: pass an httpx.Client"),
    ("http_client", httpx2.Client, "an httpx2.Client: pass an httpx.Client"),
]


@pytest.mark.parametrize(("name", "client", "said"), HTTP_CLIENTS)
@pytest.mark.parametrize("kind", EVERY)
def test_http_clients(kind: Any, name: str, client: Callable[[], Any], said: str) -> None:
    """What no call can be sent with is refused at once, and not where the first call is made."""
    of_other = {InferenceClient: "async_http_client", AsyncInferenceClient: "http_client"}.get(kind)
    expected = (
        f"{name} is not an argument of {kind.__name__}: did you mean" if name == of_other else f"{name} is {said}"
    )
    assert refused(kind, **{name: client()}).startswith(expected)


class Derived(httpx.Client):
    """A client of a user's own class."""


@pytest.mark.parametrize("door", DOORS)
def test_http_clients_that_are_taken(server: Any, door: str) -> None:
    """Clients of httpx are taken, those of classes made of it as well, and the async one beside."""
    script(server, "chat", "good")
    with Derived(headers={"x-mine": "1"}) as client:
        model = DOORS[door].make(
            endpoint=server.url, credential="key", http_client=client, async_http_client=httpx.AsyncClient()
        )
        DOORS[door].ask("chat", model)
    assert server.requests[-1].headers["x-mine"] == "1"


TO_THE_MODEL = "to send it to the model with every request, pass model_kwargs="
MEANT = {
    "api_kye": "credential",
    "apikey": "credential",
    "apiKey": "credential",
    "key": "credential",
    "token": "credential",
    "use_azure_ad": "credential",
    "azure_ad_token": "credential",
    "mistral_api_key": "credential",
    "endpont": "endpoint",
    "Endpoint": "endpoint",
    "base_url": "endpoint",
    "openai_proxy": "trust_env or (async_)?http_client",
    "proxies": "trust_env or (async_)?http_client",
    "organization": "headers",
    "default_headers": "headers",
    "request_timeout": "timeout",
    "timout": "timeout",
    "max_retry": "max_retries",
    "max_retires": "max_retries",
    "api_type": "dialect",
}
OF_MODELS = {"modle": "model", "Model": "model", "deployment": "model", "engine": "model"}
OF_THE_MODEL = [
    *("best_of", "echo", "frequency", "grammar", "guided_json", "ignore_eos", "logit_bias", "logprobs"),
    *("max_completion_tokens", "min_p", "min_tokens", "modalities", "n", "parallel_tool_calls", "prediction", "prompt"),
    *("reasoning", "reasoning_effort", "repetition_penalty", "safe_prompt", "service_tier", "skip_special_tokens"),
    *("store", "suffix", "thinking", "top_a", "top_k", "top_logprobs", "truncate", "typical_p", "user", "verbosity"),
]


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("name", MEANT)
def test_names(kind: Any, name: str) -> None:
    """An argument by another's name, or misspelt, is refused with its name here; what it holds is not shown."""
    said = refused(kind, **{name: KEY})

    assert re.match(rf"{name} is not an argument of {kind.__name__}: did you mean (api_key or )?{MEANT[name]}", said)
    assert KEY not in said


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("name", OF_MODELS)
def test_names_of_models(kind: Any, name: str) -> None:
    """So is the model's; a swap of two letters is seen in short names, too."""
    assert re.fullmatch(
        f"{name} is not an argument of {kind.__name__}: did you mean model(_name)?[?]", refused(kind, **{name: "m"})
    )


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("name", OF_THE_MODEL)
def test_names_of_parameters(kind: Any, name: str) -> None:
    """Parameters of models are taken for what they are, not for misspelt arguments."""
    assert (
        refused(kind, **{name: 1}) == f"{name} is not an argument of {kind.__name__}: {TO_THE_MODEL}{{{name!r}: ...}}"
    )


@pytest.mark.parametrize("kind", CLIENTS)
@pytest.mark.parametrize("name", ["model", "temperature", "top_k"])
def test_parameters_of_clients(kind: Any, name: str) -> None:
    """The core's clients say where parameters of the model belong, and list their own arguments, which are theirs."""
    said = refused(kind, **{name: 1})
    own = "http_client" if kind is InferenceClient else "async_http_client"

    assert said.startswith(
        f"{name} is not an argument of {kind.__name__}: what is for the model is a field of the request"
    )
    assert f"arguments are endpoint, credential, {own}, api_version, " in said


LONG = "x" * 10_000
LIMIT = 1_000


@pytest.mark.parametrize("kind", [*CLIENTS, *MODELS])
@pytest.mark.parametrize(
    "arguments",
    [
        {"endpoint": f"ftp://{LONG}"},
        {"endpoint": f"http://example.com/{LONG}"},
        {"endpoint": f"https://example.com/{LONG}/openai/deployments"},
        {"dialect": LONG},
        {"api_version": [LONG]},
        {"timeout": LONG},
        {"extra_parameters": LONG},
        {"on_unsupported": LONG},
        {"credential_scopes": LONG},
        {"retry": [LONG]},
        {"max_retries": LONG},
        {"headers": {f"{LONG} ": "x"}},
        {LONG: 1},
    ],
    ids=lambda arguments: str(arguments)[:30],
)
def test_long_values(kind: Any, arguments: dict[str, Any]) -> None:
    """A message shows the beginning of what is wrong, however long that is, and the remedy in full."""
    said = refused(kind, **arguments)

    assert len(said) < LIMIT
    assert not said.endswith("...")


@pytest.mark.parametrize("kind", [InferenceClient, *MODELS])
def test_endpoints_with_secrets(kind: Any) -> None:
    """An endpoint that is none is shown without what may be a password or a key in it."""
    assert "endpoint=(value withheld) is not" in refused(kind, endpoint=f"ftp://user:{KEY}@example.com")
    assert "endpoint='ftp://example.com/' is not" in refused(kind, endpoint=f"ftp://example.com/?code={KEY}")
