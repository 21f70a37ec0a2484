"""The message of a pool process that died."""

from __future__ import annotations

from pc_worker.services.ingest.reconcile import LOST_AFTER_S
from tasks.app import RetryingTask


def test_the_message_of_a_dead_process_comes_again_before_it_counts_as_lost() -> None:
    assert RetryingTask.default_retry_delay < LOST_AFTER_S / 2
