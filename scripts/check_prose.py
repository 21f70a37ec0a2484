"""Check the language of docstrings, comments and documents: standard terms, imperative docstrings, array shapes.

``python scripts/check_prose.py`` checks everything; with arguments, these files and folders. Each
line of output is ``file:line: found → say``; ``docs/glossary.md`` explains the terms.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CHECKED = (
    "pc_worker",
    "tasks",
    "scripts",
    "tests",
    "docs",
    "clients",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
)
#: Generated code, files made by others, and the lists of the words themselves.
EXEMPT = (
    "pc_worker/wire/generated",
    "pc_worker/wire/generated",
    "tests/hostile/files",
    "docs/glossary.md",
    "scripts/check_prose.py",
    "tests/unit/deploy/test_prose.py",
)

#: Pattern (case-insensitive, whole words) → what to say.
WORDS = {
    "a look": "a check",
    "afresh": "again, from the start",
    "anew": "again, from the start",
    "(?:set|keeps?|kept|takes?|taken|taking) apart": "separate, parse",
    "bear(?:s|ing)?": "accept, support",
    "beside": "next to, in addition to",
    "books?|booked|booking": "record",
    "borne": "accepted, supported",
    "bury|buries|buried|burying|burial": "insert dead letters (a row), tombstone (the log)",
    "claim(?:s|ed|ing)?": "lease; acquire the lease",
    "comes? again": "occurs again, is repeated",
    "(?:every|no more|two|three|many|more|few) looks": "checks",
    "fates?": "outcome",
    "for ever": "without limit, forever",
    "foresee[sn]?|foresaw|foreseeing": "estimate, expect",
    "(?:gives?|gave)(?! up\\b)": "return, yield, provide (or the verb of the effect)",
    "greed|greedy": "without limits (a client)",
    "heal(?:s|ed|ing)?": "retry until",
    "house": "code base",
    "in other hands": "leased by another worker",
    "is had": "is held, is acquired",
    "lets? go": "release",
    "mend(?:s|ed|ing)?": "fix, repair",
    "moments?": "timestamp (a value), time, instant",
    "moulds?": "template",
    "news": "notification",
    "nobody": "no worker, no client, no process",
    "odd": "unusual, invalid",
    "ownership": "lease",
    "pace": "rate",
    "pieces?": "passage, segment, log slice",
    "racing": "first completed",
    "refusals?": "rejection, dead letter, invalid request (see the glossary)",
    "rehears(?:al|als|e|es|ed|ing)": "dry run",
    "rooms?": "package",
    "said": "sent, reported, stated",
    "so many|so much": "this many, at most N",
    "somebody": "another process, a user",
    "sought": "searched for",
    "stands?(?! for\\b)(?! still)|stood": "is, appears",
    "stands? still": "makes no progress",
    "stretch(?:es)?": "log batch, sample window, run, segment",
    "tells?|told|telling": "report, show, distinguish, return whether",
    "tether(?:s|ed)?": "parent-death signal",
    "unforeseen": "unexpected",
    "unopened": "empty stream",
    "upkeep(?! stopped)": "maintenance",  # the alert `UpkeepStopped` has a section in the runbook
    "what (?:became|becomes|came) of": "the outcome of",
    "whatever": "any",
    "whoever|whomever|whosoever": "any caller, the process that",
    "without a word": "without releasing its lease, without a message",
}
_PATTERNS = {found.replace(" ", r"\s+"): say for found, say in WORDS.items()}
#: Without a group for each pattern: with them, a search tries all patterns at each character.
_WORD = re.compile(rf"\b(?:{'|'.join(_PATTERNS)})\b", re.I)
_EACH = tuple((re.compile(rf"\b(?:{found})\b", re.I), say) for found, say in _PATTERNS.items())

#: First words of a docstring that are no verbs, or verbs that say nothing.
NOT_IMPERATIVE = frozenset(
    """
    A About After All Also An And Another Any Arrow As At Be Before Beyond Bigint Both But By Column Dead Each Either
    Entry Equal Every Exactly Folder For From Give Have How If Immediate In Integer Internal It Its Jsonb Least Like
    Long Many Median Memory Message More Most Neither Never Next No None Normal Not Number Of On One Only Or Our Own
    Place Proportional Protocol Python Robertson Row Say Seven Small Smallint Some Somebody Source Sparse Straight Such
    Tell Text That The Their There These This Those Three True Two Up Uuid Vector Very Weekday What Whatever When Where
    Whether Which Who Whole Whose Why With Without
    """.split()  # noqa: SIM905 - a list of words reads better without quotes
)
#: Imperatives that end like something else.
IMPERATIVE = frozenset(
    """
    Access Address Bring Bypass Compress Cross Decompress Discuss Dismiss Embed Exceed Express Feed Focus Guess Need
    Pass Ping Press Process Seed Shed Speed String Suppress Witness
    """.split()  # noqa: SIM905 - as above
)
#: What a message to a user may say: "give a query", "the option stands twice".
_IN_MESSAGES = re.compile(r'"(?:gives?|gave|claims?|tells?|stands?)"', re.I)
_PROPERTY = {"property", "cached_property", "setter", "getter"}
_CODE = re.compile(r"```.*?```|``[^`]+``|`[^`]+`", re.S)
_FENCE = re.compile(r"^(?P<indent>[ ]*)(?P<fence>```+|~~~+).*?^[ ]*(?P=fence)[ ]*$", re.S | re.M)
_LINK_TARGET = re.compile(r"\]\([^)]*\)|<https?:[^>]*>|https?://\S+")
#: An array, as its type is written out; and by an alias as well.
_ARRAY_TYPE = re.compile(r"(?:npt\.)?NDArray\[|np\.ndarray\b(?!\()")
_ARRAY = re.compile(r"\b(?:NDArray|ndarray|Vectors?)\b")
_SHAPE = re.compile(r"shapes?\s+(?:is\s+)?`*\(", re.I)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to rewrite, and what to say instead."""

    path: Path
    line: int
    found: str
    say: str

    def __str__(self) -> str:
        path = self.path.relative_to(PROJECT) if self.path.is_relative_to(PROJECT) else self.path
        return f"{path}:{self.line}: {self.found} → {self.say}"


@dataclass(frozen=True, slots=True)
class Prose:
    """A text and the line it begins at."""

    line: int
    text: str


def main(arguments: list[str]) -> int:
    """Check and print; return the exit code."""
    findings = [finding for path in _paths(arguments) for finding in check_file(path)]
    for finding in findings:
        print(finding)
    if findings:
        print(f"{len(findings)} to rewrite; docs/glossary.md explains the terms", file=sys.stderr)
    return 1 if findings else 0


def check_file(path: Path) -> list[Finding]:
    """Return what is to be rewritten in a Python or Markdown file, in the order of its lines."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        findings = list(_check_words(path, [Prose(1, _markdown_prose(text))]))
    else:
        tree = ast.parse(text)
        findings = [
            *_check_words(path, [*_docstrings(tree), *_comments(text)]),
            *(_check_messages(path, tree) if path.is_relative_to(PROJECT / "pc_worker") else ()),
            *_check_mood(path, tree),
            *(_check_shapes(path, tree, text) if path.is_relative_to(PROJECT / "pc_worker") else ()),
        ]
    return sorted(findings, key=lambda finding: (finding.line, finding.found))


def _paths(arguments: list[str]) -> Iterator[Path]:
    for given in arguments or CHECKED:
        root = (Path.cwd() if arguments else PROJECT) / given
        if not root.exists():
            raise SystemExit(f"error: no such file or folder: {given}")
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            if path.suffix in (".py", ".md") and not _is_in(path, EXEMPT):
                yield path


def _is_in(path: Path, entries: Iterable[str]) -> bool:
    """Return whether an entry names ``path`` or a folder above it."""
    return any(path.is_relative_to(PROJECT / entry) for entry in entries)


def _check_words(path: Path, texts: Iterable[Prose]) -> Iterator[Finding]:
    for prose in texts:
        plain = _CODE.sub(_blank, prose.text)
        for match in _WORD.finditer(plain):
            line = prose.line + plain.count("\n", 0, match.start())
            say = next(say for word, say in _EACH if word.match(plain, match.start()))
            yield Finding(path, line, f'"{" ".join(match[0].split())}"', say)


def _check_messages(path: Path, tree: ast.AST) -> Iterator[Finding]:
    """Check the texts of raised errors and of options."""
    nodes = [
        *(node for node in ast.walk(tree) if isinstance(node, ast.Raise)),
        *(
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.keyword) and node.arg in ("help", "description")
        ),
    ]
    texts = {
        (part.lineno, part.col_offset): Prose(part.lineno, part.value)
        for node in nodes
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    yield from (finding for finding in _check_words(path, texts.values()) if not _IN_MESSAGES.fullmatch(finding.found))


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "_", match[0])


def _markdown_prose(text: str) -> str:
    """Return ``text`` without code blocks and link targets, line for line."""
    return _LINK_TARGET.sub(_blank, _FENCE.sub(_blank, text))


def _documented(tree: ast.Module) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield what may have a docstring; expressions hold none, and are nine tenths of a tree."""
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            if isinstance(held := getattr(node, part, ()), list):  # of a lambda or a conditional it is an expression
                nodes += held


def _docstrings(tree: ast.Module) -> Iterator[Prose]:
    for node in _documented(tree):
        text = ast.get_docstring(node, clean=False)
        if text is not None:
            yield Prose(node.body[0].lineno, text)


def _comments(text: str) -> Iterator[Prose]:
    """Yield the comments; those on consecutive lines as one."""
    block: list[str] = []
    start = last = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline) if "#" in text else ():
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if block and line != last + 1:
            yield Prose(start, "\n".join(block))
            block = []
        start = start if block else line
        block.append(token.string.lstrip("#:! "))
        last = line
    if block:
        yield Prose(start, "\n".join(block))


def _check_mood(path: Path, tree: ast.Module) -> Iterator[Finding]:
    for node in _documented(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _is_property(node):
            continue
        if node.name.startswith("test_"):  # a test's docstring states what the test proves
            continue
        words = (ast.get_docstring(node) or "").split()
        if words and not _is_imperative(word := words[0].rstrip(".,:;")) and not _WORD.fullmatch(word):
            say = "an imperative verb: Return, Yield, Raise, Write, Check …"
            yield Finding(path, node.body[0].lineno, f"{node.name}: docstring begins with {word!r}", say)
        elif words and words[0] in ("Return", "Yield") and _returns_none(node):
            yield Finding(path, node.body[0].lineno, f"{node.name}: returns nothing", "the verb of what it does")


def _returns_none(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return isinstance(node.returns, ast.Constant) and node.returns.value is None


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    names = {ast.unparse(decorator).rsplit(".", 1)[-1] for decorator in node.decorator_list}
    return bool(names & _PROPERTY)


def _is_imperative(word: str) -> bool:
    if word in IMPERATIVE:
        return True
    is_word = word.isascii() and word.replace("-", "").isalpha() and word.capitalize() == word
    return is_word and word not in NOT_IMPERATIVE and not word.endswith(("s", "ing", "ed"))


def _check_shapes(path: Path, tree: ast.Module, text: str) -> Iterator[Finding]:
    """Yield public functions and fields with an array whose shape is not documented, and aliases without one."""
    lines = text.splitlines()
    for body, documented in _public_bodies(tree):
        for node in body:
            missing = (
                _has_array(node.args, node.returns) and not _SHAPE.search(ast.get_docstring(node) or "")
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                else _is_array_name(node) and not documented and not _SHAPE.search(_comment_at(lines, node.lineno))
            )
            if missing and not _name(node).startswith("_"):
                yield Finding(path, node.lineno, f"{_name(node)}: array", "its shape: `shape (n, dim)`, and the unit")


def _public_bodies(tree: ast.Module) -> Iterator[tuple[list[ast.stmt], bool]]:
    yield tree.body, False
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.body, bool(_SHAPE.search(ast.get_docstring(node) or ""))


def _has_array(arguments: ast.arguments, returns: ast.expr | None) -> bool:
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return any(_ARRAY.search(ast.unparse(note)) for note in [returns, *(each.annotation for each in given)] if note)


def _is_array_name(node: ast.stmt) -> bool:
    """Return whether a statement declares a field or an alias of an array type."""
    if isinstance(node, ast.AnnAssign):
        declared = node.value if ast.unparse(node.annotation).endswith("TypeAlias") else node.annotation
        return declared is not None and _ARRAY_TYPE.search(ast.unparse(declared)) is not None
    return isinstance(node, ast.Assign) and _ARRAY_TYPE.match(ast.unparse(node.value)) is not None


def _name(node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name
    if isinstance(node, ast.AnnAssign):
        return ast.unparse(node.target)
    return ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else ""


def _comment_at(lines: list[str], line: int) -> str:
    """Return the comment of a statement: those directly above, and the one at its end."""
    first = line - 1
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return " ".join(lines[first:line])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
