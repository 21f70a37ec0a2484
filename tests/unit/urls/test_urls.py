"""One reading of each URL: what it says goes to every client, what is not understood is refused without its text."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from urllib.parse import quote

import pytest

from pc_worker.urls import DatabaseServer, RedisServer, WrongUrl, read_database_url, read_redis_url

SECRET = "Tr0ub4dor"

DATABASES = [
    "postgresql://u@h/db",
    "postgres://u:p%40%2F%23%25%20%5B@h:5433/d%20b",
    "postgresql://u:[p:q]@[::1]:5433/db",
    "postgresql://u@a:1,b:2,[fe80::1]/db?sslmode=require",
    "postgresql://u@h/db?target_session_attrs=primary&connect_timeout=30",
    "postgresql:///db?host=/run/postgresql&user=u&password=p%26q&port=5433",
    "postgresql://u@%2Frun%2Fpostgresql/db",
    "postgresql://u@/?host=a,b&port=1,2&dbname=db",
    "postgresql://u@h/db?sslmode=verify-full&sslrootcert=/etc/ca.pem&sslcert=/c&sslkey=/k",
    "postgresql://u@h/db?sslmode=verify-full&sslrootcert=system",
    "postgresql://u@h/db?options=-c%20search_path%3Da%2C%5C%20b%20--work_mem%3D64MB%20-cjit%3Doff",
    "postgresql://비:밀번호@호스트/db",
]
REDISES = [
    "redis://h",
    "redis://:p%40%3A%2F%23%25%20@h:6380/15",
    "redis://u:p@[::1]:1/0",
    "redis://h?db=3",
    "rediss://:p@h:6380/1?ssl_ca_certs=/ca.pem&ssl_cert_reqs=CERT_REQUIRED",
    "rediss://h/0?ssl_cert_reqs=none",
    "rediss://h/0?ssl_check_hostname=false&ssl_certfile=/c&ssl_keyfile=/k",
    "unix:///run/re-dis_1.sock?db=2",
    "unix://u:p@/run/redis.sock",
    "redis+socket:///run/redis.sock?virtual_host=4",
]
WRONG_DATABASES = [
    SECRET,
    f"host=/run/postgresql password={SECRET}",
    f"mysql://u:{SECRET}@h/db",
    f"postgresql+psycopg2://u:{SECRET}@h/db",
    *(f"postgresql://u:{left}{SECRET}@h/db" for left in ("@", "/", "#", "?", "%", " ", "\n", "%zz", "%00", "%ff")),
    f"postgresql://u:{SECRET}@h:port/db",
    f"postgresql://u:{SECRET}@h:0/db",
    f"postgresql://u:{SECRET}@h:99999/db",
    f"postgresql://u:{SECRET}@h:1:2/db",
    f"postgresql://u:{SECRET}@::1/db",
    f"postgresql://u:{SECRET}@[nowhere]/db",
    f"postgresql://u:{SECRET}@[::1/db",
    f"postgresql://u:{SECRET}@h!/db",
    f"postgresql://u:{SECRET}@/db",
    f"postgresql://u:{SECRET}@h,/db",
    f"postgresql://u:{SECRET}@h/db?sslmode",
    f"postgresql://u:{SECRET}@h/db?sslmode=maybe",
    f"postgresql://u:{SECRET}@h/db?sslmode=require&sslmode=disable",
    f"postgresql://u:{SECRET}@h/db?application_name=x",
    f"postgresql://u:{SECRET}@h/db?{SECRET}=1",
    f"postgresql://u@h/db?password={SECRET}&rest=1",
    f"postgresql://u:{SECRET}@h/db?password=another",
    f"postgresql://u:{SECRET}@h/db?host=/run",
    f"postgresql://u:{SECRET}@h/db?port=1",
    f"postgresql://u:{SECRET}@/db?host=a,b&port=1,2,3",
    f"postgresql://u:{SECRET}@/db?host=a:1&port=2",
    f"postgresql://u:{SECRET}@%2Frun,b/db",
    f"postgresql://u:{SECRET}@h/db?target_session_attrs=standby",
    f"postgresql://u:{SECRET}@h/db?connect_timeout=0",
    f"postgresql://u:{SECRET}@h/db?connect_timeout=٣",
    f"postgresql://u:{SECRET}@h/db?sslcert=/c",
    f"postgresql://u:{SECRET}@h/db?sslrootcert=system",
    f"postgresql://u:{SECRET}@h/db?options=search_path",
    f"postgresql://u:{SECRET}@h/db?options=-c%20synchronous_commit%3Doff",
    f"postgresql://u:{SECRET}@h/db?service=x",
    f"postgresql://u:{SECRET}\udce4@h/db",
]
WRONG_REDISES = [
    SECRET,
    f"amqp://u:{SECRET}@h//",
    f"http://u:{SECRET}@h",
    f"sentinel://:{SECRET}@a:26379;sentinel://b:26379",
    f"redis+sentinel://:{SECRET}@a:26379/mymaster",
    f"redis+cluster://:{SECRET}@h",
    f"redis://:{SECRET}@a:1,b:2/0",
    f"redis://{SECRET}@h/0",
    *(f"redis://:{SECRET}{right}more@h/0" for right in ("@", "/", "#", "?", "%", " ", "\t")),
    f"redis://:{SECRET}@h/zero",
    f"redis://:{SECRET}@h/-1",
    f"redis://:{SECRET}@h/1?db=2",
    f"redis://:{SECRET}@h/0?ssl_cert_reqs=none",
    f"redis://:{SECRET}@h/0?socket_timeout=1",
    f"redis://:{SECRET}@h/0?{SECRET}=1",
    f"redis://h?password={SECRET}",
    f"rediss://:{SECRET}@h/0?ssl_cert_reqs=optional",
    f"rediss://:{SECRET}@h/0?ssl_check_hostname=perhaps",
    f"rediss://:{SECRET}@h/0?ssl_keyfile=/k",
    f"redis://:{SECRET}@",
    f"unix://:{SECRET}@",
    f"unix://:{SECRET}@/run/re%20dis.sock",
    f"unix://:{SECRET}@h/run/redis.sock",
    f"redis://:{SECRET}@%2Frun%2Fredis.sock",
]


@pytest.mark.parametrize("text", DATABASES)
def test_a_database_url_is_formatted_without_loss(text: str) -> None:
    server = read_database_url(text)

    assert read_database_url(server.url) == server
    assert server.password is None or server.password not in repr(server)


@pytest.mark.parametrize("text", REDISES)
def test_a_redis_url_is_formatted_without_loss(text: str) -> None:
    server = read_redis_url(text)

    assert read_redis_url(server.url) == server
    assert server.password is None or f"password={server.password!r}" not in repr(server)


@pytest.mark.parametrize("text", WRONG_DATABASES)
def test_a_wrong_database_url_is_rejected_without_its_text(text: str) -> None:
    with pytest.raises(WrongUrl) as refused:
        read_database_url(text)

    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", WRONG_REDISES)
def test_a_wrong_redis_url_is_rejected_without_its_text(text: str) -> None:
    with pytest.raises(WrongUrl) as refused:
        read_redis_url(text)

    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_driver_gets_the_same_parameters_of_postgresql() -> None:
    server = read_database_url(
        "postgresql://u:p%40w@a:1,b/db?sslmode=verify-ca&sslrootcert=/ca&connect_timeout=9"
        "&options=-c%20search_path%3Dmine%2Cpublic"
    )

    libpq, asyncpg = server.for_psycopg2(), server.for_asyncpg()

    assert (libpq["host"], libpq["port"]) == ("a,b", "1,5432")
    assert (asyncpg["host"], asyncpg["port"]) == (["a", "b"], [1, 5432])
    assert libpq["user"] == asyncpg["user"] == "u"
    assert libpq["password"] == asyncpg["password"] == "p@w"
    assert libpq["dbname"] == asyncpg["database"] == "db"
    assert libpq["target_session_attrs"] == asyncpg["target_session_attrs"] == "read-write"
    assert libpq["connect_timeout"] == asyncpg["timeout"] == 9
    assert server.connect_all_s == 18, "two hosts, one after the other"
    assert (libpq["sslmode"], libpq["sslrootcert"]) == ("verify-ca", "/ca")
    assert asyncpg["dsn"] == "postgresql:///?sslmode=verify-ca&sslrootcert=%2Fca"
    assert server.session == {"search_path": "mine,public"}
    assert libpq["options"] == "", "it is set in the session, which PgBouncer allows"


def test_every_client_gets_the_same_parameters_of_redis() -> None:
    server = read_redis_url("rediss://u:p%40w@[::1]:6380/3?ssl_ca_certs=/ca")

    assert server.for_celery == "rediss://u:p%40w@[::1]:6380/3"
    assert server.tls_for_celery is not None
    assert server.tls_for_celery.items() <= server.for_redis_py().items()
    assert server.tls_for_celery["ssl_cert_reqs"] == 2, "ssl.CERT_REQUIRED, by default"
    assert server.tls_for_celery["ssl_check_hostname"] is True


def test_a_separate_login_becomes_part_of_the_url() -> None:
    raw = "p@/#%[ ?&=ü"

    assert read_database_url("postgresql://h/db", user="u", password=raw).password == raw
    assert read_redis_url("redis://h", password=raw).password == raw
    assert read_redis_url("redis://u@h", password=raw).user == "u"


@pytest.mark.parametrize("given", [{"user": "v"}, {"password": "q"}])
def test_a_login_in_both_places_is_rejected(given: dict[str, str]) -> None:
    for read, text in ((read_database_url, f"postgresql://u:{SECRET}@h/db"), (read_redis_url, f"redis://u:{SECRET}@h")):
        with pytest.raises(WrongUrl, match="remove one of them") as refused:
            read(text, **given)

        assert SECRET not in str(refused.value)


def test_errors_about_random_urls_never_show_the_password() -> None:
    odd = random.Random(20)
    signs = string.punctuation + string.ascii_letters + string.digits + " \t\n\0é한\udc80"
    starts = ("postgresql://", "redis://", "rediss://", "unix://", "postgres:/", "mysql://", "", "sentinel://")
    refused = 0
    for _ in range(8_000):
        noise = ["".join(odd.choices(signs, k=odd.randrange(4))) for _ in range(4)]
        secret = odd.choice((SECRET, quote(SECRET)))
        text = odd.choice(starts) + "u" + noise[0] + ":" + noise[1] + secret + noise[2] + "@h" + noise[3] + "/0"
        said = [said_of(read, text) for read in (read_database_url, read_redis_url)]
        refused += len([words for words in said if words])
        assert not [words for words in said if SECRET in words or "\n" in words], text
    assert refused > 8_000


def said_of(read: Callable[[str], DatabaseServer | RedisServer], text: str) -> str:
    """Return the error about a wrong URL; a correct one must parse to itself."""
    try:
        server = read(text)
    except WrongUrl as exc:
        return str(exc)
    assert read(server.url) == server, text
    return ""
