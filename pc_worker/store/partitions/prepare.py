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
    cursor.execute(OPTIONS, (source,))
    (options,) = cursor.fetchone() or (None,)
    stored = f" WITH ({options})" if options else ""
    like, key = LIKE.format(source=source), f"PRIMARY KEY ({table.key_columns})"
    own, rest = table.of_domain(entry.number), table.rest(entry.number)
    values = values_of(entry.domain)
    elsewhere = [name for each in (*others, entry) for name in values_of(each.domain)]
    yield f"CREATE TABLE {table.next} ({like}) PARTITION BY LIST (domain)"
    yield f"CREATE TABLE {rest} ({like}){stored}"
    yield f"CREATE TABLE {own} ({like}) PARTITION BY {'RANGE' if table.ranges else 'HASH'} ({table.by})"
    for name in (table.next, rest, own):
        yield f"ALTER TABLE {name} DROP CONSTRAINT IF EXISTS {NOT}, ADD {key}"
    yield f"ALTER TABLE {rest} ADD CONSTRAINT {NOT} CHECK (domain <> ALL ({_texts(cursor, elsewhere)}))"
    yield f"ALTER TABLE {own} ADD CONSTRAINT {ONLY} CHECK (domain = ANY ({_texts(cursor, values)}))"
    for part, bounds in enumerate(part_bounds(table, entry, head=head)):
        yield f"CREATE TABLE {table.part(entry.number, part)} PARTITION OF {own} FOR VALUES {bounds}{stored}"
    yield f"ALTER TABLE {table.next} ATTACH PARTITION {rest} DEFAULT"
    yield f"ALTER TABLE {table.next} ATTACH PARTITION {own} FOR VALUES IN ({in_list(cursor, entry)})"
    cursor.execute(GRANTS, {"table": table.name, "next": table.next})
    yield from (grant for (grant,) in cursor.fetchall())


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
