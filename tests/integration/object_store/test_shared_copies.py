"""With a shared spool the second machine neither converts nor unpacks again, and uses no copy that was changed."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pc_worker.errors import SourceRejected, Unavailable
from pc_worker.object_store.copies import SharedCopies
from pc_worker.object_urls import read_url
from pc_worker.reader import Limits, Table
from pc_worker.services.shared_spool import SharedSpool
from pc_worker.services.sources import Sources, as_dict
from pc_worker.store.db.connection import Database
from pc_worker.store.source_indexes import SourceIndexes, purge_source_indexes
from tests.support.object_store import ObjectStore, Proxy

Use = Callable[[dict[str, str]], None]
FRAME = pd.DataFrame(
    {"id": [f"k{n}" for n in range(3000)], "text": [f"the text of row {n} – 서울" for n in range(3000)]}
)


def _excel() -> bytes:
    out = io.BytesIO()
    FRAME.head(60).to_excel(out, index=False)
    return out.getvalue()


def _zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one.csv", FRAME.head(1500).to_csv(index=False))
        archive.writestr("two.csv", FRAME.tail(1500).to_csv(index=False))
    return out.getvalue()


CONTENTS: dict[str, Callable[[], bytes]] = {
    "rows.csv": lambda: FRAME.to_csv(index=False).encode(),
    "rows.csv.gz": lambda: gzip.compress(FRAME.to_csv(index=False).encode()),
    "rows.pkl.gz": lambda: gzip.compress(pickle.dumps(FRAME.to_dict("records"))),
    "rows.parquet": lambda: FRAME.to_parquet(),
    "rows.orc": lambda: FRAME.to_orc(),
    "rows.xlsx": _excel,
    "rows.zip": _zipped,
}


@pytest.fixture
def machine(tmp_path: Path, database: Database, store: ObjectStore, proxy: Proxy, use: Use) -> Callable[[str], Sources]:
    """Return a function that makes the sources of one machine."""
    use(proxy.variables(store))
    copies = SharedCopies(read_url("s3://other/spool"))

    def make(name: str) -> Sources:
        spool = tmp_path / name / "spool"
        shared = SharedSpool(SourceIndexes(database), copies)
        return Sources(
            (spool.parent,), url_roots=[read_url("s3://data/in")], spool=spool, limits=Limits(), shared=shared
        )

    return make


def rows(opened: Sources, url: str, expected: dict[str, Any] | None = None) -> list[Any]:
    table = opened.open(url, expected)
    batch = table.read(0, table.rows)
    return [batch.normal_row(number) for number in range(len(batch))]


def read_of_the_source(proxy: Proxy, url: str) -> int:
    """Return how many bytes of the source were asked for."""
    path = url.removeprefix("s3:/")
    spans = [span for method, asked, span in proxy.requests if method == "GET" and asked.startswith(path) and span]
    edges = [span.removeprefix("bytes=").partition("-") for span in spans]
    return sum(int(last) - int(first) + 1 for first, _, last in edges)


@pytest.mark.parametrize("name", CONTENTS)
def test_the_second_machine_reads_the_copies_of_the_first(
    machine: Callable[[str], Sources], store: ObjectStore, proxy: Proxy, name: str
) -> None:
    body = CONTENTS[name]()
    url = store.put("data", f"in/{name}", body)
    first = machine("one")
    wanted = rows(first, url)
    expected = as_dict(first.open(url).fingerprint)
    proxy.requests.clear()

    second = machine("two")
    found = rows(second, url, expected)

    assert found == wanted
    assert len(found) in (60, 3000)
    assert any(method == "GET" and path.startswith("/other/spool/") for method, path, _ in proxy.requests)
    assert not any(method in ("PUT", "POST") for method, _, _ in proxy.requests)
    assert read_of_the_source(proxy, url) <= max(64 << 10, len(body) // 4)


def damage(store: ObjectStore) -> int:
    """Change one byte of every shared copy; return their number."""
    found = store.client.list_objects_v2(Bucket="other", Prefix="spool/").get("Contents", [])
    for each in found:
        body = bytearray(store.client.get_object(Bucket="other", Key=each["Key"])["Body"].read())
        body[len(body) // 2] ^= 1
        store.put("other", each["Key"], bytes(body))
    return len(found)


def remove(store: ObjectStore) -> int:
    """Delete every shared copy; return their number."""
    found = store.client.list_objects_v2(Bucket="other", Prefix="spool/").get("Contents", [])
    for each in found:
        store.client.delete_object(Bucket="other", Key=each["Key"])
    return len(found)


@pytest.mark.parametrize("spoil", [damage, remove])
def test_a_spoiled_copy_is_not_used_and_the_next_split_shares_another(
    machine: Callable[[str], Sources], store: ObjectStore, proxy: Proxy, spoil: Callable[[ObjectStore], int]
) -> None:
    url = store.put(
        "data", f"in/{spoil.__name__}.csv", FRAME.to_csv(index=False).encode() + b"k,x\n" * len(spoil.__name__)
    )
    wanted = rows(machine("one"), url)
    assert spoil(store) > 0

    assert rows(machine("two"), url) == wanted

    proxy.requests.clear()
    assert rows(machine("three"), url) == wanted
    assert not any(method == "PUT" for method, _, _ in proxy.requests)


def test_a_shared_spool_that_is_away_delays_nothing(
    machine: Callable[[str], Sources], store: ObjectStore, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = store.put("data", "in/alone.csv", FRAME.tail(2000).to_csv(index=False).encode())
    wanted = rows(machine("one"), url)

    def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("the store does not answer")

    monkeypatch.setattr(SharedCopies, "fetch", away)
    monkeypatch.setattr(SharedCopies, "put", away)

    assert rows(machine("two"), url) == wanted


def test_a_table_is_closed_if_its_sharing_fails(
    machine: Callable[[str], Sources], store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = store.put("data", "in/closed.csv", FRAME.head(10).to_csv(index=False).encode())
    closed, close = list[Table](), Table.close

    def fails(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    def noted(table: Table) -> None:
        closed.append(table)
        close(table)

    monkeypatch.setattr(SharedSpool, "keep", fails)
    monkeypatch.setattr(Table, "close", noted)

    with pytest.raises(SourceRejected, match="ZeroDivisionError"):
        machine("one").open(url)
    assert len(closed) == 1


def test_old_copies_are_deleted_and_nothing_else_under_the_prefix(
    machine: Callable[[str], Sources], store: ObjectStore, database: Database
) -> None:
    url = store.put("data", "in/old.csv", FRAME.head(1000).to_csv(index=False).encode())
    wanted = rows(machine("one"), url)
    mine = store.put("other", "spool/of the user.txt", b"x")
    store.put("other", "spool//a key that the client refuses", b"x")
    copies = SharedCopies(read_url("s3://other/spool"))

    assert copies.purge(older_than_s=3600) == 0
    assert copies.purge(older_than_s=-1) > 0
    assert copies.purge(older_than_s=-1) == 0

    assert store.client.get_object(Bucket="other", Key=mine.removeprefix("s3://other/"))["Body"].read() == b"x"
    assert rows(machine("two"), url) == wanted
    assert purge_source_indexes(database, unused_s=-1) > 0
