"""PostgreSQL and Valkey owned by a process of their own: forking does not go well in one that runs gRPC."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psycopg2
import redis

from pc_worker.embedded import start_servers
from tests.homes import keep_database_in_memory
from tests.support.processes import each, family_of, runs
from tests.support.waiting import eventually

TICK_S = 0.05


@dataclass(frozen=True)
class Servers:
    """Two servers that are brought back when they die, except while held down."""

    database_url: str
    redis_url: str
    pipe: Connection

    def kill(self, name: str) -> None:
        """End ``postgres`` or ``redis`` at once; it comes back by itself."""
        os.kill(self._ask("pids")[name], signal.SIGKILL)

    @contextmanager
    def down(self, name: str) -> Iterator[None]:
        """Kill a server and keep it away for the block."""
        self._ask("hold")
        try:
            self.kill(name)
            yield
        finally:
            self.bring_back()

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """Stop a server cleanly, with all its processes, and keep it away for the block."""
        self._ask("hold")
        try:
            family = family_of(self._ask("pids")[name])
            each(family[:1], lambda process: process.send_signal(signal.SIGINT))
            eventually(lambda: not any(map(runs, family)), what=f"the end of {name}")
            yield
        finally:
            self.bring_back()

    def bring_back(self) -> None:
        """Make sure that both servers run and answer."""
        self._ask("watch")
        while not self._answer():
            pass

    def _answer(self) -> bool:
        try:
            psycopg2.connect(self.database_url).close()
            return bool(redis.Redis.from_url(self.redis_url).ping())
        except (psycopg2.OperationalError, redis.RedisError):
            return False

    def _ask(self, question: str) -> Any:
        self.pipe.send(question)
        return self.pipe.recv()


@contextmanager
def running_servers(home: Path) -> Iterator[Servers]:
    """Start both servers under ``home``; stop them in the end."""
    keep_database_in_memory(home)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_own, args=(home, theirs))
    process.start()
    try:
        database_url, redis_url = ours.recv()
        yield Servers(database_url, redis_url, ours)
    finally:
        ours.close()
        process.join()


def _own(home: Path, pipe: Connection) -> None:
    servers = start_servers(home)
    held = False
    try:
        pipe.send((servers.database_url, servers.redis_url))
        while True:
            if not held:
                servers.watch()
            if pipe.poll(TICK_S):
                question = pipe.recv()
                held = {"hold": True, "watch": False}.get(question, held)
                pipe.send(servers.pids)
    except EOFError:
        pass  # the tests are over
    finally:
        servers.stop()
