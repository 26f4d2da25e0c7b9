"""How long is waited between attempts, and how many retries a client has, on a clock that stands still."""

from __future__ import annotations

import asyncio
import threading
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest

from azure_inference import (
    APIStatusError,
    ChatRequest,
    InternalServerError,
    RateLimitError,
    RetryPolicy,
    to_request,
)

HELLO = to_request(ChatRequest, {"messages": [{"role": "user", "content": "hello"}]})
ANSWER = {"id": "c", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}
CHUNK = {"id": "c", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}
REFUSAL = {"error": {"code": "x", "message": "no"}}
LONG_AGO = formatdate(0, usegmt=True)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, none of which is waited; a server in another thread sleeps as it likes."""
    waited: list[float] = []
    ours, really_sleep = threading.get_ident(), asyncio.sleep

    def sleep(seconds: float) -> None:
        if seconds:
            waited.append(seconds)

    async def sleep_async(seconds: float) -> None:
        if threading.get_ident() == ours:
            sleep(seconds)
        else:
            await really_sleep(seconds)

    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr("asyncio.sleep", sleep_async)
    return waited


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
def test_waits_of_our_own(server: Any, either: Any, waits: list[float], method: str) -> None:
    """Where a server says nothing of waiting, each wait is random, between half and the whole of twice the last."""
    server.reply_json(REFUSAL, 503)

    with pytest.raises(InternalServerError) as caught:
        getattr(either.client(server.url, retry=RetryPolicy()), method)(HELLO)
    assert caught.value.attempts == len(server.requests) == 3
    first, second = waits
    assert 0.25 <= first <= 0.5
    assert 0.5 <= second <= 1.0


ASKED: dict[str, tuple[dict[str, str], float]] = {
    "seconds": ({"retry_after": "2"}, 2.0),
    "a fraction": ({"retry_after": "1.5"}, 1.5),
    "blanks": ({"retry_after": " 2 "}, 2.0),
    "milliseconds": ({"retry_after_ms": "1500"}, 1.5),
    "milliseconds of Azure": ({"x_ms_retry_after_ms": "1500"}, 1.5),
    "milliseconds before seconds": ({"retry_after": "20", "retry_after_ms": "2500"}, 2.5),
    "milliseconds before those of Azure": ({"x_ms_retry_after_ms": "9000", "retry_after_ms": "2500"}, 2.5),
    "nonsense before seconds": ({"retry_after_ms": "soon", "retry_after": "2"}, 2.0),
    "the most that is waited": ({"retry_after": "60"}, 60.0),
}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("headers", "seconds"), ASKED.values(), ids=ASKED)
def test_waits_asked_for(
    server: Any, either: Any, waits: list[float], *, headers: dict[str, str], seconds: float, status: int
) -> None:
    """A server is not asked again before the moment that it named."""
    server.reply_json(REFUSAL, status, **headers)
    server.reply_json(ANSWER)

    assert either.client(server.url, retry=RetryPolicy()).chat(HELLO).id == "c"
    assert len(waits) == 1
    assert seconds <= waits[0] <= seconds + 0.5


def test_dates(server: Any, either: Any, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment may be named by its date."""
    now = 1_800_000_000.0
    server.reply_json(REFUSAL, 429, retry_after=formatdate(now + 30, usegmt=True))
    server.reply_json(ANSWER)
    client = either.client(server.url, retry=RetryPolicy())
    monkeypatch.setattr("azure_inference.schema.failures.time", SimpleNamespace(time=lambda: now))

    assert client.chat(HELLO).id == "c"
    assert len(waits) == 1
    assert 30.0 <= waits[0] <= 30.5


IGNORED = ["garbage", "Mon, 99 Foo 2026", "nan", "-5", "", LONG_AGO, "0", "1e", "0x10", "-inf"]


@pytest.mark.parametrize("text", IGNORED)
@pytest.mark.parametrize("name", ["retry_after", "retry_after_ms"])
def test_waits_that_are_none(server: Any, either: Any, waits: list[float], name: str, text: str) -> None:
    """What names no moment to come counts as nothing: the wait is our own."""
    server.reply_json(REFUSAL, 429, **{name: text})
    server.reply_json(ANSWER)

    assert either.client(server.url, retry=RetryPolicy()).chat(HELLO).id == "c"
    assert len(waits) == 1
    assert 0.25 <= waits[0] <= 0.5


DATES = ["Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -1200", "Fri Dec 31 23:59:59 9999"]
TOO_LONG = ["61", "3600", "9" * 200, "inf", "1e999", "9" * 400, *DATES]


@pytest.mark.parametrize("text", TOO_LONG)
@pytest.mark.parametrize("method", ["chat", "stream_chat"])
def test_waits_too_long(server: Any, either: Any, waits: list[float], method: str, text: str) -> None:
    """A wait that nobody would wait for is told at once."""
    server.reply_json(REFUSAL, 429, retry_after=text)

    with pytest.raises(RateLimitError) as caught:
        getattr(either.client(server.url, retry=RetryPolicy()), method)(HELLO)
    assert waits == []
    assert caught.value.attempts == len(server.requests) == 1
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 60


@pytest.mark.parametrize("text", ["inf", "1e400", "9" * 400])
@pytest.mark.parametrize("name", ["retry_after_ms", "x_ms_retry_after_ms"])
def test_milliseconds_without_end(server: Any, either: Any, waits: list[float], name: str, text: str) -> None:
    """The same holds for milliseconds, and for any refusal that may pass."""
    server.reply_json(REFUSAL, 503, **{name: text})

    with pytest.raises(InternalServerError) as caught:
        either.client(server.url, retry=RetryPolicy()).chat(HELLO)
    assert (caught.value.attempts, caught.value.retry_after, waits) == (1, float("inf"), [])


@pytest.mark.parametrize(
    ("status", "said", "attempts"),
    [(503, "false", 1), (429, "False", 1), (503, "true", 3), (503, "maybe", 3), (400, "true", 1), (404, "true", 1)],
)
def test_what_a_server_says_of_retries(
    server: Any, either: Any, waits: list[float], *, status: int, said: str, attempts: int
) -> None:
    """A server may forbid retries by `x-should-retry`, but not talk us into repeating what cannot pass."""
    server.reply_json(REFUSAL, status, x_should_retry=said)

    with pytest.raises(APIStatusError) as caught:
        either.client(server.url, retry=RetryPolicy()).chat(HELLO)
    assert caught.value.attempts == len(server.requests) == attempts == len(waits) + 1


@pytest.mark.parametrize("status", [400, 413, 422, 501, 505])
def test_waits_of_refusals_that_stay(server: Any, either: Any, waits: list[float], status: int) -> None:
    """To name a moment makes no refusal one that passes."""
    server.reply_json(REFUSAL, status, retry_after="1")

    with pytest.raises(APIStatusError) as caught:
        either.client(server.url, retry=RetryPolicy()).chat(HELLO)
    assert (caught.value.attempts, waits) == (1, [])


def test_waits_are_spread() -> None:
    """Clients that fail at the same moment do not come back at the same moment."""
    error = InternalServerError("no", status_code=503)
    delays = [RetryPolicy(first_delay=8.0).delay(1, error) for _ in range(50)]

    assert max(delays) - min(delays) >= 0.25 * 8.0
    assert all(4.0 <= delay <= 8.0 for delay in delays)


def test_waits_asked_for_are_spread() -> None:
    """So it is where the server has named the moment to all of them; none comes sooner than it asked."""
    error = RateLimitError("no", status_code=429, retry_after=20.0)
    delays = [RetryPolicy(first_delay=8.0).delay(1, error) for _ in range(50)]

    assert max(delays) - min(delays) >= 0.25 * 8.0
    assert all(20.0 <= delay <= 28.0 for delay in delays)


@pytest.mark.parametrize("attempt", [1, 5, 50, 5000])
def test_waits_have_a_limit(attempt: int) -> None:
    """However many attempts there were, the next is not put off for ever."""
    assert RetryPolicy().delay(attempt, InternalServerError("no", status_code=503)) <= 8.0


@pytest.mark.parametrize(("status", "retries"), [(503, 500 // 14), (429, 500 // 5)])
@pytest.mark.parametrize("method", ["chat", "stream_chat"])
def test_budget(server: Any, either: Any, waits: list[float], *, method: str, status: int, retries: int) -> None:
    """While everything fails, retries run dry; the errors are the server's and say why nothing was tried again."""
    server.reply_json(REFUSAL, status)
    client = either.client(server.url, retry=RetryPolicy())
    errors: list[APIStatusError] = []
    for _ in range(60):
        with pytest.raises(APIStatusError) as caught:
            getattr(client, method)(HELLO)
        errors.append(caught.value)

    assert len(server.requests) == 60 + retries
    assert len(waits) == retries
    dry = retries // 2
    assert [error.retry_budget_exhausted for error in errors] == [False] * dry + [True] * (60 - dry)
    assert {error.status_code for error in errors} == {status}


def test_budget_recovers(server: Any, either: Any, waits: list[float]) -> None:
    """Successes earn what retries cost, one by one; another client has a budget of its own."""
    server.reply_json(REFUSAL, 503)
    client = either.client(server.url, retry=RetryPolicy())
    for _ in range(18):
        with pytest.raises(InternalServerError):
            client.chat(HELLO)
    assert len(waits) == 35, "500 were 35 retries, and 10 are left"
    server.replies.clear()
    server.reply_json(ANSWER)
    for _ in range(3):
        client.chat(HELLO)
    server.replies.clear()
    server.reply_json(REFUSAL, 503)
    with pytest.raises(InternalServerError) as caught:
        client.chat(HELLO)
    assert (caught.value.attempts, caught.value.retry_budget_exhausted) == (1, True), "13 are too few"

    server.replies.clear()
    server.reply_json(ANSWER)
    client.chat(HELLO)
    server.replies.clear()
    server.reply_json(REFUSAL, 503)
    with pytest.raises(InternalServerError) as caught:
        client.chat(HELLO)
    assert caught.value.attempts == 2, "14 are enough for one"
    with pytest.raises(InternalServerError) as caught:
        either.client(server.url, retry=RetryPolicy()).chat(HELLO)
    assert caught.value.attempts == 3


@pytest.mark.parametrize("method", ["chat", "stream_chat"])
def test_retries_that_succeed_cost_nothing(server: Any, either: Any, waits: list[float], method: str) -> None:
    """Retries that lead to an answer are paid back, so that now and then a failure never uses up the budget."""
    client = either.client(server.url, retry=RetryPolicy())
    for _ in range(40):
        server.replies.clear()
        server.reply_json(REFUSAL, 503)
        if method == "chat":
            server.reply_json(ANSWER)
            client.chat(HELLO)
        else:
            server.reply_events(CHUNK)
            list(client.stream_chat(HELLO))

    assert len(waits) == 40


def test_all_retries_of_a_success_are_paid_back(server: Any, either: Any, waits: list[float]) -> None:
    """A call that succeeds at its third attempt gets back what both retries cost."""
    client = either.client(server.url, retry=RetryPolicy())
    for _ in range(40):
        server.replies.clear()
        server.reply_json(REFUSAL, 503)
        server.reply_json(REFUSAL, 429)
        server.reply_json(ANSWER)
        assert client.chat(HELLO).id == "c"

    assert len(waits) == 80


def test_a_token_renewed_is_not_a_retry_paid_for(server: Any, either: Any, waits: list[float]) -> None:
    """A refused token is replaced even where the budget is spent."""
    server.reply_json(REFUSAL, 503)

    def give() -> str:
        return "token"

    client = either.client(server.url, give, retry=RetryPolicy())
    for _ in range(18):
        with pytest.raises(InternalServerError):
            client.chat(HELLO)
    spent = len(waits)
    server.replies.clear()
    server.reply_json(REFUSAL, 401)
    server.reply_json(ANSWER)

    assert client.chat(HELLO).id == "c"
    assert sum(waits[spent:]) == 0


def test_one_record_for_each_retry(
    server: Any, either: Any, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """A retry is told in one record, with attempt, status and wait, and without content."""
    caplog.set_level("INFO", logger="azure_inference")
    server.reply_json({"error": {"message": "secret words"}}, 503, x_request_id="r1", retry_after="3")
    server.reply_json(ANSWER)
    either.client(server.url, retry=RetryPolicy()).chat(HELLO)

    (record,) = [record for record in caplog.records if record.name == "azure_inference"]
    text = record.getMessage()
    assert all(word in text for word in ("attempt 1", "status=503", "request_id=r1", f"{waits[0]:.2f} s"))
    assert "secret" not in text
    assert "hello" not in text
    assert len(waits) == 1
    assert 3.0 <= waits[0] <= 3.5
