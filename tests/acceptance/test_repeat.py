"""Ingesting again: what is stored already is not encoded and not delivered again; what changed is, once."""

from __future__ import annotations

from pathlib import Path

from tests.support.frames import row_uuid, write_documents, write_recruit
from tests.support.stack import LiveStack

#: The first of ids that only one test here has.
FIRST = 220_000


def head_of(stack: LiveStack, domain: str) -> int:
    return int(stack.query("SELECT head FROM domains WHERE domain = %s", domain)[0][0])


def test_an_unchanged_file_encodes_nothing_and_delivers_nothing(stack: LiveStack, tmp_path: Path) -> None:
    source = write_recruit(tmp_path / "r.pkl", 700, first=210_000)

    first = stack.ingest(source, "recruit")
    head = head_of(stack, "recruit")
    second = stack.ingest(source, "recruit")

    assert (first["state"], first["rows_written"]) == ("completed", 700)
    assert (second["rows_unchanged"], second["rows_written"], second["texts_encoded"]) == (700, 0, 0)
    assert stack.stream("recruit", "--after", str(head)) == []


def test_exactly_the_changed_rows_are_encoded_and_delivered(stack: LiveStack, tmp_path: Path) -> None:
    texts = [f"note {n} that is ingested again" for n in range(900)]
    first = stack.ingest(write_documents(tmp_path / "again.pkl", texts), "document")
    head = head_of(stack, "document")
    changed = set(range(5, 900, 90))
    for n in changed:
        texts[n] = f"changed note {n} that is ingested again"

    second = stack.ingest(write_documents(tmp_path / "again.pkl", texts), "document")

    assert (first["texts_encoded"], second["texts_encoded"]) == (900, 10)
    assert (second["rows_written"], second["rows_unchanged"]) == (10, 890)
    delivered = stack.stream("document", "--after", str(head))
    assert {row["key"] for row in delivered} == {f"doc-{n}" for n in changed}
    assert [row["position"] for row in delivered] == list(range(head + 1, head + 11))
    everything = [row for row in stack.stream("document") if row["source"] == "again.pkl"]
    assert len(everything) == len({row["id"] for row in everything}) == 900


def test_equal_rows_without_an_id_stay_apart_and_come_back_unchanged(stack: LiveStack, tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"text": ["the same twin", "another", "the same twin"]})
    frame.to_pickle(tmp_path / "twins.pkl")

    first = stack.ingest(tmp_path / "twins.pkl", "document")
    second = stack.ingest(tmp_path / "twins.pkl", "document")

    assert (first["rows_written"], first["texts_encoded"]) == (3, 2)
    assert second["rows_unchanged"] == 3


def test_the_last_row_of_a_key_wins(stack: LiveStack, tmp_path: Path) -> None:
    first = {"Position": "first"}
    source = write_recruit(
        tmp_path / "r.pkl",
        650,
        first=FIRST,
        changes={0: first, 320: {"id": None}, 640: {"Position": "lastofitskey", "id": row_uuid(FIRST).upper()}},
    )

    before = head_of(stack, "recruit")

    status = stack.ingest(source, "recruit")

    assert (status["rows_written"], status["rows_skipped"], status["rows_dead"]) == (648, 1, 1)
    rows = [row for row in stack.stream("recruit", "--after", str(before)) if row["id"] == row_uuid(FIRST)]
    assert [row["position"] for row in rows]
    streamed = stack.run("search", "lastofitskey", "--domain", "recruit", "--mode", "text", "--json").json()
    assert streamed["hits"][0]["payload"]["position"] == "lastofitskey"
