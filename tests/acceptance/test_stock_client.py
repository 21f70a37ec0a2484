"""The stock batch server's pull: every row, every field, in order; resume after a row returns exactly the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.frames import recruit_row, row_uuid, vector, write_recruit
from tests.support.stack import LiveStack

ROWS = 1000
CLIENT = Path(__file__).parent.parent / "support" / "stock_client.py"


Pulled = tuple[list[dict[str, Any]], dict[str, str]]


def pull(address: str, domain: str, after: str | None = None) -> Pulled:
    """Return rows, and the status with trailers."""
    arguments = [sys.executable, str(CLIENT), address, domain, *([after] if after else [])]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(arguments, env=env, capture_output=True, text=True, check=True, timeout=120)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return lines[:-1], lines[-1]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Yield a gateway with 1,000 recruits and nothing else."""
    folder = tmp_path_factory.mktemp("stock")
    live = LiveStack(folder / "home", {"PC_WORKER_DATA_ROOTS": str(folder)}, "worker,gateway", processes=1)
    live.start()
    status = live.ingest(write_recruit(folder / "recruit.pkl", ROWS), "recruit")
    assert status["rows_written"] == ROWS
    yield live.addresses.gateway
    live.stop()


@pytest.fixture(scope="module")
def pulled(address: str) -> Pulled:
    """Return all rows of the domain."""
    return pull(address, "recruit")


def test_every_row_and_field_arrives(pulled: Pulled) -> None:
    rows, end = pulled

    assert end == {
        "status": "OK",
        "pcw-rows": str(ROWS),
        "pcw-last-uuid": rows[-1]["id"],
        "pcw-last-position": str(ROWS),
        "pcw-head": str(ROWS),
    }
    assert {row["id"] for row in rows} == {row_uuid(n) for n in range(ROWS)}
    numbers = {row_uuid(n): n for n in range(ROWS)}
    for row in rows:
        number = numbers[row["id"]]
        source = recruit_row(number)
        assert row["position"] == source["Position"]
        assert row["company_name"] == source["Company Name"]
        assert row["experience_years"] == number % 9 + 1
        assert row["english_level"] == (source["English Level"] or "")
        assert row["published_at"] == "2021-07-01T00:00:00+03:00"
        assert row["skills"] == list(source["skills"])
        assert row["long_description"] == source["Long Description"]
        assert len(row["skills_vector"]) == 1536
        assert row["chunk_rows"] <= 300
    assert np.allclose(rows[7]["skills_vector"], vector(numbers[rows[7]["id"]]), atol=1e-6)


def test_rows_of_a_chunk_come_in_file_order(pulled: Pulled) -> None:
    rows, _ = pulled
    numbers = {row_uuid(n): n for n in range(ROWS)}
    order = [numbers[row["id"]] for row in rows]

    for start in range(0, ROWS, 300):
        stretch = [n for n in order if start <= n < start + 300]
        assert stretch == sorted(stretch)


def test_resuming_after_a_row_gives_exactly_the_rest(address: str, pulled: Pulled) -> None:
    rows, _ = pulled

    rest, end = pull(address, "recruit", rows[633]["id"])

    assert [row["id"] for row in rest] == [row["id"] for row in rows[634:]]
    assert end["pcw-rows"] == str(ROWS - 634)


def test_an_unknown_uuid_is_not_found_and_a_bad_one_invalid(address: str, pulled: Pulled) -> None:
    not_canonical = pulled[0][0]["id"].upper()
    assert pull(address, "recruit", str(uuid.uuid4())) == ([], {"status": "NOT_FOUND"})
    assert pull(address, "recruit", not_canonical) == ([], {"status": "INVALID_ARGUMENT"})
    assert pull(address, "nope") == ([], {"status": "INVALID_ARGUMENT"})
