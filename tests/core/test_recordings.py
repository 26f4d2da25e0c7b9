"""The bodies that real services sent, read by the core and by a plain reading of the JSON: both say the same."""

from __future__ import annotations

import base64
import gzip
import json
import random
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from azure_inference import (
    APIStatusError,
    ChatRequest,
    CompletionRequest,
    EmbeddingsRequest,
    ImageEmbeddingsRequest,
    batching,
    dialects,
    protocol,
    to_request,
)
from azure_inference.accumulate import ChatAccumulator
from azure_inference.reader import StreamReader

from . import endpoints

if TYPE_CHECKING:
    from pathlib import Path

ROUTES: dict[str, tuple[str, Any]] = {
    "/chat/completions": ("CHAT", ChatRequest),
    "/images/embeddings": ("IMAGE_EMBEDDINGS", ImageEmbeddingsRequest),
    "/embeddings": ("EMBEDDINGS", EmbeddingsRequest),
    "/completions": ("COMPLETIONS", CompletionRequest),
}
DIALECT_OF = (("/openai/deployments/", "azure-openai"), ("/v1/", "openai-v1"))
OPEN_VALUE = re.compile(r"\{\{\(.*?\)\}\}", re.DOTALL)
FORMS = ('"none"', '"auto"', '"required"', '{"type":"function","function":{"name":"GetPersonAge"}}')
MODELS = "https://res.services.ai.azure.com/models"


@dataclass(frozen=True)
class Recording:
    """One interaction: where it was asked, what was asked, and what came."""

    name: str
    url: str
    asked: Any
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def route(self) -> str:
        path = self.url.partition("?")[0]
        return next((route for route in ROUTES if path.endswith(route)), "/chat/completions")

    @property
    def is_stream(self) -> bool:
        return self.status == 200 and self.body.lstrip()[:5] == b"data:"

    @property
    def is_refusal(self) -> bool:
        """Whether the service refused; some recordings of the sets hold a refusal under status 200."""
        return self.status != 200 or (self.body[:1] == b"{" and "error" in json.loads(self.body))

    def call(self) -> Any:
        name = ROUTES[self.route][0]
        if self.is_stream:
            name += "_STREAM"
        return protocol.prepare(dialects.resolve(self.url), getattr(endpoints, name), None)


def recordings(folder: Path) -> list[Recording]:
    """Every body there is: files of interactions, lone bodies and streams, the pairs of the .NET client, the sets."""
    found: list[Recording] = []
    for path in sorted(folder.glob("*.json")):
        value = json.loads(path.read_bytes())
        if "interactions" in value:
            found += [_from_file(path, number, each) for number, each in enumerate(value["interactions"])]
        elif "pairs" in value:
            found += [each for pair in value["pairs"] for each in _from_pair(pair)]
        else:
            route = "/chat/completions" if "choices" in value else "/embeddings"
            found.append(Recording(path.name, MODELS + route, None, 200, {}, path.read_bytes()))
    known = {recording.body for recording in found}
    for path in sorted(folder.glob("*.sse")):
        if path.read_bytes() not in known:
            found.append(Recording(path.name, f"{MODELS}/chat/completions", None, 200, {}, path.read_bytes()))
    for path in sorted(folder.glob("sets/*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            found += [_from_row(path, json.loads(line)) for line in lines]
    return found


def _from_file(path: Path, number: int, interaction: dict[str, Any]) -> Recording:
    asked, got = interaction["request"], interaction["response"]
    body = (path.parent / got["sse_file"]).read_bytes() if "sse_file" in got else got["body_raw"].encode()
    headers = {name.lower(): value for name, value in got["headers"].items()}
    return Recording(f"{path.stem}[{number}]", asked["url"], asked["body"], got["status"], headers, body)


def _from_pair(pair: dict[str, Any]) -> list[Recording]:
    """One recording, or one for each value that the pair leaves open: the forms of `tool_choice`."""
    route = {"AzureAIInferenceChatClientTests.cs": "/chat/completions"}.get(pair["file"], "/embeddings")
    route = "/images/embeddings" if "Image" in pair["file"] else route
    output = pair["output"]
    body = "\n".join(line.strip() for line in output.splitlines()) + "\n\n" if "data:" in output else output
    asked = [OPEN_VALUE.sub(form, pair["input"]) for form in FORMS] if "{{" in pair["input"] else [pair["input"]]
    name = f"dotnet {pair['test']}"
    return [Recording(name, MODELS + route, json.loads(text), 200, {}, body.encode()) for text in asked]


def _from_row(path: Path, row: dict[str, Any]) -> Recording:
    headers = {name.lower(): text for name, (text, *_) in (row["resp_headers"] or {}).items()}
    name = f"{path.name} {row['repo_path'].rpartition('/')[2]}[{row['idx']}]"
    asked = json.loads(row["request_body"])
    return Recording(name, row["url"], asked, row["status"], headers, row["response_body"].encode())


@pytest.fixture(scope="session")
def everything(shared_dir: Path) -> list[Recording]:
    """Every recording there is."""
    found = recordings(shared_dir / "reference" / "recordings")
    assert len(found) >= 200, "recordings have gone missing"
    return found


def _each(everything: list[Recording], wanted: Any) -> list[Recording]:
    chosen = [recording for recording in everything if wanted(recording)]
    assert chosen
    return chosen


# The other reading: the standard library and the JSON, nothing of ours.


def without_nulls(value: Any) -> Any:
    """A JSON value without what says nothing: nulls and empty lists and objects in objects."""
    if isinstance(value, dict):
        kept = {name: without_nulls(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if item not in (None, [], {})}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def text_of(content: Any, kind: str = "text") -> str:
    """The text in a content, which may be a list of parts."""
    if isinstance(content, list):
        return "".join(text_of(part.get(kind), "text") for part in content if part.get("type") == kind)
    return content or ""


def reasoning_in(content: Any) -> str:
    """The thought in a content, which only a list of parts has."""
    return text_of(content, "thinking") if isinstance(content, list) else ""


def arguments_of(value: Any) -> Any:
    """Arguments as text, which is what they should have been."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value or ""


def summary_of_json(value: dict[str, Any]) -> dict[str, Any]:
    """What a whole chat answer says. A choice that the filter stopped may have no message at all."""
    for choice in value["choices"]:
        choice.setdefault("message", {})
    return {
        "id": value.get("id") or None,
        "model": value.get("model") or None,
        "usage": without_nulls(value.get("usage")),
        "prompt_filter_results": value.get("prompt_filter_results") or None,
        "choices": [
            {
                "text": text_of(choice["message"].get("content")),
                "reasoning": choice["message"].get("reasoning_content")
                or choice["message"].get("reasoning")
                or reasoning_in(choice["message"].get("content")),
                "calls": [
                    (call["id"], call["function"]["name"], arguments_of(call["function"]["arguments"]))
                    for call in choice["message"].get("tool_calls") or []
                ],
                "finish_reason": choice.get("finish_reason"),
                "filter": choice.get("content_filter_results") or None,
            }
            for choice in value["choices"]
        ],
    }


def summary_of_answer(answer: Any) -> dict[str, Any]:
    """What the core read."""
    return {
        "id": answer.id or None,
        "model": answer.model or None,
        "usage": without_nulls(answer.usage.model_dump(exclude_unset=True)) if answer.usage else None,
        "prompt_filter_results": answer.prompt_filter_results or None,
        "choices": [
            {
                "text": choice.message.text,
                "reasoning": choice.message.reasoning_text,
                "calls": [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls],
                "finish_reason": choice.finish_reason,
                "filter": choice.content_filter_results or None,
            }
            for choice in answer.choices
        ],
    }


def frames_of(body: bytes) -> list[dict[str, Any]]:
    """The JSON of each event up to the end mark, for streams as these services send them: one data line an event."""
    lines = [line.strip() for line in body.decode().split("\n")]
    data = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    end = data.index("[DONE]") if "[DONE]" in data else len(data)
    return [json.loads(text) for text in data[:end]]


def whole_of_frames(frames: list[dict[str, Any]]) -> dict[str, Any]:
    """The frames as the whole answer they amount to."""
    whole: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for frame in frames:
        for name in ("id", "model", "prompt_filter_results"):
            whole.setdefault(name, frame.get(name) or None)
            whole[name] = whole[name] or frame.get(name) or None
        if frame.get("usage"):
            whole["usage"] = frame["usage"]
        for choice in frame.get("choices") or []:
            so_far = choices.setdefault(choice.get("index") or 0, {"text": "", "reasoning": "", "calls": {}})
            delta = choice.get("delta") or {}
            so_far["text"] += text_of(delta.get("content"))
            thought = delta.get("reasoning_content") or delta.get("reasoning")
            so_far["reasoning"] += thought or reasoning_in(delta.get("content"))
            so_far["finish_reason"] = choice.get("finish_reason") or so_far.get("finish_reason")
            so_far["filter"] = {**(so_far.get("filter") or {}), **(choice.get("content_filter_results") or {})}
            for number, call in enumerate(delta.get("tool_calls") or []):
                place = call.get("index", number)
                known = so_far["calls"].setdefault(place, {"id": "", "name": "", "arguments": ""})
                function = call.get("function") or {}
                known["id"] = known["id"] or call.get("id") or ""
                known["name"] = known["name"] or function.get("name") or ""
                known["arguments"] += arguments_of(function.get("arguments"))
    return {
        "id": whole.get("id"),
        "model": whole.get("model"),
        "usage": without_nulls(whole.get("usage")),
        "prompt_filter_results": whole.get("prompt_filter_results"),
        "choices": [
            {
                "text": choice["text"],
                "reasoning": choice["reasoning"],
                "calls": [tuple(call.values()) for _, call in sorted(choice["calls"].items())],
                "finish_reason": choice["finish_reason"],
                "filter": choice["filter"] or None,
            }
            for _, choice in sorted(choices.items())
        ],
    }


def vectors_of(value: dict[str, Any]) -> list[list[float]]:
    """The vectors of an embeddings answer, in the order of its indices."""
    rows = sorted(value["data"], key=lambda row: row["index"])
    return [_numbers(row["embedding"]) for row in rows]


def _numbers(embedding: Any) -> list[float]:
    if isinstance(embedding, str):
        raw = base64.b64decode(embedding)
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    return [float(number) for number in embedding]


def read_stream(recording: Recording, cuts: list[int]) -> tuple[list[Any], Any]:
    """The chunks and the whole answer that the core makes of a body that comes in pieces."""
    reader: Any = StreamReader(recording.call(), ChatAccumulator())
    chunks: list[Any] = []
    ends = [*cuts, len(recording.body)]
    for start, end in zip([0, *cuts], ends, strict=True):
        reader.feed(recording.body[start:end])
        while (chunk := reader.next()) is not None:
            chunks.append(chunk)
    reader.end()
    while (chunk := reader.next()) is not None:
        chunks.append(chunk)
    return chunks, reader.result()


def test_whole_chat_answers(everything: list[Recording]) -> None:
    """Text, reasoning, tool calls, finish reasons, usage, filters, model and id of every whole chat answer."""
    chosen = _each(everything, lambda each: not each.is_refusal and each.route == "/chat/completions")
    wholes = [each for each in chosen if not each.is_stream]
    assert len(wholes) > 100

    for each in wholes:
        answer = protocol.read_answer(each.call(), each.status, each.headers, each.body)
        assert summary_of_answer(answer) == summary_of_json(json.loads(each.body)), each.name


def test_nothing_of_an_answer_is_lost(everything: list[Recording]) -> None:
    """Every key of every whole answer, known or not, is still there, with its value."""
    for each in _each(everything, lambda each: not each.is_refusal and not each.is_stream):
        answer = protocol.read_answer(each.call(), each.status, each.headers, each.body)

        kept = answer.model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert without_nulls(kept) == without_nulls(json.loads(each.body)), each.name


def test_streams(everything: list[Recording]) -> None:
    """The chunks of every stream hold what its frames hold, and amount to the same answer."""
    streams = _each(everything, lambda each: each.is_stream)
    assert len(streams) > 20

    for each in streams:
        frames = frames_of(each.body)
        chunks, answer = read_stream(each, [])
        assert len(chunks) == len(frames), each.name
        assert [chunk.id for chunk in chunks] == [frame.get("id") for frame in frames], each.name
        assert summary_of_answer(answer) == whole_of_frames(frames), each.name


def test_streams_cut_anywhere(everything: list[Recording]) -> None:
    """However the network cuts a stream, the chunks are the same."""
    rng = random.Random(20261122)
    for each in _each(everything, lambda each: each.is_stream):
        chunks, answer = read_stream(each, [])
        for count in (1, 3, 20, 300):
            cuts = sorted(rng.sample(range(1, len(each.body)), min(count, len(each.body) - 1)))
            assert read_stream(each, cuts) == (chunks, answer), each.name


def test_embeddings(everything: list[Recording]) -> None:
    """The vectors of every embeddings answer, from lists and from base64, in the order of the inputs."""
    routes = ("/embeddings", "/images/embeddings")
    for each in _each(everything, lambda each: not each.is_refusal and each.route in routes):
        value = json.loads(each.body)
        read = protocol.read_answer(each.call(), each.status, each.headers, each.body)
        answer = batching.with_vectors(read, len(value["data"]))
        assert answer.vectors == vectors_of(value), each.name
        assert without_nulls(answer.usage and answer.usage.model_dump(exclude_unset=True)) == value.get("usage")
        assert (answer.id, answer.model) == (value.get("id"), value.get("model"))


def test_text_completions(everything: list[Recording]) -> None:
    """The texts, finish reasons and usage of text completions."""
    for each in _each(everything, lambda each: each.route == "/completions" and not each.is_refusal):
        value = json.loads(each.body)
        answer = protocol.read_answer(each.call(), each.status, each.headers, each.body)
        read = [(choice.index, choice.text, choice.finish_reason) for choice in answer.choices]
        assert read == [(choice["index"], choice["text"], choice["finish_reason"]) for choice in value["choices"]]
        assert answer.usage.model_dump(exclude_unset=True) == value["usage"]


def test_refusals(everything: list[Recording]) -> None:
    """Status, code, message, param, inner code, filter categories and ids of every refusal."""
    for each in _each(everything, lambda each: each.is_refusal):
        with pytest.raises(APIStatusError) as caught:
            protocol.read_answer(each.call(), each.status, each.headers, each.body)

        error = caught.value
        body = json.loads(each.body) if each.body[:1] == b"{" else {"message": each.body.decode()}
        inside = body.get("error", body)
        inner = inside.get("innererror") or {}
        assert error.status_code == (each.status if each.status != 200 else inside["status"]), each.name
        assert error.code == (str(inside["code"]) if inside.get("code") else None), each.name
        said = inside.get("message") or inside.get("detail")
        assert said.rstrip(".") in error.message, each.name
        assert inside.get("param") in (None, error.param), each.name
        assert error.inner_code == inner.get("code"), each.name
        assert error.content_filter == inner.get("content_filter_result", {}), each.name
        assert error.body == (body if each.body[:1] == b"{" else each.body.decode()), each.name
        if "apim-request-id" in each.headers:
            assert error.request_id == each.headers["apim-request-id"], each.name


def test_requests(everything: list[Recording]) -> None:
    """Every request that was recorded goes out again as the same JSON, at the same address, in the same dialect."""
    asked = _each(everything, lambda each: isinstance(each.asked, dict))
    assert len(asked) > 200

    for each in asked:
        name, kind = ROUTES[each.route]
        given = json.dumps(each.asked)
        target = dialects.resolve(each.url)
        name += "_STREAM" if each.asked.get("stream") else ""
        call = protocol.prepare(target, getattr(endpoints, name), to_request(kind, each.asked))
        assert json.loads(call.body) == _as_we_send(each.asked), each.name
        assert json.dumps(each.asked) == given, f"{each.name}: what the caller gave was changed"
        path, _, query = each.url.partition("?")
        host, slashes, rest = path.partition(".com//")
        address = f"{host}.com/{rest}" if slashes else path
        assert call.url.partition("?")[0] == address, each.name
        if query:
            assert query in call.url, each.name
        assert target.dialect.name == next((name for mark, name in DIALECT_OF if mark in path), "model-inference")


def _as_we_send(asked: dict[str, Any]) -> dict[str, Any]:
    """The two differences of form: what is null is left out, and a lone text is a list of one."""
    sent = {name: value for name, value in asked.items() if value is not None}
    for name in ("stop", "input"):
        if isinstance(sent.get(name), str):
            sent[name] = [sent[name]]
    if "messages" in sent:
        sent["messages"] = [
            {name: value for name, value in message.items() if value is not None} for message in sent["messages"]
        ]
    return sent
