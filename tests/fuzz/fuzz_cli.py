"""Fuzz the whole command line in this process: any arguments end with one line and an exit code of the contract.

Commands and options are those of the command line's own tree. Real servers of its own answer: PostgreSQL, Redis, a
gateway. A short run is part of ``./test`` (``tests/integration/cli``):

    python -m tests.fuzz.fuzz_cli --inputs 10000 --seed 1
"""

from __future__ import annotations

import io
import itertools
import logging
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click

from pc_worker import wiring
from pc_worker.cli import COMMANDS, cli, main
from pc_worker.cli.ports import settled
from pc_worker.embedded import start_servers
from pc_worker.errors import PcWorkerError
from pc_worker.services.ingest.process_chunk import process_chunk
from pc_worker.services.ingest.split import split
from pc_worker.services.ingest.submit import IngestRequest, submit
from pc_worker.services.jobs.job_control import job_status
from pc_worker.settings import Settings, read_settings
from tests.fuzz.odd_words import Words
from tests.homes import temporary_home
from tests.support.waiting import eventually

CODES = {0, 1, 2, 65, 69, 130}
#: Run until they are stopped, or for minutes: their words are parsed, and nothing more.
ONLY_PARSED = {"up", "demo", "worker", "beat", "gateway", "http", "flower", "bench"}
#: Waits for work that no worker does here.
NEVER = {"--wait"}
#: Acts on a terminal: C0 without the line's end, DEL, C1, and what turns text round.
CONTROLS = re.compile("[\0-\t\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
LONGEST_S = 30.0
#: What is wrong with servers' addresses is another matter than words.
KEPT_SETTINGS = {"database_url", "redis_url", "home", "data_roots"}


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run did."""

    code: int
    out: str
    err: str

    @property
    def faults(self) -> list[str]:
        """What the contract forbids."""
        lines = self.err.splitlines()
        told = len(lines) == 1 and lines[0].startswith("error: ")
        found = {
            f"exit code {self.code}": self.code not in CODES,
            "a traceback": "Traceback" in self.err + self.out,
            "an unexpected exception": "error: unexpected:" in self.err,
            "not one line of error": self.code in {2, 65, 69} and not told,
            "other words on stderr": self.code in {0, 130} and bool(lines),
            "another line than errors": self.code == 1 and not all(line.startswith("error: ") for line in lines),
            "control characters": CONTROLS.search(self.out + self.err) is not None,
        }
        return [name for name, is_so in found.items() if is_so]


def run(arguments: Sequence[str], settings: dict[str, str]) -> Ended:
    """Run one command in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    streams, handlers, environment = (sys.stdout, sys.stderr), logging.getLogger().handlers, dict(os.environ)
    sys.stdout, sys.stderr = out, err
    os.environ.update(settings)
    try:
        with _limited(arguments):
            code = main(arguments)
    finally:
        sys.stdout, sys.stderr = streams
        logging.getLogger().handlers = handlers
        os.environ.clear()
        os.environ.update(environment)
    return Ended(code, *(stream.buffer.getvalue().decode() for stream in _flushed(out, err)))


def _flushed(*streams: io.TextIOWrapper[io.BytesIO]) -> Iterator[io.TextIOWrapper[io.BytesIO]]:
    for stream in streams:
        stream.flush()
        yield stream


@contextmanager
def _limited(arguments: Sequence[str]) -> Iterator[None]:
    def late(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"{arguments!r} takes longer than {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def leaves() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command that can be run, with the words that name it."""
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from (((name, sub), leaf) for sub, leaf in command.commands.items())
        else:
            yield (name,), command


class Fuzz:
    """Lines of words, from a seed."""

    def __init__(self, seed: int, *, files: Sequence[Path]) -> None:
        self._random = random.Random(seed)
        self._words = Words(self._random, files=files)
        self._leaves = list(leaves())

    def line(self) -> list[str]:
        """Return the arguments of one call."""
        path, command = self._random.choice(self._leaves)
        words = list(itertools.chain.from_iterable(map(self._parameter, command.params)))
        match self._random.randrange(20):
            case 0:
                words.insert(self._random.randint(0, len(words)), self._words.odd())
            case 1:
                words.append(f"--{self._words.odd()}")
            case 2 if words:
                words.pop(self._random.randrange(len(words)))
            case 3:
                path = (self._words.odd(), *path[1:])
        return [word for word in (*path, *words) if word not in NEVER]

    def settings(self) -> dict[str, str]:
        """Return an invalid setting in some of the calls."""
        if self._random.random() > 0.05:
            return {}
        name = self._random.choice(sorted(set(Settings.model_fields) - KEPT_SETTINGS))
        value = self._words.odd().replace("\0", "").encode("utf-8", "replace").decode()
        return {f"PC_WORKER_{name.upper()}": value}

    def _parameter(self, parameter: click.Parameter) -> list[str]:
        if self._random.random() < (0.1 if parameter.required else 0.5):
            return []
        times = 1 + (parameter.multiple or parameter.nargs == -1) * self._random.randrange(3)
        words = []
        for _ in range(times):
            if isinstance(parameter, click.Option):
                words.append(self._random.choice(parameter.opts))
            if not (isinstance(parameter, click.Option) and parameter.is_flag):
                words.append(self._words.word(parameter))
        return words


def fuzz(inputs: int, seed: int, *, files: Sequence[Path]) -> tuple[Counter[int], list[str]]:
    """Run this many command lines; return the count of each exit code, and every fault with its line."""
    source, codes, faults = Fuzz(seed, files=files), Counter[int](), list[str]()
    with _long_ones_only_parsed():
        for number in range(inputs):
            line, settings = source.line(), source.settings()
            ended = run(line, settings)
            codes[ended.code] += 1
            faults += [f"{number}: {fault}: {line!r} {settings!r}: {ended.err[-600:]!r}" for fault in ended.faults]
    return codes, faults


@contextmanager
def _long_ones_only_parsed() -> Iterator[None]:
    kept = [(command, command.callback) for (name, *_), command in leaves() if name in ONLY_PARSED]
    for command, _ in kept:
        command.callback = lambda **_: None
    try:
        yield
    finally:
        for command, callback in kept:
            command.callback = callback


@contextmanager
def gateway(settings: dict[str, str]) -> Iterator[None]:
    """Run a gateway at the address of these settings."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pc_worker", "gateway"], env=os.environ | settings, stderr=subprocess.DEVNULL
    )
    words = ["stream", "--domain", "document"]
    try:
        eventually(lambda: run(words, settings).code == 0, what="the gateway's start")
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def _main() -> int:
    @click.command()
    @click.option("--inputs", type=click.IntRange(1), default=10_000)
    @click.option("--seed", type=int, default=1)
    def command(inputs: int, seed: int) -> int:
        began = time.monotonic()
        with temporary_home() as home, running_services(home) as files:
            codes, faults = fuzz(inputs, seed, files=files)
        click.echo("\n".join(faults))
        click.echo(
            f"{inputs} inputs, seed {seed}, {time.monotonic() - began:.0f} s: codes {dict(codes)}, faults {len(faults)}"
        )
        return 1 if faults else 0

    return int(command(standalone_mode=False))


@contextmanager
def running_services(home: Path) -> Iterator[list[Path]]:
    """Run the servers that commands need, set the environment, and yield files to read."""
    servers = start_servers(home)
    try:
        with prepared(home, servers.database_url, servers.redis_url) as files:
            yield files
    finally:
        servers.stop()


@contextmanager
def prepared(home: Path, database_url: str, redis_url: str) -> Iterator[list[Path]]:
    """Migrate, start a gateway, set the environment, and yield files to read."""
    with ExitStack() as held:
        address = settled("127.0.0.1:0", variable="", held=held)
    settings = {
        "PC_WORKER_HOME": str(home),
        "PC_WORKER_DATABASE_URL": database_url,
        "PC_WORKER_REDIS_URL": redis_url,
        "PC_WORKER_DATA_ROOTS": str(home),
        "PC_WORKER_GATEWAY_ADDRESS": address,
    }
    before, folder = dict(os.environ), Path.cwd()
    os.environ.update(settings)
    os.chdir(home)
    try:
        assert run(["migrate"], {}).code == 0
        files = some_files(home)
        with gateway(settings):
            stored(files[0])
            yield files
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(before)


def some_files(folder: Path) -> list[Path]:
    """Write files of every kind, with names of every kind."""
    table = b"id,text,note\n1,one,\x1b[31mred\n2,two,\xc2\x9b2J\n"
    contents = {
        "plain.csv": table,
        "\x1b]0;title\x07.csv": table,
        "new\nline.csv": table,
        "\udcff\udcfe.csv": table,
        "\u202eright.csv": table,
        "empty": b"",
        "broken.pkl": b"\x80\x04\x95\xff\xff",
        "queries.jsonl": b'{"query": "\\u001b[31m", "relevant": ["x"]}\n',
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir()
    return [folder / name for name in (*contents, "folder", "missing")]


def stored(file: Path) -> None:
    """Store rows, a dead letter and a job that failed, all with characters that act on a terminal."""
    services = wiring.make_services(read_settings(), application="fuzz")
    for job_id, source in (("done", file), ("failed", file.parent / "broken.pkl")):
        submit(services, IngestRequest(path=str(source), domain="document", max_dead=1), job_id)
        with suppress(PcWorkerError):
            split(services, job_id)
        for chunk_no in range(job_status(services, job_id).chunks_total):
            process_chunk(services, job_id, chunk_no)
    with services.database.transaction() as cursor:
        cursor.execute("UPDATE jobs SET error = %s WHERE job_id = 'failed'", ["\x1b[31mred\nand \x9b2J"])
    services.database.close()


if __name__ == "__main__":
    sys.exit(_main())
