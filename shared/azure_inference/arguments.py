"""What arguments are called: ours by other names, what other classes call them, and what a misspelt one may mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from .checks import found_at, told
from .errors import ConfigurationError, kind_of, shown
from .schema.failures import cut

CONNECTION = "_<connection>"
"""Where an object keeps its connection, beside the fields: no name that a class of a user's may have for an attribute.

Where a class of pydantic's is told to revalidate its objects, constructors are given it with the arguments.
"""
ALIASES: Mapping[str, str] = {"api_key": "credential", "extra_body": "model_kwargs"}
"""Other names of arguments, which every class takes as well."""
_WORDS: Mapping[str, str] = {
    "endpoint": "api_base azure_endpoint base_url default_query endpoint_url extra_query openai_api_base url",
    "credential": (
        "access_token apikey azure_ad_async_token_provider azure_ad_token azure_ad_token_provider azure_api_key "
        "bearer_token credentials key openai_api_key token token_provider use_azure_ad"
    ),
    "model": "model_name",
    "model_name": "model",
    "model model_name": "azure_deployment deployment deployment_id deployment_name engine model_id",
    "base_model": "tiktoken_model_name",
    "api_version": "openai_api_version",
    "dialect": "api_type openai_api_type",
    "timeout": "request_timeout",
    "timeout http_client": "client_kwargs",
    "max_retries": "max_retry num_retries retries",
    "headers": "default_headers extra_headers openai_organization organization",
    "trust_env http_client async_http_client": "http_proxy https_proxy openai_proxy proxies proxy",
    "http_client async_http_client": "cert client http2 http_socket_options ssl_verify transport verify verify_ssl",
    "async_http_client": "async_client http_async_client http_client",
    "http_client": "async_http_client",
    "model_kwargs extra_body": "model_extras",
    "extra_body": "model_kwargs",
    "batch_size embed_batch_size": "chunk_size embed_batch_size",
    "show_progress": "show_progress_bar",
}
"""Our arguments, and what other classes call them; of several of ours, those count that a class has."""
_WITHHELD = frozenset({"endpoint", "headers", "model_kwargs", "additional_kwargs"})
"""Arguments whose values may hold secrets, wherever the user has put them."""


def words_for(names: Collection[str]) -> Iterable[str]:
    """What other classes call these arguments of ours."""
    for ours, words in _WORDS.items():
        if not set(names).isdisjoint(ours.split()):
            yield from words.split()


def meant(name: str, known: Collection[str]) -> list[str]:
    """Which of the known arguments may be meant by a name that is none; most often one, or none at all."""
    from difflib import get_close_matches  # noqa: PLC0415 - an import that only a mistake needs

    names = {_letters(ours): [ours] for ours in known if ours != name}
    for ours, words in (*((ours, alias) for alias, ours in ALIASES.items()), *_WORDS.items()):
        if those := [one for one in ours.split() if one in known and one != name]:
            names = {**{_letters(word): those for word in words.split()}, **names}
    letters = "apikey" if is_key(name) else _letters(name)
    if letters in names:
        return names[letters]
    swapped = [word for word in names if sorted(word) == sorted(letters)]
    near = swapped or get_close_matches(letters, names, n=2, cutoff=0.85)
    return list(dict.fromkeys(one for word in near for one in names[word]))


def is_key(name: str) -> bool:
    """Whether it is what a key is called, wherever it is for: `mistral_api_key`, `apiKey`."""
    return name.lower().endswith(("apikey", "api_key", "api-key"))


def _letters(name: str) -> str:
    """A name as it sounds: `apiKey` and `API-KEY` are `api_key`."""
    return "".join(filter(str.isalnum, name[:100])).lower()


def unknown_argument(name: str, owner: str, known: Collection[str], otherwise: str) -> ConfigurationError:
    """What to say of an argument that is none: which may be meant, or else what to do otherwise."""
    near = meant(name, known)
    remedy = f"did you mean {' or '.join(near)}?" if near else otherwise
    return ConfigurationError(f"{cut(name)} is not an argument of {owner}: {remedy}")


def rename_arguments(arguments: Mapping[str, Any], aliases: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of a constructor by their own names.

    Raises:
        ConfigurationError: One is given by both its names.
    """
    renamed = {**arguments}
    renamed.pop(CONNECTION, None)
    if aliases.keys().isdisjoint(renamed):
        return renamed
    for alias, name in aliases.items():
        if alias in renamed and name in renamed:
            raise ConfigurationError(f"{name} and {alias} are the same argument: pass only one of them")
    return {aliases.get(name, name): value for name, value in renamed.items()}


def to_argument_error(
    kind: type[BaseModel], error: ValidationError, arguments: Mapping[str, Any]
) -> ConfigurationError:
    """What is wrong with the arguments of a constructor, which are given by their own names; no secret is shown."""
    problems = error.errors(include_url=False, include_input=False)
    problem = problems[0]
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, ConfigurationError):
        return cause
    name, *_ = (*map(str, problem["loc"]), "an argument")
    if problem["type"] == "extra_forbidden":
        to_the_model = f"to send it to the model with every request, pass model_kwargs={{{shown(name)}: ...}}"
        return unknown_argument(name, kind.__name__, kind.model_fields, to_the_model)
    path, value = found_at(problem["loc"], arguments)
    # Each kind of value that the argument may be has a problem of its own.
    wanted = dict.fromkeys(other["msg"] for other in problems if other["loc"][:1] == problem["loc"][:1])
    given = kind_of(value) if name in _WITHHELD else told(value)
    return ConfigurationError(f"{path or name}={given} is not valid for {kind.__name__}: {'; or: '.join(wanted)}")
