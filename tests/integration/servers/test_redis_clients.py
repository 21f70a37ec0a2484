"""Redis over TLS and over a Unix socket: all our clients reach it, and none takes a server that cannot prove itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import celery
import pytest
from flower.utils.broker import Broker

from pc_worker.embedded import EmbeddedServers
from pc_worker.errors import NotServable, Unavailable
from pc_worker.hot_buffer import check_redis, open_hot_buffer
from pc_worker.hot_buffer.rights import ENOUGH
from pc_worker.urls import RedisServer, read_redis_url
from pc_worker.wiring import redis_client
from tests.acceptance.test_parts_alone import free_address
from tests.integration.servers.redis_fronts import tls_front, unix_server
from tests.support.certificates import make_certificates


def by_redis_py(server: RedisServer) -> None:
    with redis_client(server.url) as client:
        assert client.ping()


def by_the_gateway(server: RedisServer) -> None:
    queue = open_hot_buffer(server.url, max_bytes=1_000, timeout_s=5)
    try:
        assert queue.get("recruit", 1, b"key") is None
    finally:
        queue.close()


@contextmanager
def app_of(server: RedisServer) -> Iterator[celery.Celery]:
    """Yield an app with the settings that ours has of its broker."""
    tls = server.tls_for_celery
    with celery.Celery(broker=server.for_celery, backend=server.for_celery, set_as_current=False) as app:
        app.conf.update(broker_use_ssl=tls, redis_backend_use_ssl=tls, redis_retry_on_timeout=False)
        yield app


def by_the_broker(server: RedisServer) -> None:
    with app_of(server) as app, app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0)
        connection.default_channel.client.llen("pcw.none")


def by_results(server: RedisServer) -> None:
    with app_of(server) as app:
        assert app.backend.client.ping()


def by_flower(server: RedisServer) -> None:
    tls = server.tls_for_celery
    broker = Broker(server.for_celery, broker_use_ssl=tls) if tls else Broker(server.for_celery)
    assert asyncio.run(broker.queues(["pcw.none"])) == [{"name": "pcw.none", "messages": 0}]


UNPROVEN = "(?i)certificate verify failed"
CLIENTS = [by_redis_py, by_the_gateway, by_the_broker, by_results, by_flower]
each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strangers")
    make_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def secure(embedded_servers: EmbeddedServers, certificates: Path) -> Iterator[str]:
    """Yield a TLS server's URL, less its parameters."""
    plain = urlsplit(embedded_servers.redis_url)
    with tls_front(plain.port or 0, certificates) as port:
        yield f"rediss://:{plain.password}@localhost:{port}/0"


@pytest.fixture(scope="module")
def elsewhere(embedded_servers: EmbeddedServers, certificates: Path) -> Iterator[str]:
    """Yield the same under an address that its certificate does not name."""
    plain = urlsplit(embedded_servers.redis_url)
    with tls_front(plain.port or 0, certificates, host="127.0.0.2") as port:
        yield f"rediss://:{plain.password}@127.0.0.2:{port}/0"


@each_client
def test_every_client_accepts_a_valid_certificate(
    secure: str, certificates: Path, client: Callable[[RedisServer], None]
) -> None:
    client(read_redis_url(f"{secure}?ssl_ca_certs={certificates / 'ca.pem'}"))


@each_client
def test_no_client_accepts_a_certificate_of_an_unknown_authority(
    secure: str, strangers: Path, client: Callable[[RedisServer], None]
) -> None:
    with pytest.raises(Exception, match=UNPROVEN):
        client(read_redis_url(f"{secure}?ssl_ca_certs={strangers / 'ca.pem'}"))
    with pytest.raises(Exception, match=UNPROVEN):
        client(read_redis_url(secure))


@each_client
def test_no_client_accepts_a_certificate_of_another_name(
    elsewhere: str, certificates: Path, client: Callable[[RedisServer], None]
) -> None:
    with pytest.raises(Exception, match=UNPROVEN):
        client(read_redis_url(f"{elsewhere}?ssl_ca_certs={certificates / 'ca.pem'}"))


@each_client
def test_verification_is_off_only_on_request(secure: str, client: Callable[[RedisServer], None]) -> None:
    client(read_redis_url(f"{secure}?ssl_cert_reqs=none"))


def test_every_client_reaches_a_unix_socket(tmp_path: Path) -> None:
    with unix_server(tmp_path) as (path, password):
        server = read_redis_url(f"unix://:{quote(password, safe='')}@{quote(str(path))}?db=3")
        for client in CLIENTS:
            client(server)


#: An ACL's rules: a user with these has too few rights, and the words of Redis that say so.
TOO_FEW = [
    ("~* resetchannels +@all", "channel"),
    ("~* &* +@all -@scripting", "eval"),
    ("~* &* +@all -multi", "multi"),
    ("~pcw* &* +@all", "key"),
    ("~* &* +@read +@connection +info", "lrem"),
]


@contextmanager
def user_of(servers: EmbeddedServers, rules: str) -> Iterator[RedisServer]:
    """Yield the server as a user with these rules, whose password has characters with a meaning in URLs."""
    password, plain = "p@ss:w/ord#?%", urlsplit(servers.redis_url)
    with redis_client(servers.redis_url) as admin:
        admin.execute_command("ACL", "SETUSER", "narrow", "reset", "on", f">{password}", *rules.split())
        try:
            yield read_redis_url(f"redis://narrow:{quote(password, safe='')}@127.0.0.1:{plain.port}/5")
        finally:
            admin.acl_deluser("narrow")


@pytest.mark.parametrize(("rules", "words"), TOO_FEW, ids=[words for _, words in TOO_FEW])
def test_a_user_with_too_few_rights_is_rejected(embedded_servers: EmbeddedServers, rules: str, words: str) -> None:
    with (
        user_of(embedded_servers, rules) as server,
        redis_client(server.url) as client,
        pytest.raises(NotServable, match=f"denies.*{words}.*ACL SETUSER"),
    ):
        check_redis(client)


def test_the_rights_that_are_proposed_are_enough_for_every_client(embedded_servers: EmbeddedServers) -> None:
    with user_of(embedded_servers, ENOUGH) as server:
        with redis_client(server.url) as client:
            assert check_redis(client) != "unknown"
        for client_of in CLIENTS:
            client_of(server)
        with app_of(server) as app:
            assert app.control.ping(timeout=0.1) == []


def test_a_server_that_does_not_tell_its_version_is_used(embedded_servers: EmbeddedServers) -> None:
    with user_of(embedded_servers, "~* &* +@all -info") as server, redis_client(server.url) as client:
        assert check_redis(client) == "unknown"


def test_a_database_that_does_not_exist_is_rejected_and_a_missing_password_named(
    embedded_servers: EmbeddedServers,
) -> None:
    plain = urlsplit(embedded_servers.redis_url)
    with (
        redis_client(f"redis://:{plain.password}@127.0.0.1:{plain.port}/999") as client,
        pytest.raises(NotServable, match="no database of the number"),
    ):
        check_redis(client)
    with (
        redis_client(f"redis://127.0.0.1:{plain.port}") as client,
        pytest.raises(Unavailable, match="PC_WORKER_REDIS_PASSWORD"),
    ):
        check_redis(client)


def test_every_client_may_send_a_password_that_the_server_does_not_want(tmp_path: Path) -> None:
    port = int(free_address().rpartition(":")[2])
    with unix_server(tmp_path, port=port):
        server = read_redis_url(f"redis://:needless@127.0.0.1:{port}/2")
        for client in CLIENTS:
            client(server)
