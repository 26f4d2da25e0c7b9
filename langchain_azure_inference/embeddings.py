"""`AzureInferenceEmbeddings`: the embedding models of an endpoint as LangChain embeddings."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from langchain_core.embeddings import Embeddings
from pydantic import Field

from azure_inference import (
    CONFIG,
    ConfigurationError,
    EmbeddingsRequest,
    EncodingFormat,
    ImageEmbeddingsRequest,
    ImageInput,
    check_list,
    own_fields,
    to_image_input,
    to_request,
    wire_fields,
)

from ._connected import Connected
from ._errors import langchain_errors

Image = ImageInput | str | Path


class AzureInferenceEmbeddings(Connected, Embeddings):
    """An embedding model of an Azure AI Model Inference endpoint, for texts and for images.

    Any number of inputs is sent in batches, several at once, each retried on its own; vectors come back in the order
    of the inputs. Errors of calls are those of `azure_inference`, each also the matching `langchain_core` `ModelError`.
    """

    model_config = CONFIG

    dimensions: int | None = None
    """How many numbers a vector should have; unset means the model's own."""
    encoding_format: EncodingFormat | None = None
    """How vectors travel: `float`, `base64`, or one of the API's others; by default base64, where that is known to be
    taken. They always come back as floats."""
    input_type: Literal["auto", "query", "document", "text"] | None = "auto"
    """`auto`: queries are queries and texts are documents, where that is told apart; None says nothing."""
    batch_size: Annotated[int, Field(ge=1)] | None = None
    """The most inputs in one request; by default what the model is known to take, or 96."""
    max_concurrency: Annotated[int, Field(ge=1)] = 4
    """The most requests under way at once."""
    show_progress: bool = False
    """Whether to show a progress bar, which needs tqdm."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of texts that are to be searched."""
        return self._embed(self._request(texts, "document"))

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text to search with."""
        return self._embed(self._request([text], "query"))[0]

    def embed_images(self, images: Sequence[Image]) -> list[list[float]]:
        """The vectors of images: files, `data:` URLs, or `ImageInput` with text beside; nothing is fetched."""
        return self._embed(self._image_request(images))

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of texts that are to be searched."""
        return await self._aembed(self._request(texts, "document"))

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of a text to search with."""
        return (await self._aembed(self._request([text], "query")))[0]

    async def aembed_images(self, images: Sequence[Image]) -> list[list[float]]:
        """The vectors of images; see `embed_images`."""
        return await self._aembed(self._image_request(images))

    def _embed(self, request: EmbeddingsRequest | ImageEmbeddingsRequest | None) -> list[list[float]]:
        if request is None:
            return []
        with langchain_errors, self._progress(len(request.input)) as on_progress:
            return self.connection.client.embed_all(
                request, batch_size=self._size, concurrency=self.max_concurrency, on_progress=on_progress
            )

    async def _aembed(self, request: EmbeddingsRequest | ImageEmbeddingsRequest | None) -> list[list[float]]:
        if request is None:
            return []
        with langchain_errors, self._progress(len(request.input)) as on_progress:
            return await self.connection.async_client.embed_all(
                request, batch_size=self._size, concurrency=self.max_concurrency, on_progress=on_progress
            )

    @property
    def _size(self) -> int:
        return self._known.batch_size if self.batch_size is None else self.batch_size

    def _request(self, texts: Sequence[str], purpose: str) -> EmbeddingsRequest | None:
        with langchain_errors:
            check_list("texts", texts, "texts")
            inputs = list(texts)
            fields = self._fields(EmbeddingsRequest, purpose)
            return to_request(EmbeddingsRequest, {**fields, "input": inputs}) if inputs else None

    def _image_request(self, images: Sequence[Image]) -> ImageEmbeddingsRequest | None:
        with langchain_errors:
            check_list("images", images, "images")
            inputs = [to_image_input(image) for image in images]
            fields = self._fields(ImageEmbeddingsRequest, "document")
            return to_request(ImageEmbeddingsRequest, {**fields, "input": inputs}) if inputs else None

    def _fields(self, kind: type[EmbeddingsRequest | ImageEmbeddingsRequest], purpose: str) -> dict[str, Any]:
        derived = {
            "input_type": self.connection.input_type(self.input_type, purpose, self._known),
            "encoding_format": self.connection.encoding_format(self.encoding_format, self._known),
        }
        return wire_fields(own_fields(self, kind), derived, self.model_kwargs)

    @contextmanager
    def _progress(self, total: int) -> Generator[Callable[[int], None] | None]:
        if not self.show_progress or total == 1:  # a bar for a single query is noise
            yield None
            return
        try:
            from tqdm.auto import tqdm  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415 - if asked for
        except ImportError:
            raise ConfigurationError("show_progress=True needs tqdm: pip install tqdm, or leave it out") from None
        with tqdm(total=total, desc="Embedding", unit="input") as bar:

            def advance(count: int) -> None:
                bar.update(count)

            yield advance
