"""A stack with Java sinks that share a subscription, killed component by component, and the record of what it cost."""

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
#: Counts, inside the sinks' own transactions, how often each row was applied, and notes where each call began. The
#: sequence counts rows that are being stored, too, and those of transactions that fail: never too few.
INSTRUMENTS = """
CREATE TABLE applied (row_id uuid);
CREATE SEQUENCE storing MINVALUE 0 START 0;
CREATE FUNCTION note_applied() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM nextval(''storing''); INSERT INTO applied VALUES (coalesce(NEW.pcw_id, OLD.pcw_id)); RETURN NULL;
     END';
CREATE TRIGGER applied AFTER INSERT OR UPDATE OR DELETE ON pcw_document
    FOR EACH ROW EXECUTE FUNCTION note_applied();
CREATE TABLE claims (position bigint, storing bigint, at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO claims SELECT NEW.position, last_value FROM storing; RETURN NULL; END';
CREATE TRIGGER claims AFTER UPDATE OF generation ON subscriptions FOR EACH ROW EXECUTE FUNCTION note_claim();
"""
STANDING = """
SELECT coalesce((SELECT sum(value::bigint) FROM pcw_reader_state
                 WHERE key LIKE 'pcw.document.postgres-sink%%.position'), 0)::bigint / %s,
       (SELECT count(*) FROM claims), (SELECT last_value FROM storing)
"""
#: The first call since a time: when it began, and how many rows were being stored until then.
FIRST_CLAIM = (
    "SELECT extract(epoch FROM at)::float8, storing FROM claims WHERE at > to_timestamp(%s) ORDER BY at LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the sinks' database says: their mean position, calls opened, and rows that are stored or being stored."""

    position: int
    calls: int
    storing: int


@dataclass(frozen=True, slots=True)
class Kill:
    """One part killed when ``position`` was stored: how long it was away, and from its return until new rows came.

    Rows that the sink had already received do not count as new, and while it stores them it does not call. No process
    waits for Redis: then the time counts from the kill. ``in_flight``: rows that were sent and not stored, at least.
    """

    victim: str
    position: int
    in_flight: int
    away_s: float
    resume_s: float


class Endurance:
    """Keeps a sink of each shard running, as a supervisor would, and everything observed."""

    def __init__(self, java: Java, stack: LiveStack, log: IO[bytes], *, shards: int) -> None:
        self._java, self._stack, self._log = java, stack, log
        self._sinks: list[subprocess.Popen[bytes] | None] = [None] * shards
        self._sent: list[tuple[float, int]] = []
        self._newest = Standing(0, 0, 0)
        self._moved = 0.0
        self._calls_end = 0.0

    def instrument(self) -> None:
        """Begin to count, before there is a row: the sink makes its tables when it starts."""
        made = "SELECT 1 FROM pg_tables WHERE tablename = 'pcw_reader_state'"
        self._until(lambda: self._stack.query(made), "the sink's tables")
        self.stop()
        _execute(self._stack.addresses.database_url, INSTRUMENTS)

    def reach(self, position: int) -> None:
        """Wait until the sinks' mean position is this."""
        self._until(lambda: (found := self._look()) and found.position >= position, f"position {position}")

    def finish(self, rows: int) -> None:
        """Wait until this many rows are stored."""
        self._until(lambda: self._stack.query("SELECT count(*) FROM pcw_document") == [(rows,)], f"{rows} rows")

    def kill(self, victim: str) -> Kill:
        """Kill a part, and wait until it is back and rows flow again."""
        self._until(lambda: self._answers(victim), f"{victim} back from the last time")
        self._until(lambda: self._in_flight() > (0,), f"rows in flight before {victim} is killed")
        before = self._until(self._look, "the database")
        pid, sent = self._stack.addresses.pids.get(victim), self._sent[-1][1]
        self._end(victim)
        died, ended = time.monotonic(), time.time()
        (in_flight,) = self._until(lambda: self._in_flight(sent), "what was in flight")
        if victim != "redis":
            self._calls_end = ended
            self._until(lambda: self._is_another(victim, pid) and self._answers(victim), f"{victim} back")
        back = time.monotonic()
        if victim != "redis":
            calls = before.calls + len(self._sinks)
            self._until(lambda: (now := self._look()) and now.calls >= calls, f"calls after {victim} was killed")
        stopped, start = max(back, self._moved), self._newest.position
        self._until(lambda: (now := self._look()) and now.position > start, f"rows after {victim} was killed")
        return Kill(victim, before.position, in_flight, back - died, self._moved - stopped)

    def stop(self) -> None:
        """End the sinks at once."""
        running = [sink for sink in self._sinks if sink is not None]
        for sink in running:
            sink.kill()
        for sink in running:
            sink.wait(30)

    def resent(self, rows: int) -> tuple[int, int]:
        """Return how many of all rows were sent again, and in how many calls after the first ones."""
        (calls,) = self._stack.query("SELECT count(*) FROM claims")[0]
        return self._sent[-1][1] - rows, calls - len(self._sinks)

    def _in_flight(self, sent: int | None = None) -> tuple[int, ...]:
        """Return how many rows, at least, were sent (``sent``, or until now) since all calls began, and not stored.

        Empty if the database does not answer. A kill ends the calls of all shards: what was sent before is sent again,
        or is stored when a call begins. Rows that another shard still stores then make the figure too small.
        """
        try:
            claims = self._stack.query(FIRST_CLAIM, self._calls_end)
            now = self._look()
        except psycopg2.Error:
            return ()
        if not claims or now is None:
            return ()
        at, stored = claims[0]
        before = max((count for seen, count in self._sent if seen < at), default=0)
        return (int((self._sent[-1][1] if sent is None else sent) - before - (now.storing - stored)),)

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
        for index, sink in enumerate(self._sinks):
            if sink is None or sink.poll() is not None:
                where = self._stack.addresses
                arguments = ["--gateway", where.gateway, "--database", where.database_url, "--domain", DOMAIN]
                arguments += ["--shard", f"{index}/{len(self._sinks)}", "--batch", BATCH_ROWS, "--follow"]
                self._sinks[index] = self._java.start(SINK, *arguments, log=self._log)

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
            found = Standing(*self._stack.query(STANDING, len(self._sinks))[0])
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


def report(kills: list[Kill], resent: tuple[int, int], *, seed: int, rows: int, shards: int, seconds: float) -> str:
    """Return the report as text."""
    again, calls = resent
    what = f"seed {seed}, {rows} rows, {shards} shards, {len(kills)} kills"
    lines = [f"{what} in {seconds:.0f} s, {calls} calls opened again"]
    for victim in VICTIMS:
        mine = [kill for kill in kills if kill.victim == victim]
        if mine:
            resumes, aways = [kill.resume_s for kill in mine], [kill.away_s for kill in mine]
            lines.append(
                f"{victim:8} {len(mine)} kills, away {median(aways):.2f} s (most {max(aways):.2f}),"
                f" resumed after {median(resumes):.2f} s (most {max(resumes):.2f})"
            )
    flying = sorted(kill.in_flight for kill in kills)
    lines.append(f"rows in flight at a kill: {flying[0]} to {flying[-1]}, median {median(flying):.0f}")
    lines.append(f"rows sent again: {again}, {again / max(calls, 1):.0f} a call")
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
