"""The price of an engine's tokens, and its limits within one process."""

from __future__ import annotations

import sys

import pytest
import redis
from limits.storage import RedisStorage

from pc_worker.encoding.remote import EngineLimits, usd_per_token
from pc_worker.encoding.text.token_estimate import cut_to, estimated_tokens
from pc_worker.errors import Unavailable
from pc_worker.urls import read_engine

OWN = {"text-embedding-3-small": 7.0, "openai:mine": 3.0}


@pytest.mark.parametrize(
    ("engine", "usd_per_million"),
    [
        ("openai:text-embedding-3-small", 7.0),
        ("openai:text-embedding-3-large", 0.13),
        ("openai:mine@https://h/v1", 3.0),
        ("openai:bge-m3@http://127.0.0.1:8080/v1", 0.0),
        ("openai:bge-m3@https://tei.example/v1", None),
        ("openai:no-such-model", None),
    ],
)
def test_the_price_is_the_operators_else_the_listed_one(engine: str, usd_per_million: float | None) -> None:
    price = usd_per_token(read_engine(engine), OWN)

    assert price == (None if usd_per_million is None else pytest.approx(usd_per_million / 1e6))


def test_without_the_list_of_prices_only_the_operators_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)

    assert usd_per_token(read_engine("openai:text-embedding-3-large"), OWN) is None
    assert usd_per_token(read_engine("openai:text-embedding-3-small"), OWN) == pytest.approx(7e-6)


@pytest.mark.parametrize(
    ("limits", "what"), [(EngineLimits(rpm=3), "3 requests per minute"), (EngineLimits(tpm=30), "30 tokens per minute")]
)
def test_what_is_over_a_limit_waits_and_ends(limits: EngineLimits, what: str) -> None:
    for _ in range(3):
        limits.take("engine", tokens=10, patience_s=0)

    with pytest.raises(Unavailable, match=what):
        limits.take("engine", tokens=10, patience_s=0.1)
    limits.take("another engine", tokens=10, patience_s=0)


def test_a_text_larger_than_a_minutes_tokens_takes_them_all() -> None:
    limits = EngineLimits(tpm=30)

    limits.take("engine", tokens=10_000, patience_s=0)

    with pytest.raises(Unavailable):
        limits.take("engine", tokens=1, patience_s=0)


def test_while_redis_is_away_each_process_takes_its_share() -> None:
    pool = redis.ConnectionPool(host="127.0.0.1", port=9, socket_connect_timeout=1)
    away = EngineLimits(
        rpm=8,
        processes=4,
        shared=lambda: RedisStorage("redis://", connection_pool=pool, key_prefix="pcw:t", wrap_exceptions=True),
    )

    for _ in range(2):
        away.take("engine", tokens=1, patience_s=0)

    with pytest.raises(Unavailable):
        away.take("engine", tokens=1, patience_s=0)


@pytest.mark.parametrize("text", ["", "a" * 100, "임베딩 " * 50, "🚀👩‍💻" * 30, "x\u0301" * 40])
def test_a_cut_text_fits_and_is_hardly_shorter_than_it_may_be(text: str) -> None:
    short = cut_to(text, 20)

    assert text.startswith(short)
    assert estimated_tokens(short) <= 20
    assert short == text or estimated_tokens(short) >= 16
