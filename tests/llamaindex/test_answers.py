"""Answers of the chat model: speech, refusals, and what stands beside the text."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import AudioBlock, ChatMessage
from llama_index.core.callbacks.token_counting import get_tokens_from_response

from azure_inference import ChatCompletion
from llamaindex_azure_inference._responses import Calling, to_response

from .conformance import WAV, Says, ScriptedServer, ask, user

if TYPE_CHECKING:
    from llamaindex_azure_inference import AzureInference

CHATS = ("chat", "achat", "stream_chat", "astream_chat")


class TestAnswers:
    """What becomes of what a model says."""

    def test_spoken_answer(self, script: ScriptedServer, llm: AzureInference) -> None:
        """A spoken answer arrives as sound, and is named by its id afterwards."""
        spoken = {"id": "audio-1", "data": "UklGRg==", "transcript": "Hello.", "expires_at": 1}
        message = {"role": "assistant", "content": None, "audio": spoken}
        script.will(Says(choice={"message": message}))
        answer = llm.chat(user("Speak.")).message
        assert [block.audio for block in answer.blocks if isinstance(block, AudioBlock)] == [b"UklGRg=="]
        told = {"audio_id": "audio-1", "audio_transcript": "Hello.", "audio_expires_at": 1}
        assert answer.additional_kwargs == {**told, "reference_audio_id": "audio-1"}
        assert answer.content == "Hello."

        llm.chat([*user("Speak."), answer, *user("Again.")])
        assert script.bodies[-1]["messages"][1] == {"role": "assistant", "content": "", "audio": {"id": "audio-1"}}

    @pytest.mark.parametrize("method", CHATS)
    def test_text_beside_speech(self, script: ScriptedServer, llm: AzureInference, method: str) -> None:
        """A text that a model writes, and does not speak, is the text, and goes back."""
        spoken = {"id": "audio-1", "data": "UklGRg==", "transcript": "Hello."}
        message = {"role": "assistant", "content": "Hi!", "audio": spoken}
        choice = {} if "stream" in method else {"message": message}
        script.will(Says(deltas=[{"content": "Hi!"}, {"audio": spoken}], choice=choice))
        responses = ask(llm, method, user("Speak."))
        assert responses[-1].message.content == "Hi!"
        assert responses[-1].message.additional_kwargs["audio_transcript"] == "Hello."

        llm.chat([*user("Speak."), responses[-1].message])
        assert script.bodies[-1]["messages"][1]["content"] == "Hi!"

    def test_speech_of_other_packages(self, script: ScriptedServer, llm: AzureInference) -> None:
        """A spoken answer is named by its id also if the package for another service noted it."""
        noted = {"reference_audio_id": "audio-1"}
        llm.chat([ChatMessage(role="assistant", blocks=[AudioBlock(audio=WAV)], additional_kwargs=noted)])
        assert script.bodies[-1]["messages"] == [{"role": "assistant", "content": "", "audio": {"id": "audio-1"}}]

    @pytest.mark.parametrize("method", CHATS)
    @pytest.mark.parametrize(
        ("asked", "told", "form"),
        [("mp3", None, "mp3"), ("mp3", "flac", "flac"), (None, None, "wav"), (5, None, "wav")],
    )
    def test_forms_of_speech(
        self, script: ScriptedServer, llm: AzureInference, method: str, *, asked: Any, told: str | None, form: str
    ) -> None:
        """Sound is of the form that the service tells, else of that asked for, else of what it turns out to be."""
        spoken = {"id": "a", "data": b64encode(WAV).decode(), "transcript": "Hello.", "format": told}
        message = {"role": "assistant", "content": None, "audio": spoken}
        script.will(Says(deltas=[{"audio": spoken}], choice={} if "stream" in method else {"message": message}))
        audio = {"voice": "alloy", "format": asked} if asked != 5 else 5
        (block,) = [
            block
            for block in ask(llm, method, user("Speak."), audio=audio)[-1].message.blocks
            if isinstance(block, AudioBlock)
        ]
        assert block.format == form

    @pytest.mark.parametrize("usage", [{"prompt_tokens": 7, "total_tokens": 7}, {}, {"completion_tokens": None}])
    def test_usage_that_is_not_whole(self, usage: dict[str, Any]) -> None:
        """A token counter of LlamaIndex takes an answer whose usage lacks a count, or has null there."""
        body = {"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}], "usage": usage}
        response = to_response(ChatCompletion.model_validate(body), Calling(parallel=True, own_names={}))
        assert get_tokens_from_response(response) == (usage.get("prompt_tokens", 0), 0)

    @pytest.mark.parametrize("method", CHATS)
    def test_an_unlikely_token(self, script: ScriptedServer, llm: AzureInference, method: str) -> None:
        """A token that was drawn, and is none of the likeliest, stands behind these."""
        likely = {"token": "Bar", "logprob": -0.1, "bytes": [66]}
        token = {"token": "Foo", "logprob": -3.2, "bytes": [70], "top_logprobs": [likely]}
        script.will(Says(choice={"logprobs": {"content": [token]}}))
        (found,) = next(each.logprobs for each in ask(llm, method, user("Well?")) if each.logprobs)
        assert [(one.token, one.logprob) for one in found] == [("Bar", -0.1), ("Foo", -3.2)]

    @pytest.mark.parametrize("method", CHATS)
    def test_what_the_api_does_not_define(self, script: ScriptedServer, llm: AzureInference, method: str) -> None:
        """Citations and the like stand beside the message, whole or streamed, and name neither a speaker nor a tool."""
        extra = {"annotations": [{"type": "url_citation"}], "context": {"citations": []}, "name": "x", "parsed": None}
        message = {"role": "assistant", "content": "It is 2.", **extra}
        deltas = [{"content": "It is "}, {"content": "2.", **extra}]
        script.will(Says(deltas=deltas, choice={} if "stream" in method else {"message": message}))
        answer = ask(llm, method, user("1+1?"))[-1].message
        assert answer.additional_kwargs == {name: extra[name] for name in ("annotations", "context")}
        assert answer.content == "It is 2."

        llm.chat([*user("1+1?"), answer])
        assert script.bodies[-1]["messages"][1] == {"role": "assistant", "content": "It is 2."}

    @pytest.mark.parametrize("method", CHATS[2:])
    def test_spoken_stream(self, script: ScriptedServer, llm: AzureInference, method: str) -> None:
        """A spoken answer that comes in pieces is whole at its end, as if it had come at once."""
        pieces = [{"id": "audio-1", "data": "Ukl"}, {"transcript": "Hel"}, {"data": "GRg==", "transcript": "lo."}]
        script.will(Says(deltas=[{"audio": piece} for piece in pieces]))
        responses = ask(llm, method, user("Speak."))
        answer = responses[-1].message
        assert [block.audio for block in answer.blocks if isinstance(block, AudioBlock)] == [b"UklGRg=="]
        told = {"audio_id": "audio-1", "audio_transcript": "Hello."}
        assert answer.additional_kwargs == {**told, "reference_audio_id": "audio-1"}
        assert "".join(response.delta for response in responses) == answer.content == "Hello."

    @pytest.mark.parametrize("method", CHATS)
    @pytest.mark.parametrize(("said", "text"), [(None, "I cannot."), ("Well.", "Well.")])
    def test_refusal(
        self, script: ScriptedServer, llm: AzureInference, method: str, said: str | None, text: str
    ) -> None:
        """What a model says that it refuses is the text, if there is no other, and stands beside it in any case."""
        message = {"role": "assistant", "content": said, "refusal": "I cannot."}
        deltas = [{"content": said}, {"refusal": "I can"}, {"refusal": "not."}]
        choice = {} if "stream" in method else {"message": message}
        script.will(Says(deltas=deltas, choice=choice))
        responses = ask(llm, method, user("Well?"))
        assert responses[-1].message.content == text
        assert responses[-1].additional_kwargs["refusal"] == "I cannot."
        assert responses[-1].message.additional_kwargs["refusal"] == "I cannot."
        if "stream" in method:
            assert "".join(response.delta for response in responses) == text
