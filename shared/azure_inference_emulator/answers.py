"""Extractive answers: the passages of a context that answer a question, by weighted overlap of stemmed words."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from azure_inference_emulator import text as linguistics
from azure_inference_emulator.passages import Passage, split

_DIGIT = re.compile(r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|hundred)\b", re.IGNORECASE)
_NAME = re.compile(r"(?<=[\w,;] )[A-Z][a-z]+")
_COMMAND = re.compile(r"`[^`]+`|\$ |```")
_PLACE = re.compile(r"\b(?:in|at|on|under|from|to)\b|/|https?:", re.IGNORECASE)
_REASON = re.compile(r"\b(?:because|since|so that|therefore|due|hence|reason|avoid|otherwise)\b", re.IGNORECASE)
# What kind of passage an interrogative word asks for.
_WANTED = (
    (re.compile(r"\bhow (?:many|much|long|often|big|large|old|far|fast|high)|\bwhen\b|\b(?:which|what) (?:year|date|"
                r"version|number|port|time|percentage|amount|size)|default|\blimit\b", re.IGNORECASE), _DIGIT),
    (re.compile(r"\bwho(?:m|se)?\b", re.IGNORECASE), _NAME),
    (re.compile(r"\bwhy\b", re.IGNORECASE), _REASON),
    (re.compile(r"\bwhere\b", re.IGNORECASE), _PLACE),
    (re.compile(r"\bhow (?:do|can|to|does|is|are|should)\b|\bcommands?\b", re.IGNORECASE), _COMMAND),
)  # fmt: skip
# "Which package imports httpx?" asks for a package: the answer has imports and httpx, and seldom the word package.
_ASKED_FOR = re.compile(
    r"\b(?:which|what)\s+(\w+)\s+(?!(?:do|does|did|is|are|was|were|has|have|had|can|should|will|must|of|for|in)\b)",
    re.IGNORECASE,
)
_SUMMARY = re.compile(r"\b(?:summar|tl;?dr|overview|main points|key points|gist)", re.IGNORECASE)
_LOWEST_COVERAGE = 0.34
_COVERAGE_WITHOUT_NAME = 0.6
_MOST_FOLLOWERS = 8


@dataclass(frozen=True)
class _Scored:
    index: int
    score: float
    coverage: float
    covered: frozenset[str]
    rarest: str = ""


@dataclass(frozen=True)
class _Material:
    """Passages with what scoring needs to know of each, computed once."""

    passages: Sequence[Passage]
    bags: Sequence[Counter[str]]
    headings: Sequence[tuple[set[str], set[str]]]
    idf: dict[str, float]

    @classmethod
    def of(cls, passages: Sequence[Passage], terms: Sequence[str], asked_for: set[str]) -> "_Material":
        bags = [Counter(linguistics.stems(linguistics.with_parts(passage.text))) for passage in passages]
        headings = [_heading_stems(passage.headings) for passage in passages]
        count = len(passages)
        seen = {term: sum(1 for bag in bags if _strength(term, bag) >= 0.6) for term in set(terms)}
        idf = {term: math.log(1 + (count + 1) / (times + 0.5)) for term, times in seen.items() if times}
        # A word the context never uses says nothing about which passage answers: it weighs like the others.
        usual = sum(idf.values()) / len(idf) if idf else 1.0
        weights = {term: idf.get(term, usual) for term in seen}
        for term in asked_for & weights.keys():
            weights[term] *= 0.5
        return cls(passages, bags, headings, weights)


def _heading_stems(headings: tuple[str, ...]) -> tuple[set[str], set[str]]:
    nearest = set(linguistics.stems(headings[-1])) if headings else set[str]()
    above = {stem for heading in headings[:-1] for stem in linguistics.stems(heading)}
    return nearest, above


def _strength(term: str, bag: Counter[str]) -> float:
    """How well a passage has a term: itself, a synonym, or a word that begins alike."""
    if term in bag:
        return 1.0
    if any(other in bag for other in linguistics.SYNONYMS.get(term, ())):
        return 0.75
    if len(term) >= 5 and any(len(word) >= 4 and (word.startswith(term) or term.startswith(word)) for word in bag):
        return 0.6
    return 0.0


def terms_of(question: str) -> list[str]:
    """The stems a question turns on, in order, each once."""
    found = linguistics.stems(question)
    return list(dict.fromkeys(found or [linguistics.stem(word) for word in linguistics.words(question)]))


def extract(question: str, context: str) -> str:
    """The passages of ``context`` that answer ``question`` (one to three, in their order), or an empty string."""
    passages = split(context)
    if not passages:
        return ""
    terms = terms_of(question)
    if _SUMMARY.search(question):
        summary = _summary(passages)
        if len(terms) <= 4 or not (found := _best(question, passages, terms)):
            return summary
        return _compose(passages, found)
    return _compose(passages, _best(question, passages, terms))


def coverage(question: str, context: str) -> float:
    """Which share (0 to 1) of what the question turns on its best passage in the context has."""
    passages = split(context)
    scored = _scores(question, passages, terms_of(question)) if passages else []
    return max((item.coverage for item in scored), default=0.0)


def _scores(question: str, passages: Sequence[Passage], terms: list[str]) -> list[_Scored]:
    asked_for = {linguistics.stem(word.lower()) for word in _ASKED_FOR.findall(question)}
    material = _Material.of(passages, terms, asked_for)
    wanted = [pattern for asked, pattern in _WANTED if asked.search(question)]
    pairs = list(pairwise(terms))
    return [_score(material, index, terms, pairs, wanted) for index in range(len(passages))]


def _score(
    material: _Material, index: int, terms: list[str], pairs: list[tuple[str, str]], wanted: list[re.Pattern[str]]
) -> _Scored:
    passage, bag = material.passages[index], material.bags[index]
    nearest, above = material.headings[index]
    before = _previous(material, index)
    gained, own, covered = 0.0, 0.0, set[str]()
    for term in terms:
        inside = _strength(term, bag)
        around = max(0.7 * (term in nearest), 0.35 * (term in above), 0.45 * _strength(term, before))
        gained += material.idf[term] * max(inside, around)
        own += material.idf[term] * inside
        if inside >= 0.6:
            covered.add(term)
    total = sum(material.idf.values()) or 1.0
    score = gained + 0.25 * own + _phrase_bonus(passage, pairs, material.idf)
    score *= _form(passage, sum(bag.values())) * (1.0 + 0.18 * sum(1 for form in wanted if form.search(passage.text)))
    rarest = max(sorted(covered), key=lambda term: material.idf[term], default="")
    return _Scored(index, score, gained / total, frozenset(covered), rarest)


def _previous(material: _Material, index: int) -> Counter[str]:
    """The words of the sentence before, which a pronoun of this one may mean, or of the line that leads in."""
    for earlier in range(index - 1, max(-1, index - _MOST_FOLLOWERS), -1):
        if material.passages[earlier].leads_in:
            return material.bags[earlier]
        if material.passages[earlier].kind == "prose":
            same = material.passages[earlier].group == material.passages[index].group
            return material.bags[earlier] if same else Counter()
    return Counter()


def _phrase_bonus(passage: Passage, pairs: list[tuple[str, str]], idf: dict[str, float]) -> float:
    inside = linguistics.stems(passage.text)
    neighbours = set(pairwise(inside))
    return sum(0.25 * (idf[a] + idf[b]) / 2 for a, b in pairs if (a, b) in neighbours)


def _form(passage: Passage, length: int) -> float:
    """How fit a passage is to stand as an answer, whatever it says."""
    factor = 1.0 / (1.0 + max(0, length - 30) / 90)
    if passage.text.rstrip().endswith("?"):
        factor *= 0.4
    if length <= 1 and passage.kind != "code":
        factor *= 0.8
    if passage.kind == "code":
        factor *= 0.85
    return factor


def _best(question: str, passages: Sequence[Passage], terms: list[str]) -> list[_Scored]:
    """The passage that answers best, and up to two more that add to it."""
    ranked = sorted(_scores(question, passages, terms), key=lambda item: (-item.score, item.index))
    if not ranked or ranked[0].coverage < _needed(question, passages):
        return []
    first = ranked[0]
    chosen = [first]
    covered = set(first.covered)
    for item in ranked[1:]:
        near = item.score >= 0.9 * first.score and item.coverage >= 0.6 and first.rarest in item.covered
        adds = first.coverage < 0.6 and bool(item.covered - covered) and item.score >= 0.62 * first.score
        if len(chosen) < 3 and (near or adds):
            chosen.append(item)
            covered |= item.covered
    return chosen


def _needed(question: str, passages: Sequence[Passage]) -> float:
    """The coverage that makes an answer: more when the question names something the context does not know."""
    said = {word for passage in passages for word in linguistics.words(passage.text)}
    named = {word.lower() for word in _NAME.findall(question)}
    return _COVERAGE_WITHOUT_NAME if named - said else _LOWEST_COVERAGE


def _compose(passages: Sequence[Passage], chosen: list[_Scored]) -> str:
    indexes: set[int] = set()
    for item in chosen:
        indexes.add(item.index)
        indexes.update(_companions(passages, item.index))
    return render([passages[index] for index in sorted(indexes)])


def _companions(passages: Sequence[Passage], index: int) -> list[int]:
    """What must stand with a passage to be understood: what it announces, or what announces it."""
    passage = passages[index]
    if passage.leads_in:
        found: list[int] = []
        for after in range(index + 1, min(len(passages), index + 1 + _MOST_FOLLOWERS)):
            if passages[after].kind == "prose" or passages[after].headings != passage.headings:
                break
            found.append(after)
            if passages[after].kind == "code":
                break
        return found
    before = passages[index - 1] if index else None
    if passage.kind == "code" and before is not None and before.leads_in:
        return [index - 1]
    return []


def render(passages: Sequence[Passage]) -> str:
    """Passages as readable text: sentences run on, list items and rows stand on lines, code in its block."""
    lines: list[str] = []
    joinable = False
    many = sum(1 for passage in passages if passage.kind in {"item", "row"}) > 1
    for passage in passages:
        if any(passage.text in line for line in lines):
            continue
        if passage.kind == "prose" and joinable:
            lines[-1] += " " + passage.text
        elif passage.kind in {"item", "row"} and many:
            lines.append(f"- {passage.text}")
        else:
            lines.append(passage.text)
        joinable = passage.kind == "prose" and not passage.leads_in
    return "\n".join(lines)


def _summary(passages: Sequence[Passage]) -> str:
    """The sentences whose words the rest of the text uses most, in their order."""
    bags = [set(linguistics.stems(passage.text)) for passage in passages]
    weight = Counter(stem for bag in bags for stem in bag)
    prose = [index for index, passage in enumerate(passages) if passage.kind == "prose" and len(bags[index]) >= 4]

    def centrality(index: int) -> float:
        return sum(weight[stem] for stem in bags[index]) / (len(bags[index]) + 8) + 1.0 / (1 + index)

    best = sorted(prose, key=lambda index: (-centrality(index), index))[:3]
    return render([passages[index] for index in sorted(best)] or list(passages[:3]))
