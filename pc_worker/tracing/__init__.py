"""Traces by OpenTelemetry: off unless the standard `OTEL_*` variables name where they go.

`OTEL_EXPORTER_OTLP_ENDPOINT` (or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) turns them on, `OTEL_SDK_DISABLED=true` off. All
else is the SDK's: headers, limits, resource attributes, sampling by `OTEL_TRACES_SAMPLER`. Without that variable,
`sampling` decides. Without tracing the SDK is not imported.

The trace of a job begins where it is enqueued. Its messages carry the context in their headers:
`ingest_file` is a child of the enqueuing span, and each `process_chunk` a child of `ingest_file`, also when another
worker sends its message.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.trace import Tracer

Parent = Callable[[], Mapping[str, str]]
Kind = Literal["internal", "server", "client", "producer", "consumer"]
#: Where a part's traces may be sent.
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
#: Milliseconds that the end of a process waits for the receiver of traces.
FLUSH_MS = 3_000

_tracer: Tracer | None = None
_provider: TracerProvider | None = None
#: The headers that the messages of the present task carry on; empty outside tasks.
_carried: ContextVar[Mapping[str, str] | None] = ContextVar("carried", default=None)


def tracing_wanted(variables: Mapping[str, str] = os.environ) -> bool:
    """Return whether the environment says where traces go."""
    off = variables.get("OTEL_SDK_DISABLED", "").lower() == "true"
    off = off or variables.get("OTEL_TRACES_EXPORTER", "otlp").lower() == "none"
    return not off and any(variables.get(name) for name in ENDPOINTS)


def set_up_tracing(part: str) -> None:
    """Send this process's spans, if the environment says where to; call it after a fork, not before.

    Args:
        part: The component: worker, gateway, http, cli, … It is the attribute `pcw.part` of every span.
    """
    global _tracer, _provider
    if not tracing_wanted():
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ours = {"service.name": os.environ.get("OTEL_SERVICE_NAME", "pc_worker"), "pcw.part": part}
    _provider = TracerProvider(resource=Resource.create(ours), sampler=_sampler())
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = _provider.get_tracer("pc_worker")


def _sampler() -> Sampler | None:
    """Return the default sampler; None if the environment names one, which the SDK then makes."""
    if os.environ.get("OTEL_TRACES_SAMPLER"):
        return None
    from pc_worker.tracing.sampling import default_sampler

    return default_sampler()


def flush_spans() -> None:
    """Send the spans that wait, before a process ends without Python's exit handlers."""
    if _provider is not None:
        _provider.force_flush(timeout_millis=FLUSH_MS)


def untraced() -> AbstractContextManager[OpenSpan]:
    """Return a context without a span, for requests of which there are many and none matters."""
    return NO_SPANS


def span(
    name: str, attributes: Mapping[str, Any] | None = None, *, kind: Kind = "internal", parent: Parent | None = None
) -> AbstractContextManager[OpenSpan]:
    """Trace the block as a span; without tracing this costs one comparison.

    Args:
        name: What is done, of few different values.
        attributes: What it is done with; values that are None are left out. No texts of users and no secrets.
        kind: Its kind, as OpenTelemetry defines them.
        parent: Returns the headers with the caller's context; None = the present span is the parent.
    """
    if _tracer is None or (parent is None and _is_left_out()):
        return NO_SPANS
    return OpenedSpan(_tracer, name, attributes or {}, kind, parent)


def _is_left_out() -> bool:
    """Return whether the present trace is not sampled: then its further spans need not be made."""
    from opentelemetry.trace import get_current_span

    present = get_current_span().get_span_context()
    return present.is_valid and not present.trace_flags.sampled


class OpenedSpan:
    """The span of a block. The SDK's own context managers cost more than the span."""

    __slots__ = ("_attributes", "_kind", "_name", "_parent", "_span", "_token", "_tracer")

    def __init__(
        self, tracer: Tracer, name: str, attributes: Mapping[str, Any], kind: Kind, parent: Parent | None
    ) -> None:
        self._tracer, self._name, self._attributes = tracer, name, attributes
        self._kind, self._parent = kind, parent

    def __enter__(self) -> OpenSpan:
        """Begin the span and make it the present one."""
        from opentelemetry.context import attach
        from opentelemetry.propagate import extract
        from opentelemetry.trace import SpanKind, set_span_in_context

        known = {key: value for key, value in self._attributes.items() if value is not None}
        context = None if self._parent is None else extract(self._parent())
        self._span = self._tracer.start_span(self._name, context, SpanKind[self._kind.upper()], known)
        self._token = attach(set_span_in_context(self._span))
        return OpenSpan(self._span)

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _: object) -> None:
        """End the span; of an error only its type is sent, since its text may have words of a user."""
        from opentelemetry.context import detach

        detach(self._token)
        if kind is not None and isinstance(exc, Exception):
            OpenSpan(self._span).failed(kind.__name__)
        self._span.end()


class OpenSpan:
    """A span that gets attributes while it is open; one of nothing ignores them."""

    __slots__ = ("_span",)

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def set(self, **attributes: Any) -> None:
        """Set attributes; a double underscore in a name stands for a dot."""
        if self._span is not None:
            for name, value in attributes.items():
                if value is not None:
                    self._span.set_attribute(name.replace("__", "."), value)

    def failed(self, reason: str) -> None:
        """Mark the span as failed, with the type of the error."""
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_status(Status(StatusCode.ERROR, reason))


NO_SPAN = OpenSpan()
NO_SPANS: AbstractContextManager[OpenSpan] = nullcontext(NO_SPAN)


def inject(headers: MutableMapping[str, str]) -> None:
    """Add the context to the headers of a message or request: of the present task's job, else of the present span."""
    if _tracer is None:
        return
    carried = _carried.get()
    if carried:
        headers.update(carried)
        return
    from opentelemetry.propagate import inject as inject_span

    inject_span(headers)


@contextmanager
def carrying(headers: Mapping[str, str] | None) -> Iterator[None]:
    """Let the messages that the block sends belong to the trace that these headers name."""
    token = _carried.set(headers)
    try:
        yield
    finally:
        _carried.reset(token)
