from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased
from opentelemetry.trace import SpanKind, StatusCode

from pc_worker import tracing
from pc_worker.tracing.sampling import AT_ONCE, REQUESTS_A_SECOND, AFewRequests

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def spans(sent: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in sent.get_finished_spans()}


def test_spans_are_nested_and_have_what_is_known(sent: InMemorySpanExporter) -> None:
    caller = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    with tracing.span("outer", {"a": 1, "b": None}, kind="server", parent=lambda: caller) as outer:
        with tracing.span("inner"):
            headers: dict[str, str] = {}
            tracing.inject(headers)
        outer.set(c__d="x", e=None)
    with tracing.span("after"):
        pass

    found = spans(sent)
    outer_span, inner, after = found["outer"], found["inner"], found["after"]
    assert outer_span.parent is not None
    assert inner.parent is not None
    assert (f"{outer_span.context.trace_id:032x}", f"{outer_span.parent.span_id:016x}") == (TRACE, PARENT)
    assert inner.parent.span_id == outer_span.context.span_id
    assert headers["traceparent"].split("-")[2] == f"{inner.context.span_id:016x}"
    assert (dict(outer_span.attributes or {}), outer_span.kind) == ({"a": 1, "c.d": "x"}, SpanKind.SERVER)
    assert after.parent is None


def test_of_an_error_only_its_type_is_sent(sent: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="secret"), tracing.span("outer"), tracing.span("inner"):
        raise ValueError("a secret question")

    for span in spans(sent).values():
        assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
        assert "secret" not in span.to_json()


def test_an_end_that_is_no_error_is_none(sent: InMemorySpanExporter) -> None:
    def stages() -> Iterator[int]:
        with tracing.span("stage"):
            yield 1

    running = stages()
    next(running)
    running.close()  # type: ignore[attr-defined]  # a generator has it

    assert spans(sent)["stage"].status.status_code is StatusCode.UNSET


def test_without_tracing_nothing_is_made() -> None:
    with tracing.span("a", {"b": 1}, parent=lambda: {}) as one, tracing.untraced() as two:
        one.set(a=1)
        one.failed("x")

    assert one is two


def test_of_many_requests_a_few_each_second_are_traced_and_all_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, now = InMemorySpanExporter(), [0.0]
    provider = TracerProvider(sampler=ParentBased(AFewRequests(lambda: now[0])))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"))
    for request in range(1000):
        now[0] = request / 100
        with tracing.span("request", kind="server", parent=dict), tracing.span("retrieval"), tracing.span("rank"):
            headers: dict[str, str] = {}
            tracing.inject(headers)
    with tracing.span("enqueue", kind="producer"):
        pass
    caller = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    with tracing.span("asked by a caller", kind="server", parent=lambda: caller):
        pass

    names = [span.name for span in exporter.get_finished_spans()]
    expected = int(AT_ONCE + 9.99 * REQUESTS_A_SECOND)
    assert [names.count(name) for name in ("request", "retrieval", "rank")] == [expected] * 3
    assert names[-2:] == ["enqueue", "asked by a caller"]
    assert int(headers["traceparent"][-2:], 16) % 2 == 0, "the parts behind do not trace it either"


@pytest.mark.parametrize(("variable", "is_ours"), [(None, True), ("always_on", False)])
def test_the_sampler_of_the_environment_is_the_sdks(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, is_ours: bool
) -> None:
    monkeypatch.delenv("OTEL_TRACES_SAMPLER", raising=False)
    if variable:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", variable)

    assert (tracing._sampler() is not None) is is_ours
