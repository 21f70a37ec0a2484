"""Joined passages in the database: those of the present rows, with any chunks, order and retries."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from pc_worker.domains import Member, get_domain, join_rows
from pc_worker.encoding.models.finding import find_model
from pc_worker.encoding.protocol import Span
from pc_worker.encoding.text.line_tokens import line_tokens
from pc_worker.encoding.text.tokens import load_tokens
from pc_worker.errors import EncodingFailed, InvalidRequest, UnknownDomain
from pc_worker.model.filter import Filter
from pc_worker.model.joined import joined_name
from pc_worker.services.declarations import check_known
from pc_worker.services.forget import forget_all, forget_ids
from pc_worker.services.ingest.rows import join as joining
from pc_worker.services.models import change_model, joined_vectors
from pc_worker.services.models.joined_vectors import complete_passages
from pc_worker.services.search.index import index_choice
from pc_worker.services.search.index.indexes import index_status, maintain_indexes
from pc_worker.services.search.reply import SearchHit
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.store.rows import joined
from pc_worker.store.search.filters.where import read_where
from pc_worker.store.search.log_sample import sample_rows
from pc_worker.store.search.statistics import refresh_statistics
from tests.model.line import Line, Row, TinyEncoder, identify

DOMAIN = "transcript"


class WideEncoder(TinyEncoder):
    """One whose window holds every text of these tests."""

    def passages(self, text: str) -> list[Span]:
        return [Span(0, len(text))]


@pytest.fixture
def wide(line: Line) -> Line:
    encoder = {name: WideEncoder(identify(name)) for name in ("tiny-4",)}
    line.services = replace(line.services, encoder=lambda model: encoder[model.name])
    return line


TOPICS = ("budget", "launch", "hiring", "office", "server", "holiday")


WORDS = "we talk about it at length, in detail and once more from the beginning"


def meeting(name: str, utterances: int, *, words: str = WORDS) -> list[Row]:
    return [
        {
            "meeting": name,
            "speaker": ("Ann", "민지", "Bo")[n // 2 % 3],
            "start": 10 * n,
            "end": 10 * n + 9,
            "text": f"Point{n} of {name}: {TOPICS[n % len(TOPICS)]}, {words}.",
        }
        for n in range(utterances)
    ]


def expected(line: Line) -> set[tuple[UUID, str]]:
    """Return the passages that the stored rows make."""
    found = line.query("SELECT row_id, key, payload, text, content_hash FROM rows WHERE domain = %s", DOMAIN)
    members = [
        Member(row_id=UUID(row_id), key=key, payload=payload, text=text, content_hash=bytes(content_hash))
        for row_id, key, payload, text, content_hash in found
    ]
    join = get_domain(DOMAIN).join
    assert join is not None
    return {(one.id, one.text) for one in join_rows(join, members, line_tokens)}


def stored(line: Line) -> set[tuple[UUID, str]]:
    return {
        (UUID(row_id), text)
        for row_id, text in line.query("SELECT row_id, text FROM rows WHERE domain = %s", f"{DOMAIN}.joined")
    }


def check(line: Line) -> None:
    """Check that the stored passages are exactly those of the stored rows, each with its vectors, terms and parts."""
    assert stored(line) == expected(line)
    assert line.query(
        "SELECT row_id FROM rows r WHERE domain = %s AND (NOT EXISTS (SELECT FROM row_terms t WHERE t.domain = r.domain"
        " AND t.row_id = r.row_id) OR NOT EXISTS (SELECT FROM embeddings e JOIN domains d ON d.domain = r.domain"
        " AND d.model_id = e.model_id WHERE e.domain = r.domain AND e.row_id = r.row_id))", f"{DOMAIN}.joined",
    ) == []  # fmt: skip
    [(rows, parts)] = line.query(
        "SELECT (SELECT count(*) FROM rows WHERE domain = %s), count(DISTINCT row_id) FROM joined_parts", DOMAIN
    )
    assert rows == parts


def hits(line: Line, query: str, **how: Any) -> list[SearchHit]:
    where: Filter | None = read_where(how.pop("where", ()))
    request = SearchRequest(query=query, domain=DOMAIN, where=where, **{"mode": "text"} | how)
    return list(search(line.database, request, encoder=line.services.encoder).hits)


def row_of(line: Line, start: int, name: str = "weekly") -> UUID:
    [(row_id,)] = line.query(
        "SELECT row_id FROM rows WHERE domain = %s AND payload @> %s",
        DOMAIN,
        f'{{"start": {start}, "meeting": "{name}"}}',
    )
    return UUID(row_id)


@pytest.mark.parametrize("seed", [1, 2])
def test_passages_are_those_of_the_rows_for_any_chunks_in_any_order(line: Line, seed: int) -> None:
    chance = random.Random(seed)
    rows = meeting("weekly", 40) + meeting("주간 회의", 25)
    chance.shuffle(rows)
    jobs = [line.begin(rows[:45], domain=DOMAIN, chunk_size=chance.choice([1, 7, 20]), source="one")]
    jobs += [line.begin(rows[30:], domain=DOMAIN, chunk_size=10, source="two")]
    chunks = [(job, number) for job in jobs for number in line.open_chunks(job)]
    for job, number in chance.sample(chunks, len(chunks)):
        line.work(job, number)
        check(line)

    assert len(stored(line)) > 4
    assert all(count + 2 <= 512 for count in load_tokens(find_model("")).count([text for _, text in stored(line)]))


def test_ingesting_the_same_rows_again_encodes_and_writes_nothing(line: Line) -> None:
    line.ingest(meeting("weekly", 30), domain=DOMAIN, chunk_size=10)
    before = line.query("SELECT xmin::text, row_id FROM rows WHERE domain = %s ORDER BY 2", f"{DOMAIN}.joined")

    again = line.ingest(meeting("weekly", 30), domain=DOMAIN, chunk_size=7, source="copy")

    assert (again.rows_unchanged, again.texts_encoded) == (30, 0)
    assert line.query("SELECT xmin::text, row_id FROM rows WHERE domain = %s ORDER BY 2", f"{DOMAIN}.joined") == before


def test_a_changed_or_moved_utterance_changes_its_passages_and_leaves_no_old_text(wide: Line) -> None:
    rows = [{**row, "id": f"{row['meeting']}-{row['start']}"} for row in meeting("weekly", 12) + meeting("other", 3)]
    rows[5]["text"] = "The secret codename is zanzibar."
    wide.ingest(rows, domain=DOMAIN)
    assert [hit.payload["start"] for hit in hits(wide, "zanzibar")] == [50]

    wide.ingest([rows[5] | {"text": "Nothing to see."}, rows[6] | {"meeting": "other"}], domain=DOMAIN)

    check(wide)
    assert hits(wide, "zanzibar") == []
    [moved] = hits(wide, "Point6")
    assert (moved.payload["meeting"], moved.passage and moved.passage.joined and moved.passage.joined.group) == (
        "other", {"meeting": "other"},
    )  # fmt: skip


def test_a_forgotten_utterance_is_out_of_every_passage_at_once_and_its_neighbours_stay(wide: Line) -> None:
    wide.ingest(meeting("weekly", 30, words="zanzibar"), domain=DOMAIN)
    gone = row_of(wide, 50)

    forget_ids(wide.database, DOMAIN, [gone])

    assert stored(wide) == expected(wide)
    assert hits(wide, "Point5") == []
    assert [hit.payload["start"] for hit in hits(wide, "Point4")] == [40], "found by its words before it has vectors"
    assert wide.query("SELECT count(*) FROM joined_parts WHERE row_id = %s", str(gone)) == [(0,)]

    assert complete_passages(wide.services) > 0
    check(wide)
    assert complete_passages(wide.services, always=True) == 0

    forget_all(wide.database, DOMAIN)
    assert wide.query("SELECT count(*) FROM rows") == [(0,)]


def test_a_turn_without_a_reason_looks_at_a_part_of_the_passages(wide: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    wide.ingest(meeting("weekly", 30) + meeting("other", 30), domain=DOMAIN)
    ids = sorted({row_id for row_id, _ in stored(wide)})
    with wide.database.transaction() as cursor:
        cursor.execute("DELETE FROM embeddings WHERE domain = %s", (joined_name(DOMAIN),))
    monkeypatch.setattr(joined_vectors, "WITHIN", 1)
    starts = iter(ids[:-1])
    monkeypatch.setattr(joined_vectors, "uuid4", lambda: next(starts))

    assert complete_passages(wide.services, always=True) == 2  # the first one, and the one after a random place
    assert [complete_passages(wide.services, always=True) for _ in ids[2:]] == [1] * (len(ids) - 2)
    check(wide)


def test_workers_on_chunks_of_one_meeting_do_not_disturb_each_other(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = line.begin(meeting("weekly", 40), domain=DOMAIN, chunk_size=20)
    expect = joining.Joiner.expect
    met: list[int] = []

    def meanwhile(self: joining.Joiner, rows: Any) -> None:
        """Commit the other chunk after this one has encoded what it expects."""
        expect(self, rows)
        if not met:
            met.append(1)
            other = threading.Thread(target=line.work, args=(job, 1))
            other.start()
            other.join()

    monkeypatch.setattr(joining.Joiner, "expect", meanwhile)
    line.work(job, 0)

    check(line)
    assert line.finish(job).state == "completed"


def test_a_chunk_that_dies_at_any_step_leaves_everything_as_it_was(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.ingest(meeting("weekly", 20), domain=DOMAIN)
    before = stored(line)
    job = line.begin(meeting("weekly", 30, words="other words"), domain=DOMAIN, chunk_size=30)
    module: ModuleType = joined
    for step in ("set_groups", "lock_groups", "delete_passages", "add_passages"):
        real: Callable[..., Any] = getattr(module, step)

        def dies(*given: Any, real: Callable[..., Any] = real, **named: Any) -> Any:
            real(*given, **named)
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(module, step, dies)
            with pytest.raises(KeyboardInterrupt):
                line.work(job, 0)
        assert stored(line) == before == expected(line)
        line.query("UPDATE chunks SET crashes = 0, lease_until = NULL WHERE job_id = %s", job)
    line.finish(job)
    check(line)
    assert before.isdisjoint(stored(line))


def test_a_hit_says_who_and_when_and_is_the_utterance_that_fits(wide: Line) -> None:
    wide.ingest(meeting("weekly", 6) + meeting("other", 3), domain=DOMAIN)

    [hit, *_] = hits(wide, "Point3 weekly", k=1)

    assert hit.id == str(row_of(wide, 30))
    assert hit.payload["speaker"] == "민지"
    assert hit.passage is not None
    document = hit.to_dict()["passage"]
    assert set(document) == {"text", "start", "end", "group", "speakers", "from", "to", "rows"}
    assert hit.passage.joined is not None
    assert hit.passage.joined.label.startswith("weekly · ")


FILTERS: list[tuple[list[str], set[int]]] = [
    (["meeting=weekly", "speaker=민지"], {20, 30}),
    (["meeting=weekly", "speaker!=민지"], {0, 10, 40, 50}),
    (["speaker=Ann", "start>=100"], set()),
    (["start>=30", "start<50", "meeting=other"], {30, 40}),
    (["speaker=Ann,Bo", "start>=20", "meeting=weekly"], {40, 50}),
    (["meeting=none"], set()),
]


def test_a_sample_of_joined_passages_has_each_of_them_once(line: Line) -> None:
    line.ingest(meeting("weekly", 30) + meeting("other", 9), domain=DOMAIN)
    with line.database.transaction() as cursor:
        scale = sample_rows(cursor, joined_name(DOMAIN), rows=1_000)
        cursor.execute("SELECT row_id FROM sampled_rows")
        found = [UUID(row_id) for (row_id,) in cursor.fetchall()]

    assert sorted(found) == sorted({row_id for row_id, _ in stored(line)})
    assert scale == 1


def test_filters_are_met_by_the_row_itself(line: Line) -> None:
    line.ingest(meeting("weekly", 6) + meeting("other", 6), domain=DOMAIN)
    for counted in (False, True):
        refresh_statistics(line.database, DOMAIN, always=counted)
        for where, starts in FILTERS:
            for mode in ("text", "vector", "hybrid"):
                found = hits(line, "budget launch hiring office server holiday", where=where, mode=mode, k=20)

                assert {hit.payload["start"] for hit in found} <= starts, (where, mode)
                assert bool(found) == bool(starts), (where, mode)


def test_a_group_that_is_too_large_ends_its_job_with_what_to_do(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "MAX_ROWS", 20)
    line.ingest(meeting("weekly", 21), domain=DOMAIN, chunk_size=30)
    job = line.begin(meeting("weekly", 25), domain=DOMAIN, chunk_size=30)

    with pytest.raises(InvalidRequest, match="more than 20 rows of meeting 'weekly'"):
        line.work(job, 0)

    assert line.query("SELECT state FROM jobs WHERE job_id = %s", job) == [("failed",)]
    check(line)


def test_a_filter_on_a_field_that_no_utterance_has_is_refused(line: Line) -> None:
    line.ingest(meeting("weekly", 2), domain=DOMAIN)

    with pytest.raises(InvalidRequest, match="domain transcript has the field 'speakers'; did you mean 'speaker'"):
        hits(line, "budget", where=["speakers=Ann"])


def test_only_the_vectors_that_are_searched_get_an_index(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_choice, "MIN_VECTORS", 1)
    line.ingest(meeting("weekly", 40), domain=DOMAIN)

    assert maintain_indexes(line.database) == [f"{DOMAIN}.joined"]
    assert [state.domain for state in index_status(line.database, DOMAIN) if state.built] == [f"{DOMAIN}.joined"]
    assert hits(line, "budget", mode="hybrid", where=["speaker=Ann"])


def test_neighbours_of_a_row_are_other_passages(line: Line) -> None:
    line.ingest(meeting("weekly", 40), domain=DOMAIN)

    found = hits(line, "", like=str(row_of(line, 0)), mode="vector", k=20)

    assert len(found) == len(stored(line)) - 1
    assert all(hit.passage and "Point0 " not in hit.passage.text for hit in found)


def test_a_second_model_has_vectors_of_the_passages_before_the_switch(line: Line) -> None:
    line.ingest(meeting("weekly", 20), domain=DOMAIN)
    model = line.model("tiny-8")
    assert change_model.coverage(line.services, DOMAIN, model).lacking == 20 + len(stored(line))

    after: UUID | None = change_model.FIRST
    while after is not None:
        after = change_model.backfill(line.services, DOMAIN, model, after=after)
    change_model.switch(line.services, DOMAIN, model)

    check(line)
    assert hits(line, "budget", mode="hybrid")
    line.ingest(meeting("weekly", 22), domain=DOMAIN)
    check(line)


class RefusingEncoder(TinyEncoder):
    """One that refuses every text."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise EncodingFailed("HTTP 400: content_filter")


def test_a_second_backfill_tries_refused_passages_once_and_ends(line: Line) -> None:
    line.ingest(meeting("weekly", 20), domain=DOMAIN)
    model = line.model("tiny-8")
    after: UUID | None = change_model.FIRST
    while after is not None:
        after = change_model.backfill(line.services, DOMAIN, model, after=after)
    line.query("DELETE FROM embeddings WHERE domain = %s AND model_id = %s", joined_name(DOMAIN), model.model_id)
    refusing = RefusingEncoder(identify("tiny-8"))
    line.services = replace(line.services, encoder=lambda _: refusing)

    for _ in range(2):
        tried = change_model.backfill(line.services, DOMAIN, model)
        assert tried is not None
        assert change_model.backfill(line.services, DOMAIN, model, after=tried) is None


def test_delivered_rows_stay_one_an_utterance(line: Line) -> None:
    job = line.ingest(meeting("weekly", 12), domain=DOMAIN)

    assert job.rows_written == 12
    assert line.query("SELECT domain, head FROM domains WHERE domain LIKE 'transcript%%' ORDER BY 1") == [
        ("transcript", 12),
        ("transcript.joined", 0),
    ]
    assert line.query("SELECT count(*) FROM log WHERE domain = 'transcript.joined'") == [(0,)]


def test_the_passages_are_no_domain_of_a_user(line: Line) -> None:
    with line.database.transaction() as cursor, pytest.raises(UnknownDomain):
        check_known(cursor, f"{DOMAIN}.joined")
