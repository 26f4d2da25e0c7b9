"""Classes whose validators are built at first use: by several threads at once, and of objects made elsewhere."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from azure_inference import ChatCompletion

ANSWER = (
    '{"id": 1, "created": 2, "model": "m", "more": {"a": 1}, "usage": {"prompt_tokens": 1, "completion_tokens": 2, '
    '"total_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}}, "choices": [{"index": 0, "message": {"role": '
    '"assistant", "content": "hi", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]}}]}'
)
_THREADS = f"""
import sys, threading
sys.setswitchinterval(1e-6)
from azure_inference import *
from langchain_azure_inference import ChatAzureInference
from llamaindex_azure_inference import AzureInference, AzureInferenceEmbedding

MESSAGES = [{{"role": "user", "content": [{{"type": "text", "text": "hi"}}]}}, {{"role": "tool", "tool_call_id": "c"}}]
TOOLS = [{{"type": "function", "function": {{"name": "f"}}}}]
CONNECTION = {{"endpoint": "http://127.0.0.1:9/models", "credential": "key", "model": "m"}}

def use():
    try:
        start.wait()
        fields = {{"messages": MESSAGES, "tools": TOOLS, "top_k": 1, "response_format": {{"type": "text"}}}}
        request = to_request(ChatRequest, fields)
        assert request.extras == {{"top_k": 1}} and request.messages[0].content[0].text == "hi", request
        answer = ChatCompletion.model_validate_json({ANSWER!r})
        assert answer.choices[0].message.tool_calls[0].function.name == "f" and answer.more == {{"a": 1}}, answer
        for kind in (ChatAzureInference, AzureInference, AzureInferenceEmbedding):
            assert kind(**CONNECTION, model_kwargs={{"a": 1}}).model_kwargs == {{"a": 1}}, kind
    except BaseException as error:
        print(repr(error))

start = threading.Barrier(12)
threads = [threading.Thread(target=use) for _ in range(12)]
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


@pytest.mark.parametrize("turn", range(3))
def test_first_used_by_many_threads(turn: int) -> None:
    """Threads that are the first to use the classes, all at once, get what they would later."""
    assert _printed(_THREADS) == ""


def test_first_used_by_loading() -> None:
    """An answer that comes from another process can be written down, also within something else."""
    answer = ChatCompletion.model_validate_json(ANSWER)

    assert _printed(_LOADED, pickle.dumps(answer)) == "True 3\n"
