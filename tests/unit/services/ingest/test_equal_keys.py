"""The keys of a split are compared in the spool, which is on disk, and leave nothing there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from pc_worker.domains import Options, get_domain
from pc_worker.reader import open_table
from pc_worker.services.ingest.split import equal_keys, resolve_source


def test_the_digests_are_in_the_spool_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, spool = tmp_path / "rows.jsonl", tmp_path / "spool"
    spool.mkdir()
    source.write_text("".join(f'{{"id": "k{n % 5}", "text": "row {n}"}}\n' for n in range(8)))
    domain, options = get_domain("document"), Options(source="shelf", id_column="id", text_columns=("text",))
    table = open_table(source, spool=spool)
    before = sorted(os.listdir(spool))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "there is none"))

    groups = equal_keys(domain, resolve_source(domain, options, table, str(source)), table, spool=spool)
    first = next(groups)
    during = sorted(os.listdir(spool))
    rest = list(groups)

    assert sorted([first, *rest]) == [[0, 5], [1, 6], [2, 7]]
    assert before == during == sorted(os.listdir(spool))
