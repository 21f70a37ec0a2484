"""What a model can read of a text, judged by the tokens of a small tokenizer."""

from __future__ import annotations

import pytest

from pc_worker.encoding.text.readable import readable_share


@pytest.mark.parametrize(
    ("text", "known", "share"),
    [
        pytest.param("tea time", [(0, 3), (4, 8)], 1.0, id="whole words"),
        pytest.param("teapots", [(0, 3), (3, 6), (6, 7)], 6 / 7, id="a rest of one letter"),
        pytest.param("茶道", [(0, 1), (1, 2)], 0.0, id="letter by letter"),
        pytest.param("茶道", [], 0.0, id="unknown"),
        pytest.param("한", [(0, 1), (0, 1), (0, 1)], 1.0, id="a word of one letter"),
        pytest.param("한국", [(0, 1), (0, 1), (1, 2), (1, 2)], 0.0, id="parts of letters"),
        pytest.param("C a", [(0, 1), (2, 3)], 1.0, id="words of one letter"),
        pytest.param("दिन", [(0, 1), (1, 2), (2, 3)], 0.0, id="combining marks are letters"),
        pytest.param("tea 茶道", [(0, 3), (4, 5), (5, 6)], 0.6, id="two scripts"),
        pytest.param("100%", [(0, 3), (3, 4)], 1.0, id="no letters"),
        pytest.param("", [], 1.0, id="nothing"),
    ],
)
def test_the_share_of_letters_in_longer_tokens(text: str, known: list[tuple[int, int]], share: float) -> None:
    assert readable_share(text, known) == pytest.approx(share)
