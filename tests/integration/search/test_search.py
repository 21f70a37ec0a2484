"""Search on a real server: what is found, how it is scored, and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import psycopg2.errors
import psycopg2.extensions
import pytest
from numpy.typing import NDArray

from pc_worker.errors import (
    ContractBroken,
    EngineRefused,
    InvalidRequest,
    NoQueryModel,
    NotFound,
    PcWorkerError,
    Unavailable,
)
from pc_worker.model import Model
from pc_worker.services.search.reply import Passage, SearchResult
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.search.search import search, warm_search
from pc_worker.settings import PROJECT
from pc_worker.store.db.connection import Database
from pc_worker.store.db.migrations import migrate, read_migrations
from pc_worker.store.models.registry import register_model
from pc_worker.store.search.filters.where import parse_where
from pc_worker.store.search.scope import begin_search
from tests.integration.search.databases import fresh_database
from tests.integration.search.shelf import Shelf, WordEncoder, embed, open_shelf, own_encoder

TEXTS = {
    "brew": "how to brew strong coffee at home",
    "tea": "green tea and black tea",
    "beans": "coffee beans from ethiopia, roasted light",
    "bike": "repair a bicycle chain",
    "korean": "우리는 프로젝트를 시작했다",
    "chinese": "北京大学的图书馆很大",
    "japanese": "東京タワーの高さは三百三十三メートルです",
    "signs": 'discount of 100% on C++ books & "quotes"',
}


@pytest.fixture(scope="module")
def shelf(database: Database) -> Shelf:
    shelf = open_shelf(database, "document")
    payloads = [{"name": name, "size": len(text), "tags": name.split("e")} for name, text in TEXTS.items()]
    shelf.add_all(list(TEXTS.values()), payloads=payloads)
    return shelf


@pytest.fixture(scope="module")
def ask(shelf: Shelf) -> Callable[..., SearchResult]:
    def ask(query: str = "", *, where: Sequence[str] = (), **options: object) -> SearchResult:
        request = SearchRequest(query=query, where=parse_where(where), **{"domain": "document", **options})  # type: ignore[arg-type] # the options are the test's
        return search(shelf.database, request, encoder=own_encoder)

    return ask


def names(result: SearchResult) -> list[str]:
    return [hit.payload["name"] for hit in result.hits]


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_every_mode_finds_the_row_and_reports_the_mode_used(ask: Callable[..., SearchResult], mode: str) -> None:
    result = ask("brew coffee", mode=mode)

    assert names(result)[0] == "brew"
    assert (result.mode, result.query, result.domain) == (mode, "brew coffee", "document")
    assert result.took_ms > 0


def test_hits_have_the_fields_of_the_json_document(ask: Callable[..., SearchResult]) -> None:
    document = ask("brew coffee").to_dict()

    assert list(document) == ["query", "domain", "mode", "took_ms", "hits"]
    assert list(document["hits"][0]) == ["id", "score", "vector_score", "text_score", "payload", "passage"]
    assert document["hits"][0]["payload"] == {"name": "brew", "size": len(TEXTS["brew"]), "tags": ["br", "w"]}


def test_a_hybrid_hit_has_both_scores_even_if_one_list_lacks_it(ask: Callable[..., SearchResult]) -> None:
    result = ask("coffee", k=8)

    by_name = {hit.payload["name"]: hit for hit in result.hits}
    assert by_name["bike"].text_score == 0
    assert all(isinstance(hit.vector_score, float) for hit in result.hits)
    assert by_name["brew"].vector_score == pytest.approx(float(embed("coffee") @ embed(TEXTS["brew"])), abs=1e-6)


def test_scores_of_an_unused_list_are_null(ask: Callable[..., SearchResult]) -> None:
    assert all(hit.vector_score is None for hit in ask("coffee", mode="text").hits)
    assert all(hit.text_score is None for hit in ask("coffee", mode="vector").hits)


def test_scores_descend_in_every_mode(ask: Callable[..., SearchResult]) -> None:
    for mode in ("hybrid", "vector", "text"):
        scores = [hit.score for hit in ask("coffee tea", mode=mode, k=100).hits]

        assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        pytest.param("프로젝트", "korean", id="a Korean noun in a word with an ending"),
        pytest.param("프로젝트는 언제 시작했나요?", "korean", id="a Korean question"),
        pytest.param("图书馆", "chinese", id="a Chinese word"),
        pytest.param("東京タワー", "japanese", id="a Japanese name in two scripts"),
        pytest.param("高", "japanese", id="a single character"),
        pytest.param("brewing", "brew", id="another form of an English word"),
        pytest.param("C++", "signs", id="a name made of signs"),
        pytest.param("100%", "signs", id="a percent sign"),
    ],
)
def test_words_of_many_scripts_are_found(ask: Callable[..., SearchResult], query: str, name: str) -> None:
    assert names(ask(query, mode="text"))[0] == name


AWKWARD = ["%", "'", '"', "a & | ! <-> b", "\\", "{1:1}/2", "%(x)s", "::"]


@pytest.mark.parametrize("query", AWKWARD)
@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_no_character_of_a_query_is_an_error(ask: Callable[..., SearchResult], query: str, mode: str) -> None:
    ask(query, mode=mode)


@pytest.mark.parametrize("query", ["\x00 coffee", "\ud800"])
def test_what_no_row_can_hold_is_refused_in_a_query(ask: Callable[..., SearchResult], query: str) -> None:
    with pytest.raises(InvalidRequest, match="NUL or half of a surrogate pair"):
        ask(query)


def test_a_percent_sign_matches_no_more_than_itself(ask: Callable[..., SearchResult]) -> None:
    assert names(ask("%", mode="text")) == []


def test_offset_continues_the_list(ask: Callable[..., SearchResult]) -> None:
    everything = names(ask("coffee tea", k=8))

    assert names(ask("coffee tea", k=3)) + names(ask("coffee tea", k=5, offset=3)) == everything
    assert len(everything) == 8


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_the_least_score_ends_the_list(ask: Callable[..., SearchResult], mode: str) -> None:
    whole = ask("coffee tea", mode=mode, k=8).hits

    limited = ask("coffee tea", mode=mode, k=8, min_score=whole[1].score).hits

    assert [hit.id for hit in limited] == [hit.id for hit in whole if hit.score >= whole[1].score]
    assert ask("coffee tea", mode=mode, min_score=whole[0].score + 1).hits == ()


def test_weights_shift_the_fusion(ask: Callable[..., SearchResult]) -> None:
    by_words = ask("tea coffee", weights={"vector": 0}, k=8).hits
    by_meaning = ask("tea coffee", weights={"text": 0}, k=8).hits

    assert [hit.score > 0 for hit in by_words] == [(hit.text_score or 0) > 0 for hit in by_words]
    assert [hit.score for hit in by_meaning] == pytest.approx([hit.vector_score for hit in by_meaning])


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param(["name=tea"], {"tea"}, id="text"),
        pytest.param(["size=22"], {"bike"}, id="a number as text"),
        pytest.param(["tags=b"], {"beans"}, id="an item of an array"),
        pytest.param(["size>=33", "size<=41"], {"brew", "beans", "signs"}, id="a range"),
        pytest.param(["size>=33", "name=beans"], {"beans"}, id="a range and a value"),
        pytest.param(["name=te%"], set(), id="a sign is a character"),
        pytest.param(["name>=5"], set(), id="a range over text"),
        pytest.param(["name>=2020-01-01"], set(), id="dates over text"),
    ],
)
@pytest.mark.parametrize("mode", ["hybrid", "vector"])
def test_filters_return_the_rows_that_meet_all_conditions(
    ask: Callable[..., SearchResult], mode: str, where: list[str], expected: set[str]
) -> None:
    assert set(names(ask("coffee", mode=mode, where=where, k=100))) == expected


def test_filters_apply_to_words_too(ask: Callable[..., SearchResult]) -> None:
    assert names(ask("coffee", mode="text", where=["name=beans"])) == ["beans"]


def test_neighbours_of_a_row_do_not_include_the_row(ask: Callable[..., SearchResult], shelf: Shelf) -> None:
    brew = next(row_id for row_id, text in shelf.texts.items() if text == TEXTS["brew"])

    result = ask(like=str(brew), k=100)

    assert result.mode == "vector"
    assert "brew" not in names(result)
    assert len(result.hits) == len(TEXTS) - 1
    assert names(result)[0] == "beans" or result.hits[0].vector_score == max(h.vector_score or 0 for h in result.hits)


def test_like_with_an_unknown_row_is_not_found(ask: Callable[..., SearchResult]) -> None:
    with pytest.raises(NotFound, match="no row"):
        ask(like=str(uuid4()))


@pytest.mark.parametrize(
    "options",
    [
        {"k": 0},
        {"k": 101},
        {"offset": -1},
        {"mode": "fuzzy"},
        {"query": "  "},
        {"query": "a", "like": str(UUID(int=1))},
        {"query": "", "like": "no uuid"},
        {"query": "", "like": str(UUID(int=1)), "mode": "text"},
        {"weights": {"vector": -1.0}},
        {"weights": {"vector": 0.0, "text": 0.0}},
        {"weights": {"text": float("nan")}},
        {"weights": {"words": 1.0}},
        {"min_score": float("inf")},
        {"unknown": 1},
        {"domain": "nowhere"},
    ],
)
def test_contradictory_options_are_invalid(ask: Callable[..., SearchResult], options: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        ask(**{"query": "coffee", **options})


def test_a_known_domain_without_rows_has_no_hits(server_url: str) -> None:
    empty = Database(fresh_database(server_url))
    migrate(empty, read_migrations(PROJECT / "migrations"))

    def ask(query: str = "", **options: object) -> SearchResult:
        request = SearchRequest(query=query, domain="recruit", **options)  # type: ignore[arg-type] # the test's
        return search(empty, request, encoder=WordEncoder)

    assert (ask("coffee").mode, ask("coffee").hits) == ("text", ())
    with pytest.raises(NoQueryModel):
        ask("coffee", mode="vector")
    with pytest.raises(NotFound):
        ask(like=str(uuid4()))
    empty.close()


def test_a_model_other_than_the_domains_is_rejected(shelf: Shelf) -> None:
    def other(model: Model) -> WordEncoder:
        encoder = WordEncoder(model)
        encoder.identity = type(encoder.identity)(name="other", revision="2", dimension=model.dimension)
        return encoder

    with pytest.raises(ContractBroken, match="other@2"):
        search(shelf.database, SearchRequest(query="coffee", domain="document"), encoder=other)


def test_a_repeated_query_is_encoded_once(shelf: Shelf) -> None:
    encoder = WordEncoder(shelf.model)

    for _ in range(3):
        search(shelf.database, SearchRequest(query="ask again", domain="document"), encoder=lambda _: encoder)

    assert encoder.queries == ["ask again"]


def test_a_hybrid_search_reads_its_text_list_while_the_query_is_encoded(shelf: Shelf) -> None:
    read = threading.Event()

    class Reading(psycopg2.extensions.cursor):
        def execute(self, query: Any, vars: Any = None) -> None:
            super().execute(query, vars)
            if "row_terms e" in str(query):
                read.set()

    class Waiting(WordEncoder):
        def encode_query(self, text: str) -> NDArray[np.float32]:
            assert read.wait(30), "the text list waits for the vector"
            return super().encode_query(text)

    shelf.database.connection.cursor_factory = Reading
    try:
        result = search(shelf.database, SearchRequest(query="brew fresh coffee", domain="document"), encoder=Waiting)
    finally:
        shelf.database.close()

    assert names(result)[0] == "brew"


def test_warming_loads_the_models_that_can_encode(shelf: Shelf, database: Database) -> None:
    open_shelf(database, "candidate", encodable=False)
    loaded: list[WordEncoder] = []

    def load(model: Model) -> WordEncoder:
        loaded.append(own_encoder(model))
        return loaded[-1]

    warm_search(database, load)

    warm = {encoder.identity.name for encoder in loaded if encoder.queries}
    assert "words-document" in warm
    assert "words-candidate" not in warm


def test_after_a_switch_the_new_models_vectors_and_encoder_answer(database: Database) -> None:
    shelf = open_shelf(database, "recruit")
    row_id = shelf.add("old words")
    other = register(database, "another", 32)
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO embeddings (domain, row_id, model_id, passage, dimension, start_char, end_char, vector) "
            "VALUES ('recruit', %s, %s, 0, 32, 0, 9, %s::vector)",
            (str(row_id), other.model_id, str(embed("new words", 32).tolist())),
        )
    asked: list[str] = []

    def load(model: Model) -> WordEncoder:
        asked.append(model.name)
        return WordEncoder(model)

    request = SearchRequest(query="new words", domain="recruit", mode="vector")
    before = search(database, request, encoder=load).hits[0].vector_score
    with database.transaction() as cursor:
        cursor.execute("UPDATE domains SET model_id = %s WHERE domain = 'recruit'", (other.model_id,))
    after = search(database, request, encoder=load).hits[0].vector_score

    assert asked == ["words-recruit", "another"]
    assert before == pytest.approx(float(embed("old words") @ embed("new words")), abs=1e-6)
    assert after == pytest.approx(1.0, abs=1e-6)


def register(database: Database, name: str, dimension: int) -> Model:
    with database.transaction() as cursor:
        return register_model(cursor, name=name, revision="1", dimension=dimension, normalised=True, encodable=True)


def test_the_best_passage_of_a_row_is_shown(shelf: Shelf, ask: Callable[..., SearchResult]) -> None:
    text = "nothing of note here. the zeppelin landed safely. nothing more"
    row_id = shelf.add(text, payload={"name": "long"}, passages=[(0, 21), (22, 49), (50, 62)])

    hit = ask("the zeppelin landed safely.").hits[0]

    assert (hit.id, hit.passage) == (str(row_id), Passage(text="the zeppelin landed safely.", start=22, end=49))
    assert hit.vector_score == pytest.approx(1.0, abs=1e-6)


MOMENTS = {
    "aware": "2024-05-01T10:00:00+09:00",
    "naive": "2024-05-01 10:00:00",
    "day": "2024-05-02",
    "wrong": "2024-13-45",
    "number": 20240501,
    "missing": None,
    "tiny": 1e-7,
    "flag": True,
    "digits": "20240502",
}


@pytest.fixture(scope="module")
def dated(database: Database) -> Shelf:
    shelf = open_shelf(database, "skill_dic")
    shelf.add_all(["moment"] * len(MOMENTS), payloads=[{"name": n, "at": at} for n, at in MOMENTS.items()])
    return shelf


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param(["at>=2024-05-01"], {"aware", "naive", "day"}, id="from a day on"),
        pytest.param(["at<=2024-05-01"], {"aware", "naive"}, id="up to a day, all of it"),
        pytest.param(["at<=2024-05-01T01:00:00Z"], {"aware"}, id="up to a moment, across zones"),
        pytest.param(["at>=2024-05-01T19:00:00+09:00"], {"naive", "day"}, id="without an offset it is UTC"),
        pytest.param(["at>=20240501"], {"number", "digits"}, id="numbers, also as text"),
        pytest.param(["at=0.0000001"], {"tiny"}, id="a small number as text"),
        pytest.param(["at=true"], {"flag"}, id="a truth value"),
        pytest.param(["at=2024-13-45"], {"wrong"}, id="what is no date is text"),
    ],
)
def test_values_are_compared_as_text_numbers_or_dates(
    dated: Shelf, ask: Callable[..., SearchResult], where: list[str], expected: set[str]
) -> None:
    assert set(names(ask("moment", domain="skill_dic", mode="vector", where=where, k=100))) == expected


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELECT count(*) FROM jobs", psycopg2.errors.InsufficientPrivilege),
        ("RESET ROLE; DELETE FROM rows", psycopg2.errors.ReadOnlySqlTransaction),
    ],
)
def test_search_can_only_read(database: Database, statement: str, error: type[Exception]) -> None:
    with database.transaction() as cursor:
        begin_search(cursor, "document")

        with pytest.raises(error):
            cursor.execute(statement)
        cursor.connection.rollback()


@pytest.fixture(scope="module")
def sourced(database: Database) -> list[UUID]:
    """Return rows of a domain whose vectors came with the source: these are of no part of a text."""
    ids = open_shelf(database, "candidate", encodable=False).add_all(["java engineer", "java developer", "chef"])
    with database.transaction() as cursor:
        cursor.execute("UPDATE embeddings SET start_char = 0, end_char = 0 WHERE domain = 'candidate'")
    return ids


def test_hybrid_answers_as_text_where_queries_cannot_be_encoded(
    sourced: list[UUID], ask: Callable[..., SearchResult]
) -> None:
    result = ask("java", domain="candidate")

    assert result.mode == "text"
    assert {hit.id for hit in result.hits} == {str(row_id) for row_id in sourced[:2]}


def test_vector_mode_is_invalid_where_queries_cannot_be_encoded(
    sourced: list[UUID], ask: Callable[..., SearchResult]
) -> None:
    with pytest.raises(NoQueryModel, match="mode text"):
        ask("java", domain="candidate", mode="vector")


def test_like_works_on_vectors_of_the_source(sourced: list[UUID], ask: Callable[..., SearchResult]) -> None:
    assert ask(domain="candidate", like=str(sourced[0])).hits[0].id == str(sourced[1])


def test_text_mode_shows_the_passage_with_the_words(shelf: Shelf, ask: Callable[..., SearchResult]) -> None:
    text = "an airship rose. the captain saw a walrus on the ice. nothing more"
    row_id = shelf.add(text, payload={"name": "walrus"}, passages=[(0, 16), (17, 53), (54, 66)])

    (hit,) = ask("walruses of a captain", mode="text").hits[:1]

    assert (hit.id, hit.passage) == (str(row_id), Passage(text=text[17:53], start=17, end=53))


def test_a_row_whose_vector_came_with_the_source_shows_its_words(
    sourced: list[UUID], ask: Callable[..., SearchResult]
) -> None:
    hits = ask("java", domain="candidate").hits

    expected = [Passage(text=text, start=0, end=len(text)) for text in ("java developer", "java engineer")]
    assert sorted((hit.passage for hit in hits if hit.passage), key=lambda passage: passage.text) == expected


def test_a_model_for_queries_searches_vectors_of_the_source(sourced: list[UUID], database: Database) -> None:
    for mode in ("vector", "hybrid"):
        request = SearchRequest.model_validate({"query": "java engineer", "domain": "candidate", "mode": mode})

        result = search(database, request, encoder=WordEncoder)

        assert result.mode == mode
        assert result.hits[0].id == str(sourced[0])
        assert result.hits[0].vector_score == pytest.approx(1)


@pytest.mark.parametrize("error", [Unavailable, EngineRefused])
@pytest.mark.parametrize("when", ["loading", "encoding"])
def test_hybrid_answers_as_text_while_the_engine_of_queries_is_away_or_refuses(
    shelf: Shelf, ask: Callable[..., Any], error: type[PcWorkerError], when: str
) -> None:
    class Refusing(WordEncoder):
        def encode_query(self, text: str) -> NDArray[np.float32]:
            raise error("the engine does not answer")

    def away(model: Model) -> WordEncoder:
        if when == "loading":
            raise error("the engine does not answer")
        return Refusing(model)

    def result(mode: str) -> SearchResult:
        query = f"apple {when} {error.__name__}"  # recent queries are not encoded again
        request = SearchRequest.model_validate({"query": query, "domain": "document", "mode": mode})
        return search(shelf.database, request, encoder=away)

    assert result("hybrid").mode == "text"
    assert names(result("hybrid")) == names(ask(f"apple {when} {error.__name__}", mode="text"))
    with pytest.raises(error, match="engine") as raised:
        result("vector")
    assert (raised.value.http_status, raised.value.grpc_status) == (503, "UNAVAILABLE")


@pytest.mark.parametrize("mode", ["hybrid", "text"])
def test_a_field_that_no_row_has_is_refused_before_the_first_row_as_after_the_last(
    database: Database, mode: str
) -> None:
    wanted = {"query": "a", "domain": "transcript", "mode": mode}
    assert search(database, SearchRequest.model_validate(wanted), encoder=WordEncoder).hits == ()

    with pytest.raises(InvalidRequest, match="no row of domain transcript has the field 'nosuch': it has none"):
        search(database, SearchRequest.model_validate(wanted | {"where": ["nosuch=1"]}), encoder=WordEncoder)
