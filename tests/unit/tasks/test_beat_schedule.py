"""Beat's schedule keeps its rate when the clock is changed."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta

import pytest
from celery import Celery

from tasks.beat_schedule import Every

NOW = datetime(2030, 5, 17, 12, tzinfo=UTC)


@pytest.fixture
def every() -> Every:
    with Celery(set_as_current=False) as app:
        return Every(30.0, nowfun=lambda: NOW, app=app)


def test_it_is_due_when_its_seconds_have_passed(every: Every) -> None:
    assert every.is_due(NOW - timedelta(seconds=30)).is_due
    assert not every.is_due(NOW - timedelta(seconds=29)).is_due


def test_a_clock_that_was_set_back_does_not_silence_it(every: Every) -> None:
    due = every.is_due(NOW + timedelta(hours=3))

    assert due.is_due
    assert due.next == 30


def test_ten_minutes_of_absence_make_one_run_not_twenty(every: Every) -> None:
    due = every.is_due(NOW - timedelta(minutes=10))

    assert (due.is_due, due.next) == (True, 30)


def test_it_survives_the_file_that_beat_keeps_it_in(every: Every) -> None:
    again = pickle.loads(pickle.dumps(Every(30.0)))

    assert isinstance(again, Every)
    assert again.seconds == every.seconds
