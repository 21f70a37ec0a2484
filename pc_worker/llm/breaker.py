"""A circuit breaker: a server that fails again and again is left alone for a while."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from pc_worker.llm.failures import SERVER, LlmFailure


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    open_until: float = 0.0


class Breaker:
    """The circuits of all models of a process, by key; safe to share between threads.

    After ``failures`` failures of a server in a row its circuit is open for ``rest_s``; one more then opens it again.
    A server that says when to come back is left alone until then, but at most ``longest_s``.
    """

    def __init__(self, *, failures: int = 3, rest_s: float = 30.0, longest_s: float = 300.0) -> None:
        self._failures, self._rest_s, self._longest_s = failures, rest_s, longest_s
        self._lock = threading.Lock()
        self._circuits: dict[object, _Circuit] = {}

    def wait_s(self, key: object, *, now: float) -> float:
        """Return the seconds until the model may be asked again; 0 if it may be asked now."""
        with self._lock:
            circuit = self._circuits.get(key)
            return 0.0 if circuit is None else max(0.0, circuit.open_until - now)

    def succeeded(self, key: object) -> None:
        """Close the circuit."""
        with self._lock:
            self._circuits.pop(key, None)

    def failed(self, key: object, failure: LlmFailure, *, now: float) -> None:
        """Count a failure; one that is not the server's fault changes nothing."""
        if failure.reason not in SERVER:
            return
        with self._lock:
            circuit = self._circuits.setdefault(key, _Circuit())
            circuit.failures += 1
            rest = 0.0 if failure.retry_after_s is None else min(failure.retry_after_s, self._longest_s)
            if circuit.failures >= self._failures:
                rest = max(rest, self._rest_s)
            circuit.open_until = max(circuit.open_until, now + rest)
