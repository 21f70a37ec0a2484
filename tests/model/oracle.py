"""The contract in memory: which rows must exist after the operations, for any order in which chunks ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.model.line import Row

#: What a row is: a UUID by itself, any other key within its source.
Ident = tuple[str, str]


def ident_of(source: str, key: str) -> Ident:
    """Return the identity of a key in a source; UUID keys have 36 characters here, others are shorter."""
    return ("", key) if len(key) == 36 else (source, key)


@dataclass
class Held:
    """A row as it must be stored: its text, the job it is from, the newest job that has seen it, its source."""

    text: str
    seq: int
    seen: int
    source: str


@dataclass
class Begun:
    """A job with its chunks, as they were laid down."""

    job_id: str
    seq: int
    source: str
    rows: Sequence[Row]
    chunk_size: int
    open: set[int]
    state: str = "running"
    letters: dict[int, Ident] = field(default_factory=dict)

    def chunk(self, number: int) -> list[tuple[int, Row]]:
        """Return the rows of a chunk with their numbers."""
        start = number * self.chunk_size
        return list(enumerate(self.rows))[start : start + self.chunk_size]

    def judge(self) -> None:
        """Judge it by its letters, once all chunks are done."""
        if not self.open:
            self.state = "partial" if self.letters else "completed"

    def loses(self, row_no: int) -> bool:
        """Return whether a later row of the file has the same key."""
        return any(row["id"] == self.rows[row_no]["id"] for row in self.rows[row_no + 1 :])


@dataclass
class Truth:
    """What was done, in the words of the contract."""

    number: int = 0
    jobs: dict[str, Begun] = field(default_factory=dict)
    held: dict[Ident, Held] = field(default_factory=dict)
    forgotten: dict[Ident, int] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)

    def begin(self, job_id: str, source: str, rows: Sequence[Row], chunk_size: int) -> Begun:
        """Start a job with the next sequence number."""
        self.number += 1
        chunks = set(range(-(-len(rows) // chunk_size)))
        self.jobs[job_id] = Begun(job_id, self.number, source, rows, chunk_size, chunks)
        return self.jobs[job_id]

    def done(self, job: Begun, number: int) -> None:
        """Record a written chunk."""
        job.open.discard(number)
        for row_no, row in job.chunk(number):
            self._row(job, row_no, row, loses=job.loses(row_no))
        job.judge()

    def _row(self, job: Begun, row_no: int, row: Row, *, loses: bool) -> None:
        ident = ident_of(job.source, row["id"])
        if max(self.sources.get(job.source, 0), self.forgotten.get(ident, 0)) > job.seq and not loses and row["text"]:
            return
        held = self.held.get(ident)
        if loses or not row["text"]:
            if held is not None:
                held.seen = max(held.seen, job.seq)
        elif "\0" in row["text"]:
            job.letters[row_no] = ident
            if held is not None:  # the file has the row: it is not missing, also after its letter was dropped
                held.seen = max(held.seen, job.seq)
        elif held is None:
            self.held[ident] = Held(row["text"], job.seq, job.seq, job.source)
        elif held.seq <= job.seq and held.text == row["text"]:
            held.seq, held.seen = job.seq, max(held.seen, job.seq)
        elif held.seq <= job.seq:
            self.held[ident] = Held(row["text"], job.seq, max(held.seen, job.seq), job.source)

    def may_change(self, ident: Ident) -> bool:
        """Return whether an open job may still write the row: its current text may then be the older one."""
        rest = [(job, number) for job in self.jobs.values() for number in job.open]
        return any(ident_of(job.source, row["id"]) == ident for job, number in rest for _, row in job.chunk(number))

    def forget(self, idents: Iterable[Ident]) -> None:
        """Forget rows with their dead letters: no job that began before brings them back."""
        self.number += 1
        gone = list(idents)
        self._forget(gone, self.number)
        for job in self.jobs.values():
            self.drop(job, [row_no for row_no, ident in job.letters.items() if ident in gone])

    def _forget(self, idents: Iterable[Ident], number: int) -> None:
        for ident in idents:
            self.held.pop(ident, None)
            self.forgotten[ident] = max(self.forgotten.get(ident, 0), number)

    def drop(self, job: Begun, row_nos: Iterable[int]) -> None:
        """Remove dead letters of a job."""
        for row_no in list(row_nos):
            del job.letters[row_no]
        job.judge()

    def forget_source(self, source: str, missing_from: Begun | None) -> None:
        """Forget a source, or its rows that a newer job did not contain."""
        if missing_from is None:
            self.number += 1
        number = self.number if missing_from is None else missing_from.seq
        gone = [ident for ident, held in self.held.items() if held.source == source and held.seen < number]
        self._forget(gone, number)
        for job in self.jobs.values():
            if missing_from is None and job.source == source:
                self.drop(job, list(job.letters))
        self.sources[source] = max(self.sources.get(source, 0), number)

    @property
    def texts(self) -> dict[Ident, str]:
        """Every row that must be there, with its text."""
        return {ident: held.text for ident, held in self.held.items()}
