"""What LlamaIndex expects of an embedding model."""

from __future__ import annotations

import asyncio
import base64
import copy
import pickle
import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.storage.kvstore import SimpleKVStore

from .base import PNG, SECRET, Recorder
from .scripted import ScriptedServer, Vectors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EMBEDDING_MODEL = "emulated-embed"
TEXTS = [f"{'x' * length}" for length in range(1, 8)]


def embed(model: Any, method: str, given: Any, **options: Any) -> Any:
    """What a method answers, plain or async."""
    answer = getattr(model, method)(given, **options)
    return asyncio.run(answer) if asyncio.iscoroutine(answer) else answer


def both(name: str) -> list[str]:
    """A method and its async twin."""
    return [name, f"a{name}"]


class EmbeddingConformance:
    """The claims; `make_embedding` makes the model under test."""

    def make_embedding(self, root: str, **arguments: Any) -> Any:
        """The model, asking a server whose base URL is `root`, as `EMBEDDING_MODEL` with `SECRET`."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[ScriptedServer]:
        """A server that says what a test tells it; a vector tells the length of its text, and its side."""
        with ScriptedServer() as server:
            yield server

    @pytest.fixture
    def script(self, server: ScriptedServer) -> ScriptedServer:
        """The same, with nothing said yet."""
        server.will(Vectors())
        return server

    @pytest.mark.parametrize("method", [*both("get_query_embedding"), *both("get_text_embedding")])
    def test_one(self, script: ScriptedServer, method: str) -> None:
        """A text has a vector."""
        assert embed(self.make_embedding(script.root), method, "four")[0] == 4.0

    @pytest.mark.parametrize("method", both("get_text_embedding_batch"))
    def test_batches(self, script: ScriptedServer, method: str) -> None:
        """Many texts go out in batches of the size set, and their vectors come in the order of the texts."""
        vectors = embed(self.make_embedding(script.root, embed_batch_size=2), method, TEXTS)

        assert [vector[0] for vector in vectors] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
        assert sorted(len(body["input"]) for body in script.bodies) == [1, 2, 2, 2]

    @pytest.mark.parametrize("method", both("get_text_embedding_batch"))
    def test_progress(self, script: ScriptedServer, method: str, capsys: pytest.CaptureFixture[str]) -> None:
        """A progress bar is shown where it is asked for."""
        embed(self.make_embedding(script.root, embed_batch_size=2), method, TEXTS, show_progress=True)
        assert "Generating embeddings" in capsys.readouterr().err

    @pytest.mark.parametrize("method", both("get_text_embedding_batch"))
    def test_no_texts(self, script: ScriptedServer, method: str) -> None:
        """No texts have no vectors, and nothing is asked."""
        assert embed(self.make_embedding(script.root), method, []) == []
        assert script.bodies == []

    @pytest.mark.parametrize("method", both("get_text_embedding_batch"))
    def test_order_by_index(self, script: ScriptedServer, method: str) -> None:
        """Rows are told apart by their index, in whatever order the server sends them."""
        script.will(Vectors([{"index": i, "embedding": [float(i)]} for i in (2, 0, 1)]))
        assert embed(self.make_embedding(script.root), method, TEXTS[:3]) == [[0.0], [1.0], [2.0]]

    @pytest.mark.parametrize("method", both("get_text_embedding_batch"))
    def test_too_few(self, script: ScriptedServer, method: str) -> None:
        """An answer with fewer vectors than texts is an error."""
        script.will(Vectors([{"index": 0, "embedding": [1.0]}]))
        with pytest.raises(Exception, match=r"1 .*3"):
            embed(self.make_embedding(script.root), method, TEXTS[:3])

    @pytest.mark.parametrize("method", both("get_text_embedding_batch"))
    def test_base64(self, script: ScriptedServer, method: str) -> None:
        """Vectors in base64 arrive as floats."""
        coded = base64.b64encode(struct.pack("<2f", 0.5, -1.5)).decode()
        script.will(Vectors([{"index": 0, "embedding": coded}]))
        assert embed(self.make_embedding(script.root), method, TEXTS[:1]) == [[0.5, -1.5]]

    @pytest.mark.parametrize("method", both("get_text_embedding"))
    def test_dimensions(self, script: ScriptedServer, method: str) -> None:
        """The number of dimensions asked for is sent."""
        embed(self.make_embedding(script.root, dimensions=2), method, "text")
        assert script.bodies[-1]["dimensions"] == 2

    @pytest.mark.parametrize(
        ("method", "side"),
        [
            *((method, "query") for method in both("get_query_embedding")),
            *((method, "document") for method in both("get_text_embedding")),
        ],
    )
    def test_sides(self, script: ScriptedServer, method: str, side: str) -> None:
        """Queries and documents are told apart, for a model that tells them apart."""
        embed(self.make_embedding(script.root), method, "text")
        assert script.bodies[-1].get("input_type") == side

    @pytest.mark.parametrize("first", [*both("get_query_embedding"), *both("get_text_embedding")])
    def test_cache(self, script: ScriptedServer, first: str) -> None:
        """A cache gives a text its own vector on either side, and is asked before the server is."""
        model = self.make_embedding(script.root, embeddings_cache=SimpleKVStore())
        second = first.replace("query", "text") if "query" in first else first.replace("text", "query")
        got = [embed(model, method, "same") for method in (first, second, first, second)]

        assert got[0] == got[2]
        assert got[1] == got[3]
        assert got[0] != got[1]
        assert len(script.bodies) == 2

    @pytest.mark.parametrize("method", both("get_image_embedding"))
    @pytest.mark.parametrize("source", ["path", "buffer"])
    def test_images(self, script: ScriptedServer, method: str, source: str, tmp_path: Path) -> None:
        """An image has a vector; it goes out as a data URL."""
        (tmp_path / "dot.png").write_bytes(PNG)
        image = str(tmp_path / "dot.png") if source == "path" else BytesIO(PNG)
        embed(self.make_embedding(script.root), method, image)
        assert script.bodies[-1]["input"][0]["image"].startswith("data:image/png;base64,iVBOR")

    @pytest.mark.parametrize("method", both("get_image_embedding_batch"))
    def test_image_batches(self, script: ScriptedServer, method: str) -> None:
        """Many images go out in batches of the size set."""
        model = self.make_embedding(script.root, embed_batch_size=2)
        assert len(embed(model, method, [BytesIO(PNG)] * 3)) == 3
        assert sorted(len(body["input"]) for body in script.bodies) == [1, 2]

    @pytest.mark.parametrize("method", [*both("get_query_embedding"), *both("get_text_embedding")])
    def test_events(self, script: ScriptedServer, method: str) -> None:
        """An embedding fires its start and its end, once each."""
        model, recorder, root = self.make_embedding(script.root), _EmbeddingRecorder(), get_dispatcher()
        root.add_event_handler(recorder)
        try:
            embed(model, method, "text")
        finally:
            root.event_handlers.remove(recorder)
        assert recorder._names == ["EmbeddingStartEvent", "EmbeddingEndEvent"]

    def test_copies(self, script: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """A used model can be pickled and copied, and the copies work."""
        monkeypatch.setenv("AZURE_INFERENCE_CREDENTIAL", SECRET)
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)
        model = self.make_embedding(script.root)
        embed(model, "get_text_embedding", "one")
        embed(model, "aget_text_embedding", "one")
        for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            assert embed(copied, "get_text_embedding", "four")[0] == 4.0

    def test_secret(self, script: ScriptedServer) -> None:
        """The key is in no text form, no dictionary, no payload and no pickle."""
        model = self.make_embedding(script.root)
        shown = [repr(model), str(model), repr(model.to_dict()), repr(model.to_payload())]
        assert not [text for text in shown if SECRET in text]
        assert SECRET.encode() not in pickle.dumps(model)

    def test_event_loops(self, script: ScriptedServer) -> None:
        """One model serves several event loops, one after another, with one request a call."""
        model = self.make_embedding(script.root)
        assert [embed(model, "aget_text_embedding", "four")[0] for _ in range(3)] == [4.0] * 3
        assert len(script.bodies) == 3


class _EmbeddingRecorder(Recorder):
    """Keeps the names of the events of embeddings."""

    def handle(self, event: Any, **kwargs: Any) -> None:
        if event.class_name().startswith("Embedding"):
            self._names.append(event.class_name())
