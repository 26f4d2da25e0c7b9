"""Which endpoint a pasted URL means, what that kind of endpoint wants, and what becomes of extra parameters there."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from azure_inference import (
    ChatRequest,
    ConfigurationError,
    EmbeddingsRequest,
    ExtraParameters,
    InferenceClient,
    dialects,
    protocol,
    to_request,
)

from . import endpoints

VERSION = "2024-05-01-preview"
SERVICES = "https://res.services.ai.azure.com"
OPENAI = "https://res.openai.azure.com"
SERVERLESS = "https://m.eastus.models.ai.azure.com"
COMPUTE = "https://ep.eastus.inference.ml.azure.com"
COGNITIVE, FOUNDRY, ML = (f"https://{name}.azure.com/.default" for name in ("cognitiveservices", "ai", "ml"))
DEPLOYMENT = f"{OPENAI}/openai/deployments/gpt-4o"
MI = "model-inference"
V1 = "/openai/v1/chat/completions"
INFERENCE = f"/chat/completions?api-version={VERSION}"

# as pasted, where a chat request goes, dialect, scope of tokens
PASTED = [
    (f"{SERVICES}/models", f"{SERVICES}/models{INFERENCE}", MI, COGNITIVE),
    (f"{SERVICES}/models/", f"{SERVICES}/models{INFERENCE}", MI, COGNITIVE),
    (f"  {SERVICES}/models\n", f"{SERVICES}/models{INFERENCE}", MI, COGNITIVE),
    (f"{SERVICES}/models/chat/completions", f"{SERVICES}/models{INFERENCE}", MI, COGNITIVE),
    (f"{SERVICES}/models/chat/completions/", f"{SERVICES}/models{INFERENCE}", MI, COGNITIVE),
    (f"{SERVICES}/models/embeddings", f"{SERVICES}/models{INFERENCE}", MI, COGNITIVE),
    (f"{SERVICES}/models/images/embeddings", f"{SERVICES}/models{INFERENCE}", MI, COGNITIVE),
    (f"{SERVICES}/models/completions", f"{SERVICES}/models{INFERENCE}", MI, COGNITIVE),
    (f"{SERVICES}/models/info", f"{SERVICES}/models{INFERENCE}", MI, COGNITIVE),
    (
        f"{SERVICES}/models/chat/completions?api-version=2025-04-01",
        f"{SERVICES}/models/chat/completions?api-version=2025-04-01",
        MI,
        COGNITIVE,
    ),
    (
        f"{SERVICES}/models?api-version=2025-04-01&x=a%20b",
        f"{SERVICES}/models/chat/completions?x=a+b&api-version=2025-04-01",
        MI,
        COGNITIVE,
    ),
    ("res.services.ai.azure.com/models", f"{SERVICES}/models{INFERENCE}", MI, COGNITIVE),
    ("HTTPS://RES.services.ai.azure.com/models", f"https://RES.services.ai.azure.com/models{INFERENCE}", MI, COGNITIVE),
    (SERVICES, f"{SERVICES}{V1}", "openai-v1", FOUNDRY),
    (f"{SERVICES}/", f"{SERVICES}{V1}", "openai-v1", FOUNDRY),
    (f"{SERVICES}/openai/v1", f"{SERVICES}{V1}", "openai-v1", FOUNDRY),
    (f"{SERVICES}/openai/v1/", f"{SERVICES}{V1}", "openai-v1", FOUNDRY),
    (f"{SERVICES}/openai/v1/chat/completions?api-version=preview", f"{SERVICES}{V1}", "openai-v1", FOUNDRY),
    (f"{SERVICES}/api/projects/p/openai/v1", f"{SERVICES}/api/projects/p{V1}", "openai-v1", FOUNDRY),
    (OPENAI, f"{OPENAI}{V1}", "openai-v1", FOUNDRY),
    (f"{OPENAI}/openai", f"{OPENAI}{V1}", "openai-v1", FOUNDRY),
    (f"{OPENAI}/openai/v1", f"{OPENAI}{V1}", "openai-v1", FOUNDRY),
    ("https://res.cognitiveservices.azure.com/", f"https://res.cognitiveservices.azure.com{V1}", "openai-v1", FOUNDRY),
    (f"{OPENAI}/openai/v1/responses", f"{OPENAI}{V1}", "openai-v1", FOUNDRY),
    (f"{OPENAI}/openai/responses?api-version=2025-04-01-preview", f"{OPENAI}{V1}", "openai-v1", FOUNDRY),
    ("https://us.api.cognitive.microsoft.com/", f"https://us.api.cognitive.microsoft.com{V1}", "openai-v1", FOUNDRY),
    (
        f"{OPENAI}/openai/deployments/score",
        f"{OPENAI}/openai/deployments/score/chat/completions?api-version=2024-10-21",
        "azure-openai",
        COGNITIVE,
    ),
    ("https://res.openai.azure.us", f"https://res.openai.azure.us{V1}", "openai-v1", COGNITIVE.replace(".com", ".us")),
    ("https://r.openai.azure.cn", f"https://r.openai.azure.cn{V1}", "openai-v1", COGNITIVE.replace(".com", ".cn")),
    ("https://x.com/v1?a=b&a=c&flag", "https://x.com/v1/chat/completions?a=b&a=c&flag=", "openai-v1", FOUNDRY),
    (DEPLOYMENT, f"{DEPLOYMENT}/chat/completions?api-version=2024-10-21", "azure-openai", COGNITIVE),
    (
        f"{DEPLOYMENT}/chat/completions?api-version=2024-06-01",
        f"{DEPLOYMENT}/chat/completions?api-version=2024-06-01",
        "azure-openai",
        COGNITIVE,
    ),
    (
        f"{OPENAI}//openai//deployments/gpt-4o/",
        f"{DEPLOYMENT}/chat/completions?api-version=2024-10-21",
        "azure-openai",
        COGNITIVE,
    ),
    (SERVERLESS, f"{SERVERLESS}{INFERENCE}", MI, ML),
    (f"{SERVERLESS}/v1/chat/completions", f"{SERVERLESS}/v1/chat/completions", "openai-v1", ML),
    ("https://m.eastus.inference.ai.azure.com", f"https://m.eastus.inference.ai.azure.com{INFERENCE}", MI, ML),
    (COMPUTE, f"{COMPUTE}{INFERENCE}", MI, ML),
    (f"{COMPUTE[:-4]}.us", f"{COMPUTE[:-4]}.us{INFERENCE}", MI, ML.replace(".com", ".us")),
    (f"{COMPUTE[:-4]}.cn", f"{COMPUTE[:-4]}.cn{INFERENCE}", MI, ML.replace(".com", ".cn")),
    (f"{COMPUTE}/score", f"{COMPUTE}{INFERENCE}", MI, ML),
    (f"{COMPUTE}/v1", f"{COMPUTE}/v1/chat/completions", "openai-v1", ML),
    ("http://127.0.0.1:8080/models", f"http://127.0.0.1:8080/models{INFERENCE}", MI, COGNITIVE),
    ("https://[fe80::1%25eth0]/v1", "https://[fe80::1%25eth0]/v1/chat/completions", "openai-v1", FOUNDRY),
    (f"{OPENAI}.", f"{OPENAI}{V1}", "openai-v1", FOUNDRY),
    (f"{SERVICES}.:8443/models", f"{SERVICES}:8443/models{INFERENCE}", MI, COGNITIVE),
    (f"{COMPUTE}./score", f"{COMPUTE}{INFERENCE}", MI, ML),
    ("http://[::1]:80/v1", "http://[::1]:80/v1/chat/completions", "openai-v1", FOUNDRY),
    ("https://gateway.example.com/team/ai", f"https://gateway.example.com/team/ai{INFERENCE}", MI, COGNITIVE),
    ("https://gateway.example.com", f"https://gateway.example.com{INFERENCE}", MI, COGNITIVE),
    ("https://models.github.ai/inference", f"https://models.github.ai/inference{INFERENCE}", MI, COGNITIVE),
]


@pytest.mark.parametrize(("pasted", "url", "dialect", "scope"), PASTED)
def test_urls_as_pasted(pasted: str, url: str, dialect: str, scope: str) -> None:
    """A URL in whatever form means one address, one dialect and one audience; the address means itself."""
    target = dialects.resolve(pasted)

    assert target.url("/chat/completions") == url
    assert (target.dialect.name, target.scope) == (dialect, scope)
    assert dialects.resolve(url) == target


def test_last_dot_of_a_host() -> None:
    """A host's full name, with a dot at its end, is the same host: in no part of the target is the dot left."""
    assert dialects.resolve("https://RES.openai.azure.com.:443/") == dialects.resolve(
        "https://RES.openai.azure.com:443/"
    )
    assert dialects.resolve("10.0.0.1.").host == "10.0.0.1"


@pytest.mark.parametrize("letter", ["p", "\u00e9"])
def test_longest_urls(letter: str) -> None:
    """What is taken for a URL is one for httpx, too, however much there is to encode."""
    query = letter * (7_000 - len("https://host?="))

    assert httpx.URL(dialects.resolve(f"https://host?{query}=").url("/images/embeddings")).host == "host"


@pytest.mark.parametrize(
    ("name", "query"),
    [
        (MI, f"?api-version={VERSION}"),
        ("azure-openai", "?api-version=2024-10-21"),
        ("openai-v1", ""),
    ],
)
def test_dialect_by_name(name: str, query: str) -> None:
    """A name overrules the URL."""
    target = dialects.resolve("https://gateway.example.com/x", dialect=name)

    assert target.dialect.name == name
    assert target.url("/embeddings") == f"https://gateway.example.com/x/embeddings{query}"


@pytest.mark.parametrize(
    ("name", "url"),
    [(MI, f"{SERVICES}/models{INFERENCE}"), ("openai-v1", f"{SERVICES}{V1}"), (None, f"{SERVICES}{V1}")],
)
def test_dialect_of_a_resource(name: str | None, url: str) -> None:
    """A resource that is named without a route is asked at the route that speaks the dialect."""
    assert dialects.resolve(SERVICES, dialect=name).url("/chat/completions") == url


def test_api_version() -> None:
    """An argument counts before the URL, the URL before the default."""
    url = f"{SERVICES}/models?api-version=2025-04-01"

    assert dialects.resolve(url, api_version="2025-05-01").query == "api-version=2025-05-01"
    assert dialects.resolve(url).dialect.api_version == "2025-04-01"
    assert dialects.resolve(f"{SERVICES}/openai/v1?api-version=x").dialect.api_version is None


@pytest.mark.parametrize("name", endpoints.__all__)
def test_whole_routes_as_pasted(name: str) -> None:
    """Whichever route of the API is pasted with an endpoint, the endpoint is the rest."""
    base = "https://x.services.ai.azure.com/models"

    assert dialects.resolve(f"{base}{getattr(endpoints, name).path}").base_url == base


def test_query_of_a_route() -> None:
    """What a route asks is added to the query, encoded, unless it is None."""
    target = dialects.resolve(f"{SERVICES}/models")

    assert target.url("/info", {"model": "a b&c"}).endswith(f"/info?api-version={VERSION}&model=a+b%26c")
    assert target.url("/info", {"model": None}).endswith(f"/info?api-version={VERSION}")
    assert dialects.resolve(f"{SERVICES}/openai/v1").url("/x", {"a": "b"}).endswith("/x?a=b")


@pytest.mark.parametrize(
    ("endpoint", "options", "said"),
    [
        ("", {}, "is not an http(s) URL"),
        ("https://", {}, "is not an http(s) URL"),
        ("https://host:port/models", {}, "is not an http(s) URL"),
        ("https://host:99999/models", {}, "is not an http(s) URL"),
        ("ftp://host/models", {}, "is not an http(s) URL"),
        ("https://my host/models", {}, "is not an http(s) URL"),
        ("https://host/mo\ndels", {}, "is not an http(s) URL"),
        ("https://[::1/models", {}, "is not an http(s) URL"),
        ("https://a..b/models", {}, "is not an http(s) URL"),
        (f"https://{'a' * 64}.com/models", {}, "is not an http(s) URL"),
        (f"https://{'a.' * 126}aa/models", {}, "is not an http(s) URL"),
        ("https://1.2.3.999/models", {}, "endpoint='https://1.2.3.999/models' is not an http(s) URL: pass one such as"),
        ("https://01.2.3.4/models", {}, "is not an http(s) URL"),
        ("https://1-2-3-4/models", {}, "is not an http(s) URL"),
        ("https://[::ffff:1.2.3.4]x/models", {}, "is not an http(s) URL"),
        ("https://[::1]8/models", {}, "is not an http(s) URL"),
        ("https://x[::1]/models", {}, "is not an http(s) URL"),
        ("https://[v1.a]/models", {}, "is not an http(s) URL"),
        ("https://a\\b/models", {}, "is not an http(s) URL"),
        ("https://<resource>.openai.azure.com", {}, "is not an http(s) URL"),
        ("https://a../models", {}, "is not an http(s) URL"),
        ("https://host/" + "p" * 70_000, {}, "pp... is longer than 7000 characters: pass one such as"),
        ("https://host/?key=secret" + "p" * 70_000, {}, "endpoint='https://host/' is longer than"),
        ("https://user:secret@host/models", {}, "user name or password"),
        ("https://secret@host/models", {}, "user name or password"),
        (f"{SERVICES}/api/projects/p", {}, "https://<resource>.services.ai.azure.com/openai/v1"),
        (f"{OPENAI}/openai/deployments", {}, "names no deployment"),
        (SERVICES, {"dialect": "azure-openai"}, "needs a deployment in the endpoint: add '/openai/deployments/<name>'"),
        ("https://res\u2013x.openai.azure.com", {}, "is not ASCII"),
        (f"{SERVICES}/models", {"dialect": "gpt"}, "dialect='gpt' is unknown: pass one of 'model-inference'"),
        (f"{SERVICES}/openai/v1", {"api_version": "2024"}, "api_version='2024' is not taken"),
    ],
)
def test_urls_that_mean_nothing(endpoint: str, options: dict[str, str], said: str) -> None:
    """What cannot be an endpoint is refused at once, with what to do, and no secret is repeated."""
    with pytest.raises(ConfigurationError) as caught:
        dialects.resolve(endpoint, **options)

    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "is_secure"),
    [
        ("https://host", True),
        ("http://host", False),
        ("http://localhost:1", True),
        ("http://a.localhost", True),
        ("http://localhost.:1", True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("http://10.0.0.1", False),
        ("http://localhost.example.com", False),
    ],
)
def test_credentials_never_travel_in_the_clear(endpoint: str, is_secure: bool) -> None:
    """Plain http is for this machine only, unless the user says that the network is trusted."""
    assert dialects.resolve(endpoint).is_secure is is_secure
    if not is_secure:
        with pytest.raises(ConfigurationError, match="allow_http=True"):
            InferenceClient(endpoint, "key")
    InferenceClient(endpoint, "key", allow_http=True)


EXTRAS = {"n": 2, "flag": False, "none": None, "nested": {"a": None}}
SENT = {"n": 2, "flag": False, "nested": {"a": None}}
URLS = {"model-inference": f"{SERVICES}/models", "azure-openai": DEPLOYMENT, "openai-v1": f"{SERVICES}/openai/v1"}
POLICIES = [None, *ExtraParameters]


def prepared(dialect: str, policy: ExtraParameters | None, extras: dict[str, Any], kind: Any = ChatRequest) -> Any:
    """The call of a small request with these extras."""
    fields: dict[str, Any] = {"model": "m", **extras}
    if kind is ChatRequest:
        fields["messages"] = [{"role": "user", "content": "hi"}]
    else:
        fields["input"] = ["hi"]
    request = to_request(kind, fields)
    endpoint = endpoints.CHAT if kind is ChatRequest else endpoints.EMBEDDINGS
    return protocol.prepare(dialects.resolve(URLS[dialect]), endpoint, request, extra_parameters=policy)


@pytest.mark.parametrize("kind", [ChatRequest, EmbeddingsRequest])
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("dialect", URLS)
def test_requests_without_extras(dialect: str, policy: ExtraParameters | None, kind: Any) -> None:
    """Without extras, or with none that is set, the header goes out only where it is known and a policy was set."""
    call = prepared(dialect, policy, {"n": None}, kind)

    expected = policy.value if policy and dialect == "model-inference" else None
    assert dict(call.headers).get("extra-parameters") == expected
    assert set(json.loads(call.body)) == {"model", "messages" if kind is ChatRequest else "input"}


@pytest.mark.parametrize("kind", [ChatRequest, EmbeddingsRequest])
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("dialect", URLS)
def test_extra_parameters(dialect: str, policy: ExtraParameters | None, kind: Any) -> None:
    """Where the service knows the header it decides; elsewhere the policy is kept here, before anything is sent."""
    if dialect != "model-inference" and policy is ExtraParameters.ERROR:
        with pytest.raises(ConfigurationError, match="flag, n, nested"):
            prepared(dialect, policy, EXTRAS, kind)
        return
    call = prepared(dialect, policy, EXTRAS, kind)

    body = json.loads(call.body)
    body = {name: value for name, value in body.items() if name in EXTRAS}
    header = dict(call.headers).get("extra-parameters")
    if dialect == "model-inference":
        assert header == (policy.value if policy else "pass-through")
        assert body == SENT
    else:
        assert header is None
        assert body == ({} if policy is ExtraParameters.DROP else SENT)


@pytest.mark.parametrize(
    ("word", "policy"),
    [
        (None, None),
        ("pass-through", ExtraParameters.PASS_THROUGH),
        ("drop", ExtraParameters.DROP),
        ("error", ExtraParameters.ERROR),
        ("allow", ExtraParameters.PASS_THROUGH),
        ("ignore", ExtraParameters.DROP),
        pytest.param(ExtraParameters.DROP, ExtraParameters.DROP, id="itself"),
    ],
)
def test_words_of_the_policy(word: str | None, policy: ExtraParameters | None) -> None:
    """The words of every version of the API are understood, and only the present ones are ever sent."""
    assert protocol.to_extra_parameters(word) is policy


@pytest.mark.parametrize("word", ["Drop", "passthrough", "", "yes"])
def test_unknown_policies(word: str) -> None:
    """A word that means nothing is refused before anything is sent."""
    with pytest.raises(ConfigurationError, match="pass 'pass-through', 'drop' or 'error'"):
        protocol.to_extra_parameters(word)


def test_v1_needs_a_model() -> None:
    """An endpoint that serves many models needs to be told which."""
    request = to_request(EmbeddingsRequest, {"input": ["a"]})

    with pytest.raises(ConfigurationError, match="model is missing"):
        protocol.prepare(dialects.resolve(URLS["openai-v1"]), endpoints.EMBEDDINGS, request)
    for dialect in (MI, "azure-openai"):
        assert protocol.prepare(dialects.resolve(URLS[dialect]), endpoints.EMBEDDINGS, request).body


@pytest.mark.parametrize("given", [{}, {"stream_options": {"include_usage": False}}])
@pytest.mark.parametrize("ask_usage", [True, False])
@pytest.mark.parametrize("dialect", URLS)
def test_usage_of_streams(dialect: str, ask_usage: bool, given: dict[str, Any]) -> None:
    """Usage is asked for only where it must be, unless switched off; what the user says counts first."""
    fields = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **given}
    target = dialects.resolve(URLS[dialect])
    request = protocol.streamed(to_request(ChatRequest, fields), target, ask_usage=ask_usage)
    call = protocol.prepare(target, endpoints.CHAT_STREAM, request)

    asked = {"stream_options": {"include_usage": True}} if ask_usage and dialect != "model-inference" else {}
    assert json.loads(call.body) == {**fields, "stream": True, **(given or asked)}
    needs_header = given and dialect == "model-inference"
    assert dict(call.headers).get("extra-parameters") == ("pass-through" if needs_header else None)


@pytest.mark.parametrize("policy", [None, *ExtraParameters])
@pytest.mark.parametrize("dialect", URLS)
def test_stream_options_of_a_whole_answer(dialect: str, policy: ExtraParameters | None) -> None:
    """What is said of streams for all calls of a model is not sent where nothing is streamed: services refuse it."""
    fields = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    request = to_request(ChatRequest, {**fields, "stream_options": {"include_usage": True}})
    target = dialects.resolve(URLS[dialect])
    call = protocol.prepare(target, endpoints.CHAT, request, extra_parameters=policy)
    bare = protocol.prepare(target, endpoints.CHAT, to_request(ChatRequest, fields), extra_parameters=policy)

    assert json.loads(call.body) == fields
    assert dict(call.headers).get("extra-parameters") == dict(bare.headers).get("extra-parameters")


@pytest.mark.parametrize("policy", [ExtraParameters.DROP, ExtraParameters.ERROR])
def test_our_own_stream_options_are_no_extra(policy: ExtraParameters) -> None:
    """What this library adds by itself is no reason to refuse or to drop."""
    target = dialects.resolve(URLS["openai-v1"])
    request = to_request(ChatRequest, {"model": "m", "messages": [{"role": "user", "content": "hi"}]})
    request = protocol.streamed(request, target, ask_usage=True)
    call = protocol.prepare(target, endpoints.CHAT_STREAM, request, extra_parameters=policy)

    assert json.loads(call.body)["stream_options"] == {"include_usage": True}
