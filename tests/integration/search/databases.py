"""Databases of their own for tests that must not see each other's rows."""

from __future__ import annotations

from uuid import uuid4

import psycopg2


def fresh_database(server_url: str) -> str:
    """Create an empty database on the server; return its URL."""
    name = f"search_{uuid4().hex}"
    connection = psycopg2.connect(server_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    return server_url.rpartition("/")[0] + f"/{name}"
