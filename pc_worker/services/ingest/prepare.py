"""A chunk's rows from the source: read and cleaned, the refused ones with their normal form."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pc_worker.domains import BatchView, ColumnMapping, Dead, Domain, Record, Skipped, clean, row_keys
from pc_worker.model import DeadLetter
from pc_worker.reader import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A stretch of rows after the cleaning rules: every row is in exactly one part.

    ``skipped_keys`` are those of the skipped rows that have one: their source holds them all the same. ``letter_keys``
    are those of the dead rows that have one, by row number.
    """

    records: tuple[Record, ...]
    letters: tuple[DeadLetter, ...]
    skipped: int
    skipped_keys: tuple[str, ...] = ()
    letter_keys: Mapping[int, str] = field(default_factory=dict)


#: Gives the normal form of a row by its number in the source: all its columns, not only those a domain reads.
RowForm = Callable[[int], Mapping[str, Json]]


def clean_rows(
    domain: Domain,
    mapping: ColumnMapping,
    batch: BatchView,
    *,
    superseded: Collection[int],
    occurrences: Mapping[int, int],
    form: RowForm,
) -> Cleaned:
    """Apply the domain's rules to a batch read with ``mapping.columns``."""
    keys = _numbered(row_keys(domain, mapping, batch), mapping, batch.start, occurrences)
    outcomes = clean(domain, mapping, batch, keys=keys, superseded=superseded)
    dead = [outcome for outcome in outcomes if isinstance(outcome, Dead)]
    return Cleaned(
        records=tuple(outcome for outcome in outcomes if isinstance(outcome, Record)),
        letters=tuple(letter(row.row_no, row.reason, form) for row in dead),
        skipped=sum(isinstance(outcome, Skipped) for outcome in outcomes),
        skipped_keys=tuple(
            key for key, outcome in zip(keys, outcomes, strict=True) if isinstance(outcome, Skipped) and key is not None
        ),
        letter_keys={
            outcome.row_no: key
            for key, outcome in zip(keys, outcomes, strict=True)
            if isinstance(outcome, Dead) and key is not None
        },
    )


def _numbered(
    keys: Sequence[str | None], mapping: ColumnMapping, first: int, occurrences: Mapping[int, int]
) -> Sequence[str | None]:
    """Add to keys that are content hashes the number of the row among its equals."""
    if mapping.key is not None:
        return keys
    return [f"{key}:{occurrences.get(first + i, 0)}" for i, key in enumerate(keys)]


def letter(row_no: int, reason: str, form: RowForm) -> DeadLetter:
    """Make a row's dead letter."""
    return DeadLetter(row_no=row_no, reason=reason, row_id=None, normal_form=json_text(form(row_no)))


def json_text(value: Json | Mapping[str, Json]) -> str:
    """Give JSON text that any UTF-8 sink takes: only lone surrogates force escapes."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False)
    return text
