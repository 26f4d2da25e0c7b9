"""What can go wrong and what is promised then: numbered, in words, with the tests of what no table holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes:
        what: It, in words.
        promises: The numbers of the promises that it puts to the test.
        elsewhere: Tests of it beside the tables, as `file` or `file::function`; all there is where no table has it.
    """

    what: str
    promises: tuple[int, ...]
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True)
class Promise:
    """Something that users may rely on, and the place in the code that keeps it."""

    name: str
    text: str
    kept_in: str


_CORE = "shared/azure_inference"
_BUDGET = "tests/core/test_retry_budget.py"
_BATCHES = "tests/core/test_batches.py"
_BODIES = "tests/core/test_bodies.py"
_CONNECTIONS = "tests/core/test_connections.py"
_CREDENTIALS = "tests/core/test_credentials.py"
_DEADLINES = "tests/core/test_deadlines.py"
_WIRE = "tests/core/test_wire_faults.py"
_PROXIES = "tests/security/test_proxies.py"
_RESOURCES = "tests/security/test_resources.py"
_TLS = "tests/security/test_tls.py"
_WRITTEN = "tests/security/test_written_down.py"
_OURS = "tests/faults/test_faults.py"

FAULTS: dict[str, Fault] = {
    "F01": Fault("500, 503, 504 once", (1,)),
    "F02": Fault("408, 429, 502, 529 once", (1,)),
    "F03": Fault(
        "503 for good",
        (1, 2, 7, 26),
        (f"{_BUDGET}::test_waits_of_our_own", f"{_BUDGET}::test_one_record_for_each_retry"),
    ),
    "F04": Fault("Retry-After: seconds, fractions, dates", (3,), (f"{_BUDGET}::test_waits_asked_for",)),
    "F05": Fault("retry-after-ms, x-ms-retry-after-ms, several at once", (3,), (f"{_BUDGET}::test_waits_asked_for",)),
    "F06": Fault("Retry-After of years", (3,), (f"{_BUDGET}::test_waits_too_long",)),
    "F07": Fault("Retry-After that makes no sense", (3,), (f"{_BUDGET}::test_waits_that_are_none",)),
    "F08": Fault("400 with Retry-After", (1,)),
    "F09": Fault("x-should-retry: false", (3,)),
    "F10": Fault("40 calls to a service that is down", (4,), (f"{_BUDGET}::test_budget", f"{_OURS}::test_budget")),
    "F11": Fault("many clients that fail at the same moment", (2,), (f"{_BUDGET}::test_waits_are_spread",)),
    "F12": Fault("a wait beyond the deadline", (3, 5), (f"{_DEADLINES}::test_waits_beyond_the_deadline",)),
    "F13": Fault("a refused parameter, in both shapes", (8,)),
    "F14": Fault("the content filter, in every place", (8,)),
    "F15": Fault("refusals whose body is a page, nothing, half JSON, or something else", (7,)),
    "F16": Fault("a connection that breaks before any answer", (1,)),
    "F17": Fault("a connection that breaks in a whole answer", (1,)),
    "F18": Fault("a connection that breaks in a stream, before and after its first event", (1, 9)),
    "F19": Fault("a kept connection that turns out to be closed", (1,)),
    "F20": Fault("silence before or in an answer", (5, 6)),
    "F21": Fault("heads and bodies that drip without end", (5,)),
    "F22": Fault("a stream of keep-alives and no data", (5,)),
    "F23": Fault("a reader slower than every timeout", (5,)),
    "F24": Fault("no free connection", (22,), (f"{_DEADLINES}::test_full_pools", f"{_OURS}::test_full_pool")),
    "F25": Fault("answers that are not HTTP", (7,)),
    "F26": Fault("answers that only announce another", (7,)),
    "F27": Fault("bytes beyond an answer", (24,), (f"{_WIRE}::test_surplus",)),
    "F28": Fault("a refusal while the request is still being sent", (7,)),
    "F29": Fault("a success that says nothing of use", (7,)),
    "F30": Fault("JSON of another shape", (7,)),
    "F31": Fault("a refusal under status 200", (7,)),
    "F32": Fault("JSON too deep, too long, in another encoding, with more behind it", (7, 14)),
    "F33": Fault("a wrong content type, or none", (7,)),
    "F34": Fault("compressed answers, whole and broken", (14,)),
    "F35": Fault(
        "bodies and decompression without end",
        (14,),
        (
            f"{_BODIES}::test_bodies_beyond_the_limit",
            _RESOURCES,
        ),
    ),
    "F36": Fault(
        "an event without end",
        (10, 14),
        (
            f"{_BODIES}::test_streams_beyond_the_limit",
            _RESOURCES,
        ),
    ),
    "F37": Fault("events in every form that the grammar allows", (10,)),
    "F38": Fault("events cut byte by byte", (10,)),
    "F39": Fault(
        "very large events",
        (10,),
        (
            "tests/core/test_sse.py::test_memory_is_bounded",
            _RESOURCES,
        ),
    ),
    "F40": Fault("a stream cut between events and within one", (9,)),
    "F41": Fault("a stream without its end mark, or with nothing else", (9,)),
    "F42": Fault("a refusal within a stream, in every shape", (1, 9)),
    "F43": Fault("an event that is no JSON", (9,)),
    "F44": Fault("no stream in answer to a stream request", (10,)),
    "F45": Fault("more after the end mark, or a connection left open", (9, 22)),
    "F46": Fault("tool calls, with and without numbers", (11,)),
    "F47": Fault("tool calls whose arguments are cut short, or no object", (11,)),
    "F48": Fault("answers ended by their length or by the content filter", (9,)),
    "F49": Fault("vectors in another order", (12,)),
    "F50": Fault("vectors missing, or too many", (12,)),
    "F51": Fault("vectors numbered wrongly, or not at all", (12,)),
    "F52": Fault("vectors that are none", (12,)),
    "F53": Fault("vectors of different lengths", (12,)),
    "F54": Fault("vectors in base64 though numbers were asked for", (12,)),
    "F55": Fault(
        "one of several batches fails",
        (13,),
        (
            "tests/core/test_batches.py::test_embed_all_that_fails",
            "tests/core/test_batches.py::test_batch_retried_alone",
        ),
    ),
    "F56": Fault("redirects", (15,), (f"{_WIRE}::test_redirects",)),
    "F57": Fault("cookies, .netrc, proxies of the environment", (15,), (f"{_OURS}::test_environment", _PROXIES)),
    "F58": Fault("401, with a key and with a token", (19,)),
    "F59": Fault(
        "one token for many callers, rotation, a provider that fails",
        (19,),
        (
            f"{_CREDENTIALS}::test_one_question_for_many_threads",
            f"{_CREDENTIALS}::test_one_question_for_many_tasks",
            f"{_CREDENTIALS}::test_one_new_token_for_many_refusals",
            f"{_CREDENTIALS}::test_rotated_keys",
            f"{_CREDENTIALS}::test_providers_that_fail",
            "tests/core/test_expiring_tokens.py",
            "tests/core/test_waiting_for_tokens.py",
        ),
    ),
    "F60": Fault(
        "keys, headers and hosts that must not be used",
        (16, 17, 18),
        (
            f"{_CREDENTIALS}::test_keys_that_cannot_be_sent",
            "tests/core/test_clients.py::test_headers_that_cannot_be_sent",
        ),
    ),
    "F61": Fault(
        "a search for the key in everything that is shown or kept",
        (16,),
        (
            "tests/security/test_canary.py",
            "tests/security/test_exceptions.py",
            _WRITTEN,
        ),
    ),
    "F62": Fault(
        "two models with one cache or one dict; zeros",
        (18, 25),
        (
            _WRITTEN,
            "tests/langchain/test_caching.py",
            "tests/langchain/test_chat_model.py::test_zero_is_sent",
            "tests/core/test_requests.py::test_what_the_caller_gave_stays_as_it_was",
        ),
    ),
    "F63": Fault(
        "several event loops, one after another and at once",
        (20,),
        (
            f"{_CONNECTIONS}::test_several_event_loops",
            _RESOURCES,
            "tests/langchain/test_concurrency.py::test_several_loops_at_once",
        ),
    ),
    "F64": Fault(
        "a fork after use; many threads",
        (21,),
        (
            f"{_CONNECTIONS}::test_forks",
            f"{_CONNECTIONS}::test_many_threads",
            _RESOURCES,
        ),
    ),
    "F65": Fault(
        "streams that are cancelled, left, or held",
        (22,),
        (
            f"{_WIRE}::test_many_streams_left",
            f"{_WIRE}::test_many_cancelled_tasks",
            _RESOURCES,
        ),
    ),
    "F66": Fault(
        "clients that are dropped, or closed during calls",
        (23,),
        (
            "tests/core/test_closing.py",
            f"{_CONNECTIONS}::test_clients_that_nobody_holds_hang_up",
            _RESOURCES,
        ),
    ),
    "F67": Fault("a server faster than its reader", (22,), (_RESOURCES,)),
    "F68": Fault(
        "TLS that cannot be trusted",
        (1, 15),
        (_TLS,),
    ),
}

PROMISES: dict[int, Promise] = {
    1: Promise(
        "What is tried again",
        "A connection that cannot be made or breaks before a whole answer or the first event, and 408, 429, 500, 502, "
        "503, 504, 529, for every kind of call. No other refusal, no redirect, no bad content.",
        f"{_CORE}/retry.py",
    ),
    2: Promise(
        "How often, and after what wait",
        "Three attempts; waits double from half a second to eight, each shortened by chance by up to a half, and waits "
        "that the server asks for are prolonged by as much, so that many clients do not come back at the same moment.",
        f"{_CORE}/retry.py",
    ),
    3: Promise(
        "What the server asks for",
        "`retry-after-ms` before `x-ms-retry-after-ms` before `Retry-After`, in seconds, fractions or dates, else what "
        "the message says (`1m2s`, `500ms`), is never undercut. If it asks for more than a minute, or for more "
        "than is left, the error comes at once, with `retry_after`; a value that makes no sense is "
        "ignored. `x-should-retry: false` is obeyed.",
        f"{_CORE}/schema/failures.py, retry.py",
    ),
    4: Promise(
        "A budget",
        "When a service is down for everybody, a client stops retrying after about 35 retries until calls "
        "succeed again; errors then say `retry_budget_exhausted`.",
        f"{_CORE}/retry.py",
    ),
    5: Promise(
        "Time",
        "`total` bounds a call with all its attempts and waits, whatever drips meanwhile; a stream until its first "
        "event. After that `idle` bounds the wait for each event; keep-alives do not count, nor does a reader's time. "
        "In sync code, looking up the host name cannot be interrupted: the call ends once the look-up has. Async code "
        "does not wait for it beyond its limits.",
        f"{_CORE}/timeouts.py, transport/",
    ),
    6: Promise(
        "Nothing is asked twice that may be at work",
        "A timeout of reading is not tried again unless `retry_on_timeout` says so. One `x-ms-client-request-id` names "
        "a call, on all its attempts and on its error.",
        f"{_CORE}/retry.py",
    ),
    7: Promise(
        "One tree of errors",
        "Whatever a server does, only `InferenceError` comes out of a call, short, with its fields, and able to travel "
        "between processes.",
        f"{_CORE}/errors.py, protocol.py",
    ),
    8: Promise(
        "Refusals understood",
        "A parameter that a model does not take is named with its place and value; the content filter has a class of "
        "its own, except where it only ended an answer: that is its finish reason.",
        f"{_CORE}/schema/failures.py",
    ),
    9: Promise(
        "A stream is whole, or an error",
        "It is whole when every choice said why it ended, or at `[DONE]`; then the finish reason is `unknown` where "
        "none was given, and a warning is logged. Anything else raises, with what arrived as "
        "`partial`; nothing is repeated once the first event was given.",
        f"{_CORE}/reader.py",
    ),
    10: Promise(
        "Event streams by their grammar",
        "Every line end, comment, field and way of cutting, in time that grows with the length; an event has at most "
        "16 MiB. A page in place of a stream is an error.",
        f"{_CORE}/sse.py",
    ),
    11: Promise(
        "No tool call is repaired",
        "Pieces without numbers find their call. A call whose arguments are not whole is an invalid tool call in "
        "LangChain and an error in LlamaIndex, never a guess that is carried out.",
        f"{_CORE}/accumulate.py, fields.py",
    ),
    12: Promise(
        "Row i belongs to text i",
        "By number if all rows have one, by order if none has; as many rows as texts, of one length over all batches, "
        "of finite numbers. Otherwise it is an error.",
        f"{_CORE}/batching.py, schema/embeddings.py",
    ),
    13: Promise(
        "Batches",
        "Order is kept however many are in progress; one that fails is retried by itself. If it fails for good, the "
        "error has the vectors of all that were done, by input, as `rows`.",
        f"{_CORE}/batching.py",
    ),
    14: Promise(
        "Bounds",
        "Bodies, decompression, events and nesting have limits; what goes beyond is not read any further, and is an "
        "error.",
        f"{_CORE}/bodies.py, schema/_endpoint.py",
    ),
    15: Promise(
        "Nowhere else",
        "No redirect is followed, no cookie kept, no password read from `.netrc`, no proxy taken from the environment "
        "unless it was asked for.",
        f"{_CORE}/transport/",
    ),
    16: Promise(
        "Secrets",
        "A key is in no repr, dump, trace, cache key, log, exception or pickle.",
        f"{_CORE}/credentials.py, connection.py",
    ),
    17: Promise(
        "No key in the clear",
        "Plain http is refused except to this machine, unless `allow_http` permits it.",
        f"{_CORE}/settings.py",
    ),
    18: Promise(
        "Arguments",
        "Keys and headers that cannot be sent are refused, their values withheld; what the caller gave is never "
        "changed; 0 and False are sent.",
        f"{_CORE}/credentials.py, protocol.py",
    ),
    19: Promise(
        "Credentials",
        "Read for each attempt, so that a new key takes effect at once. A refused token is replaced once; concurrent "
        "callers wait for one token, and are told of one failure, each by an error of its own. A provider that hangs "
        "fails only the calls that wait for it. A token that is still good is used while no other can be had.",
        f"{_CORE}/credentials.py, singleflight.py, retry.py",
    ),
    20: Promise("Event loops", "One object serves any number of them.", f"{_CORE}/transport/_async.py"),
    21: Promise("Threads and forks", "No answer ever crosses from one to another.", f"{_CORE}/transport/"),
    22: Promise(
        "Connections are given back",
        "At the end mark, on close, cancel, break and when nobody holds the stream any more; the wait for a free one "
        "has a limit.",
        f"{_CORE}/transport/",
    ),
    23: Promise(
        "Nothing is left behind",
        "Clients that are closed or dropped close quietly. A call in progress then fails, and is not sent again: "
        "at once while it waits for its answer, otherwise before its next attempt.",
        f"{_CORE}/transport/",
    ),
    24: Promise(
        "Answers belong to their question",
        "A connection with bytes beyond an answer is not used again; over a client of yours, httpx decides that.",
        f"{_CORE}/transport/",
    ),
    25: Promise(
        "Identity",
        "Cache keys have the endpoint, the model, the version and every parameter.",
        f"{_CORE}/connection.py",
    ),
    26: Promise(
        "One record for each retry",
        "With the attempt, the wait, the status and the request id, and nothing of the content.",
        f"{_CORE}/retry.py",
    ),
}
