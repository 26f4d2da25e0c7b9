"""What LlamaIndex expects of a chat model and of an embedding model, as classes of tests to inherit from.

    class TestMine(LLMConformance):
        def make_llm(self, root, **arguments):
            return MyLLM(endpoint=f"{root}/models", api_key=SECRET, model=MODEL, **arguments)

Nothing in this folder knows whose classes it tests.
"""

import pytest

for _part in ("agents", "base", "chat", "content", "embedding", "robustness", "tools"):
    pytest.register_assert_rewrite(f"{__name__}.{_part}")

from .agents import AgentConformance, StructuredConformance  # noqa: E402
from .base import MODEL, PNG, SECRET, WAV, ask, user  # noqa: E402
from .chat import ChatConformance  # noqa: E402
from .content import ContentConformance  # noqa: E402
from .embedding import EmbeddingConformance  # noqa: E402
from .robustness import RobustnessConformance  # noqa: E402
from .scripted import Says, ScriptedServer, Vectors, call  # noqa: E402
from .tools import ToolConformance  # noqa: E402

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
