"""From a source's rows to rows ready to write: clean them, and build their messages and search terms."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from pc_worker.domains import BatchView, ColumnMapping, Dead, Domain, Record, Skipped, clean, row_keys
from pc_worker.model import DeadLetter, Model, PassageVector, RowTerms, RowWrite
from pc_worker.services.ingest.rows.dead_letter import RowForm, dead_letter, too_large_on_wire
from pc_worker.store.search.terms import rows_terms
from pc_worker.wire import WirePassage, row_head, row_message

Passages = tuple[PassageVector, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A range of rows after the cleaning rules: every row is a record, a dead letter or skipped.

    Attributes:
        records: Rows to write.
        letters: Dead letters.
        skipped: The number of skipped rows.
        skipped_keys: Keys of the skipped rows that have one: the source still contains them.
        letter_keys: Keys of the dead rows that have one, by row number.
    """

    records: tuple[Record, ...]
    letters: tuple[DeadLetter, ...]
    skipped: int
    skipped_keys: tuple[str, ...] = ()
    letter_keys: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowContext:
    """What all rows of one source are prepared with."""

    domain: Domain
    mapping: ColumnMapping
    model: Model
    form: RowForm


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A clean row with its identity; it may be new, changed or unchanged."""

    record: Record
    row_id: UUID
    content_hash: bytes
    cells_hash: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRows:
    """Rows to write with their messages, and dead letters for the others, by row number."""

    writes: Mapping[int, RowWrite]
    messages: Mapping[int, bytes]
    letters: Mapping[int, DeadLetter]


def clean_rows(
    domain: Domain,
    mapping: ColumnMapping,
    batch: BatchView,
    *,
    keys: Sequence[str | None],
    superseded: Collection[int],
    form: RowForm,
    left_out: Collection[int] = (),
) -> Cleaned:
    """Apply the domain's rules to a batch that was read with ``mapping.columns``.

    Args:
        domain: The domain.
        mapping: How the source's columns are read.
        batch: The rows.
        keys: The rows' keys, of ``numbered_keys``.
        superseded: Rows whose key occurs again later in the file; they are skipped.
        form: Returns the normal form of a row, for its dead letter.
        left_out: Numbers of rows that are not cleaned: they are stored already.
    """
    outcomes = clean(domain, mapping, batch, keys=keys, superseded=superseded, left_out=left_out)
    keyed = [(keys[outcome.row_no - batch.start], outcome) for outcome in outcomes]
    return Cleaned(
        records=tuple(outcome for outcome in outcomes if isinstance(outcome, Record)),
        letters=tuple(dead_letter(row.row_no, row.reason, form) for row in outcomes if isinstance(row, Dead)),
        skipped=sum(isinstance(outcome, Skipped) for outcome in outcomes),
        skipped_keys=tuple(key for key, outcome in keyed if isinstance(outcome, Skipped) and key is not None),
        letter_keys={outcome.row_no: key for key, outcome in keyed if isinstance(outcome, Dead) and key is not None},
    )


def numbered_keys(
    domain: Domain, mapping: ColumnMapping, batch: BatchView, occurrences: Mapping[int, int]
) -> Sequence[str | None]:
    """Return the rows' keys; one made from content has the row's number among its equals, of ``occurrences``."""
    keys = row_keys(domain, mapping, batch)
    if mapping.key is not None:
        return keys
    return [f"{key}:{occurrences.get(batch.start + i, 0)}" for i, key in enumerate(keys)]


def prepare_rows(
    context: RowContext, candidates: Sequence[Candidate], embedded: Mapping[int, Passages | str]
) -> PreparedRows:
    """Build the rows to write from their vectors; rows that cannot be encoded or are too large become dead letters.

    Args:
        context: What the rows of this source are prepared with.
        candidates: The rows to write.
        embedded: Each row's passages, or the reason why its text cannot be encoded, by row number.
    """
    good = [(c, found) for c in candidates if not isinstance(found := embedded[c.record.row_no], str)]
    reasons = {n: found for c in candidates if isinstance(found := embedded[n := c.record.row_no], str)}
    records = [candidate.record for candidate, _ in good]
    terms = rows_terms(context.domain.name, [(record.search_text, record.payload) for record in records])
    writes: dict[int, RowWrite] = {}
    messages: dict[int, bytes] = {}
    for (candidate, passages), row_terms in zip(good, terms, strict=True):
        write = _row_write(context, candidate, passages, row_terms)
        message = _message(context, write)
        if (reason := too_large_on_wire(message)) is not None:
            reasons[write.row_no] = reason
        else:
            writes[write.row_no], messages[write.row_no] = write, message
    letters = {row_no: dead_letter(row_no, reason, context.form) for row_no, reason in reasons.items()}
    return PreparedRows(writes=writes, messages=messages, letters=letters)


def _row_write(context: RowContext, candidate: Candidate, passages: Passages, terms: RowTerms) -> RowWrite:
    record = candidate.record
    head = row_head(
        context.domain.row_type,
        row_id=str(candidate.row_id),
        key=record.key,
        source=context.mapping.source,
        payload=record.payload,
    )
    return RowWrite(
        row_no=record.row_no,
        row_id=candidate.row_id,
        key=record.key,
        payload_json=msgspec.json.encode(record.payload).decode(),
        text=record.text,
        content_hash=candidate.content_hash,
        wire=head,
        terms=terms,
        passages=passages,
        cells_hash=candidate.cells_hash,
    )


def _message(context: RowContext, write: RowWrite) -> bytes:
    passages = [WirePassage(p.start, p.end, p.vector.astype("<f4", copy=False).tobytes()) for p in write.passages]
    return row_message(context.domain.row_type, write.wire, passages, context.model.label)
