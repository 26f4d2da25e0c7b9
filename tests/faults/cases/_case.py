"""What a case is, and short ways of writing many of them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.faults.answers import ELSEWHERE, GOOD, TEXT, streamed, vector
from tests.faults.libraries import Job
from tests.faults.server import RawServer, Step

Script = tuple[Step, ...]
CALLS = ("chat", "stream", "embed")
_PASSING = ("F01", "F02", "F04", "F05", "F07", "F16", "F17", "F18", "F19", "F42", "F55")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault and what must come of it.

    Attributes:
        fault: The fault of the catalogue that this is an instance of.
        name: What makes it differ from the others of its fault.
        call: What is asked for: `chat`, `stream` or `embed`.
        scripts: What the connections do, one after another; all further ones do as the last.
        error: The class of ours that must be raised; None if the answer must be right.
        llamaindex_error: The same for LlamaIndex, where only it has an error.
        fields: What attributes of that error must be.
        partial: The text that the error must have as what arrived, if any.
        requests: How many requests our library may send; None if they cannot be counted.
        right: What of an answer makes it right, whoever gives it; None if no right answer is to be had.
        never_sent: What no request may hold.
        least_wait: Seconds that the server asks to be left alone for.
        is_compared: Whether other libraries can be asked the same.
        limits: Shorter limits for our own tests of it: it ends by one of them.
        pauses: Whether the reader of a stream takes longer than any timeout.
        job: Further settings of the run.
    """

    fault: str
    name: str
    call: str
    scripts: tuple[Script, ...]
    error: str | None = None
    llamaindex_error: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    partial: str | None = None
    requests: int | None = 1
    right: Any = None
    never_sent: bytes | None = None
    least_wait: float = 0.0
    is_compared: bool = True
    limits: Mapping[str, float] = field(default_factory=dict)
    pauses: bool = False
    job: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its name among all cases."""
        return f"{self.fault}-{self.call}-{self.name}"

    @property
    def passes_by_itself(self) -> bool:
        """Whether a failure comes first that another try would not meet again."""
        return self.error is None and self.fault in _PASSING and len(self.scripts) > 1

    def error_in(self, framework: str) -> str | None:
        """The class of ours that must be raised through a framework."""
        return (self.llamaindex_error if framework == "llamaindex" else None) or self.error

    def to_job(self, url: str, *, is_async: bool, limits: Mapping[str, float], at_once: bool = False) -> Job:
        """The run of this case against a server."""
        pause = 1.2 * limits["read"] if self.pauses else 0.0
        return Job(url=url, call=self.call, is_async=is_async, at_once=at_once, pause=pause, **limits, **self.job)

    @contextmanager
    def playing(self) -> Generator[tuple[RawServer, RawServer]]:
        """The server that plays this case, and another one under another name, which nobody should ask."""
        with RawServer() as foreign:
            foreign.script(*ELSEWHERE[self.call])
            with RawServer(elsewhere=f"http://localhost:{foreign.port}") as server:
                for script in self.scripts:
                    server.script(*script)
                yield server, foreign


def right_answer(call: str, texts: int = 3) -> Any:
    """What the right answer to a call is heard as."""
    return [vector(f"text {number}") for number in range(texts)] if call == "embed" else {"text": TEXT}


def passes(fault: str, name: str, *scripts: Script, calls: tuple[str, ...] = ("chat",), **more: Any) -> Iterator[Case]:
    """Cases whose answer must be right; after the scripts given, the server answers rightly."""
    for call in calls:
        made = Case(fault=fault, name=name, call=call, scripts=(*scripts, GOOD[call]), **more)
        right = right_answer(call, made.job.get("texts", 3)) if made.right is None else made.right
        yield replace(made, requests=more.get("requests", len(scripts) + 1), right=right)


def answered(fault: str, name: str, *steps: Step, calls: tuple[str, ...] = ("chat",), **more: Any) -> Iterator[Case]:
    """Cases whose only answer is right, odd as it is."""
    for case in passes(fault, name, ("request", *steps), calls=calls, **{"requests": 1, **more}):
        yield replace(case, scripts=case.scripts[:1])


def fails(
    fault: str, name: str, error: str, *scripts: Script, calls: tuple[str, ...] = ("chat",), **more: Any
) -> Iterator[Case]:
    """Cases that must end in an error of ours."""
    for call in calls:
        yield Case(fault=fault, name=name, call=call, scripts=scripts, error=error, **more)


def fails_once(fault: str, name: str, error: str, *steps: Step, **more: Any) -> Iterator[Case]:
    """Cases that must end in an error though a further try would be answered rightly."""
    for case in fails(fault, name, error, ("request", *steps), **more):
        yield replace(case, scripts=(*case.scripts, GOOD[case.call]), right=right_answer(case.call))


def says(*pieces: bytes, **options: Any) -> Script:
    """A connection whose request is answered with these bytes of events."""
    return ("request", streamed(*pieces, **options))
