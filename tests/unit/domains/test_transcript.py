"""Utterances: their times in one form, and their identity with and without a key column."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from pc_worker.domains import Dead, Options, Record, SchemaMismatch, Skipped, get_domain, resolve, row_keys
from pc_worker.domains.cleaning.cells import BadValue
from pc_worker.domains.cleaning.rules import time_point
from pc_worker.reader import normal
from tests.unit.domains.tables import ABatch, clean_rows, columns_of

UTTERANCE = {"meeting": "weekly", "speaker": "Ann", "start": 83.5, "end": 90, "text": "We start."}


def keys(*rows: dict[str, Any]) -> list[str | None]:
    batch, domain = ABatch(rows), get_domain("transcript")
    mapping = resolve(domain, Options(), columns_of(batch), batch, "talk.pkl")
    return row_keys(domain, mapping, batch)


@pytest.mark.parametrize(
    ("cell", "point"),
    [
        (0, 0),
        (83.0, 83),
        (83.5, 83.5),
        (np.float32(1.5), 1.5),
        ("83.5", 83.5),
        ("1:23.5", 83.5),
        ("00:01:23,500", 83.5),
        ("1:00:00", 3600),
        (dt.timedelta(minutes=2), 120),
        (np.timedelta64(1500, "ms"), 1.5),
        ("P0DT0H1M23.5S", 83.5),
        (normal(dt.timedelta(days=1, hours=2, minutes=3, seconds=4, microseconds=50)), 93784.00005),
        ("2026-03-02 10:00+09:00", "2026-03-02T01:00:00+00:00"),
        (dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC), "2026-03-02T10:00:00+00:00"),
        (" ", None),
    ],
    ids=repr,
)
def test_a_time_is_seconds_or_a_timestamp_in_utc(cell: object, point: object) -> None:
    assert time_point(cell) == point


@pytest.mark.parametrize(
    "cell",
    [-1, float("inf"), True, "soon", "1:2:3:4", [1], 2**40, normal(dt.timedelta(seconds=-1)), "P1D"],
    ids=repr,
)
def test_anything_else_is_no_time(cell: object) -> None:
    with pytest.raises(BadValue):
        time_point(cell)


def test_an_utterance_is_a_row_with_its_fields() -> None:
    [record] = clean_rows("transcript", {**UTTERANCE, "meeting": 7})

    assert isinstance(record, Record)
    assert record.payload == {"meeting": "7", "speaker": "Ann", "start": 83.5, "end": 90, "text": "We start."}
    assert record.text == "We start."


@pytest.mark.parametrize(
    ("change", "kind", "reason"),
    [
        ({"meeting": None}, Dead, "meeting: missing"),
        ({"meeting": " "}, Dead, "meeting: blank"),
        ({"start": None}, Dead, "start: missing"),
        ({"start": "soon"}, Dead, "start"),
        ({"text": None}, Skipped, "text: missing"),
        ({"text": " "}, Skipped, "text: no text to embed"),
    ],
)
def test_odd_values(change: dict[str, Any], kind: type[Dead | Skipped], reason: str) -> None:
    [outcome] = clean_rows("transcript", UTTERANCE | change)

    assert isinstance(outcome, kind)
    assert reason in outcome.reason


def test_without_a_key_column_meeting_speaker_and_start_identify_an_utterance_in_any_format() -> None:
    same = [UTTERANCE, UTTERANCE | {"text": "Corrected.", "end": 99}, UTTERANCE | {"start": "1:23.5"}]
    others = [UTTERANCE | {name: value} for name, value in (("meeting", "x"), ("speaker", "Bo"), ("start", 84))]

    assert len(set(keys(*same))) == 1
    assert len(set(keys(*same, *others))) == 4
    assert keys({**UTTERANCE, "id": "u-1"}) == ["u-1"]
    assert len(set(keys({**UTTERANCE, "start": "soon"}, {**UTTERANCE, "start": None}))) == 2


def test_a_source_without_speakers_names_the_missing_column() -> None:
    with pytest.raises(SchemaMismatch, match='"speaker" or "speaker_name"'):
        clean_rows("transcript", {name: value for name, value in UTTERANCE.items() if name != "speaker"})
