"""The settings of every session, and the requirements on its server, for both drivers.

Settings are applied after the session is open, because poolers such as PgBouncer reject unknown ones in the startup
packet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pc_worker.errors import NotServable, ReadOnlyServer

#: The store uses features of this version.
OLDEST = 150_000

#: What a role or a database may preset otherwise (ALTER ROLE ... SET), and statements here rely on: what they mean, how
#: values are written, and that none ends before it is done. Set explicitly, as pg_dump does.
OURS = {
    "default_transaction_isolation": "read committed",  # rows are read again after the wait for their lock
    "default_transaction_deferrable": "off",
    "session_replication_role": "origin",  # triggers fire
    "synchronous_commit": "on",  # a position that a consumer has stored must not be lost in a crash
    "transform_null_equals": "off",
    "array_nulls": "on",
    "quote_all_identifiers": "off",
    "gin_fuzzy_search_limit": "0",
    "client_min_messages": "notice",
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_session_timeout": "0",
    "lock_timeout": "20000",  # ms, and so is the next
    "idle_in_transaction_session_timeout": "60000",
}
#: Names and values of settings, each as an array; {0} and {1} are replaced by the driver's placeholders. Left out are
#: those that this version of PostgreSQL does not have, those that are right (a change may need rights), and a commit
#: that waits for other servers.
SET_SETTINGS = """
SELECT set_config(name, value, false) FROM unnest({0}::text[], {1}::text[]) AS s (name, value)
WHERE current_setting(name, true) <> value AND (name <> 'synchronous_commit' OR current_setting(name) = 'off')
"""
#: Replaces "$user" by its schema: searches run as another role, whose name would be meant there.
WRITE_OUT_SEARCH_PATH = """
SELECT set_config('search_path', array_to_string(ARRAY(
    SELECT quote_ident(name) FROM unnest(current_schemas(false)) WITH ORDINALITY AS s (name, place) ORDER BY place
), ', '), false)
"""
STATE = """
SELECT current_setting('server_version_num')::int, current_setting('server_version'),
       current_setting('server_encoding'), pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool,
       current_schema() IS NOT NULL, pg_backend_pid()
"""
#: True while nothing can be written.
CANNOT_BE_WRITTEN = "pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool"


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """The state of a session's server: a row of STATE."""

    version_number: int
    version: str
    encoding: str
    standby: bool
    read_only: bool
    has_schema: bool
    backend_pid: int

    def check(self) -> None:
        """Raise an error if the pipeline cannot work with this server.

        Raises:
            NotServable: If an operator must fix it.
            ReadOnlyServer: If it accepts no writes, as a standby until it is promoted.
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


def session_settings(own: Mapping[str, str], from_url: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return names and values for SET_SETTINGS: OURS, then the session's own, then those of the URL."""
    settings = {**OURS, **own, **from_url}
    return list(settings), list(settings.values())
