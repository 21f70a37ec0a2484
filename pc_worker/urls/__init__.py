"""URLs of the servers: parsed once, by one parser, and passed to each client library in its own form."""

from __future__ import annotations

from pc_worker.urls.database import DatabaseServer, read_database_url
from pc_worker.urls.engine import Engine, is_engine, read_engine
from pc_worker.urls.redis import RedisServer, RedisTls, read_redis_url
from pc_worker.urls.split import WrongUrl, is_loopback_host

__all__ = [
    "DatabaseServer",
    "Engine",
    "RedisServer",
    "RedisTls",
    "WrongUrl",
    "is_engine",
    "is_loopback_host",
    "read_database_url",
    "read_engine",
    "read_redis_url",
]
