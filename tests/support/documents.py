"""The documents as a reader uses them: their code blocks, headings and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pc_worker.settings import PROJECT

FENCE = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
COMMAND = re.compile(r"(?:^|[\s`(])\./run(?P<rest>(?: [^\n`#|&;]*)?)", re.MULTILINE)

#: Documents whose commands are tried on a running stack; the Java client's are in tests/java.
WITH_COMMANDS = sorted([PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *(PROJECT / "docs").rglob("*.md")])


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block; ``by_hand`` = its first line says that no test can run it."""

    document: Path
    line: int
    language: str
    by_hand: bool
    text: str

    def __str__(self) -> str:
        """Return its location."""
        return f"{self.document.relative_to(PROJECT)}:{self.line}"


def blocks(document: Path, *languages: str) -> list[Block]:
    """Return a document's blocks in these languages, in order."""
    text = document.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        language, *marks = match["info"].split()
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(document, line, language, "by-hand" in marks, match["text"]))
    return [block for block in found if block.language in languages]


def anchors(document: Path) -> set[str]:
    """Return the anchors for links: its headings as GitHub writes them."""
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    headings = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in headings}


def links(document: Path) -> list[str]:
    """Return the targets of a document's links to files and headings of ours."""
    return LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8")))


def commands(document: Path) -> Iterator[str]:
    """Yield the arguments after every ``./run``, in blocks and in the text."""
    for match in COMMAND.finditer(document.read_text(encoding="utf-8")):
        yield match["rest"].strip()
