"""The check of an answer: sentences as they come, citations, support, numbers and names."""

from __future__ import annotations

import pytest

from pc_worker.errors import NotFound
from pc_worker.services.answers.checks.check import CITATION, Checker, numbers
from pc_worker.services.answers.checks.draft import Draft
from pc_worker.services.answers.checks.sentences import SentenceStream, split_sentences
from pc_worker.services.answers.evidence import AnswerPassage, Evidence
from pc_worker.services.answers.injection.detection import as_data
from pc_worker.services.answers.models.prompt_files import all_prompts, newest_prompt, prompt_diff

PROMPTS = ("answer", "correct", "expand_hyde", "expand_multi", "judge", "rewrite")
TEXT = (
    "It is so. [1] It is not [2]. Yes, e.g. this one costs 3.11 dollars [1, 3].\n- item one [1]\n- item two [2].\n"
    "```py\na[0] = 1. b\n```\nDone [99]. Fine."
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_text_in_parts_has_the_sentences_of_the_whole(size: int) -> None:
    stream = SentenceStream()
    found: list[str] = []
    for start in range(0, len(TEXT), size):
        found += stream.feed(TEXT[start : start + size])
    found += stream.rest()

    assert found == split_sentences(TEXT)
    assert "".join(found) == TEXT
    assert found[0] == "It is so. [1] "
    assert "```py\na[0] = 1. b\n```\n" in found


def test_brackets_in_brackets_leave_no_citation_however_deep() -> None:
    deep = "[7" * 200 + "[99]" + "]" * 200

    assert not CITATION.findall(checker().check(f"Gzip compresses files {deep}.").text)


@pytest.mark.parametrize("place", range(1_190, 1_204))
def test_a_citation_is_in_one_part(place: int) -> None:
    text = f"{'x' * place}[12]{'y' * 1_300}"

    stream = SentenceStream()
    parts = [*stream.feed(text), *stream.rest()]

    assert sum("[12]" in part for part in parts) == 1


def test_a_text_without_an_end_is_passed_on_in_parts() -> None:
    stream = SentenceStream()

    parts = list(stream.feed("word " * 1_000))

    assert parts
    assert len(parts[0]) <= 1_200


def checker() -> Checker:
    evidence = Evidence()
    text = "The gzip module compresses files with level 9 by default and costs 1,000 won."
    evidence.add([AnswerPassage(row_id="r", domain="d", text=text, start=0, end=len(text), payload={})])
    return Checker(evidence, "what does gzip do at level 4?")


@pytest.mark.parametrize(
    ("sentence", "text", "kinds"),
    [
        ("Gzip compresses files with level 9 [1].", "Gzip compresses files with level 9 [1].", []),
        ("Gzip compresses files. [1]", "Gzip compresses files. [1]", []),
        ("Gzip compresses files【1】.", "Gzip compresses files[1].", []),
        ("Gzip compresses files [1][7].", "Gzip compresses files [1].", ["citation"]),
        ("Gzip compresses files [1, 2].", "Gzip compresses files [1].", ["citation"]),
        # What is left out may bring together what was apart.
        ("Gzip compresses files [12345] [1].", "Gzip compresses files [1].", ["citation"]),
        pytest.param(f"Gzip compresses files [{'9' * 5_000}] [1].", "Gzip compresses files [1].", ["citation"], id="9"),
        ("Gzip compresses files [77[99]] [1].", "Gzip compresses files [1].", ["citation"] * 2),
        ("Gzip compresses files [8[77[99]]8] [1].", "Gzip compresses files [1].", ["citation"] * 3),
        (
            "Gzip <[99]img src=gzip.png> compresses files [1].",
            "Gzip < img src=gzip.png> compresses files [1].",
            ["citation"],
        ),
        ("Gzip compresses files [1](http://a/)(http://b/).", "Gzip compresses files [1].", []),
        ("Gzip costs 1000 won [1].", "Gzip costs 1000 won [1].", []),
        ("At level 4 gzip compresses files [1].", "At level 4 gzip compresses files [1].", []),
        ("Gzip compresses files at level 7 [1].", "", ["number"]),
        ("The zip module pickles bananas [1].", "The zip module pickles bananas [1]. (unverified)", ["unsupported"]),
        ("Paris lies in central France.", "Paris lies in central France. (unverified)", ["unsupported"]),
        ("Yes.", "Yes.", []),
        ("In short:", "In short:", []),
        # A row has [2] as [ 2 ]: copied, it is no citation. Nor is a link to elsewhere.
        ("Gzip compresses files [ 2 ] [1].", "", ["number"]),
        ("At [ 4 ] gzip compresses files [1].", "At [ 4 ] gzip compresses files [1].", []),
        ("Gzip compresses files ［1］.", "Gzip compresses files [1].", []),
        ("Gzip compresses files 〔99〕〔1〕.", "Gzip compresses files[1].", ["citation"]),
        ("Gzip compresses files [1](https://evil.example/?q=1).", "Gzip compresses files [1].", []),
        ("Gzip compresses files [1](javascript:alert(1)).", "Gzip compresses files [1].", []),
        (
            "[ 1 ]: https://evil.example gzip compresses files [1].",
            " https://evil.example gzip compresses files [1].",
            [],
        ),
        (
            "Gzip ![level](https://evil.example/x.png) compresses files [1].",
            "Gzip [level](https://evil.example/x.png) compresses files [1].",
            [],
        ),
        (
            "Gzip <img src=gzip.png> compresses files [1].",
            "Gzip < img src=gzip.png> compresses files [1].",
            [],
        ),
        (
            "Gzip </a><script>compresses()</script> files [1].",
            "Gzip < /a>< script>compresses()< /script> files [1].",
            [],
        ),
        ("Gzip compresses a list<file> of files [1].", "Gzip compresses a list<file> of files [1].", []),
        ("Gzip compresses `<img src=x>` files [1].", "Gzip compresses `<img src=x>` files [1].", []),
        ("Gzip compresses files, as Smith says [1].", "Gzip compresses files, as Smith says [1].", ["name"]),
    ],
)
def test_a_sentence_is_checked(sentence: str, text: str, kinds: list[str]) -> None:
    checked = checker().check(sentence)

    assert checked.text == text
    assert [flag.kind for flag in checked.flags] == kinds


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Gzip compresses files [1]. It uses level 9 by", "Gzip compresses files [1]. "),
        ("Gzip compresses files [1]. It uses level 9 by default [1", "Gzip compresses files [1]. "),
        ("Gzip compresses files [1]. It uses level 9 [1].", "Gzip compresses files [1]. It uses level 9 [1]."),
        ("Gzip compresses files [1].\n```py\nimport gzip.", "Gzip compresses files [1].\n"),
        ("Gzip compresses", ""),
    ],
)
def test_a_draft_that_its_limit_ends_has_whole_sentences_only(text: str, whole: str) -> None:
    draft = Draft(checker())
    draft.feed(text)
    draft.finish(cut=True)

    assert "".join(one.text for one in draft.passed) == whole
    assert [flag.kind for flag in draft.flags] == ["truncated"]


def test_numbers_have_one_form() -> None:
    assert numbers("1,000 and 5.0 and 007 on 2024-05-01, 3.11.2; 1. point") == {"1000", "5", "7", "2024", "1", "3.11.2"}


def test_passages_look_like_no_citation_and_know_no_mark() -> None:
    evidence = Evidence()
    (one,) = evidence.add(
        [AnswerPassage(row_id="r", domain="d", text="argv[0] is a name", start=0, end=17, payload={})]
    )

    shown = evidence.shown([one])

    assert as_data("[1] [12345] [1;2] [3-4]") == "[ 1 ] [ 12345 ] [ 1;2 ] [ 3-4 ]"
    assert "argv[ 0 ] is a name" in shown
    assert shown.splitlines()[0].startswith("<passage-")
    assert shown.splitlines()[1].startswith("[1] ")


def test_prompts_have_versions_and_hashes() -> None:
    assert {prompt.name for prompt in all_prompts()} == set(PROMPTS)
    assert newest_prompt("answer").label.startswith(f"answer-{newest_prompt('answer').version}@")
    assert prompt_diff("answer").startswith("--- ")
    with pytest.raises(NotFound, match="known are answer"):
        newest_prompt("nothing")
