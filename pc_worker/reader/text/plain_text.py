"""Distinguishes text that is no table from tables: logs, SQL, source code, YAML, settings, prose."""

from __future__ import annotations

import re

_LINES = 60
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|FATAL|CRITICAL)"
_TIME = r"\W{0,2}(?:\d{4}[-/]\d\d[-/]\d\d|\d\d[-/](?:\d\d|\w{3})[-/]\d{2,4})[T :]+\d\d:\d\d"
_LOG = re.compile(
    rf"{_TIME}.*\b{_LEVEL}\b|\[\d{{4}}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d[^\]]*\]"
    rf"|\[?{_LEVEL}\]?[\s:|]"
    r"|(?:<\d+>)?[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d \S+ [^\s:]+:"
    r"|\S+ \S+ \S+ \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d",
    re.IGNORECASE,
)
_SQL = re.compile(
    r"(?:insert\s+into|create\s+(?:or\s+replace\s+)?(?:temp\w*\s+)?(?:table|database|schema|index|view|function|type|"
    r"extension|sequence)|drop\s+(?:table|database|schema|index|view)|alter\s+table|delete\s+from|"
    r"update\s+\S+\s+set|select\s.*\bfrom\b|begin\s*;|copy\s+\S+.*\bfrom\s+stdin|set\s+\S+\s*(?:=|to)\s|use\s+\S+;"
    r"|with\s+\S+\s+as\s*\(|--\s|/\*|merge\s+into|grant\s+\w+\s+on|truncate\s+table)",
    re.IGNORECASE,
)
_YAML = re.compile(r"""\s*(?:\#.*|-(?:\s.*)?|["']?[\w.\-/ ]+["']?:(?:\s.*)?|---.*|\.\.\.)$""")
_YAML_FIRST = re.compile(r"""(?:---|%YAML|["']?[\w.\-/]+["']?:(?:\s|$)|-\s+["']?[\w.\-/]+["']?:(?:\s|$))""")
_SECTION = re.compile(r"\[[\w.\- \"]+\]\s*$")
_SETTING = re.compile(r"\s*(?:[#;].*|\[[^\]]+\]\s*|[\w.\-\"]+\s*=.*)$")
_SENTENCE = re.compile(r"[.!?…。！？:;]['\")»”]*$")
_RULE = r"\s*(?:-{3,}|:-+:?|-+:)\s*"
_MARKDOWN = re.compile(rf"\|?{_RULE}(?:\|{_RULE})+\|?\s*$")
_LABELLED = re.compile(r"[A-Za-z_][\w.\-]*(?=:)")
_CODE = re.compile(
    r"#!|#include\b|<\?php|import [\w., ]+;?$|from \S+ import |(?:async )?def \w+\(|class \w+.*[:{]$|package [\w.]+;?$"
    r"|using [\w.]+;|public \w+|(?:export )?(?:const|let|var) \w+ =|function \w*\("
)


def non_table_kind(text: str) -> str | None:
    """Return what ``text`` is if its lines have the form of something that is no table, else None."""
    lines = [line for line in text.splitlines() if line.strip()][:_LINES]
    if not lines:
        return "blank"
    if _share(_LOG, lines) >= 0.6 and _LOG.match(lines[0]):
        return "a log"
    if _CODE.match(lines[0]) and len(lines) > 1:
        return "source code"
    if len(lines) > 1 and "|" in lines[0] and _MARKDOWN.match(lines[1]):
        return "a Markdown table"
    if len(lines) > 1 and _labels(lines[0]) and all(_labels(line) == _labels(lines[0]) for line in lines):
        return "LTSV, whose cells have a label each"
    statements = [line for line in lines if not line.lstrip().startswith(("--", "/*"))]
    if _SQL.match(lines[0].strip()) and statements and (_SQL.match(statements[0].strip()) or ";" in text):
        return "SQL"
    if _SECTION.match(lines[0]) and len(lines) > 1 and _share(_SETTING, lines) >= 0.8:
        return "settings (INI or TOML)"
    if _YAML_FIRST.match(lines[0]) and (len(lines) > 1 or lines[0].startswith("%")) and _share(_YAML, lines) >= 0.9:
        return "YAML"
    return None


def _labels(line: str) -> list[str]:
    """Return the labels of cells such as ``host:127.0.0.1``, none if a cell lacks one."""
    found = [_LABELLED.match(cell) for cell in line.split("\t")]
    return [label[0] for label in found if label] if len(found) > 1 and all(found) else []


def is_prose(text: str, delimiter: str) -> bool:
    """Return whether a delimiter that fits is in sentences: a blank follows each, and lines end as sentences do."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()][:_LINES]
    inside = [line[at + 1 : at + 2] for line in lines for at, c in enumerate(line) if c == delimiter]
    if not inside or any(after not in (" ", "") for after in inside) or '"' in text:
        return False
    sentences = sum(_SENTENCE.search(line) is not None for line in lines)
    words = sum(len(line.split()) for line in lines) / sum(line.count(delimiter) + 1 for line in lines)
    return len(lines) == 1 or sentences * 2 > len(lines) or words > 3


def _share(pattern: re.Pattern[str], lines: list[str]) -> float:
    return sum(pattern.match(line) is not None for line in lines) / len(lines)
