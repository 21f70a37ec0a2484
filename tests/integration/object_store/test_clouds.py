"""Objects of Google and Azure, and of public buckets: read through the settings that those clouds' own tools use."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pc_worker.errors import SourceRejected
from pc_worker.object_store import client
from pc_worker.object_urls import read_url
from pc_worker.reader import Limits
from pc_worker.services.ingest.inbox.entries import RejectedEntry
from pc_worker.services.ingest.inbox.objects import list_url_inbox
from pc_worker.services.sources import Sources
from tests.support.cloud_stores import CloudStore, running_cloud_store

ACCOUNT = "devaccount"
KEY = base64.b64encode(b"not a secret at all").decode()
ROWS = b"id,text\n" + b"".join(b"%d,the text of row %d\n" % (n, n) for n in range(3000))


@dataclass(frozen=True)
class Cloud:
    """One cloud: its URLs, whether requests are signed, and the variables by which a store is found."""

    scheme: str
    signs: bool
    variables: Callable[[str], dict[str, str]]


CLOUDS = {
    "google": Cloud("gs", False, lambda address: {"STORAGE_EMULATOR_HOST": address}),
    "google, an address only": Cloud(
        "gs", False, lambda address: {"STORAGE_EMULATOR_HOST": address.removeprefix("http://")}
    ),
    "azure": Cloud(
        "az",
        True,
        lambda address: {
            "AZURE_STORAGE_CONNECTION_STRING": f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};"
            f"AccountKey={KEY};BlobEndpoint={address}/{ACCOUNT};"
        },
    ),
    "a public bucket": Cloud(
        "s3",
        False,
        lambda address: {"AWS_ENDPOINT_URL": address, "AWS_SKIP_SIGNATURE": "true", "AWS_REGION": "us-east-1"},
    ),
    "credentials": Cloud(
        "s3",
        True,
        lambda address: {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "reader",
            "AWS_SECRET_ACCESS_KEY": "not a secret",
            "AWS_REGION": "us-east-1",
        },
    ),
    "the bucket in the endpoint": Cloud(
        "s3",
        True,
        lambda address: {
            "AWS_ENDPOINT_URL": f"{address}/data",
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
            "AWS_ACCESS_KEY_ID": "reader",
            "AWS_SECRET_ACCESS_KEY": "not a secret",
            "AWS_REGION": "us-east-1",
        },
    ),
}


@pytest.fixture(params=CLOUDS)
def cloud(request: pytest.FixtureRequest) -> Cloud:
    return CLOUDS[request.param]


@pytest.fixture
def store(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudStore]:
    client.store_of.cache_clear()
    with running_cloud_store(account=ACCOUNT) as running:
        for name, value in cloud.variables(running.address).items():
            monkeypatch.setenv(name, value)
        yield running
    client.store_of.cache_clear()


def sources(tmp_path: Path, root: str) -> Sources:
    return Sources((tmp_path,), url_roots=[read_url(root)], spool=tmp_path / "spool", limits=Limits())


def test_an_object_is_read_by_ranges_of_one_version(cloud: Cloud, store: CloudStore, tmp_path: Path) -> None:
    store.objects["data/in/rows of 서울.csv"] = ROWS
    reader = sources(tmp_path, f"{cloud.scheme}://data/in")

    table = reader.open(f"{cloud.scheme}://data/in/rows of 서울.csv")

    assert table.rows == 3000
    assert table.read(2999, 3000).normal_row(0) == {"id": "2999", "text": "the text of row 2999"}
    asked = [headers for method, _, headers in store.requests if method == "GET"]
    assert asked
    for headers in asked:
        lower = {name.lower(): value for name, value in headers.items()}
        assert lower["range"].startswith("bytes=")
        assert lower["if-match"].startswith('"')
        assert ("authorization" in lower) is cloud.signs
    reader.close()


def test_a_missing_object_is_the_sources_fault(cloud: Cloud, store: CloudStore, tmp_path: Path) -> None:
    with pytest.raises(SourceRejected, match="there is no such object"):
        sources(tmp_path, f"{cloud.scheme}://data").check(f"{cloud.scheme}://data/in/none.csv")


def test_an_inbox_is_listed(cloud: Cloud, store: CloudStore) -> None:
    store.objects |= {"data/drop/document/a.csv": ROWS, "data/drop/recruit/b.pkl": b"x", "data/drop/no/c.csv": b"x"}

    found = list(list_url_inbox(read_url(f"{cloud.scheme}://data/drop"), ["document", "recruit"], lambda _: True))

    files = [each for each in found if not isinstance(each, RejectedEntry)]
    assert [(each.path.rpartition("/drop/")[2], each.size) for each in files] == [
        ("document/a.csv", len(ROWS)),
        ("recruit/b.pkl", 1),
    ]
    assert [each.path for each in found if isinstance(each, RejectedEntry)] == [f"{cloud.scheme}://data/drop/no"]
