"""The HTTP endpoint of the metrics: of all processes of a stack or worker, or of this process only."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from pc_worker.logs import get_logger
from pc_worker.metrics.multiprocess import FOLDER_VARIABLE
from pc_worker.settings import Settings, split_address

log = get_logger(__name__)


def export_metrics(address: str, folder: Path, *, line: Collector | None = None) -> None:
    """Serve the metrics that processes write to ``folder``; the files of an earlier run are deleted.

    Args:
        address: HOST:PORT.
        folder: Where the processes write.
        line: The collector of the whole pipeline; one component of an installation has it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    os.environ[FOLDER_VARIABLE] = str(folder)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]  # the library publishes no type
    if line is not None:
        registry.register(line)
    _serve(address, registry)


def export_part(settings: Settings, *, pool: bool, line: Collector | None = None) -> None:
    """Serve the metrics of a component that runs alone; under `up`, `up` serves them.

    Args:
        settings: With the address.
        pool: Whether the component counts in child processes.
        line: The collector of the whole pipeline.
    """
    if FOLDER_VARIABLE in os.environ:
        return
    try:
        if pool:
            export_metrics(settings.metrics_address, _own_folder(), line=line)
        else:
            if line is not None:
                REGISTRY.register(line)
            _serve(settings.metrics_address, REGISTRY)
    except OSError as exc:  # a component works without metrics
        log.warning("metrics_not_served", address=settings.metrics_address, reason=str(exc))


def _own_folder() -> Path:
    """Return a folder of this component only: workers may share a HOME and must not delete each other's counts."""
    folder = Path(tempfile.mkdtemp(prefix="pcw-metrics-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _serve(address: str, registry: CollectorRegistry) -> None:
    host, port = split_address(address)
    start_http_server(port, addr=host, registry=registry)
