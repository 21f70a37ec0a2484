"""The decision records: numbered without a gap, one template, and all of them in the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pc_worker.settings import PROJECT

FOLDER = PROJECT / "docs/decisions"
RECORDS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
HEADINGS = ["Context", "Decision", "Measurements", "Alternatives", "Consequences"]
STATUS = re.compile(r"- \*\*Status:\*\* (accepted|superseded by \d{4}), \d{4}-\d{2}-\d{2}")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_a_record_follows_the_template(record: Path) -> None:
    lines = record.read_text(encoding="utf-8").splitlines()
    headings = [line.removeprefix("## ") for line in lines if line.startswith("## ")]

    assert re.fullmatch(rf"# {record.name[:4]}\. .+", lines[0])
    assert STATUS.fullmatch(lines[2])
    assert set(headings) <= set(HEADINGS)
    assert headings[:2] == ["Context", "Decision"]


def test_the_index_lists_every_record_with_its_title_in_order() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    titles = {path.name: path.read_text(encoding="utf-8").splitlines()[0].partition(". ")[2] for path in RECORDS}

    assert re.findall(r"\]\((.+?)\) \| (.+) \|", index) == list(titles.items())
    assert [int(name[:4]) for name in titles] == list(range(1, len(titles) + 1))
