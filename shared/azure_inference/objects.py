"""The JSON of an object in an answer: where it is, and why there is none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from pydantic_core import from_json

from .reasoning import UNOPENED
from .schema._json import is_object
from .schema.failures import cut

_REFUSAL_SHOWN = 500
"""The most that a message repeats of a refusal, whose words are all that it has."""
_OBJECT_START = r'(?:\[\s*)?\{\s*["}]'
"""Where an object begins, or a list of them: not where words have brackets."""
_ANY_START = r"[\[{]"
_WITH_TEXT: Literal["trailing-strings"] = "trailing-strings"
_MOST_FAILURES = 100
"""Brackets that begin no JSON, after which no more are looked at: each may take as long as the text."""
_OF_NUMBERS = "0123456789+-.eE"


def find_json(text: str, read: Callable[[str], object] = str, *, is_list: bool = False) -> str | None:
    """The JSON that a whole answer holds, alone or with words or fences around it; None if there is none, or half.

    Of several, it is the longest, and the last of these: words may cite an example, or a source as `[2]`. Those for
    which `read` raises an exception come after all others: models repeat the schema that they were told. What stands
    behind a `</think>` that ends its line comes before what was only thought: streams cannot tell these apart sooner.
    `is_list` says that what was asked for need not be an object, so that brackets among words count, too.
    """
    if thought := re.search(UNOPENED, text):
        said = _longest(text[thought.end() :].strip(), read, is_list=is_list)
        if said is not None and _is_read(said, read):
            return said
    return _longest(text, read, is_list=is_list)


def _longest(text: str, read: Callable[[str], object], *, is_list: bool) -> str | None:
    """See `find_json`, of a text that holds no reasoning."""
    try:
        from_json(text)
    except ValueError:
        pass  # which tells little: there may be words around it
    else:
        return text
    found = [*_among_words(text, is_list=is_list)]
    found.reverse()
    found.sort(key=len, reverse=True)
    if len(found) > 1:
        found.sort(key=lambda json: not _is_read(json, read))
    return found[0] if found else None


def _is_read(text: str, read: Callable[[str], object]) -> bool:
    try:
        read(text)
    except Exception:  # noqa: BLE001 - the user's validators may raise anything
        return False
    return True


def _among_words(text: str, *, is_list: bool) -> Iterator[str]:
    """The JSON among the words of an answer, up to what begins as JSON and is broken: parts of that are no answer."""
    end = failures = 0
    for begin in re.finditer(_ANY_START if is_list else _OBJECT_START, text):
        start = begin.start()
        if start < end:  # a part of what was found
            continue
        try:
            _, end = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            failures += 1
            rest = text[start:]
            if failures == _MOST_FAILURES or re.match(_OBJECT_START, rest) or _is_half(rest):
                return
        else:
            yield text[start:end]


def _is_half(text: str) -> bool:
    """Whether a text is JSON that was cut off at its end."""
    try:
        from_json(text, allow_partial=_WITH_TEXT)
    except ValueError:
        return False
    return True


def half_json(text: str, *, is_list: bool = False) -> Any:
    """The value that an answer in progress holds so far; None if that is nothing.

    Text at its end counts as far as it goes. A number there does not, since the first digits of 1250 say nothing about
    it.
    """
    begun = text[_start(text, is_list=is_list) :]
    try:
        value = from_json(begun, allow_partial=_WITH_TEXT)
        if begun[-1:].isdigit() and from_json(begun, allow_partial=True) == value:  # so it ends in no text
            return from_json(begun.rstrip(_OF_NUMBERS), allow_partial=_WITH_TEXT)
    except ValueError:
        return None
    return value


def _start(text: str, *, is_list: bool) -> int:
    """Where the JSON begins; the end of the text, if nowhere."""
    found = re.search(_ANY_START if is_list else _OBJECT_START, text)
    return found.start() if found else len(text)


def why_no_object(name: str, text: str, said: Mapping[str, Any]) -> str:
    """What to say about a whole answer that holds no object of the schema `name`, as far as the answer says why.

    `said` is what it says of its end: `finish_reason`, `refusal` and `content_filter_results`, as far as it has them.
    """
    finish_reason = said.get("finish_reason")
    if refusal := said.get("refusal"):
        reason = f"the model refused: {cut(refusal, _REFUSAL_SHOWN)}"
    elif finish_reason == "length":
        reason = "it was cut off at its token limit: raise max_tokens"
    elif finish_reason == "content_filter":
        reason = f"the content filter cut it off{_filtered(said.get('content_filter_results'))}"
    else:
        reason = f"it holds no complete JSON: {cut(text)!r}"
    return f"There is no {name} in the answer: {reason}"


def is_cut_off(finish_reason: str | None) -> bool:
    """Whether a whole answer ended before the model was done."""
    return finish_reason in ("length", "content_filter")


def _filtered(verdicts: Any) -> str:
    """The categories that the content filter objects to."""
    names = [str(name) for name, verdict in verdicts.items() if _is_filtered(verdict)] if is_object(verdicts) else []
    return cut(f" ({', '.join(names)})") if names else ""


def _is_filtered(verdict: Any) -> bool:
    return is_object(verdict) and bool(verdict.get("filtered"))
