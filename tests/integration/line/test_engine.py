"""An engine over HTTP in the line: wrong replies are never stored, money is counted, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from pc_worker.errors import EngineMisbehaved, NoQueryModel, NotServable, PcWorkerError, Unavailable
from pc_worker.model import Job, Model
from pc_worker.retry import RetryPolicy
from pc_worker.services.dependencies import Services
from pc_worker.services.estimate.estimate import estimate_ingest
from pc_worker.services.ingest.submit import IngestRequest
from pc_worker.services.jobs.job_control import resume, status_document
from pc_worker.services.jobs.progress import job_progress
from pc_worker.services.models import change_model
from pc_worker.services.seed import active_model_of
from pc_worker.settings import Settings
from pc_worker.store.db.copy import read_vector
from pc_worker.store.models import registry
from pc_worker.wiring.encoders import Encoders, check_query_models
from tests.model.line import DOMAIN, Line, Row
from tests.support.engine import BROKEN, WRONG, Failure, StandInEngine, stand_in_engine, vector_of

KEY = "sk-Tr0ub4dor"
ROWS: list[Row] = [{"id": f"row {n}", "text": f"the text of row {n} is about java"} for n in range(40)]


@pytest.fixture
def server() -> Iterator[StandInEngine]:
    with stand_in_engine(key=KEY) as engine:
        yield engine


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = RetryPolicy(attempts=3, first_s=0.0, longest_s=0.01)
    monkeypatch.setattr("pc_worker.encoding.remote.checked_engine.RETRIES", quick)
    monkeypatch.setattr("pc_worker.encoding.remote.checked_engine.REST_S", 0.0)


def settings_for(server: StandInEngine, **values: object) -> Settings:
    return Settings(model=server.written, embeddings_api_key=SecretStr(KEY), **values)  # type: ignore[arg-type]


def services_with(line: Line, settings: Settings) -> Services:
    encoders = Encoders(settings)
    return replace(
        line.services,
        encoder=encoders,
        identify=encoders.identify,
        default_model=settings.model,
        budget_usd=settings.embeddings_budget_usd,
    )


def engine_line(line: Line, server: StandInEngine, **values: object) -> Line:
    """Return the line with the engine as the active model of its domain."""
    services = services_with(line, settings_for(server, **values))
    model = change_model.register(services, server.written)
    with line.database.transaction() as cursor:
        if registry.active_model(cursor, DOMAIN).model_id != model.model_id:
            cursor.execute("UPDATE domains SET model_id = %s WHERE domain = %s", (model.model_id, DOMAIN))
    return replace(line, services=services)


def stored_wrongly(line: Line) -> list[str]:
    """Return the texts whose stored vector is not the one that the engine has for them."""
    rows = line.query("SELECT r.text, vector_send(e.vector) FROM rows r JOIN embeddings e USING (domain, row_id)")
    assert len(rows) == len({text for text, _ in rows})
    return [text for text, raw in rows if not np.allclose(read_vector(raw), vector_of(text), atol=1e-6)]


def finish(line: Line, job_id: str) -> Job:
    """Do a job as Celery does: a chunk that fails is tried again."""
    for _ in range(40):
        for chunk in line.open_chunks(job_id):
            try:
                line.work(job_id, chunk)
            except PcWorkerError:
                continue
    return job_progress(line.services, job_id)[0]


def test_no_kind_of_wrong_reply_is_stored(line: Line, server: StandInEngine) -> None:
    line = engine_line(line, server)
    for kind in (*WRONG, *BROKEN, "cut"):
        server.script.extend([kind, kind, None, kind])
    server.script.extend([Failure(500), Failure(503), Failure(429, headers=(("retry-after", "0"),))])

    job = finish(line, line.begin(ROWS, chunk_size=4))

    assert (job.state, job.rows_written, job.rows_dead) == ("completed", 40, 0)
    assert stored_wrongly(line) == []
    assert not server.script


def test_a_refused_text_is_a_dead_letter_and_the_rest_of_its_chunk_is_written(
    line: Line, server: StandInEngine
) -> None:
    line = engine_line(line, server)
    server.refuses = ("row 7 ",)

    job = finish(line, line.begin(ROWS, chunk_size=40))

    assert (job.state, job.rows_written, job.rows_dead) == ("partial", 39, 1)
    ((reason,),) = line.query("SELECT reason FROM dead_letters")
    assert "the input is not valid" in reason
    assert stored_wrongly(line) == []


def test_equal_texts_are_paid_once_and_their_cost_is_counted(line: Line, server: StandInEngine) -> None:
    line = engine_line(line, server, llm_prices='{"stand-in": {"input": 1000000, "output": 0}}')
    copies: list[Row] = [{"id": f"copy {n}", "text": row["text"]} for n, row in enumerate(ROWS)]

    first, second = (finish(line, line.begin(rows, chunk_size=20)) for rows in (ROWS, copies))

    tokens = sum(len(str(row["text"]).split()) for row in ROWS)
    costs = [job_progress(line.services, job.job_id)[1] for job in (first, second)]
    assert [cost.cost_usd for cost in costs] == [pytest.approx(tokens), None]
    assert [cost.tokens_encoded for cost in costs] == [tokens, 0]
    assert (first.texts_encoded, second.texts_encoded) == (40, 0)


def test_a_job_ends_at_its_budget_and_goes_on_with_a_larger_one(line: Line, server: StandInEngine) -> None:
    prices = '{"stand-in": {"input": 1000000, "output": 0}}'
    line = engine_line(line, server, llm_prices=prices, embeddings_budget_usd=200)
    job_id = line.begin(ROWS, chunk_size=4)

    job = finish(line, job_id)

    assert job.state == "failed"
    assert "budget of 200 USD" in (job.error or "")
    assert "resume" in (job.error or "")
    assert 0 < job.rows_written < 40
    spent = job_progress(line.services, job_id)[1].cost_usd or 0
    assert 100 < spent <= 200

    rich = engine_line(line, server, llm_prices=prices, embeddings_budget_usd=10_000)
    resume(rich.services, job_id)
    job = finish(rich, job_id)

    assert (job.state, job.rows_written) == ("completed", 40)
    assert len(server.texts) - server.texts.count("warm") == 40, "nothing is paid twice"
    assert stored_wrongly(line) == []


def test_a_budget_needs_a_price(line: Line, server: StandInEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pc_worker.urls.engine.Engine.is_loopback", property(lambda _: False))
    line = engine_line(line, server, insecure=True, embeddings_budget_usd=1)

    job = finish(line, line.begin(ROWS[:2]))

    assert job.state == "failed"
    assert "PC_WORKER_LLM_PRICES" in (job.error or "")


def test_an_engine_that_is_away_loses_nothing_and_pays_nothing_twice(line: Line, server: StandInEngine) -> None:
    line = engine_line(line, server)
    texts = [{"id": str(n), "text": f"row number {n} of many"} for n in range(150)]
    job_id = line.begin(texts, chunk_size=150)
    server.script.extend([None, None, *[Failure(503, "maintenance")] * 6])

    for words in ("maintenance",):
        assert line.work(job_id, 0) == "done", "the rows that were paid are written, the others become new chunks"
        with pytest.raises(Unavailable, match=words):
            line.work(job_id, line.open_chunks(job_id)[0])
    job = finish(line, job_id)

    assert (job.state, job.rows_written) == ("completed", 150)
    assert len(server.texts) - server.texts.count("warm") == 150
    assert stored_wrongly(line) == []


def test_replies_that_stay_wrong_fail_the_job_with_one_sentence(line: Line, server: StandInEngine) -> None:
    line = engine_line(line, server)
    server.always = "fewer"
    job_id = line.begin(ROWS[:3])

    for _ in range(5):
        with pytest.raises(EngineMisbehaved):
            line.work(job_id, 0)

    document = status_document(job_progress(line.services, job_id)[0])
    assert document["state"] == "failed"
    assert "sends wrong replies" in document["error"]
    assert "\n" not in document["error"]


def test_a_domain_changes_to_an_engine_and_back(line: Line, server: StandInEngine) -> None:
    line.ingest(ROWS)
    services = services_with(line, settings_for(server))
    with line.database.transaction() as cursor:
        before = registry.active_model(cursor, DOMAIN)
    model = change_model.register(services, server.written)
    after = change_model.FIRST
    while (reached := change_model.backfill(services, DOMAIN, model, after=after)) is not None:
        after = reached

    assert change_model.switch(services, DOMAIN, model) == 40
    assert change_model.register(services, server.written) == model
    assert model.location == server.written
    change_model.switch(services, DOMAIN, before)


def test_a_plan_knows_the_cost_and_pays_little(line: Line, server: StandInEngine, tmp_path: Path) -> None:
    prices = '{"stand-in": {"input": 2, "output": 0}}'
    line = engine_line(line, server, llm_prices=prices, embeddings_tpm=60)
    line.begin(ROWS)
    request = IngestRequest(path=str(next(tmp_path.glob("*.jsonl"))), domain=DOMAIN)

    plan = estimate_ingest(line.services, request, processes=1)

    real = sum(len(str(row["text"]).split()) for row in ROWS)
    assert plan.cost_usd == pytest.approx(plan.tokens * 2e-6)
    assert real <= plan.tokens <= 4 * real
    assert plan.seconds >= plan.tokens
    assert not server.texts[1:]


@pytest.mark.parametrize(
    ("query_models", "error", "words"),
    [
        ("nowhere=builtin", PcWorkerError, "nowhere"),
        ("document=builtin", PcWorkerError, "own model"),
        ("recruit=builtin", NotServable, "builtin has 384 dimensions, the vectors of domain recruit have 1536"),
        ("recruit=ENGINE", NotServable, "has 64 dimensions, the vectors of domain recruit have 1536"),
        ("recruit=/no/such/model", PcWorkerError, "/no/such/model"),
    ],
)
def test_a_query_model_that_does_not_fit_is_one_sentence(
    server: StandInEngine, query_models: str, error: type[Exception], words: str
) -> None:
    settings = settings_for(server, query_models=query_models.replace("ENGINE", server.written))

    with pytest.raises(error, match=words) as raised:
        check_query_models(settings, Encoders(settings))

    assert isinstance(raised.value, PcWorkerError)
    assert raised.value.exit_code == 2


def test_a_query_model_encodes_queries_of_its_domain_only(line: Line, server: StandInEngine) -> None:
    server.dimension = 2000
    wide = server.written.replace("@", "?dimensions=1536@")
    settings = settings_for(server, query_models=f"recruit={wide},candidate={server.written}")
    encoders = Encoders(settings)

    def sourced(domain: str, dimension: int) -> Model:
        return Model(
            model_id=1,
            name=f"source:{domain}",
            revision="as delivered",
            dimension=dimension,
            normalised=False,
            encodable=False,
        )

    vector = encoders(sourced("recruit", 1536)).encode_query("java engineer")

    assert np.allclose(vector, vector_of("java engineer", 1536), atol=1e-6)
    with pytest.raises(NotServable, match="has 2000 dimensions"):
        encoders(sourced("candidate", 384))
    with pytest.raises(NoQueryModel, match="PC_WORKER_QUERY_MODELS"):
        encoders(sourced("skill_dic", 384))


def test_an_engine_that_is_away_at_the_start_is_checked_later(server: StandInEngine) -> None:
    settings = settings_for(server, query_models="recruit=openai:m@http://127.0.0.1:9/v1")

    check_query_models(settings, Encoders(settings))


def test_the_first_model_of_a_domain_may_be_an_engine(line: Line, server: StandInEngine) -> None:
    line.query("DELETE FROM domains")
    services = services_with(line, settings_for(server))

    from pc_worker.domains import get_domain

    model = active_model_of(services, get_domain(DOMAIN))

    assert (model.dimension, model.encodable, model.location) == (64, True, server.written)
    assert model.name == f"openai:stand-in@127.0.0.1:{server.port}"
