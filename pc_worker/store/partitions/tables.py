"""The tables that grow with rows: their keys, how a domain's rows are divided, and the names of their parts."""

from __future__ import annotations

from dataclasses import dataclass

from pc_worker.model.joined import SUFFIX
from pc_worker.store.db.connection import Cursor


@dataclass(frozen=True, slots=True)
class PartTable:
    """A table; ``key`` = the columns of its primary key with their types, ``by`` = the column that divides a domain."""

    name: str
    key: tuple[tuple[str, str], ...]
    by: str
    ranges: bool = False

    @property
    def key_columns(self) -> str:
        """The columns of the primary key."""
        return ", ".join(name for name, _ in self.key)

    @property
    def next(self) -> str:
        """The name of the partitioned table until it takes the place of the present one."""
        return f"next_{self.name}"

    @property
    def former(self) -> str:
        """The name of the replaced table until it is dropped."""
        return f"former_{self.name}"

    @property
    def trigger(self) -> str:
        """The name of the trigger, and of its function, that writes each change also to the partitions."""
        return f"mirror_{self.name}"

    def of_domain(self, number: int) -> str:
        """Return the name of a domain's table, which has the parts."""
        return f"{self.name}_p{number}"

    def part(self, number: int, part: int) -> str:
        """Return the name of a part."""
        return f"{self.name}_p{number}_{part}"

    def rest(self, number: int) -> str:
        """Return the name of the table for all other domains, made when the domain ``number`` was partitioned."""
        return f"{self.name}_rest{number}"


DOMAIN, ROW = ("domain", "text"), ("row_id", "uuid")
ROWS = PartTable("rows", (DOMAIN, ROW), "row_id")
EMBEDDINGS = PartTable("embeddings", (DOMAIN, ROW, ("model_id", "integer"), ("passage", "smallint")), "row_id")
LOG = PartTable("log", (DOMAIN, ("position", "bigint")), "position", ranges=True)
#: In the order in which writers of rows lock them.
PART_TABLES = (
    PartTable("identities", (DOMAIN, ("scope", "text"), ("key", "text")), "key"),
    ROWS,
    EMBEDDINGS,
    PartTable("row_terms", (DOMAIN, ROW), "row_id"),
    LOG,
)


def values_of(domain: str) -> list[str]:
    """Return the values of the column ``domain`` in the partitions of a domain: with its joined passages."""
    return [domain, domain + SUFFIX]


def columns_of(cursor: Cursor, table: str) -> list[str]:
    """Return the columns of a table, in order."""
    cursor.execute(
        "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
        " AND NOT attisdropped ORDER BY attnum",
        (table,),
    )
    return [name for (name,) in cursor.fetchall()]


def exists(cursor: Cursor, table: str) -> bool:
    """Return whether a table of this name exists."""
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (table,))
    return cursor.fetchone() == (True,)
