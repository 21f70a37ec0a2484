"""The spool holds nothing of a file that was refused, and nothing of a reading that was killed after the next one."""

from __future__ import annotations

import gzip
import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest

from pc_worker.reader import Rejected, open_table
from tests.unit.reader.reading import read_twice

ROOT = Path(__file__).parents[3]
ROWS = 3000


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


def csv(rows: int = ROWS) -> bytes:
    return b"id,text\n" + b"".join(b"%d,text of row %d\n" % (n, n) for n in range(rows))


def parquet() -> bytes:
    target = io.BytesIO()
    pq.write_table(table(), target, row_group_size=500)
    return target.getvalue()


def table() -> pa.Table:
    return pa.table({"id": list(range(ROWS)), "text": [f"text of row {n}" for n in range(ROWS)]})


def arrow() -> bytes:
    target = io.BytesIO()
    with pa.ipc.new_stream(target, table().schema) as writer:
        writer.write_table(table(), max_chunksize=500)
    return target.getvalue()


def as_orc() -> bytes:
    target = io.BytesIO()
    orc.write_table(table(), target)
    return target.getvalue()


def workbook() -> bytes:
    book = openpyxl.Workbook()
    for row in (["id", "text"], *([n, f"text of row {n}"] for n in range(200))):
        book.active.append(row)
    book.save(target := io.BytesIO())
    return target.getvalue()


def jsons() -> bytes:
    return b"".join(b'{"id": %d, "text": "text of row %d"}\n' % (n, n) for n in range(ROWS))


def archive(*members: tuple[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as packed:
        for name, data in members:
            packed.writestr(name, data)
    return target.getvalue()


def cut(data: bytes) -> bytes:
    """Return a file with the middle damaged and the end there: Parquet and zip files have their lists at the end."""
    middle = len(data) // 2
    return data[:middle] + bytes(b ^ 0xA5 for b in data[middle : middle + 400]) + data[middle + 400 :]


REFUSED = {
    "csv": csv() + b'1,"open',
    "csv.gz": gzip.compress(csv() + b"1,2,3\n"),
    "gzip": gzip.compress(csv())[:-20],
    "parquet": cut(parquet()),
    "parquet.gz": gzip.compress(cut(parquet())),
    "arrow": arrow()[:-700],
    "orc": cut(as_orc()),
    "xlsx": archive(*[(n, d) for n, d in [("xl/workbook.xml", b"<a/>"), ("[Content_Types].xml", b"")]]),
    "json": jsons() + b'{"id": ',
    "json.gz": gzip.compress(jsons() + b"{"),
    "zip, later member cut": archive(("a.csv", csv()), ("b.csv", csv()), ("c.csv", csv() + b'1,"')),
    "zip, later Parquet damaged": archive(("a.parquet", parquet()), ("b.parquet", cut(parquet()))),
    "zip, other columns": archive(("a.parquet", parquet()), ("b.csv", b"x,y\n1,2\n")),
    "zip, packed twice": archive(("a.jsonl", jsons()), ("b.csv.gz", gzip.compress(csv()))),
    "zip in zip": archive(("a.csv", csv()), ("b.zip", archive(("a.csv", csv()), ("b.csv", csv())))),
    "zip, checksum": archive(("a.csv", csv()), ("b.csv", csv())).replace(b"text of row 2999", b"text of row 2998"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_of_a_refused_file_is_left(name: str, tmp_path: Path, spool: Path) -> None:
    (tmp_path / "f").write_bytes(REFUSED[name])

    with pytest.raises(Rejected):
        open_table(tmp_path / "f", spool=spool)

    assert list(spool.iterdir()) == []


MADE: dict[str, Callable[[], bytes]] = {
    "csv": csv,
    "csv.gz": lambda: gzip.compress(csv()),
    "parquet": parquet,
    "parquet.gz": lambda: gzip.compress(parquet()),
    "orc": as_orc,
    "arrow": arrow,
    "xlsx": workbook,
    "zip": lambda: archive(("a.csv", csv()), ("b.csv", csv(5000)), ("c.csv", csv(7))),
}
#: Kills the process when it is about to rename a file for the nth time, or to write an index.
KILLED = """
import os, signal, sys
from pathlib import Path
from pc_worker.reader import open_table
left, replace = int(sys.argv[3]), os.replace
def killing(*names):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*names)
os.replace = killing
open_table(sys.argv[1], spool=Path(sys.argv[2]))
"""


def killed(path: Path, spool: Path, after: int) -> bool:
    """Open ``path`` in a process that is killed after it has finished ``after`` files; False if it ended before."""
    command = [sys.executable, "-c", KILLED, str(path), str(spool), str(after)]
    return subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("name", "after"), [("csv", 0), ("csv.gz", 1), ("parquet.gz", 2), ("xlsx", 1), ("zip", 3), ("zip", 5)]
)
def test_what_a_killed_reading_left_is_removed_by_the_next(name: str, after: int, tmp_path: Path, spool: Path) -> None:
    (tmp_path / "f").write_bytes(MADE[name]())
    (tmp_path / "clean").mkdir()
    (tmp_path / "clean" / "f").write_bytes(MADE[name]())
    read_twice(tmp_path / "f", tmp_path / "clean")
    usual = len([path for path in (tmp_path / "clean").iterdir() if path.name != "f"])

    assert killed(tmp_path / "f", spool, after)
    assert list(spool.iterdir())

    assert read_twice(tmp_path / "f", spool)
    assert len(list(spool.iterdir())) == usual
    assert not [path.name for path in spool.iterdir() if path.name.startswith(".") or path.name.endswith(".lock")]


def test_a_refused_reading_also_removes_what_a_killed_one_left(tmp_path: Path, spool: Path) -> None:
    (tmp_path / "f").write_bytes(REFUSED["zip, later member cut"])
    assert killed(tmp_path / "f", spool, 3)

    with pytest.raises(Rejected):
        open_table(tmp_path / "f", spool=spool)

    assert list(spool.iterdir()) == []


@pytest.fixture
def stopped(tmp_path: Path, spool: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process that has made the first file of an archive, and waits."""
    (tmp_path / "f").write_bytes(MADE["zip"]())
    code = KILLED.replace("signal.SIGKILL", "signal.SIGSTOP")
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "f"), str(spool), "3"], cwd=ROOT)
    while Path(f"/proc/{process.pid}/stat").read_text().split()[2] != "T":
        assert process.poll() is None
        time.sleep(0.01)
    yield process
    process.kill()
    process.wait()


def test_what_another_process_is_making_stays(stopped: subprocess.Popen[bytes], tmp_path: Path, spool: Path) -> None:
    before = {path.name for path in spool.iterdir()}

    read_twice(tmp_path / "f", spool)

    assert before <= {path.name for path in spool.iterdir()}
    os.kill(stopped.pid, signal.SIGCONT)
