"""``inspect`` shows its report also of a file that is refused, or of which a part cannot be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

DAY_S = 86_400


def inspect(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PC_WORKER_HOME": str(path.parent / "home"), "PC_WORKER_DATA_ROOTS": str(path.parent)}
    command = [sys.executable, "-m", "pc_worker", "inspect", str(path), *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"cos\nsystem\n(S'true'\ntR.", "unsafe"), (b"PAR1" + b"\0" * 40 + b"PAR1", "broken")],
    ids=["unsafe", "broken"],
)
def test_the_verdict_of_a_refused_file_is_shown_before_its_error(content: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "refused"
    path.write_bytes(content)

    done, told = inspect(path, "--json"), inspect(path)

    report: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, told.returncode) == (65, 65)
    assert done.stderr.startswith(f"error: {path}: ")
    assert len(done.stderr.splitlines()) == 1
    assert (report["refused"]["kind"], report["domains"], report["columns"]) == (kind, [], [])
    assert report["verdict"].startswith("refused: ")
    assert report["refused"]["reason"] in done.stderr
    assert "refused: " in told.stdout


@pytest.mark.parametrize("write", [pq.write_table, feather.write_feather])
def test_a_column_with_a_value_that_is_not_read_is_named(write: Any, tmp_path: Path) -> None:
    path = tmp_path / "late.parquet"
    late = pa.array([1, DAY_S], pa.int32()).cast(pa.time32("s"))
    write(pa.table({"id": [1, 2], "text": ["a", "b"], "at": late}), path)

    done = inspect(path, "--json")

    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert {column["name"]: column["kind"] for column in report["columns"]} == {
        "id": "int", "text": "text", "at": "unreadable"
    }  # fmt: skip
    assert (report["verdict"], report["domains"]) == ("readable", [])
    assert not (tmp_path / "home" / "logs" / "errors.log").exists()
