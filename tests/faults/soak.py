"""The soak: ingest, search and consumption under random faults: ``-m tests.faults.soak --minutes N --seed S``."""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil
import psycopg2
import redis
from rich.console import Console
from rich.table import Table

from pc_worker.bench.processor import processor
from pc_worker.wire.generated import embedding_stream_pb2 as pb
from pc_worker.wire.generated.embedding_stream_pb2_grpc import EmbeddingStreamServiceStub
from tests.faults.blows import BLOWS
from tests.faults.consumer import OPTIONS
from tests.faults.oracle import Findings
from tests.faults.rig import Rig, Work, running_rig, temporary_folder
from tests.support.processes import family_of
from tests.support.waiting import eventually

#: Everything is compared this often; between, what must hold at any instant.
SETTLE_EVERY_S = 120.0
#: A blow falls about this often while a job runs.
EVERY_S = 3.0
PARTS = ("worker", "beat", "gateway", "http", "flower")


def main(arguments: Sequence[str]) -> int:
    """Soak and print the figures; 0 if nothing was lost or doubled."""
    options = parsed(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that nothing is left running
    console = Console(width=140)
    console.print(processor())
    with temporary_folder() as folder, running_rig(folder, seed=options.seed) as rig:
        soak = Soak(rig, console)
        soak.run(options.minutes * 60)
        soak.report(options)
    if options.json:
        options.json.write_text(json.dumps(soak.as_json(options), indent=1))
    return int(bool(soak.findings.words))


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--json", type=Path, help="Also write the figures there.")
    return parser.parse_args(arguments)


class Searcher(threading.Thread):
    """Searches permanently; only an unavailable gateway is accepted."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(name="searcher", daemon=True)
        self._rig, self.stopping = rig, threading.Event()
        self.answered = self.away = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        """Search."""
        while not self.stopping.wait(0.2):
            try:
                with grpc.insecure_channel(self._rig.gateway, OPTIONS) as channel:
                    request = pb.SearchRequest(query="engineer generation", domain="recruit", k=5, mode="text")
                    found = EmbeddingStreamServiceStub(channel).Search(request, timeout=15)
                self.answered += 1
                if len({hit.id for hit in found.hits}) != len(found.hits):
                    self.wrong.append("a search gave a row twice")
            except grpc.RpcError as exc:
                self._refused(exc)
            except AssertionError:  # the stack's addresses are not there just now
                self.away += 1

    def _refused(self, exc: grpc.RpcError) -> None:
        if exc.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            self.away += 1
        else:
            self.wrong.append(f"a search ended with {exc.code().name}: {exc.details()}")


@dataclass(slots=True)
class Soak:
    """One soak and what it has come to."""

    rig: Rig
    console: Console
    faults: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)
    jobs: int = 0
    rows: int = 0
    settlings: int = 0
    memory: dict[str, tuple[int, int]] = field(default_factory=dict)
    searcher: Searcher | None = None

    def run(self, seconds: float) -> None:
        """Ingest, search and consume for so long, and hurt everything meanwhile."""
        self.searcher = Searcher(self.rig)
        self.searcher.start()
        self._one_job(blows_until=0)  # a first one, unhurt, so that every process has done its work once
        eventually(lambda: self.searcher is not None and self.searcher.answered > 10, within_s=240, what="searches")
        before = memory_of(self.rig)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            until = min(end, time.monotonic() + SETTLE_EVERY_S)
            while time.monotonic() < until:
                self._one_job(blows_until=until)
            self._settle()
        self.searcher.stopping.set()
        self.searcher.join(30)
        for word in self.searcher.wrong:
            self.findings.add(word, lost=1)
        after = memory_of(self.rig)
        self.memory = {name: (before.get(name, 0), after.get(name, 0)) for name in sorted(before | after)}

    def _one_job(self, *, blows_until: float) -> None:
        chance = self.rig.random
        work = self.rig.begin(rows=chance.choice((100, 300, 600)), chunk_size=chance.choice((5, 10, 30)))
        while self.rig.done(work) != -1 and time.monotonic() < blows_until:
            self._blow()
            with suppress(AssertionError):  # the next fault comes during the recovery from the last one, or soon after
                eventually(lambda: self.rig.done(work) == -1, within_s=chance.uniform(0, 2 * EVERY_S))
        self._account(work)

    def _account(self, work: Work) -> None:
        found = self.rig.finish(work)
        self._note(found)
        self.jobs += 1
        self.rows += len(work.numbers)

    def _blow(self) -> None:
        name = self.rig.random.choice(sorted(BLOWS))
        self.faults[name] += 1
        with suppress(psutil.NoSuchProcess, ProcessLookupError, psycopg2.OperationalError, redis.RedisError):
            BLOWS[name](self.rig)
        self._note(self.rig.check_now())

    def _settle(self) -> None:
        self._note(self.rig.check_settled())
        self.rig.query("CHECKPOINT")
        self.settlings += 1
        faults = sum(self.faults.values())
        self.console.print(f"{self.jobs} jobs, {self.rows} rows, {faults} faults, wrong: {self.findings.words[:3]}")

    def _note(self, found: Findings) -> None:
        self.findings.lost += found.lost
        self.findings.doubled += found.doubled
        self.findings.words += found.words

    def report(self, options: argparse.Namespace) -> None:
        """Print the figures."""
        self.console.print_json(json.dumps(self.as_json(options)))
        table = Table("process", "MB at the start", "MB at the end", title="memory (proportional set size)")
        for name, (before, after) in self.memory.items():
            table.add_row(name, f"{before / 1e6:.0f}", f"{after / 1e6:.0f}")
        self.console.print(table)

    def as_json(self, options: argparse.Namespace) -> dict[str, object]:
        """Return the results as JSON."""
        assert self.searcher is not None
        return {
            "minutes": options.minutes, "seed": options.seed, "jobs": self.jobs, "rows": self.rows,
            "faults": sum(self.faults.values()), "by fault": dict(sorted(self.faults.items())),
            "lost": self.findings.lost, "doubled": self.findings.doubled, "wrong": self.findings.words[:20],
            "full comparisons": self.settlings, "searches": self.searcher.answered, "searches away": self.searcher.away,
            "rows consumed": self.rig.follower.rows, "consumer connections": self.rig.follower.connections,
            "memory": self.memory,
        }  # fmt: skip


def memory_of(rig: Rig) -> dict[str, int]:
    """Return the proportional set size by process, once the gateway has exported its model."""
    eventually(lambda: not rig.main_of("gateway").children(), within_s=240, what="the end of the model's export")
    found = {}
    for part in PARTS:
        main = rig.main_of(part)
        found[part] = _pss(main)
        found |= {f"{part} child {number}": _pss(child) for number, child in enumerate(family_of(main.pid)[1:], 1)}
    for server in ("postgres", "redis"):
        found[server] = sum(map(_pss, family_of(rig.servers.pid(server))))
    return found


def _pss(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        return int(process.memory_full_info().pss)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
