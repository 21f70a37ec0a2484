"""Redis's URL, and the forms in which redis-py, Celery (kombu) and Flower take what it says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pc_worker.urls.split import (
    UrlParts,
    WrongUrl,
    check_parameters,
    one_of_two,
    scheme_of,
    split_url,
    written_host,
    written_login,
    written_query,
)

EXAMPLE = "redis://HOST:6379/0, rediss://HOST:6379/0 (TLS) or unix:///run/redis.sock?db=0"
PORT = 6379
SOCKET = re.compile(r"[A-Za-z0-9/._-]+")
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
#: As redis-py and as Celery spell it.
CERTIFICATE = {"required": True, "cert_required": True, "none": False, "cert_none": False}
YES_NO = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
TLS_PARAMETERS = ("ssl_cert_reqs", "ssl_check_hostname", *FILES)
OURS = "it is set already"
REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("socket_timeout", "socket_connect_timeout", "socket_keepalive", "retry_on_timeout"), OURS),
    **dict.fromkeys(("health_check_interval", "max_connections", "client_name", "protocol", "decode_responses"), OURS),
    **dict.fromkeys(("visibility_timeout", "encoding", "timeout"), OURS),
    **dict.fromkeys(("username", "password"), "it stands before the host"),
    "virtual_host": "the number of the database stands behind the host, or, with unix://, in db",
    "credential_provider": "set a user and a password",
}
SENTINEL = "Redis Sentinel and Cluster are not supported: give the URL of the primary, or of a proxy that follows it"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """How the server shows who it is, and how we do."""

    verify: bool = True
    check_hostname: bool = True
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, Any]:
        """As redis-py, kombu and Flower take it."""
        import ssl  # here, because most commands need no TLS, and start sooner without

        return {
            "ssl_cert_reqs": ssl.CERT_REQUIRED if self.verify else ssl.CERT_NONE,
            "ssl_check_hostname": self.verify and self.check_hostname,
            **self.files,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """Where Redis is, and how to log in; ``path`` is a Unix socket, which takes the place of host and port."""

    host: str = ""
    port: int = PORT
    path: str = ""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    db: int = 0
    tls: TlsFiles | None = None

    @property
    def url(self) -> str:
        """The URL as text, equivalent to these values for any parser."""
        login = written_login(self.user, self.password)
        if self.path:
            return f"unix://{login}{self.path}?db={self.db}"
        return f"{self._address(login)}{self._written_tls()}"

    @property
    def all_files(self) -> dict[str, str]:
        """The files that it names, by their parameters."""
        return dict(self.tls.files) if self.tls else {}

    def for_redis_py(self) -> dict[str, Any]:
        """Return redis-py's keyword arguments."""
        where: dict[str, Any] = {"unix_socket_path": self.path} if self.path else {"host": self.host, "port": self.port}
        tls = {} if self.tls is None else {"ssl": True, **self.tls.arguments}
        return {**where, "db": self.db, "username": self.user, "password": self.password, **tls}

    @property
    def for_celery(self) -> str:
        """The URL of broker and result backend for Celery and Flower; TLS settings are passed separately."""
        login = written_login(self.user, self.password)
        if self.path:
            return f"redis+socket://{login}{self.path}?virtual_host={self.db}"
        return self._address(login)

    @property
    def tls_for_celery(self) -> dict[str, Any] | None:
        """The value of ``broker_use_ssl`` and ``redis_backend_use_ssl``."""
        return None if self.tls is None else self.tls.arguments

    def _address(self, login: str) -> str:
        scheme = "redis" if self.tls is None else "rediss"
        return f"{scheme}://{login}{written_host(self.host, self.port)}/{self.db}"

    def _written_tls(self) -> str:
        if self.tls is None:
            return ""
        query = dict(self.tls.files)
        if not self.tls.verify:
            query["ssl_cert_reqs"] = "none"
        if not self.tls.check_hostname:
            query["ssl_check_hostname"] = "false"
        return written_query(query)


def read_redis_url(text: str, *, user: str | None = None, password: str | None = None) -> RedisServer:
    """Read ``redis://…``, ``rediss://…`` or ``unix://…``; user and password may be given apart from it.

    Raises:
        WrongUrl: If it is no URL of Redis, or says what one of the clients would not obey.
    """
    scheme = scheme_of(text, example=EXAMPLE)
    if "sentinel" in scheme or "cluster" in scheme:
        raise WrongUrl(f"is of a kind that cannot be used: {SENTINEL}")
    if scheme not in ("redis", "rediss", "unix", "redis+socket"):
        raise WrongUrl(f"is not a URL like {EXAMPLE}")
    parts = split_url(text)
    login = _login(parts, user, password)
    read = _over_network if scheme in ("redis", "rediss") else _over_socket
    return read(parts, *login)


def _login(parts: UrlParts, user: str | None, password: str | None) -> tuple[str | None, str | None]:
    user = one_of_two(parts.user, user, what="user")
    password = one_of_two(parts.password, password, what="password")
    if user is not None and password is None:
        raise WrongUrl("names a user without a password (a password alone is written ':PASSWORD@')")
    return user, password


def _over_network(parts: UrlParts, user: str | None, password: str | None) -> RedisServer:
    secure = parts.scheme == "rediss"
    known = ("db", *TLS_PARAMETERS) if secure else ("db",)
    refused = {} if secure else dict.fromkeys(TLS_PARAMETERS, "TLS begins with rediss://")
    check_parameters(parts.query, known=known, refused={**REFUSED, **refused})
    if len(parts.hosts) != 1:
        raise WrongUrl(f"does not name one host: {SENTINEL}" if parts.hosts else "names no host")
    [(host, port)] = parts.hosts
    if host.startswith("/"):
        raise WrongUrl(f"is not a URL like {EXAMPLE}")
    if parts.path and "db" in parts.query:
        raise WrongUrl("names the database before and behind its '?'")
    return RedisServer(
        host=host,
        port=port or PORT,
        user=user,
        password=password,
        db=_database(parts.path or parts.query.get("db", "0")),
        tls=_tls(parts.query) if secure else None,
    )


def _over_socket(parts: UrlParts, user: str | None, password: str | None) -> RedisServer:
    query = dict(parts.query)
    if parts.scheme == "redis+socket" and "virtual_host" in query:
        query["db"] = query.pop("virtual_host")
    check_parameters(query, known=("db",), refused=REFUSED)
    if parts.hosts or not parts.path:
        raise WrongUrl(f"is not a URL like {EXAMPLE}")
    if not SOCKET.fullmatch(parts.path):
        raise WrongUrl("names a socket whose path has other signs than letters, digits and / . _ - (Flower needs that)")
    return RedisServer(path=f"/{parts.path}", user=user, password=password, db=_database(query.get("db", "0")))


def _tls(query: Mapping[str, str]) -> TlsFiles:
    files = {name: query[name] for name in FILES if query.get(name)}
    if ("ssl_certfile" in files) != ("ssl_keyfile" in files):
        raise WrongUrl("has one of ssl_certfile and ssl_keyfile, which go together")
    verify = _choice(query, "ssl_cert_reqs", CERTIFICATE, "required, none")
    return TlsFiles(verify, _choice(query, "ssl_check_hostname", YES_NO, "true, false"), files)


def _choice(query: Mapping[str, str], name: str, meanings: Mapping[str, bool], words: str) -> bool:
    value = query.get(name)
    if value is None:
        return True
    if value.lower() not in meanings:
        raise WrongUrl(f"has {name} other than {words}")
    return meanings[value.lower()]


def _database(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text, re.ASCII):
        raise WrongUrl("has something other than a database's number behind the host's '/'")
    return int(text)
