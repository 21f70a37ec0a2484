"""An invalid server is reported when a component starts, and by `doctor`, in a sentence that says how to fix it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from pc_worker.doctor import Finding, diagnose
from pc_worker.embedded import EmbeddedServers
from pc_worker.errors import ContractBroken, NotServable, ReadOnlyServer, Unavailable
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.settings import PROJECT, Settings
from pc_worker.store.db.connection import Database
from pc_worker.store.db.migrations import migrate, pending, read_migrations
from pc_worker.store.log.notifications import listen
from pc_worker.store.log.read import Delivery, open_pool
from pc_worker.wiring import check_servers
from tests.integration.servers.databases import execute, new_database, pgbouncer

MIGRATIONS = read_migrations(PROJECT / "migrations")


def settings_of(embedded_servers: EmbeddedServers, url: str, home: Path) -> Settings:
    redis = SecretStr(embedded_servers.redis_url)
    return Settings(home=home, database_url=SecretStr(url), redis_url=redis, data_roots=(home,))


def findings(settings: Settings, check: str) -> Finding:
    return next(finding for finding in diagnose(settings) if finding.check == check)


def delete_jobs(database: Database, *first: str) -> None:
    with database.transaction() as cursor:
        for statement in (*first, "DELETE FROM jobs"):
            cursor.execute(statement)


def no_encoder(_: object) -> Any:
    raise AssertionError("a domain without rows needs no vector of the query")


async def heard(url: str) -> None:
    """Listen as the gateway does, until that ends."""
    await listen(url, ready=lambda: None, heard=lambda *_: None, probe_every_s=0.1)


def test_a_suitable_server_passes_every_check(
    embedded_servers: EmbeddedServers, database_url: str, tmp_path: Path
) -> None:
    settings = settings_of(embedded_servers, database_url, tmp_path)

    check_servers(settings)

    for check in ("PostgreSQL", "pgvector", "PostgreSQL sessions", "schema", "Redis", "Redis policy"):
        assert findings(settings, check).ok, findings(settings, check)


@pytest.mark.parametrize("encoding", ["EUC_KR", "SQL_ASCII", "LATIN1"])
async def test_an_unsupported_encoding_is_rejected(
    embedded_servers: EmbeddedServers, tmp_path: Path, encoding: str
) -> None:
    with new_database(embedded_servers.database_url, f"ENCODING '{encoding}' TEMPLATE template0") as url:
        settings = settings_of(embedded_servers, url, tmp_path)
        with pytest.raises(NotServable, match=encoding):
            check_servers(settings, patient=True)
        with pytest.raises(NotServable, match=encoding):
            migrate(Database(url), MIGRATIONS)
        pool = await open_pool(url, connections=1)
        with pytest.raises(NotServable, match=encoding):
            await Delivery(pool).head("recruit")
        pool.terminate()
        assert not findings(settings, "PostgreSQL").ok


async def test_a_read_only_server_is_reported_and_recovers(embedded_servers: EmbeddedServers, tmp_path: Path) -> None:
    with new_database(embedded_servers.database_url) as url:
        migrate(Database(url), MIGRATIONS)
        running = Database(url)
        with running.transaction() as cursor:
            cursor.execute("SELECT 1")
        name = url.rpartition("/")[2]
        execute(embedded_servers.database_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")

        settings = settings_of(embedded_servers, url, tmp_path)
        with pytest.raises(ReadOnlyServer, match="default_transaction_read_only"):
            check_servers(settings, patient=True)
        with pytest.raises(Unavailable, match="takes no writes"):
            await heard(url)
        assert "takes no writes" in findings(settings, "PostgreSQL").found
        with pytest.raises(ReadOnlyServer):  # as on a server that was degraded meanwhile
            delete_jobs(running, "SET TRANSACTION READ ONLY")
        with pytest.raises(ReadOnlyServer):
            delete_jobs(running)

        execute(embedded_servers.database_url, f"ALTER DATABASE {name} RESET default_transaction_read_only")
        delete_jobs(running)
        running.close()


async def test_a_listener_notices_that_writes_ended(embedded_servers: EmbeddedServers) -> None:
    with new_database(embedded_servers.database_url) as url:
        migrate(Database(url), MIGRATIONS)
        ready: list[str] = []

        def degrade() -> None:
            ready.append("ready")
            execute(embedded_servers.database_url, "ALTER SYSTEM SET default_transaction_read_only = on")
            execute(embedded_servers.database_url, "SELECT pg_reload_conf()")

        try:
            with pytest.raises(Unavailable, match="takes no writes"):
                await listen(url, ready=degrade, heard=lambda *_: None, probe_every_s=0.05)
        finally:
            for statement in (
                "SET default_transaction_read_only = off",
                "ALTER SYSTEM RESET default_transaction_read_only",
                "SELECT pg_reload_conf()",
            ):
                execute(f"{embedded_servers.database_url}", statement)
        assert ready == ["ready"]


def test_an_old_pgvector_in_the_database_is_rejected(embedded_servers: EmbeddedServers, tmp_path: Path) -> None:
    with new_database(embedded_servers.database_url) as url:
        execute(url, "CREATE EXTENSION vector", "UPDATE pg_extension SET extversion = '0.8.1' WHERE extname = 'vector'")

        with pytest.raises(NotServable, match="ALTER EXTENSION vector UPDATE"):
            check_servers(settings_of(embedded_servers, url, tmp_path), patient=True)


async def test_both_drivers_apply_the_options_of_the_url(
    embedded_servers: EmbeddedServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_database(embedded_servers.database_url) as url, monkeypatch.context() as environment:
        execute(url, "CREATE SCHEMA first", "CREATE SCHEMA second", "CREATE EXTENSION vector SCHEMA public")
        environment.setenv("PGOPTIONS", "-c search_path=nowhere")
        environment.setenv("PGTARGETSESSIONATTRS", "standby")
        ours = {name: f"{url}?options=" + quote(f"-c search_path={name},public") for name in ("first", "second")}
        for name in ours:
            database = Database(ours[name])
            assert len(pending(database, MIGRATIONS)) == len(MIGRATIONS), "another installation's are not ours"
            migrate(database, MIGRATIONS)
            with database.transaction() as cursor:
                cursor.execute(
                    "INSERT INTO models (name, revision, dimension, normalised, encodable) "
                    "VALUES (%s, '1', 3, true, true)",
                    (name,),
                )
                cursor.execute("INSERT INTO domains (domain, epoch, model_id) VALUES ('d', gen_random_uuid(), 1)")
            database.close()

        for name in ours:
            pool = await open_pool(ours[name], connections=1)
            for _ in range(2):  # a session keeps its settings when it goes back to the pool
                head = await Delivery(pool).head("d")
                assert head is not None
                assert head.model == f"{name}@1"
            pool.terminate()


async def test_no_setting_of_a_role_or_a_database_changes_a_session(embedded_servers: EmbeddedServers) -> None:
    odd = {
        "default_transaction_isolation": ("serializable", "read committed"),
        "session_replication_role": ("replica", "origin"),
        "synchronous_commit": ("off", "on"),
        "array_nulls": ("off", "on"),
        "transform_null_equals": ("on", "off"),
        "TimeZone": ("America/St_Johns", "UTC"),
        "DateStyle": ("German", "ISO, MDY"),
        "IntervalStyle": ("sql_standard", "postgres"),
        "extra_float_digits": ("-10", "1"),
        "client_encoding": ("LATIN1", "UTF8"),
        "idle_session_timeout": ("1s", "0"),
        "lock_timeout": ("1ms", "20s"),
        "idle_in_transaction_session_timeout": ("1s", "1min"),
    }
    expected = {name: ours for name, (_, ours) in odd.items()}
    with new_database(embedded_servers.database_url, "ENCODING 'UTF8' TEMPLATE template0") as url:
        name = url.rpartition("/")[2]
        execute(url, *(f"ALTER DATABASE {name} SET {setting} = '{theirs}'" for setting, (theirs, _) in odd.items()))

        with Database(url).transaction() as cursor:
            cursor.execute("SELECT current_setting('transaction_isolation')")
            assert cursor.fetchone() == ("read committed",)
            cursor.execute("SELECT s, current_setting(s) FROM unnest(%s) AS s", (list(odd),))
            assert dict(cursor.fetchall()) == expected
        pool = await open_pool(url, connections=1)
        async with Delivery(pool).connection() as connection:
            found = await connection.fetch("SELECT s, current_setting(s) FROM unnest($1::text[]) AS s", list(odd))
            assert dict(found) == expected
        pool.terminate()


def test_a_commit_that_waits_for_other_servers_stays(embedded_servers: EmbeddedServers) -> None:
    with new_database(embedded_servers.database_url) as url:
        execute(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET synchronous_commit = remote_apply")
        with Database(url).transaction() as cursor:
            cursor.execute("SHOW synchronous_commit")
            assert cursor.fetchone() == ("remote_apply",)


def test_tables_in_the_schema_of_the_user_are_searched_by_the_role_of_searches(
    embedded_servers: EmbeddedServers,
) -> None:
    with new_database(embedded_servers.database_url) as url:
        execute(url, "CREATE EXTENSION vector", "CREATE SCHEMA AUTHORIZATION CURRENT_USER")
        database = Database(url)
        migrate(database, MIGRATIONS)
        with database.transaction() as cursor:
            cursor.execute("SELECT current_schema() = current_user")
            assert cursor.fetchone() == (True,)

        request = SearchRequest(query="x", domain="document")
        assert not search(database, request, encoder=no_encoder).hits
        execute(
            url,
            "CREATE SCHEMA closed",
            f'ALTER ROLE CURRENT_USER IN DATABASE {url.rpartition("/")[2]} SET search_path = "$user", public, closed',
        )
        database.close()
        assert not search(database, request, encoder=no_encoder).hits
        database.close()


def test_a_schema_of_later_does_not_hide_the_tables(embedded_servers: EmbeddedServers) -> None:
    with new_database(embedded_servers.database_url) as url:
        database = Database(url)
        migrate(database, MIGRATIONS)
        database.close()
        execute(url, "CREATE SCHEMA AUTHORIZATION CURRENT_USER")

        with pytest.raises(NotServable, match="are in the schema public, and search_path begins with pc_worker"):
            migrate(database, MIGRATIONS)
        database.close()
        named = Database(f"{url}?options=" + quote("-c search_path=public"))
        assert migrate(named, MIGRATIONS) == []
        named.close()


@pytest.mark.parametrize(
    ("prepared", "words"),
    [
        (["CREATE TABLE rows (x int)"], "tables of another program .*CREATE SCHEMA"),
        (["CREATE TABLE schema_migrations (version text)"], "tables of another program .*CREATE SCHEMA"),
        (["CREATE EXTENSION vector"], "GRANT CREATE ON SCHEMA public TO plain "),
        (["GRANT ALL ON SCHEMA public TO plain"], "CREATE EXTENSION vector"),
    ],
    ids=["table", "record of migrations", "no right in the schema", "no right to make the extension"],
)
def test_a_schema_that_cannot_be_ours_is_explained(
    embedded_servers: EmbeddedServers, tmp_path: Path, prepared: list[str], words: str
) -> None:
    with new_database(embedded_servers.database_url) as url:
        execute(url, "DROP ROLE IF EXISTS plain", "CREATE ROLE plain", *prepared)
        as_plain = f"{url}?options=" + quote("-c role=plain") if "GRANT" in words or "EXTENSION" in words else url
        database = Database(as_plain)
        try:
            with pytest.raises(NotServable, match=words):
                migrate(database, MIGRATIONS)
            assert not findings(settings_of(embedded_servers, as_plain, tmp_path), "schema").ok
        finally:
            database.close()
    execute(embedded_servers.database_url, "DROP ROLE plain")


def test_a_role_without_a_right_is_told_so(embedded_servers: EmbeddedServers, database_url: str) -> None:
    database = Database(f"{database_url}?options=" + quote("-c role=pcw_reader"))
    with pytest.raises(ContractBroken, match=r"lacks a right.*permission denied for table jobs"):
        delete_jobs(database)
    database.close()


def test_a_search_path_without_a_schema_is_rejected(
    embedded_servers: EmbeddedServers, database_url: str, tmp_path: Path
) -> None:
    url = f"{database_url}?options=" + quote("-c search_path=nowhere")

    with pytest.raises(NotServable, match="search_path"):
        check_servers(settings_of(embedded_servers, url, tmp_path))


def test_pgvector_outside_the_search_path_is_rejected(embedded_servers: EmbeddedServers, tmp_path: Path) -> None:
    with new_database(embedded_servers.database_url) as url:
        execute(url, "CREATE SCHEMA ours", "CREATE EXTENSION vector")

        with pytest.raises(NotServable, match="search_path"):
            check_servers(settings_of(embedded_servers, f"{url}?options=" + quote("-c search_path=ours"), tmp_path))


async def test_a_pooler_in_session_mode_is_accepted(
    embedded_servers: EmbeddedServers, database_url: str, tmp_path: Path
) -> None:
    with pgbouncer(database_url, mode="session") as url:
        check_servers(settings_of(embedded_servers, url, tmp_path))
        with Database(url).transaction() as cursor:
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone() == ("20s",)
        pool = await open_pool(url, connections=2)
        async with Delivery(pool).connection() as connection:
            assert await connection.fetchval("SHOW plan_cache_mode") == "force_generic_plan"
        await pool.close()


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_in_another_mode_is_rejected(
    embedded_servers: EmbeddedServers, database_url: str, tmp_path: Path, mode: str
) -> None:
    with pgbouncer(database_url, mode=mode) as url:
        settings = settings_of(embedded_servers, url, tmp_path)
        with pytest.raises(NotServable, match="transaction mode"):
            check_servers(settings, patient=True)
        assert not findings(settings, "PostgreSQL sessions").ok


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_broker_that_evicts_keys_is_rejected(
    embedded_servers: EmbeddedServers, database_url: str, tmp_path: Path, policy: str
) -> None:
    from pc_worker.wiring import redis_client

    settings = settings_of(embedded_servers, database_url, tmp_path)
    with redis_client(embedded_servers.redis_url) as client:
        client.config_set("maxmemory-policy", policy)
        try:
            with pytest.raises(NotServable, match=policy):
                check_servers(settings, database=False, patient=True)
            assert not findings(settings, "Redis policy").ok
        finally:
            client.config_set("maxmemory-policy", "noeviction")


def test_a_replica_of_redis_is_rejected(embedded_servers: EmbeddedServers, database_url: str, tmp_path: Path) -> None:
    from pc_worker.wiring import redis_client

    settings = settings_of(embedded_servers, database_url, tmp_path)
    with redis_client(embedded_servers.redis_url) as client:
        client.replicaof("127.0.0.1", 1)
        try:
            with pytest.raises(ReadOnlyServer, match="replica"):
                check_servers(settings, database=False, patient=True)
        finally:
            client.replicaof("no", "one")
