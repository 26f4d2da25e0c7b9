"""Text completion."""

from __future__ import annotations

import asyncio
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ThinkingBlock
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel

from azure_inference import ConfigurationError, ContentFilterError, StreamInterruptedError
from llamaindex_azure_inference import AzureInferenceCompletion
from tests.core.conftest import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT = "Once upon a time there was a cat."
TALK = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content="Is it a cat?")]
AS_TEXT = "system: Be brief.\nuser: Is it a cat?\nassistant: "
"""What LlamaIndex makes of the talk by itself."""
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


@pytest.fixture
def script() -> Iterator[ScriptedServer]:
    """A server that says what a test tells it."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def text_model_of(script: Any) -> Any:
    """Makes text models on the scripted server."""

    def make(**arguments: Any) -> AzureInferenceCompletion:
        told = {"endpoint": script.url, "credential": "canary-5ecret", "model": "m"}
        return AzureInferenceCompletion(**{**told, **arguments})

    return make


@pytest.fixture(params=["sync", "async"])
def ask(request: Any) -> Any:
    """Asks whole, or the last of a stream, sync or async: `ask(llm, "chat", ...)`, `ask(llm, "stream_chat", ...)`."""

    async def asked(llm: Any, way: str, *given: Any, **keywords: Any) -> Any:
        answer = await getattr(llm, f"a{way}")(*given, **keywords)
        return [each async for each in answer] if "stream" in way else answer

    def call(llm: Any, way: str, *given: Any, **keywords: Any) -> Any:
        if request.param == "async":
            return asyncio.run(asked(llm, way, *given, **keywords))
        answer = getattr(llm, way)(*given, **keywords)
        return list(answer) if "stream" in way else answer

    return call


def said(text: str, finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    """An answer, or a chunk of one, of one choice."""
    choice = {"index": 0, "text": text, "finish_reason": finish_reason, **more}
    return {"id": "1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]}


def test_same_by_every_way(emulator: Any, ask: Any) -> None:
    """A prompt is completed alike whole and in pieces; LlamaIndex' own calls take the same way."""
    llm = AzureInferenceCompletion(endpoint=emulator.url, credential="canary-5ecret", model="emulated-chat")

    pieces = ask(llm, "stream_complete", PROMPT)

    assert len(pieces) > 2
    assert "".join(piece.delta for piece in pieces) == pieces[-1].text
    texts = {ask(llm, "complete", PROMPT).text, pieces[-1].text, ask(llm, "predict", PromptTemplate(PROMPT))}
    assert texts == {"(emulator) You said: Once upon a time there was a cat."}


def test_request(script: Any, text_model_of: Any, ask: Any) -> None:
    """What was set goes out, 0 too; keywords of a call go before the constructor's; unknown ones are extra ones."""
    script.reply_json(said("b", "stop"))

    ask(text_model_of(temperature=0, max_tokens=9, stop=["x"]), "complete", "a", max_tokens=7, top_k=3)

    (request,) = script.requests
    assert request.path.endswith("/completions?api-version=2024-05-01-preview")
    assert request.headers["extra-parameters"] == "pass-through"
    assert request.json == {
        "prompt": "a", "model": "m", "temperature": 0, "max_tokens": 7, "stop": ["x"], "top_k": 3
    }  # fmt: skip


def test_answer(script: Any, text_model_of: Any, ask: Any) -> None:
    """An answer has its text, what was counted, why it ended, the verdicts of the filter, and the answer itself."""
    verdict = {"hate": {"filtered": False, "severity": "safe"}}
    script.reply_json({**said("b", "length", content_filter_results=verdict), "usage": USAGE})

    response = ask(text_model_of(), "complete", "a")

    assert response.text == "b"
    assert response.additional_kwargs == {**USAGE, "finish_reason": "length", "content_filter_results": verdict}
    assert response.raw.id == "1"


def test_stream(script: Any, text_model_of: Any, ask: Any) -> None:
    """Each piece has the text so far; the last has what was counted and why it ended, even in a chunk of its own."""
    script.reply_events(said("a "), said("cat"), said("", "stop"), {**said(""), "choices": [], "usage": USAGE})

    pieces = ask(text_model_of(), "stream_complete", "x")

    assert [(piece.delta, piece.text) for piece in pieces] == [
        ("a ", "a "), ("cat", "a cat"), ("", "a cat"), ("", "a cat")
    ]  # fmt: skip
    assert pieces[0].additional_kwargs == {}
    assert pieces[-1].additional_kwargs == {**USAGE, "finish_reason": "stop"}


def test_the_first_of_several_choices(script: Any, text_model_of: Any, ask: Any) -> None:
    """Of several choices the first is heard, whole and in pieces."""
    second = {"index": 1, "text": "no", "finish_reason": "stop"}
    script.reply_json({**said("yes", "stop"), "choices": [second, *said("yes", "stop")["choices"]]})
    script.reply_events(said("yes", "stop"), {**said(""), "choices": [second]})

    assert ask(text_model_of(), "complete", "x", n=2).text == "yes"
    assert [piece.delta for piece in ask(text_model_of(), "stream_complete", "x", n=2)] == ["yes", ""]


LOGPROBS = [
    (
        {"tokens": ["a", "b"], "token_logprobs": [-1.0, -3.0], "top_logprobs": [{"a": -1.0, "c": -2.0}, {"d": -1.5}]},
        [[("a", -1.0), ("c", -2.0)], [("d", -1.5), ("b", -3.0)]],
    ),
    ({"tokens": ["a", "b"], "token_logprobs": [None, -3.0], "top_logprobs": None}, [[], [("b", -3.0)]]),
    ({"tokens": ["a"], "token_logprobs": "x", "top_logprobs": [3]}, [[]]),
    ({"content": [{"token": "a", "logprob": -1.0}]}, [[("a", -1.0)]]),
    ({"tokens": []}, None),
    (None, None),
]


@pytest.mark.parametrize(("told", "heard"), LOGPROBS)
def test_logprobs(script: Any, text_model_of: Any, ask: Any, told: Any, heard: Any) -> None:
    """Each token has its alternatives and itself, whether told in columns or as chats do, whole and in pieces."""
    script.reply_json(said("ab", "stop", logprobs=told))
    script.reply_events(said("ab", "stop", logprobs=told))

    responses = [ask(text_model_of(), "complete", "x"), ask(text_model_of(), "stream_complete", "x")[0]]

    for response in responses:
        rows = response.logprobs and [[(one.token, one.logprob) for one in row] for row in response.logprobs]
        assert rows == heard


def test_conversation(script: Any, text_model_of: Any, ask: Any) -> None:
    """A conversation goes out as one text, that of `messages_to_prompt`; the answer is a message of the assistant."""
    script.reply_json({**said("Yes.", "stop"), "usage": USAGE})
    script.reply_events(said("Yes"), {**said(".", "stop"), "usage": USAGE})
    own = text_model_of(messages_to_prompt=lambda messages: f"{len(messages)} messages")

    whole = ask(text_model_of(), "chat", TALK)
    *_, last = ask(own, "stream_chat", TALK)

    assert [request.json["prompt"].rstrip() for request in script.requests] == [AS_TEXT.rstrip(), "2 messages"]
    for response in (whole, last):
        assert (response.message.role, response.message.content) == ("assistant", "Yes.")
        assert response.additional_kwargs == {**USAGE, "finish_reason": "stop"}
    assert last.delta == "."


def test_prompts_are_made_as_asked_for(script: Any, text_model_of: Any, ask: Any) -> None:
    """`completion_to_prompt` makes the prompt, unless it has been made."""
    script.reply_json(said("b", "stop"))
    llm = text_model_of(completion_to_prompt=lambda text: f"<s>{text}")

    ask(llm, "complete", "a")
    ask(llm, "complete", "a", formatted=True)

    assert [request.json["prompt"] for request in script.requests] == ["<s>a", "a"]


def test_counted_once(script: Any, text_model_of: Any, ask: Any) -> None:
    """Handlers of LlamaIndex are told of one call, with what the service counted, also where it is a conversation."""
    script.reply_json({**said("Yes.", "stop"), "usage": USAGE})
    counter = TokenCountingHandler()
    llm = text_model_of(callback_manager=CallbackManager([counter]))

    ask(llm, "chat", TALK)

    assert [event.total_token_count for event in counter.llm_token_counts] == [3]


REFUSED: list[tuple[str, Any, str]] = [
    ("complete", ["a", "b"], r"prompt=.* is a list: pass text"),
    ("complete", None, r"prompt=None is a NoneType: pass text"),
    ("chat", [], r"messages=\[\] is empty: pass at least one ChatMessage"),
    ("chat", [ChatMessage(blocks=[ImageBlock(url="https://x/y.png")])], "ImageBlock.*only text: use AzureInference"),
]


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("how", ["", "stream_"])
def test_what_is_refused(script: Any, text_model_of: Any, ask: Any, how: str, case: tuple[str, Any, str]) -> None:
    """What no text completion can take is refused by name, and nothing is sent."""
    way, given, told = case
    with pytest.raises(ConfigurationError, match=told):
        ask(text_model_of(), how + way, given)
    assert script.requests == []


def test_what_models_note_is_left_out(script: Any, text_model_of: Any) -> None:
    """The reasoning of an earlier answer is no part of the text that is gone on from."""
    script.reply_json(said("b", "stop"))

    text_model_of().chat([ChatMessage(role="user", blocks=[ThinkingBlock(content="hm"), TextBlock(text="hello")])])

    assert "hm" not in script.requests[0].json["prompt"]
    assert "hello" in script.requests[0].json["prompt"]


def test_failures(script: Any, text_model_of: Any, ask: Any) -> None:
    """A refusal is what it is with chats; a stream that breaks off says so, with what had come."""
    script.reply_json({"error": {"code": "content_filter", "message": "Filtered."}}, 400)
    with pytest.raises(ContentFilterError):
        ask(text_model_of(), "complete", "a")
    script.replies.clear()
    script.reply_events(said("half"), done=False)
    with pytest.raises(StreamInterruptedError) as caught:
        ask(text_model_of(), "stream_complete", "a")
    assert caught.value.partial.choices[0].text == "half"


def test_object(emulator: Any) -> None:
    """LlamaIndex' program for text models works with it, though no tool is called and no schema sent."""

    class Cat(BaseModel):
        """A cat."""

        name: str

    llm = AzureInferenceCompletion(endpoint=emulator.url, credential="canary-5ecret", model="emulated-chat")

    prompt = PromptTemplate('Go on: {{"name": "Tom"}}')
    assert isinstance(llm.structured_predict(Cat, prompt, llm_kwargs={"headers": {"x-a": "b"}}), Cat)
    assert isinstance(llm.as_structured_llm(Cat).complete('Go on: {"name": "Tom"}').raw, Cat)


def test_of_llamaindex(text_model_of: Any) -> None:
    """It says of itself what LlamaIndex asks, and is written down and pickled without its key."""
    llm = text_model_of(model="gpt-4o-mini", max_tokens=50)

    metadata = llm.metadata
    assert (metadata.is_chat_model, metadata.is_function_calling_model, metadata.num_output) == (False, False, 50)
    assert (metadata.model_name, metadata.context_window) == ("gpt-4o-mini", 128_000)
    assert llm.to_dict()["class_name"] == "AzureInferenceCompletion"
    assert AzureInferenceCompletion.from_dict({**llm.to_dict(), "credential": "k"}).max_tokens == 50
    assert b"canary-5ecret" not in pickle.dumps(llm)
