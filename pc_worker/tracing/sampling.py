"""Which traces are sent unless `OTEL_TRACES_SAMPLER` says it: every job, and of many requests a few each second.

Recording the spans of a search costs a tenth of its processor time. So of requests that come faster than a person would
look at them, only a part is recorded. It is in the SDK's terms a root sampler; a caller's own decision is kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

#: Requests a second that are recorded for long, in each process.
REQUESTS_A_SECOND = 2.0
#: Requests that are recorded at once after a quiet time.
AT_ONCE = 20.0


class AFewRequests(Sampler):
    """Records every trace that begins with work of our own, and of those that begin with a request some each second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._left, self._seen_at = AT_ONCE, clock()

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide on the first span of a trace."""
        is_recorded = kind is not SpanKind.SERVER or self._take()
        return SamplingResult(Decision.RECORD_AND_SAMPLE if is_recorded else Decision.DROP, attributes, trace_state)

    def get_description(self) -> str:
        """Return the sampler's name, as the SDK asks for it."""
        return f"AFewRequests({REQUESTS_A_SECOND:g} a second)"

    def _take(self) -> bool:
        with self._lock:
            now = self._clock()
            self._left = min(AT_ONCE, self._left + (now - self._seen_at) * REQUESTS_A_SECOND)
            self._seen_at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


def default_sampler() -> Sampler:
    """Return the sampler of a process whose environment names none."""
    return ParentBased(AFewRequests())
