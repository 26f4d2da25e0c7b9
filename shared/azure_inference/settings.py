"""The arguments of clients and calls, and what they mean once checked."""

import functools
import os
import platform
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Generic, TypedDict, cast

import msgspec
from msgspec.structs import replace

from . import bodies, dialects, protocol, transport
from ._version import __version__
from .accumulate import ChatAccumulator
from .arguments import meant, unknown_argument
from .checks import check_count, check_flag, check_text, check_texts
from .credentials import Credential, conceal, to_authorizer
from .errors import APIStatusError, ConfigurationError, kind_of, shown
from .protocol import Call, ExtraParameters, to_extra_parameters, to_headers
from .reasoning import with_reasoning
from .remedy import Remedy
from .retry import RetryBudget, RetryPolicy, Tries
from .schema._base import RequestModel
from .schema._endpoint import AnswerT, Endpoint
from .schema.chat import ChatCompletion
from .schema.failures import cut
from .timeouts import Timeouts
from .tool_calls import check_names
from .transport import TransportSettings

ENDPOINT_VARIABLE = "AZURE_INFERENCE_ENDPOINT"
CREDENTIAL_VARIABLE = "AZURE_INFERENCE_CREDENTIAL"
MAX_CONNECTIONS = 1000
_USUAL_RETRIES = RetryPolicy()
USER_AGENT = f"azure-inference/{__version__} python/{platform.python_version()}"


class CallOptions(TypedDict, total=False):
    """What any method takes beside its request.

    `extra_parameters`, `timeout` and `stream_usage` replace those of the client for one call; `headers` are sent in
    addition, or in the place of the client's of the same name.
    """

    extra_parameters: str | None
    timeout: float | Timeouts | None
    headers: Mapping[str, str] | None
    stream_usage: bool | None


class ClientOptions(TypedDict, total=False):
    """What a client takes beside its endpoint and credential; see `InferenceClient`."""

    api_version: str | None
    dialect: str | None
    extra_parameters: str | None
    on_unsupported: str | None
    stream_usage: bool
    split_reasoning: bool
    timeout: float | Timeouts | None
    max_retries: int | None
    retry: RetryPolicy | None
    credential_scopes: Sequence[str] | None
    headers: Mapping[str, str] | None
    allow_http: bool
    max_connections: int | None
    trust_env: bool


ARGUMENTS = ("endpoint", "credential", "http_client", "async_http_client", *ClientOptions.__annotations__)
"""The arguments that make a connection."""


class ClientSettings(msgspec.Struct, frozen=True):
    """What both clients make of their arguments: where calls go, how they are sent, and what goes with each.

    `budget` is what is left to spend on trying again, of all calls together.
    """

    target: dialects.Target
    transport: TransportSettings
    retry: RetryPolicy
    budget: RetryBudget
    timeouts: Timeouts
    extra_parameters: ExtraParameters | None
    remedy: Remedy
    stream_usage: bool
    split_reasoning: bool
    headers: Mapping[str, str]

    def call(
        self,
        endpoint: Endpoint[AnswerT],
        request: RequestModel | None,
        options: CallOptions,
        *,
        query: Mapping[str, str | None] | None = None,
    ) -> Call[AnswerT]:
        """The call that a method makes of its request and options.

        Raises:
            ConfigurationError: An option is unknown, or the request cannot be sent as it is.
        """
        policy, headers = self.extra_parameters, self.headers
        if options:
            _check_call(options)
            policy = to_extra_parameters(options.get("extra_parameters")) or policy
            headers = {**headers, **to_headers(options.get("headers"))}
        return protocol.prepare(self.target, endpoint, request, extra_parameters=policy, headers=headers, query=query)

    def tries(self, call: Call[Any], options: CallOptions) -> Tries:
        """The attempts of a call, about to begin."""
        timeout = options.get("timeout")
        return Tries(
            self.retry,
            self.budget,
            call=call,
            renew=self.transport.authorizer.forget,
            timeouts=self.timeouts if timeout is None else Timeouts.of(timeout),
        )

    def streamed(self, request: RequestModel, options: CallOptions) -> RequestModel:
        """The request for an answer in pieces."""
        asked = options.get("stream_usage")
        if asked is None:
            asked = self.stream_usage
        return protocol.streamed(request, self.target, ask_usage=asked)

    def to_answer(self, _request: RequestModel, completion: ChatCompletion) -> ChatCompletion:
        """The answer to a request as callers are to see it.

        Raises:
            ResponseValidationError: It has a tool call that names no function.
        """
        for choice in completion.choices:
            check_names(choice.message.tool_calls)
        return with_reasoning(completion) if self.split_reasoning else completion

    def new_chat_accumulator(self) -> ChatAccumulator:
        """What puts the pieces of a chat answer together."""
        return ChatAccumulator(split_reasoning=self.split_reasoning)

    def without_known(self, request: RequestModel, options: CallOptions) -> RequestModel:
        """The request as its model is known to take it."""
        if not self.remedy.is_needed:
            return request
        return self.remedy.apply(self.target.base_url, request, may_rename=self._passes_extras(options))

    def without_refused(self, request: RequestModel, error: APIStatusError, options: CallOptions) -> RequestModel:
        """The request without what the error says is refused; raises the error if that is no remedy."""
        return self.remedy.after(self.target.base_url, request, error, may_rename=self._passes_extras(options))

    def _passes_extras(self, options: CallOptions) -> bool:
        """Whether what the API does not define reaches the model."""
        policy = to_extra_parameters(options.get("extra_parameters")) or self.extra_parameters
        return policy in (None, ExtraParameters.PASS_THROUGH)


class Asked(Generic[AnswerT]):
    """A request being made: the `call` to send, as its model is known to take it, and its `tries`."""

    def __init__(
        self,
        settings: ClientSettings,
        endpoint: Endpoint[AnswerT],
        request: RequestModel,
        options: CallOptions,
        check: Callable[[Any, AnswerT], AnswerT] | None = None,
    ) -> None:
        """`check` gives an answer back if it is one to the request; see `check` below.

        Raises:
            ConfigurationError: The request cannot be sent as it is.
        """
        protocol.check_kind(request, endpoint.request)
        if endpoint.streams:
            request = settings.streamed(request, options)
        self._settings = settings
        self._options = options
        self._check = check
        self._request = settings.without_known(request, options)
        self.call = settings.call(endpoint, self._request, options)
        self.tries = settings.tries(self.call, options)

    def check(self, answer: AnswerT) -> AnswerT:
        """The answer, if it is one to the request as it was sent in the end; raises what is wrong with it."""
        return answer if self._check is None else self._check(self._request, answer)

    def change(self, error: APIStatusError) -> None:
        """Goes on without what the error says is refused: by another call of the same id, within the same deadline.

        Raises:
            APIStatusError: The error itself, if that is no remedy.
        """
        self._request = self._settings.without_refused(self._request, error, self._options)
        changed = self._settings.call(self.call.endpoint, self._request, self._options)
        self.call = replace(changed, client_request_id=self.call.client_request_id)
        self.tries.begin_anew()


def resolve_settings(
    endpoint: str | None, credential: Credential | None, options: ClientOptions, owner: str = "Connection"
) -> ClientSettings:
    """The settings that the arguments of a client mean; `owner` is the class that takes them.

    Raises:
        ConfigurationError: An argument is missing or wrong.
    """
    if not options.keys() <= ClientOptions.__annotations__.keys():
        raise _unknown_argument(options, owner)
    options = cast("ClientOptions", {name: value for name, value in options.items() if value is not None})
    endpoint = endpoint or os.environ.get(ENDPOINT_VARIABLE)
    if not endpoint:
        raise ConfigurationError(f"endpoint is missing: pass the URL of the endpoint, or set {ENDPOINT_VARIABLE}")
    check_text("endpoint", endpoint)
    _check_types(options)
    target = dialects.resolve(endpoint, api_version=options.get("api_version"), dialect=options.get("dialect"))
    if not target.is_secure and not options.get("allow_http"):
        raise ConfigurationError(
            f"endpoint {cut(target.base_url)} would send the credential unencrypted over http: use https, or pass "
            "allow_http=True if the network is trusted"
        )
    if credential is None:
        credential = conceal(os.environ.get(CREDENTIAL_VARIABLE))
    scopes = tuple(options.get("credential_scopes") or ()) or (target.scope,)
    return ClientSettings(
        target=target,
        transport=TransportSettings(
            authorizer=to_authorizer(credential, scopes),
            headers=(("user-agent", USER_AGENT), bodies.NO_COMPRESSION),
            max_connections=options.get("max_connections") or MAX_CONNECTIONS,
            proxy=transport.environment_proxy(target.origin) if options.get("trust_env") else None,
        ),
        retry=_retry_policy(options),
        budget=RetryBudget(),
        timeouts=Timeouts.of(options.get("timeout")),
        extra_parameters=to_extra_parameters(options.get("extra_parameters")),
        remedy=Remedy(options.get("on_unsupported")),
        stream_usage=options.get("stream_usage", True),
        split_reasoning=options.get("split_reasoning", True),
        headers=to_headers(options.get("headers")),
    )


def _unknown_argument(options: ClientOptions, owner: str) -> ConfigurationError:
    name = next(name for name in options if name not in ClientOptions.__annotations__)
    other = {"InferenceClient": "async_http_client", "AsyncInferenceClient": "http_client"}.get(owner)
    known = [ours for ours in ARGUMENTS if ours != other]
    return unknown_argument(name, owner, known, _for_the_model(known))


def _check_call(options: CallOptions) -> None:
    known = CallOptions.__annotations__
    if not options.keys() <= known.keys():
        name = next(name for name in options if name not in known)
        raise no_call_argument(name, known, _for_the_model(known))
    if (asked := options.get("stream_usage")) is not None:
        check_flag("stream_usage", asked)


def _for_the_model(known: Iterable[str]) -> str:
    return f"what is for the model is a field of the request; arguments are {', '.join(known)}"


def no_call_argument(name: str, known: Collection[str], otherwise: str = "leave it out") -> ConfigurationError:
    """What to say of a keyword of a call that is none.

    Args:
        name: Its name; the value is never shown, since it may be a key.
        known: The keywords that there are.
        otherwise: What to do if it is not known what may be meant.
    """
    ours = [name] if name in ARGUMENTS else meant(name, [*known, *ARGUMENTS])
    here = [one for one in ours if one in known]
    if here:
        remedy = f"pass {' or '.join(here)}"
    else:
        remedy = f"set {' or '.join(ours)} where the model or client is made" if ours else otherwise
    return ConfigurationError(f"{cut(name)} is not an argument of a call: {remedy}")


_CHECKS: Mapping[str, Callable[[str, Any], None]] = {
    "api_version": check_text,
    "dialect": check_text,
    "stream_usage": check_flag,
    "split_reasoning": check_flag,
    "max_retries": functools.partial(check_count, least=0),
    "credential_scopes": check_texts,
    "allow_http": check_flag,
    "max_connections": functools.partial(check_count, least=1),
    "trust_env": check_flag,
}
"""What each option must be, where nobody else sees to it."""


def _check_types(options: ClientOptions) -> None:
    for name, value in options.items():
        if name in _CHECKS:
            _CHECKS[name](name, value)


def _retry_policy(options: ClientOptions) -> RetryPolicy:
    policy: Any = options.get("retry")
    retries = options.get("max_retries")
    if policy is None:
        return _USUAL_RETRIES if retries is None else RetryPolicy(max_retries=retries)
    if not isinstance(policy, RetryPolicy):
        given = f"retry={shown(policy)} is {kind_of(policy)}"
        raise ConfigurationError(f"{given}: pass a RetryPolicy, or max_retries")
    if retries is not None:
        raise ConfigurationError(
            f"max_retries={retries} was passed with retry: pass only one of them; a RetryPolicy has its own max_retries"
        )
    return policy
