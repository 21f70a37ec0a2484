"""Questions on the sample meetings, in English and Korean: citations say who and when, and go with a forgotten row."""

from __future__ import annotations

import asyncio
import pickle
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from pc_worker.embedded import EmbeddedServers
from pc_worker.encoding import ModelIdentity
from pc_worker.encoding.protocol import Span
from pc_worker.samples.transcripts import write_transcripts
from pc_worker.services.answers.evaluate import AnswerCase, AnswerQuality, evaluate_answers, read_cases
from pc_worker.services.answers.recorded import show_answer
from pc_worker.services.answers.request import Answer, AnswerRequest
from pc_worker.services.forget import forget_ids
from pc_worker.services.seed import seed_domains
from pc_worker.store.search.filters.where import parse_where
from tests.integration.answers.conftest import ContentEncoder, Desk, content_vector
from tests.integration.search.shelf import DIMENSION
from tests.model.line import Line, services_for
from tests.support.llm.server import FakeLlm

DOMAIN = "transcript"
QUESTIONS = Path(__file__).parents[2] / "data" / "meeting_questions.jsonl"


class MeetingEncoder(ContentEncoder):
    """Encodes passages by their content words too; its window holds two utterances."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([content_vector(text) for text in texts])

    def passages(self, text: str) -> list[Span]:
        ends = [found.end() for found in re.finditer(r"[^\n]+", text)]
        starts = [0, *(end + 1 for end in ends[:-1])]
        return [Span(start, end) for start, end in zip(starts[::2], [*ends[1::2], *ends[-1:]], strict=False)]


@pytest.fixture(scope="module")
def meetings(
    database_url: str, embedded_servers: EmbeddedServers, fake_llm: FakeLlm, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("meetings")
    services = replace(
        services_for(database_url, embedded_servers.redis_url, folder),
        encoder=MeetingEncoder,
        identify=lambda name: ModelIdentity(name=name, revision="1", dimension=DIMENSION),
    )
    seed_domains(services)
    columns = pickle.loads(write_transcripts(folder).path.read_bytes())
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    line = Line(services, folder, database_url)
    assert line.ingest(rows, domain=DOMAIN, chunk_size=10).state == "completed"
    yield Desk(fake_llm, services, None)  # type: ignore[arg-type] # there is no shelf
    services.database.close()


def ask(desk: Desk, question: str, **options: object) -> Answer:
    async def answered() -> Answer:
        answers = desk.make()
        try:
            return await answers.answer(AnswerRequest(question=question, domain=DOMAIN, **options))  # type: ignore[arg-type]
        finally:
            await answers.close()

    return asyncio.run(answered())


@pytest.mark.parametrize(
    ("question", "meeting", "speaker", "fact"),
    [
        ("when can the store review of the build start", "Release planning, 2 March", "Omar", "Thursday"),
        ("how many euros does the agency ask for", "Release planning, 2 March", "Priya", "4,800"),
        ("지난주 환불 문의는 몇 건인가요", "주간 제품 회의 3월 4일", "이서연", "312건"),
    ],
)
def test_a_citation_says_who_and_when(meetings: Desk, question: str, meeting: str, speaker: str, fact: str) -> None:
    answer = ask(meetings, question)

    assert not answer.refused
    found = [one for one in answer.citations if fact in one.text]
    assert found, answer
    document = found[0].to_dict()
    passage = document["passage"]
    assert passage["group"] == {"meeting": meeting} == {"meeting": document["payload"]["meeting"]}
    assert speaker in passage["speakers"]
    assert 0 <= passage["from"] < passage["to"]
    assert document["id"] in passage["rows"]
    asked = meetings.server.asked[-1]
    assert meeting in str(asked), "the model sees who speaks when"


def test_a_filter_keeps_to_the_meeting(meetings: Desk) -> None:
    where = parse_where(["meeting=주간 제품 회의 3월 4일"])

    assert ask(meetings, "when can the store review of the build start", where=where).refused


def test_passages_that_answer_are_cited_and_other_questions_are_refused(meetings: Desk) -> None:
    cases = [_with_rows(meetings, case) for case in read_cases(QUESTIONS)]

    async def measured() -> AnswerQuality:
        answers = meetings.make()
        try:
            return await evaluate_answers(answers, meetings.services.database, DOMAIN, cases)
        finally:
            await answers.close()

    result = asyncio.run(measured())

    assert (result.questions, result.failed) == (38, 0)
    assert (result.citation_precision or 0) >= 0.95, result
    assert (result.citation_recall or 0) >= 0.95, result
    assert result.answered_wrongly == 0, result
    assert (result.refusals_right or 0) >= 0.8, "its encoder reads no endings of Korean words"
    assert (result.supported or 0) >= 0.95, result


def _with_rows(desk: Desk, case: AnswerCase) -> AnswerCase:
    """Return the case with the id of the one utterance that has each text."""
    ids = []
    for words in case.relevant:
        with desk.services.database.transaction() as cursor:
            cursor.execute("SELECT row_id::text FROM rows WHERE domain = %s AND strpos(text, %s) > 0", (DOMAIN, words))
            ((row_id,),) = cursor.fetchall()
        ids.append(row_id)
    return replace(case, relevant=tuple(ids))


# The last test, as it takes rows away.
def test_forgetting_any_row_of_a_cited_passage_erases_the_answer(meetings: Desk) -> None:
    answer = ask(meetings, "who looks at the crash rate during the first night")
    (citation, *_) = answer.citations
    assert citation.joined is not None
    neighbour = next(row for row in citation.joined.rows if row != citation.id)
    assert show_answer(meetings.services.database, answer.id)["document"]

    forget_ids(meetings.services.database, DOMAIN, [UUID(neighbour)])

    assert show_answer(meetings.services.database, answer.id)["document"] is None
