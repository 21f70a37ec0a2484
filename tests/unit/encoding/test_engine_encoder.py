"""Vectors over HTTP: a right one for each text or none at all, for every reply of the server."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator

import numpy as np
import pytest

from pc_worker.encoding import EncodingFailed, ModelUnavailable, encode_isolating
from pc_worker.encoding.remote import EngineEncoder, EngineLimits, EngineOptions, identify_engine
from pc_worker.encoding.remote.checked_engine import RETRIES
from pc_worker.errors import ContractBroken, EngineMisbehaved, EngineRefused, InvalidRequest, Unavailable
from pc_worker.retry import RetryPolicy
from pc_worker.urls import read_engine
from tests.support.engine import BROKEN, MODEL, ODD, WRONG, Failure, StandInEngine, stand_in_engine, vector_of

KEY = "sk-Tr0ub4dor-and-3"
TEXTS = [f"text number {number} about {word}" for number, word in enumerate(["java", "go", "rust"] * 6)]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = RetryPolicy(attempts=RETRIES.attempts, first_s=0.0, longest_s=0.01)
    monkeypatch.setattr("pc_worker.encoding.remote.checked_engine.RETRIES", quick)


@pytest.fixture
def server() -> Iterator[StandInEngine]:
    with stand_in_engine() as engine:
        yield engine


def encoder_of(server: StandInEngine, **options: object) -> EngineEncoder:
    return EngineEncoder(read_engine(server.written), EngineOptions(**options))  # type: ignore[arg-type]


def agree(vectors: object, texts: list[str], dimension: int = 64) -> bool:
    expected = np.stack([vector_of(text, dimension) for text in texts])
    return bool(np.allclose(np.asarray(vectors), expected, atol=1e-6))


def test_each_text_gets_its_own_vector_and_equal_texts_are_sent_once(server: StandInEngine) -> None:
    encoder = encoder_of(server)

    vectors = encoder.encode([*TEXTS, TEXTS[0], f"  {TEXTS[1]}\n"])

    assert agree(vectors, [*TEXTS, TEXTS[0], TEXTS[1]])
    assert vectors.dtype == np.float32
    assert sorted(server.texts) == sorted(TEXTS)
    assert encoder.identity.dimension == 64
    assert encoder.encoded_tokens == sum(len(text.split()) for text in TEXTS)
    assert agree([encoder.encode_query("find java")], ["find java"])


@pytest.mark.parametrize("kind", [*WRONG, *BROKEN, "cut"])
def test_a_wrong_reply_is_never_used_and_its_batch_is_sent_again(server: StandInEngine, kind: str) -> None:
    encoder = encoder_of(server)
    assert encoder.identity.dimension == 64
    server.script.extend([kind, None])

    if kind == "cut":
        with pytest.raises(Unavailable, match="cannot be reached"):
            encoder.encode(TEXTS)
        encoder._server._rests_until = 0.0

    assert agree(encoder.encode(TEXTS), TEXTS)


@pytest.mark.parametrize("kind", [*WRONG, *BROKEN])
def test_replies_that_stay_wrong_end_in_one_sentence(server: StandInEngine, kind: str) -> None:
    encoder = encoder_of(server)
    assert encoder.identity.dimension == 64
    server.always = kind

    with pytest.raises(EngineMisbehaved, match="sends wrong replies") as raised:
        encoder.encode(TEXTS)

    assert len(server.requests) < 12
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


@pytest.mark.parametrize("kind", ODD)
def test_right_vectors_in_another_form_are_used(server: StandInEngine, kind: str) -> None:
    server.always = kind

    assert agree(encoder_of(server).encode(TEXTS), TEXTS)


@pytest.mark.parametrize("faults", [400, 413, 422, 500])
def test_a_refused_text_is_isolated(server: StandInEngine, faults: int) -> None:
    server.refuses, server.faults = ("rust",), faults
    encoder = encoder_of(server)

    found = encode_isolating(encoder, [*TEXTS, "", "half \ud800"])

    for text, vector in zip(TEXTS, found, strict=False):
        assert isinstance(vector, EncodingFailed) == ("rust" in text)
    assert "the input is not valid" in str(found[2])
    assert "empty" in str(found[-2])
    assert "surrogate" in str(found[-1])
    assert len(server.texts) - server.texts.count("warm") == 12


def test_a_text_without_a_finite_vector_is_isolated(server: StandInEngine) -> None:
    server.poisoned = ("number 7 ",)

    found = encode_isolating(encoder_of(server), TEXTS)

    assert [number for number, vector in enumerate(found) if isinstance(vector, EncodingFailed)] == [7]
    assert "NaN" in str(found[7])


def test_a_smaller_batch_limit_is_found_and_kept(server: StandInEngine) -> None:
    server.most_texts = 5
    encoder = encoder_of(server)

    assert agree(encoder.encode(TEXTS), TEXTS)
    before = len(server.keys)
    assert agree(encoder.encode(TEXTS), TEXTS)

    assert len(server.keys) - before <= len(TEXTS)
    assert max(len(body["input"]) for body in server.requests) <= 5


def test_batches_grow_while_the_server_answers_quickly(server: StandInEngine) -> None:
    texts = [f"text {number}" for number in range(500)]

    assert agree(encoder_of(server).encode(texts), texts)

    assert [len(body["input"]) for body in server.requests] == [32, 64, 128, 256, 20]


def test_a_server_that_does_not_know_base64_sends_numbers(server: StandInEngine) -> None:
    server.knows_base64 = False
    encoder = encoder_of(server)

    assert agree(encoder.encode(TEXTS), TEXTS)
    assert agree([encoder.encode_query("java")], ["java"])
    assert {body["encoding_format"] for body in server.requests} == {"float"}
    assert identify_engine(encoder.engine, EngineOptions()) == encoder.identity


def test_dimensions_are_requested(server: StandInEngine) -> None:
    engine = read_engine(f"openai:{MODEL}?dimensions=16@{server.base_url}")

    assert agree(EngineEncoder(engine, EngineOptions()).encode(TEXTS), TEXTS, 16)


def test_a_long_text_is_split_into_passages_or_cut(server: StandInEngine) -> None:
    encoder = encoder_of(server, window=64)
    text = ". ".join(f"sentence number {number} is about 임베딩 and more" for number in range(60))

    spans = encoder.passages(text)
    vectors = encoder.encode([text])

    assert len(spans) > 10
    assert spans[0].start == 0
    assert spans[-1].end == len(text)
    assert max(encoder.count_tokens([text[span.start : span.end] for span in spans])) <= 64
    assert encoder.truncated_texts == 1
    assert agree(vectors, [server.texts[-1]])
    assert encoder.passages("short") == [type(spans[0])(0, 5)]


def test_a_server_that_is_away_is_not_asked_again_for_a_moment(server: StandInEngine) -> None:
    encoder = EngineEncoder(read_engine("openai:m@http://127.0.0.1:9/v1"), EngineOptions())

    with pytest.raises(Unavailable, match="cannot be reached"):
        encoder.encode(TEXTS)
    with pytest.raises(Unavailable, match="in the last seconds"):
        encoder.encode_query("java")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
def test_a_passing_failure_is_tried_again(server: StandInEngine, status: int) -> None:
    server.script.extend([Failure(status, headers=(("retry-after", "0"),)), Failure(status)])

    assert agree(encoder_of(server).encode(TEXTS), TEXTS)


@pytest.mark.parametrize("header", [("retry-after", "300"), ("retry-after-ms", "45000")])
def test_a_long_pause_is_left_to_the_task(server: StandInEngine, header: tuple[str, str]) -> None:
    encoder = encoder_of(server)
    server.script.append(Failure(429, "slow down", headers=(header,)))

    for words in ("slow down", "in the last seconds"):
        with pytest.raises(Unavailable, match=words):
            encoder.encode(TEXTS)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_failure_that_stays_is_the_servers_not_the_texts(server: StandInEngine, status: int) -> None:
    server.always = Failure(status, "overloaded")

    with pytest.raises(Unavailable, match="overloaded"):
        encoder_of(server).encode(TEXTS)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (Failure(401, f"Incorrect API key provided: {KEY}"), "refuses the key"),
        (Failure(403, KEY), "refuses the key"),
        (Failure(404, "no model"), "no such model"),
        (Failure(301, "moved"), "no such model"),
        (Failure(400, f"bad {KEY} and sk-proj-other-secret"), "refuses it"),
        (Failure(429, "pay first", "insufficient_quota"), "no quota left"),
    ],
)
def test_what_a_person_must_fix_is_one_sentence_without_the_key(
    server: StandInEngine, failure: Failure, words: str
) -> None:
    server.always = failure

    with pytest.raises(ModelUnavailable, match=words) as raised:
        encoder_of(server, key=KEY).encode(TEXTS)

    assert KEY not in str(raised.value)
    assert "other-secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422])
def test_a_query_that_the_engine_refuses_is_no_fault_of_the_request(server: StandInEngine, status: int) -> None:
    encoder = encoder_of(server)
    encoder.encode(TEXTS)
    server.always = Failure(status, "no")

    with pytest.raises(EngineRefused):
        encoder.encode_query("a question")


def test_the_key_is_sent_only_if_there_is_one(server: StandInEngine) -> None:
    encoder_of(server).encode(["a"])
    server.key = KEY
    encoder = encoder_of(server, key=KEY)
    encoder.encode(["a"])

    assert server.keys == [None, f"Bearer {KEY}"]
    assert KEY not in repr(encoder.options) + repr(encoder._server._client)


@pytest.mark.parametrize("key", ["two words", "열쇠", "line\nbreak"])
def test_what_cannot_be_a_key_is_refused_without_it(server: StandInEngine, key: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        encoder_of(server, key=key)

    assert key not in str(raised.value)


def test_another_model_than_the_registered_one_is_a_broken_contract(server: StandInEngine) -> None:
    identity = encoder_of(server).identity
    server.reported = "another-model"

    with pytest.raises(ContractBroken, match="another-model"):
        EngineEncoder(read_engine(server.written), EngineOptions(), identity=identity).encode(TEXTS)
    assert encoder_of(server).identity.revision != identity.revision


def test_a_server_that_is_too_slow_is_not_waited_for(server: StandInEngine) -> None:
    encoder = encoder_of(server, timeout_s=0.2)
    server.lock.acquire()  # every answer waits for it
    try:
        with pytest.raises(Unavailable, match="in time"):
            encoder.encode(TEXTS)
    finally:
        server.lock.release()
    assert encoder.texts_at_once == 9


def test_a_batch_has_no_more_tokens_than_a_minute(server: StandInEngine) -> None:
    limits = EngineLimits(tpm=300)
    encoder = encoder_of(server, limits=limits)

    assert agree(encoder.encode(TEXTS[:6]), TEXTS[:6])

    sizes = [sum(encoder.count_tokens(body["input"])) for body in server.requests]
    assert max(sizes) <= 300


def test_an_encoder_works_after_a_fork(server: StandInEngine) -> None:
    encoder = encoder_of(server)
    encoder.encode(["before"])

    child = os.fork()
    if child == 0:
        os._exit(0 if agree(encoder.encode(TEXTS), TEXTS) else 1)

    assert os.waitpid(child, 0)[1] == 0
