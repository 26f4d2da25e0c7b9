"""What travels on the wire, and nothing else."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import completions, embeddings, info

    __all__ = ["completions", "embeddings", "info"]
else:
    from azure_inference.lazy import lazy_exports as _lazy_exports

    # Whoever chats need not wait for what travels on other routes.
    __getattr__, __dir__ = _lazy_exports(__name__, {"completions": "", "embeddings": "", "info": ""})
