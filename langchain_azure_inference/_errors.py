"""The core's errors as LangChain's: each raised error is both, so that fallbacks and retries by class work."""

from __future__ import annotations

from types import TracebackType

from langchain_core import exceptions as lc

import azure_inference as core


class ConfigurationError(core.ConfigurationError, lc.ModelInvalidRequestError):
    """The call could not be made as asked."""


class APIConnectionError(core.APIConnectionError, lc.ModelConnectionError):
    """No answer came."""


class APITimeoutError(core.APITimeoutError, lc.ModelTimeoutError):
    """No answer came in time."""


class StreamInterruptedError(core.StreamInterruptedError, lc.ModelConnectionError):
    """A streamed answer stopped before its end."""


class ResponseValidationError(core.ResponseValidationError, lc.ModelAPIError):
    """An answer came that is not what the API says."""


class BadRequestError(core.BadRequestError, lc.ModelInvalidRequestError):
    """The request is wrong."""


class ContextLengthError(core.ContextLengthError, lc.ContextOverflowError):
    """The messages are longer than the model can read."""


class ContentFilterError(core.ContentFilterError, lc.ModelInvalidRequestError):
    """The content filter refused the prompt."""


class AuthenticationError(core.AuthenticationError, lc.ModelAuthenticationError):
    """The credential is missing or wrong."""


class PermissionDeniedError(core.PermissionDeniedError, lc.ModelPermissionDeniedError):
    """The credential may not do this."""


class NotFoundError(core.NotFoundError, lc.ModelNotFoundError):
    """There is no such route, model or deployment."""


class UnprocessableEntityError(core.UnprocessableEntityError, lc.ModelInvalidRequestError):
    """The request's content is refused."""


class ParameterNotSupportedError(core.ParameterNotSupportedError, lc.ModelInvalidRequestError):
    """The model does not take this parameter, or this value of it."""


class RateLimitError(core.RateLimitError, lc.ModelRateLimitError):
    """Too many requests or tokens."""


class InternalServerError(core.InternalServerError, lc.ModelAPIError):
    """The service failed."""


_BOTH: dict[type[core.InferenceError], type[core.InferenceError]] = {
    core.ConfigurationError: ConfigurationError,
    core.APIConnectionError: APIConnectionError,
    core.APITimeoutError: APITimeoutError,
    core.StreamInterruptedError: StreamInterruptedError,
    core.ResponseValidationError: ResponseValidationError,
    core.BadRequestError: BadRequestError,
    core.ContentFilterError: ContentFilterError,
    core.ContextLengthError: ContextLengthError,
    core.AuthenticationError: AuthenticationError,
    core.PermissionDeniedError: PermissionDeniedError,
    core.NotFoundError: NotFoundError,
    core.UnprocessableEntityError: UnprocessableEntityError,
    core.ParameterNotSupportedError: ParameterNotSupportedError,
    core.RateLimitError: RateLimitError,
    core.InternalServerError: InternalServerError,
}


class _LangChainErrors:
    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, core.InferenceError):
            raise error.as_type(_BOTH.get(type(error), type(error))) from error.__cause__


langchain_errors = _LangChainErrors()
"""Raises what the core raises inside as an error of LangChain's family too."""
