"""Where a consumer starts, as users write it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pc_worker.errors import InvalidRequest
from pc_worker.model.start_point import StartPoint, read_start


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("beginning", 0),
        (" now ", "now"),
        ("0", 0),
        (4711, 4711),
        (2**63 - 1, 2**63 - 1),
        ("2026-11-29", datetime(2026, 11, 29, tzinfo=UTC)),
        ("2026-11-29 06:00:00", datetime(2026, 11, 29, 6, tzinfo=UTC)),
        ("2026-11-29T06:00:00+01:00", datetime(2026, 11, 29, 5, tzinfo=UTC)),
        ("2026-11-29T06:00:00Z", datetime(2026, 11, 29, 6, tzinfo=UTC)),
    ],
)
def test_a_start_is_read(text: int | str, start: StartPoint) -> None:
    assert read_start(text) == start


@pytest.mark.parametrize(
    "text", ["", "end", -1, "1.5", "٣", 2**63, "yesterday", "2026-13-01", "0001-01-01T00:00+10:00"]
)
def test_anything_else_is_refused_with_the_forms(text: int | str) -> None:
    with pytest.raises(InvalidRequest, match="is no start: beginning, now, a position, or a time"):
        read_start(text)
