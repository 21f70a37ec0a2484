"""What others have added to the tables and the copy would lose."""

from __future__ import annotations

from pc_worker.store.db.connection import Cursor
from pc_worker.store.db.leaves import LEAVES
from pc_worker.store.partitions.tables import PART_TABLES

OBSTACLES = """
SELECT DISTINCT 'the view ' || v.oid::regclass FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
JOIN pg_class v ON v.oid = r.ev_class
WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = ANY (%(tables)s::regclass[]) AND v.oid <> d.refobjid
UNION ALL
SELECT 'the trigger ' || tgname || ' on ' || tgrelid::regclass FROM pg_trigger
WHERE tgrelid = ANY (%(tables)s::regclass[]) AND NOT tgisinternal AND NOT starts_with(tgname, 'mirror_')
UNION ALL
SELECT 'the unique index ' || indexrelid::regclass FROM pg_index
WHERE indrelid = ANY (%(tables)s::regclass[]) AND indisunique AND NOT indisprimary
UNION ALL
SELECT 'the publication ' || p.pubname FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
WHERE r.prrelid = ANY (%(tables)s::regclass[])
ORDER BY 1
"""


def obstacles(cursor: Cursor) -> list[str]:
    """Return what depends on the tables and would not depend on those that take their place."""
    tables = [table.name for table in PART_TABLES]
    for table in list(tables):
        cursor.execute(
            f"SELECT oid::regclass::text FROM ({LEAVES.format(table='%(table)s::text')}) AS l (oid)", {"table": table}
        )
        tables += [name for (name,) in cursor.fetchall()]
    cursor.execute(OBSTACLES, {"tables": sorted(set(tables))})
    return [name for (name,) in cursor.fetchall()]
