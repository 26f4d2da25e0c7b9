"""What LlamaIndex shows to traces and callbacks of a call: all but the values of its headers, which may be keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import wrapt
from llama_index.core import instrumentation
from llama_index.core.llms import callbacks

from azure_inference import ConfigurationError, check_call, conceal_call

dispatcher = cast("Any", instrumentation).get_dispatcher(__name__)
_MethodT = TypeVar("_MethodT", bound=Callable[..., Any])


@wrapt.decorator
def _concealing(method: Callable[..., Any], _owner: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    return method(*args, **conceal_call(kwargs))


@wrapt.decorator
def _concealing_options(method: Callable[..., Any], _owner: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    def called(output_cls: Any, prompt: Any, llm_kwargs: Mapping[str, Any] | None = None, **prompt_args: Any) -> Any:
        return method(output_cls, prompt, conceal_call(llm_kwargs or {}), **prompt_args)

    called.__qualname__ = method.__qualname__  # which Python names if an argument is missing
    return called(*args, **kwargs)


_OF_BATCHES = ("texts", "show_progress")


@wrapt.decorator
def _refusing(method: Callable[..., Any], _owner: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    check_call(kwargs)
    if unknown := [name for name in kwargs if name not in _OF_BATCHES]:
        raise ConfigurationError(
            f"{unknown[0]} is not an argument of {method.__name__}, which takes show_progress: set what is for the "
            "model, and for its connection, where the model is made"
        )
    return method(*args, **kwargs)


def chat_events(method: _MethodT) -> _MethodT:
    """The span, events, callbacks and rate limit that LlamaIndex wants around a chat."""
    return call_span(cast("_MethodT", cast("Any", callbacks).llm_chat_callback()(method)))


def completion_events(method: _MethodT) -> _MethodT:
    """The same around a completion."""
    return call_span(cast("_MethodT", cast("Any", callbacks).llm_completion_callback()(method)))


# LlamaIndex puts spans around methods of such names itself, outside of all else, unless they have one.


def call_span(method: _MethodT) -> _MethodT:
    """The span around a method whose keywords are those of a call."""
    return cast("_MethodT", _concealing(dispatcher.span(method)))


def prediction_span(method: _MethodT) -> _MethodT:
    """The span around a structured prediction, which has the keywords of the call in `llm_kwargs`."""
    return cast("_MethodT", _concealing_options(dispatcher.span(method)))


def batch_span(method: _MethodT) -> _MethodT:
    """The span around a batch of embeddings: of keywords, LlamaIndex would show and forget all but its own."""
    return cast("_MethodT", _refusing(dispatcher.span(method)))
