"""A bare text, or anything else, where a list is wanted: refused, and not taken for a list of its letters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from azure_inference import ConfigurationError, ImageInput
from tests.security.doors import DOORS

IMAGE = ImageInput(image="data:image/png;base64,AAAA")
CALLS: dict[tuple[str, str], Callable[[Any, Any], Any]] = {
    ("langchain", "texts"): lambda model, texts: model.embed_documents(texts),
    ("langchain", "texts, async"): lambda model, texts: asyncio.run(model.aembed_documents(texts)),
    ("langchain", "images"): lambda model, images: model.embed_images(images),
    ("langchain", "images, async"): lambda model, images: asyncio.run(model.aembed_images(images)),
    ("llamaindex", "texts"): lambda model, texts: model.get_text_embedding_batch(texts),
    ("llamaindex", "texts, async"): lambda model, texts: asyncio.run(model.aget_text_embedding_batch(texts)),
    ("llamaindex", "images"): lambda model, images: model.get_image_embedding_batch(images),
    ("llamaindex", "images, async"): lambda model, images: asyncio.run(model.aget_image_embedding_batch(images)),
}


@pytest.mark.parametrize("call", CALLS, ids=", ".join)
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("lamp.png", "='lamp.png' is a str: pass a list of "),
        (b"lamp", "=b'lamp' is a bytes: pass a list of "),
        (5, "=5 is an int: pass a list of "),
        (None, "=None is a NoneType: pass a list of "),
        (IMAGE, "is an ImageInput: pass a list of "),
    ],
    ids=lambda given: type(given).__name__,
)
def test_no_lists(server: Any, call: tuple[str, str], given: Any, said: str) -> None:
    """What holds no texts or images is named, with what to pass; nothing is sent."""
    model = DOORS[call[0]].make_embedding(endpoint=server.url, credential="key")
    with pytest.raises(ConfigurationError, match=said):
        CALLS[call](model, given)
    assert server.requests == []


@pytest.mark.parametrize("call", CALLS, ids=", ".join)
@pytest.mark.parametrize("kind", [iter, tuple, dict.fromkeys], ids=["iterator", "tuple", "keys"])
def test_no_lists_that_will_do(server: Any, call: tuple[str, str], kind: Callable[[Any], Any]) -> None:
    """Whatever gives texts or images one after another will do; one that gives none asks nothing."""
    items = ["data:image/png;base64,AAAA", "data:image/png;base64,BBBB"]
    vectors = [{"index": index, "embedding": [float(index)]} for index in range(2)]
    server.reply_json({"id": "1", "model": "m", "data": vectors, "usage": {"prompt_tokens": 1, "total_tokens": 1}})
    model = DOORS[call[0]].make_embedding(endpoint=server.url, credential="key")

    def given(values: list[str]) -> Any:
        made = kind(values)
        return made.keys() if isinstance(made, dict) else made

    assert CALLS[call](model, given(items)) == [[0.0], [1.0]]
    assert CALLS[call](model, given([])) == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", [call for call in CALLS if "images" in call[1]], ids=", ".join)
def test_no_image(server: Any, call: tuple[str, str]) -> None:
    """What is no image of a list is named as well."""
    model = DOORS[call[0]].make_embedding(endpoint=server.url, credential="key")
    with pytest.raises(ConfigurationError, match="an image is an int: pass a file, a data: URL, or an ImageInput"):
        CALLS[call](model, [5])


@pytest.mark.parametrize("door", ["langchain", "llamaindex"])
@pytest.mark.parametrize("way", ["chat", "astream"])
def test_tools(server: Any, door: str, way: str) -> None:
    """Tools that are none are told by name."""
    model = DOORS[door].make(endpoint=server.url, credential="key")
    with pytest.raises(ConfigurationError, match=r"^tools=5 "):
        DOORS[door].ask(way, model, tools=5)
    assert server.requests == []
