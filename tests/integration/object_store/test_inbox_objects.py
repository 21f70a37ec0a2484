"""An inbox in an object store: a key that cannot be read hides no other, and objects that are jobs cost little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode
from urllib.request import HTTPHandler, Request, build_opener

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pydantic import SecretStr

from pc_worker.errors import Unavailable
from pc_worker.object_store import signed_listing
from pc_worker.object_store.listing import list_prefix
from pc_worker.object_urls import ObjectUrl, read_url
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.inbox import scan
from pc_worker.services.ingest.inbox.entries import RejectedEntry
from pc_worker.services.ingest.inbox.objects import list_url_inbox
from pc_worker.services.ingest.inbox.scan import scan_inbox
from pc_worker.settings import Settings
from pc_worker.store.db.connection import Database
from pc_worker.wiring import make_services
from tests.support.events import logged_events
from tests.support.object_store import CREDENTIALS, ObjectStore, Proxy, Reply

Use = Callable[[dict[str, str]], None]
DOMAINS = ("document", "recruit")


def listed(inbox: str) -> tuple[set[str], dict[str, str]]:
    """Return the objects that a scan finds, and why others are rejected, both below the inbox."""
    found = list(list_url_inbox(read_url(inbox), DOMAINS, lambda _: True))
    rejected = {each.path: each.reason for each in found if isinstance(each, RejectedEntry)}
    files = {each.path for each in found if not isinstance(each, RejectedEntry)}
    return {path.removeprefix(f"{inbox}/") for path in files}, {
        path.removeprefix(f"{inbox}/"): reason for path, reason in rejected.items()
    }


UNREADABLE = pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("document//a.csv", "empty parts"),
        ("document//deep/a.csv", "empty parts"),
        ("document/../a.csv", "parts . or .."),
        ("document/.", "parts . or .."),
        ("document/a\tb.csv", "control characters"),
        ("document/a\tb/c.csv", "control characters"),
        ("/a.csv", "empty parts"),
        ("/document/a.csv", "empty parts"),
    ],
)
GOOD = {"document/0", "document/b.csv", "document/deep0", "document/+ é%41 &.csv", "recruit/0.pkl"}


def drop(store: ObjectStore, inbox: str, key: str) -> None:
    """Put good keys into an inbox, one in a folder that is not taken, and a key that cannot be read."""
    for each in (*GOOD, "document/deep/x.csv", key):
        store.put("other", f"{inbox}/{each}", b"x")


@UNREADABLE
def test_a_key_that_cannot_be_read_is_reported_and_hides_no_other(
    store: ObjectStore, use: Use, key: str, reason: str
) -> None:
    use(dict(store.variables))
    inbox = f"drop{key.encode().hex()}"
    drop(store, inbox, key)

    files, rejected = listed(f"s3://other/{inbox}")

    assert files == GOOD
    assert {name: reason in why for name, why in rejected.items()} == {key: True}


@UNREADABLE
def test_without_signed_listings_a_key_that_cannot_be_read_hides_none_after_it(
    store: ObjectStore, use: Use, monkeypatch: pytest.MonkeyPatch, key: str, reason: str
) -> None:
    use(dict(store.variables))
    monkeypatch.setattr(signed_listing, "list_signed", not_listed)
    inbox = f"open{key.encode().hex()}"
    drop(store, inbox, key)

    files, rejected = listed(f"s3://other/{inbox}")

    assert files >= {"document/b.csv", "document/deep0", "recruit/0.pkl"}
    assert files <= GOOD
    assert any(reason in why for why in rejected.values()), rejected


def test_an_object_that_its_store_denies_hides_no_other(
    store: ObjectStore, proxy: Proxy, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(dict(proxy.variables(store)))
    monkeypatch.setattr(signed_listing, "list_signed", not_listed)
    for key in ("document//a.csv", "document/b.csv", "document/deep/x.csv", "document/deep0", "document/e.csv"):
        store.put("other", f"denied/{key}", b"x")

    def answer(number: int, reply: Reply) -> Reply:
        denied = proxy.requests[number - 1][0] == "HEAD" and reply.status == 200
        return Reply(403, {"Content-Length": "0"}, b"") if denied else reply

    proxy.answer = answer

    files, rejected = listed("s3://other/denied")

    assert files == {"document/b.csv", "document/e.csv"}
    assert set(rejected) == {"document//a.csv", "document/deep0"}


@pytest.mark.usefixtures("impatient")
def test_a_prefix_that_is_not_listed_now_hides_no_other(
    services: Services, store: ObjectStore, proxy: Proxy, use: Use
) -> None:
    use(dict(proxy.variables(store)))
    for domain in ("document", "recruit"):
        store.put("other", f"slow/{domain}/a.csv", b"text\nslow\n")
    slow = Reply(503, {"Content-Length": "0"}, b"")
    proxy.answer = lambda number, reply: slow if "document" in proxy.requests[number - 1][1] else reply

    for _ in range(2):
        with pytest.raises(Unavailable):
            scan_inbox(services, read_url("s3://other/slow"))

    with services.database.transaction() as cursor:
        cursor.execute("SELECT source FROM jobs WHERE starts_with(source, 's3://other/slow/')")
        assert cursor.fetchall() == [("s3://other/slow/recruit/a.csv",)]


def not_listed(*_: object) -> None:
    raise signed_listing.NotListed


@pytest.mark.parametrize("why", ["unsigned requests", "an error of the store", "another answer"])
def test_what_cannot_be_listed_in_this_way_is_told(store: ObjectStore, proxy: Proxy, use: Use, why: str) -> None:
    use(dict(proxy.variables(store)) | ({"AWS_SKIP_SIGNATURE": "true"} if why == "unsigned requests" else {}))
    if why == "an error of the store":
        proxy.refuse(503, "SlowDown")
    if why == "another answer":
        proxy.answer = lambda *_: Reply(200, {"Content-Length": "4"}, b"<a/>")

    with pytest.raises(signed_listing.NotListed):
        signed_listing.list_signed("other", "any")


def test_a_key_that_cannot_be_read_hides_no_other_of_its_page_or_of_another(store: ObjectStore, use: Use) -> None:
    use(dict(store.variables))
    names = {f"document/{number:04}.csv" for number in range(1003)}
    for key in (*names, "document/0500/\t", "document/\t", "document/9//"):
        store.put("other", f"pages/{key}", b"x")

    files, rejected = listed("s3://other/pages")

    assert files == names
    assert set(rejected) == {"document/\t"}


def test_an_object_has_one_stamp_however_it_is_listed(store: ObjectStore, use: Use) -> None:
    use(dict(store.variables))
    for name in ("0", "b c+d é.csv"):
        store.put("other", f"stamps/{name}", b"x")
    before = list_prefix(read_url("s3://other/stamps")).objects
    store.put("other", "stamps//a.csv", b"x")

    assert list_prefix(read_url("s3://other/stamps")).objects == before


def test_the_listing_is_signed_as_amazon_does(store: ObjectStore, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    use({**store.variables, "AWS_SESSION_TOKEN": "a/b+c="})
    drop(store, "[signed] &", "document//a.csv")
    urls: list[str] = []

    class Recording(HTTPHandler):
        def http_request(self, request: Request) -> Request:
            urls.append(request.full_url)
            return super().http_request(request)

    opener = partial(build_opener, Recording)
    monkeypatch.setattr(signed_listing, "build_opener", opener)
    assert listed("s3://other/[signed] &")[0] == GOOD

    assert len(urls) == 2, "the listing, and a key as an example"
    for url in urls:
        address, _, query = url.partition("?")
        sent = dict(parse_qsl(query, keep_blank_values=True))
        asked = {name: value for name, value in sent.items() if not name.startswith("X-Amz-")}
        signed_at = datetime.strptime(sent["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        request = AWSRequest("GET", f"{address}?{urlencode(asked, quote_via=quote, safe='')}")
        key = Credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"], "a/b+c=")
        monkeypatch.setattr(auth, "get_current_datetime", lambda *_, at=signed_at, **__: at)
        auth.S3SigV4QueryAuth(key, "s3", CREDENTIALS["AWS_REGION"], expires=int(sent["X-Amz-Expires"])).add_auth(
            request
        )
        assert dict(parse_qsl(request.url.partition("?")[2], keep_blank_values=True)) == sent


def test_a_key_in_a_folder_that_is_not_taken_hides_nothing(store: ObjectStore, use: Use) -> None:
    use(dict(store.variables))
    for key in ("document/a.csv", "document/deep//b.csv", "document/z.csv", "other//c.csv", "recruit/d.pkl"):
        store.put("other", f"quiet/{key}", b"x")

    files, rejected = listed("s3://other/quiet")

    assert files == {"document/a.csv", "document/z.csv", "recruit/d.pkl"}
    assert [name for name in rejected if name != "other"] == []


def test_a_prefix_of_any_characters_is_listed(store: ObjectStore, use: Use) -> None:
    use(dict(store.variables))
    inbox = "s3://other/받은 편지함 [1]#2~%41"
    store.put("other", f"{inbox.removeprefix('s3://other/')}/document/제목 é.csv", b"x")

    assert listed(inbox) == ({"document/제목 é.csv"}, {})


@pytest.fixture
def services(database_url: str, tmp_path: Path, store: ObjectStore, use: Use) -> Iterator[Services]:
    use(dict(store.variables))
    settings = Settings(
        home=tmp_path,
        database_url=SecretStr(database_url),
        redis_url=SecretStr("redis://127.0.0.1:1/0"),
        data_roots=(ObjectUrl("s3", "other"),),
    )
    made = make_services(settings, application="test")
    yield made
    made.database.close()


class Counted:
    """A database that counts its transactions."""

    def __init__(self, database: Database) -> None:
        self._database, self.transactions = database, 0

    def transaction(self) -> object:
        self.transactions += 1
        return self._database.transaction()


def test_objects_that_are_jobs_cost_one_statement_together(services: Services, store: ObjectStore) -> None:
    inbox = read_url("s3://other/many")
    for number in range(20):
        store.put("other", f"many/document/{number:02}.csv", b"text\n%d\n" % number)
    assert scan_inbox(services, inbox) == []
    assert len(scan_inbox(services, inbox)) == 20

    counted = Counted(services.database)
    again = scan_inbox(replace(services, database=counted), inbox)  # type: ignore[arg-type]

    assert again == []
    assert counted.transactions == 2, "one for the objects, one for the problems that are solved"

    store.put("other", "many/document/07.csv", b"text\nchanged\n")
    assert scan_inbox(services, inbox) == []
    assert len(scan_inbox(services, inbox)) == 1


def test_more_objects_than_one_statement_takes_are_all_seen(
    services: Services, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "AT_ONCE", 3)
    for number in range(8):
        store.put("other", f"few/document/{number}.csv", b"text\nfew %d\n" % number)

    found = [len(scan_inbox(services, read_url("s3://other/few"))) for _ in range(3)]

    assert found == [0, 8, 0]


def test_a_key_that_cannot_be_read_is_a_failed_job_once(services: Services, store: ObjectStore) -> None:
    inbox = read_url("s3://other/odd")
    store.put("other", "odd/document//a.csv", b"text\na\n")
    store.put("other", "odd/document/b.csv", b"text\nb\n")

    with logged_events(scan) as logs:
        jobs = [job for _ in range(3) for job in scan_inbox(services, inbox)]

    assert len(jobs) == 1
    refused = [line for line in logs if line["event"] == "inbox_entry_refused"]
    assert [line["entry"] for line in refused] == ["s3://other/odd/document//a.csv"]
    with services.database.transaction() as cursor:
        cursor.execute("SELECT state, error FROM jobs WHERE source = 's3://other/odd/document//a.csv'")
        ((state, error),) = cursor.fetchall()
    assert state == "failed"
    assert "a key with empty parts (//) is not read" in error
