"""PostgreSQL's URL, and its parameters in the forms of psycopg2 and asyncpg."""

from __future__ import annotations

import getpass
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pc_worker.urls.split import (
    Host,
    UrlParts,
    WrongUrl,
    check_parameters,
    format_host,
    format_login,
    format_query,
    one_of_two,
    percent_encode,
    read_hosts,
    read_port,
    scheme_of,
    split_url,
)

EXAMPLE = "postgresql://USER@HOST:5432/DATABASE"
PORT, CONNECT_S = 5432, 5
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
#: Certificates of the machine's own authorities instead of a file's.
SYSTEM = "system"
#: Sessions that cannot write are of no use, so `standby`, `read-only` and `prefer-standby` are refused.
SESSION_KINDS = ("any", "read-write", "primary")
FILES = ("sslrootcert", "sslcert", "sslkey")
KNOWN = (
    *("host", "port", "dbname", "user", "password", "sslmode", *FILES),
    *("target_session_attrs", "connect_timeout", "options"),
)
UNSUPPORTED: Mapping[str, str] = {
    "application_name": "each component sets its own",
    "fallback_application_name": "each component sets its own",
    "client_encoding": "it is always UTF8",
    "hostaddr": "name the address as the host",
    "passfile": "set PC_WORKER_DATABASE_PASSWORD_FILE",
    "service": "write the service file's parameters in the URL",
    "servicefile": "write the service file's parameters in the URL",
    **dict.fromkeys(
        ("channel_binding", "gssencmode", "krbsrvname", "gsslib", "gssdelegation", "sslnegotiation", "sslcrl"),
        "the two drivers differ in it; remove it",
    ),
    **dict.fromkeys(
        ("sslpassword", "sslcrldir", "sslsni", "sslcompression", "ssl_min_protocol_version", "require_auth"),
        "the two drivers differ in it; remove it",
    ),
    **dict.fromkeys(
        ("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
        "it is set already",
    ),
    "load_balance_hosts": "only one server accepts writes",
    "replication": "a replication connection runs no statements",
}
#: What `options=-c NAME=VALUE` may set: all else would change what is written, or what statements mean.
OPTIONS = (
    *("search_path", "role", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"),
    *("work_mem", "hash_mem_multiplier", "maintenance_work_mem", "temp_buffers", "temp_file_limit", "jit"),
    *("effective_cache_size", "random_page_cost", "max_parallel_workers_per_gather"),
    *("max_parallel_maintenance_workers", "log_min_duration_statement"),
)
OPTION = re.compile(r"(?:-c\s*|--)([A-Za-z_]+)=((?:\\.|[^\\\s])*)(?:\s+|$)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseServer:
    """The address and login of PostgreSQL.

    Attributes:
        hosts: Tried in this order; a host that begins with '/' is the folder of a Unix socket.
        session: Settings of each session, from the URL's ``options``.
    """

    hosts: tuple[tuple[str, int], ...]
    user: str
    password: str | None = field(default=None, repr=False)
    database: str
    sslmode: str = "prefer"
    files: Mapping[str, str] = field(default_factory=dict)
    target_session_attrs: str = "any"
    connect_timeout: int = CONNECT_S
    session: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The URL as text, equivalent to these values for any parser."""
        folder = self.hosts[0][0].startswith("/")
        query = {
            **({"host": self.hosts[0][0], "port": str(self.hosts[0][1])} if folder else {}),
            **({} if self.sslmode == "prefer" else {"sslmode": self.sslmode}),
            **self.files,
            **({} if self.target_session_attrs == "any" else {"target_session_attrs": self.target_session_attrs}),
            **({} if self.connect_timeout == CONNECT_S else {"connect_timeout": str(self.connect_timeout)}),
            **({"options": _format_options(self.session)} if self.session else {}),
        }
        hosts = "" if folder else ",".join(format_host(host, port) for host, port in self.hosts)
        login = format_login(self.user, self.password)
        return f"postgresql://{login}{hosts}/{percent_encode(self.database)}{format_query(query)}"

    @property
    def connect_all_s(self) -> float:
        """Seconds that connecting may take if every host is tried."""
        return float(self.connect_timeout * len(self.hosts))

    @property
    def all_files(self) -> dict[str, str]:
        """The files in the URL, by parameter."""
        return {name: path for name, path in self.files.items() if path != SYSTEM}

    def for_psycopg2(self) -> dict[str, Any]:
        """Return psycopg2's keyword arguments; they set everything that libpq would read from ``PG…`` variables."""
        login = {} if self.password is None else {"password": self.password}
        return {
            "host": ",".join(host for host, _ in self.hosts),
            "port": ",".join(str(port) for _, port in self.hosts),
            "hostaddr": "",
            "user": self.user,
            **login,
            "dbname": self.database,
            "sslmode": self.sslmode,
            **self.files,
            "target_session_attrs": self.target_session_attrs,
            "connect_timeout": self.connect_timeout,
            "client_encoding": "UTF8",
            "options": "",
        }

    def for_asyncpg(self) -> dict[str, Any]:
        """Return asyncpg's keyword arguments."""
        login = {} if self.password is None else {"password": self.password}
        return {
            **self._tls_for_asyncpg(),
            "host": [host for host, _ in self.hosts],
            "port": [port for _, port in self.hosts],
            "user": self.user,
            **login,
            "database": self.database,
            "target_session_attrs": self.target_session_attrs,
            "timeout": float(self.connect_timeout),
        }

    def _tls_for_asyncpg(self) -> dict[str, Any]:
        if self.files.get("sslrootcert") == SYSTEM:
            import ssl  # here, because few need it

            return {"ssl": ssl.create_default_context()}
        # It takes the files from a URL only, and all the rest from its arguments.
        return {"dsn": "postgresql:///" + format_query({"sslmode": self.sslmode, **self.files})}


def read_database_url(text: str, *, user: str | None = None, password: str | None = None) -> DatabaseServer:
    """Parse ``postgresql://…``; user and password may be given separately.

    Raises:
        WrongUrl: If it is not a URL of PostgreSQL, or a driver does not support one of its parameters.
    """
    scheme = scheme_of(text, example=EXAMPLE)
    if scheme not in ("postgresql", "postgres"):
        driver = scheme.startswith(("postgresql+", "postgres+"))
        hint = ": remove the '+' and the driver after it" if driver else ""
        raise WrongUrl(f"is not a URL like {EXAMPLE}{hint}")
    parts = split_url(text)
    query = parts.query
    check_parameters(query, known=KNOWN, unsupported=UNSUPPORTED)
    hosts = _hosts(parts)
    user = one_of_two(_either(parts.user, query, "user"), user, what="user") or _account()
    files = {name: query[name] for name in FILES if query.get(name)}
    return DatabaseServer(
        hosts=hosts,
        user=user,
        password=one_of_two(_either(parts.password, query, "password"), password, what="password"),
        database=_either(parts.path or None, query, "dbname") or user,
        sslmode=_ssl_mode(query, files),
        files=files,
        target_session_attrs=_one_of(query, "target_session_attrs", SESSION_KINDS, _default_kind(hosts)),
        connect_timeout=_seconds(query.get("connect_timeout", str(CONNECT_S))),
        session=_read_options(query.get("options", "")),
    )


def _hosts(parts: UrlParts) -> tuple[tuple[str, int], ...]:
    named: tuple[Host, ...] = parts.hosts
    if "host" in parts.query:
        if named:
            raise WrongUrl("has hosts before and after its '?'")
        named = _hosts_of_query(parts.query)
    elif "port" in parts.query:
        raise WrongUrl("has a port after its '?' without a host")
    if not named:
        raise WrongUrl("has no host: write the folder of a Unix socket as ?host=/run/postgresql")
    if len(named) > 1 and any(host.startswith("/") for host, _ in named):
        raise WrongUrl("has several hosts, one of them the folder of a Unix socket")
    return tuple((host, port or PORT) for host, port in named)


def _hosts_of_query(query: Mapping[str, str]) -> tuple[Host, ...]:
    if query["host"].startswith("/"):
        named: tuple[Host, ...] = ((query["host"], None),)
    else:
        named = read_hosts(query["host"])
    ports = [read_port(port) for port in query["port"].split(",")] if "port" in query else []
    if len(ports) not in (0, 1, len(named)) or (ports and any(port for _, port in named)):
        raise WrongUrl("has a different number of hosts and ports")
    ports = ports * len(named) if len(ports) == 1 else ports
    return tuple((host, ports[i] if ports else port) for i, (host, port) in enumerate(named))


def _default_kind(hosts: tuple[Host, ...]) -> str:
    """Return the session attribute: of several servers, the one that accepts writes."""
    return "any" if len(hosts) == 1 else "read-write"


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as exc:
        raise WrongUrl("has no user") from exc


def _either(in_front: str | None, query: Mapping[str, str], name: str) -> str | None:
    if in_front is not None and name in query:
        raise WrongUrl(f"has {name} before and after its '?'")
    return in_front if in_front is not None else query.get(name) or None


def _one_of(query: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = query.get(name, default)
    if value not in allowed:
        raise WrongUrl(f"has {name} other than {', '.join(allowed)}")
    return value


def _ssl_mode(query: Mapping[str, str], files: Mapping[str, str]) -> str:
    mode = _one_of(query, "sslmode", SSL_MODES, "prefer")
    if files.get("sslrootcert") == SYSTEM and mode != "verify-full":
        raise WrongUrl("has sslrootcert=system, which requires sslmode=verify-full")
    if ("sslcert" in files) != ("sslkey" in files):
        raise WrongUrl("has one of sslcert and sslkey: set both or none")
    return mode


def _seconds(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) or not 2 <= int(text) <= 600:
        raise WrongUrl("has a connect_timeout that is not a number of seconds between 2 and 600")
    return int(text)


def _read_options(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    rest = text.strip()
    while rest:
        option = OPTION.match(rest)
        if option is None:
            raise WrongUrl("has options that are not -c NAME=VALUE")
        name = option[1].lower()
        if name not in OPTIONS:
            raise WrongUrl(f"has options that set something other than {', '.join(OPTIONS)}")
        found[name] = re.sub(r"\\(.)", r"\1", option[2], flags=re.DOTALL)
        rest = rest[option.end() :]
    return found


def _format_options(session: Mapping[str, str]) -> str:
    return " ".join(f"-c {name}=" + re.sub(r"([\\\s])", r"\\\1", value) for name, value in session.items())
