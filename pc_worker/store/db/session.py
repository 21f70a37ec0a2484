"""What every session is told once it is open, and what the server behind it must be: the same through both drivers.

Nothing of it goes into the packet that opens a session: poolers such as PgBouncer refuse what they do not know there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pc_worker.errors import NotServable, ReadOnlyServer

#: The store relies on what came with this version.
OLDEST = 150_000

#: Names and values of settings, each as an array; the driver's own marks for values take the place of {0} and {1}.
TELL = "SELECT set_config(name, value, false) FROM unnest({0}::text[], {1}::text[]) AS told (name, value)"
STATE = """
SELECT current_setting('server_version_num')::int, current_setting('server_version'),
       current_setting('server_encoding'), pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool,
       current_schema() IS NOT NULL, pg_backend_pid()
"""
#: True while nothing can be written.
CANNOT_BE_WRITTEN = "pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool"


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What a session found out about its server: a row of STATE."""

    version_number: int
    version: str
    encoding: str
    standby: bool
    read_only: bool
    has_schema: bool
    backend_pid: int

    def check(self) -> None:
        """Refuse a server that the line cannot work with.

        Raises:
            NotServable: If somebody must mend it.
            ReadOnlyServer: If it cannot be written, as a standby until it is promoted.
        """
        if self.version_number < OLDEST:
            raise NotServable(f"PostgreSQL {self.version} is too old: 15 or newer is needed")
        if self.encoding != "UTF8":
            raise NotServable(
                f"the database's encoding is {self.encoding}, in which not every text can be stored: make one with "
                "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0, and name it in PC_WORKER_DATABASE_URL"
            )
        if not self.has_schema:
            raise NotServable("search_path names no schema that exists: create it, or correct PC_WORKER_DATABASE_URL")
        if self.standby:
            raise ReadOnlyServer(
                "PostgreSQL is a standby, which cannot be written: promote it, or name the primary in "
                "PC_WORKER_DATABASE_URL"
            )
        if self.read_only:
            raise ReadOnlyServer(
                "PostgreSQL takes no writes: default_transaction_read_only is on; turn it off, or name another server "
                "in PC_WORKER_DATABASE_URL"
            )


def told(own: Mapping[str, str], from_url: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Give names and values for TELL; what the URL sets wins."""
    settings = {**own, **from_url}
    return list(settings), list(settings.values())
