"""The two base models of the wire: what we send, and what a server answers."""

from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import VERSION, BaseModel, ConfigDict, Field

BUILT_WHEN_USED = tuple(map(int, VERSION.split(".")[:2])) >= (2, 14)
"""Whether classes get their validators at first use: before 2.14, a thread could meet what another had half built."""
Id = Annotated[str, Field(coerce_numbers_to_str=True)]
"""A name of something, which some servers write as a number."""
Seconds = int | float
"""A time in Unix seconds, which some servers tell more exactly than the API has it."""

ESSENTIAL = frozenset({"messages", "input", "prompt", "model", "stream", "tools", "tool_choice", "response_format"})
"""Fields that requests are about: without them, another question would be answered than the one asked."""


class WireModel(BaseModel):
    """A frozen model that keeps every key it does not know, so that nothing is lost in either direction."""

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        protected_namespaces=(),
        hide_input_in_errors=True,
        defer_build=BUILT_WHEN_USED,
    )


class RequestModel(WireModel):
    """The body of a request.

    A key that is not a field here is by definition an *extra parameter* of the API: it is kept in
    `model_extra`, and that alone decides whether the `extra-parameters` header is sent. A field left at None is not
    sent at all, and nothing is added that changes what a model answers (of streams, usage is asked: `stream_usage`).
    """

    # What only extra parameters can hold, NaN and infinity, is written as such: null would say something else.
    model_config = ConfigDict(allow_inf_nan=False, ser_json_inf_nan="constants")

    @property
    def extras(self) -> dict[str, Any]:
        """The extra parameters of this request that are set: name to value."""
        given = self.model_extra
        return {name: value for name, value in given.items() if value is not None} if given else {}

    def without(self, names: Iterable[str]) -> Self:
        """The same request without these parameters."""
        left_out = set(names)
        kept = {name: value for name, value in self if name not in left_out}
        return self.model_construct(**kept)  # type: ignore[return-value] # mypy forgets the Self


class AnswerModel(WireModel):
    """A part of an answer. Whatever a server was ever seen to omit is optional; unknown keys stay readable."""
