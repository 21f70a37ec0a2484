"""Checks of PostgreSQL and Redis, and of what is stored in them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from pc_worker import wiring
from pc_worker.doctor.finding import Finding, ask_server, run_check
from pc_worker.errors import PcWorkerError
from pc_worker.hot_buffer import check_policy, check_rights, check_version, count_dead, newest_dead, server_info
from pc_worker.services.declarations import changed_domains
from pc_worker.services.maintenance.partition import unfinished_copies
from pc_worker.services.maintenance.restored import domains_behind
from pc_worker.settings import Settings
from pc_worker.store.db.connection import Database
from pc_worker.store.db.migrations import pending, read_migrations
from pc_worker.store.db.server import check_postgres, check_sessions, check_vector
from pc_worker.store.search.index.catalog import domains_with_older_terms

MIN_QUEUES = 8
POSTGRES = "PostgreSQL 15 or newer that can be written"
REDIS = "Redis 6.2 or newer that can be written; rediss:// is for a port with TLS, redis:// for one without"
FIX_DEAD_MESSAGES = (
    "find their sender (`redis-cli LRANGE pcw:dead_messages 0 9` shows them), then `redis-cli DEL pcw:dead_messages`"
)


def postgres(url: str) -> Iterator[Finding]:
    """Check the database server, the schema and what is stored."""
    database = Database(url, application="pc_worker doctor")

    def schema() -> str:
        missing = pending(database, read_migrations(wiring.MIGRATIONS))
        if missing:
            raise PcWorkerError(f"lacks {', '.join(missing)}")
        return "up to date"

    def declared() -> str:
        odd = changed_domains(database)
        changed = [state.sentence for state in odd if state.state == "changed"]
        if changed:
            raise PcWorkerError("; ".join(changed))
        return ", ".join(["as their logs were written", *(f"{state.domain} is no longer declared" for state in odd)])

    def terms() -> str:
        with database.transaction() as cursor:
            older = domains_with_older_terms(cursor)
        if older:
            raise PcWorkerError(f"made by older rules: {', '.join(older)}; searches ask by both rules")
        return "made by the present rules"

    def copies() -> str:
        if unfinished := unfinished_copies(database):
            raise PcWorkerError(f"the copy of {', '.join(unfinished)} is not finished: each row is written twice")
        return "none is unfinished"

    asked = functools.partial
    yield from ask_server(
        ("PostgreSQL", f"set PC_WORKER_DATABASE_URL to {POSTGRES}", asked(check_postgres, url)),
        ("pgvector", "install pgvector 0.8.4 or newer on the server", asked(check_vector, url)),
        (
            "PostgreSQL sessions",
            "connect to the server itself, or by a pooler in session mode",
            asked(check_sessions, url),
        ),
        ("schema", "run `migrate`", schema),
        ("partitions", "run `migrate --partition DOMAIN` again, or with --abandon", copies),
        ("domains", "see `domains list`", declared),
        ("search terms", "run `index build --terms` once no worker of the previous version is left", terms),
    )
    database.close()


def redis(url: str, settings: Settings) -> Iterator[Finding]:
    """Check the Redis server, and for messages that no worker could read."""

    def ask() -> Mapping[str, Any]:
        with wiring.redis_client(url) as client:
            return server_info(client)

    def budget() -> str:
        memory = ask()
        limit, queues = int(memory.get("maxmemory", 0)), MIN_QUEUES * settings.queue_max_bytes
        if limit and limit < queues:
            raise PcWorkerError(f"maxmemory {limit:,} bytes is less than {MIN_QUEUES} full queues")
        return f"{memory.get('used_memory_human', 'an unknown amount')} used"

    def rights() -> str:
        with wiring.redis_client(url) as client:
            return check_rights(client)

    def dead_messages() -> str:
        with wiring.redis_client(url) as client:
            dead, newest = count_dead(client), newest_dead(client, limit=1)
        if dead.kept:
            words = "".join(f"; the newest in {message.queue}: {message.reason}" for message in newest)
            raise PcWorkerError(f"{dead.kept} kept of {dead.seen}{words}")
        return "0"

    yield from ask_server(
        ("Redis", f"set PC_WORKER_REDIS_URL to {REDIS}", lambda: check_version(ask())),
        ("Redis rights", "change the user's ACL, or use another user", rights),
        ("Redis policy", "CONFIG SET maxmemory-policy noeviction", lambda: check_policy(ask())),
        ("Redis memory", "raise maxmemory, or lower PC_WORKER_QUEUE_MAX_BYTES", budget),
        ("dead messages", FIX_DEAD_MESSAGES, dead_messages),
    )


def queue_and_log(settings: Settings) -> Finding:
    """Check that no queue is ahead of its log, as after a restore of the database."""

    def probe() -> str:
        behind = domains_behind(wiring.make_services(settings, application="pc_worker doctor"))
        if behind:
            first = behind[0]
            raise PcWorkerError(
                f"the queue of {first.domain} holds position {first.queued}, its log ends at {first.head}: "
                "the database was restored to an older state"
            )
        return "no queue is ahead of its log"

    return run_check("log", "run `restored`, see docs/how-to/back-up-and-restore.md", probe)
