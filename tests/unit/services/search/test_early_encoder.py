"""The encoder of a search is loaded in a thread of its own, if the search needs one."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from pc_worker.errors import ModelUnavailable, NotFound, Unavailable
from pc_worker.services.search import early_encoder
from pc_worker.services.search.request import SearchRequest

MODEL = SimpleNamespace(encodable=True, location="")
UUID = "018f0000-0000-7000-8000-000000000001"


class Database:
    """Stands for a database, which may be away."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away

    @contextmanager
    def transaction(self) -> Any:
        """Return a cursor of nothing."""
        if self.away:
            raise Unavailable("PostgreSQL does not answer")
        yield None


class Loading:
    """Remembers what was loaded, and in which thread."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.thread = error, ""
        self.loaded: list[object] = []

    def __call__(self, model: object) -> None:
        """Load a model."""
        self.loaded.append(model)
        self.thread = threading.current_thread().name
        if self.error is not None:
            raise self.error


def begin(loading: Loading, *, database: Database | None = None, **request: Any) -> None:
    """Begin, and wait for the thread."""
    services: Any = SimpleNamespace(database=database or Database(), encoder=loading)
    early_encoder.begin_to_load(services, SearchRequest(domain="document", **request))
    for thread in threading.enumerate():
        if thread.name == "encoder":
            thread.join(10)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the domain have a model."""
    monkeypatch.setattr(early_encoder, "active_model", lambda cursor, domain: MODEL)


@pytest.mark.parametrize("mode", ["hybrid", "vector"])
def test_the_model_of_the_domain_is_loaded_in_a_thread(mode: str) -> None:
    loading = Loading()

    begin(loading, query="words", mode=mode)

    assert (loading.loaded, loading.thread) == ([MODEL], "encoder")


@pytest.mark.parametrize("request_", [{"query": "words", "mode": "text"}, {"like": UUID}])
def test_a_search_without_a_vector_of_its_query_loads_none(request_: dict[str, Any]) -> None:
    loading = Loading()

    begin(loading, database=Database(away=True), **request_)

    assert loading.loaded == []


def test_a_domain_without_rows_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(cursor: object, domain: str) -> object:
        raise NotFound("the domain has no log")

    monkeypatch.setattr(early_encoder, "active_model", missing)
    loading = Loading()

    begin(loading, query="words")

    assert loading.loaded == []


def test_what_is_wrong_with_the_model_is_left_to_the_search(capsys: pytest.CaptureFixture[str]) -> None:
    begin(Loading(ModelUnavailable("not installed")), query="words")

    assert capsys.readouterr().err == ""


def test_a_database_that_is_away_is_not_asked_twice() -> None:
    with pytest.raises(Unavailable):
        begin(Loading(), database=Database(away=True), query="words")
