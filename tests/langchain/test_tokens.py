"""How many tokens a text or a request has, as far as that can be told offline."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from tests.langchain.test_streaming import model_of


def test_tokens(script: Any) -> None:
    """Tokens are estimated offline, for text, messages with calls, and tools; an own tokenizer counts where given."""
    model = model_of(script)
    call = AIMessage("", tool_calls=[{"id": "c", "name": "f", "args": {"a": "some words in a call"}}])

    plain = model.get_num_tokens_from_messages([HumanMessage("four words of text")])
    assert 4 <= plain <= 12
    assert model.get_num_tokens_from_messages([HumanMessage("four words of text"), call]) > plain + 4
    assert model.get_num_tokens_from_messages([HumanMessage("four words of text")], tools=[{"name": "f"}]) > plain
    assert model_of(script, custom_get_token_ids=lambda text: list(map(ord, text))).get_num_tokens("abc") == 3


@pytest.mark.parametrize(
    "message",
    [
        HumanMessage([{"type": "text-plain", "text": "word " * 1000}]),
        HumanMessage([{"type": "file", "base64": b64encode(b"word " * 1000).decode(), "mime_type": "text/plain"}]),
        HumanMessage([{"type": "tool_result", "tool_use_id": "c1", "content": "word " * 1000}]),
        AIMessage("", invalid_tool_calls=[{"name": "f", "args": "word " * 1000, "id": "c1", "error": None}]),
        HumanMessage([{"type": "text", "text": "word " * 1000}, {"type": "file", "url": "https://x/y.pdf"}]),
    ],
    ids=["a text", "a file", "a result of Anthropic", "a broken call", "beside what cannot be sent"],
)
def test_tokens_of_all_that_is_text(script: Any, message: BaseMessage) -> None:
    """What goes out as text is counted, whatever it is in a message."""
    assert 1250 <= model_of(script).get_num_tokens_from_messages([message]) <= 1300
