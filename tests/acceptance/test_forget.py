"""Forgetting what vanished from a source, by the command line."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.support.stack import LiveStack


def write(path: Path, texts: dict[str, str | None]) -> Path:
    pd.DataFrame({"id": list(texts), "text": list(texts.values())}).to_pickle(path)
    return path


def test_only_rows_that_vanished_go_not_those_that_a_newer_file_has_but_skips(stack: LiveStack, tmp_path: Path) -> None:
    stack.ingest(write(tmp_path / "shelf.pkl", {"a": "stays", "b": "becomes empty", "c": "vanishes"}), "document")
    newer = stack.ingest(write(tmp_path / "shelf.pkl", {"a": "stays", "b": None}), "document")
    assert (newer["rows_unchanged"], newer["rows_skipped"]) == (1, 1)

    forgotten = stack.run("forget", "--domain", "document", "--source", "shelf.pkl", "--missing-from", newer["job_id"])

    assert forgotten.code == 0, forgotten.err
    left = stack.query("SELECT key FROM rows WHERE domain = 'document' AND source = 'shelf.pkl' ORDER BY key")
    assert left == [("a",), ("b",)]
