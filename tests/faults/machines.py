"""Two machines: ``python -m tests.faults.machines [--texts N] [--rows N] [--faults K]``; needs root and iproute2.

Each machine is a network namespace with its own address and its own home, and one processor. PostgreSQL, Redis and an
object store, which has the sources, are on a third address. Printed: the rows per second of one machine and of two, and
what is lost or doubled while the worker of each machine is killed and the link of each is cut, one after the other.
"""

from __future__ import annotations

import argparse
import pickle
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console

from pc_worker.bench.processor import processor
from tests.faults.consumer import read_all
from tests.faults.load import Truth, write_source
from tests.faults.machine_site import Site, running_site
from tests.faults.oracle import ALWAYS, SETTLED, Findings, check_statements
from tests.faults.rig import temporary_folder
from tests.support.waiting import eventually

#: Longer than the lease of a chunk, so that the other machine takes over.
CUT_S = 15.0


def main(arguments: Sequence[str]) -> int:
    """Measure and hurt; 0 if nothing was lost or doubled."""
    options = parsed(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that nothing is left running
    say = Console(soft_wrap=True).print
    say(processor())
    with temporary_folder() as folder, running_site(folder) as site:
        one, two = throughput(site, options.texts)
        say(f"texts/s of one machine {one:.0f}, of two {two:.0f}: {two / one:.2f} x")
        findings, survived = hurt(site, options.rows, options.faults)
    times = ", ".join(f"{count} x {fault}" for fault, count in survived.items())
    say(f"rows {options.rows * options.faults}, {times}: lost {findings.lost}, doubled {findings.doubled}")
    say(*findings.words, sep="\n")
    return int(bool(findings.words))


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.machines", description=__doc__)
    parser.add_argument("--texts", type=int, default=6_000, help="rows of each measured ingest")
    parser.add_argument("--rows", type=int, default=40_000, help="rows with ready vectors, of each round of faults")
    rounds = "rounds: in each, one machine is killed and the other cut; 2: each machine is killed once and cut once"
    parser.add_argument("--faults", type=int, default=2, help=rounds)
    return parser.parse_args(arguments)


def throughput(site: Site, texts: int) -> tuple[float, float]:
    """Return the texts per second of the first machine alone, and of both."""

    def source(name: str) -> str:
        rows = [{"id": f"{name}-{n}", "text": f"{name}: the text of note number {n}"} for n in range(texts)]
        return site.store.put("data", f"{name}.pkl", pickle.dumps(rows))

    first, second = site.machines
    first.start()
    site.ingest(source("first"), "document")  # a worker's first chunk loads the model
    one = site.ingest(source("one"), "document")
    second.start()
    site.ingest(source("second"), "document")
    return one, site.ingest(source("two"), "document")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one machine while the other one works."""

    kind: Literal["kill", "cut"]
    machine: int

    def __str__(self) -> str:
        return f"{self.kind} of machine {self.machine + 1}"


def faults_of(round_no: int) -> tuple[Fault, Fault]:
    """Return the faults of a round: one machine is killed and the other cut; in the next round the other way round."""
    return Fault("kill", round_no % 2), Fault("cut", 1 - round_no % 2)


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job that machines work at while they are hurt."""

    site: Site
    job_id: str

    def ended(self) -> list[tuple[Any, ...]]:
        """Return its state, if it has ended."""
        return self.site.query("SELECT state FROM jobs WHERE job_id = %s AND finished_at IS NOT NULL", (self.job_id,))

    def moved(self) -> bool:
        """Wait for progress from here on; return whether more of the job is left."""
        since = self._done()
        eventually(lambda: self._done() > since or self.ended(), within_s=180, what=f"progress beyond {since} chunks")
        return not self.ended()

    def survived(self, fault: Fault) -> bool:
        """Hurt a machine, and return whether the other one went on with work that was left."""
        machine = self.site.machines[fault.machine]
        if fault.kind == "kill":
            machine.kill()
            went_on = self.moved()
            machine.start()
            return went_on
        machine.link("down")
        time.sleep(CUT_S)
        went_on = self.moved()
        machine.link("up")
        return went_on

    def _done(self) -> int:
        return int(self.site.query("SELECT chunks_done FROM jobs WHERE job_id = %s", (self.job_id,))[0][0])


def hurt(site: Site, rows: int, rounds: int) -> tuple[Findings, Counter[Fault]]:
    """Hurt the machines while they ingest a file in each round; return what is wrong, and the faults they survived.

    A job that ends before its faults are over is a finding, too: it shows nothing of them.
    """
    truth, survived = Truth(), Counter[Fault]()
    states: list[str] = []
    for round_no in range(rounds):
        numbers = range(rows * round_no, rows * (round_no + 1))
        body = write_source(site.folder / "recruit.pkl", numbers, 1).read_bytes()
        url = site.store.put("data", f"recruit-{round_no}.pkl", body)
        job = RunningJob(site, site.run("ingest", url, "--domain", "recruit", "--json").json()["job_id"])
        for fault in faults_of(round_no):
            if job.moved():
                survived[fault] += job.survived(fault)
        states += [state for (state,) in eventually(job.ended, within_s=900, what="the end of the job")]
        truth.settle(numbers, 1)
    findings = compared(site, truth, states)
    dealt = Counter(fault for round_no in range(rounds) for fault in faults_of(round_no))
    for fault in (dealt - survived).elements():
        findings.add(f"{fault}: the job ended before it was over, use more --rows")
    return findings, survived


def compared(site: Site, truth: Truth, states: Sequence[str]) -> Findings:
    """Compare the truth with the ledger, the rows and a complete reading of the log."""
    findings = check_statements(site.query, ALWAYS | SETTLED)
    for state in states:
        if state != "completed":
            findings.add(f"a job is {state}", lost=1)
    reading = read_all(site.env["PC_WORKER_GATEWAY_ADDRESS"])
    rows = dict(site.query("SELECT row_id::text, payload->>'position' FROM rows WHERE domain = 'recruit'"))
    for place, found in (("the rows", rows), ("a reading", reading.texts)):
        if missing := truth.missing(found):
            findings.add(f"{place}: {missing[0]} (and {len(missing) - 1} more)", lost=len(missing))
        if unexpected := truth.unexpected(found):
            findings.add(f"{place}: {len(unexpected)} rows that no source had", doubled=len(unexpected))
    if reading.doubled or reading.disordered:
        findings.add("rows came twice or out of order", doubled=len(reading.doubled) or 1)
    return findings


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
