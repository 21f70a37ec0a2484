"""Numbers in the table of a benchmark."""

from __future__ import annotations

import pytest

from pc_worker.cli.commands.bench import readable


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (264350.4, "264350"),
        (135.159, "135"),
        (99.96, "100"),
        (0.88123, "0.881"),
        (1.9999999999999951, "2"),
        (0, "0"),
        (None, ""),
    ],
)
def test_a_number_is_shown_with_the_digits_that_mean_something(number: float | None, text: str) -> None:
    assert readable(number) == text
