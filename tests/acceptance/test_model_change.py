"""To the multilingual model and back under a steady search: no failed answer, and every row delivered again."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.support.cjk import NOTES
from tests.support.frames import write_documents
from tests.support.stack import LiveStack

OTHER = "multilingual"
#: Notes in Korean, Japanese and Chinese, each with its question in English, of which text search finds no word.
ASKED = [(note, english) for note, _, english in NOTES[::8]]


def best(stack: LiveStack, question: str) -> str:
    found = stack.run("search", question, "--domain", "document", "--mode", "vector", "-k", "1", "--json")
    return str(found.json()["hits"][0]["payload"]["text"])


@pytest.mark.slow
def test_a_model_is_changed_and_changed_back_without_a_failed_search(own_stack: LiveStack, tmp_path: Path) -> None:
    texts = [*(note for note, *_ in NOTES), *(f"a note about subject {n}" for n in range(176))]
    own_stack.ingest(write_documents(tmp_path / "d.pkl", texts), "document")
    before = own_stack.stream("document")
    old = next(m["model"] for m in own_stack.run("models", "list", "--json").json() if "document" in m["domains"])
    done, answers = threading.Event(), []

    def search() -> None:
        while not done.wait(0.2):  # steady, and yet the machine is the backfill's
            answers.append(own_stack.run("search", "subject 7", "--domain", "document", "-k", "5", "--json"))

    searcher = threading.Thread(target=search)
    searcher.start()
    assert [best(own_stack, english) for _, english in ASKED] != [note for note, _ in ASKED]
    early = own_stack.run("models", "switch", "--domain", "document", "--model", OTHER)
    filled = own_stack.run("models", "backfill", "--domain", "document", "--model", OTHER)
    compared = own_stack.run("models", "compare", "--domain", "document", "--model", OTHER, "--json")
    switched = own_stack.run("models", "switch", "--domain", "document", "--model", OTHER)
    done.set()
    searcher.join()

    assert early.code == 2, "rows lack vectors"
    assert filled.code == 0, filled.err
    assert compared.json()["overlap"] < 0.99
    assert switched.code == 0, switched.err
    assert [answer.code for answer in answers] == [0] * len(answers)
    assert all(len(answer.json()["hits"]) == 5 for answer in answers)
    after = own_stack.stream("document", "--after", str(before[-1]["position"]))
    assert {row["id"] for row in after} == {row["id"] for row in before}
    assert {row["model"] for row in after} == {row["model"] for row in own_stack.stream("document")}
    assert after[0]["model"].startswith("multilingual@")
    assert [best(own_stack, english) for _, english in ASKED] == [note for note, _ in ASKED]
    assert own_stack.run("models", "drop", "--model", OTHER).code == 2, "it is in use"
    assert own_stack.run("models", "switch", "--domain", "document", "--model", old).code == 0
    assert own_stack.run("models", "drop", "--model", OTHER).code == 0
    assert {row["model"] for row in own_stack.stream("document")} == {old}
