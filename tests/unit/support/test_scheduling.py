"""Which test process gets which file."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, cast

import pytest

from tests.support.scheduling import SharingScheduling, shared_by

LIVE, NACK, DUMPS = "tests/java/test_live.py", "tests/java/test_nack.py", "tests/acceptance/test_dead_letters.py"
QUEUE, QUOTA = "tests/integration/gateway/test_queue.py", "tests/integration/gateway/test_quota.py"
KILLS = "tests/acceptance/test_kills.py"


class Scheduling(SharingScheduling):
    """One with two processes, without sending them anything."""

    def __init__(self, *files: str) -> None:
        self.workqueue = OrderedDict((file, {f"{file}::test": False}) for file in files)
        self.assigned_work: dict[Any, dict[str, object]] = {"a": {}, "b": {}}

    def give(self, name: str) -> str:
        file = self._next_for(cast(Any, name))
        self.assigned_work[name][file] = self.workqueue.pop(file)
        return file


def test_files_that_share_go_to_one_process_and_the_rest_in_their_order() -> None:
    scheduling = Scheduling(DUMPS, LIVE, KILLS, QUEUE, QUOTA, NACK)

    given = [scheduling.give(name) for name in "ababab"]

    assert given == [DUMPS, KILLS, LIVE, QUEUE, NACK, QUOTA]


def test_at_the_end_no_process_waits_for_what_another_shares() -> None:
    scheduling = Scheduling(DUMPS, LIVE, NACK)

    assert [scheduling.give(name) for name in "abb"] == [DUMPS, LIVE, NACK]


@pytest.mark.parametrize(
    ("file", "same"), [(DUMPS, True), (LIVE, True), ("tests/acceptance/http/test_console.py", True), (KILLS, False)]
)
def test_who_uses_the_stack(file: str, same: bool) -> None:
    assert (shared_by(file) == "stack") is same
