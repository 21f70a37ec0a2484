"""The HTTP part as its callers have it: of a running stack, or one of a test's own next to it."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from pc_worker.cli.running import STOP_GRACE_S
from tests.support.stack import LiveStack
from tests.support.waiting import eventually

LISTENS = re.compile(r"^http listens on (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event of a stream; a comment has only ``comment``."""

    event: str = "message"
    data: Any = None
    comment: str | None = None


@dataclass(slots=True)
class HttpPart:
    """An HTTP part of a test's own, on the servers of a stack."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def client(self, token: str | None = None, **options: Any) -> httpx.Client:
        """Return a client with a token."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, **options)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=STOP_GRACE_S)


def http_client(stack: LiveStack) -> httpx.Client:
    """Return a client of a stack's own HTTP part."""
    return httpx.Client(base_url=f"http://{stack.addresses.http}", timeout=60)


@contextmanager
def running_http(stack: LiveStack, folder: Path, **settings: str) -> Iterator[HttpPart]:
    """Run another HTTP part on a stack's servers, with settings of its own; its log is in ``folder``."""
    log = folder / f"http-{time.monotonic_ns()}.log"
    env = stack.env | {f"PC_WORKER_{name}": value for name, value in settings.items()}
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "pc_worker", "http"], env=env, stdout=output, stderr=output)
    try:

        def address() -> str | None:
            assert process.poll() is None, log.read_text()
            found = LISTENS.search(log.read_text())
            return found and found[1]

        scheme = "https" if "TLS_CERT" in settings else "http"
        yield HttpPart(process, f"{scheme}://{eventually(address, what='the HTTP part')}", log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def tokens_file(folder: Path, grants: Mapping[str, Any]) -> Path:
    """Write a tokens file: token → its value."""
    path = folder / f"tokens-{time.monotonic_ns()}.json"
    path.write_text(json.dumps({hashlib.sha256(token.encode()).hexdigest(): value for token, value in grants.items()}))
    return path


def events(response: httpx.Response) -> Iterator[ServerSentEvent]:
    """Yield the events of a stream as they come."""
    name, data, comments = "message", list[str](), list[str]()
    for line in response.iter_lines():
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line.startswith(":"):
            comments.append(value)
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif not line:
            if data:
                text = "\n".join(data)
                yield ServerSentEvent(name, json.loads(text) if text != "[DONE]" else text)
            elif comments:
                yield ServerSentEvent(comment=comments[-1])
            name, data, comments = "message", [], []
