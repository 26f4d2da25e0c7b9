"""Events, copies, secrets, threads and event loops."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from typing import Any

import pytest
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler

from .base import COMPLETIONS, SECRET, STREAMED, WHOLE, ModelUnderTest, ask, recorded_events, user
from .scripted import Says, ScriptedServer


class RobustnessConformance(ModelUnderTest):
    """Events, copies, threads and event loops."""

    @pytest.mark.parametrize(
        ("method", "names"),
        [(m, ["LLMChatStartEvent", "LLMChatEndEvent"]) for m in WHOLE]
        + [(m, ["LLMCompletionStartEvent", "LLMCompletionEndEvent"]) for m in COMPLETIONS[:2]],
    )
    def test_events(self, llm: Any, method: str, names: list[str]) -> None:
        """A call fires its start and its end, once each, and no other event of an LLM."""
        with recorded_events() as events:
            ask(llm, method, user("Well?") if "chat" in method else "Well?")
        assert events == names

    @pytest.mark.parametrize("method", [*STREAMED, *COMPLETIONS[2:]])
    def test_stream_events(self, llm: Any, method: str) -> None:
        """A stream fires its start, progress for each response, and its end."""
        kind = "LLMChat" if "chat" in method else "LLMCompletion"
        with recorded_events() as events:
            responses = ask(llm, method, user("Well?") if "chat" in method else "Well?")
        progress = [f"{kind}InProgressEvent"] * len(responses)
        assert events == [f"{kind}StartEvent", *progress, f"{kind}EndEvent"]

    @pytest.mark.parametrize("method", STREAMED)
    def test_exception_event(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """A stream that fails fires its start and an exception, once each, and no end."""
        script.will(Says("All is we", error_event={"error": {"code": "500", "message": "The model fell over"}}))
        with recorded_events() as events, pytest.raises(Exception, match="fell over"):
            ask(llm, method, user("Well?"))
        assert [name for name in events if "InProgress" not in name] == ["LLMChatStartEvent", "ExceptionEvent"]

    @pytest.mark.parametrize("method", [*WHOLE, *STREAMED, *COMPLETIONS])
    def test_callbacks(self, script: ScriptedServer, method: str) -> None:
        """Callback handlers see one LLM event begin and end."""
        counter = TokenCountingHandler(tokenizer=str.split)
        llm = self.make_llm(script.root, callback_manager=CallbackManager([counter]))
        ask(llm, method, user("Well?") if "chat" in method else "Well?")
        assert len(counter.llm_token_counts) == 1

    @pytest.mark.parametrize("used", [False, True])
    def test_pickle(self, script: ScriptedServer, used: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """A model can be pickled, before and after its first call, and works when loaded."""
        self.key_into_environment(monkeypatch)
        llm = self.make_llm(script.root, temperature=0.25)
        if used:
            ask(llm, "chat", user("Well?"))
            ask(llm, "achat", user("Well?"))
        loaded = pickle.loads(pickle.dumps(llm))
        assert loaded.chat(user("Well?")).message.content == "All is well."
        assert script.bodies[-1]["temperature"] == 0.25

    @pytest.mark.parametrize("used", [False, True])
    def test_deepcopy(self, script: ScriptedServer, used: bool) -> None:
        """A deep copy works, before and after the first call."""
        llm = self.make_llm(script.root, temperature=0.25)
        if used:
            ask(llm, "chat", user("Well?"))
            ask(llm, "achat", user("Well?"))
        copied = copy.deepcopy(llm)
        copied.temperature = 0.5
        assert copied.chat(user("Well?")).message.content == "All is well."
        assert llm.temperature == 0.25

    def test_to_dict(self, script: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a model writes down makes the same model again."""
        self.key_into_environment(monkeypatch)
        llm = self.make_llm(script.root, temperature=0.25)
        again = type(llm).from_dict(json.loads(json.dumps(llm.to_dict())))
        assert again.chat(user("Well?")).message.content == "All is well."
        assert script.bodies[-1]["temperature"] == 0.25

    def test_secret(self, script: ScriptedServer) -> None:
        """The key is in no text form, no dictionary, no payload and no pickle."""
        llm = self.make_llm(script.root)
        shown = [repr(llm), str(llm), repr(llm.to_dict()), llm.to_json(), repr(llm.to_payload())]
        assert not [text for text in shown if SECRET in text]
        assert SECRET.encode() not in pickle.dumps(llm)

    def test_event_loops(self, script: ScriptedServer, llm: Any) -> None:
        """One model serves several event loops, one after another, with one request a call."""
        texts = [ask(llm, method, user("Well?"))[-1].message.content for method in ("achat", "astream_chat") * 2]
        assert texts == ["All is well."] * 4
        assert len(script.bodies) == 4

    def test_threads(self, script: ScriptedServer, llm: Any) -> None:
        """One model serves several threads at once."""
        texts: list[str] = []
        threads = [
            threading.Thread(target=lambda: texts.append(llm.chat(user("Well?")).message.content)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert texts == ["All is well."] * 8
