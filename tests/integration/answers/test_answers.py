"""Answers over a real database and the real wire of a fake model: cited, cached, recorded, within their limits."""

from __future__ import annotations

import asyncio
import re
from uuid import UUID

import pytest

from pc_worker.errors import BudgetSpent, InvalidRequest, NoLlm, NotFound, PermissionDenied
from pc_worker.model.language_model import Expansion
from pc_worker.services.answers.answer import Answers
from pc_worker.services.answers.events import AnswerDelta, AnswerDone, CitationGiven, PassagesFound
from pc_worker.services.answers.models.configured import LlmModels
from pc_worker.services.answers.recorded import judged_query, list_answers, rate, show_answer, usage
from pc_worker.services.answers.request import Answer, AnswerRequest, Asker, Turn
from pc_worker.store.answers.record import Budget, erase_answers_of_rows, purge_answers
from pc_worker.store.db.connection import Database
from pc_worker.store.rows import forget
from pc_worker.store.search.filters.where import parse_where
from tests.integration.answers.conftest import FACTS, Desk, put
from tests.support.llm.extractive import extractive
from tests.support.llm.talk import Asked, Said

GZIP = "what level does the gzip module compress files with"


def test_an_answer_cites_the_passage_it_rests_on(desk: Desk) -> None:
    answer = desk.ask(GZIP)

    (citation,) = answer.citations
    assert answer.answer == f"The gzip module compresses files with level 9 by default [{citation.number}]."
    assert (citation.text, citation.start, citation.end) == (FACTS[0], 0, len(FACTS[0]))
    assert citation.payload == {"nr": 0, "topic": "python"}
    assert desk.shelf.texts[UUID(citation.id)] == FACTS[0]
    assert (answer.refused, answer.model, answer.cached) == (False, "openai:m", False)
    assert answer.prompt.startswith("answer-")


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_the_cost_is_that_of_the_tokens(desk: Desk, provider: str) -> None:
    desk = desk.with_models(f"priced-{provider}", provider=provider)
    desk.server.behaviour = lambda asked: Said(text=extractive(asked).text, usage=(700, 30))

    answer = desk.ask("which module inserts items into a sorted list")

    assert (answer.input_tokens, answer.output_tokens) == (700, 30)
    assert answer.cost_usd == pytest.approx((700 * 1000 + 30 * 2000) / 1_000_000)


def test_events_come_in_order_and_add_up(desk: Desk) -> None:
    events = desk.events("how does the heapq module implement a priority queue")

    assert isinstance(events[0], PassagesFound)
    assert isinstance(events[-1], AnswerDone)
    answer = events[-1].answer
    assert "".join(event.text for event in events if isinstance(event, AnswerDelta)).strip() == answer.answer
    assert tuple(event.citation for event in events if isinstance(event, CitationGiven)) == answer.citations


def test_a_question_about_nothing_here_is_refused_and_no_model_asked(desk: Desk) -> None:
    answer = desk.ask("who painted the ceiling of the Sistine chapel")

    assert (answer.refused, answer.citations, answer.model, answer.cost_usd) == (True, (), None, 0.0)
    assert desk.server.asked == []


@pytest.mark.parametrize("expand", ["off", "multi", "hyde"])
def test_no_model_is_asked_about_a_domain_without_rows(desk: Desk, expand: Expansion) -> None:
    history = (Turn("user", "What does the gzip module do?"),)
    request = AnswerRequest(question="And at what level?", domain="skill_dic", expand=expand, history=history)

    async def answered() -> Answer:
        answers = desk.make()
        try:
            return await answers.answer(request)
        finally:
            await answers.close()

    answer = asyncio.run(answered())

    assert (answer.refused, answer.model, answer.cost_usd, desk.server.asked) == (True, None, 0.0, [])


def test_a_model_that_finds_no_answer_refuses(desk: Desk) -> None:
    desk.server.behaviour = lambda _: Said(text="NO_ANSWER")

    answer = desk.ask("which gzip module compresses files by default in Java")

    assert (answer.refused, answer.citations) == (True, ())
    assert "NO_ANSWER" not in answer.answer


def test_a_korean_question_is_refused_in_korean(desk: Desk) -> None:
    assert re.search("[가-힣]", desk.ask("시스티나 성당의 천장을 그린 화가는 누구인가").answer)


def test_an_equal_question_comes_from_the_cache_until_a_row_is_new(desk: Desk) -> None:
    question = "what does the zipfile module read and write"
    first = desk.ask(question)
    asked = len(desk.server.asked)

    again = desk.ask(question)

    assert (again.answer, again.citations, again.cached) == (first.answer, first.citations, True)
    assert (again.cost_usd, again.input_tokens, again.id != first.id) == (0.0, 0, True)
    assert len(desk.server.asked) == asked

    put(desk.shelf, "The tarfile module reads tar archives.")
    assert not desk.ask(question).cached
    assert len(desk.server.asked) > asked


def test_a_question_that_a_model_does_not_answer_is_asked_and_paid_once(desk: Desk) -> None:
    desk.server.behaviour = lambda _: Said(text="NO_ANSWER")
    question = "what does the zipfile module write"
    first = desk.ask(question)
    asked = len(desk.server.asked)

    again = desk.ask(question)

    assert (again.answer, again.refused, again.model) == (first.answer, True, first.model)
    assert (again.cached, again.cost_usd, len(desk.server.asked)) == (True, 0.0, asked)
    assert list_answers(desk.services.database, limit=1)[0]["state"] == "refused"


def test_a_question_for_which_a_model_makes_something_up_is_asked_again(desk: Desk) -> None:
    question = "which module of zipfile reads and writes in spring"
    desk.server.behaviour = lambda _: Said(text="Bananas are picked by swift green robots in winter.")

    refused = desk.ask(question)
    desk.server.behaviour = extractive

    assert (refused.refused, refused.model) == (True, "openai:m")
    assert not desk.ask(question).cached


@pytest.mark.parametrize(
    "other",
    [
        {"k": 3},
        {"where": parse_where(["topic=python"])},
        {"asker": Asker("f" * 64, None)},
        {"asker": Asker("", frozenset({"document"}))},
        {"history": (Turn("user", "What is zipfile?"),)},
    ],
    ids=["k", "where", "token", "domains", "history"],
)
def test_the_cache_serves_only_what_is_equal(desk: Desk, other: dict[str, object]) -> None:
    question = "which archives does the zipfile module write"
    desk.ask(question)

    assert not desk.ask(question, **other).cached  # type: ignore[arg-type]


def test_the_filter_holds_for_the_passages(desk: Desk) -> None:
    answer = desk.ask(GZIP, where=parse_where(["nr=3"]))

    assert all(citation.payload["nr"] == 3 for citation in answer.citations)


def test_a_follow_up_is_rewritten_from_its_conversation(desk: Desk) -> None:
    def behaviour(asked: Asked) -> Said:
        if "rewrite" in asked.system:
            assert "gzip module" in asked.prompt
            return Said(text="What level does the gzip module compress files with?")
        return extractive(asked)

    desk.server.behaviour = behaviour
    history = (Turn("user", "What does the gzip module do?"), Turn("assistant", "It compresses files [1]."))

    answer = desk.ask("And with what level?", history=history)

    assert "level 9" in answer.answer
    assert [attempt["purpose"] for attempt in answer.attempts] == ["rewrite", "answer"]


def test_a_follow_up_whose_rewriting_is_cut_is_searched_for_with_the_question_before_it(desk: Desk) -> None:
    def behaviour(asked: Asked) -> Said:
        return Said(text="What level does", at_limit=True) if "rewrite" in asked.system else extractive(asked)

    desk.server.behaviour = behaviour

    answer = desk.ask("And with what level?", history=(Turn("user", "What does the gzip module compress?"),))

    assert "level 9" in answer.answer
    assert [attempt["outcome"] for attempt in answer.attempts] == ["invalid_output", "ok"]


def test_the_record_tells_what_was_tried_and_the_text_ends_with_its_retention(desk: Desk) -> None:
    desk = desk.with_models("down", "up")
    desk.server.behaviour = lambda asked: Said(status=503) if asked.model == "down" else extractive(asked)
    answer = desk.ask("where does the bisect module insert items")
    database = desk.services.database

    shown = show_answer(database, answer.id)
    assert [(one["model"], one["outcome"]) for one in shown["attempts"]] == [
        ("openai:down", "server_error"),
        ("openai:up", "ok"),
    ]
    assert (shown["state"], shown["document"]["answer"]) == ("answered", answer.answer)
    assert any(one["answer_id"] == answer.id for one in list_answers(database))
    with pytest.raises(NotFound):
        show_answer(database, answer.id, Asker("0" * 64))

    with database.transaction() as cursor:
        purge_answers(cursor, text_s=0.0, record_s=3600.0)
    shown = show_answer(database, answer.id)
    assert (shown["question"], shown["document"], shown["cost_usd"]) == (None, None, answer.cost_usd)


def test_feedback_becomes_a_judged_query(desk: Desk) -> None:
    answer = desk.ask("what inserts items into a sorted list")
    database = desk.services.database
    with pytest.raises(InvalidRequest, match="not rated"):
        judged_query(database, answer.id)

    rate(database, answer.id, rating=1, comment="good")

    assert judged_query(database, answer.id) == {
        "query": "what inserts items into a sorted list",
        "relevant": {answer.citations[0].id: 1},
    }


def test_forgetting_a_row_erases_what_cites_it(desk: Desk) -> None:
    answer = desk.ask("which structure implements a priority queue, a binary heap")
    database = desk.services.database

    with database.transaction() as cursor:
        erase_answers_of_rows(cursor, "document", [UUID(answer.citations[0].id)])

    assert show_answer(database, answer.id)["document"] is None


def test_a_row_that_is_forgotten_while_an_answer_is_written_leaves_no_text(desk: Desk) -> None:
    row = put(desk.shelf, "The lzma module compresses with dictionaries of eight megabytes.")

    def behaviour(asked: Asked) -> Said:
        other = Database(desk.url)
        with other.transaction() as cursor:
            assert forget.lock_rows(cursor, "document", [row], before=2**62) == [row]
            forget.delete_rows(cursor, "document", [row])
            erase_answers_of_rows(cursor, "document", [row])
        other.close()
        return extractive(asked)

    desk.server.behaviour = behaviour

    answer = desk.ask("what does the lzma module compress with")

    assert answer.citations[0].id == str(row)
    assert show_answer(desk.services.database, answer.id)["document"] is None


def test_the_budget_of_a_day_and_of_a_token_ends(desk: Desk) -> None:
    database = desk.services.database
    spent = usage(database)["total"]["cost_usd"]
    desk = desk.with_limits(budget=Budget(token_usd=0.000001))
    asker = Asker("a" * 64)
    desk.ask("what does the gzip module compress", asker=asker)

    with pytest.raises(BudgetSpent, match="this token") as caught:
        desk.ask("what does the zipfile module read", asker=asker)
    assert 0 < (caught.value.retry_after_s or 0) <= 86_400
    assert not desk.ask("what does the zipfile module read", asker=Asker("b" * 64)).refused

    with pytest.raises(BudgetSpent, match="the day"):
        desk.with_limits(budget=Budget(day_usd=spent)).ask("what does heapq implement")


def test_an_answer_whose_caller_goes_is_recorded_as_failed(desk: Desk) -> None:
    async def leave() -> None:
        answers = desk.make()
        request = AnswerRequest(question="what does the gzip module compress, quickly", domain="document")
        events = answers.events(request)
        await anext(events)
        await events.aclose()
        await answers.close()

    asyncio.run(leave())

    newest = list_answers(desk.services.database, limit=1)[0]
    assert (newest["state"], newest["error"]) == ("failed", "the caller has gone, or an internal error")


def test_a_refusal_whose_caller_goes_at_its_end_stays_a_refusal(desk: Desk) -> None:
    async def leave() -> None:
        answers = desk.make()
        events = answers.events(AnswerRequest(question="how tall is the tower of Pisa", domain="document"))
        async for event in events:
            if isinstance(event, AnswerDelta):
                break
        await events.aclose()
        await answers.close()

    asyncio.run(leave())

    newest = list_answers(desk.services.database, limit=1)[0]
    assert (newest["state"], newest["error"]) == ("refused", None)


def test_an_answer_whose_process_was_killed_ends_as_failed_and_costs_what_was_reserved(desk: Desk) -> None:
    answer = desk.ask("what does the bisect module insert, and where")
    database = desk.services.database
    with database.transaction() as cursor:
        cursor.execute(
            "UPDATE answers SET state = 'running', document = NULL, cost_usd = NULL, reserved_usd = 0.5,"
            " created_at = now() - interval '2 hours' WHERE answer_id = %s",
            (answer.id,),
        )
        purge_answers(cursor, text_s=1e6, record_s=1e6)

    shown = show_answer(database, answer.id)
    assert (shown["state"], shown["cost_usd"]) == ("failed", 0.5)
    assert "process" in shown["error"]


def test_usage_adds_up_by_domain_token_and_model(desk: Desk) -> None:
    asker = Asker("c" * 64)
    answer = desk.ask("what does the gzip module compress", asker=asker)

    found = usage(desk.services.database, token=asker.token)

    assert found["total"]["answers"] == 1
    assert found["total"]["cost_usd"] == pytest.approx(answer.cost_usd)
    assert found["items"][0]["model"] == "openai:m"


def test_what_the_asker_may_not_read_is_denied(desk: Desk) -> None:
    with pytest.raises(PermissionDenied):
        desk.ask(GZIP, asker=Asker("d" * 64, frozenset({"recruit"})))


def test_a_model_must_be_configured(desk: Desk) -> None:
    with pytest.raises(InvalidRequest, match="openai:m"):
        desk.ask(GZIP, model="gpt-of-mine")
    none = Answers(
        LlmModels((), keys={}, prices=desk.make().models.prices, timeout_s=1), run=desk.make()._run, limits=desk.limits
    )
    with pytest.raises(NoLlm) as caught:
        none.models.candidates()
    assert (caught.value.code, caught.value.exit_code, caught.value.http_status) == ("no_llm", 69, 503)
