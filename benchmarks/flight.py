"""Many chats in flight on one model object: CPU time of a call, calls a second, and how long a call takes."""

from __future__ import annotations

from benchmarks.measure import Field, Measured, in_turn
from benchmarks.rows import ALONE, Flight

_LIMIT = 90.0
_ALONE_CALLS = 100


def measure_flight(field: Field, flight: Flight, *, quick: bool = False) -> Measured:
    """Measures one number of calls in flight; a client that fails or does not finish is left out, and said so."""
    result = Measured(field.framework, flight.key)
    names = field.taking_part(flight.clients)
    for turn in range(-1, 2 if quick else flight.rounds):  # the first is to warm up, with every connection it takes
        for name in in_turn(names, turn):
            if name not in result.failed:
                _fly(field, flight, name, result, warm_up=turn < 0)
        if "ours" in names:
            answer = field.do("ours", work="achat", size=_ALONE_CALLS)
            if turn >= 0:
                result.costs.setdefault(ALONE, []).append(answer["cpu"] / _ALONE_CALLS)
    return result


def _fly(field: Field, flight: Flight, name: str, result: Measured, *, warm_up: bool) -> None:
    calls = flight.at_once if warm_up else flight.calls
    before = field.server.cpu_time()
    answer = field.do(name, limit=_LIMIT, work="flight", size=calls, at_once=flight.at_once)
    if "missing" in answer:
        return
    if "cpu" not in answer:
        result.failed[name] = f"did not finish: {answer.get('error')}"
    elif answer["value"]["failed"]:
        result.failed[name] = f"{answer['value']['failed']} of {calls} calls failed: {answer['value']['why'][0]}"
    elif not warm_up:
        result.costs.setdefault(name, []).append(answer["cpu"] / calls)
        flown = {"rate": calls / answer["wall"], "latency": answer["value"]["latency"]}
        result.more.setdefault(name, []).append(flown)
        if name != "floor":
            result.server = max(result.server, (field.server.cpu_time() - before) / answer["wall"])
