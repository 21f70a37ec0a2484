from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.errors import InvalidRequest
from pc_worker.gateway.calls.consume.credit import CreditWindow


def _window(*, chunks: int = 10, size: int = 1000) -> CreditWindow:
    window = CreditWindow(0)
    window.grant(chunks, size)
    return window


def test_a_chunk_needs_a_chunk_and_all_its_bytes() -> None:
    assert _window().allows(1000)
    assert not _window().allows(1001)
    assert not _window(chunks=0).allows(1)


@pytest.mark.parametrize(("chunks", "size"), [(-1, 0), (0, -1), (-(2**31), 5), (5, -(2**63))])
def test_negative_credit_is_rejected(chunks: int, size: int) -> None:
    with pytest.raises(InvalidRequest, match="credit"):
        _window().grant(chunks, size)


def test_credit_without_limits_is_the_most_that_is_counted() -> None:
    window = _window()
    for _ in range(3):
        window.grant(2**31 - 1, 2**63 - 1)

    assert window.allows(4_000_000)
    assert window.bytes == 2**53


def test_what_was_never_sent_cannot_be_acknowledged() -> None:
    window = _window()
    window.send(10, position=300, rows=300, now=0)

    with pytest.raises(InvalidRequest, match="only up to 300"):
        window.ack(301, now=1)


def test_an_end_of_log_may_be_acknowledged() -> None:
    window = _window()
    window.announce(7)

    assert (window.ack(7, now=1), window.acked) == (0, 7)


def test_an_old_acknowledgement_changes_nothing() -> None:
    window = _window()
    window.send(10, position=300, rows=299, now=0)
    window.send(10, position=600, rows=300, now=0)

    assert [window.ack(position, now=1) for position in (300, 300, 100, 600)] == [299, 0, 0, 300]
    assert window.acked == 600


def test_the_deadline_runs_from_the_last_progress() -> None:
    window = _window()
    assert window.overdue_at(60) is None

    window.send(10, position=1, rows=1, now=5)
    window.send(10, position=2, rows=1, now=50)
    assert window.overdue_at(60) == 65

    window.ack(1, now=60)
    assert window.overdue_at(60) == 120

    window.ack(2, now=70)
    assert window.overdue_at(60) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20), st.integers(0, 500)), max_size=60))
def test_outstanding_never_exceeds_what_was_granted(moves: list[tuple[bool, int, int]]) -> None:
    window, granted_chunks, granted_bytes, sent_chunks, sent_bytes = CreditWindow(0), 0, 0, 0, 0
    for is_grant, chunks, size in moves:
        if is_grant:
            window.grant(chunks, size)
            granted_chunks, granted_bytes = granted_chunks + chunks, granted_bytes + size
        elif window.allows(size):
            sent_chunks, sent_bytes = sent_chunks + 1, sent_bytes + size
            window.send(size, position=sent_chunks, rows=1, now=0)

    assert sent_chunks <= granted_chunks
    assert sent_bytes <= granted_bytes


def test_a_redelivered_row_without_an_answer_is_overdue() -> None:
    window = CreditWindow(10)
    window.grant(2, 100)
    window.resend(60, position=4, now=5)

    assert (window.chunks, window.bytes, window.position, window.acked) == (1, 40, 10, 10)
    assert window.overdue_at(60) == 65

    window.answer([3], now=20)
    assert window.overdue_at(60) == 65
    window.answer([4], now=30)
    assert window.overdue_at(60) is None


def test_what_is_skipped_counts_as_acknowledged_once_everything_before_is() -> None:
    window = CreditWindow(5)
    window.grant(9, 900)
    window.skip(20)
    assert (window.position, window.acked) == (20, 20)
    window.send(10, position=30, rows=3, now=0)
    window.skip(50)
    assert (window.position, window.acked) == (50, 20)
    window.send(10, position=60, rows=2, now=0)

    assert window.ack(30, now=1) == 3
    assert window.acked == 30, "the second chunk is not acknowledged yet"
    window.skip(70)
    assert (window.ack(60, now=2), window.acked) == (2, 70)
