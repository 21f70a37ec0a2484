"""A sample of a source, spread over it: how its rows would end, which texts are new, what their stages take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pc_worker.domains import Record, content_hash
from pc_worker.encoding import Encoder, text_hash
from pc_worker.services.dependencies import Services
from pc_worker.services.estimate.dry_run import STRETCH, Subject, rehearse
from pc_worker.services.estimate.own_time import OwnTime
from pc_worker.services.ingest.prepare import clean_rows
from pc_worker.services.ingest.process_chunk import row_form
from pc_worker.services.ingest.write_rows import Candidate, verdict
from pc_worker.services.sources import refusals
from pc_worker.store.rows import merge
from pc_worker.store.rows.identities import known_row_ids
from pc_worker.store.rows.vectors import known_vectors

#: How many stretches of a chunk's rows are looked at.
STRETCHES = 6
#: Upper ends of the histogram's classes of tokens a text.
CLASSES = (16, 32, 64, 128, 256, 512)
#: Beyond every job's number: no row of a plan is superseded by another job.
NEWEST = 2**62


@dataclass(slots=True)
class Sample:
    """What was found in the sampled rows.

    Attributes:
        rows: How many rows were looked at.
        skipped: By cleaning rules or as losing duplicates.
        dead: Refused.
        unchanged: Stored already, with the same content and model.
        written: The rest.
        texts: Passages of the rows to write, each text once.
        texts_known: Those whose vectors exist.
        tokens: What the model would see of the others.
        histogram: Tokens a row's text → rows, by the class's upper end; 0 = above the last.
        seconds: What reading and cleaning took, and writing.
        stored_bytes: What the rows to write take in the database, indexes included.
        new_texts: Some of the texts to encode, to measure the encoder with.
    """

    rows: int = 0
    skipped: int = 0
    dead: int = 0
    unchanged: int = 0
    written: int = 0
    texts: int = 0
    texts_known: int = 0
    tokens: int = 0
    histogram: Counter[int] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=lambda: {"prepare": 0.0, "write": 0.0})
    stored_bytes: int = 0
    new_texts: list[str] = field(default_factory=list)


def stretches(rows: int) -> list[range]:
    """Give the rows to look at: all of a small source, else stretches spread evenly."""
    if rows <= STRETCH * STRETCHES:
        return [range(start, min(rows, start + STRETCH)) for start in range(0, rows, STRETCH)]
    step = (rows - STRETCH) / (STRETCHES - 1)
    return [range(round(n * step), round(n * step) + STRETCH) for n in range(STRETCHES)]


def take_sample(services: Services, subject: Subject) -> Sample:
    """Look at the sample's rows; what would be written is rehearsed and undone."""
    sample = Sample()
    seen: set[bytes] = set()
    wanted: list[Record] = []
    for rows in stretches(subject.table.rows):
        records = _changed(services, subject, _cleaned(subject, rows, sample), sample)
        wanted += records
        if subject.domain.vector is None:
            _look_at_texts(services, subject, records, sample, seen)
    sample.written = len(wanted)
    written = rehearse(services, subject, wanted)
    sample.seconds["write"], sample.stored_bytes = written.seconds, written.stored_bytes
    return sample


def _cleaned(subject: Subject, rows: range, sample: Sample) -> Sequence[Record]:
    own = OwnTime()
    with refusals(subject.path):
        batch = subject.table.read(rows.start, rows.stop, subject.mapping.columns)
    cleaned = clean_rows(
        subject.domain,
        subject.mapping,
        batch,
        superseded=[row for row in rows if row in subject.superseded],
        occurrences={row: subject.occurrences[row] for row in rows if row in subject.occurrences},
        form=row_form(subject.table, subject.path),
    )
    sample.seconds["prepare"] += own.seconds
    sample.rows += len(rows)
    sample.skipped += cleaned.skipped
    sample.dead += len(cleaned.letters)
    return cleaned.records


def _changed(services: Services, subject: Subject, records: Sequence[Record], sample: Sample) -> list[Record]:
    name = subject.domain.name
    with services.database.transaction() as cursor:
        ids = known_row_ids(cursor, name, subject.mapping.scope, [record.key for record in records])
        stored = merge.read_stored(cursor, domain=name, model_id=subject.model.model_id, ids=list(ids.values()))

    def is_new(record: Record) -> bool:
        row_id = ids.get(record.key)
        if row_id is None:
            return True
        candidate = Candidate(record=record, row_id=row_id, content_hash=content_hash(record))
        return verdict(candidate, stored.get(row_id), seq=NEWEST) == "write"

    changed = [record for record in records if is_new(record)]
    sample.unchanged += len(records) - len(changed)
    return changed


def _look_at_texts(
    services: Services, subject: Subject, records: Sequence[Record], sample: Sample, seen: set[bytes]
) -> None:
    encoder = services.encoder(subject.model)
    texts = [record.text or "" for record in records]
    for tokens in encoder.count_tokens(texts):
        sample.histogram[next((end for end in CLASSES if tokens <= end), 0)] += 1
    pieces = {text_hash(piece): piece for text in texts for piece in _pieces(subject, encoder, text)}
    fresh = {digest: piece for digest, piece in pieces.items() if digest not in seen}
    seen |= fresh.keys()
    with services.database.transaction() as cursor:
        known = known_vectors(cursor, model_id=subject.model.model_id, hashes=fresh)
    new = [piece for digest, piece in fresh.items() if digest not in known]
    sample.texts += len(fresh)
    sample.texts_known += len(known)
    sample.tokens += sum(min(tokens, encoder.max_tokens) for tokens in encoder.count_tokens(new))
    sample.new_texts += new


def _pieces(subject: Subject, encoder: Encoder, text: str) -> Iterator[str]:
    if subject.domain.any_table is None:
        yield text
        return
    for span in encoder.passages(text):
        yield text[span.start : span.end]
