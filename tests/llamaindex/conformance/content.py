"""What messages hold, on its way to the model and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from .base import PNG, STREAMED, WAV, WHOLE, ModelUnderTest, ask, user
from .scripted import Says, ScriptedServer, call

if TYPE_CHECKING:
    from pathlib import Path

DATA_URL = "data:image/png;base64,"


class ContentConformance(ModelUnderTest):
    """Blocks."""

    def sent(self, script: ScriptedServer, llm: Any, *messages: ChatMessage) -> list[dict[str, Any]]:
        """The messages on the wire."""
        llm.chat(list(messages))
        return script.bodies[-1]["messages"]

    @pytest.mark.parametrize("role", ["system", "user", "assistant"])
    def test_several_texts(self, script: ScriptedServer, llm: Any, role: str) -> None:
        """All texts of a message are sent, in their order."""
        message = ChatMessage(role=role, blocks=[TextBlock(text="First."), TextBlock(text="Second.")])
        said = str(self.sent(script, llm, message, *user("Well?"))[0]["content"])
        assert said.index("First.") < said.index("Second.")

    @pytest.mark.parametrize("source", ["bytes", "path", "url", "data"])
    def test_images(self, script: ScriptedServer, llm: Any, source: str, tmp_path: Path) -> None:
        """Images go out as an image_url: by their address, or with their bytes in it."""
        (tmp_path / "dot.png").write_bytes(PNG)
        url = "https://example.com/dot.png"
        block = {
            "bytes": lambda: ImageBlock(image=PNG),
            "path": lambda: ImageBlock(path=tmp_path / "dot.png"),
            "url": lambda: ImageBlock(url=url, detail="low"),
            "data": lambda: ImageBlock(url=f"{DATA_URL}iVBORw0KGgo="),
        }[source]()
        message = ChatMessage(role="user", blocks=[TextBlock(text="What is it?"), block])
        text, image = self.sent(script, llm, message)[0]["content"]

        assert text == {"type": "text", "text": "What is it?"}
        assert image["type"] == "image_url"
        assert image["image_url"]["url"].startswith(url if source == "url" else DATA_URL)
        assert image["image_url"].get("detail") in (("low",) if source == "url" else (None, "auto"))

    def test_sound(self, script: ScriptedServer, llm: Any) -> None:
        """Sound goes out as input_audio with its format."""
        message = ChatMessage(role="user", blocks=[TextBlock(text="Who speaks?"), AudioBlock(audio=WAV, format="wav")])
        _, sound = self.sent(script, llm, message)[0]["content"]
        assert sound["type"] == "input_audio"
        assert sound["input_audio"]["format"] == "wav"

    def test_documents(self, script: ScriptedServer, llm: Any) -> None:
        """A document is sent, or refused by its name; it is never left out without a word."""
        message = ChatMessage(
            role="user", blocks=[TextBlock(text="Sum it up."), DocumentBlock(data=b"%PDF-1.4", title="report.pdf")]
        )
        try:
            sent = self.sent(script, llm, message)
        except (ValueError, NotImplementedError) as error:
            assert "DocumentBlock" in str(error)  # noqa: PT017 - either way is right
        else:
            assert "JVBERi0xLjQ" in str(sent)

    @pytest.mark.parametrize("form", ["block", "beside the message"])
    def test_tool_calls_of_the_past(self, script: ScriptedServer, llm: Any, form: str) -> None:
        """A conversation with tools goes out as it was: the call with its arguments, its answer by its id."""
        said = (
            ChatMessage(
                role="assistant",
                blocks=[
                    TextBlock(text="I look."),
                    ToolCallBlock(tool_call_id="call-9", tool_name="weather", tool_kwargs={"city": "Rome"}),
                ],
            )
            if form == "block"
            else ChatMessage(
                role="assistant",
                content="I look.",
                additional_kwargs={"tool_calls": [call("weather", {"city": "Rome"}, "call-9")]},
            )
        )
        result = ChatMessage(role="tool", content="Sunny.", additional_kwargs={"tool_call_id": "call-9"})
        _, assistant, tool = self.sent(script, llm, *user("Weather?"), said, result)

        (sent,) = assistant["tool_calls"]
        assert assistant["content"] == "I look."
        assert (sent["id"], sent["type"], sent["function"]["name"]) == ("call-9", "function", "weather")
        assert sent["function"]["arguments"] == '{"city": "Rome"}'
        assert (tool["tool_call_id"], tool["content"]) == ("call-9", "Sunny.")

    @pytest.mark.parametrize("method", [*WHOLE, *STREAMED])
    def test_thinking(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """What a model thinks arrives apart from what it says, also in pieces."""
        script.will(Says("It is 42.", thought="Six times seven."))
        responses = ask(llm, method, user("Well?"))
        blocks = responses[-1].message.blocks

        assert [block.content for block in blocks if isinstance(block, ThinkingBlock)] == ["Six times seven."]
        assert responses[-1].message.content == "It is 42."
        if method in STREAMED:
            thought = [response.additional_kwargs.get("thinking_delta") or "" for response in responses]
            assert "".join(thought) == "Six times seven."

    @pytest.mark.parametrize("opening", ["<think>", ""])
    @pytest.mark.parametrize("method", [*WHOLE, *STREAMED])
    def test_thinking_in_the_text(self, script: ScriptedServer, llm: Any, method: str, opening: str) -> None:
        """What a model thinks between `<think>` tags is no part of its answer, wherever a stream cuts the tags.

        Some write the closing tag only: then a stream has it right in its last response.
        """
        script.will(Says(f"{opening}Six times seven.</think>\n\nIt is 42."))
        response = ask(llm, method, user("Well?"))[-1]
        thought = [block.content for block in response.message.blocks if isinstance(block, ThinkingBlock)]

        assert (thought, response.message.content) == (["Six times seven."], "It is 42.")

    def test_notes_are_not_sent(self, script: ScriptedServer, llm: Any) -> None:
        """Thoughts of earlier answers and cache points are not sent."""
        message = ChatMessage(
            role="assistant",
            blocks=[
                ThinkingBlock(content="A secret thought."),
                TextBlock(text="Hello."),
                CachePoint(cache_control={"type": "ephemeral"}),
            ],
        )
        sent = self.sent(script, llm, *user("Hi."), message, *user("Well?"))
        assert [one["content"] for one in sent] == ["Hi.", "Hello.", "Well?"]
        assert "secret" not in str(sent)

    @pytest.mark.parametrize("method", [*WHOLE, *STREAMED])
    def test_answers_go_back(self, script: ScriptedServer, llm: Any, method: str) -> None:
        """An answer can be put into the next request, whole or streamed, with its calls once each."""
        script.will(Says("I look.", thought="Hm.", calls=[call("weather", {"city": "Rome"})]))
        answer = ask(llm, method, user("Weather?"))[-1].message
        result = ChatMessage(role="tool", content="Sunny.", additional_kwargs={"tool_call_id": "call-1"})
        _, assistant, _ = self.sent(script, llm, *user("Weather?"), answer, result)

        assert assistant["content"] == "I look."
        assert len(assistant["tool_calls"]) == 1
        assert "Hm." not in str(assistant)

    def test_messages_are_left_alone(self, llm: Any) -> None:
        """Messages are only read."""
        messages = [ChatMessage(role="user", blocks=[TextBlock(text="a"), ImageBlock(image=PNG)])]
        before = [message.model_copy(deep=True) for message in messages]
        llm.chat(messages)
        assert messages == before
