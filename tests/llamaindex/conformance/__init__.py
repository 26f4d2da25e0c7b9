"""What LlamaIndex expects of a chat model and of an embedding model, as classes of tests to inherit from.

    class TestMine(LLMConformance):
        def make_llm(self, root, **arguments):
            return MyLLM(endpoint=f"{root}/models", api_key=SECRET, model=MODEL, **arguments)

Nothing in this folder knows whose classes it tests.
"""

from .agents import AgentConformance, StructuredConformance
from .base import MODEL, PNG, SECRET, WAV, ask, user
from .chat import ChatConformance
from .content import ContentConformance
from .embedding import EmbeddingConformance
from .robustness import RobustnessConformance
from .scripted import Says, ScriptedServer, Vectors, call
from .tools import ToolConformance

__all__ = [
    "MODEL",
    "PNG",
    "SECRET",
    "WAV",
    "EmbeddingConformance",
    "LLMConformance",
    "Says",
    "ScriptedServer",
    "Vectors",
    "ask",
    "call",
    "user",
]


class LLMConformance(
    ChatConformance,
    ToolConformance,
    ContentConformance,
    StructuredConformance,
    AgentConformance,
    RobustnessConformance,
):
    """All claims about a chat model that calls functions."""
