"""Redis's URL, and its parameters in the forms of redis-py, Celery (kombu) and Flower."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pc_worker.urls.split import (
    UrlParts,
    WrongUrl,
    check_parameters,
    format_host,
    format_login,
    format_query,
    one_of_two,
    scheme_of,
    split_url,
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
UNSUPPORTED: Mapping[str, str] = {
    **dict.fromkeys(("socket_timeout", "socket_connect_timeout", "socket_keepalive", "retry_on_timeout"), OURS),
    **dict.fromkeys(("health_check_interval", "max_connections", "client_name", "protocol", "decode_responses"), OURS),
    **dict.fromkeys(("visibility_timeout", "encoding", "timeout"), OURS),
    **dict.fromkeys(("username", "password"), "write it before the host"),
    "virtual_host": "write the number of the database after the host, or, with unix://, as db",
    "credential_provider": "set a user and a password",
}
SENTINEL = "Redis Sentinel and Cluster are not supported: give the URL of the primary, or of a proxy that follows it"


@dataclass(frozen=True, slots=True)
class RedisTls:
    """How the server's certificate is verified, and the client's own certificate."""

    verify: bool = True
    check_hostname: bool = True
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of redis-py, kombu and Flower."""
        import ssl  # here, because most commands need no TLS, and start sooner without

        return {
            "ssl_cert_reqs": ssl.CERT_REQUIRED if self.verify else ssl.CERT_NONE,
            "ssl_check_hostname": self.verify and self.check_hostname,
            **self.files,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """The address and login of Redis; ``path`` is a Unix socket, used instead of host and port."""

    host: str = ""
    port: int = PORT
    path: str = ""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    db: int = 0
    tls: RedisTls | None = None

    @property
    def url(self) -> str:
        """The URL as text, equivalent to these values for any parser."""
        login = format_login(self.user, self.password)
        if self.path:
            return f"unix://{login}{self.path}?db={self.db}"
        return f"{self._address(login)}{self._format_tls()}"

    @property
    def all_files(self) -> dict[str, str]:
        """The files in the URL, by parameter."""
        return dict(self.tls.files) if self.tls else {}

    def for_redis_py(self) -> dict[str, Any]:
        """Return redis-py's keyword arguments."""
        where: dict[str, Any] = {"unix_socket_path": self.path} if self.path else {"host": self.host, "port": self.port}
        tls = {} if self.tls is None else {"ssl": True, **self.tls.arguments}
        return {**where, "db": self.db, "username": self.user, "password": self.password, **tls}

    @property
    def for_celery(self) -> str:
        """The URL of broker and result backend for Celery and Flower; TLS settings are passed separately."""
        login = format_login(self.user, self.password)
        if self.path:
            return f"redis+socket://{login}{self.path}?virtual_host={self.db}"
        return self._address(login)

    @property
    def tls_for_celery(self) -> dict[str, Any] | None:
        """The value of ``broker_use_ssl`` and ``redis_backend_use_ssl``."""
        return None if self.tls is None else self.tls.arguments

    def _address(self, login: str) -> str:
        scheme = "redis" if self.tls is None else "rediss"
        return f"{scheme}://{login}{format_host(self.host, self.port)}/{self.db}"

    def _format_tls(self) -> str:
        if self.tls is None:
            return ""
        query = dict(self.tls.files)
        if not self.tls.verify:
            query["ssl_cert_reqs"] = "none"
        if not self.tls.check_hostname:
            query["ssl_check_hostname"] = "false"
        return format_query(query)


def read_redis_url(text: str, *, user: str | None = None, password: str | None = None) -> RedisServer:
    """Parse ``redis://…``, ``rediss://…`` or ``unix://…``; user and password may be given separately.

    Raises:
        WrongUrl: If it is not a URL of Redis, or a client does not support one of its parameters.
    """
    scheme = scheme_of(text, example=EXAMPLE)
    if "sentinel" in scheme or "cluster" in scheme:
        raise WrongUrl(f"is not supported: {SENTINEL}")
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
        raise WrongUrl("has a user without a password (write a password alone as ':PASSWORD@')")
    return user, password


def _over_network(parts: UrlParts, user: str | None, password: str | None) -> RedisServer:
    secure = parts.scheme == "rediss"
    known = ("db", *TLS_PARAMETERS) if secure else ("db",)
    refused = {} if secure else dict.fromkeys(TLS_PARAMETERS, "TLS begins with rediss://")
    check_parameters(parts.query, known=known, unsupported={**UNSUPPORTED, **refused})
    if len(parts.hosts) != 1:
        raise WrongUrl(f"has several hosts: {SENTINEL}" if parts.hosts else "has no host")
    [(host, port)] = parts.hosts
    if host.startswith("/"):
        raise WrongUrl(f"is not a URL like {EXAMPLE}")
    if parts.path and "db" in parts.query:
        raise WrongUrl("has the database before and after its '?'")
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
    check_parameters(query, known=("db",), unsupported=UNSUPPORTED)
    if parts.hosts or not parts.path:
        raise WrongUrl(f"is not a URL like {EXAMPLE}")
    if not SOCKET.fullmatch(parts.path):
        raise WrongUrl("has a socket path with other characters than letters, digits and / . _ - (Flower needs that)")
    return RedisServer(path=f"/{parts.path}", user=user, password=password, db=_database(query.get("db", "0")))


def _tls(query: Mapping[str, str]) -> RedisTls:
    files = {name: query[name] for name in FILES if query.get(name)}
    if ("ssl_certfile" in files) != ("ssl_keyfile" in files):
        raise WrongUrl("has one of ssl_certfile and ssl_keyfile: set both or none")
    verify = _choice(query, "ssl_cert_reqs", CERTIFICATE, "required, none")
    return RedisTls(verify, _choice(query, "ssl_check_hostname", YES_NO, "true, false"), files)


def _choice(query: Mapping[str, str], name: str, meanings: Mapping[str, bool], words: str) -> bool:
    value = query.get(name)
    if value is None:
        return True
    if value.lower() not in meanings:
        raise WrongUrl(f"has {name} other than {words}")
    return meanings[value.lower()]


def _database(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text, re.ASCII):
        raise WrongUrl("has something other than the number of a database after the host's '/'")
    return int(text)
