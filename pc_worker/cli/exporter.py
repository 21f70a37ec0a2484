"""Metrics of all processes of a stack on one address; the processes write them to files under HOME."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from pc_worker.settings import split_address


def export_metrics(address: str, folder: Path) -> None:
    """Serve the metrics that processes write to ``folder``; what an earlier run left there is cleared."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]  # the library publishes no type
    host, port = split_address(address)
    start_http_server(port, addr=host, registry=registry)
