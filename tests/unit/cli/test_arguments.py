"""Arguments of commands: what they accept, and one sentence for what they do not."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import click
import pytest

from pc_worker.cli.arguments import FILE, IsoTime, Measure, Number, whole_path
from pc_worker.cli.source_options import job_path
from pc_worker.errors import InvalidRequest, SourceRejected

SEOUL = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (FILE, "a file.pkl", "a file.pkl"),
        (FILE, "\udcff", "\udcff"),
        (Number(0, 9), " +7 ", 7),
        (Measure(0.0, 1.0), "1e-3", 0.001),
        (IsoTime(), "2026-11-29T06:00:00", datetime(2026, 11, 29, 6, tzinfo=UTC)),
        (IsoTime(), "2026-11-29T06:00:00+09:00", datetime(2026, 11, 29, 6, tzinfo=SEOUL)),
        (IsoTime(), "2026-11-29", datetime(2026, 11, 29, tzinfo=UTC)),
        (IsoTime(), datetime(2026, 11, 29, tzinfo=UTC), datetime(2026, 11, 29, tzinfo=UTC)),
    ],
)
def test_accepted(kind: click.ParamType[Any], value: Any, expected: object) -> None:
    assert kind.convert(value, None, None) == expected


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (FILE, "", "is no file name"),
        (FILE, "a\0b", "is no file name"),
        (FILE, "\ud800", "is no file name"),
        (Number(0, 9), "10", "not in the range"),
        (Number(0, 9), "٣", "in the digits 0 to 9"),
        (Number(0, 9), "3.5", "not a valid integer"),
        (Measure(0.0, 1.0), "nan", "not a finite number"),
        (Measure(0.0), "inf", "not a finite number"),
        (Measure(0.0), "one", "not a valid float"),
        (IsoTime(), "yesterday", "no ISO 8601 time, as 2026-11-29T06:00:00+01:00"),
        (IsoTime(), "2026-02-30", "no ISO 8601 time"),
    ],
)
def test_rejected(kind: click.ParamType[Any], value: str, words: str) -> None:
    with pytest.raises(click.BadParameter) as raised:
        kind.convert(value, None, None)

    assert words in raised.value.message


def test_a_file_is_named_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert job_path("a/../b.pkl") == whole_path("b.pkl") == str(tmp_path / "b.pkl")
    assert whole_path("s3://bucket/b.pkl") == "s3://bucket/b.pkl"
    with pytest.raises(SourceRejected, match="its name is not UTF-8: rename it"):
        job_path("\udcff.pkl")
    with pytest.raises(SourceRejected, match="no file has a path of over 4,096 characters"):
        job_path("a" * 5000)


def test_a_folder_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    with pytest.raises(InvalidRequest, match="change to another one"):
        whole_path("b.pkl")
    os.chdir(tmp_path)


def test_a_file_that_cannot_be_read_is_no_error_of_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f.csv").write_text("id\n1\n")
    monkeypatch.setattr(os, "access", lambda *_: False)

    assert FILE.convert(str(tmp_path / "f.csv"), None, None) == str(tmp_path / "f.csv")
