"""Evaluation: on rows whose right answers are known, and on the labelled set over the sample documentation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from math import log, sqrt
from pathlib import Path

import pytest
import redis

from pc_worker.embedded import start_servers
from pc_worker.encoding import identify_model, load_encoder
from pc_worker.errors import SourceRejected
from pc_worker.hot_buffer import HotBuffer
from pc_worker.reader import Limits
from pc_worker.samples.python_docs import write_python_docs
from pc_worker.services.dependencies import Services
from pc_worker.services.ingest.process_chunk import after_job, process_chunk
from pc_worker.services.ingest.split import split
from pc_worker.services.ingest.submit import IngestRequest, submit
from pc_worker.services.jobs.job_control import job_status
from pc_worker.services.search.quality.evaluate import draw, evaluate
from pc_worker.services.search.quality.judgements import JudgedQuery, read_judgements
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search
from pc_worker.services.sources import Sources
from pc_worker.settings import PROJECT
from pc_worker.store.db.connection import Database
from pc_worker.store.db.migrations import migrate, read_migrations
from pc_worker.store.search.query.concepts import limited_weights, possible, score_sql
from pc_worker.store.search.query.query_words import asked_words
from pc_worker.store.search.scores.bm25 import emphasis
from pc_worker.store.search.words.question_phrases import without_question_phrases
from pc_worker.store.search.words.stopwords import without_function_words
from tests.integration.search.shelf import WordEncoder, open_shelf

LABELLED = Path(__file__).parent / "data" / "python_docs.jsonl"


def test_a_perfect_search_has_the_score_one(database: Database) -> None:
    shelf = open_shelf(database, "document")
    tea, coffee = shelf.add_all(["green tea", "black coffee"])
    judged = [JudgedQuery("tea", {str(tea): 1.0}), JudgedQuery("coffee", {str(coffee): 2.0, "no-such-key": 1.0})]

    result = evaluate(database, "document", judged, encoder=WordEncoder)

    assert (result.queries, result.judgements, result.missing) == (2, 3, 1)
    assert {mode: astuple(quality) for mode, quality in result.modes.items()} == {
        mode: pytest.approx((1.0, 1.0, 1.0, 1.0)) for mode in ("hybrid", "vector", "text")
    }


def test_judgements_of_another_collection_are_invalid(database: Database) -> None:
    with pytest.raises(SourceRejected, match="none of the judged rows"):
        evaluate(database, "document", [JudgedQuery("tea", {"elsewhere": 1.0})], encoder=WordEncoder)


def test_the_drawing_is_a_png(database: Database, tmp_path: Path) -> None:
    row_id = open_shelf(database, "document").add("one more")
    result = evaluate(database, "document", [JudgedQuery("more", {str(row_id): 1.0})], encoder=WordEncoder)

    draw(result, tmp_path / "quality.png")

    assert (tmp_path / "quality.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def documentation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Yield the sample documentation, ingested with the built-in model."""
    home = tmp_path_factory.mktemp("documentation")
    embedded_servers = start_servers(home)
    database = Database(embedded_servers.database_url)
    migrate(database, read_migrations(PROJECT / "migrations"))
    encoder = load_encoder("", cache=home / "models", threads=2)
    services = Services(
        database=database,
        make_hot_buffer=lambda: HotBuffer(redis.Redis.from_url(embedded_servers.redis_url), max_bytes=1 << 20),
        make_sources=lambda: Sources((home,), spool=home / "spool", limits=Limits()),
        encoder=lambda _: encoder,
        identify=identify_model,
        default_model="",
    )
    sample = write_python_docs(home)
    submit(services, IngestRequest(path=str(sample.path), domain="document"), "documentation")
    split(services, "documentation")
    chunk_no = 0
    while chunk_no < job_status(services, "documentation").chunks_total:  # a slow chunk is cut, which adds chunks
        process_chunk(services, "documentation", chunk_no)
        chunk_no += 1
    after_job(services, "documentation")
    yield services
    database.close()
    embedded_servers.stop()


@pytest.mark.slow
def test_hybrid_beats_both_of_its_parts_on_the_labelled_set(documentation: Services) -> None:
    judged = read_judgements(LABELLED)
    assert len(judged) >= 60

    result = evaluate(documentation.database, "document", judged, encoder=documentation.encoder)

    hybrid, vector, text = (result.modes[mode] for mode in ("hybrid", "vector", "text"))
    assert result.missing <= 0.1 * result.judgements  # other releases of Python document a little less
    assert hybrid.ndcg_10 > max(vector.ndcg_10, text.ndcg_10)
    assert hybrid.recall_10 >= max(vector.recall_10, text.recall_10)
    # Floors a little below what was measured when the set was made: 0.65, 0.57, 0.61; 0.96.
    assert hybrid.ndcg_10 >= 0.62
    assert vector.ndcg_10 >= 0.54
    assert text.ndcg_10 >= 0.58
    assert hybrid.recall_100 >= 0.93


@pytest.mark.slow
def test_bm25_is_the_textbooks_on_the_labelled_set(documentation: Services) -> None:
    with documentation.database.transaction() as cursor:
        cursor.execute("SELECT row_id, counts::text, length FROM row_terms WHERE domain = 'document'")
        rows = [(row_id, _counts(counts), length) for row_id, counts, length in cursor.fetchall()]
    mean = sum(length for _, _, length in rows) / len(rows)
    recurrence = _recurrence([counts for _, counts, _ in rows])

    for one in read_judgements(LABELLED)[::6]:
        expected: dict[str, float] = defaultdict(float)
        asked = asked_words("document", without_function_words(without_question_phrases(one.query)))
        holders = {term: sum(term in counts for _, counts, _ in rows) for term in asked.ids}
        words = possible(asked, {term for term, count in holders.items() if count})
        rarity = {term: log(1 + (len(rows) - holders[term] + 0.5) / (holders[term] + 0.5)) for term in words.ids}
        subject = {term: 1.0 if term in words.grams else sqrt(recurrence.get(term, 1.0)) for term in rarity}
        weights = limited_weights(
            words, {term: rarity[term] * subject[term] * emphasis(words.times.get(term, 1)) for term in rarity}
        )
        sql = compile(score_sql(words.terms, words.concepts, "score({})".format), "score", "eval")
        for row_id, counts, length in rows:
            norm = 1.2 * (0.25 + 0.75 * length / mean)
            scores = {
                term: weights[term] * counts[term] * 2.2 / (counts[term] + norm) for term in counts if term in weights
            }
            total = eval(sql, {"score": lambda term, of=scores: of.get(term, 0.0), "greatest": max, "least": min})
            if total > 0:
                expected[row_id] = total
        request = SearchRequest(query=one.query, domain="document", mode="text")
        found = search(documentation.database, request, encoder=documentation.encoder).hits

        assert [hit.score for hit in found] == pytest.approx(sorted(expected.values(), reverse=True)[:10])
        assert {hit.id: hit.score for hit in found} == pytest.approx({hit.id: expected[hit.id] for hit in found})


def _recurrence(rows: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """Return how often rows with a term have it, compared with all terms; as if four more had it as often as these."""
    occurrences: dict[int, float] = defaultdict(float)  # other forms of a word count as parts of one
    documents: Counter[int] = Counter()
    for counts in rows:
        documents.update(counts.keys())
        for term, count in counts.items():
            occurrences[term] += count
    usual = sum(occurrences.values()) / documents.total()
    return {term: round((occurrences[term] + 4 * usual) / ((documents[term] + 4) * usual), 2) for term in documents}


def _counts(sparse: str) -> dict[int, float]:
    """Return the elements of a sparsevec's text: `{index:value,…}/dimension`."""
    inside = sparse.partition("}")[0].removeprefix("{")
    return {int(index): float(value) for index, _, value in (pair.partition(":") for pair in inside.split(",") if pair)}
