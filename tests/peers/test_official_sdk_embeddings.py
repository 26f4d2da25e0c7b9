"""The official SDK's embeddings clients against the emulator."""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any

import pytest

from tests.peers.conftest import settled

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.peers.official import Sdk

PEER = "azure-ai-inference"
TEXTS = ["Wombats live in Australia.", "Rust is a language.", "Snow is cold."]


async def embed(client: Any, **arguments: Any) -> Any:
    """The answer to an embeddings request, by the client's own way."""
    return await settled(client.embed(**arguments))


def nearness(one: list[float], other: list[float]) -> float:
    """The cosine of two vectors of length 1."""
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_embeddings(sdk: Sdk) -> None:
    """One vector for each input in its order, of length 1, with usage; the nearest is the text that says it."""
    client = sdk.embeddings()

    result = await embed(client, input=TEXTS, input_type=sdk.models.EmbeddingInputType.DOCUMENT)
    query = await embed(client, input=["Where do wombats live?"], input_type=sdk.models.EmbeddingInputType.QUERY)

    assert [item.index for item in result.data] == [0, 1, 2]
    assert all(nearness(item.embedding, item.embedding) == pytest.approx(1) for item in result.data)
    near = [nearness(query.data[0].embedding, item.embedding) for item in result.data]
    assert near.index(max(near)) == 0
    assert result.usage.total_tokens == result.usage.prompt_tokens > 0
    assert result.model == "emulated-embed"


@pytest.mark.parametrize(
    ("encoding", "kind", "size"),
    [("float", float, 256), ("int8", int, 256), ("uint8", int, 256), ("binary", int, 32), ("ubinary", int, 32)],
)
async def test_encodings(sdk: Sdk, encoding: str, kind: type, size: int) -> None:
    """Vectors come as the numbers that the encoding says: floats, bytes, or packed bits."""
    [item] = (await embed(sdk.embeddings(), input=["a"], encoding_format=encoding)).data

    assert len(item.embedding) == size
    assert {type(number) for number in item.embedding} == {kind}


async def test_base64(sdk: Sdk) -> None:
    """Base64 holds exactly the same floats, in single precision and little endian."""
    client = sdk.embeddings()

    [plain] = (await embed(client, input=["Snow"])).data
    [packed] = (await embed(client, input=["Snow"], encoding_format="base64")).data

    unpacked = [number for (number,) in struct.iter_unpack("<f", base64.b64decode(packed.embedding))]
    assert unpacked == pytest.approx(plain.embedding, abs=1e-6)


@pytest.mark.parametrize(
    ("model", "asked", "size"),
    [
        ("emulated-embed", None, 256),
        ("emulated-embed", 64, 64),
        ("Cohere-embed-v3-english", None, 1024),
        ("text-embedding-3-small", 512, 512),
    ],
)
async def test_dimensions(sdk: Sdk, model: str, asked: int | None, size: int) -> None:
    """Vectors have the dimensions asked for, or those of the model."""
    [item] = (await embed(sdk.embeddings(model=model, dimensions=asked), input=["a"])).data

    assert len(item.embedding) == size


@pytest.mark.parametrize("with_text", [False, True])
async def test_images(sdk: Sdk, picture: str, sent: Callable[[], list[Any]], *, with_text: bool) -> None:
    """A picture from a file, with or without words, becomes a vector; usage counts it as an image."""
    image = sdk.models.ImageEmbeddingInput.load(
        image_file=picture, image_format="png", text="a dot" if with_text else None
    )

    result = await embed(sdk.images(), input=[image, image], dimensions=128)

    assert [len(item.embedding) for item in result.data] == [128, 128]
    assert result.data[0].embedding == result.data[1].embedding
    assert result.usage["images"] == 2
    [entry] = sent()
    assert entry["path"] == "/models/images/embeddings"


async def test_extras(sdk: Sdk, sent: Callable[[], list[Any]]) -> None:
    """`model_extras` of embeddings reach the model too."""
    result = await embed(sdk.embeddings(), input=["a"], model_extras={"truncate": "END"})

    assert result["emulator"]["extra_parameters"] == {"truncate": "END"}
    assert sent()[0]["headers"]["extra-parameters"] == "pass-through"
