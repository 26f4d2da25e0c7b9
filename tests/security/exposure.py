"""All that an exception tells those who look closely: texts, attributes, its chain, and the variables of frames."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle

TESTS = str(Path(__file__).resolve().parents[1])


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes and contexts, suppressed or not, and what groups hold."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or any(one is known for known in seen):
            continue
        seen.append(one)
        waiting += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return iter(seen)


def exposed(error: BaseException) -> Iterator[tuple[str, str]]:
    """Everything that a report of this error may show, each with a word on where it stands.

    A report of locals (as error trackers make it) shows the `repr` of each variable of each frame; those of the tests
    themselves, where keys are written down, are left out.
    """
    for one in chain(error):
        name = type(one).__name__
        yield f"the text of {name}", str(one)
        yield f"the repr of {name}", repr(one)
        yield f"the arguments of {name}", repr(one.args)
        yield f"the attributes of {name}", repr(vars(one)) if hasattr(one, "__dict__") else ""
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if not frame.f_code.co_filename.startswith(TESTS):
                for variable, value in frame.f_locals.items():
                    yield f"{variable} in {frame.f_code.co_filename}:{frame.f_lineno} of {name}", shown(value)
    yield "the pickle", repr(cloudpickle.dumps(error))


def shown(value: Any) -> str:
    """What a report shows of a variable; of a container all, since some reports unfold them."""
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - a report goes on, too
        return f"<no repr: {error}>"
