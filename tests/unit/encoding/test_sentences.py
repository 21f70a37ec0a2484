"""Sentence ends in several scripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pc_worker.encoding.text.sentences import sentences


def split(text: str) -> list[str]:
    return [text[sentence.start : sentence.end].strip() for sentence in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("One. Two! Three?", ["One.", "Two!", "Three?"], id="English"),
        pytest.param(
            "결제를 설계했습니다. 운영도 했어요! 끝", ["결제를 설계했습니다.", "운영도 했어요!", "끝"], id="Korean"
        ),
        pytest.param("設計しました。運用も！次は？", ["設計しました。", "運用も！", "次は？"], id="Japanese"),
        pytest.param("他说：“好。”然后走了。", ["他说：“好。”", "然后走了。"], id="Chinese with quotes"),
        pytest.param("यह एक है। दूसरा।", ["यह एक है।", "दूसरा।"], id="Hindi"),
        pytest.param("Pi is 3.14 and v1.2.3 is out. Yes.", ["Pi is 3.14 and v1.2.3 is out.", "Yes."], id="numbers"),
        pytest.param("Dr. Kim met J. Smith. They spoke.", ["Dr. Kim met J. Smith.", "They spoke."], id="short forms"),
        pytest.param(
            "approx. five, e.g.  this. Next.", ["approx. five, e.g.  this.", "Next."], id="small letter follows"
        ),
        pytest.param('He said "go." Then left.', ['He said "go."', "Then left."], id="closing quote"),
        pytest.param("A title\n\nA paragraph\nwrapped once", ["A title", "A paragraph\nwrapped once"], id="paragraphs"),
        pytest.param("Wait... what?! Really", ["Wait... what?!", "Really"], id="runs of marks"),
    ],
)
def test_sentences_end_where_a_reader_sees_it(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@given(st.text(alphabet=st.sampled_from('aB1 .!?。！\n"”)\u200d')))
def test_sentences_cover_the_text_without_gap_or_overlap(text: str) -> None:
    assert "".join(text[sentence.start : sentence.end] for sentence in sentences(text)) == text
