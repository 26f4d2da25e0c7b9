"""Embeddings of texts and images on the wire."""

import base64
import binascii

from azure_inference_emulator import chat, failures, vectors
from azure_inference_emulator import text as linguistics
from azure_inference_emulator.admission import Admitted
from azure_inference_emulator.values import JsonObject, as_int, as_list, as_objects, as_text, is_list


def of_texts(admitted: Admitted, number: int) -> JsonObject:
    """The body that answers ``/embeddings``."""
    given = admitted.body["input"]
    items = [given] if isinstance(given, str) or _are_tokens(given) else as_list(given)
    size = _dimensions(admitted)
    query = admitted.body.get("input_type") == "query"
    rows = [
        vectors.embed_tokens(as_list(item), size) if is_list(item) else vectors.embed(str(item), size, query=query)
        for item in items
    ]
    count = sum(len(as_list(item)) if is_list(item) else max(1, linguistics.count_tokens(str(item))) for item in items)
    return _result(admitted, rows, {"prompt_tokens": count, "total_tokens": count}, number)


def of_images(admitted: Admitted, number: int) -> JsonObject:
    """The body that answers ``/images/embeddings``: image and text of an input count half each."""
    size = _dimensions(admitted)
    rows: list[list[float]] = []
    count = 0
    for index, item in enumerate(as_objects(admitted.body["input"])):
        row = vectors.embed_bytes(_decoded(as_text(item["image"]), index), size)
        text = as_text(item.get("text"))
        if text:
            row = vectors.normalised([a + b for a, b in zip(row, vectors.embed(text, size), strict=True)])
        count += 85 + linguistics.count_tokens(text)
        rows.append(row)
    usage = {"prompt_tokens": count, "completion_tokens": 0, "total_tokens": count, "images": len(rows)}
    return _result(admitted, rows, usage, number)


def _are_tokens(given: object) -> bool:
    items = as_list(given)
    return bool(items) and isinstance(items[0], int)


def _dimensions(admitted: Admitted) -> int:
    return as_int(admitted.body.get("dimensions"), admitted.model.dimensions)


def _decoded(url: str, index: int) -> bytes:
    try:
        return base64.b64decode(url.partition(",")[2], validate=True)
    except binascii.Error:
        problem = {
            "type": "value_error",
            "loc": ["body", "input", index, "image"],
            "msg": "Invalid base64 in data URL",
            "input": url[:80],
        }
        raise failures.invalid([problem]) from None


def _result(admitted: Admitted, rows: list[list[float]], usage: JsonObject, number: int) -> JsonObject:
    encoding = as_text(admitted.body.get("encoding_format")) or "float"
    data = [
        {"object": "embedding", "index": index, "embedding": vectors.encoded(row, encoding)}
        for index, row in enumerate(rows)
    ]
    whole = {"id": f"embd-{number:012x}", "object": "list", "model": admitted.model_name, "data": data, "usage": usage}
    return chat.with_extras(whole, admitted.extras)
