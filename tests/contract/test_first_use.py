"""Classes whose validators are built at first use: by several threads at once, and of objects made elsewhere."""

from __future__ import annotations

import pickle
import subprocess
import sys

from azure_inference import ChatCompletion

ANSWER = (
    '{"id": 1, "created": 2, "model": "m", "more": {"a": 1}, "usage": {"prompt_tokens": 1, "completion_tokens": 2, '
    '"total_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}}, "choices": [{"index": 0, "message": {"role": '
    '"assistant", "content": "hi", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}}]}'
)
_THREADS = f"""
import sys, threading
sys.setswitchinterval(1e-6)
from azure_inference import ChatCompletion, ChatRequest
from langchain_azure_inference import ChatAzureInference
from llamaindex_azure_inference import AzureInference

CONNECTION = {{"endpoint": "http://127.0.0.1:9/models", "credential": "key", "model": "m", "model_kwargs": {{"a": 1}}}}
MESSAGES = [{{"role": "user", "content": [{{"type": "text", "text": "hi"}}]}}, {{"role": "tool", "tool_call_id": "c"}}]
USES = {{
    ChatRequest: lambda kind: kind(messages=MESSAGES, a=1).extras,
    ChatCompletion: lambda kind: kind.model_validate_json({ANSWER!r}).more,
    ChatAzureInference: lambda kind: kind(**CONNECTION).model_kwargs,
    AzureInference: lambda kind: kind(**CONNECTION).model_kwargs,
}}

def first_use(use, kind, start):
    try:
        start.wait()
        assert use(kind) == {{"a": 1}}
    except BaseException as error:
        print(repr(error))

for base, use in USES.items():
    for _ in range(20):
        kind = type("Fresh", (base,), {{"__module__": "__main__"}})
        arguments = use, kind, threading.Barrier(8)
        threads = [threading.Thread(target=first_use, args=arguments) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
"""
_LOADED = """
import pickle, sys
from pydantic import BaseModel
from typing import Any

class Around(BaseModel):
    raw: Any

answer = pickle.loads(sys.stdin.buffer.read())
print(Around(raw=answer).model_dump() == {"raw": answer.model_dump()}, answer.usage.total_tokens)
"""


def _printed(code: str, given: bytes = b"") -> str:
    ran = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, check=True)
    return ran.stdout.decode()


def test_first_used_by_many_threads() -> None:
    """Threads that are the first to use a class, all at once, get what they would later."""
    assert _printed(_THREADS) == ""


def test_first_used_by_loading() -> None:
    """An answer that comes from another process can be written down, also within something else."""
    answer = ChatCompletion.model_validate_json(ANSWER)

    assert _printed(_LOADED, pickle.dumps(answer)) == "True 3\n"
