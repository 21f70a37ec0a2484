"""Reranking over HTTP: one right score for each text, or none at all and the reason, within its time."""

from __future__ import annotations

import threading
import time
from typing import Any, NoReturn

import pytest

from pc_worker.encoding.rerank import Reranker, RerankFailed, load_reranker
from pc_worker.encoding.rerank.time_box import TimeBox
from tests.support.reranker import WRONG, RerankServerStub, rerank_server, shared_words

QUERY = "strong coffee at home"
TEXTS = ["tea", "coffee at home", "strong coffee", "nothing", "strong coffee at home"]
EXPECTED = [shared_words(QUERY, text) for text in TEXTS]
KEY = "sk-Tr0ub4dor-and-3"


def reranker(server: RerankServerStub, shape: str = "cohere", **options: Any) -> Reranker:
    settings = {"key": None, "timeout_s": 5.0, "depth": 50} | options
    made = load_reranker(server.written(shape), **settings)
    assert made is not None
    return made


def failure(made: Reranker, texts: list[str] = TEXTS) -> str:
    with pytest.raises(RerankFailed) as failed:
        made.scores(QUERY, texts)
    return str(failed.value)


@pytest.mark.parametrize("shape", ["cohere", "tei"])
def test_each_text_gets_its_own_score(shape: str) -> None:
    with rerank_server() as server:
        assert reranker(server, shape).scores(QUERY, TEXTS) == EXPECTED


@pytest.mark.parametrize("shape", ["cohere", "tei"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_reply_is_never_used(wrong: str, shape: str) -> None:
    with rerank_server(wrong=wrong) as server:
        said = failure(reranker(server, shape))

    assert said.startswith("its server")
    assert len(said) < 120


@pytest.mark.parametrize(("status", "says"), [(n, f"HTTP {n}") for n in (500, 404, 302, 204)])
def test_a_status_other_than_200_is_a_failure(status: int, says: str) -> None:
    with rerank_server(status=status, headers={"location": "http://127.0.0.1:1/"}) as server:
        assert says in failure(reranker(server))


def test_a_server_that_is_overloaded_is_left_alone_as_long_as_it_asks() -> None:
    with rerank_server(status=429, headers={"retry-after": "30"}) as server:
        made = reranker(server)

        assert "HTTP 429" in failure(made)
        assert "pause" in failure(made)
        assert len(server.requests) == 1


@pytest.mark.parametrize("retry_after", ["", "soon", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "nan"])
def test_an_odd_pause_is_a_short_one(retry_after: str) -> None:
    with rerank_server(status=503, headers={"retry-after": retry_after}) as server:
        made = reranker(server)

        assert "HTTP 503" in failure(made)
        assert "pause of another 1 s" in failure(made)


@pytest.mark.parametrize("slow_s", [0.05, 60.0], ids=["byte by byte", "no byte at all"])
def test_a_server_that_is_slow_is_not_waited_for(slow_s: float) -> None:
    with rerank_server(slow_s=slow_s) as server:
        assert "within 0.3 s" in failure(reranker(server, timeout_s=0.3))


def test_a_key_is_sent_and_never_shown() -> None:
    with rerank_server(key=KEY) as server:
        made = reranker(server, key=KEY)
        wrong = reranker(server, key="wrong-" + KEY)

        assert made.scores(QUERY, TEXTS) == EXPECTED
        assert "refuses the key" in failure(wrong)
        assert KEY not in failure(wrong) + repr(made) + repr(wrong)


def test_a_server_that_is_away_is_a_failure() -> None:
    with rerank_server() as server:
        made = reranker(server)

    assert "cannot be reached" in failure(made)


def test_work_that_hangs_does_not_hold_up_more_than_its_own_threads() -> None:
    release = threading.Event()
    box = TimeBox(timeout_s=0.05, width=1)
    for _ in range(3):  # the first takes the only thread, the others wait for it
        with pytest.raises(RerankFailed, match="was not done within"):
            box.run(lambda _: release.wait(60))
    release.set()

    deadline = time.monotonic() + 30
    while True:
        try:
            assert box.run(lambda _: "free again") == "free again"
            break
        except RerankFailed:
            assert time.monotonic() < deadline


def test_work_for_which_there_is_no_thread_keeps_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    box = TimeBox(timeout_s=5, width=1)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RerankFailed, match="no thread"):
            box.run(lambda _: 1)

    assert box.run(lambda _: 1) == 1


def test_an_unexpected_error_is_a_failure_too() -> None:
    def work(_ends_at: float) -> None:
        raise ZeroDivisionError

    with pytest.raises(RerankFailed, match="ZeroDivisionError"):
        TimeBox(timeout_s=5, width=1).run(work)
