"""A sample of a source: the outcomes of its rows, its new texts, and the time of each stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter, process_time

from pc_worker.domains import Record, content_hash
from pc_worker.encoding import Encoder, text_hash
from pc_worker.model import DEFAULT_CHUNK_ROWS
from pc_worker.services.dependencies import Services
from pc_worker.services.estimate.dry_run import Subject, dry_run
from pc_worker.services.ingest.rows.prepare import Candidate, clean_rows, numbered_keys
from pc_worker.services.ingest.rows.write import verdict
from pc_worker.services.sources import rejecting
from pc_worker.store.rows import merge
from pc_worker.store.rows.identities import known_row_ids
from pc_worker.store.rows.vectors import known_vectors

#: Sample windows of a source, each of a chunk's rows.
WINDOWS = 6
#: Upper ends of the histogram's classes, in tokens per text.
CLASSES = (16, 32, 64, 128, 256, 512)
#: Larger than every job's number: no row of an estimate is superseded by another job.
NEWEST = 2**62


class OwnTime:
    """The time that this process itself works, measured from the object's creation; other processes do not count."""

    def __init__(self) -> None:
        self._wall, self._cpu = perf_counter(), process_time()

    @property
    def seconds(self) -> float:
        """Seconds of work so far: CPU time, or wall time if that is shorter because several threads work."""
        return min(perf_counter() - self._wall, process_time() - self._cpu)


@dataclass(slots=True)
class SourceSample:
    """What was found in the sampled rows.

    Attributes:
        rows: Sampled rows.
        skipped: Rows that the cleaning rules skip, or whose key occurs again later in the file.
        dead: Rows that break the domain's rules.
        unchanged: Rows that are stored already, with the same content and model.
        written: All other rows.
        texts: Passages of the rows to write, each text once.
        texts_known: Those whose vectors are stored already.
        tokens: Tokens of the others, as far as the model reads them.
        histogram: The number of rows by the upper end of their class of tokens; 0 = above the last.
        seconds: Seconds to read and clean the rows (``prepare``), and to write them (``write``).
        stored_bytes: Bytes of the rows to write in the database, with indexes.
        new_texts: The texts to encode, to measure the encoder with.
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


def sample_windows(rows: int) -> list[range]:
    """Return the row numbers to sample: all of a small source, else windows spread evenly over it."""
    if rows <= DEFAULT_CHUNK_ROWS * WINDOWS:
        return [range(start, min(rows, start + DEFAULT_CHUNK_ROWS)) for start in range(0, rows, DEFAULT_CHUNK_ROWS)]
    step = (rows - DEFAULT_CHUNK_ROWS) / (WINDOWS - 1)
    return [range(round(n * step), round(n * step) + DEFAULT_CHUNK_ROWS) for n in range(WINDOWS)]


def take_sample(services: Services, subject: Subject) -> SourceSample:
    """Read, clean and dry-run the sampled rows."""
    sample = SourceSample()
    seen: set[bytes] = set()
    wanted: list[Record] = []
    for rows in sample_windows(subject.table.rows):
        records = _changed(services, subject, _cleaned(subject, rows, sample), sample)
        wanted += records
        if subject.domain.vector is None:
            _count_texts(services, subject, records, sample, seen)
    sample.written = len(wanted)
    written = dry_run(services, subject, wanted)
    sample.seconds["write"], sample.stored_bytes = written.seconds, written.stored_bytes
    return sample


def _cleaned(subject: Subject, rows: range, sample: SourceSample) -> Sequence[Record]:
    own = OwnTime()
    with rejecting(subject.path):
        batch = subject.table.read(rows.start, rows.stop, subject.mapping.columns)
    occurrences = {row: subject.occurrences[row] for row in rows if row in subject.occurrences}
    cleaned = clean_rows(
        subject.domain,
        subject.mapping,
        batch,
        keys=numbered_keys(subject.domain, subject.mapping, batch, occurrences),
        superseded=[row for row in rows if row in subject.superseded],
        form=subject.context.form,
    )
    sample.seconds["prepare"] += own.seconds
    sample.rows += len(rows)
    sample.skipped += cleaned.skipped
    sample.dead += len(cleaned.letters)
    return cleaned.records


def _changed(services: Services, subject: Subject, records: Sequence[Record], sample: SourceSample) -> list[Record]:
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


def _count_texts(
    services: Services, subject: Subject, records: Sequence[Record], sample: SourceSample, seen: set[bytes]
) -> None:
    encoder = services.encoder(subject.model)
    texts = [record.text or "" for record in records]
    for tokens in encoder.count_tokens(texts):
        sample.histogram[next((end for end in CLASSES if tokens <= end), 0)] += 1
    passages = {text_hash(passage): passage for text in texts for passage in _passages(subject, encoder, text)}
    fresh = {digest: passage for digest, passage in passages.items() if digest not in seen}
    seen |= fresh.keys()
    with services.database.transaction() as cursor:
        known = known_vectors(cursor, model_id=subject.model.model_id, hashes=fresh)
    new = [passage for digest, passage in fresh.items() if digest not in known]
    sample.texts += len(fresh)
    sample.texts_known += len(known)
    sample.tokens += sum(min(tokens, encoder.max_tokens) for tokens in encoder.count_tokens(new))
    sample.new_texts += new


def _passages(subject: Subject, encoder: Encoder, text: str) -> Iterator[str]:
    if subject.domain.any_table is None:
        yield text
        return
    for span in encoder.passages(text):
        yield text[span.start : span.end]
