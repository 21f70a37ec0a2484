"""Uploads of one file: their rate against `cp` of it, and the memory of the HTTP part after many of them."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from pc_worker.bench.http.parts import BenchPart, PartFailed

#: Uploads after which everything that stays has been allocated.
SETTLED = 10
#: Bytes that the client sends at once; by default it is 8 KiB, which takes half of the client's time.
BLOCK_BYTES = 256 * 1024
LINE = b'{"id": 1, "text": "a line of an ordinary length that stands for a row of a file of records"}\n'


@dataclass(frozen=True, slots=True)
class UploadCost:
    """The median seconds of an upload and of `cp`, processor seconds of the part, and how much its memory grew."""

    upload_s: float
    copy_s: float
    cpu_s: float
    settled_mib: float
    grown_mib: float


def write_source(path: Path, megabytes: int) -> None:
    """Write a file of records with this many millions of bytes."""
    block = LINE * (1_000_000 // len(LINE))
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(block)


def measure_uploads(part: BenchPart, source: Path, *, uploads: int) -> UploadCost:
    """Upload the file again and again, and copy it by `cp` in turn; each job is cancelled, which frees its source."""
    taken, copied, used, memory = list[float](), list[float](), list[float](), list[float]()
    target = source.with_name("copy")
    for _ in range(uploads):
        cpu_s = part.cpu_s()
        taken.append(_upload(part, source))
        used.append(part.cpu_s() - cpu_s)
        memory.append(part.memory_mib())
        began = time.perf_counter()
        subprocess.run(("cp", source, target), check=True)
        copied.append(time.perf_counter() - began)
        target.unlink()
    settled = memory[min(SETTLED, len(memory) // 2)]
    return UploadCost(median(taken), median(copied), median(used), settled, max(0.0, memory[-1] - settled))


def _upload(part: BenchPart, source: Path) -> float:
    connection = HTTPConnection(part.address, timeout=600, blocksize=BLOCK_BYTES)
    began = time.perf_counter()
    with source.open("rb") as file:
        connection.request("POST", "/v1/files?domain=document", file, {"Content-Length": str(source.stat().st_size)})
        response = connection.getresponse()
        document = response.read()
    seconds = time.perf_counter() - began
    if response.status != 202:
        raise PartFailed(f"an upload failed: {document[:300]!r}")
    connection.request("POST", f"/v1/jobs/{json.loads(document)['job_id']}/cancel")
    connection.getresponse().read()
    connection.close()
    return seconds
