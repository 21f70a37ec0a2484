"""The tokens of lines: joined, no text has more of them by the built-in tokenizer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.encoding.models.finding import find_model
from pc_worker.encoding.text.line_tokens import line_tokens
from pc_worker.encoding.text.token_estimate import estimated_tokens
from pc_worker.encoding.text.tokens import Tokens, load_tokens

HANGUL = st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3)
KANJI = st.characters(min_codepoint=0x3000, max_codepoint=0x9FFF)
LINES = st.one_of(
    st.text(max_size=200), *(st.text(st.one_of(some, st.sampled_from(" .?")), max_size=200) for some in (HANGUL, KANJI))
)


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return load_tokens(find_model(""))


@given(lines=st.lists(LINES, min_size=1, max_size=5))
def test_a_text_of_lines_has_no_more_tokens_than_its_lines(tokens: Tokens, lines: list[str]) -> None:
    text = "\n".join(lines)

    (counted,) = tokens.count([text])

    assert counted - 2 <= sum(map(line_tokens, lines))
    assert estimated_tokens(text) - 2 <= sum(map(line_tokens, lines)) + len(lines)


@pytest.mark.parametrize(
    "line", ["Entscheidungsfindungsprozesse", "각각의 값을 읽었습니다", "zxqj vkwp", "สวัสดีครับทุกคน" * 30]
)
def test_words_that_the_tokenizer_splits_or_does_not_know(tokens: Tokens, line: str) -> None:
    (counted,) = tokens.count([line])

    assert line_tokens(line) == max(counted, estimated_tokens(line)) - 2
