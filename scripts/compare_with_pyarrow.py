"""Compare the reader with pyarrow's own reading, on a folder of Parquet and Arrow files: equal, refused, different.

    python scripts/compare_with_pyarrow.py FOLDER [--all]

Gzip files are compared decompressed. Files with ``fuzz`` in their path are identified by their first bytes. A file is
*equal* if every cell equals pyarrow's, *refused* if only the reader rejects it, *neither* if
both do, *ours only* if only the reader reads it, else *different*. A timestamp or duration of -2^63 counts as null: for
pandas it is ``NaT``. Files are read in another process, because a damaged one may crash pyarrow; if the reader crashes,
the file is *ended*. Exit with 1 if a file is different or ended.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pc_worker.reader import Rejected, normal, open_table
from pc_worker.reader.cells.values import NAT

ENDINGS = (".parquet", ".arrow_file", ".stream", ".arrow", ".feather", ".orc")
OTHER_ENDINGS = (".md", ".csv", ".json", ".py")
_SHOWN = 300


def main() -> int:
    """Compare every file and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="also print the files that are equal")
    given = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    apart = Apart()
    for path in sorted(given.folder.rglob("*")):
        if path.is_file() and is_compared(path.relative_to(given.folder)):
            verdict, words = apart.verdict(path)
            counts[form_of(path), verdict] += 1
            if given.all or verdict != "equal":
                sys.stdout.write(f"{verdict:10}{path.relative_to(given.folder)}  {words[:_SHOWN]}\n")
    for (ending, verdict), count in sorted(counts.items()):
        sys.stdout.write(f"{ending}: {count} {verdict}\n")
    return int(any(verdict in ("different", "ended") for _, verdict in counts))


def is_compared(path: Path) -> bool:
    """Return whether this is a table for pyarrow, by its name or as a fuzzer's finding."""
    known = path.name.removesuffix(".gz").endswith(ENDINGS)
    return known or ("fuzz" in str(path) and path.suffix not in OTHER_ENDINGS and "csv" not in path.parts)


def form_of(path: Path) -> str:
    """Return the format as which pyarrow must read a file."""
    name = path.name.removesuffix(".gz")
    if name.endswith(ENDINGS):
        return {"arrow": "arrow_file", "feather": "arrow_file"}.get(ending := name.rpartition(".")[2], ending)
    head = path.read_bytes()[:6]
    return "parquet" if head[:4] == b"PAR1" else "arrow_file" if head == b"ARROW1" else "stream"


class Apart:
    """Reads files in a process of its own, which is another after a file that ended it."""

    def __init__(self) -> None:
        self._pool = self._new()

    @staticmethod
    def _new() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    def verdict(self, path: Path) -> tuple[str, str]:
        """Return the verdict on one file, and the reason."""
        for reader in (compared, by_ours_alone):
            try:
                return self._pool.submit(reader, path).result()
            except BrokenProcessPool:
                self._pool = self._new()
        return "ended", "the process of the reader"


def by_ours_alone(path: Path) -> tuple[str, str]:
    """Return the verdict on a file that crashed pyarrow's process."""
    with unpacked(path) as plain:
        try:
            return "ours only", f"pyarrow ended its process; {len(list(ours(plain, plain.parent)))} rows"
        except Rejected as error:
            return "neither", f"pyarrow ended its process; {error}"


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Yield the decompressed file, in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "file"
        plain.write_bytes(gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes())
        yield plain


def compared(path: Path) -> tuple[str, str]:
    """Return the verdict on one file, and the reason."""
    with unpacked(path) as plain:
        try:
            expected: Any = list(theirs(plain, form_of(path)))
        except Exception as error:
            expected = error
        try:
            found = list(ours(plain, plain.parent))
        except Rejected as error:
            return ("neither" if isinstance(expected, Exception) else "refused"), str(error)
    if isinstance(expected, Exception):
        return "ours only", f"pyarrow: {type(expected).__name__}: {expected}"
    return difference(found, expected)


def ours(path: Path, spool: Path) -> Iterator[dict[str, Any]]:
    """Return the rows of the reader."""
    with open_table(path, spool=spool) as table:
        for start in range(0, table.rows, 300):
            batch = table.read(start, start + 300)
            yield from (batch.normal_row(number) for number in range(len(batch)))


def theirs(path: Path, form: str) -> Iterator[list[Any]]:
    """Return the rows of pyarrow as lists of cells: repeated labels are allowed here."""
    if form == "parquet":
        table = pq.ParquetFile(path).read()
    elif form == "orc":
        import pyarrow.orc

        table = pyarrow.orc.read_table(path)
    else:
        opened = pa.ipc.open_stream(path) if form == "stream" else pa.ipc.open_file(path)
        table = opened.read_all()
    columns = [[cell_of(cell) for chunk in column.chunks for cell in chunk] for column in table.columns]
    yield from map(list, zip(*columns, strict=True)) if columns else ()


def cell_of(scalar: Any) -> Any:
    """Return a cell in normal form by pyarrow's own conversion; if that fails, by its conversion to text."""
    if isinstance(scalar, pa.TimestampScalar | pa.DurationScalar) and scalar.value == NAT:
        return None
    if isinstance(scalar, pa.Time64Scalar) and scalar.is_valid:
        text = str(scalar.cast(pa.string()))  # as_py cuts nanoseconds off
        return text if text[15:].strip("0") else normal(scalar.as_py())
    try:
        return normal(plain(scalar.as_py()))
    except (ValueError, OverflowError, TypeError, pa.ArrowException):
        return Unsure()


def plain(value: Any) -> Any:
    """Return named tuples as tuples, and timestamps to the nanosecond, also inside."""
    if hasattr(value, "nanosecond") or (hasattr(value, "nanoseconds") and hasattr(value, "isoformat")):
        return value.isoformat()  # pandas' own
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if isinstance(value, list):
        return [*map(plain, value)]
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


class Unsure:
    """A cell that pyarrow holds and cannot turn into a Python value: any is as good."""

    def __eq__(self, other: object) -> bool:
        """Return True: equal to all."""
        return True

    __hash__ = None  # type: ignore[assignment]


def difference(found: list[dict[str, Any]], expected: list[list[Any]]) -> tuple[str, str]:
    """Return whether the rows are equal, and the first that is not."""
    if len(found) != len(expected):
        return "different", f"{len(found)} rows instead of {len(expected)}"
    for number, (row, cells) in enumerate(zip(found, expected, strict=True)):
        for (name, cell), other in zip(row.items(), cells, strict=True):
            if other != cell and json.dumps(cell, default=str) != json.dumps(other, default=str):
                return "different", f"row {number}, column {name}: {cell!r} instead of {other!r}"
    return "equal", ""


if __name__ == "__main__":
    sys.exit(main())
