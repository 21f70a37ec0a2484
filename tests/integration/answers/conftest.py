"""One fake model server and one database with a shelf of facts for all tests of answers in a module."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from pc_worker.llm import PriceTable
from pc_worker.model.language_model import LlmPrice, read_language_models
from pc_worker.services.answers.answer import Answers
from pc_worker.services.answers.events import AnswerEvent
from pc_worker.services.answers.models.configured import LlmModels
from pc_worker.services.answers.request import Answer, AnswerRequest, Asker
from pc_worker.services.answers.work import AnswerLimits
from pc_worker.services.dependencies import Services
from pc_worker.store.db.connection import Database
from pc_worker.store.search.words.stopwords import without_function_words
from pc_worker.wiring.answers import OneThread
from tests.integration.search.shelf import Shelf, WordEncoder, embed, open_shelf
from tests.support.certificates import one_authority
from tests.support.llm.extractive import extractive
from tests.support.llm.server import FakeLlm

FACTS = (
    "The gzip module compresses files with level 9 by default.",
    "The zipfile module reads and writes archives of several files.",
    "The bisect module inserts items into a sorted list.",
    "The heapq module implements a priority queue with a binary heap.",
    "서울 지하철은 1974년에 개통되었다.",
)


def content_vector(text: str) -> NDArray[np.float32]:
    """Return a vector that texts share as far as they share content words."""
    return embed(re.sub(r"[^\w\s]", " ", without_function_words(text)))


class ContentEncoder(WordEncoder):
    """Encodes by content words only, so that a question about nothing here is far from all rows."""

    def encode_query(self, text: str) -> NDArray[np.float32]:
        return content_vector(text)


def put(shelf: Shelf, text: str, **payload: object) -> UUID:
    return shelf.add(text, payload={"topic": "python", **payload}, vector=content_vector(text))


def _unused(*_: Any) -> Any:
    raise AssertionError("answers need only the database and an encoder")


@dataclass
class Desk:
    """Asks questions of the module's database through models of the fake."""

    server: FakeLlm
    services: Services
    shelf: Shelf
    names: tuple[str, ...] = ("m",)
    provider: str = "openai"
    limits: AnswerLimits = AnswerLimits(timeout_s=20.0)  # noqa: RUF009 - it is frozen
    models: LlmModels | None = None
    url: str = ""

    def make(self) -> Answers:
        if self.models is None:
            listed = ",".join(self.server.model(name, self.provider) for name in self.names)
            self.models = LlmModels(
                read_language_models(listed),
                keys={"openai": "k", "anthropic": "k"},
                prices=PriceTable([LlmPrice(name, 1000.0, 2000.0) for name in self.names]),
                timeout_s=self.limits.timeout_s,
            )
        return Answers(self.models, run=OneThread(self.services), limits=self.limits)

    def ask(self, question: str, *, asker: Asker | None = None, **options: Any) -> Answer:
        request = AnswerRequest(question=question, domain="document", **options)

        async def answered() -> Answer:
            answers = self.make()
            try:
                return await answers.answer(request, asker)
            finally:
                await answers.close()

        return asyncio.run(answered())

    def events(
        self, question: str, *, asker: Asker | None = None, stream: bool = True, **options: Any
    ) -> list[AnswerEvent]:
        request = AnswerRequest(question=question, domain="document", **options)

        async def collect() -> list[AnswerEvent]:
            answers = self.make()
            try:
                return [event async for event in answers.events(request, asker, stream=stream)]
            finally:
                await answers.close()

        return asyncio.run(collect())

    def with_limits(self, **limits: Any) -> Desk:
        return replace(self, limits=replace(self.limits, **limits), models=None)

    def with_models(self, *names: str, provider: str = "openai") -> Desk:
        return replace(self, names=names, provider=provider, models=None)


@pytest.fixture(autouse=True, scope="package")
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with one_authority(tmp_path_factory.mktemp("authority")):
        yield


@pytest.fixture(scope="module")
def fake_llm() -> Iterator[FakeLlm]:
    with FakeLlm(extractive) as running:
        yield running


@pytest.fixture(scope="module")
def module_desk(database_url: str, fake_llm: FakeLlm) -> Iterator[Desk]:
    database = Database(database_url)
    shelf = open_shelf(database, "document")
    for number, fact in enumerate(FACTS):
        put(shelf, fact, nr=number)
    services = Services(
        database=database,
        make_hot_buffer=_unused,
        make_sources=_unused,
        encoder=ContentEncoder,
        identify=_unused,
        default_model="",
    )
    yield Desk(fake_llm, services, shelf, url=database_url)
    database.close()


@pytest.fixture
def desk(module_desk: Desk) -> Desk:
    """Return a desk whose models are new: no breaker is open; the fake is extractive again."""
    module_desk.server.behaviour = extractive
    module_desk.server.asked.clear()
    return replace(module_desk, models=None)
