"""A row that fits the wire under one model and not under another: noted by the backfill, in no log that is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray
from psycopg2.errors import DeadlockDetected

from pc_worker.encoding.protocol import Span
from pc_worker.errors import EncodingFailed, InvalidRequest
from pc_worker.model import Model
from pc_worker.services.dead_letters.dead_list import all_dead
from pc_worker.services.dead_letters.retry import retry_dead
from pc_worker.services.forget import forget_ids
from pc_worker.services.models import change_model
from pc_worker.store.db.connection import Cursor
from pc_worker.store.ledger.letter_filter import LetterFilter
from pc_worker.store.models import model_switch
from tests.model.line import DOMAIN, FIRST_MODEL, Line, Row, TinyEncoder, identify

#: 1,500 passages: 6.2 MB at 1,024 dimensions, 60 kB at 4.
LONG = "a passag" * 1500
SHORT: list[Row] = [{"id": "short", "text": "short"}]


def backfill(line: Line, model: Model) -> change_model.Coverage:
    after = change_model.FIRST
    while (reached := change_model.backfill(line.services, DOMAIN, model, after=after)) is not None:
        after = reached
    return change_model.coverage(line.services, DOMAIN, model)


def delivered(line: Line) -> dict[str, int]:
    """Return rows by key with the kind of their newest entry."""
    return dict(
        line.query("SELECT r.key, l.kind FROM log l JOIN rows r USING (domain, row_id) WHERE superseded_by IS NULL")
    )


def found(line: Line, words: str) -> list[str]:
    statement = "SELECT r.key FROM row_terms t JOIN rows r USING (domain, row_id) WHERE r.text LIKE %s ORDER BY 1"
    return [key for (key,) in line.query(statement, f"{words}%")]


@pytest.fixture
def wide(line: Line) -> Model:
    line.ingest([*SHORT, {"id": "long", "text": LONG}], chunk_size=1)
    return line.model("tiny-1024")


def test_the_backfill_notes_it_compare_counts_it_and_the_switch_is_refused(line: Line, wide: Model) -> None:
    assert change_model.compare(line.services, DOMAIN, wide).lacking == 2
    covered = backfill(line, wide)
    compared = change_model.compare(line.services, DOMAIN, wide)

    assert (covered.lacking, covered.too_large) == (0, 1)
    assert (compared.lacking, compared.too_large) == (0, 1)
    with pytest.raises(InvalidRequest, match=r"^1 rows are over 4,000,000 bytes .*--max-dead 1"):
        change_model.switch(line.services, DOMAIN, wide)
    (note,) = all_dead(line.services, LetterFilter())
    assert (note.kind, note.job_id) == ("model", "job-0")
    assert re.search(r"^model tiny-1024@1: row .* is 6,\d{3},\d{3} bytes .*: 4,000,000 is the most$", note.reason)
    assert change_model.backfill(line.services, DOMAIN, wide) is None, "it is not embedded again and again"


def test_a_switch_that_is_told_leaves_it_out_of_the_log_and_of_searches_and_the_way_back_brings_it(
    line: Line, wide: Model
) -> None:
    backfill(line, wide)

    assert change_model.switch(line.services, DOMAIN, wide, max_dead=1) == 1
    assert delivered(line) == {"short": 0, "long": 1}
    assert (found(line, "a passag"), found(line, "short")) == ([], ["short"])

    first = line.model(FIRST_MODEL)
    assert change_model.switch(line.services, DOMAIN, first) == 2
    assert delivered(line) == {"short": 0, "long": 0}
    assert found(line, "a passag") == ["long"]


def test_a_switch_that_meets_a_deadlock_is_run_again(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.ingest(SHORT)
    model, real, runs = line.model("tiny-8"), model_switch.switch_model, list[str]()
    backfill(line, model)

    def switch(cursor: Cursor, domain: str, model_id: int) -> int:
        runs.append(domain)
        if len(runs) == 1:
            raise DeadlockDetected("deadlock detected")
        return real(cursor, domain, model_id)

    monkeypatch.setattr(model_switch, "switch_model", switch)

    assert change_model.switch(line.services, DOMAIN, model) == 1
    assert len(runs) == 2


def test_what_is_stored_already_is_looked_at_again_at_the_switch(line: Line, wide: Model) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(change_model, "WIRE_LIMIT", 10_000_000)
        assert backfill(line, wide).too_large == 0
    assert change_model.compare(line.services, DOMAIN, wide).too_large == 1

    with pytest.raises(InvalidRequest, match="--max-dead 1"):
        change_model.switch(line.services, DOMAIN, wide)

    assert change_model.coverage(line.services, DOMAIN, wide).too_large == 1
    assert change_model.switch(line.services, DOMAIN, wide, max_dead=1) == 1


def test_a_newer_version_that_fits_is_delivered_and_one_that_does_not_is_dead(line: Line, wide: Model) -> None:
    backfill(line, wide)
    change_model.switch(line.services, DOMAIN, wide, max_dead=1)

    refused = line.ingest([{"id": "long", "text": LONG}])
    assert (refused.state, refused.rows_dead) == ("partial", 1)
    assert delivered(line)["long"] == 1
    assert line.ingest([{"id": "long", "text": "now short"}]).rows_written == 1
    assert (delivered(line), found(line, "now")) == ({"short": 0, "long": 0}, ["long"])
    assert [x for x in all_dead(line.services, LetterFilter()) if x.kind == "model"] == []

    first = line.model(FIRST_MODEL)
    assert backfill(line, first).lacking == 0
    assert change_model.switch(line.services, DOMAIN, first) == 2
    assert line.query("SELECT count(*) FROM row_terms") == [(2,)]


def test_forgetting_it_takes_the_note_along(line: Line, wide: Model) -> None:
    backfill(line, wide)
    change_model.switch(line.services, DOMAIN, wide, max_dead=1)
    forget_ids(line.database, DOMAIN, [UUID(str(line.row_id("long")))])

    assert [x for x in all_dead(line.services, LetterFilter()) if x.kind == "model"] == []
    assert line.query("SELECT count(*) FROM parked_terms") == [(0,)]
    assert change_model.switch(line.services, DOMAIN, line.model(FIRST_MODEL)) == 1


def test_dropping_the_model_takes_its_notes_along(line: Line, wide: Model) -> None:
    backfill(line, wide)
    assert change_model.drop(line.services, wide) == 1
    assert [x for x in all_dead(line.services, LetterFilter()) if x.kind == "model"] == []
    assert change_model.coverage(line.services, DOMAIN, wide).lacking == 2


def test_a_dead_letter_is_tried_again_under_the_model_that_is_active_now(line: Line) -> None:
    old = line.ingest([*SHORT, {"id": "bad", "text": "nul \0"}], chunk_size=1)
    model = line.model("tiny-8")
    backfill(line, model)
    change_model.switch(line.services, DOMAIN, model)
    line.query("UPDATE dead_letters SET normal_form = %s RETURNING 1", '{"id": "bad", "text": "mended"}')
    (line.folder / "f0.jsonl").write_text("{}\n")

    (told,) = retry_dead(line.services, LetterFilter(job_id=old.job_id))

    assert told.outcome == "written"
    assert line.query("SELECT DISTINCT model_id FROM embeddings e JOIN rows r USING (row_id) WHERE key = 'bad'") == [
        (model.model_id,)
    ]


class Filtering(TinyEncoder):
    """An engine with a filter: one text that it refuses fails its whole batch."""

    forbidden = "forbidden"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if any(self.forbidden in text for text in texts):
            raise EncodingFailed("HTTP 400: content_filter")
        return super().encode(texts)

    def passages(self, text: str) -> list[Span]:
        return [Span(0, len(text))]


@pytest.fixture
def filtering(line: Line, monkeypatch: pytest.MonkeyPatch) -> Model:
    """Return a model that refuses one of two rows."""
    monkeypatch.setattr(Filtering, "forbidden", "forbidden")
    line.ingest([*SHORT, {"id": "bad", "text": "forbidden words"}])
    model = line.model("tiny-8")
    of = {FIRST_MODEL: TinyEncoder, "tiny-8": Filtering}
    line.services = replace(line.services, encoder=lambda wanted: of[wanted.name](identify(wanted.name)))
    return model


def test_a_row_that_a_model_refuses_is_recorded_and_counts_under_max_dead(line: Line, filtering: Model) -> None:
    covered = backfill(line, filtering)

    assert (covered.lacking, covered.too_large, covered.refused) == (0, 0, 1)
    assert change_model.compare(line.services, DOMAIN, filtering).refused == 1
    (note,) = all_dead(line.services, LetterFilter())
    assert note.kind == "model"
    assert re.search(r"^model tiny-8@1: row .*: the text cannot be encoded: HTTP 400: content_filter$", note.reason)
    with pytest.raises(InvalidRequest, match=r"^1 rows are refused by tiny-8@1 .*--max-dead 1"):
        change_model.switch(line.services, DOMAIN, filtering)
    assert change_model.switch(line.services, DOMAIN, filtering, max_dead=1) == 1
    assert delivered(line) == {"short": 0, "bad": 1}
    assert (found(line, "forbidden"), found(line, "short")) == ([], ["short"])

    assert change_model.switch(line.services, DOMAIN, line.model(FIRST_MODEL)) == 2
    assert found(line, "forbidden") == ["bad"]


def test_what_a_model_has_refused_is_tried_again_by_the_next_backfill_unless_it_is_active(
    line: Line, filtering: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    backfill(line, filtering)
    change_model.switch(line.services, DOMAIN, filtering, max_dead=1)
    monkeypatch.setattr(Filtering, "forbidden", "nothing")
    assert backfill(line, filtering).refused == 1, "it is not in the log"
    change_model.switch(line.services, DOMAIN, line.model(FIRST_MODEL))

    covered = backfill(line, filtering)

    assert (covered.lacking, covered.refused) == (0, 0)
    assert change_model.switch(line.services, DOMAIN, filtering) == 2
