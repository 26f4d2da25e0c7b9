"""Words, stems, tokens and sentences: the little linguistics that answers, tool choice and embeddings share."""

import re
from collections.abc import Iterable
from functools import lru_cache

_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W_]+(?:['’][^\W\d_]+)?")
_TOKEN = re.compile(r"\s*(?:\w{1,6}|[^\w\s])|\s+\Z")
_IDENTIFIER = re.compile(r"\b[A-Z]?[a-z]+(?:[A-Z][a-z]+)+\b")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_+|-+|\.+")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)\]`*_]*\s+(?=[\"'“‘(\[`*_]*[A-Z0-9À-ÞА-Я])|(?<=[。！？])\s*")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|no|nos|fig|mr|mrs|ms|dr|st|prof|inc|ltd)|\b[A-Z])\.$", re.IGNORECASE
)

STOP_WORDS = frozenset(
    "a about above after again all also am an and any are aren't as at be because been before being below between both "
    "but by can cannot could did do does doesn't doing don't down during each few for from further had has have having "
    "he her here hers him his how i i'd i'll i'm i've if in into is isn't it it's its itself just let let's like me "
    "more most my no nor not now of off on once one only or other our ours out over own per please same she should so "
    "some such than that that's the their theirs them then there there's these they this those through to too under "
    "until up us use used uses using very was we were what what's when where where's which while who whom whose why "
    "will with would you your yours yourself tell give show need want know get make explain describe say mean".split()
)
# What people ask in one word and documents (or tools) say in another; both sides are stems.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "forecast": ("weath",),
    "temperatur": ("weath",),
    "sunny": ("weath",),
    "rain": ("weath",),
    "plus": ("add", "sum"),
    "sum": ("add",),
    "total": ("sum",),
    "product": ("multipl",),
    "minus": ("subtract",),
    "divid": ("divis",),
    "find": ("search", "lookup"),
    "lookup": ("search", "find"),
    "larg": ("size",),
    "big": ("size",),
    "author": ("writ",),
    "writ": ("author",),
    "cost": ("pric",),
    "pric": ("cost",),
    "start": ("run", "begin", "launch"),
    "launch": ("start", "run"),
    "setup": ("install",),
    "remov": ("delet",),
    "delet": ("remov",),
    "environ": ("env",),
    "limit": ("maximum", "max"),
    "maximum": ("max", "limit"),
    "minimum": ("min",),
    "fast": ("second", "speed"),
    "long": ("second", "minut"),
}
_IRREGULAR = {
    "wrote": "writ", "written": "writ", "ran": "run", "made": "mak", "kept": "keep", "built": "build", "sent": "send",
    "began": "begin", "begun": "begin", "chose": "choos", "chosen": "choos", "held": "hold", "found": "find",
    "lost": "los", "paid": "pay", "sold": "sell", "bought": "buy", "spoke": "speak", "spoken": "speak", "knew": "know",
    "known": "know", "shown": "show", "took": "tak", "taken": "tak", "gave": "giv", "given": "giv", "went": "go",
    "gone": "go", "came": "com", "said": "say", "told": "tell", "met": "meet", "fell": "fall", "fallen": "fall",
}  # fmt: skip
# Between two numbers.
OPERATIONS = {
    "+": "add", "plus": "add", "*": "multipl", "x": "multipl", "times": "multipl",
    "/": "divid", "over": "divid", "-": "subtract", "minus": "subtract",
}  # fmt: skip
_SUFFIXES = (
    ("izations", 4), ("ization", 4), ("ations", 3), ("ation", 3), ("ements", 4), ("ement", 4), ("ments", 4),
    ("ment", 4), ("nesses", 4), ("ness", 4), ("ings", 3), ("ing", 3), ("ated", 4), ("ates", 4), ("ate", 4),
    ("edly", 3), ("ied", 2), ("ed", 3), ("ers", 4), ("er", 4), ("ors", 4), ("or", 4), ("ably", 4), ("able", 4),
    ("ibly", 4), ("ible", 4), ("ives", 4), ("ive", 4), ("ally", 4), ("al", 4), ("ly", 3), ("e", 3),
)  # fmt: skip


def words(text: str) -> list[str]:
    """The lower-case words of a text in order; identifiers are split at underscores, CJK into characters."""
    return [word.lower() for word in _WORD.findall(text)]


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """What is left of a lower-case word when endings are taken off: equal for the forms of one word."""
    word = word.replace("’", "'").removesuffix("'s")
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    word = _singular(word)
    if word.startswith("un") and len(word) > 7:
        word = word[2:]
    for _ in range(2):
        cut = _without_suffix(word)
        if cut == word:
            break
        word = cut
    return word


def _singular(word: str) -> str:
    if len(word) < 4 or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word.removesuffix("s")


def _without_suffix(word: str) -> str:
    for suffix, shortest in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= shortest:
            rest = word[: -len(suffix)]
            if suffix == "ied":
                return rest + "y"
            doubled = len(rest) > 3 and rest[-1] == rest[-2] and rest[-1] not in "lsz"
            return rest[:-1] if doubled else rest
    return word


def stems(text: str) -> list[str]:
    """The stems of a text's words in order, without stop words."""
    return [stem(word) for word in words(text) if word not in STOP_WORDS]


def name_stems(name: str) -> list[str]:
    """The stems of an identifier: ``getWeather_forNow`` gives those of get, weather and now."""
    return stems(_CAMEL.sub(" ", name))


def with_parts(text: str) -> str:
    """A text with the words of its camel-case identifiers beside them."""
    return _IDENTIFIER.sub(lambda match: f"{match[0]} {_CAMEL.sub(' ', match[0])}", text)


def tokens(text: str) -> list[str]:
    """A text cut into pieces of a language model's size (about four characters); they join to the text."""
    return _TOKEN.findall(text)


def count_tokens(*texts: str) -> int:
    """How many tokens the texts have together."""
    return sum(len(_TOKEN.findall(text)) for text in texts)


def sentences(text: str) -> list[str]:
    """The sentences of a plain text in order; dots of numbers, abbreviations and initials end none."""
    parts: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        candidate = text[start : match.start()]
        if _ABBREVIATION.search(candidate):
            continue
        parts.append(text[start : match.end()].strip())
        start = match.end()
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def flat(text: str, limit: int = 160) -> str:
    """A text on one line, cut at ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def with_synonyms(terms: Iterable[str]) -> set[str]:
    """The stems together with those that documents use for the same thing."""
    found = set(terms)
    for term in tuple(found):
        found.update(SYNONYMS.get(term, ()))
    return found
