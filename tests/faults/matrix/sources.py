"""Sources that change, vanish or shrink during their job or are replaced, an inbox, spoiled cells, a full spool."""

from __future__ import annotations

import gzip
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.faults.drill import Drill, Fault
from tests.faults.load import DOMAIN, VECTORS, new_job_id, write_source
from tests.faults.matrix.redis import filled
from tests.faults.rig import Rig, Work
from tests.support.waiting import eventually

#: What a source may hold instead of a good row; each must end as a dead letter.
SPOILED: tuple[dict[str, Any], ...] = (
    {"skill_vector": json.dumps([math.nan] * 1536)},
    {"skill_vector": json.dumps([0.0] * 1536)},
    {"skill_vector": json.dumps([0.1] * 1535)},
    {"skill_vector": VECTORS[0][:200]},
    {"skill_vector": "[1e999" + ", 0.5" * 1535 + "]"},
    {"Position": "a NUL \x00 inside"},
    {"Published": "no date at all"},
    {"Exp Years": "minus three"},
    {"id": None},
    {"Long Description": None},
)


def hurt_source(hurt: Callable[[Path], None]) -> Callable[[Drill], None]:
    """Return a drill that damages the source of a running job: the job must fail or be complete, never partly done."""

    def run(drill: Drill) -> None:
        rig = drill.rig
        while drill.injected < drill.times:
            work = rig.begin(rows=400)
            rig.moved(work, 0)
            hurt(work.source)
            forget_tables(rig)
            since = time.monotonic()
            drill.injected += 1
            eventually(lambda work=work: rig.done(work) == -1, within_s=240, what="the end of the job")  # type: ignore[misc]
            drill.moved_s.append(time.monotonic() - since)
            state, error = rig.query("SELECT state, error FROM jobs WHERE job_id = %s", (work.job_id,))[0]
            drill.notes.append(state)
            drill.expect(state == "completed" or (state == "failed" and bool(error)), f"the job is {state}: {error}")
            drill.look()
            mend(drill, work)

    return run


def mend(drill: Drill, work: Work) -> None:
    """Write the source again and ingest it: everything must then exist."""
    rig = drill.rig
    rig.generation += 1
    numbers, path = work.numbers, work.source.with_suffix(".again.pkl")
    write_source(path, numbers, rig.generation)
    again = Work(work.job_id + "-again", numbers, rig.generation, path)
    rig.truth.doubt(numbers, rig.generation)
    rig.submit(again, 50)
    drill.settle(again, since=time.monotonic())


def forget_tables(rig: Rig) -> None:
    """Kill the pool, whose processes hold the file open."""
    for child in rig.children():
        with suppress(psutil.NoSuchProcess):
            child.kill()


def change(path: Path) -> None:
    """Write one byte in the middle."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\x07")


def shrink(path: Path) -> None:
    """Cut the second half off."""
    os.truncate(path, path.stat().st_size // 2)


def damaged_indexes(drill: Drill) -> None:
    """Turn a bit in, cut or empty every index in the spool, and make the workers read them again."""
    rig = drill.rig

    def inject(_: Work) -> None:
        for path in (rig.stack.home / "spool").glob("*.index"):
            spoil(rig, path)
        forget_tables(rig)

    drill.under_load(inject, rows=400, most_a_job=4)


def spoil(rig: Rig, path: Path) -> None:
    """Damage one file, in one of three ways."""
    data = bytearray(path.read_bytes())
    match rig.random.randrange(3):
        case 0 if data:
            data[rig.random.randrange(len(data))] ^= 1 << rig.random.randrange(8)
        case 1:
            data = data[: len(data) // 2]
        case _:
            data = bytearray()
    path.write_bytes(data)


def spoiled_cells(drill: Drill) -> None:
    """Spoil one row in ten; exactly those must be dead, and all others written."""
    rig = drill.rig
    while drill.injected < drill.times:
        first = rig.random.getstate()
        start = rig.random.randrange(1500 - 300 + 1)
        rig.random.setstate(first)
        bad = {start + n * 10: SPOILED[n % len(SPOILED)] for n in range(30)}
        work = rig.begin(rows=300, chunk_size=20, changes=bad)
        drill.injected += len(bad)
        since = time.monotonic()
        eventually(lambda work=work: rig.done(work) == -1, what="the end of the job")  # type: ignore[misc]
        dead = {n for (n,) in rig.query("SELECT row_no FROM dead_letters WHERE job_id = %s", (work.job_id,))}
        wanted = {number - start for number in bad}
        drill.expect(dead == wanted, f"dead are {sorted(dead ^ wanted)[:5]} …, not exactly the spoiled rows")
        rig.truth.settle([n for n in work.numbers if n not in bad], work.generation)
        for number in bad:
            rig.truth.maybe.pop(number, None)
        rig.truth.numbers = {i: n for i, n in rig.truth.numbers.items() if n in rig.truth.generations}
        drill.check()
        drill.settled_s.append(time.monotonic() - since)


def truncated_files(drill: Drill) -> None:
    """Ingest files that are cut off anywhere: refused whole, no row of them stored."""
    rig = drill.rig
    whole = write_source(rig.folder / "sources" / "whole.pkl", range(2000, 2020), 0).read_bytes()
    while drill.injected < drill.times:
        path = rig.folder / "sources" / f"cut-{drill.injected}.pkl"
        path.write_bytes(whole[: rig.random.randrange(len(whole))])
        work = Work(f"cut-{rig.generation}-{drill.injected}", [], 0, path)
        since = time.monotonic()
        rig.submit(work, 5)
        drill.injected += 1
        drill.note(rig.finish(work, state="failed"))
        drill.moved_s.append(time.monotonic() - since)
    drill.check()


def replaced_source(drill: Drill) -> None:
    """Put another file in a compressed source's place, of its name, size and time: its own rows must come."""
    rig = drill.rig
    while drill.injected < drill.times:
        numbers = range(300)
        path = rig.folder / "sources" / "replaced.pkl.gz"
        versions = [_packed(rig, numbers) for _ in range(2)]
        size = max(len(data) for _, data in versions)
        for generation, data in versions:
            path.write_bytes(data.ljust(size, b"\0"))  # gzip's own padding
            os.utime(path, ns=(0, 10**18))
            work = Work(new_job_id(), numbers, generation, path)
            rig.truth.doubt(numbers, generation)
            rig.submit(work, 50)
            drill.settle(work, since=time.monotonic())
        drill.injected += 1


def _packed(rig: Rig, numbers: Sequence[int]) -> tuple[int, bytes]:
    rig.generation += 1
    plain = write_source(rig.folder / "sources" / "plain.pkl", numbers, rig.generation)
    return rig.generation, gzip.compress(plain.read_bytes(), 1, mtime=0)


def bad_inbox_entries(drill: Drill) -> None:
    """Put invalid entries into the inbox: each becomes a failed job, and a valid file is ingested."""
    rig = drill.rig
    folder = rig.folder / "sources" / "inbox" / DOMAIN
    folder.mkdir(exist_ok=True)
    while drill.injected < drill.times:
        rig.generation += 1
        numbers, good = range(100), folder / f"{rig.generation}.pkl"
        bad = _bad_entries(folder, f"{rig.generation}")
        write_source(folder / ".unfinished", numbers, rig.generation).rename(good)
        rig.truth.doubt(numbers, rig.generation)
        since = time.monotonic()
        job_id = eventually(lambda good=good: _job_of(rig, good), what="the good file's job")  # type: ignore[misc]
        drill.injected += len(bad)
        drill.settle(Work(job_id, numbers, rig.generation, good), since=since)
        failed = "SELECT count(*) FROM jobs WHERE state = 'failed' AND source LIKE %s"
        ((told,),) = rig.query(failed, (f"{folder}/{rig.generation}-bad%",))
        drill.expect(told == len(bad), f"{told} of {len(bad)} bad entries are told")
        for entry in bad:
            os.unlink(entry)


def _bad_entries(folder: Path, mark: str) -> list[bytes]:
    paths = [os.fsencode(folder / f"{mark}-bad{number}") for number in range(4)] + [
        os.fsencode(folder / f"{mark}-bad") + b"\xff.pkl"
    ]
    os.symlink(paths[0], paths[0])
    os.symlink(b"/nowhere", paths[1])
    os.symlink(b"/etc/passwd", paths[2])
    os.mkfifo(paths[3])
    Path(os.fsdecode(paths[4])).touch()
    return paths


def _job_of(rig: Rig, path: Path) -> str:
    found = rig.query("SELECT job_id FROM jobs WHERE source = %s", (str(path),))
    return str(found[0][0]) if found else ""


def full_spool(drill: Drill) -> None:
    """Fill the spool's volume while files are split."""
    rig = drill.rig
    while drill.injected < drill.times:
        with filled(rig.mounts["spool"]):
            work = rig.begin(rows=200)
            time.sleep(4)
            drill.injected += 1
        since = time.monotonic()
        drill.settle(work, since=since)


FAULTS = (
    Fault(
        name="spoiled-cells",
        matrix="31",
        what="NaN, zero, short, infinite vectors, NUL, nulls",
        times=60,
        run=spoiled_cells,
    ),
    Fault(name="cut-files", matrix="28", what="files cut off anywhere", times=15, run=truncated_files),
    Fault(
        name="bad-index",
        matrix="31",
        what="index sidecars damaged, workers made to read them",
        times=4,
        run=damaged_indexes,
    ),
    Fault(
        name="source-changed",
        matrix="29",
        what="a byte of the source changed during its job",
        times=1,
        run=hurt_source(change),
    ),
    Fault(
        name="source-cut", matrix="29", what="the source cut in half during its job", times=1, run=hurt_source(shrink)
    ),
    Fault(
        name="source-gone", matrix="29", what="the source deleted during its job", times=1, run=hurt_source(Path.unlink)
    ),
    Fault(
        name="source-replaced",
        matrix="29",
        what="a compressed source replaced, same size and time",
        times=2,
        run=replaced_source,
    ),
    Fault(
        name="inbox-entries",
        matrix="28",
        what="links in circles, FIFOs, names not UTF-8 in the inbox",
        times=10,
        run=bad_inbox_entries,
    ),
    Fault(
        name="spool-full", matrix="20", what="disk of the spool full for 4 s", times=1, run=full_spool, volume="spool"
    ),
)
