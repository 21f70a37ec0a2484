"""A stack with the Java sample, killed component by component, and the record of what that cost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO, Any

import psycopg2
import redis

from pc_worker.settings import split_address
from tests.support.java import Java
from tests.support.stack import LiveStack

SINK = "com.alpha.pcworker.sample.PostgresSink"
DOMAIN = "document"
VICTIMS = ("gateway", "redis", "postgres", "java")
SAMPLE_S = 0.02
#: Many small transactions: the sink takes long enough to be hit in the middle.
BATCH_ROWS = "5"
PATIENCE_S = 120.0
#: Counts, inside the sink's own transactions, how often each row was applied, and notes where each call began.
INSTRUMENTS = """
CREATE TABLE applied (row_id uuid);
CREATE FUNCTION note_applied() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO applied VALUES (coalesce(NEW.pcw_id, OLD.pcw_id)); RETURN NULL; END';
CREATE TRIGGER applied AFTER INSERT OR UPDATE OR DELETE ON pcw_document
    FOR EACH ROW EXECUTE FUNCTION note_applied();
CREATE TABLE claims (generation bigint, position bigint, at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO claims VALUES (NEW.generation, NEW.position); RETURN NULL; END';
CREATE TRIGGER claims AFTER UPDATE OF generation ON subscriptions FOR EACH ROW EXECUTE FUNCTION note_claim();
"""
STANDING = """
SELECT coalesce((SELECT value::bigint FROM pcw_reader_state WHERE key = 'pcw.document.postgres-sink.position'), 0),
       coalesce((SELECT max(generation) FROM claims), 0)
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the sink's database says: the position stored with the rows, and how many calls were opened."""

    position: int
    calls: int


@dataclass(frozen=True, slots=True)
class Kill:
    """One part killed when ``position`` was stored: how long it was away, and from its return until new rows came.

    Rows that the sink had already received do not count as new, and while it stores them it does not call. No process
    waits for Redis: then the time counts from the kill.
    """

    victim: str
    position: int
    away_s: float
    resume_s: float


@dataclass(frozen=True, slots=True)
class Claim:
    """A call that was opened after ``position``, having been sent ``resent`` rows of which an earlier call sent."""

    position: int
    resent: int


class Endurance:
    """Keeps the sink running, as a supervisor would, and everything observed."""

    def __init__(self, java: Java, stack: LiveStack, log: IO[bytes]) -> None:
        self._java, self._stack, self._log = java, stack, log
        self._sink: subprocess.Popen[bytes] | None = None
        self._sent: list[tuple[float, int]] = []
        self._newest = Standing(0, 0)
        self._moved = 0.0

    def instrument(self) -> None:
        """Begin to count, before there is a row: the sink makes its tables when it starts."""
        made = "SELECT 1 FROM pg_tables WHERE tablename = 'pcw_reader_state'"
        self._until(lambda: self._stack.query(made), "the sink's tables")
        self.stop()
        _execute(self._stack.addresses.database_url, INSTRUMENTS)

    def reach(self, position: int) -> None:
        """Wait until this many rows are stored."""
        self._until(lambda: (found := self._look()) and found.position >= position, f"position {position}")

    def kill(self, victim: str) -> Kill:
        """Kill a part, and wait until it is back and rows flow again."""
        self._until(lambda: self._answers(victim), f"{victim} back from the last time")
        before = self._until(self._look, "the database")
        pid = self._stack.addresses.pids.get(victim)
        self._end(victim)
        died = time.monotonic()
        if victim != "redis":
            self._until(lambda: self._is_another(victim, pid) and self._answers(victim), f"{victim} back")
        back = time.monotonic()
        if victim != "redis":
            self._until(lambda: (now := self._look()) and now.calls > before.calls, f"a call after {victim} was killed")
        stopped, start = max(back, self._moved), self._newest.position
        self._until(lambda: (now := self._look()) and now.position > start, f"rows after {victim} was killed")
        return Kill(victim, before.position, back - died, self._moved - stopped)

    def stop(self) -> None:
        """End the sink at once."""
        if self._sink is not None:
            self._sink.kill()
            self._sink.wait(30)

    def claims(self) -> list[Claim]:
        """Return every call after the first, with the number of rows that were sent again.

        Nothing is sent between two calls. So a call gets again all rows that were sent before, minus those that were
        stored and those that earlier calls got again.
        """
        found = self._stack.query("SELECT position, extract(epoch FROM at)::float8 FROM claims ORDER BY generation")
        claims, before = [], 0
        for position, at in found:
            sent = max((count for seen, count in self._sent if seen < at), default=0)
            resent = max(0, sent - position)
            claims.append(Claim(position, resent - before))
            before = max(before, resent)
        return claims

    def _until(self, look: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self._keep_running()
            self._count_sent()
            if found := look():
                return found
            assert time.monotonic() < deadline, f"{what} did not come about within {PATIENCE_S} s; {self._newest}"
            time.sleep(SAMPLE_S)

    def _keep_running(self) -> None:
        if self._sink is None or self._sink.poll() is not None:
            where = self._stack.addresses
            arguments = ["--gateway", where.gateway, "--database", where.database_url, "--domain", DOMAIN]
            self._sink = self._java.start(SINK, *arguments, "--batch", BATCH_ROWS, "--follow", log=self._log)

    def _end(self, victim: str) -> None:
        if victim == "java":
            self.stop()
        else:
            os.kill(self._stack.addresses.pids[victim], signal.SIGKILL)

    def _is_another(self, victim: str, pid: int | None) -> bool:
        # A process that is being killed may still take a connection.
        return victim == "java" or self._stack.addresses.pids.get(victim) not in (None, pid)

    def _look(self) -> Standing | None:
        try:
            found = Standing(*self._stack.query(STANDING)[0])
        except psycopg2.Error:
            return None  # it is down, or coming up
        if found.position > self._newest.position and found.calls == self._newest.calls:
            self._moved = time.monotonic()
        self._newest = found
        return found

    def _answers(self, victim: str) -> bool:
        where = self._stack.addresses
        try:
            match victim:
                case "gateway":
                    socket.create_connection(split_address(where.gateway), timeout=1).close()
                case "redis":
                    redis.Redis.from_url(where.redis_url, socket_timeout=1).ping()
                case "postgres":
                    psycopg2.connect(where.database_url).close()
        except (OSError, redis.RedisError, psycopg2.Error):
            return False
        return True

    def _count_sent(self) -> None:
        seen = time.time()
        with urllib.request.urlopen(f"http://{self._stack.addresses.metrics}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        mine = [line for line in lines if line.startswith("pcw_gateway_rows_total") and f'"{DOMAIN}"' in line]
        self._sent.append((seen, sum(int(float(line.split()[-1])) for line in mine)))


def report(kills: list[Kill], claims: list[Claim], *, seed: int, rows: int, seconds: float) -> str:
    """Return the report as text."""
    lines = [f"seed {seed}, {rows} rows, {len(kills)} kills in {seconds:.0f} s, {len(claims)} calls opened again"]
    for victim in VICTIMS:
        mine = [kill for kill in kills if kill.victim == victim]
        if mine:
            resumes, aways = [kill.resume_s for kill in mine], [kill.away_s for kill in mine]
            lines.append(
                f"{victim:8} {len(mine)} kills, away {median(aways):.2f} s (most {max(aways):.2f}),"
                f" resumed after {median(resumes):.2f} s (most {max(resumes):.2f})"
            )
    resent = [claim.resent for claim in claims]
    lines.append(f"rows sent again: {sum(resent)}, a call {median(resent):.0f} (most {max(resent)})")
    return "\n".join(lines)


def write_report(text: str, folder: Path) -> None:
    """Keep it where a person finds it: pytest shows what is printed only on failure."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "endurance.txt").write_text(text + "\n")


def _execute(url: str, statement: str) -> None:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()
