"""Detects how a text table is written: its encoding and its delimiter, each with a certainty."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pc_worker.reader.errors import Rejected, not_a_table
from pc_worker.reader.files.source import Source
from pc_worker.reader.options import ReadOptions
from pc_worker.reader.text import plain_text
from pc_worker.reader.text.decode import mark_length
from pc_worker.reader.text.encodings import Guess, guess

#: Bytes that are looked at.
SAMPLE = 1 << 16
DELIMITERS = (",", ";", "\t", "|")
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_MAX_RECORDS = 200
#: Lines that one record of the sample may take.
_MAX_LINES = 100
#: The first line that names the delimiter for Excel.
_SEPARATOR = re.compile(r'"?sep=[^\w\s"]?\t?"?\r?\n', re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
#: Endings of names that say how a file is packed.
_PACKED_ENDINGS = (".gz", ".bz2", ".xz", ".zst", ".zip")
#: Endings of names that say that a text is a table, by the delimiter they are for.
_ENDINGS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text table is written.

    Attributes:
        encoding: A codec's name.
        delimiter: The character between cells; any that the text lacks if it has one column.
        certainty: How certain both are, 0 to 1; 1 if the user named them.
    """

    encoding: str
    delimiter: str
    certainty: float


@dataclass(frozen=True, slots=True)
class _Fit:
    """How well a delimiter fits: cells of the first record, and the share of records that have as many."""

    delimiter: str
    width: int
    share: float


def dialect_of(content: Source, options: ReadOptions, name: str) -> Dialect:
    """Return how ``content`` is written; ``name`` is the file's and breaks ties only.

    Raises:
        Rejected: If it is no text table, or that cannot be detected; says what was considered.
    """
    sample = content.read(0, min(SAMPLE, content.size))
    encoding = encoding_of(sample, options)
    text = decoded_sample(sample, encoding.encoding, whole=len(sample) == content.size)
    if hint := _SEPARATOR.match(text):
        raise not_a_table(f"its first line, {hint[0].strip()!r}, is no header but a note for Excel: remove this line")
    if options.delimiter is not None:
        return Dialect(encoding.encoding, options.delimiter, encoding.certainty)
    fit = _delimiter(text, name)
    records = min(text.count("\n") + 1, _MAX_RECORDS)
    return Dialect(
        encoding.encoding, fit.delimiter, round(encoding.certainty * fit.share * (1 - 0.5 ** (records + 1)), 2)
    )


def encoding_of(sample: bytes, options: ReadOptions) -> Guess:
    """Return the encoding that the user named or the sample shows.

    Raises:
        Rejected: If none is certain enough.
    """
    if options.encoding is not None:
        return Guess(_with_order(sample, options.encoding), 1.0)
    found = guess(sample)
    if isinstance(found, Guess):
        return found
    if sum(byte < 9 or 13 < byte < 27 for byte in sample) * 33 > len(sample):
        raise not_a_table("the file is binary, and of no format that is known")
    considered = ", ".join(found) or "none fits"
    raise not_a_table(
        f"the encoding cannot be told (considered: utf-8, utf-16, {considered}; 1.00 is best): name it with --encoding"
    )


def _with_order(sample: bytes, encoding: str) -> str:
    """Return UTF-16 and UTF-32 with the byte order that the mark says, the little one without a mark."""
    if encoding in ("utf-16", "utf-32"):
        found = guess(sample[:4])
        return found.encoding if isinstance(found, Guess) and found.encoding.startswith(encoding) else f"{encoding}-le"
    return encoding


def decoded_sample(sample: bytes, encoding: str, *, whole: bool) -> str:
    """Return the sample as text, without a line that is cut."""
    text = sample[mark_length(sample, encoding) :].decode(encoding, "replace")
    if whole:
        return text
    end = max(text.rfind("\n"), text.rfind("\r"))
    return text[: end + 1] if end >= 0 else text


def table_ending(name: str) -> str:
    """Return the ending of a file's name that says what divides its cells, in lower case; ``""`` if it has none."""
    return next((ending for ending in _ENDINGS if name.lower().endswith(ending)), "")


def without_packing(name: str) -> str:
    """Return a file's name without the ending of what it is packed in."""
    return name[: len(name) - len(_packed_ending(name))]


def kept_ending(name: str) -> str:
    """Return the endings that say what divides the cells of a file, and how it is packed; ``""`` without the former."""
    ending = table_ending(without_packing(name))
    return ending + _packed_ending(name) if ending else ""


def _packed_ending(name: str) -> str:
    return next((ending for ending in _PACKED_ENDINGS if name.lower().endswith(ending)), "")


def _delimiter(text: str, name: str) -> _Fit:
    named = _ENDINGS.get(table_ending(name))
    kind = plain_text.non_table_kind(text)
    if kind is not None:
        raise not_a_table(f"the text is {kind}, no table")
    fits = [_fit(text, mark) for mark in DELIMITERS]
    whole = [fit for fit in fits if fit.width > 1 and fit.share == 1.0]
    if len(whole) > 1:
        whole = _likelier(text, whole, named)
    if len(whole) == 1:
        return _checked(text, whole[0], named)
    if not whole and not any(mark in text for mark in DELIMITERS):
        return _one_column(text, named)
    nearly = [fit for fit in fits if fit.width > 1 and fit.share >= (0.5 if named else 0.75)]
    if not whole and nearly and not plain_text.is_prose(text, max(nearly, key=lambda fit: fit.share).delimiter):
        return max(nearly, key=lambda fit: (fit.share, fit.width))
    if not whole and named and fits[DELIMITERS.index(named)].width == 1 and not nearly:
        return _one_column(text, named)
    if not whole and named and fits[DELIMITERS.index(named)].width > 1:
        return fits[DELIMITERS.index(named)]  # the reading reports the first line of another width
    raise _undecided(fits)


def _likelier(text: str, fits: list[_Fit], named: str | None) -> list[_Fit]:
    """Return those of several delimiters that fit which something speaks for."""
    quoted = [fit for fit in fits if f'"{fit.delimiter}"' in text or f'{fit.delimiter}"' in text]
    if len(quoted) == 1:
        return quoted
    tabs = [fit for fit in fits if fit.delimiter == "\t"]
    by_name = [fit for fit in fits if fit.delimiter == named]
    return tabs or by_name or fits


def _checked(text: str, fit: _Fit, named: str | None) -> _Fit:
    """Return a delimiter that fits every record, unless the text only looks like a table."""
    if named is None and plain_text.is_prose(text, fit.delimiter):
        raise not_a_table(
            f"the text is prose, no table: each {NAMES[fit.delimiter]} stands in a sentence; if it is a table, name "
            "its delimiter with --delimiter"
        )
    return fit


def _one_column(text: str, named: str | None) -> _Fit:
    """Return the fit of a table of one column, which only the file's name distinguishes from other text."""
    if named is None:
        raise not_a_table(
            "the text has no comma, semicolon, tab or pipe; if it is a table of one column, name the file .csv or give "
            "--delimiter"
        )
    return _Fit(named, 1, 1.0)


def _undecided(fits: list[_Fit]) -> Rejected:
    considered = ", ".join(
        f"{NAMES[fit.delimiter]}: {fit.width} columns in {fit.share:.0%} of the lines" for fit in fits if fit.width > 1
    )
    return not_a_table(
        f"the text is no table that can be told ({considered or 'no delimiter is in the first line'}); "
        "if it is one, name its delimiter with --delimiter"
    )


def _fit(text: str, delimiter: str) -> _Fit:
    widths = list(_widths(text, delimiter))
    if not widths:
        return _Fit(delimiter, 0, 0.0)
    return _Fit(delimiter, widths[0], sum(width == widths[0] for width in widths) / len(widths))


def _widths(text: str, delimiter: str) -> Iterator[int]:
    """Yield the cells of each of the first records; quotes hide delimiters, and damage is left to the reading."""
    for number, line in enumerate(_records(text)):
        if number == _MAX_RECORDS:
            return
        if line.strip(" \r\n"):
            yield _QUOTED.sub("", line).count(delimiter) + 1


def _records(text: str) -> Iterator[str]:
    """Yield lines, those that a quoted cell continues in as one; a quote that is not closed soon hides nothing."""
    lines = re.split(r"\r\n|\r|\n", text)
    at = 0
    while at < len(lines):
        end, quotes = at + 1, lines[at].count('"')
        while quotes % 2 and end < min(len(lines), at + _MAX_LINES):
            quotes += lines[end].count('"')
            end += 1
        end = at + 1 if quotes % 2 else end
        yield "\n".join(lines[at:end])
        at = end
