"""An index is also built where shared memory is small, as /dev/shm of a container is; none is left on a full disk."""

from __future__ import annotations

from typing import Any, cast

import pytest
from psycopg2 import errors

from pc_worker.store.db.connection import Cursor
from pc_worker.store.partitions.finish import build_index

SHARED_MEMORY = 'could not resize shared memory segment "/PostgreSQL.81" to 67145056 bytes: No space left on device'
DISK = 'could not extend file "base/5/16412": No space left on device'


class DiskFull(errors.DiskFull):
    """The error as the driver raises it; one that is made here has no SQLSTATE of its own."""

    pgcode = "53100"


class LittleSpace:
    """A cursor on which builds fail for a lack of space, with this text: parallel ones, or all."""

    def __init__(self, text: str = SHARED_MEMORY, *, always: bool = False) -> None:
        self.parallel, self.statements = True, list[str]()
        self.text, self.always = text, always

    def execute(self, statement: str, values: Any = None) -> None:
        self.statements.append(statement)
        if "max_parallel_maintenance_workers = 0" in statement:
            self.parallel = False
        if statement.startswith("CREATE INDEX") and (self.parallel or self.always):
            raise DiskFull(self.text)

    def fetchone(self) -> None:
        return None


def test_a_build_without_enough_shared_memory_is_repeated_in_one_process() -> None:
    cursor = LittleSpace()

    built = list(build_index(cast(Cursor, cursor), "vectors_1", "embeddings_p1_0", " USING hnsw (v)"))

    create = "CREATE INDEX CONCURRENTLY vectors_1 ON embeddings_p1_0 USING hnsw (v)"
    assert built == ["vectors_1"]
    assert cursor.statements[1:] == [
        create,
        "DROP INDEX CONCURRENTLY IF EXISTS vectors_1",
        "SET max_parallel_maintenance_workers = 0",
        create,
    ]


@pytest.mark.parametrize(("text", "builds"), [(DISK, 1), (SHARED_MEMORY, 2)])
def test_what_a_build_without_space_leaves_is_dropped(text: str, builds: int) -> None:
    cursor = LittleSpace(text, always=True)

    with pytest.raises(DiskFull):
        list(build_index(cast(Cursor, cursor), "vectors_1", "embeddings_p1_0", " USING hnsw (v)"))

    assert sum(statement.startswith("CREATE INDEX") for statement in cursor.statements) == builds
    assert cursor.statements[-1] == "DROP INDEX CONCURRENTLY IF EXISTS vectors_1"
