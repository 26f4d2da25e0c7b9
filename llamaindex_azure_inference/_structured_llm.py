"""The model that `as_structured_llm` makes; imported by that alone, since a class of pydantic takes long to make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llama_index.core.llms.structured_llm import StructuredLLM

from ._traces import call_span

if TYPE_CHECKING:
    ConcealingStructuredLLM = StructuredLLM
else:

    class ConcealingStructuredLLM(StructuredLLM):
        """LlamaIndex's own, which shows no headers of a call to traces."""

        chat = call_span(StructuredLLM.chat)
        achat = call_span(StructuredLLM.achat)
        stream_chat = call_span(StructuredLLM.stream_chat)
        astream_chat = call_span(StructuredLLM.astream_chat)
        complete = call_span(StructuredLLM.complete)
        acomplete = call_span(StructuredLLM.acomplete)
