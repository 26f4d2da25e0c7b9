"""The benchmark: its clients do what they are told, and its ratios are taken within rounds."""

from __future__ import annotations

import sys

import pytest

from benchmarks.linear import Marginal
from benchmarks.measure import Measured
from benchmarks.page import page
from benchmarks.processes import Server, Worker
from benchmarks.results import Results, Verdict, verdicts

ORDERS = [
    {"work": "chat", "size": 2},
    {"work": "achat", "size": 2},
    {"work": "stream", "size": 5},
    {"work": "astream", "size": 5, "kind": "tools"},
    {"work": "stream", "size": 3, "kind": "apart"},
    {"work": "flight", "size": 4, "at_once": 2, "delay": 1},
    {"work": "embed", "size": 5, "dimensions": 8},
    {"work": "make", "size": 2},
    {"work": "say", "size": 3},
    {"work": "embed", "size": 2, "dimensions": 1536},
    {"work": "embed", "size": 2, "dimensions": 1536, "kind": "unknown"},
]


@pytest.mark.parametrize(
    "client", ["langchain:Ours", "llamaindex:Ours", "canned_langchain:Canned", "canned_llamaindex:Canned"]
)
def test_clients_do_the_work(client):
    """Each piece of work is done and gives its cost; a streamed one has at least the pieces that were asked for."""
    with Server() as server:
        worker = Worker(sys.executable, client, server.url)
        try:
            answers = [worker.do(**order) for order in ORDERS]
        finally:
            worker.end()

    assert [answer.get("error") or answer.get("why") for answer in answers] == [None] * len(ORDERS)
    assert all(answer["cpu"] > 0 for answer in answers)
    assert [answers[at]["value"] >= ORDERS[at]["size"] for at in (2, 3, 4)] == [True] * 3
    assert answers[5]["value"]["failed"] == 0


@pytest.mark.parametrize("parser", ["Parsed", "ParsedByPydantic", "ParsedFromBase64ByPydantic"])
def test_parsers_give_vectors(parser):
    """What is said to be parsed alone is lists of so many numbers, for so many texts."""
    with Server() as server:
        worker = Worker(sys.executable, f"bare:{parser}", server.url)
        try:
            answer = worker.do(work="embed", size=100, dimensions=8)
        finally:
            worker.end()

    assert "cpu" in answer, answer


def test_a_client_that_cannot():
    """What a client cannot do is told as missing, not as a failure."""
    with Server() as server:
        worker = Worker(sys.executable, "bare:RawSocket", server.url)
        try:
            answer = worker.do(work="embed", size=1, dimensions=8)
        finally:
            worker.end()

    assert answer["missing"]


def test_ratios_are_taken_within_rounds():
    """A round in which everything was slow does not change the ratio."""
    measured = Measured("langchain", "chat", {"ours": [1.0, 10.0, 1.0], "azure": [4.0, 40.0, 4.0]})

    assert measured.ratio("azure") == (0.25, 0.25, 0.25)


@pytest.mark.parametrize(("value", "at_least", "met"), [(0.3, False, True), (0.4, False, False), (2.5, True, True)])
def test_verdicts(value, at_least, met):
    """What was asked for is met by the median, from the side that was asked for."""
    asked = 2.0 if at_least else 0.33

    verdict = Verdict("work", "langchain", "azure", asked, (0.1, value, 9.0), at_least=at_least)

    assert verdict.met is met


def _growth(kind, **rounds):
    """What one more cost, of a client and of what stands beside it."""
    return {kind: [Marginal("langchain", "chunk", name, costs) for name, costs in rounds.items()]}


@pytest.mark.parametrize(
    ("floor", "against", "asked", "met"),
    [([1, 1, 10, 11], "", 1.3, False), ([1, 1, 10, 25], "floor", 2.5, True)],
    ids=["alone", "with the framework"],
)
def test_growth_is_judged_by_what_stands_beside(floor, against, asked, met):
    """A cost may rise as what stands beside it does, by time or by instructions; its own rise is of one round."""
    slow, quick = [1, 1, 100, 200], [1, 1, 10, 20]
    timed = _growth("linear", ours=[quick, slow, quick], floor=[floor])
    counted = _growth("linear_counted", ours=[[1, 1, 100, 120]], floor=[[1, 1, 10, 10]])

    (verdict,) = (one for one in verdicts(Results(**timed, **counted)) if one.by_time)

    assert (verdict.against, verdict.asked, verdict.by_time) == (against, asked, (2.0, 2.0, 2.0))
    assert (verdict.met, verdict.met_by_count) == (met, True)
    assert verdict.asked_of_count == 1.3
    assert "growth: chunk" in page(Results(**timed, **counted))
