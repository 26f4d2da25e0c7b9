"""Markdown and plain text cut into passages that can be quoted: sentences, list items, table rows, code blocks."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from azure_inference_emulator import text as linguistics

Kind = Literal["prose", "item", "row", "code"]

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_HEADING = re.compile(r"^\s{0,3}(#{1,6})\s+(.+?)\s*#*\s*$")
_ITEM = re.compile(r"^(\s*)(?:[-*+•]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?(.*)$")
_TABLE_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
_RULE = re.compile(r"^\s*(?:[-=*_]\s*){3,}$")
# What LlamaIndex and LangChain write above a chunk: where it comes from, not what it says.
_METADATA = re.compile(
    r"^\s*(?:file_?path|file_?name|file_?type|file_?size|creation_?date|last_modified_date|last_accessed_date|"
    r"page_label|total_pages|header_path|doc_id|node_id|ref_doc_id)\s*[:=]",
    re.IGNORECASE,
)
_CODE_SPAN = re.compile(r"(`+)(.+?)\1")
_INLINE = (
    (re.compile(r"!\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\[[^\]]*\]"), r"\1"),
    (re.compile(r"<(https?://[^>\s]+)>"), r"\1"),
    (re.compile(r"</?[a-zA-Z][^<>]*>"), ""),
    (re.compile(r"\*\*(\S(?:.*?\S)?)\*\*"), r"\1"),
    (re.compile(r"__(\S(?:.*?\S)?)__"), r"\1"),
    (re.compile(r"(?<![\w*])\*(\S(?:[^*]*?\S)?)\*(?![\w*])"), r"\1"),
    (re.compile(r"(?<![\w_])_(\S(?:[^_]*?\S)?)_(?![\w_])"), r"\1"),
)


@dataclass(frozen=True)
class Passage:
    """One quotable piece of a text, with the headings above it (outermost first)."""

    text: str
    kind: Kind
    group: int
    headings: tuple[str, ...] = ()

    @property
    def leads_in(self) -> bool:
        """Whether the passage announces what follows it."""
        return self.text.rstrip("*_ ").endswith(":")


@dataclass
class _Reader:
    """What is open while the lines of a text go by."""

    passages: list[Passage] = field(default_factory=list[Passage])
    headings: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    lines: list[str] = field(default_factory=list[str])
    kind: Kind = "prose"
    header: list[str] = field(default_factory=list[str])
    group: int = 0
    fence: str = ""
    code: list[str] = field(default_factory=list[str])

    def add(self, text: str, kind: Kind) -> None:
        if text.strip():
            self.passages.append(Passage(text.strip(), kind, self.group, tuple(name for _, name in self.headings)))

    def close(self) -> None:
        """End the open paragraph or item."""
        whole = clean(" ".join(line.strip() for line in self.lines))
        self.lines.clear()
        if self.kind == "item" and len(whole) <= 400:
            self.add(whole, "item")
        else:
            for sentence in linguistics.sentences(whole):
                self.add(sentence, self.kind)

    def open_heading(self, level: int, title: str) -> None:
        self.headings = [(depth, name) for depth, name in self.headings if depth < level]
        self.headings.append((level, clean(title)))
        self.group += 1
        self.kind = "prose"

    def read(self, line: str) -> None:
        if self.fence or _FENCE.match(line):
            self._code(line)
        elif not line.strip():
            self.close()
            self.header.clear()
            if self.kind != "item":
                self.group += 1
        elif heading := _HEADING.match(line):
            self.close()
            self.open_heading(len(heading[1]), heading[2])
        elif _is_row(line):
            self.close()
            self._row(line)
        elif _RULE.match(line):
            self._rule(line)
        elif item := _ITEM.match(line):
            self.close()
            self.kind = "item"
            self.lines.append(item[2])
        else:
            self._prose(line)

    def _prose(self, line: str) -> None:
        if self.kind == "item" and not self.lines and not line.startswith((" ", "\t")):
            self.kind = "prose"
            self.group += 1
        if not _METADATA.match(line) or self.lines:
            self.lines.append(line.lstrip("> "))

    def _rule(self, line: str) -> None:
        """A line of dashes: under one line of text it makes that a heading, elsewhere it separates."""
        setext = "=" in line or set(line.strip()) == {"-"}
        if setext and len(self.lines) == 1 and self.kind == "prose":
            title = self.lines.pop()
            self.open_heading(1 if "=" in line else 2, title)
            return
        self.close()
        self.group += 1

    def _code(self, line: str) -> None:
        if not self.fence:
            self.close()
            self.fence = line.strip()[:3]
            self.code = [line.strip()]
        elif line.strip().startswith(self.fence):
            self.end_code()
        else:
            self.code.append(line.rstrip())

    def end_code(self) -> None:
        if self.fence:
            self.add("\n".join([*self.code, self.fence]), "code")
        self.fence = ""
        self.code = []

    def _row(self, line: str) -> None:
        if _TABLE_RULE.match(line):
            if self.passages and self.passages[-1].kind == "row":
                self.header = _cells(self._pending)
                self.passages.pop()
            return
        self._pending = line
        cells = _cells(line)
        if not self.header or len(cells) < 2:
            self.add("; ".join(cell for cell in cells if cell), "row")
            return
        if len(cells) == 2:
            self.add(": ".join(cell for cell in cells if cell), "row")
            return
        rest = zip(self.header[1:], cells[1:], strict=False)
        told = "; ".join(f"{name}: {cell}" if name else cell for name, cell in rest if cell)
        self.add(f"{cells[0]}: {told}", "row")

    _pending: str = ""


def _is_row(line: str) -> bool:
    stripped = line.strip()
    return (stripped.startswith("|") and stripped.count("|") >= 2) or (
        "|" in stripped and bool(_TABLE_RULE.match(line))
    )


def _cells(line: str) -> list[str]:
    masked = re.sub(r"\\\|", "\0", line.strip().strip("|"))
    return [clean(cell.replace("\0", "|").strip()) for cell in masked.split("|")]


def clean(text: str) -> str:
    """One line of Markdown as plain text: links, emphasis and tags gone, code spans as they are."""
    parts: list[str] = []
    end = 0
    for span in _CODE_SPAN.finditer(text):
        parts += [_plain(text[end : span.start()]), span[0]]
        end = span.end()
    parts.append(_plain(text[end:]))
    return " ".join("".join(parts).split())


def _plain(text: str) -> str:
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    return html.unescape(text)


def split(text: str) -> list[Passage]:
    """The passages of a Markdown (or plain) text in order."""
    reader = _Reader()
    lines = text.replace("\r\n", "\n").split("\n")
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        # A text cut out of a document may begin inside a code block: what ends that block opens none.
        if not reader.fence and line.strip() in ("```", "~~~") and not after.strip():
            reader.close()
            continue
        reader.read(line)
    reader.end_code()
    reader.close()
    return list(_distinct(reader.passages))


def _distinct(passages: list[Passage]) -> Iterator[Passage]:
    """The passages without those said before: chunks of one document overlap."""
    seen: set[str] = set()
    for passage in passages:
        key = passage.text.casefold()
        if key not in seen:
            seen.add(key)
            yield passage
