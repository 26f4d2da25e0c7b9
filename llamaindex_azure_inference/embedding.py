"""`AzureInferenceEmbedding`: the embedding models of an endpoint, for texts and images, as a LlamaIndex embedding."""

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, Self, TypeVar, cast

from llama_index.core import utils
from llama_index.core.base.embeddings.base import Embedding
from llama_index.core.embeddings import MultiModalEmbedding
from llama_index.core.schema import BaseNode, ImageType
from typing_extensions import override

from azure_inference import (
    CONFIG,
    EmbeddingsRequest,
    EncodingFormat,
    ImageEmbeddingsRequest,
    ModelProfile,
    check_list,
    in_batches,
    in_batches_async,
    own_fields,
    to_image_input,
    to_request,
    wire_fields,
)

from ._connected import Connected
from ._traces import batch_span, call_span

_PROGRESS = "Generating embeddings"
_QUERIES = "query_embeddings"
_WORKERS = 4
_UNNAMED = "unknown"
_SIZE = "embed_batch_size"
_Purpose = Literal["query", "document"]
_InputT = TypeVar("_InputT")


class AzureInferenceEmbedding(Connected, MultiModalEmbedding):
    """An embedding model behind an endpoint of the Azure AI Model Inference API.

    Arguments are the fields below and those of LlamaIndex's `BaseEmbedding`. `embed_batch_size` is the most inputs of
    a request: by default what the model takes, or 96. `num_workers` is the most requests in progress at once.

    Raises:
        azure_inference.ConfigurationError: (a ValueError) An argument is missing, wrong or unknown.
        azure_inference.InferenceError: From every call that fails; see `azure_inference.errors`.
    """

    model_config = CONFIG

    other_names: ClassVar[Mapping[str, str]] = {**Connected.other_names, "model": "model_name"}

    model_name: str = _UNNAMED
    """The model or deployment (also accepted as `model`); an endpoint that serves a single model needs none."""
    dimensions: int | None = None
    """How many numbers each vector should have; by default the model's own."""
    encoding_format: EncodingFormat | None = None
    """How vectors travel: by default as base64, where that is known to be taken. They arrive as floats in any case."""
    input_type: Literal["auto", "text", "query", "document"] | None = "auto"
    """`auto`: queries are queries and texts are documents, where that is told apart; None says nothing."""
    num_workers: int | None = _WORKERS

    @override
    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        self._fit_batch_size()

    def _fit_batch_size(self) -> None:
        """Makes batches as large as the model takes, unless their size was set; it does not count as set by this."""
        if _SIZE not in self.model_fields_set:
            vars(self)[_SIZE] = self._known.batch_size

    @override
    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        self._fit_batch_size()

    @override
    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; see `Connected`."""
        copied = super().model_copy(update=update, deep=deep)
        copied._fit_batch_size()  # noqa: SLF001 - of this very class
        return copied

    @override
    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """The fields; the size of batches only if it was set, since `from_dict` may be told another model."""
        made = super().to_dict(**kwargs)
        if _SIZE not in self.model_fields_set:
            made.pop(_SIZE, None)
        return made

    @classmethod
    def class_name(cls) -> str:
        """The name in `to_dict`."""
        return "AzureInferenceEmbedding"

    @property
    def model(self) -> str | None:
        """The model, by its other name; None for an endpoint that serves a single one."""
        return None if self.model_name == _UNNAMED else self.model_name

    @override
    def get_query_embedding(self, query: str) -> Embedding:
        """The vector of a search query."""
        if self._query_cache is None:
            return super().get_query_embedding(query)
        known = self._query_cache.get(query, collection=_QUERIES)
        if known is None:
            known = {"embedding": self._uncached().get_query_embedding(query)}
            self._query_cache.put(query, known, collection=_QUERIES)
        return cast("Embedding", known["embedding"])

    @override
    async def aget_query_embedding(self, query: str) -> Embedding:
        """The vector of a search query."""
        if self._query_cache is None:
            return await super().aget_query_embedding(query)
        known = await self._query_cache.aget(query, collection=_QUERIES)
        if known is None:
            known = {"embedding": await self._uncached().aget_query_embedding(query)}
            await self._query_cache.aput(query, known, collection=_QUERIES)
        return cast("Embedding", known["embedding"])

    # A pipeline calls each of its steps with the keywords of all.

    @override
    @call_span
    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        return super().__call__(nodes, **_of_embedding(kwargs))

    @override
    @call_span
    async def acall(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """The nodes with their vectors, as a step of a pipeline."""
        return await super().acall(nodes, **_of_embedding(kwargs))

    @override
    @batch_span
    def get_text_embedding_batch(self, texts: list[str], show_progress: bool = False, **kwargs: Any) -> list[Embedding]:
        """The vectors of any number of texts, in their order, in several requests at once."""
        check_list("texts", texts, "texts")
        return self._gather(super().get_text_embedding_batch, list(texts), show_progress)

    @override
    @batch_span
    async def aget_text_embedding_batch(
        self, texts: list[str], show_progress: bool = False, **kwargs: Any
    ) -> list[Embedding]:
        """The vectors of any number of texts, in their order, in several requests at once."""
        check_list("texts", texts, "texts")
        return await self._agather(super().aget_text_embedding_batch, list(texts), show_progress)

    @override
    def get_image_embedding_batch(
        self, img_file_paths: list[ImageType], show_progress: bool = False
    ) -> list[Embedding]:
        """The vectors of any number of images, in their order, in several requests at once."""
        check_list("img_file_paths", img_file_paths, "images")
        return self._gather(super().get_image_embedding_batch, list(img_file_paths), show_progress)

    @override
    async def aget_image_embedding_batch(
        self, img_file_paths: list[ImageType], show_progress: bool = False
    ) -> list[Embedding]:
        """The vectors of any number of images, in their order, in several requests at once."""
        check_list("img_file_paths", img_file_paths, "images")
        return await self._agather(super().aget_image_embedding_batch, list(img_file_paths), show_progress)

    # The framework is given one batch at a time: how many at once, and what is left if one fails, the core decides.

    def _gather(
        self, one: Callable[[list[_InputT]], list[Embedding]], inputs: list[_InputT], show_progress: bool
    ) -> list[Embedding]:
        with _progress(inputs, show_progress) as advance:
            return in_batches(
                inputs, one, batch_size=self.embed_batch_size, concurrency=self._workers, on_progress=advance
            )

    async def _agather(
        self, one: Callable[[list[_InputT]], Awaitable[list[Embedding]]], inputs: list[_InputT], show_progress: bool
    ) -> list[Embedding]:
        with _progress(inputs, show_progress) as advance:
            return await in_batches_async(
                inputs, one, batch_size=self.embed_batch_size, concurrency=self._workers, on_progress=advance
            )

    @property
    def _query_cache(self) -> Any:
        """The cache of queries, where it must not be that of texts: there one text has two vectors."""
        return self.embeddings_cache if self._input_type("query") != self._input_type("document") else None

    def _uncached(self) -> Self:
        return self.model_copy(update={"embeddings_cache": None})

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._embed(self._text_request([query], "query"))[0]

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return (await self._aembed(self._text_request([query], "query")))[0]

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    async def _aget_text_embedding(self, text: str) -> Embedding:
        return (await self._aget_text_embeddings([text]))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return self._embed(self._text_request(texts, "document"))

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        return await self._aembed(self._text_request(texts, "document"))

    def _get_image_embedding(self, img_file_path: ImageType) -> Embedding:
        return self._get_image_embeddings([img_file_path])[0]

    async def _aget_image_embedding(self, img_file_path: ImageType) -> Embedding:
        return (await self._aget_image_embeddings([img_file_path]))[0]

    def _get_image_embeddings(self, img_file_paths: list[ImageType]) -> list[Embedding]:
        return self._embed(self._image_request(img_file_paths))

    async def _aget_image_embeddings(self, img_file_paths: list[ImageType]) -> list[Embedding]:
        return await self._aembed(self._image_request(img_file_paths))

    # One request after another: there may be several batches under way, which are `num_workers` already.

    def _embed(self, request: EmbeddingsRequest | ImageEmbeddingsRequest) -> list[Embedding]:
        return self.connection.client.embed_all(request, batch_size=self.embed_batch_size, concurrency=1)

    async def _aembed(self, request: EmbeddingsRequest | ImageEmbeddingsRequest) -> list[Embedding]:
        return await self.connection.async_client.embed_all(request, batch_size=self.embed_batch_size, concurrency=1)

    @property
    def _workers(self) -> int:
        return max(self.num_workers or 1, 1)

    def _text_request(self, texts: list[str], purpose: _Purpose) -> EmbeddingsRequest:
        fields = self._fields(EmbeddingsRequest, purpose)
        return to_request(EmbeddingsRequest, {**fields, "input": texts})

    def _image_request(self, images: Sequence[ImageType]) -> ImageEmbeddingsRequest:
        fields = self._fields(ImageEmbeddingsRequest, "document")
        return to_request(ImageEmbeddingsRequest, {**fields, "input": [to_image_input(image) for image in images]})

    def _fields(self, kind: type[EmbeddingsRequest | ImageEmbeddingsRequest], purpose: _Purpose) -> dict[str, Any]:
        derived = {
            "model": self.model,
            "input_type": self._input_type(purpose),
            "encoding_format": self.connection.encoding_format(self.encoding_format, self._known),
        }
        return wire_fields(own_fields(self, kind), derived, self.model_kwargs)

    def _input_type(self, purpose: _Purpose) -> str | None:
        return self.connection.input_type(self.input_type, purpose, self._known)

    @property
    def _known(self) -> ModelProfile:
        return self.profile_of(self.model)


def _of_embedding(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Of the keywords of all steps of a pipeline, those of this one."""
    return {name: value for name, value in keywords.items() if name == "show_progress"}


@contextmanager
def _progress(inputs: list[Any], is_shown: bool) -> Generator[Callable[[int], None] | None]:
    """What moves LlamaIndex's own bar on by a number of inputs, if one is to be shown and can be."""
    bar = cast("Any", utils).get_tqdm_iterable(inputs, is_shown, _PROGRESS)
    if bar is inputs:
        yield None
        return
    with bar:

        def advance(count: int) -> None:
            bar.update(count)

        yield advance
