"""Values that a prompt offers for a named and typed parameter: numbers, quotations, places, people, dates, files."""

import re
from dataclasses import dataclass, field
from typing import Any

from azure_inference_emulator import text as linguistics

_NUMBER = re.compile(r"(?<![\w.])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w]|\.\d)")
_NUMBER_WORDS = {name: value for value, name in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve".split())}  # fmt: skip
_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^”\n]+)”|「([^」\n]+)」|«([^»\n]+)»|(?<!\w)'([^'\n]+)'(?!\w)|`([^`\n]+)`")
_PROPER = (
    r"[A-ZÀ-Þ][\w'’.-]*[\w’](?:\s+(?:(?:de|da|del|van|von|of|the|la|le)\s+)?[A-ZÀ-Þ][\w'’.-]*[\w’])*(?:,\s*[A-Z]{2}\b)?"
)
_CAPITALISED = re.compile(_PROPER)
_LISTED = re.compile(rf"(?:,\s*(?:and\s+|or\s+)?|\s+(?:and|or|&)\s+)(?:(?:in|at|for|to|from)\s+)?({_PROPER})")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_DATE_TIME = re.compile(r"\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})?")
_DAY = re.compile(
    r"\b(?:today|tomorrow|yesterday|tonight|(?:next |last |this )?(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|(?:next|last|this) (?:week|month|year))\b",
    re.IGNORECASE,
)
_TIME = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?\s*(?:[ap]m)?\b|\b\d{1,2}\s*[ap]m\b", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://[^\s\"'<>)]+[^\s\"'<>).,;:!?]")
_FILE = re.compile(r"(?:[\w.~-]*/)*[\w-]+\.[A-Za-z][A-Za-z0-9]{0,5}\b|(?:[\w.~-]+/)+[\w.-]*|\b[A-Z]{4,}\b")
_UUID = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")
_FORMULA = re.compile(r"[-(]?\s*\d[\d.]*\s*(?:[-+*/^%()]|\*\*)[-+*/^%().\d\s]*\d\)?")
_LANGUAGES = re.compile(
    r"\b(?:English|French|German|Spanish|Italian|Portuguese|Dutch|Polish|Russian|Ukrainian|Chinese|Japanese|Korean"
    r"|Arabic|Hindi|Turkish|Greek|Swedish|Danish|Norwegian|Finnish|Czech)\b"
)
_NAMED = re.compile(rf"\b(?:named|called|titled|for|by|with|of|is|am|'s name is)\s+({_PROPER})")
_ABOUT = re.compile(r"\b(?:about|on|regarding|concerning|for|of)\s+(?:the\s+|a\s+|an\s+)?([^.?!,;\n]+)", re.IGNORECASE)
_SUBJECT_VERB = re.compile(r"\s+(?:is|was|are|has|had|lives|works|says|said)\b")
_LEAD_WORDS = re.compile(r"^(?:please|can you|could you|would you|also|then|and)\s+", re.IGNORECASE)
_COMMAND = re.compile(r"^(?:search|look up|find|query|ask)\b[^:?]{0,40}:\s+(?=\S)", re.IGNORECASE)
_CURRENCY = re.compile(r"\b(?:USD|EUR|GBP|JPY|CHF|CNY|INR|CAD|AUD)\b")


def _stemmed(names: str) -> frozenset[str]:
    return frozenset(linguistics.stem(name) for name in names.split()) | frozenset(names.split())


_FREE_TEXT = _stemmed("query question q search input text prompt request message content sentence instruction task "
                      "body goal reason thought str string value")  # fmt: skip
_QUERY = _stemmed("query question q search input")
_SUBJECT = _stemmed("topic keyword subject term phrase theme")
_PLACE = _stemmed(
    "city location place country region town state destination capital address area venue origin departure"
)
_PERSON = _stemmed("name person customer user author employee contact recipient company organization brand client")
_PATH = _stemmed("file path filename filepath document doc folder directory source")
_BODY = _stemmed("content body text notes note report summary")
_REASON = _stemmed("reason thought")


@dataclass
class Evidence:
    """The text that arguments are filled from; a value handed out for one parameter is not offered to the next.

    ``material`` is what tools returned before: what a text about them is made of.
    ``structured`` says that data are extracted, not a tool's arguments written: the prompt itself is then no value.
    """

    text: str
    structured: bool = False
    material: str = ""
    used: set[str] = field(default_factory=set[str])

    def take(self, candidates: list[str]) -> str | None:
        """The first candidate that no other parameter has."""
        for candidate in candidates:
            if candidate not in self.used:
                self.used.add(candidate)
                return candidate
        return None

    def assigned(self, name: str, *, spoken: bool = False, line: bool = False) -> str | None:
        """The value written as ``name=value`` or ``name: value``; ``spoken`` allows ``name is value`` and the like.

        ``line`` takes all that follows on the line instead of the next word.
        """
        called = re.escape(name).replace("_", "[_ -]")
        link = r"=|:(?!/)" + (r"|\bis\b|\bto\b|\bof\b|\bset to\b" if spoken and len(name) > 2 else "")
        bare = r"[^\n]+" if line else r"[^\s,;()?!\"'`]+"
        match = re.search(
            rf"(?<!\w)[\"'`]?{called}[\"'`]?\s*(?:{link})\s*(\"[^\"\n]*\"|'[^'\n]*'|`[^`\n]*`|\[[^\]\n]*\]|{bare})",
            self.text,
            re.IGNORECASE,
        )
        return match[1].rstrip(".").strip("\"'`") if match else None

    def numbers(self) -> list[str]:
        """The numbers of the text in order, those in words too, without thousands separators."""
        found = [(match.start(), match[0].replace(",", "")) for match in _NUMBER.finditer(_DATE.sub(_blank, self.text))]
        spelled = (
            (match.start(), _NUMBER_WORDS.get(match[0].lower())) for match in re.finditer("[A-Za-z]+", self.text)
        )
        found += [(start, str(value)) for start, value in spelled if value is not None]
        return [text for _, text in sorted(found)]

    def quoted(self) -> list[str]:
        """What stands in quotation marks, in order."""
        return [next(group for group in match.groups() if group) for match in _QUOTED.finditer(self.text)]

    def places(self) -> list[str]:
        """Capitalised names after a preposition of place and those listed with them; ``Paris, France`` is one."""
        inside, other = list[str](), list[str]()
        for match in re.finditer(rf"\b(in|at|near|for|to|of|from|around)\s+(?:the\s+)?({_PROPER})", self.text):
            chain, links, end = [_trim(match[2])], "", match.end()
            while following := _LISTED.match(self.text, end):
                chain.append(_trim(following[1]))
                links += self.text[end : following.start(1)]
                end = following.end()
            places = chain if re.search(r"and|or|&", links) else [", ".join(chain)]
            (inside if match[1] in {"in", "at", "near"} else other).extend(places)
        return list(dict.fromkeys([*inside, *other]))

    def names(self) -> list[str]:
        """Names: quoted, then those after ``named`` and the like, then capitalised words inside a sentence."""
        named = [_trim(match[1]) for match in _NAMED.finditer(self.text)]
        return list(dict.fromkeys([*self.quoted(), *named, *self.proper()]))

    def proper(self) -> list[str]:
        """Capitalised phrases that do not just begin a sentence."""
        found: list[str] = []
        for sentence in linguistics.sentences(self.text):
            for match in _CAPITALISED.finditer(sentence):
                phrase = _trim(match[0])
                subject = " " in phrase or _SUBJECT_VERB.match(sentence, match.end())
                if (match.start() > 0 or subject) and linguistics.words(phrase)[0] not in linguistics.STOP_WORDS:
                    found.append(phrase)
        return found

    def question(self) -> str:
        """The whole text on one line: what a query parameter gets."""
        return _COMMAND.sub("", _LEAD_WORDS.sub("", " ".join(self.text.split()))).strip()

    def subject(self) -> str:
        """What the text is about: after ``about`` or ``on``, else the text."""
        match = _ABOUT.search(self.text)
        return match[1].strip() if match else self.question()


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _trim(phrase: str) -> str:
    return phrase.rstrip(".'’")


def string_for(evidence: Evidence, name: str, schema: dict[str, Any], *, required: bool) -> str | None:
    """The text a string parameter gets; None when the prompt has nothing that fits it."""
    stems = set(linguistics.name_stems(name)) | {name.lower()}
    free = stems & (_QUERY if evidence.structured else _FREE_TEXT)
    if (given := evidence.assigned(name, line=bool(free))) is not None:
        return given
    if evidence.material and stems & _BODY:
        return evidence.material
    by_form = _by_form(evidence, stems, str(schema.get("format", "")))
    if by_form is not None:
        return evidence.take(by_form)
    if kindred := _by_kind(evidence, stems, named=not free):
        return kindred
    if free or (stems & _SUBJECT and not evidence.structured):
        return _told(evidence, stems, required=required)
    return _anything(evidence, stems, required=required)


def _by_kind(evidence: Evidence, stems: set[str], *, named: bool) -> str | None:
    """What a parameter named after a file, a place or a person gets."""
    if stems & _PATH and (path := evidence.take([*_paths(evidence.quoted()), *_paths(_FILE.findall(evidence.text))])):
        return path
    if stems & _PLACE and (place := _place(evidence, stems)):
        return place
    return evidence.take(evidence.names()) if stems & _PERSON and named else None


def _told(evidence: Evidence, stems: set[str], *, required: bool) -> str | None:
    if quoted := evidence.take(evidence.quoted()):
        return quoted
    if stems & _SUBJECT:
        return evidence.subject()
    return evidence.question() if required or not stems & _REASON else None


def _by_form(evidence: Evidence, stems: set[str], form: str) -> list[str] | None:
    """What a format (or a name that implies one) allows only: those matches, or None where it allows anything."""
    forms = (
        ("date-time", {"datetim", "timestamp"}, _DATE_TIME),
        ("date", {"date", "dat", "day", "when"}, _DATE),
        ("time", {"tim", "time", "hour"}, _TIME),
        ("email", {"email", "e-mail", "mail"}, _EMAIL),
        ("uri", {"url", "uri", "link", "websit"}, _URL),
        ("uuid", {"uuid", "guid"}, _UUID),
        ("", {"languag", "language", "lang"}, _LANGUAGES),
        ("", {"currency"}, _CURRENCY),
        ("", {"express", "expression", "formula", "equ", "equation", "calcul"}, _FORMULA),
    )
    for wanted, names, pattern in forms:
        if form == wanted != "" or (not form and stems & names):
            found = [match[0].strip() for match in pattern.finditer(evidence.text)]
            if not form and wanted == "date":
                found += [match[0] for match in _DAY.finditer(evidence.text)]
            return found if found or form else None
    return None


def _paths(candidates: list[str]) -> list[str]:
    return [text for text in candidates if _FILE.fullmatch(text)]


def _place(evidence: Evidence, stems: set[str]) -> str | None:
    direction = (
        "from"
        if stems & {"from", "origin", "start", "departure"}
        else "to"
        if stems & {"to", "destination", linguistics.stem("destination")}
        else ""
    )
    if direction and (match := re.search(rf"\b{direction}\s+({_PROPER})", evidence.text)):
        return evidence.take([_trim(match[1])])
    return evidence.take([*evidence.places(), *evidence.proper(), *evidence.quoted()])


def _anything(evidence: Evidence, stems: set[str], *, required: bool) -> str | None:
    """A string parameter of no known kind: a quotation, what the prompt says beside its name, a capitalised word."""
    if (required or not evidence.structured) and (quoted := evidence.take(evidence.quoted())):
        return quoted
    if evidence.structured:
        return None
    for stem in stems:
        if len(stem) >= 3 and (match := re.search(rf"\b{re.escape(stem)}\w*\s+([\w-]+)", evidence.text, re.IGNORECASE)):
            word = match[1]
            if word.lower() not in linguistics.STOP_WORDS:
                return word
    return evidence.take(evidence.proper()) if required else None


def enum_for(evidence: Evidence, name: str, choices: list[Any]) -> Any:
    """The choice of an enumeration that the text names; None when it names none."""
    given = evidence.assigned(name, spoken=True)
    lowered = evidence.text.lower()
    said = set(linguistics.stems(evidence.text)) | set(linguistics.words(evidence.text))
    for choice in choices:
        if given is not None and str(choice).lower() == given.lower():
            return choice
    for choice in sorted(choices, key=lambda item: -len(str(item))):
        text = str(choice).lower()
        if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", lowered) or set(linguistics.name_stems(str(choice))) & said:
            return choice
    return None


def flag_for(evidence: Evidence, name: str) -> bool | None:
    """A boolean the text gives: ``name=false``, ``without name``, or the name itself."""
    given = evidence.assigned(name, spoken=True)
    if given is not None and given.lower() in {"true", "yes", "on", "1", "false", "no", "off", "0"}:
        return given.lower() in {"true", "yes", "on", "1"}
    for stem in [*linguistics.name_stems(name), name.lower()]:
        if match := re.search(
            rf"\b((?:not|no|without|don't|never|disable|skip|exclude)\s+(?:\w+\s+)?)?{re.escape(stem)}",
            evidence.text,
            re.IGNORECASE,
        ):
            return match[1] is None
    return None
