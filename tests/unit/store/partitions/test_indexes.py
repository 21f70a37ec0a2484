"""An index of a partition is also built where shared memory is small, as /dev/shm of a container is."""

from __future__ import annotations

from typing import Any, cast

from psycopg2.errors import DiskFull

from pc_worker.store.db.connection import Cursor
from pc_worker.store.partitions.finish import build_index


class LittleSharedMemory:
    """A cursor on which parallel builds fail."""

    def __init__(self) -> None:
        self.parallel, self.statements = True, list[str]()

    def execute(self, statement: str, values: Any = None) -> None:
        self.statements.append(statement)
        if "max_parallel_maintenance_workers = 0" in statement:
            self.parallel = False
        if statement.startswith("CREATE INDEX") and self.parallel:
            raise DiskFull("could not resize shared memory segment: No space left on device")

    def fetchone(self) -> None:
        return None


def test_a_build_without_enough_shared_memory_is_repeated_in_one_process() -> None:
    cursor = LittleSharedMemory()

    built = list(build_index(cast(Cursor, cursor), "vectors_1", "embeddings_p1_0", " USING hnsw (v)"))

    create = "CREATE INDEX CONCURRENTLY vectors_1 ON embeddings_p1_0 USING hnsw (v)"
    assert built == ["vectors_1"]
    assert cursor.statements[1:] == [
        create,
        "DROP INDEX CONCURRENTLY IF EXISTS vectors_1",
        "SET max_parallel_maintenance_workers = 0",
        create,
    ]
