"""Random tables, written in random ways, come back row for row as pandas reads them, whole and in random slices."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import json
import lzma
import pickle
import pickletools
import tempfile
import uuid
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pc_worker.reader import Table, open_table
from tests.golden import normal_form
from tests.property.tables import RECORDS, containers, frames

OFTEN = settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
SOMETIMES = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
# pandas warns of a few of these frames that it will treat them differently one day.
pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning",
    "ignore:overflow encountered in cast:RuntimeWarning",
    "ignore::pandas.errors.PerformanceWarning",
)


def by_python(value: Any, protocol: int) -> bytes:
    """Return ``value`` pickled by the pickler written in Python."""
    out = io.BytesIO()
    pickle._Pickler(out, protocol).dump(value)
    return out.getvalue()


def zipped(data: bytes) -> bytes:
    """Return a zip file with one member."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.pkl", data)
    return out.getvalue()


def zstandard(data: bytes) -> bytes:
    """Compress with pyarrow, with which the reader decompresses."""
    target = pa.BufferOutputStream()
    with pa.CompressedOutputStream(target, "zstd") as stream:
        stream.write(data)
    return bytes(target.getvalue().to_pybytes())


WRITERS: dict[str, Callable[[Any, int], bytes]] = {
    "pickle": pickle.dumps,
    "optimised": lambda value, protocol: pickletools.optimize(pickle.dumps(value, protocol)),
    "python": by_python,
}
WRAPPERS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": bytes,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard,
    "zip": zipped,
}


def rows_of(table: Table, start: int, stop: int) -> list[str]:
    """Return the rows of ``table`` as JSON text, which distinguishes types and the order of keys."""
    batch = table.read(start, stop)
    return [json.dumps(batch.normal_row(number), allow_nan=False) for number in range(len(batch))]


def assert_reads(data: bytes, expected: list[dict[str, Any]], cuts: list[int], chunk: int = 0) -> None:
    """Read all rows with a new index, then slices, and all rows in chunks, with the stored index."""
    wanted = [json.dumps(row, allow_nan=False) for row in expected]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table"
        path.write_bytes(data)
        with open_table(path, spool=Path(folder)) as table:
            assert table.rows == len(wanted)
            assert rows_of(table, 0, table.rows) == wanted
        with open_table(path, spool=Path(folder)) as table:
            for start, stop in pairwise(cuts):
                start, stop = sorted((start % (len(wanted) + 1), stop % (len(wanted) + 1)))
                assert rows_of(table, start, stop) == wanted[start:stop]
            if chunk:
                step = chunk if len(wanted) < 70 else max(chunk, 97)
                chunks = (rows_of(table, start, start + step) for start in range(0, len(wanted), step))
                assert [row for rows in chunks for row in rows] == wanted


@OFTEN
@given(
    table=containers(),
    protocol=st.integers(0, 5),
    writer=st.sampled_from(sorted(WRITERS)),
    cuts=st.lists(st.integers(0, 2000), max_size=6),
    chunk=st.sampled_from([0, 0, 0, 1, 7, 300, 5000]),
)
def test_a_random_table_reads_as_pandas_reads_it(
    table: Any, protocol: int, writer: str, cuts: list[int], chunk: int
) -> None:
    try:
        data = WRITERS[writer](table, protocol)
    except AssertionError:  # the pickler in Python fails on objects whose state brings them into its memo
        data = pickle.dumps(table, protocol)

    assert_reads(data, normal_form.rows_of(pd.read_pickle(io.BytesIO(data))), cuts, chunk)


@SOMETIMES
@given(
    tables=st.lists(frames(), min_size=2, max_size=4) | RECORDS.filter(lambda rows: len(rows) > 1),
    protocol=st.integers(0, 5),
    cuts=st.lists(st.integers(0, 2000), max_size=4),
)
def test_random_pickles_one_after_another_are_one_table(tables: list[Any], protocol: int, cuts: list[int]) -> None:
    data = b"".join(pickle.dumps(table, protocol) for table in tables)

    assert_reads(data, normal_form.stream_rows(tables), cuts)


@pytest.mark.parametrize("protocol", range(6))
def test_a_stream_of_pickled_dicts_is_one_table(protocol: int) -> None:
    rows = [{"id": str(uuid.UUID(int=n)), "v": [n * 0.5] * 3, "d": dt.date(2020, 1, 1)} for n in range(200)]
    data = b"".join(pickle.dumps(row, protocol) for row in rows)

    assert_reads(data, normal_form.stream_rows(rows), [0, 30, 199], 300)


@SOMETIMES
@given(table=containers(), wrapper=st.sampled_from(sorted(WRAPPERS)))
def test_a_compressed_table_reads_as_the_table_in_it(table: Any, wrapper: str) -> None:
    data = pickle.dumps(table)

    assert_reads(WRAPPERS[wrapper](data), normal_form.rows_of(pickle.loads(data)), [0, 7, 3])


@SOMETIMES
@given(frame=frames(), picks=st.sets(st.integers(0, 9)))
def test_chosen_columns_are_the_same_cells(frame: pd.DataFrame, picks: set[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table"
        frame.to_pickle(path)
        with open_table(path, spool=Path(folder)) as table:
            names = [column.name for number, column in enumerate(table.columns) if number in picks]
            whole, some = table.read(0, table.rows), table.read(0, table.rows, names)

            assert list(some.columns) == names
            for number in range(table.rows):
                row = whole.normal_row(number)
                assert some.normal_row(number) == {name: row[name] for name in names}
