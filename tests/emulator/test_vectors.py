"""Embeddings: related texts near, every encoding, rows in order."""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any

import pytest

PATH = "/models/embeddings"
DOCUMENTS = [
    "The lighthouse keeper lights the lamp every evening at dusk.",
    "Install the package with pip and start the server on port 7411.",
    "Bread needs flour, water, salt, yeast and a hot oven.",
    "The court dismissed the appeal because it was filed too late.",
    "Retries wait longer after each failed attempt, up to two minutes.",
    "Penguins breed on the ice and march far inland to their colonies.",
    "The invoice is due within thirty days after delivery of the goods.",
    "Chlorophyll absorbs red and blue light and reflects green light.",
]
QUERIES = [
    "When does the keeper light the lighthouse lamp?",
    "How do I install the package and start the server?",
    "What do I need for baking bread with yeast?",
    "Why was the appeal dismissed by the court?",
    "How long do retries wait after failed attempts?",
    "Where do penguins breed?",
    "When are invoices due?",
    "Which light is absorbed by chlorophyll?",
]


def rows(server: Any, texts: Any, **body: Any) -> list[Any]:
    """The vectors of texts, in the order of their indexes."""
    answer = server.http.post(PATH, content=json.dumps({"input": texts, **body}))
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert [item["index"] for item in data] == list(range(len(data)))
    return [item["embedding"] for item in data]


def cosine(first: list[float], second: list[float]) -> float:
    """The cosine of two unit vectors."""
    return math.fsum(a * b for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("dimensions", [256, 64])
def test_related_texts_are_near(server: Any, dimensions: int) -> None:
    """Each question's nearest document is the one that answers it."""
    documents = rows(server, DOCUMENTS, input_type="document", dimensions=dimensions)
    queries = rows(server, QUERIES, input_type="query", dimensions=dimensions)

    nearest = [max(range(len(documents)), key=lambda at: cosine(query, documents[at])) for query in queries]

    assert nearest == list(range(len(DOCUMENTS)))


def test_inflections_and_typos_are_near(server: Any) -> None:
    """Forms of a word and a misspelling are much nearer than another word."""
    base, plural, typo, other = rows(
        server, ["embedding server", "embeddings servers", "embeding sever", "yellow banana"]
    )

    assert cosine(base, plural) > 0.7
    assert cosine(base, typo) > 0.3
    assert abs(cosine(base, other)) < 0.25


@pytest.mark.parametrize("text", ["", " ", "the of and", "?!", "日本語のテキスト", "a" * 5000, "half \ud83d"])
def test_every_text_has_a_unit_vector(server: Any, text: str) -> None:
    """The vector of any text is finite and has length 1, and is the same each time."""
    first, second = rows(server, [text, text])

    assert first == second
    assert math.isclose(cosine(first, first), 1.0, rel_tol=1e-9)
    assert len(first) == 256


def test_order_and_counts(server: Any) -> None:
    """Rows are those of the texts in order; usage counts them; the model is named."""
    body = server.post(PATH, {"input": ["red", "green", "blue"]}).json()
    alone = [rows(server, [text])[0] for text in ("red", "green", "blue")]

    assert [item["embedding"] for item in body["data"]] == alone
    assert body["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert (body["object"], body["model"]) == ("list", "emulated-embed")
    assert body["id"]


def test_encodings(server: Any) -> None:
    """base64 is little-endian float32; int8 and uint8 are the scaled values; binary and ubinary pack the signs."""
    [floats] = rows(server, ["some text"], dimensions=64)
    [packed] = rows(server, ["some text"], dimensions=64, encoding_format="base64")
    [int8] = rows(server, ["some text"], dimensions=64, encoding_format="int8")
    [uint8] = rows(server, ["some text"], dimensions=64, encoding_format="uint8")
    [binary] = rows(server, ["some text"], dimensions=64, encoding_format="binary")
    [ubinary] = rows(server, ["some text"], dimensions=64, encoding_format="ubinary")

    assert struct.unpack("<64f", base64.b64decode(packed)) == pytest.approx(floats, abs=1e-6)
    assert int8 == [round(value * 127) for value in floats]
    assert uint8 == [value + 128 for value in int8]
    assert [byte - 128 for byte in ubinary] == binary
    bits = "".join(f"{byte:08b}" for byte in ubinary)
    assert bits == "".join("1" if value > 0 else "0" for value in floats)


@pytest.mark.parametrize(("given", "count"), [("one text", 1), ([1, 2, 3], 1), ([[1, 2], [3]], 2), (["a", [1]], 2)])
def test_forms_of_input(server: Any, given: Any, count: int) -> None:
    """A bare text and token ids, of one text or several, are taken too."""
    assert len(rows(server, given)) == count


def test_images(server: Any) -> None:
    """An image's vector depends on its bytes and on the text beside it; both together lie between."""
    image = "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 8).decode()
    other = "data:image/png;base64," + base64.b64encode(b"other" * 300).decode()
    inputs = [{"image": image}, {"image": image}, {"image": other}, {"image": image, "text": "a cat"}]

    body = server.post("/models/images/embeddings", {"input": inputs, "dimensions": 128}).json()

    first, again, different, mixed = [item["embedding"] for item in body["data"]]
    [text] = rows(server, ["a cat"], dimensions=128)
    assert first == again
    assert cosine(first, different) < 0.5
    assert cosine(mixed, first) > 0.5
    assert cosine(mixed, text) > 0.5
    assert body["usage"]["images"] == 4
    assert body["usage"]["total_tokens"] > 0
