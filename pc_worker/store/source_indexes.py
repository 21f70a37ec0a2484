"""Indexes of sources in object stores, kept in parts for the workers of all machines."""

from __future__ import annotations

from pathlib import Path

from pc_worker.atomic_files import replacing
from pc_worker.store.db.connection import Database

#: Bytes of one part; one is in memory at a time.
PART = 4 << 20
READ = "SELECT data FROM source_indexes WHERE name = %s AND part = %s"
WRITE = "INSERT INTO source_indexes (name, part, data) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
COUNT = "SELECT count(*) FROM source_indexes WHERE name = %s"
FORGET = "DELETE FROM source_indexes WHERE name = %s"
USED = "UPDATE source_indexes SET used_at = now() WHERE name = %s AND part = 0"
PURGE = """
DELETE FROM source_indexes WHERE name IN
    (SELECT name FROM source_indexes WHERE part = 0 AND used_at < now() - make_interval(secs => %s))
"""


class SourceIndexes:
    """The kept indexes; each is written in one transaction, so that none is ever seen in part."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fetch(self, path: Path) -> bool:
        """Write the index with the name of ``path`` there, if it is kept; return whether it is."""
        with self._database.transaction() as cursor:
            cursor.execute(COUNT, (path.name,))
            parts = int((cursor.fetchone() or (0,))[0])
            if not parts:
                return False
            cursor.execute(USED, (path.name,))
            with replacing(path) as file:
                for part in range(parts):
                    cursor.execute(READ, (path.name, part))
                    file.write(bytes((cursor.fetchone() or (b"",))[0]))
        return True

    def keep(self, path: Path) -> None:
        """Keep the index at ``path`` under its name; of several that do so at once one is kept."""
        with self._database.transaction() as cursor, path.open("rb") as file:
            part = 0
            while data := file.read(PART):
                cursor.execute(WRITE, (path.name, part, data))
                if not cursor.rowcount:  # another's, which may be of other parts
                    return
                part += 1

    def forget(self, name: str) -> None:
        """Keep the file with this name no longer."""
        with self._database.transaction() as cursor:
            cursor.execute(FORGET, (name,))


def purge_source_indexes(database: Database, *, unused_s: float) -> int:
    """Delete indexes that no worker fetched for ``unused_s`` seconds; return the number of deleted parts."""
    with database.transaction() as cursor:
        cursor.execute(PURGE, (unused_s,))
        return int(cursor.rowcount)
