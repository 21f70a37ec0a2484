"""``bench answers``: time to the first text and of a cached answer, and memory under 50 streams, over 100,000 rows.

The service is measured with its threads, as the HTTP part runs it, and a model in another process that answers at once.
What the same client takes for the same prompt without us is the model's own time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil

from pc_worker.bench import BenchResult, Figure
from pc_worker.bench.answers.stand_in import run_stand_in
from pc_worker.bench.gateway.servers import own_process
from pc_worker.bench.own_database import own_database
from pc_worker.bench.search.collection import DOMAIN, Collection, CollectionEncoder
from pc_worker.bench.search.compare import fill
from pc_worker.http.service_threads import ServiceThreads
from pc_worker.llm import PriceTable
from pc_worker.model.language_model import LlmPrice, read_language_models
from pc_worker.services.answers.answer import Answers
from pc_worker.services.answers.events import AnswerDelta, AnswerDone
from pc_worker.services.answers.models.configured import LlmModels
from pc_worker.services.answers.models.prompt_files import newest_prompt
from pc_worker.services.answers.request import Answer, AnswerRequest
from pc_worker.services.answers.work import AnswerLimits
from pc_worker.services.dependencies import Services
from pc_worker.store.db.connection import Database

ROWS = 100_000
QUESTIONS = 200
AT_ONCE, ROUNDS = 50, 5
#: Milliseconds at P95, and MiB that rounds of 50 streams may add to the process.
FIRST_MS, CACHED_MS, GROWTH_MIB = 150.0, 20.0, 8.0
PROMPT_CHARS = 3_500
#: The collection has no passages: each row is one here, as answers show passages.
WHOLE_ROWS = """
UPDATE embeddings e SET end_char = length(r.text) FROM rows r WHERE (r.domain, r.row_id) = (e.domain, e.row_id)
"""


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds of one answer: until its first text, until its end, and of this process's processor."""

    first: float
    whole: float
    cpu: float
    answer: Answer


def run(*, rows: int = ROWS) -> BenchResult:
    """Measure answers over ``rows`` rows of 384 dimensions."""
    collection = Collection()
    with own_database() as url, own_process(run_stand_in) as model:
        database = Database(url, application="bench")
        collection.add(database, rows)
        with database.transaction() as cursor:
            cursor.execute(WHOLE_ROWS)
        fill(database, collection, rows)
        database.close()
        figures = asyncio.run(_measured(url, collection, model.address))
    return BenchResult("answers", figures)


async def _measured(url: str, collection: Collection, address: str) -> list[Figure]:
    with _service(url, collection, address) as answers:
        answers.models.warm()
        questions = collection.queries(QUESTIONS + AT_ONCE * ROUNDS)
        for question in questions[QUESTIONS : QUESTIONS + 10]:
            await _ask(answers, question)
        own = await _model_alone(answers)
        found = [await _ask(answers, question) for question in questions[:QUESTIONS]]
        new = [one for one in found if not one.answer.refused]
        if not new:
            raise RuntimeError(f"every question was refused; the models: {found[-1].answer.attempts}")
        again = [await _ask(answers, one.answer.question) for one in new]
        growth = await _growth(answers, questions[QUESTIONS:])
        await answers.close()
    return [
        *_latency(f"first text, {len(new)} questions", [one.first - own for one in new], FIRST_MS),
        *_latency("cached answer", [one.whole for one in again if one.answer.cached], CACHED_MS),
        Figure(
            "growth of memory, 50 streams at once ÷ the most", growth, GROWTH_MIB, growth / GROWTH_MIB, 1, None, "MiB"
        ),
        _plain("processor time of an answer", float(np.mean([one.cpu for one in new])), "ms"),
        _plain("processor time of a cached answer", float(np.mean([one.cpu for one in again])), "ms"),
        _plain("the client and the model alone, P50", own, "ms"),
    ]


def _latency(name: str, times: Sequence[float], most: float) -> list[Figure]:
    p50, p95 = (float(np.percentile(times, percent)) for percent in (50, 95))
    return [
        Figure(f"{name}, P95 ÷ the most", p95, most, p95 / most, 1, None, "ms, less is better"),
        _plain(f"{name}, P50", p50, "ms"),
    ]


def _plain(name: str, value: float, unit: str) -> Figure:
    return Figure(name, value, value, 1.0, None, None, unit)


@contextmanager
def _service(url: str, collection: Collection, address: str) -> Iterator[Answers]:
    """Provide the service with threads as the HTTP part has them."""
    encoder = CollectionEncoder(collection)

    def make(*, read_only: bool) -> Callable[[], Services]:
        return lambda: Services(
            database=Database(url, application="bench", read_only=read_only),
            make_hot_buffer=_unused,
            make_sources=_unused,
            encoder=lambda _: encoder,
            identify=lambda _: encoder.identity,
            default_model="",
        )

    calls = ServiceThreads("calls", make(read_only=False), threads=4, waiting=400, within_s=60)
    searches = ServiceThreads("searches", make(read_only=True), threads=8, waiting=400, within_s=60)
    models = LlmModels(
        read_language_models(f"openai:bench@{address}"),
        keys={"openai": "none"},
        prices=PriceTable([LlmPrice("bench", 1.0, 1.0)]),
        timeout_s=60.0,
    )
    try:
        yield Answers(models, run=calls.run, search=searches.run, limits=AnswerLimits())
    finally:
        calls.close()
        searches.close()


def _unused() -> Any:
    raise AssertionError("answers use only the database and an encoder")


async def _ask(answers: Answers, question: str) -> Took:
    began, cpu, first = time.perf_counter(), time.process_time(), 0.0
    async with aclosing(answers.events(AnswerRequest(question=question, domain=DOMAIN))) as events:
        async for event in events:
            if isinstance(event, AnswerDelta) and not first:
                first = time.perf_counter()
            if isinstance(event, AnswerDone):
                answer = event.answer
    ended = time.perf_counter()
    return Took((first - began) * 1000, (ended - began) * 1000, (time.process_time() - cpu) * 1000, answer)


async def _model_alone(answers: Answers) -> float:
    """Return the median milliseconds until the model's first text of a prompt of usual length, asked without us."""
    (model,) = answers.models.candidates()
    client = answers.models.client(model).client
    passage = f"<passage-0>\n[1] {'w200 ' * (PROMPT_CHARS // 5)}\n</passage-0>"
    messages = [
        {"role": "system", "content": newest_prompt("answer").text},
        {"role": "user", "content": passage},
    ]
    times = []
    for _ in range(20):
        began = time.perf_counter()
        async with await client.chat.completions.create(model="bench", messages=messages, stream=True) as stream:
            parts = [time.perf_counter() async for _ in stream]
        times.append((parts[0] - began) * 1000)
    return float(np.median(times))


async def _growth(answers: Answers, questions: Sequence[str]) -> float:
    """Return the MiB that the process grows by over rounds of 50 streams at once, after the second one."""
    process, sizes = psutil.Process(), []
    for number in range(ROUNDS):
        some = questions[number * AT_ONCE : (number + 1) * AT_ONCE]
        await asyncio.gather(*(_ask(answers, question) for question in some))
        sizes.append(process.memory_info().rss)
    return float(max(0, sizes[-1] - sizes[1]) / 2**20)
