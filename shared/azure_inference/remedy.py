"""What to do when a model refuses a parameter: send it by another name, or leave it out; or let the error stand."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from typing import Any, TypeVar

from .errors import LEAVE_OUT, APIStatusError, ConfigurationError, ContentFilterError, shown
from .schema._base import ESSENTIAL, RequestModel
from .schema._json import is_array, is_object
from .schema.failures import EXTRAS_NAMED, UNSUPPORTED_CODES, keyword

RequestT = TypeVar("RequestT", bound=RequestModel)
_Key = tuple[str, str | None]
"""The base URL of an endpoint, and the model."""

_LOGGER = logging.getLogger("azure_inference")

_OLD_NAME, _NEW_NAME = "max_tokens", "max_completion_tokens"
"""What reasoning models take by its newer name only: they count reasoning, too. Nothing is lost by sending it so."""
_NEW_NAME_TOLD = rf"(?i)use '{_NEW_NAME}' instead"

_OWN = {"stream_options": {"include_usage": True}, "encoding_format": "base64"}
"""What this library adds by itself (to have usage; shorter vectors), and so takes back by itself, with a warning."""

_REFUSING_STATUSES = frozenset({400, 422})
_REFUSING_WORDS = (
    r"(?i)not supported|unsupported|not permitted|not allowed|unrecognized|unknown (?:para|arg)|should be '"
    r"|is enabled only for"
)
_NAMED_IN_TEXT = r"Validation error at #/(\w+)|\('body', '(\w+)'|parameter:? '(\w+)'|argument supplied: (\w+)"
_QUOTED = r"['\"](\w+)['\"]"


class UnsupportedParameterWarning(UserWarning):
    """A parameter was left out of a request because the model refused it."""


class Remedy:
    """Remembers, for each endpoint and model, the parameters that were refused.

    Args:
        on_unsupported: `error`, to raise what the service says; `drop`, to send the request again without the
            parameter and to leave it out of later requests.

    Either way, `max_tokens` is sent again, and from then on, as `max_completion_tokens` where the service asks for
    that: as an extra parameter, so only if `may_rename` says that these are not dropped or refused.
    """

    def __init__(self, on_unsupported: str | None) -> None:
        if on_unsupported not in (None, "error", "drop"):
            raise ConfigurationError(f"on_unsupported={shown(on_unsupported)} is unknown: pass 'error' or 'drop'")
        self._drops = on_unsupported == "drop"
        self._refused: dict[_Key, frozenset[tuple[str, bool]]] = {}
        self._renaming: set[_Key] = set()
        self._lock = threading.Lock()

    @property
    def is_needed(self) -> bool:
        """Whether anything was refused yet."""
        return bool(self._refused or self._renaming)

    def apply(self, base_url: str, request: RequestT, *, may_rename: bool = True) -> RequestT:
        """The request as this model is known to take it."""
        key = (base_url, _model(request))
        if may_rename and key in self._renaming and _is_renamable(request):
            request = _renamed(request)
        known = self._refused.get(key)
        refused = {name for name, _ in known & _present(request)} if known else None
        return request.without(refused) if refused else request

    def after(self, base_url: str, request: RequestT, error: APIStatusError, *, may_rename: bool = True) -> RequestT:
        """The request to send after this error.

        Raises:
            APIStatusError: The error itself, if there is nothing to rename or to leave out.
        """
        key = (base_url, _model(request))
        if may_rename and _is_renamable(request) and _asks_for_new_name(error):
            self._rename_from_now_on(key)
            return _renamed(request)
        named = set(refused_parameters(error)) - ESSENTIAL if self._drops else set[str]()
        named |= {name for name, is_own in _present(request) if is_own and _is_about(error, name)}
        found = {(name, is_own) for name, is_own in _present(request) if name in named}
        if not found:
            raise error
        with self._lock:
            known = self._refused.get(key, frozenset())
            self._refused[key] = known | found
        # What is known by now was told by a request that was under way at the same time, such as another batch.
        reason = error.message.removesuffix(LEAVE_OUT).rstrip()
        for name in sorted(name for name, _ in found - known):
            value = shown(getattr(request, name, None))
            message = f"{name}={value} was left out of the request: model {_model(request)!r} refuses it ({reason})"
            warnings.warn(message, UnsupportedParameterWarning, stacklevel=2)
        return request.without({name for name, _ in found})

    def _rename_from_now_on(self, key: _Key) -> None:
        with self._lock:
            is_new = key not in self._renaming
            self._renaming.add(key)
        if is_new:
            _LOGGER.info("model %r refuses %s; it is sent as %s from now on", key[1], _OLD_NAME, _NEW_NAME)


def refused_parameters(error: APIStatusError) -> list[str]:
    """The top-level parameters that an error says the model does not take, in any of the shapes services use."""
    if error.status_code not in _REFUSING_STATUSES:
        return []
    details = [detail for detail in error.details if is_object(detail)]
    refusing = [detail for detail in details if _is_refusal(detail.get("type"), detail.get("msg"))]
    names = [_top_level(detail.get("loc")) for detail in refusing]
    if _is_refusal(error.code, error.message):
        names += [] if refusing else [_top_level(error.location)]
        names += [error.param, *_named_in(error.message)]
    return list(dict.fromkeys(name for name in names if name))


def _is_about(error: APIStatusError, name: str) -> bool:
    """Whether an error speaks of one of `_OWN`, in whatever words: enough to go on without what nobody asked for."""
    if error.status_code not in _REFUSING_STATUSES or isinstance(error, ContentFilterError):
        return False
    locations = [error.location, *(detail.get("loc") for detail in error.details if is_object(detail))]
    if named := [place for place in (error.param, *map(_top_level, locations)) if place]:
        return name in named
    words = re.findall(r"\w+", error.message)
    # The value alone does not tell: an image may be no valid base64, too.
    return name in words or (_OWN[name] in words and _is_refusal(error.code, error.message))


def _is_refusal(code: Any, text: Any) -> bool:
    is_told = isinstance(text, str) and re.search(_REFUSING_WORDS, text) is not None
    return is_told or keyword(code) in UNSUPPORTED_CODES


def _top_level(location: Any) -> str | None:
    path = [part for part in location if part != "body"] if is_array(location) else []
    return path[0] if path and isinstance(path[0], str) else None


def _named_in(text: str) -> list[str]:
    names = [name for groups in re.findall(_NAMED_IN_TEXT, text) for name in groups if name]
    for extras in re.findall(EXTRAS_NAMED, text):
        names += re.findall(_QUOTED, extras)
    return names


def _present(request: RequestModel) -> set[tuple[str, bool]]:
    """What is in a request, and whether it is what this library adds by itself: users may want another value."""
    return {(name, _OWN.get(name) == value) for name, value in request if value is not None}


def _asks_for_new_name(error: APIStatusError) -> bool:
    return _OLD_NAME in refused_parameters(error) and re.search(_NEW_NAME_TOLD, error.message) is not None


def _is_renamable(request: RequestModel) -> bool:
    return getattr(request, _OLD_NAME, None) is not None and _NEW_NAME not in request.extras


def _renamed(request: RequestT) -> RequestT:
    return request.without([_OLD_NAME]).model_copy(update={_NEW_NAME: getattr(request, _OLD_NAME)})


def _model(request: RequestModel) -> str | None:
    return getattr(request, "model", None)
