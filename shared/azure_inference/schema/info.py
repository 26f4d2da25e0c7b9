"""`GET /info`: which model answers at an endpoint."""

from ._base import AnswerModel, RequestModel
from ._endpoint import Endpoint

_KINDS = {
    "chat": "chat-completion",
    "completion": "text-generation",
    "embedding": "embeddings",
    "text-embedding": "embeddings",
    "image-embedding": "image-embeddings",
}


class ModelInfo(AnswerModel):
    """The model behind an endpoint, as it describes itself."""

    model_name: str
    model_type: str | None = None
    model_provider_name: str | None = None

    @property
    def kind(self) -> str:
        """`model_type` in one spelling (servers use many): chat-completion, embeddings, image-embeddings, ..."""
        word = (self.model_type or "").strip().lower().replace("_", "-").replace(" ", "-")
        singular = word.removesuffix("s")
        return _KINDS.get(singular, singular)


INFO = Endpoint("GET", "/info", RequestModel, ModelInfo)
