"""Answers to questions with known rows, by the built-in encoder and a model that copies from its passages."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from pc_worker.encoding import ModelIdentity, load_encoder
from pc_worker.errors import SourceRejected
from pc_worker.model import Model
from pc_worker.services.answers.evaluate import AnswerCase, AnswerQuality, evaluate_answers, read_cases
from pc_worker.store.models.registry import register_model
from tests.integration.answers.conftest import Desk
from tests.support.llm.extractive import extractive
from tests.support.llm.talk import Asked, Said

PRODUCTS = ("Aurora kettle", "Borealis lamp", "Cascade mixer", "Dolomite heater", "Ember toaster", "Fjord freezer",
            "Glacier fan", "Harbor radio", "Iris camera", "Juniper speaker")  # fmt: skip
FACTS = (
    ("The warranty of the {product} lasts {n} months.", "How long does the warranty of the {product} last?"),
    ("The {product} weighs {n} kilograms with its packaging.", "What does the {product} weigh with its packaging?"),
    ("The {product} is sold for {n} euros in every shop.", "For how many euros is the {product} sold?"),
    ("The {product} draws {n} watts of electric power.", "How many watts of power does the {product} draw?"),
    ("The {product} was designed by {n} engineers in Daejeon.", "How many engineers designed the {product}?"),
    ("The manual of the {product} has {n} pages.", "How many pages does the manual of the {product} have?"),
)
ELSEWHERE = (
    "Who painted the ceiling of the Sistine chapel?", "What is the capital of Mongolia?",
    "How do volcanoes form under the sea?", "When did the Roman empire end?", "Why do cats purr at night?",
    "What is the boiling point of mercury?", "Who wrote Don Quixote?", "How does photosynthesis work?",
    "Which planet has the most moons?", "How do I bake sourdough bread?", "What causes inflation?",
    "Who discovered penicillin?", "How tall is Mount Everest?", "What language is spoken in Brazil?",
    "When was the printing press invented?", "How do vaccines work?", "What is a haiku?", "Why is the sky blue?",
    "Who was the first person on the moon?", "How many players does a football team have?",
)  # fmt: skip


def _active_model(desk: Desk, identity: ModelIdentity) -> Model:
    with desk.services.database.transaction() as cursor:
        model = register_model(
            cursor,
            name=identity.name,
            revision=identity.revision,
            dimension=identity.dimension,
            normalised=True,
            encodable=True,
        )
        cursor.execute("UPDATE domains SET model_id = %s WHERE domain = 'document'", (model.model_id,))
    return model


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_judge_of_any_provider_is_asked_and_wrong_answers_are_counted(desk: Desk, provider: str) -> None:
    desk = desk.with_models("broken", f"judge-{provider}", provider=provider)

    def behaviour(asked: Asked) -> Said:
        if "You judge" not in asked.system:
            return extractive(asked)
        if asked.model == "broken":
            return Said(text="It is fine.")
        assert "PWNED" not in asked.prompt
        return Said(text='Here: {"supported": 1, "facts": 0.5}')

    desk.server.behaviour = behaviour
    desk.make().models.warm()
    gzip = next(str(row_id) for row_id, text in desk.shelf.texts.items() if "gzip" in text)
    cases = [
        AnswerCase("what level does the gzip module compress files with", (gzip,), ("level 9", "level 1")),
        AnswerCase("who painted the ceiling of the Sistine chapel"),
        AnswerCase("what does the heapq module implement"),
    ]

    result = _evaluated(desk, cases, judge=True)

    assert (result.questions, result.failed, result.refused_wrongly, result.answered_wrongly) == (3, 0, 0, 1)
    assert (result.citation_precision, result.citation_recall, result.facts) == (0.5, 1.0, 0.5)
    assert (result.judged, result.not_judged) == ({"supported": 1.0, "facts": 0.5}, 0)
    assert {asked.provider for asked in desk.server.asked} == {provider}


def test_an_answer_that_no_model_judges_is_counted_and_changes_no_share(desk: Desk) -> None:
    desk.server.behaviour = lambda asked: Said(text="No.") if "You judge" in asked.system else extractive(asked)

    result = _evaluated(desk, [AnswerCase("what does the heapq module implement, by what")], judge=True)

    assert (result.judged, result.not_judged) == (None, 1)


def test_a_file_of_questions_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps({"question": "a", "relevant": ["k"], "facts": ["f"]}) + '\n\n{"question": "b"}\n')
    assert read_cases(path) == [AnswerCase("a", ("k",), ("f",)), AnswerCase("b")]

    path.write_text('{"question": "a"}\n{"relevant": []}\n')
    with pytest.raises(SourceRejected, match="line 2"):
        read_cases(path)


@pytest.mark.slow
def test_citations_are_precise_and_the_right_questions_are_refused(desk: Desk, tmp_path: Path) -> None:
    encoder = load_encoder("", cache=tmp_path, threads=2)
    cases = [AnswerCase(question) for question in ELSEWHERE]
    shelf = replace(desk.shelf, model=_active_model(desk, encoder.identity))
    for place, product in enumerate(PRODUCTS):
        for kind, (fact, question) in enumerate(FACTS):
            number = str(100 + 10 * place + kind)
            text = fact.format(product=product, n=number)
            row_id = shelf.add(text, vector=encoder.encode([text])[0])
            cases.append(AnswerCase(question.format(product=product), (str(row_id),), (number,)))
    desk.services = replace(desk.services, encoder=lambda _: encoder)

    result = _evaluated(desk, cases)

    assert result.questions == 80
    assert (result.citation_precision or 0) >= 0.95, result
    assert (result.refusals_right or 0) >= 0.95, result
    assert (result.facts or 0) >= 0.95, result
    assert (result.supported or 0) >= 0.95, result


def _evaluated(desk: Desk, cases: list[AnswerCase], *, judge: bool = False) -> AnswerQuality:
    async def measured() -> AnswerQuality:
        answers = desk.make()
        try:
            return await evaluate_answers(answers, desk.services.database, "document", cases, judge=judge)
        finally:
            await answers.close()

    return asyncio.run(measured())
