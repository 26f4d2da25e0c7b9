"""Text completion."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.exceptions import ModelNotFoundError
from langchain_core.outputs import LLMResult
from langchain_core.prompts import PromptTemplate

from langchain_azure_inference import AzureInferenceLLM


@pytest.fixture
def llm(emulator: Any) -> AzureInferenceLLM:
    """A text model over the emulator."""
    return AzureInferenceLLM(endpoint=emulator.url, credential="canary-5ecret", model="emulated-chat", max_tokens=50)


def test_same_by_every_way(llm: AzureInferenceLLM) -> None:
    """A prompt is completed alike whole, in pieces, sync, async, in a batch and in a chain."""
    prompt = "Once upon a time there was a cat."

    async def others() -> list[str]:
        pieces = [piece async for piece in llm.astream(prompt)]
        assert len(pieces) > 1
        return [await llm.ainvoke(prompt), "".join(pieces), *await llm.abatch([prompt, prompt])]

    texts = [
        llm.invoke(prompt),
        "".join(llm.stream(prompt)),
        *llm.batch([prompt, prompt]),
        (PromptTemplate.from_template("Once upon a {x} there was a cat.") | llm).invoke({"x": "time"}),
        *asyncio.run(others()),
    ]

    assert len(set(texts)) == 1
    assert "cat" in texts[0]


def test_request(llm: AzureInferenceLLM, sent: Any) -> None:
    """Parameters of a call go before bound ones, and those before the constructor's; unknown ones are extra ones."""
    llm.bind(top_k=3, max_tokens=9, stop=["x"]).invoke("a", max_tokens=7)

    (request,) = sent()
    assert request["path"].endswith("/completions")
    assert request["headers"]["extra-parameters"] == "pass-through"
    assert request["body"] == {"prompt": "a", "model": "emulated-chat", "max_tokens": 7, "stop": ["x"], "top_k": 3}


def test_result(llm: AzureInferenceLLM) -> None:
    """Each prompt has its own generations; finish reasons, summed usage and the model are told."""
    result = llm.generate(["a", "b"])

    assert isinstance(result, LLMResult)
    assert [generations[0].generation_info for generations in result.generations] == [{"finish_reason": "stop"}] * 2
    usage = result.llm_output["token_usage"]
    assert usage["input_tokens"] + usage["output_tokens"] == usage["total_tokens"] > 0
    assert result.llm_output["model_name"] == "emulated-chat"


def test_no_prompts(llm: AzureInferenceLLM) -> None:
    """No prompts are answered with no generations, and nothing is sent."""
    for result in (llm.generate([]), asyncio.run(llm.agenerate([]))):
        assert (result.generations, result.llm_output) == ([], {})


def test_of_langchain(llm: AzureInferenceLLM) -> None:
    """It says of itself what LangChain asks: type, provider, parameters, tokens; never a secret."""
    assert llm._llm_type == "azure-inference"
    assert llm._get_ls_params()["ls_provider"] == "azure_inference"
    assert llm.get_num_tokens("four letters or so") > 0
    assert llm._identifying_params["max_tokens"] == 50
    assert "canary-5ecret" not in str(llm.asdict())


def test_error(script: Any) -> None:
    """An endpoint without this route is an error of LangChain's family too."""
    script.says((404, {"content-type": "text/plain"}, b"NOT FOUND"))

    with pytest.raises(ModelNotFoundError):
        AzureInferenceLLM(endpoint=script.url, credential="canary-5ecret", model="m").invoke("a")


def test_an_answer_that_names_no_model(script: Any) -> None:
    """The model of an answer that names none is the one that was asked."""
    llm = AzureInferenceLLM(endpoint=script.url, credential="canary-5ecret", model="asked")
    choice = {"index": 0, "text": "b", "finish_reason": "stop"}

    script.says({"choices": [choice]})
    assert llm.generate(["a"]).llm_output["model_name"] == "asked"
    assert asyncio.run(llm.agenerate(["a"])).llm_output["model_name"] == "asked"
    script.says([{"choices": [choice]}, "[DONE]"])
    assert [*llm._stream("a")][-1].generation_info["model_name"] == "asked"
