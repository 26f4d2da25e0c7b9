"""docs/reliability.md: what the comparison found, and what is promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from .cases import CASES
from .catalogue import FAULTS, PROMISES
from .comparison import HARD_LIMIT, LIMITS, Results, Run
from .judge import VERDICTS
from .libraries import LIBRARIES

LETTERS = {"right": "R", "typed": "T", "obscure": "O", "silent": "**S**", "hang": "**H**", "leak": "**L**"}

_INTRODUCTION = """\
# Reliability

What this library does when a service, or the network in front of it, misbehaves; what it promises then; and how it
compares with its peers.

[tests/faults](../tests/faults) holds a server that knows no HTTP and plays {cases} faults: it resets connections,
stalls, drips, cuts streams, shuffles vectors, redirects to another host. `make test` plays each of them through both
adapters, sync and async, and checks the class and the attributes of every error, the number of requests, and that
nothing reached the other host. `make faults` plays them for both adapters and three peers, and writes this page.

## What came of the faults

{counts}

* **right**: the right answer, with a retry or without one.
* **typed**: an exception of the library, or of one below it, whose class names the failure: callers can act on it.
* **obscure**: `KeyError`, `AttributeError`, `IndexError`, `TypeError`, `RecursionError`, `JSONDecodeError`, a bare
  `ValueError`: the same errors that a mistake in the caller's own program raises.
* **silent**: wrong or partial data, returned as if it were right.
* **hang**: not finished after {limit:.0f} seconds.
* **leak**: the key or the prompt was sent to a host that the user had not named.
* **recovered**: how many of the failures that pass by themselves ended in the right answer.

**typed** is no worse than **right** where no right answer is possible, which is so for most of the faults.

## How it was judged

* One server, in the same run, for all; each library in a process of its own, with its default settings and a limit of
  {read:.0f} seconds without a byte. Ours was also given the limits that the others do not have: {idle:.0f} seconds
  between two events and {total:.0f} seconds for a whole call (600 by default). Any async call can be given such a limit
  from outside, with `asyncio.timeout`; a sync one cannot.
* One judge for all, which is not told whose outcome it judges. It looks at the class of an exception, never at its
  text. Exceptions of the libraries underneath (`httpx`, `azure.core`, `pydantic`), `OSError` and `TimeoutError` count
  as typed.
* A stream that gives nothing at all and raises nothing counts as silent.
* Only what a user reads counts as the answer: the text, any tool calls, the finish reason where that is the point (even
  if only the service's raw answer has it), the vectors.
* A right answer counts as right, even where this library raises an error or does not ask again.
* Left out are {left_out} of the {cases} cases, which are about promises that only this library makes.
  langchain-azure-ai is tested through its classes for this API (`chat_models.inference` and `embeddings.inference`,
  which its authors have deprecated). llama-index-llms-azure-inference asks an endpoint for its model first; here it was
  told the model, so that the fault meets the call it is meant for. The tokenizer of `OpenAIEmbeddings` was switched
  off, as it would have to be downloaded.
* The faults were chosen by the authors of this library, which knows them. The counts say how these cases turned out;
  they do not say how often such things happen.

## Fault by fault

R right, T typed, O obscure, **S** silent, **H** hang, **L** leak, each with the number of cases; sync / async
where they differ.

{faults}

## What is promised

{promises}

## Where the rest is tested

Faults that are not among the played cases, and further tests of some that are:

{elsewhere}

## Versions

{versions}

Everything ran on {python} on Linux.

## How to repeat it

```console
make faults
```

It makes two environments, since the packages for the two frameworks need different versions of `openai`, plays
everything in a few minutes, and writes this page. Only loopback is used. A single case through our adapters:

```console
python -m pytest tests/faults -k "F49 and langchain"
```
"""


def render(results: Mapping[str, Results]) -> str:
    """The page for what came of the comparison, by library."""
    compared = {name: results[name] for name in LIBRARIES}
    return _INTRODUCTION.format(
        cases=len(CASES),
        left_out=sum(not case.is_compared for case in CASES),
        limit=HARD_LIMIT,
        counts=_counts(compared),
        faults=_faults(compared),
        promises=promises(),
        elsewhere=_elsewhere(),
        versions=_versions(compared),
        python=" and ".join(sorted({f"Python {result.python}" for result in compared.values()})),
        **LIMITS,
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _counts(results: Mapping[str, Results]) -> str:
    rows = []
    for name, result in results.items():
        passing = [run for run in result.runs if run.case.passes_by_itself]
        recovered = sum(run.verdict == "right" for run in passing)
        counts = [_shown(word, result.count(word)) for word in VERDICTS]
        rows.append([LIBRARIES[name].name, str(len(result.runs)), *counts, f"{recovered} of {len(passing)}"])
    return _table(["library", "runs", *VERDICTS, "recovered"], rows)


def _shown(word: str, count: int) -> str:
    return f"**{count}**" if count and word in ("silent", "hang", "leak") else str(count)


def _faults(results: Mapping[str, Results]) -> str:
    rows = []
    for name, fault in FAULTS.items():
        runs = [[run for run in result.runs if run.case.fault == name] for result in results.values()]
        if all(runs):
            rows.append([name, fault.what, *map(_cell, runs)])
    return _table(["", "fault", *(LIBRARIES[name].name for name in results)], rows)


def _cell(runs: list[Run]) -> str:
    sync, other = (Counter(run.verdict for run in runs if run.is_async is is_async) for is_async in (False, True))
    return _told(sync) if sync == other else f"{_told(sync)} / {_told(other)}"


def _told(counts: Counter[str]) -> str:
    return " ".join(f"{LETTERS[word]}\N{NO-BREAK SPACE}{counts[word]}" for word in VERDICTS if counts[word])


def promises() -> str:
    """The table of what is promised."""
    rows = []
    for number, promise in PROMISES.items():
        tested = [name for name, fault in FAULTS.items() if number in fault.promises]
        kept = ", ".join(f"`{place.strip()}`" for place in promise.kept_in.split(","))
        rows.append([f"P{number}", f"**{promise.name}.** {promise.text}", kept, ", ".join(tested)])
    return _table(["", "promise", "kept in", "put to the test by"], rows)


def _elsewhere() -> str:
    rows = [
        [name, fault.what, "<br>".join(f"`{place}`" for place in fault.elsewhere)]
        for name, fault in FAULTS.items()
        if fault.elsewhere
    ]
    return _table(["", "fault", "tests"], rows)


def _versions(results: Mapping[str, Results]) -> str:
    rows = [
        [LIBRARIES[name].name, ", ".join(f"{package} {version}" for package, version in result.versions.items())]
        for name, result in results.items()
    ]
    return _table(["library", "packages"], rows)
