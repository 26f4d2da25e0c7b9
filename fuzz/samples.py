"""Answers as services write them, from which the fuzzer departs."""

from __future__ import annotations

from typing import Any

USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 5,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
HEAD = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "system_fingerprint": "f"}
CALL = {"id": "call-1", "type": "function", "function": {"name": "f", "arguments": '{"a": [1, 2]}'}}
LOGPROBS = {"content": [{"token": "h", "logprob": -0.5, "bytes": [104], "top_logprobs": []}], "refusal": None}
FILTERED = {"hate": {"filtered": False, "severity": "safe"}}

CHAT: list[Any] = [
    {
        **HEAD,
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "<think>why</think>\n\nhello"},
                "logprobs": LOGPROBS,
                "content_filter_results": FILTERED,
            }
        ],
        "usage": USAGE,
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": FILTERED}],
    },
    {
        **HEAD,
        "choices": [
            {
                "index": 1,
                "finish_reason": "tool_calls",
                "message": {
                    "content": [{"type": "text", "text": "a"}, {"type": "thinking", "thinking": [{"type": "text"}]}],
                    "reasoning_content": "r",
                    "tool_calls": [CALL, {**CALL, "function": {"name": "g", "arguments": {"a": 1}}}],
                    "audio": {"id": "a", "data": "AAAA", "transcript": "t", "expires_at": 1},
                    "refusal": "no",
                },
            },
            {"index": 0, "finish_reason": "length", "message": None},
        ],
    },
]
CHUNKS: list[list[Any]] = [
    [
        {"id": "", "choices": [], "prompt_filter_results": [{"content_filter_results": FILTERED}]},
        {**HEAD, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "<thi"}}]},
        {**HEAD, "choices": [{"index": 0, "delta": {"content": "nk>a</think>b"}, "logprobs": LOGPROBS}]},
        {**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**HEAD, "choices": [], "usage": USAGE},
    ],
    [
        {**HEAD, "choices": [{"index": 0, "delta": {"tool_calls": [{**CALL, "index": 0}]}}]},
        {**HEAD, "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}}]},
        {**HEAD, "choices": [{"index": 1, "delta": {"audio": {"id": "a", "data": "AAAA"}, "refusal": "no"}}]},
        {**HEAD, "choices": [{"index": 0, "delta": {"reasoning_content": "r"}, "finish_reason": "tool_calls"}]},
        {"error": {"code": "429", "message": "Slow down"}},
    ],
]
COMPLETION: list[Any] = [
    {**HEAD, "choices": [{"index": 0, "text": "a", "finish_reason": "stop", "logprobs": {}}], "usage": USAGE}
]
EMBEDDINGS: list[Any] = [
    {"data": [{"index": 1, "embedding": [0.5, 1]}, {"index": 0, "embedding": [1.5, 2]}], "model": "m", "usage": USAGE},
    {"data": [{"index": 0, "embedding": "AAAAPwAAgD8="}, {"index": 1, "embedding": {"float": [1, 2]}}]},
]
INFO: list[Any] = [{"model_name": "m", "model_type": "chat-completion", "model_provider_name": "p"}]
REFUSALS: list[Any] = [
    {"error": {"code": "Invalid", "status": 422, "details": [{"loc": ["body", "a", 0], "input": "b", "msg": "m"}]}},
    {"status": 422, "code": "parameter_not_supported", "detail": {"loc": ["body", "seed"], "input": 1}, "message": "x"},
    {"error": {"message": '{"message": "[{\'loc\': (\'body\', 1)}]"}', "innererror": {"content_filter_result": {}}}},
    {"statusCode": 429, "message": "Rate limit. Please retry after 60 seconds.", "requestid": "r"},
    {"error": "word", "message": "Extra parameters ['n', 'user'] are not allowed", "status": "not a number"},
]  # fmt: skip
