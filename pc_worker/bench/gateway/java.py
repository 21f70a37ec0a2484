"""The Java client's share of `bench gateway`: from the queue and from PostgreSQL, against the bare server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pc_worker.bench.gateway.java_reader import JavaReader, built_client, java_reader, why_no_java


@contextmanager
def java_calls(servers: Mapping[str, str], domain: str, rows: int) -> Iterator[dict[str, Callable[[], float]]]:
    """Yield, for each server by name, a call that streams ``domain`` to the Java client and returns the seconds.

    One JVM makes all calls; its first is not worth counting. Where the client cannot be built there is no call.
    """
    if why_no_java() is not None:
        yield {}
        return
    with built_client() as classpath, java_reader(classpath) as java:
        yield {f"java {name}": _call(java, address, domain, rows) for name, address in servers.items()}


def _call(java: JavaReader, address: str, domain: str, rows: int) -> Callable[[], float]:
    def call() -> float:
        java.open("stream", address, domain)
        seconds = java.read(rows).seconds
        java.close()
        return seconds

    return call
