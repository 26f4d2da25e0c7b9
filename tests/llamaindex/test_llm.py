"""The chat model: what is its own, beside what every chat model of LlamaIndex should do."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    CitableBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from azure_inference import (
    AuthenticationError,
    ConfigurationError,
    ContentFilterError,
    ParameterNotSupportedError,
    StreamInterruptedError,
)
from llamaindex_azure_inference import AzureInference

from .conformance import PNG, SECRET, WAV, Says, ScriptedServer, ask, user
from .conformance.base import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    LLMOf = Callable[..., AzureInference]

CHATS = ("chat", "achat", "stream_chat", "astream_chat")


def test_without_llama_index() -> None:
    """Without llama-index-core the import says what to install."""
    code = "import sys; sys.modules['llama_index'] = None; import llamaindex_azure_inference"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 'pip install "azure-inference[llamaindex]"' in run.stderr


class TestArguments:
    """What the constructor takes."""

    def test_environment(self, script: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """Endpoint and key come from the environment, if they are not given."""
        monkeypatch.setenv("AZURE_INFERENCE_ENDPOINT", f"{script.root}/models")
        monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", SECRET)
        assert AzureInference().complete("Well?").text == "All is well."
        assert script.headers[-1]["api-key"] == SECRET
        assert "model" not in script.bodies[-1]

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            ({"credential": SECRET}, "AZURE_INFERENCE_ENDPOINT"),
            ({"endpoint": "https://example.com/models"}, "AZURE_INFERENCE_CREDENTIAL"),
            ({"endpoint": "https://example.com/models", "credential": SECRET, "temprature": 1}, "temperature"),
            ({"endpoint": "https://example.com/models", "credential": SECRET, "top_k": 1}, "model_kwargs"),
            (
                {"endpoint": "https://example.com/models", "credential": SECRET, "base_url": "x"},
                "did you mean endpoint",
            ),
            ({"endpoint": "https://example.com/models", "credential": SECRET, "api_key": "k"}, "the same argument"),
            ({"endpoint": "https://example.com/models", "credential": SECRET, "max_tokens": "many"}, "max_tokens"),
            ({"endpoint": "https://example.com/models", "credential": SECRET, "extra_parameters": "maybe"}, "maybe"),
            ({"endpoint": "https://example.com/models", "credential": SECRET, "max_retries": -1}, "max_retries"),
        ],
    )
    def test_wrong(self, arguments: dict[str, Any], named: str) -> None:
        """A missing or wrong argument is one clear error that names it or the remedy."""
        with pytest.raises(ConfigurationError, match=named) as raised:
            AzureInference(**arguments)
        assert SECRET not in str(raised.value)

    def test_parameters(self, script: ScriptedServer, llm_of: LLMOf) -> None:
        """All parameters reach the wire; those of a call win over those of the constructor."""
        own = {
            "temperature": 0.5, "max_tokens": 9, "top_p": 0.9, "frequency_penalty": 0.1, "presence_penalty": 0.2,
            "seed": 7, "stop": "END",
        }  # fmt: skip
        llm = llm_of(**own, model_kwargs={"top_k": 1}, additional_kwargs={"min_p": 0.1})
        llm.chat(user("Well?"), temperature=0, top_k=2, model="other")
        sent = {**own, "stop": ["END"], "temperature": 0, "top_k": 2, "min_p": 0.1, "model": "other"}
        assert {name: script.bodies[-1].get(name) for name in sent} == sent
        assert script.headers[-1]["extra-parameters"] == "pass-through"

    def test_fixed_in_a_subclass(self, script: ScriptedServer) -> None:
        """What a subclass fixes for all of its models, so that it is no argument any more, is sent."""

        class Steady(AzureInference):
            temperature: ClassVar[float] = 0.5  # type: ignore[misc] # a field of its base

        Steady(endpoint=f"{script.root}/models", credential=SECRET).chat(user("Well?"))

        assert script.bodies[-1]["temperature"] == Steady.temperature

    @pytest.mark.parametrize("place", ["constructor", "call"])
    def test_options(self, script: ScriptedServer, llm_of: LLMOf, place: str) -> None:
        """The policy of extra parameters and headers can be set for an object or a call, and are no parameters."""
        options = {"extra_parameters": "drop", "headers": {"x-team": "blue"}, "timeout": 30.0}
        llm = llm_of(**(options if place == "constructor" else {}))
        llm.chat(user("Well?"), top_k=1, **(options if place == "call" else {}))
        assert script.headers[-1]["extra-parameters"] == "drop"
        assert script.headers[-1]["x-team"] == "blue"
        assert not script.bodies[-1].keys() & options.keys()

    def test_callers_dictionaries(self, llm_of: LLMOf) -> None:
        """Dictionaries that are given are not changed."""
        given: dict[str, Any] = {"top_k": 1}
        llm_of(model_kwargs=given, additional_kwargs=given).chat(user("Well?"), temperature=0)
        assert given == {"top_k": 1}

    @pytest.mark.parametrize(
        ("arguments", "window", "calls"),
        [
            ({"model": "gpt-4o"}, 128_000, True),
            ({"model": "my-deployment", "base_model": "Phi-4"}, 16_384, False),
            ({"model": "my-deployment", "context_window": 9_000}, 9_000, True),
            ({"model": "my-deployment"}, 3_900, True),
        ],
    )
    def test_metadata(self, llm_of: LLMOf, arguments: dict[str, Any], window: int, calls: bool) -> None:
        """Metadata are those of the model, of the model behind a deployment, or as set; else LlamaIndex's own."""
        metadata = llm_of(**arguments).metadata
        assert (metadata.context_window, metadata.is_function_calling_model) == (window, calls)

    @pytest.mark.parametrize(
        ("arguments", "limit"),
        [
            ({}, 256),
            ({"max_tokens": 5}, 5),
            ({"max_tokens": 5, "model_kwargs": {"max_tokens": 77}}, 77),
            ({"additional_kwargs": {"max_completion_tokens": 77}}, 77),
            ({"model_kwargs": {"extra_body": {"max_tokens": 77}}}, 77),
            ({"model_kwargs": {"max_tokens": "many"}}, 256),
            ({"model": "my-own", "max_tokens": 4000}, 4000),
            ({"model": "my-own", "model_kwargs": {"max_completion_tokens": 4000}}, 4000),
        ],
    )
    def test_room_for_answers(self, llm_of: LLMOf, arguments: dict[str, Any], limit: int) -> None:
        """LlamaIndex leaves as much room for an answer as is asked for, wherever that is set."""
        metadata = llm_of(**arguments).metadata
        assert metadata.num_output == limit
        assert metadata.context_window - limit >= 3900 // 2, "there is room for a prompt, too"

    def test_headers_are_not_written_down(self, llm_of: LLMOf) -> None:
        """Headers may hold keys, and so stand in no dictionary and no text form."""
        llm = llm_of(headers={"x-key": "another-secret"})
        assert "another-secret" not in f"{llm!r} {llm.to_dict()}"


WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a dict as a message": (lambda llm: llm.chat([{"role": "user", "content": "Hi"}]), "message is a dict: .*ChatM"),
    "no prompt": (lambda llm: llm.complete(None), "prompt is a NoneType: pass text or a ChatMessage"),
    "a list as a prompt": (lambda llm: llm.complete(["Hi"]), "prompt is a list: pass text"),
    "a number to tools": (lambda llm: llm.chat_with_tools(TOOLS, user_msg=5), "user_msg is an int: pass text"),
    "a number of calls": (
        lambda llm: llm.chat([ChatMessage(role="assistant", additional_kwargs={"tool_calls": 5})]),
        r"additional_kwargs\['tool_calls'\] is an int: pass a list, or use ToolCallBlocks",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input(script: ScriptedServer, llm: AzureInference, case: str) -> None:
    """What cannot be asked is a clear error, and nothing is sent."""
    way, named = WRONG[case]
    with pytest.raises(ConfigurationError, match=named):
        way(llm)
    assert script.bodies == []


class TestContent:
    """What messages hold."""

    @pytest.mark.parametrize(
        ("role", "block", "named"),
        [
            ("user", DocumentBlock(data=b"%PDF-1.4"), "DocumentBlock.*PDF cannot be read"),
            ("user", DocumentBlock(url="https://example.com/a.pdf"), "DocumentBlock.*load the file"),
            ("user", DocumentBlock(data=b"PK\3\4\0\0"), "DocumentBlock.*application/zip"),
            ("system", DocumentBlock(data=b"\xff\xfe"), "DocumentBlock.*system.*unknown type"),
            ("user", VideoBlock(video=b"\0\0\0\x18ftypmp42"), "VideoBlock.*frames"),
            ("user", AudioBlock(audio=b"fLaC\0", format="flac"), "AudioBlock.*wav or mp3"),
            ("user", AudioBlock(audio=b"no sound at all"), "AudioBlock.*format=None.*pass format, such as 'audio/wav'"),
            ("user", ImageBlock(image=b"no image at all"), "ImageBlock.*pass image_mimetype, such as 'image/png'"),
            ("user", ImageBlock(image=PNG, detail="huge"), "ImageBlock.*detail='huge' is unknown: pass 'auto'"),
            ("user", ToolCallBlock(tool_name="weather"), "ToolCallBlock.*assistant"),
            ("system", ImageBlock(image=PNG), "ImageBlock.*system.*role user"),
            ("tool", TextBlock(text="42"), "tool_call_id"),
        ],
    )
    def test_refused(self, script: ScriptedServer, llm: AzureInference, role: str, block: Any, named: str) -> None:
        """What the API cannot take is refused before anything is sent, with its name and a remedy."""
        with pytest.raises(ConfigurationError, match=f"(?s){named}"):
            llm.chat([ChatMessage(role=role, blocks=[block])])
        assert script.bodies == []

    @pytest.mark.parametrize(
        "block",
        [
            ImageBlock(image=BytesIO(PNG)),
            AudioBlock(audio=BytesIO(WAV)),
            AudioBlock(audio=BytesIO(WAV), format="audio/wav"),
        ],
    )
    def test_kind_that_is_not_told(self, script: ScriptedServer, llm: AzureInference, block: Any) -> None:
        """Where LlamaIndex does not know what a block holds, the first bytes tell it."""
        llm.chat([ChatMessage(role="user", blocks=[block])])
        (part,) = script.bodies[-1]["messages"][0]["content"]
        told = part.get("input_audio", {}).get("format") or part["image_url"]["url"].partition(";")[0]
        assert told in ("wav", "data:image/png")

    def test_missing_file(self, llm: AzureInference, tmp_path: Path) -> None:
        """A file that is gone is a clear error."""
        path = tmp_path / "dot.png"
        path.write_bytes(PNG)
        block = ImageBlock(path=path)
        path.unlink()
        with pytest.raises(ConfigurationError, match=r"ImageBlock.*dot\.png"):
            llm.chat([ChatMessage(role="user", blocks=[block])])

    def test_addresses_are_not_fetched(self, script: ScriptedServer, llm: AzureInference) -> None:
        """An address goes out as it is: images and sounds are fetched by the service."""
        blocks = [ImageBlock(url="https://example.com/a.png"), AudioBlock(url="https://example.com/a.wav")]
        llm.chat([ChatMessage(role="user", blocks=blocks)])
        image, sound = script.bodies[-1]["messages"][0]["content"]
        assert image["image_url"]["url"] == "https://example.com/a.png"
        assert sound == {"type": "audio_url", "audio_url": {"url": "https://example.com/a.wav"}}

    def test_citable(self, script: ScriptedServer, llm: AzureInference) -> None:
        """Citable content goes out as what it holds, behind the title and the source to cite it by."""
        block = CitableBlock(title="t", source="s", content=[TextBlock(text="cited"), ImageBlock(image=PNG)])
        llm.chat([ChatMessage(role="user", blocks=[block])])
        head, cited, image = script.bodies[-1]["messages"][0]["content"]
        assert (head["text"], cited["text"], image["type"]) == ("Title: t\nSource: s", "cited", "image_url")

    def test_citable_answer(self, script: ScriptedServer, llm: AzureInference) -> None:
        """So does the text of an answer."""
        block = CitableBlock(title="t", source="s", content=[TextBlock(text="cited"), DocumentBlock(data=b"Cats.")])
        llm.chat([ChatMessage(role="assistant", blocks=[block, TextBlock(text="said")])])
        assert script.bodies[-1]["messages"] == [{"role": "assistant", "content": "cited\nsaid"}]

    @pytest.mark.parametrize("role", ["system", "user", "tool"])
    def test_citable_documents(self, script: ScriptedServer, llm: AzureInference, role: str) -> None:
        """A document inside of citable content goes out as its text, as it does alone."""
        block = CitableBlock(title="a", source="s", content=[TextBlock(text="About:"), DocumentBlock(data=b"Cats.")])
        llm.chat([ChatMessage(role=role, blocks=[block], additional_kwargs={"tool_call_id": "c1"})])
        assert script.bodies[-1]["messages"][0]["content"] == "Title: a\nSource: s\nAbout:\nCats."

    def test_titles_of_documents(self, script: ScriptedServer, llm: AzureInference) -> None:
        """A document that was given a title goes out behind it."""
        llm.chat([ChatMessage(role="user", blocks=[DocumentBlock(data=b"Cats.", title="Pets")])])
        assert script.bodies[-1]["messages"][0]["content"] == "Title: Pets\nCats."

    @pytest.mark.parametrize(
        "block",
        [
            ImageBlock(image=PNG),
            AudioBlock(audio=WAV, format="flac"),
            VideoBlock(url="https://example.com/a.mp4"),
            DocumentBlock(data=b"a,b", document_mimetype="text/csv"),
            DocumentBlock(url="https://example.com/a.pdf"),
            ThinkingBlock(content="Hm."),
            CitableBlock(title="t", source="s", content=[ImageBlock(image=PNG)]),
        ],
    )
    def test_answers_of_other_models(self, script: ScriptedServer, llm: AzureInference, block: Any) -> None:
        """Of an answer in a history its text goes back, and nothing that the model did not say."""
        llm.chat([ChatMessage(role="assistant", blocks=[TextBlock(text="It is"), block, TextBlock(text="2.")])])
        assert script.bodies[-1]["messages"] == [{"role": "assistant", "content": "It is\n2."}]

    @pytest.mark.parametrize("role", ["system", "user", "tool"])
    def test_documents(self, script: ScriptedServer, llm: AzureInference, tmp_path: Path, role: str) -> None:
        """A document is sent as the text that it holds, from memory or from a file."""
        (tmp_path / "a.md").write_text("# Cats", encoding="utf-8")
        blocks = [DocumentBlock(data=b"About:"), DocumentBlock(path=tmp_path / "a.md"), TextBlock(text="So?")]
        llm.chat([ChatMessage(role=role, blocks=blocks, additional_kwargs={"tool_call_id": "c1"})])
        assert script.bodies[-1]["messages"][0]["content"] == "About:\n# Cats\nSo?"

    def test_media_of_tools(self, script: ScriptedServer, llm: AzureInference) -> None:
        """The API takes text alone from tools: pictures follow after all results of the turn, each with its call."""
        shown = [TextBlock(text="a map"), ImageBlock(image=PNG)]
        results = [
            ChatMessage(role="tool", blocks=blocks, additional_kwargs={"tool_call_id": name})
            for name, blocks in {"c1": shown, "c2": [TextBlock(text="2")]}.items()
        ]
        llm.chat([*results, *user("So?")])
        first, second, media, last = script.bodies[-1]["messages"]
        assert first == {"role": "tool", "tool_call_id": "c1", "content": "a map"}
        assert second == {"role": "tool", "tool_call_id": "c2", "content": "2"}
        assert [media["role"], *(part["type"] for part in media["content"])] == ["user", "text", "image_url"]
        assert "c1" in media["content"][0]["text"]
        assert last["content"] == "So?"

    @pytest.mark.parametrize("role", ["developer", "system"])
    def test_instructions(self, script: ScriptedServer, llm: AzureInference, role: str) -> None:
        """Instructions keep their role."""
        llm.chat([ChatMessage(role=role, content="Be brief."), *user("Well?")])
        assert script.bodies[-1]["messages"][0] == {"role": role, "content": "Be brief."}

    def test_sound_bytes(self, script: ScriptedServer, llm: AzureInference, tmp_path: Path) -> None:
        """Sound is sent from a file as from memory."""
        (tmp_path / "a.wav").write_bytes(WAV)
        blocks = [AudioBlock(path=tmp_path / "a.wav"), AudioBlock(audio=WAV, format="wav")]
        llm.chat([ChatMessage(role="user", blocks=blocks)])
        first, second = script.bodies[-1]["messages"][0]["content"]
        assert first == second


@pytest.mark.parametrize("method", CHATS[2:])
@pytest.mark.parametrize(("indices", "text"), [((1, 1), "ab"), ((None, None), "ab"), ((0, 1), "a")])
def test_choice_of_a_stream(
    script: ScriptedServer, llm: AzureInference, method: str, indices: tuple[Any, Any], text: str
) -> None:
    """The text of a stream is that of its first choice, whatever number that has."""
    script.will(Says("a", index=indices[0], choice={"index": indices[1], "delta": {"content": "b"}}))
    responses = ask(llm, method, user("Well?"))
    assert responses[-1].message.content == "".join(response.delta for response in responses) == text


@pytest.mark.parametrize("method", ["complete", "acomplete", "stream_complete", "astream_complete"])
def test_form_of_a_prompt(script: ScriptedServer, llm_of: LLMOf, method: str) -> None:
    """A text gets the form that `completion_to_prompt` gives it, unless it has it."""
    llm = llm_of(completion_to_prompt=lambda prompt: f"[{prompt}]")
    ask(llm, method, "Well?")
    ask(llm, method, "Well?", formatted=True)
    assert [body["messages"][0]["content"] for body in script.bodies] == ["[Well?]", "Well?"]


class TestFailures:
    """Errors are those of `azure_inference`."""

    @pytest.mark.parametrize("method", CHATS)
    @pytest.mark.parametrize(
        ("refusal", "kind"),
        [
            (Says(status=401, body={"error": {"code": "401", "message": "Access denied"}}), AuthenticationError),
            (
                Says(status=422, body={"error": {"code": "parameter_not_supported", "message": "No"}}),
                ParameterNotSupportedError,
            ),
            (Says(status=400, body={"error": {"code": "content_filter", "message": "No"}}), ContentFilterError),
        ],
    )
    def test_refusals(
        self, script: ScriptedServer, llm: AzureInference, method: str, refusal: Says, kind: type[Exception]
    ) -> None:
        """A refusal is the typed error, from each of the four chats, after one request."""
        script.will(refusal)
        with pytest.raises(kind):
            ask(llm, method, user("Well?"))
        assert len(script.bodies) == 1

    @pytest.mark.parametrize("method", CHATS[2:])
    def test_interrupted(self, script: ScriptedServer, llm: AzureInference, method: str) -> None:
        """A stream that breaks off says so, with what had arrived."""
        script.will(Says("All is", cut=True))
        with pytest.raises(StreamInterruptedError) as raised:
            ask(llm, method, user("Well?"))
        assert raised.value.partial.choices[0].message.text == "All is"

    def test_filter_results(self, script: ScriptedServer, llm: AzureInference) -> None:
        """The verdicts of the content filter stand beside the answer."""
        verdicts = {"hate": {"filtered": True, "severity": "high"}}
        script.will(Says("", finish="content_filter", choice={"content_filter_results": verdicts}))
        for method in CHATS:
            said = ask(llm, method, user("Well?"))[-1].additional_kwargs
            assert (said["finish_reason"], said["content_filter_results"]) == ("content_filter", verdicts)
