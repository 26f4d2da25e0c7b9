"""The arguments of clients and calls: each is what it must be, or is named before anything is sent."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import httpx
import pytest

from azure_inference import (
    AsyncInferenceClient,
    ChatRequest,
    ClientOptions,
    ConfigurationError,
    Connection,
    InferenceClient,
    RetryPolicy,
    Timeouts,
    to_request,
)

CHAT = to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}]})
ANSWER = {"id": "c", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize("kind", [InferenceClient, AsyncInferenceClient, Connection])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": 1}, "temperature is not an argument of .*: what is for the model is a field of the request"),
        ({"max_retries": -1}, "max_retries=-1"),
        ({"dialect": "x"}, "dialect='x'"),
        ({"dialect": ["x"]}, r"dialect=\['x'\] is a list: pass text"),
        ({"api_version": 2024}, "api_version=2024 is an int: pass text"),
        ({"endpoint": 5}, "endpoint=5 is an int: pass text"),
        ({"endpoint": httpx.URL("https://x.models.ai.azure.com")}, "is a URL: pass text"),
        ({"extra_parameters": "x"}, "extra_parameters='x'"),
        ({"on_unsupported": "x"}, "on_unsupported='x'"),
        ({"timeout": 0}, "timeout=0"),
        ({"max_connections": 0}, "max_connections=0 is not a whole number from 1 up"),
        ({"max_connections": 1.5}, "max_connections=1.5"),
        ({"max_connections": True}, "max_connections=True"),
        (
            {"timeout": "30"},
            "timeout='30' is not a number of seconds above 0: pass one, up to 2147483, or azure_inference.Timeouts",
        ),
        ({"timeout": httpx.Timeout(30)}, r"timeout=Timeout\(timeout=30\) is not a number"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"timeout": float("inf")}, "timeout=inf"),
        ({"timeout": True}, "timeout=True"),
        ({"max_retries": "3"}, "max_retries='3' is not a whole number from 0 up"),
        ({"max_retries": 0.5}, "max_retries=0.5"),
        ({"credential_scopes": (scope for scope in ["a"])}, "credential_scopes is a generator: pass a list of texts"),
        ({"credential_scopes": {"a"}}, "credential_scopes is a set: pass a list of texts"),
        ({"retry": RetryPolicy(), "max_retries": 5}, "max_retries=5 was passed with retry: pass only one of them"),
        ({"retry": 3}, "retry=3 is an int: pass a RetryPolicy, or max_retries"),
        ({"credential_scopes": "https://x/.default"}, "credential_scopes='https://x/.default' is a str: pass a list"),
        ({"credential_scopes": [5]}, "an item of credential_scopes=5 is an int: pass text"),
        ({"allow_http": "false"}, "allow_http='false' is a str: pass True or False"),
        ({"trust_env": 1}, "trust_env=1"),
        ({"stream_usage": "no"}, "stream_usage='no'"),
        ({"split_reasoning": 0}, "split_reasoning=0"),
        ({"extra_parameters": ["drop"]}, "extra_parameters="),
        ({"on_unsupported": ["drop"]}, "on_unsupported="),
    ],
)
def test_arguments_are_checked_at_once(kind: Any, options: dict[str, Any], said: str) -> None:
    """A wrong argument is named where the client is made."""
    with pytest.raises(ConfigurationError, match=said):
        kind(**{"endpoint": "https://x.services.ai.azure.com/models", "credential": "key", **options})


@pytest.mark.parametrize("timeout", ["30", httpx.Timeout(30), -1, 0, True, float("inf"), 1e10, sys.maxsize], ids=repr)
def test_timeouts_of_calls_are_checked(server: Any, either: Any, timeout: Any) -> None:
    """So is that of a call, before anything is sent."""
    with pytest.raises(ConfigurationError, match=f"timeout={re.escape(repr(timeout))} is not a number of seconds"):
        either.client(server.url).chat(CHAT, timeout=timeout)
    assert server.requests == []


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Timeouts(read="5"), "read='5' of Timeouts is not a number of seconds: pass one, up to 2147483, or"),  # type: ignore[arg-type]
        (lambda: Timeouts(total=-1), "total=-1"),
        (lambda: Timeouts(idle=float("inf")), "idle=inf"),
        (lambda: Timeouts(idle=float("nan")), "idle=nan"),
        (lambda: Timeouts(read=1e10), "read=10000000000.0 of Timeouts is not a number of seconds"),
        (lambda: Timeouts(read=10**400), "read=1000"),
        (lambda: RetryPolicy(max_delay=sys.maxsize), "max_delay=9223372036854775807"),
        (lambda: RetryPolicy(max_retries="3"), "max_retries='3' is not a whole number from 0 up"),  # type: ignore[arg-type]
        (lambda: RetryPolicy(max_delay=None), "max_delay=None of RetryPolicy is not a number"),  # type: ignore[arg-type]
        (lambda: RetryPolicy(first_delay=-1), "first_delay=-1"),
        (lambda: RetryPolicy(retry_on_timeout=1), "retry_on_timeout=1"),  # type: ignore[arg-type]
    ],
)
def test_timeouts_and_policies_are_checked_where_they_are_made(make: Callable[[], Any], said: str) -> None:
    """A wrong field is told at once, not at the first failure."""
    with pytest.raises(ConfigurationError, match=said):
        make()


def test_the_longest_timeouts(server: Any, either: Any) -> None:
    """The longest that may be asked for can be waited for, on any platform."""
    server.reply_json(ANSWER)
    longest = Timeouts(**dict.fromkeys((field.name for field in fields(Timeouts)), 2_147_483))
    client = either.client(server.url, timeout=longest)

    for timeout in (None, 2_147_483):
        assert client.chat(CHAT, timeout=timeout).choices[0].message.text == "hi"


def test_options_that_are_none_count_as_not_given(server: Any, either: Any) -> None:
    """None stands for what is usual, for each option."""
    server.reply_json(ANSWER)
    answer = either.client(server.url, **dict.fromkeys(ClientOptions.__annotations__)).chat(CHAT)

    assert answer.choices[0].message.text == "hi"
