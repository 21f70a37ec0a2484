"""Make the partitioned tables next to the present ones, with triggers that write each change to both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from psycopg2 import sql

from pc_worker.store.db.connection import Cursor
from pc_worker.store.db.leaves import rest_of
from pc_worker.store.partitions.entries import PartitionEntry
from pc_worker.store.partitions.statements import run_briefly
from pc_worker.store.partitions.tables import PART_TABLES, PartTable, columns_of, exists, values_of

#: Checks that prove which domains a table holds, so that attaching it as a partition does not read it.
ONLY, NOT = "partition_only", "partition_not"
LIKE = "LIKE {source} INCLUDING ALL EXCLUDING INDEXES"
OPTIONS = "SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = %s::regclass"
GRANTS = """
SELECT format('GRANT %%s ON %%I TO %%s%%s', g.privilege_type, %(next)s,
              CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
              CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_class c, aclexplode(c.relacl) g WHERE c.oid = %(table)s::regclass AND g.grantee <> c.relowner
"""
MIRROR = """
CREATE OR REPLACE FUNCTION {trigger}() RETURNS trigger LANGUAGE plpgsql AS $mirror$
BEGIN
    IF TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND ({old}) IS DISTINCT FROM ({new}) THEN
        DELETE FROM {next} WHERE ({key}) = ({old});
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO {next} ({columns}) VALUES ({values}) ON CONFLICT ({key}) DO UPDATE SET {updates};
    END IF;
    RETURN NULL;
END
$mirror$
"""
TRIGGER = (
    "CREATE TRIGGER {trigger} AFTER INSERT OR UPDATE OR DELETE ON {source} FOR EACH ROW EXECUTE FUNCTION {trigger}()"
)


def prepare_tables(cursor: Cursor, entry: PartitionEntry, others: Sequence[PartitionEntry], *, head: int) -> None:
    """Make the partitioned tables that do not exist yet, empty; from then on, each change is written to them too.

    Args:
        cursor: Outside transactions.
        entry: The domain.
        others: The domains that are partitioned already.
        head: The last position of the domain's log.
    """
    for table in PART_TABLES:
        if not exists(cursor, table.next):
            source = rest_of(cursor, table.name)
            made = [*_tables(cursor, table, source, entry, others, head=head), *_mirror(cursor, table, source)]
            run_briefly(cursor, made)


def _tables(
    cursor: Cursor, table: PartTable, source: str, entry: PartitionEntry, others: Sequence[PartitionEntry], *, head: int
) -> Iterator[str]:
    rest, domains = table.rest(entry.number), [*(other.domain for other in others), entry.domain]
    like, key = LIKE.format(source=source), f"PRIMARY KEY ({table.key_columns})"
    yield f"CREATE TABLE {rest} ({like}){_stored(cursor, source)}"
    yield f"ALTER TABLE {rest} DROP CONSTRAINT IF EXISTS {NOT}, ADD {key}"
    yield f"ALTER TABLE {rest} ADD CONSTRAINT {NOT} {holds_none_of(cursor, domains)}"
    yield from domain_table(cursor, table, source, entry, head=head)
    yield from whole_table(cursor, table, source)
    yield f"ALTER TABLE {table.next} ATTACH PARTITION {rest} DEFAULT"
    own = table.of_domain(entry.number)
    yield f"ALTER TABLE {table.next} ATTACH PARTITION {own} FOR VALUES IN ({in_list(cursor, entry)})"


def whole_table(cursor: Cursor, table: PartTable, source: str) -> Iterator[str]:
    """Yield statements that make the partitioned table, still without partitions."""
    yield f"CREATE TABLE {table.next} ({LIKE.format(source=source)}) PARTITION BY LIST (domain)"
    yield f"ALTER TABLE {table.next} DROP CONSTRAINT IF EXISTS {NOT}, ADD PRIMARY KEY ({table.key_columns})"
    cursor.execute(GRANTS, {"table": table.name, "next": table.next})
    yield from (grant for (grant,) in cursor.fetchall())


def domain_table(cursor: Cursor, table: PartTable, source: str, entry: PartitionEntry, *, head: int) -> Iterator[str]:
    """Yield statements that make a domain's table with its parts, on its own."""
    own, by = table.of_domain(entry.number), "RANGE" if table.ranges else "HASH"
    yield f"CREATE TABLE {own} ({LIKE.format(source=source)}) PARTITION BY {by} ({table.by})"
    yield f"ALTER TABLE {own} DROP CONSTRAINT IF EXISTS {NOT}, ADD PRIMARY KEY ({table.key_columns})"
    yield f"ALTER TABLE {own} ADD CONSTRAINT {ONLY} CHECK (domain = ANY ({_texts(cursor, values_of(entry.domain))}))"
    stored = _stored(cursor, source)
    for part, bounds in enumerate(part_bounds(table, entry, head=head)):
        yield f"CREATE TABLE {table.part(entry.number, part)} PARTITION OF {own} FOR VALUES {bounds}{stored}"


def holds_none_of(cursor: Cursor, domains: Sequence[str]) -> str:
    """Return the check that a table holds no rows of these domains."""
    values = [value for domain in domains for value in values_of(domain)]
    return f"CHECK (domain <> ALL ({_texts(cursor, values)}))"


def _stored(cursor: Cursor, source: str) -> str:
    cursor.execute(OPTIONS, (source,))
    (options,) = cursor.fetchone() or (None,)
    return f" WITH ({options})" if options else ""


def part_bounds(table: PartTable, entry: PartitionEntry, *, head: int) -> list[str]:
    """Return the bounds of a domain's parts; a log has one range more than it needs, and an open one after that."""
    if not table.ranges:
        return [f"WITH (MODULUS {entry.parts}, REMAINDER {part})" for part in range(entry.parts)]
    span = entry.log_span
    starts = ["MINVALUE", *(str(span * number) for number in range(1, head // span + 3)), "MAXVALUE"]
    return [f"FROM ({start}) TO ({end})" for start, end in pairwise(starts)]


def in_list(cursor: Cursor, entry: PartitionEntry) -> str:
    """Return the SQL of the values of ``domain`` that a domain's table holds."""
    return ", ".join(_literal(cursor, value) for value in values_of(entry.domain))


def _texts(cursor: Cursor, values: Sequence[str]) -> str:
    return f"ARRAY[{', '.join(_literal(cursor, value) + '::text' for value in values)}]"


def _literal(cursor: Cursor, value: str) -> str:
    return sql.Literal(value).as_string(cursor)


def _mirror(cursor: Cursor, table: PartTable, source: str) -> Iterator[str]:
    columns, keys = columns_of(cursor, source), [name for name, _ in table.key]
    others = [name for name in columns if name not in keys]
    yield MIRROR.format(
        trigger=table.trigger,
        next=table.next,
        key=", ".join(keys),
        old=", ".join(f"OLD.{name}" for name in keys),
        new=", ".join(f"NEW.{name}" for name in keys),
        columns=", ".join(columns),
        values=", ".join(f"NEW.{name}" for name in columns),
        updates=", ".join(f"{name} = excluded.{name}" for name in others),
    )
    yield TRIGGER.format(trigger=table.trigger, source=source)


def head_of(cursor: Cursor, domain: str) -> int:
    """Return the last position of a domain's log; 0 if it has none."""
    cursor.execute("SELECT coalesce(max(head), 0) FROM domains WHERE domain = %s", (domain,))
    (head,) = cursor.fetchone() or (0,)
    return int(head)


def analyze_tables(cursor: Cursor) -> None:
    """Count the planner's statistics of the new tables: without them, statements would read whole tables at first."""
    for table in PART_TABLES:
        cursor.execute(f"ANALYZE {table.next}")
