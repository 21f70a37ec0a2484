"""The settings: read from ``PC_WORKER_*`` once, at an entry point, checked, and passed on as plain values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from pc_worker.errors import InvalidRequest
from pc_worker.installation import CHECKOUT
from pc_worker.model import DEFAULT_CHUNK_ROWS, MAX_CHUNK_ROWS, read_model_name
from pc_worker.object_urls import ObjectUrl
from pc_worker.settings.access import AccessSettings
from pc_worker.settings.engine import EngineSettings, check_encrypted
from pc_worker.settings.http import HttpSettings
from pc_worker.settings.llm import LlmSettings
from pc_worker.settings.rerank import RerankSettings
from pc_worker.settings.secret_files import secrets_in_files
from pc_worker.settings.source import SourceSettings
from pc_worker.settings.values import LONGEST_S, absolute, existing, own_home, read_rates, whole_url
from pc_worker.urls import is_loopback_host, read_database_url, read_redis_url

PREFIX = "PC_WORKER_"
#: Seconds after which a task is ended from outside.
TASK_LIMIT_S = 300
PROJECT = CHECKOUT

Backend = Literal["auto", "torch", "onnx", "onnx-int8"]


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of ``host:port``; IPv6 hosts are in brackets.

    Raises:
        ValueError: If there is no port between 0 and 65535, or the host has ``:`` without brackets.
    """
    host, _, port = address.strip().rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"{address!r} is not HOST:PORT")
    plain = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not plain or set(plain) & set("[]/") or (":" in plain) != (plain != host):
        raise ValueError(f"{address!r} is not HOST:PORT (an IPv6 address needs brackets: [::1]:PORT)")
    return plain, int(port)


def is_loopback(address: str) -> bool:
    """Return whether ``host:port`` can only be reached from this machine."""
    return is_loopback_host(split_address(address)[0])


class Settings(AccessSettings, HttpSettings, LlmSettings, EngineSettings, RerankSettings, SourceSettings):
    """All settings; the variable of a field is ``PC_WORKER_`` and its name in capitals."""

    #: A wrong value is not repeated: it may be a secret.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        validate_default=True,
        hide_input_in_errors=True,
    )

    #: Folder of all state: data of the embedded servers, models, spool, logs, generated secrets. The default is that of
    #: a checkout; installed from a wheel it is `pc_worker` in `$XDG_STATE_HOME` or `~/.local/state`.
    home: Path = Field(default_factory=own_home)
    #: `postgresql://…` of a PostgreSQL ≥ 15 with pgvector ≥ 0.8.4, encoding UTF8. Unset: the embedded server of `up`.
    database_url: SecretStr | None = None
    #: User for the database if the URL has none. Needs no percent-encoding.
    database_user: str | None = None
    #: Password for the database if the URL has none. Needs no percent-encoding.
    database_password: SecretStr | None = None
    #: `redis://…`, `rediss://…` (TLS) or `unix://…` of a Redis ≥ 6.2 or Valkey with `maxmemory-policy noeviction`.
    #: Unset: the embedded server of `up`.
    redis_url: SecretStr | None = None
    #: User for Redis if the URL has none.
    redis_user: str | None = None
    #: Password for Redis if the URL has none.
    redis_password: SecretStr | None = None
    #: Addresses of the gateway, `HOST:PORT`, comma-separated. Port 0: any free port.
    gateway_address: str = "127.0.0.1:50051"
    #: Address of Flower.
    flower_address: str = "127.0.0.1:5555"
    #: Address of the Prometheus metrics.
    metrics_address: str = "127.0.0.1:9464"
    #: `USER:PASSWORD` of Flower, in ASCII. Unset: generated and kept in `HOME/flower_auth`.
    flower_auth: SecretStr | None = None
    #: The model for new domains: `multilingual`, the name of a pulled model, a folder, or `openai:NAME[@BASE_URL]` for
    #: a server with `/v1/embeddings`. Unset: the built-in model. The active model is stored in the database.
    model: str = ""
    #: `auto`, `torch`, `onnx` or `onnx-int8`. `auto` is ONNX if it agrees with torch; int8 is a separate model.
    encoder: Backend = "auto"
    #: Threads of one encoder. 0: cores ÷ worker processes.
    encoder_threads: int = Field(default=0, ge=0, le=256)
    #: Processes of one worker. 0: one per core, at most 4.
    concurrency: int = Field(default=0, ge=0, le=256)
    #: Maximum bytes of a domain's queue in Redis. The default is about 40 chunks of rows with 1,536 dimensions.
    queue_max_bytes: int = Field(default=64 * 1024 * 1024, ge=1024)
    #: Rows per chunk of an ingest. Larger chunks need fewer messages and more memory.
    chunk_size: int = Field(default=DEFAULT_CHUNK_ROWS, ge=1, le=MAX_CHUNK_ROWS)
    #: Maximum number of chunks of one job in the broker at once. Keeps the broker small and small jobs quick.
    chunks_in_flight: int = Field(default=32, ge=1, le=10_000)
    #: `DOMAIN=ROWS_PER_SECOND`, comma-separated: rate limits. Other domains have none.
    rate_limits: Annotated[tuple[tuple[str, float], ...], NoDecode] = ()
    #: Seconds until a chunk's lease expires. Must be longer than the hard time limit of a task, 300 s.
    lease_s: float = Field(default=330.0, ge=1.0, le=LONGEST_S)
    #: 1: a lease may be shorter than that. For tests, which wait until it expires.
    short_lease: bool = False
    #: Seconds between two searches for lost messages.
    reconcile_s: float = Field(default=30.0, ge=1.0, le=LONGEST_S)
    #: Seconds between two scans of the inbox. A file is ingested if two scans find it unchanged.
    scan_inbox_s: float = Field(default=10.0, ge=1.0, le=LONGEST_S)
    #: Seconds between two checks of the vector indexes.
    maintain_indexes_s: float = Field(default=600.0, ge=1.0, le=LONGEST_S)
    #: Seconds between two purges of expired data.
    purge_s: float = Field(default=3600.0, ge=1.0, le=LONGEST_S)
    #: Seconds between two measurements of the recall of the vector indexes.
    check_recall_s: float = Field(default=3600.0, ge=1.0, le=LONGEST_S)
    #: Seconds between two checks for jobs whose rows do not add up and rows without vectors.
    check_ledger_s: float = Field(default=300.0, ge=1.0, le=LONGEST_S)
    #: Seconds that superseded log entries are kept: longer than any stream takes, because one that takes longer could
    #: miss a row whose entry is removed meanwhile; the next call then has it.
    log_retention_s: float = Field(default=7 * 86400.0, ge=0.0, le=LONGEST_S)
    #: Seconds that ended jobs and their dead letters are kept. Failed and cancelled jobs are kept for `resume`, unless
    #: they never began.
    job_retention_s: float = Field(default=90 * 86400.0, ge=0.0, le=LONGEST_S)
    #: Seconds that the vectors of a model are kept after the last domain switched to another.
    model_retention_s: float = Field(default=30 * 86400.0, ge=0.0, le=LONGEST_S)
    #: Push targets, `HOST:PORT`, comma-separated. The first is the default. Unset: no push.
    batch_servers: Annotated[tuple[str, ...], NoDecode] = ()
    #: Seconds between two pushes of a stock domain, and the time after which a push yields to other work.
    push_s: float = Field(default=60.0, ge=1.0, le=LONGEST_S)
    #: Maximum number of concurrent calls of all clients. More are denied with `RESOURCE_EXHAUSTED`.
    max_streams: int = Field(default=256, ge=1, le=10_000)
    #: Maximum number of concurrent calls of one token.
    streams_per_token: int = Field(default=64, ge=1, le=10_000)
    #: Maximum number of concurrent calls of one host (IPv6: one /64). Raise it to the total if clients share a proxy.
    streams_per_host: int = Field(default=192, ge=1, le=10_000)
    #: Maximum number of subscriptions of one domain.
    max_subscriptions: int = Field(default=256, ge=1, le=100_000)
    #: Deliveries of a row after which a consumer's nack makes it a dead letter; the consumer may set another number.
    max_deliveries: int = Field(default=5, ge=1, le=100)
    #: Seconds that the position of a subscription is kept after its last use. 0: without limit.
    subscription_retention_s: float = Field(default=90 * 86400.0, ge=0.0, le=LONGEST_S)
    #: `console` or `json`. With `json` every line on stderr is a JSON object.
    log_format: Literal["console", "json"] = "console"
    #: `DEBUG`, `INFO`, `WARNING` or `ERROR`.
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="before")
    @classmethod
    def _logins(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name, read in (("database", read_database_url), ("redis", read_redis_url)):
            parts = (values.get(f"{name}_{part}") for part in ("url", "user", "password"))
            url = whole_url(f"{PREFIX}{name.upper()}", read, *parts)
            if url is not None:
                values = {**values, f"{name}_url": SecretStr(url)}
        return values

    @field_validator("home", "uploads", "tokens_file", "tls_cert", "tls_key", "tls_client_ca", mode="after")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return None if path is None else absolute(path)

    @field_validator("model")
    @classmethod
    def _model(cls, value: str) -> str:
        read_model_name(value)
        return value

    @field_validator("batch_servers", mode="before")
    @classmethod
    def _servers(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        parts = tuple(part.strip() for part in value.split(",") if part.strip())
        for part in parts:
            split_address(part)
        return parts

    @field_validator("rate_limits", mode="before")
    @classmethod
    def _rates(cls, value: Any) -> Any:
        return read_rates(value) if isinstance(value, str) else value

    @field_validator("gateway_address", "http_address")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for part in value.split(","):
            split_address(part)
        return value

    @field_validator("flower_address", "metrics_address")
    @classmethod
    def _address(cls, value: str) -> str:
        if "," in value:
            raise ValueError(f"{value!r} is a list: this part listens on one HOST:PORT")
        split_address(value)
        return value

    @field_validator("flower_auth")
    @classmethod
    def _user_and_password(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not all(value.get_secret_value().partition(":")[::2]):
            raise ValueError("is not USER:PASSWORD")
        if value is not None and not value.get_secret_value().isascii():
            raise ValueError("has a character that is not ASCII: Flower would refuse every login")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        query_models = [model for _, model in self.query_models]
        check_encrypted({"MODEL": [self.model], "QUERY_MODELS": query_models}, insecure=self.insecure)
        return self

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.redis_url is not None and self.data_roots is None:
            raise ValueError("PC_WORKER_DATA_ROOTS must be set when PC_WORKER_REDIS_URL is")
        if self.lease_s <= TASK_LIMIT_S and not self.short_lease:
            raise ValueError(f"PC_WORKER_LEASE_S must be longer than a task may take, {TASK_LIMIT_S} s")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("PC_WORKER_TLS_CERT and PC_WORKER_TLS_KEY must be set together")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("PC_WORKER_TLS_CLIENT_CA needs PC_WORKER_TLS_CERT")
        return self

    @property
    def gateway_addresses(self) -> tuple[str, ...]:
        """Every address the gateway listens on."""
        return tuple(part.strip() for part in self.gateway_address.split(","))

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders that sources may be in, resolved."""
        if self.data_roots is not None:
            return tuple(root for root in self.data_roots if isinstance(root, Path))
        return (*existing(Path.cwd), *existing(Path.home), self.home.resolve())

    @property
    def all_roots(self) -> tuple[Path | ObjectUrl, ...]:
        """The folders and prefixes that sources may be in."""
        return (*self.roots, *self.url_roots)

    @property
    def worker_processes(self) -> int:
        """Processes of one worker."""
        return self.concurrency or min(os.cpu_count() or 1, 4)

    @property
    def threads(self) -> int:
        """Threads of one encoder, so that all worker processes together use each core once."""
        return self.encoder_threads or max(1, (os.cpu_count() or 1) // self.worker_processes)

    @property
    def spool(self) -> Path:
        """Folder of index sidecars and decompressed sources."""
        return self.home / "spool"

    @property
    def upload_folder(self) -> Path:
        """Folder of uploaded files."""
        return self.uploads or self.home / "uploads"

    @property
    def models(self) -> Path:
        """Folder of exported models."""
        return self.home / "models"


#: Settings that may be read from files.
SECRETS = tuple(name for name, field in Settings.model_fields.items() if SecretStr in get_args(field.annotation))


def read_settings() -> Settings:
    """Read and check the environment; an empty variable counts as unset.

    Raises:
        InvalidRequest: Naming the variable and what is wrong with it.
    """
    try:
        return Settings(**secrets_in_files(PREFIX, SECRETS))  # type: ignore[arg-type]  # pydantic makes secrets of texts
    except ValidationError as exc:
        first = exc.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:
            raise InvalidRequest(message) from None
        raise InvalidRequest(f"{PREFIX}{str(first['loc'][0]).upper()}: {message}") from None
