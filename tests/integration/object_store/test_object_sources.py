"""Sources in an object store: the rows are those of the same file on disk, and a change or a fault is never missed."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pc_worker.errors import SourceRejected, Unavailable
from pc_worker.object_store import client, ranges
from pc_worker.object_urls import read_url
from pc_worker.reader import Limits
from pc_worker.services.ingest.inbox.entries import RejectedEntry
from pc_worker.services.ingest.inbox.objects import list_url_inbox
from pc_worker.services.shared_spool import SharedSpool
from pc_worker.services.sources import Sources, as_dict, rejecting
from pc_worker.store.db.connection import Database
from pc_worker.store.source_indexes import SourceIndexes, purge_source_indexes
from tests.support.object_store import ObjectStore, Proxy, Reply

FRAME = pd.DataFrame(
    {"id": [f"k{n}" for n in range(2000)], "text": [f"the text of row {n} – 서울" for n in range(2000)]}
)


def _excel() -> bytes:
    out = io.BytesIO()
    FRAME.head(50).to_excel(out, index=False)
    return out.getvalue()


def _zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", FRAME.to_csv(index=False))
    return out.getvalue()


CONTENTS: dict[str, Callable[[], bytes]] = {
    "rows.pkl": lambda: pickle.dumps(FRAME),
    "rows.pkl.gz": lambda: gzip.compress(pickle.dumps(FRAME)),
    "rows.csv": lambda: FRAME.to_csv(index=False).encode(),
    "rows.jsonl": lambda: FRAME.to_json(orient="records", lines=True, force_ascii=False).encode(),
    "rows.json": lambda: FRAME.to_json(orient="records").encode(),
    "rows.parquet": lambda: FRAME.to_parquet(),
    "rows.parquet.gz": lambda: gzip.compress(FRAME.to_parquet()),
    "rows.orc": lambda: FRAME.to_orc(),
    "rows.xlsx": _excel,
    "rows.zip": _zipped,
}


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("KEPT", 48 << 10), ("AHEAD", 40 << 10), ("MOST", 8 << 10), ("LEAST", 256)):
        monkeypatch.setattr(ranges, name, size)


def sources(spool: Path, *roots: str, shared: SharedSpool | None = None) -> Sources:
    return Sources(
        (spool.parent,), url_roots=[read_url(root) for root in roots], spool=spool, limits=Limits(), shared=shared
    )


def rows_of(opened: Sources, path: str) -> list[Any]:
    table = opened.open(path)
    batch = table.read(0, table.rows)
    return [batch.normal_row(number) for number in range(len(batch))]


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.usefixtures("small_blocks")
def test_an_object_has_the_rows_of_the_same_file(
    store: ObjectStore, use: Callable[[Any], None], tmp_path: Path, name: str
) -> None:
    use(store.variables)
    body = CONTENTS[name]()
    (tmp_path / name).write_bytes(body)
    reader = sources(tmp_path / "spool", "s3://data/in")

    found = rows_of(reader, store.put("data", f"in/{name}", body))

    assert found == rows_of(reader, str(tmp_path / name))
    assert len(found) in (50, 2000)
    reader.close()


def test_a_key_of_any_characters_is_read(store: ObjectStore, use: Callable[[Any], None], tmp_path: Path) -> None:
    use(store.variables)
    url = store.put("data", "in/a b/100%25 +é 서울#1?.csv", b"id,text\n1,x\n")

    assert rows_of(sources(tmp_path / "spool", "s3://data"), url) == [{"id": "1", "text": "x"}]


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("s3://data/in/missing.csv", "there is no such object"),
        ("s3://nobody/in/a.csv", "outside the data roots"),
        ("s3://data/input/a.csv", "outside the data roots"),
        ("s3://data/in/", "it is a prefix, not an object"),
        ("s3://data/in/../secret.csv", "a key with the parts . or .. is not read"),
        ("s3:///in/a.csv", "is not the name of a bucket"),
        ("s3://user:word@data/in/a.csv", "must not contain credentials"),
        ("ftp://data/in/a.csv", "sources are files or objects at s3://"),
    ],
)
def test_what_cannot_be_a_source_is_said(
    store: ObjectStore, use: Callable[[Any], None], tmp_path: Path, url: str, complaint: str
) -> None:
    use(store.variables)

    with pytest.raises(SourceRejected, match=complaint) as refused:
        sources(tmp_path / "spool", "s3://data/in").check(url)
    assert "word" not in str(refused.value)


def test_an_object_that_changes_is_noticed(store: ObjectStore, use: Callable[[Any], None], tmp_path: Path) -> None:
    use(store.variables)
    url = store.put("data", "in/changing.csv", b"id,text\n1,before\n")
    reader = sources(tmp_path / "spool", "s3://data/in")
    table = reader.open(url)
    expected = as_dict(table.fingerprint)
    assert reader.open(url, expected) is table

    store.put("data", "in/changing.csv", b"id,text\n1,after!\n")  # as long as before, maybe in the same second

    with pytest.raises(SourceRejected, match="changed"), rejecting(url):
        reader.open(url, expected).read(0, 1)
    assert rows_of(sources(tmp_path / "spool", "s3://data/in"), url) == [{"id": "1", "text": "after!"}]


def test_an_object_that_is_replaced_while_it_is_indexed_is_refused(
    store: ObjectStore, proxy: Proxy, use: Callable[[Any], None], tmp_path: Path, small_blocks: None
) -> None:
    use(proxy.variables(store))
    url = store.put("data", "in/moving.csv", CONTENTS["rows.csv"]())

    def replace_after_the_third(number: int, reply: Reply) -> Reply:
        if number == 3:
            store.put("data", "in/moving.csv", CONTENTS["rows.csv"]().upper())
        return reply

    proxy.answer = replace_after_the_third

    with pytest.raises(SourceRejected, match="changed while it was read"):
        sources(tmp_path / "spool", "s3://data/in").open(url)


def _without_etag(_: int, reply: Reply) -> Reply:
    return replace(reply, headers={name: value for name, value in reply.headers.items() if name.lower() != "etag"})


FAULTS: dict[str, Callable[[int, Reply], Reply | None]] = {
    "answers 503 twice": lambda n, reply: Reply(503, {"Content-Length": "0"}, b"") if n in (2, 3) else reply,
    "closes a connection": lambda n, reply: None if n == 3 else reply,
    "says slow down": lambda n, reply: Reply(429, {"Content-Length": "0"}, b"") if n == 2 else reply,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_of_the_store_is_not_seen(
    store: ObjectStore, proxy: Proxy, use: Callable[[Any], None], tmp_path: Path, small_blocks: None, fault: str
) -> None:
    use(proxy.variables(store))
    url = store.put("data", "in/rows.csv", CONTENTS["rows.csv"]())
    proxy.answer = FAULTS[fault]

    assert len(rows_of(sources(tmp_path / "spool", "s3://data/in"), url)) == 2000


def test_a_store_that_is_away_is_unavailable_and_the_source_is_not_blamed(
    use: Callable[[Any], None], store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ATTEMPTS", 1)
    use({**store.variables, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})

    with pytest.raises(Unavailable, match="does not answer"):
        sources(tmp_path / "spool", "s3://data/in").check("s3://data/in/rows.csv")


def test_a_store_without_versions_is_refused(
    store: ObjectStore, proxy: Proxy, use: Callable[[Any], None], tmp_path: Path
) -> None:
    use(proxy.variables(store))
    url = store.put("data", "in/rows.csv", b"id,text\n1,x\n")
    proxy.answer = _without_etag

    with pytest.raises(SourceRejected, match="reports no ETag"):
        sources(tmp_path / "spool", "s3://data/in").check(url)


def test_a_second_machine_fetches_the_index_and_reads_only_its_chunk(
    store: ObjectStore,
    proxy: Proxy,
    use: Callable[[Any], None],
    tmp_path: Path,
    small_blocks: None,
    database: Database,
) -> None:
    use(proxy.variables(store))
    url = store.put("data", "in/shared.pkl", pickle.dumps([{"id": n, "text": f"{n} " * 40} for n in range(3000)]))
    indexes = SourceIndexes(database)
    first = sources(tmp_path / "one" / "spool", "s3://data/in", shared=SharedSpool(indexes))
    expected = as_dict(first.open(url).fingerprint)
    whole = sum(request[0] == "GET" for request in proxy.requests)
    proxy.requests.clear()

    other = sources(tmp_path / "two" / "spool", "s3://data/in", shared=SharedSpool(indexes))
    batch = other.open(url, expected).read(1500, 1510)

    assert [batch.normal_row(n)["id"] for n in range(10)] == list(range(1500, 1510))
    assert sum(request[0] == "GET" for request in proxy.requests) < whole / 4
    assert purge_source_indexes(database, unused_s=3600) == 0
    assert purge_source_indexes(database, unused_s=-1) > 0
    assert not indexes.fetch(tmp_path / "any.index")


def test_the_inbox_is_listed_by_domain(store: ObjectStore, use: Callable[[Any], None]) -> None:
    use(store.variables)
    for key in ("document/a.csv", "document/b.csv.part", "document/deep/c.csv", "unknown/d.csv", "recruit/e.pkl"):
        store.put("other", f"drop/{key}", b"x")

    found = list(list_url_inbox(read_url("s3://other/drop"), ["document", "recruit"], lambda _: True))
    refused = list(list_url_inbox(read_url("s3://nobody/drop"), ["document"], lambda _: True))

    files = [each.path for each in found if not isinstance(each, RejectedEntry)]
    assert files == ["s3://other/drop/document/a.csv", "s3://other/drop/recruit/e.pkl"]
    (unknown,) = [each for each in found if isinstance(each, RejectedEntry)]
    assert "no such domain" in unknown.reason
    assert [isinstance(each, RejectedEntry) for each in refused] in ([True], [])
