"""Embeddings by signed feature hashing: related texts get near vectors, the same on every machine, with no model."""

import base64
import math
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise

from azure_inference_emulator import text as linguistics

DIMENSIONS = 256
_WORD, _STOP_WORD, _PAIR, _GRAM = 3.0, 0.3, 1.0, 0.35


@lru_cache(maxsize=262144)
def _hash(feature: str) -> int:
    return int.from_bytes(blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


@lru_cache(maxsize=65536)
def _word_features(word: str, dimensions: int) -> tuple[tuple[int, float], ...]:
    """Where one word adds what: its stem, and the 3 to 5 character pieces of it between boundary marks."""
    stop = word in linguistics.STOP_WORDS
    values: dict[int, float] = {}
    features = [(f"w:{linguistics.stem(word)}", _STOP_WORD if stop else _WORD)]
    if not stop:
        marked = f"<{word}>"
        grams = [marked[at : at + size] for size in (3, 4, 5) for at in range(len(marked) - size + 1)]
        features += [(f"g:{gram}", _GRAM) for gram in grams]
    for name, weight in features:
        number = _hash(name)
        index = (number >> 1) % dimensions
        values[index] = values.get(index, 0.0) + (weight if number & 1 else -weight)
    return tuple(values.items())


def embed(text: str, dimensions: int = DIMENSIONS, *, query: bool = False) -> list[float]:
    """The unit vector of a text; as a query, its stop words are left out."""
    found = linguistics.words(text)
    vector = [0.0] * dimensions
    for word, count in Counter(found).items():
        if query and word in linguistics.STOP_WORDS:
            continue
        times = 1.0 + math.log(count)
        for index, value in _word_features(word, dimensions):
            vector[index] += times * value
    stems = [linguistics.stem(word) for word in found if word not in linguistics.STOP_WORDS]
    for first, second in set(pairwise(stems)):
        number = _hash(f"p:{first} {second}")
        vector[(number >> 1) % dimensions] += _PAIR if number & 1 else -_PAIR
    if not any(vector):
        vector = _of_bytes(text.encode("utf-8", "surrogatepass"), dimensions)
    return normalised(vector)


def embed_bytes(data: bytes, dimensions: int = DIMENSIONS) -> list[float]:
    """The unit vector of an image's bytes: hashed runs, so that nearly equal files get near vectors."""
    return normalised(_of_bytes(data, dimensions))


def embed_tokens(tokens: Iterable[int], dimensions: int = DIMENSIONS) -> list[float]:
    """The unit vector of a text given as token ids."""
    return embed(" ".join(f"token{token}" for token in tokens), dimensions)


def _of_bytes(data: bytes, dimensions: int) -> list[float]:
    vector = [0.0] * dimensions
    for start in range(0, max(1, len(data)), 64):
        number = int.from_bytes(blake2b(data[start : start + 64], digest_size=8).digest(), "big")
        vector[(number >> 1) % dimensions] += 1.0 if number & 1 else -1.0
    return vector if any(vector) else [1.0] + [0.0] * (dimensions - 1)


def normalised(vector: Sequence[float]) -> list[float]:
    """A vector with length 1."""
    length = math.sqrt(math.fsum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]


def encoded(vector: Sequence[float], encoding: str) -> list[float] | list[int] | str:
    """A unit vector in one of the API's encodings; ``base64`` is little-endian float32, ``binary`` packs signs."""
    if encoding == "base64":
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
    if encoding == "int8":
        return [max(-128, min(127, round(value * 127))) for value in vector]
    if encoding == "uint8":
        return [max(0, min(255, round(value * 127) + 128)) for value in vector]
    if encoding in {"binary", "ubinary"}:
        shift = 128 if encoding == "binary" else 0
        return [byte - shift for byte in _packed(vector)]
    return list(vector)


def _packed(vector: Sequence[float]) -> list[int]:
    bits = [1 if value > 0 else 0 for value in vector]
    bits += [0] * (-len(bits) % 8)
    return [int("".join(map(str, bits[start : start + 8])), 2) for start in range(0, len(bits), 8)]
