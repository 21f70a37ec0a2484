"""The two servers of a rig, in a process of their own that starts again what is killed: ``servers HOME``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from pc_worker.embedded import start_servers
from pc_worker.settings import PROJECT
from tests.homes import keep_database_in_memory
from tests.support.waiting import eventually

FILE = "servers.json"


def main(home: Path) -> None:
    """Run the servers until SIGTERM; their URLs and pids are in ``HOME/servers.json``."""
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
    servers = start_servers(home)
    try:
        published: object = None
        while not stopping:
            servers.watch()
            found = {"database": servers.database_url, "redis": servers.redis_url, "pids": servers.pids}
            if found != published:
                scratch = home / f"{FILE}.new"
                scratch.write_text(json.dumps(found))
                os.replace(scratch, home / FILE)
                published = found
            time.sleep(0.1)
    finally:
        servers.stop()


@dataclass(slots=True)
class Servers:
    """The running servers, for the harness."""

    home: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start them and wait until both are there."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o711)
        keep_database_in_memory(self.home)
        with (self.home / "servers.log").open("ab") as log:
            command = [sys.executable, "-m", "tests.faults.servers", str(self.home)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=PROJECT)
        eventually(lambda: (self.home / FILE).exists(), within_s=60, what="the servers' start")

    def stop(self) -> None:
        """Stop both cleanly."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(60)

    def _entry(self, name: str) -> str:
        return str(json.loads((self.home / FILE).read_bytes())[name])

    @property
    def database_url(self) -> str:
        """Straight to PostgreSQL."""
        return self._entry("database")

    @property
    def redis_url(self) -> str:
        """Straight to Redis."""
        return self._entry("redis")

    def pid(self, name: str) -> int:
        """Return the pid of ``postgres`` or ``redis``, once it runs."""

        def look() -> int:
            return int(json.loads((self.home / FILE).read_bytes())["pids"].get(name, 0))

        return eventually(look, what=f"a running {name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
