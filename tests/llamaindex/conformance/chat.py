"""Chats and completions: answers, usage, parameters, failures."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatResponse
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler

from .base import COMPLETIONS, MODEL, STREAMED, WHOLE, ModelUnderTest, ask, user
from .scripted import USAGE, Says, ScriptedServer


class ChatConformance(ModelUnderTest):
    """Chats and completions."""

    @pytest.mark.parametrize("method", [*WHOLE, *STREAMED])
    def test_chat(self, endpoint: str, method: str) -> None:
        """Each of the four chats answers as an assistant, with the raw answer beside it."""
        response = ask(self.make_llm(endpoint), method, user("Say hello to Ada."))[-1]

        assert response.message.role == "assistant"
        assert "Ada" in response.message.content
        assert response.raw is not None

    @pytest.mark.parametrize("method", COMPLETIONS)
    def test_complete(self, endpoint: str, method: str) -> None:
        """Each of the four completions answers with text."""
        assert "Ada" in ask(self.make_llm(endpoint), method, "Say hello to Ada.")[-1].text

    @pytest.mark.parametrize("method", [*STREAMED, *COMPLETIONS[2:]])
    def test_deltas_add_up(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """Deltas joined are the text, and each response of a stream holds the text so far."""
        script.will(Says("All is well that ends well."))
        responses = ask(llm, method, user("Well?") if "chat" in method else "Well?")

        texts = [str(r.message.content or "") if isinstance(r, ChatResponse) else r.text for r in responses]
        joined = ["".join(r.delta or "" for r in responses[: i + 1]) for i in range(len(responses))]
        assert texts == joined
        assert texts[-1] == "All is well that ends well."
        assert len(responses) > 3

    @pytest.mark.parametrize("method", [*WHOLE, *STREAMED, *COMPLETIONS])
    def test_usage(self, llm: Any, method: str) -> None:
        """The tokens that the service counted stand in additional_kwargs of the last response."""
        response = ask(llm, method, user("Well?") if "chat" in method else "Well?")[-1]

        assert {name: response.additional_kwargs.get(name) for name in USAGE} == USAGE

    @pytest.mark.parametrize("method", [*WHOLE, *STREAMED])
    def test_tokens_are_counted(self, script: ScriptedServer, method: str) -> None:
        """LlamaIndex's own counter finds the service's numbers."""
        counter = TokenCountingHandler(tokenizer=str.split)
        ask(self.make_llm(script.root, callback_manager=CallbackManager([counter])), method, user("Well?"))

        assert (counter.prompt_llm_token_count, counter.completion_llm_token_count) == (7, 5)

    @pytest.mark.parametrize("method", [*WHOLE, *STREAMED])
    def test_nothing_unasked_is_sent(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """A request holds what the user said and no parameter besides."""
        ask(llm, method, user("Well?"))

        assert script.bodies[-1].keys() <= {"messages", "model", "stream", "stream_options"}

    @pytest.mark.parametrize("given", [{"temperature": 0, "seed": 0}, {"temperature": 0.3, "max_tokens": 9}])
    @pytest.mark.parametrize("place", ["constructor", "call"])
    def test_parameters_are_sent(self, script: ScriptedServer, given: dict[str, Any], place: str) -> None:
        """Parameters reach the wire as they are, zeros too, from the constructor or the call."""
        llm = self.make_llm(script.root, **(given if place == "constructor" else {}))
        llm.chat(user("Well?"), **(given if place == "call" else {}))

        assert {name: script.bodies[-1].get(name) for name in given} == given

    @pytest.mark.parametrize("method", [*WHOLE, *STREAMED])
    def test_unknown_keywords_are_parameters(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """What only the model knows reaches it as an ordinary keyword."""
        ask(llm, method, user("Well?"), top_k=3)

        assert script.bodies[-1].get("top_k") == 3

    def test_misspelt_argument(self, script: ScriptedServer) -> None:
        """A misspelt constructor argument is refused by its name."""
        with pytest.raises((TypeError, ValueError), match="temprature"):
            self.make_llm(script.root, temprature=1)

    def test_metadata(self, script: ScriptedServer) -> None:
        """Metadata tell the model, that it chats and calls functions, and ask nobody."""
        metadata = self.make_llm(script.root).metadata

        assert metadata.is_chat_model
        assert metadata.is_function_calling_model
        assert metadata.model_name == MODEL
        assert metadata.context_window > 3900
        assert script.bodies == []

    @pytest.mark.parametrize("method", [*WHOLE, *STREAMED])
    def test_finish_reason(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """Why the answer ended can be read, so that a filtered or cut one is not taken for a short one."""
        script.will(Says("", finish="content_filter"))
        responses = ask(llm, method, user("Well?"))

        assert any("content_filter" in f"{response.additional_kwargs} {response.raw}" for response in responses)

    @pytest.mark.parametrize("method", [*WHOLE, *STREAMED])
    def test_logprobs(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """Log probabilities that the server sends arrive as LlamaIndex's own."""
        token = {"token": "All", "logprob": -0.5, "bytes": [65], "top_logprobs": []}
        script.will(Says("All", choice={"logprobs": {"content": [token]}}))
        found = [r.logprobs for r in ask(llm, method, user("Well?"), logprobs=True) if r.logprobs]

        assert [(one.token, one.logprob) for one in found[0][0]] == [("All", -0.5)]

    @pytest.mark.parametrize("method", STREAMED)
    def test_cut_stream(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """A stream that ends before its end is an error, and no short answer."""
        script.will(Says("All is we", cut=True))
        with pytest.raises(Exception, match=r".") as raised:
            ask(llm, method, user("Well?"))
        assert not isinstance(raised.value, AttributeError | KeyError | TypeError | UnboundLocalError)

    @pytest.mark.parametrize("method", STREAMED)
    def test_error_in_stream(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """An error inside a stream is an error, and no short answer."""
        script.will(Says("All is we", error_event={"error": {"code": "500", "message": "The model fell over"}}))
        with pytest.raises(Exception, match="fell over"):
            ask(llm, method, user("Well?"))

    @pytest.mark.parametrize("method", [*WHOLE, *STREAMED])
    def test_too_many_requests(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """A 429 without Retry-After is tried again, once."""
        script.will(Says(status=429, body={"error": {"code": "429", "message": "Slow down"}}), Says("Now."))

        assert ask(llm, method, user("Well?"))[-1].message.content == "Now."
        assert len(script.bodies) == 2
