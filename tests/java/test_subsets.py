"""Java readers of a part of a subscription: shards, filters, and where a new one starts."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from pc_worker.model.shard import shard_of
from tests.java.reading import read_rows
from tests.java.test_live import log_of
from tests.support.frames import row_uuid, write_recruit
from tests.support.java import Java
from tests.support.stack import LiveStack

pytestmark = pytest.mark.java

FIRST, ROWS = 7_100_000, 300


@pytest.fixture(scope="module")
def recruits(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> LiveStack:
    """Return the session's stack with recruits, of which every third knows Zig; other tests may have added more."""
    folder = tmp_path_factory.mktemp("subsets")
    zig = {number: {"Primary Keyword": "Zig"} for number in range(0, ROWS, 3)}
    assert (
        stack.ingest(write_recruit(folder / "r.pkl", ROWS, first=FIRST, changes=zig), "recruit")["state"] == "completed"
    )
    return stack


def test_two_shards_share_the_rows_and_each_resumes_where_it_committed(
    java: Java, recruits: LiveStack, tmp_path: Path
) -> None:
    options: dict[str, object] = {"gateway": recruits.addresses.gateway, "domain": "recruit", "subscription": "shards"}
    options |= {"state": tmp_path / "state", "commit": 20}
    killed = read_rows(java, **options, shard="0/2", limit=50)
    rest = read_rows(java, **options, shard="0/2")
    other = read_rows(java, **options, shard="1/2")

    whole = [row_id for _, row_id in log_of(recruits, "recruit")]
    live = set(whole)
    for index, ids in enumerate((killed.ids[: killed.committed] + rest.ids, other.ids)):
        assert [row_id for row_id in ids if row_id in live] == [one for one in whole if shard_of(UUID(one), 2) == index]


def test_a_filtered_table_follows_rows_that_begin_and_cease_to_match(
    java: Java, recruits: LiveStack, tmp_path: Path
) -> None:
    options: dict[str, object] = {"gateway": recruits.addresses.gateway, "domain": "recruit", "subscription": "zig"}
    options |= {"state": tmp_path / "state", "where": "primary_keyword=Zig"}
    mine = {row_uuid(FIRST + number) for number in range(ROWS)}

    first = read_rows(java, **options)
    changed = {0: {"Primary Keyword": "Go"}, 1: {"Primary Keyword": "Zig"}, 2: {"Primary Keyword": "Go"}}
    source = write_recruit(tmp_path / "c.pkl", 3, first=FIRST, changes=changed)
    assert recruits.ingest(source, "recruit")["state"] == "completed"
    second = read_rows(java, **options)

    assert [one for one in first.ids if one in mine] == [row_uuid(FIRST + number) for number in range(0, ROWS, 3)]
    assert [(line[0], line[2]) for line in second.lines if line[2] in mine] == [
        ("gone", row_uuid(FIRST)),
        ("row", row_uuid(FIRST + 1)),
        ("gone", row_uuid(FIRST + 2)),
    ]
    assert "subscription_differs" not in second.end
    assert read_rows(java, **options | {"where": "primary_keyword=Go"}).end.startswith("error RequestRefusedException")


@pytest.mark.parametrize("checkpoint", ["CLIENT", "GATEWAY"])
def test_a_new_reader_starts_where_it_is_told_and_then_resumes(
    java: Java, recruits: LiveStack, tmp_path: Path, checkpoint: str
) -> None:
    ((head,),) = recruits.query("SELECT head FROM domains WHERE domain = 'recruit'")
    options: dict[str, object] = {"gateway": recruits.addresses.gateway, "domain": "recruit"}
    options |= {"subscription": f"start-{checkpoint}", "checkpoint": checkpoint, "state": tmp_path / "state"}

    first = read_rows(java, **options, start=str(head - 7))
    again = read_rows(java, **options, start="beginning")

    assert first.positions
    assert head - 7 < first.positions[0] <= first.positions[-1] <= head
    assert (again.lines, again.end) == ([], "end")
