"""Answers over HTTP: documents, events, OpenAI's own client, feedback and usage."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import redis

from pc_worker.http.routes.answers import ANSWER_COST
from tests.acceptance.http.conftest import Library
from tests.support.http_part import HttpPart, running_http
from tests.support.llm.extractive import extractive
from tests.support.llm.server import FakeLlm
from tests.support.llm.talk import Asked, Said
from tests.support.stack import run_command
from tests.support.waiting import eventually

WHALE = "Who hunts a white whale across the oceans?"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeLlm]:
    with FakeLlm(_behave) as server:
        yield server


def _behave(asked: Asked) -> Said:
    if "rewrite" in asked.system:
        return Said(text="What does the captain hunt across the oceans?")
    if "pirates" in asked.prompt.rpartition("<question-")[2]:
        return Said(status=503)
    return extractive(asked)


@pytest.fixture(scope="module")
def part(library: Library, fake: FakeLlm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpPart]:
    prices = json.dumps({"m": {"input": 1.0, "output": 2.0}})
    folder = tmp_path_factory.mktemp("answers")
    settings = {"LLM_PRICES": prices, "LLM_TIMEOUT_S": "20", "HTTP_SEARCH_COST": "499"}
    with running_http(library.stack, folder, LLM=fake.model("m"), **settings) as running:
        yield running


@pytest.fixture
def http(part: HttpPart) -> Iterator[httpx.Client]:
    with part.client() as client:
        yield client


def test_an_answer_is_a_document_with_citations(http: httpx.Client, library: Library) -> None:
    answer = http.post("/v1/answers", json={"question": WHALE, "domain": "document", "where": "shelf=http"})

    assert answer.status_code == 200, answer.text
    document = answer.json()
    (citation,) = document["citations"]
    assert document["answer"] == f"A captain hunts a white whale across the oceans [{citation['number']}]."
    assert (citation["id"], citation["domain"]) == (library.ids["whales"], "document")
    assert citation["passage"]["text"] == "A captain hunts a white whale across the oceans."
    assert citation["payload"]["title"] == "Moby Dick"
    assert document["usage"]["cost_usd"] > 0
    assert (document["refused"], document["usage"]["cached"]) == (False, False)

    again = http.post("/v1/answers", json={"question": WHALE, "domain": "document", "where": "shelf=http"}).json()
    assert (again["answer"], again["usage"]["cached"], again["usage"]["cost_usd"]) == (document["answer"], True, 0.0)


def test_events_tell_what_happens(http: httpx.Client) -> None:
    body = {"question": "Which traveller visits the far future?", "domain": "document", "stream": True}
    answer = http.post("/v1/answers", json=body)

    assert answer.headers["content-type"].startswith("text/event-stream")
    events = re.findall(r"^event: (\w+)\ndata: (.*)$", answer.text, re.MULTILINE)
    names = [name for name, _ in events]
    assert (names[0], names[-1]) == ("search", "done")
    done = json.loads(events[-1][1])
    assert "".join(json.loads(data)["text"] for name, data in events if name == "delta").strip() == done["answer"]
    assert [json.loads(data) for name, data in events if name == "citation"] == done["citations"]


@pytest.mark.parametrize("question", ["Who lives in London and solves a murder?", "Does the boy sail with pirates?"])
def test_a_question_of_the_console_is_charged_once_and_asked_once(
    library: Library, fake: FakeLlm, http: httpx.Client, question: str
) -> None:
    with redis.Redis.from_url(library.stack.addresses.redis_url) as limits:
        limits.delete("", *limits.scan_iter("pcw:limits*search*"))

        told = http.get("/ask/stream", params={"q": question})
        asked = len(fake.asked)
        last, data = re.findall(r"^event: (\w+)\ndata: (.*)$", told.text, re.MULTILINE)[-1]
        shown = http.get("/ask", params={"answer": json.loads(data).get("id")}) if last == "done" else None

        spent = sum(int(limits.get(key) or 0) for key in limits.scan_iter("pcw:limits*search*"))

    assert (spent, len(fake.asked)) == (ANSWER_COST, asked)
    if shown is None:  # its model fails: the stream says so itself
        assert (last, json.loads(data)["code"]) == ("error", "llm_unavailable")
    else:
        assert 'href="#passage-' in shown.text
        assert question in shown.text


@pytest.mark.parametrize("answer", ["00000000-0000-0000-0000-000000000000", "x", "'"])
def test_a_page_of_no_answer_is_no_answer(http: httpx.Client, answer: str) -> None:
    assert http.get("/ask", params={"answer": answer}).status_code == (404 if len(answer) == 36 else 422)


def test_a_question_about_nothing_here_is_refused(http: httpx.Client, fake: FakeLlm) -> None:
    before = len(fake.asked)

    answer = http.post(
        "/v1/answers", json={"question": "How do I bake rye bread with sourdough?", "domain": "document"}
    )

    assert (answer.json()["refused"], answer.json()["citations"]) == (True, [])
    assert len(fake.asked) == before


def test_no_model_that_answers_is_503(http: httpx.Client) -> None:
    answer = http.post("/v1/answers", json={"question": "Which boy sails with pirates?", "domain": "document"})

    assert (answer.status_code, answer.json()["code"]) == (503, "llm_unavailable")
    assert int(answer.headers["retry-after"]) >= 1


def test_without_models_answers_are_off(library: Library) -> None:
    with httpx.Client(base_url=library.url, timeout=60) as plain:
        answer = plain.post("/v1/answers", json={"question": WHALE, "domain": "document"})
        chat = plain.post(
            "/v1/chat/completions", json={"model": "pcw/document", "messages": [{"role": "user", "content": WHALE}]}
        )

    assert (answer.status_code, answer.json()["code"]) == (503, "no_llm")
    assert (chat.status_code, chat.json()["error"]["code"]) == (503, "no_llm")


def test_feedback_and_usage(http: httpx.Client) -> None:
    answer = http.post("/v1/answers", json={"question": "What does the scientist give life to?", "domain": "document"})
    answer_id = answer.json()["id"]

    rated = http.post(f"/v1/answers/{answer_id}/feedback", json={"rating": 1, "comment": "good"})
    shown = http.get(f"/v1/answers/{answer_id}").json()
    used = http.get("/v1/answers/usage").json()
    wrong = http.post(f"/v1/answers/{answer_id}/feedback", json={"rating": 5})
    nobody = http.post("/v1/answers/00000000-0000-0000-0000-000000000000/feedback", json={"rating": 1})

    assert rated.status_code == 200
    assert (shown["rating"], shown["document"]["id"]) == (1, answer_id)
    assert used["total"]["answers"] >= 1
    assert used["total"]["cost_usd"] > 0
    assert (wrong.status_code, nobody.status_code) == (422, 404)


def test_the_client_of_openai_reads_answers(part: HttpPart, library: Library) -> None:
    client: Any = openai.OpenAI(base_url=f"{part.url}/v1", api_key="none", max_retries=0)
    messages = [{"role": "system", "content": "Talk like a pirate."}, {"role": "user", "content": WHALE}]
    assert "pcw/document" in [model.id for model in client.models.list()]
    assert client.models.retrieve("pcw/document").owned_by == "pc_worker"

    whole = client.chat.completions.create(model="pcw/document", messages=messages)
    parts = list(
        client.chat.completions.create(
            model="pcw/document", messages=messages, stream=True, stream_options={"include_usage": True}
        )
    )

    message = whole.choices[0].message
    assert library.ids["whales"] in message.content
    place = message.annotations[0].url_citation
    assert re.fullmatch(r"\[\d+\]", message.content[place.start_index : place.end_index])
    row = httpx.get(place.url)
    assert row.json()["payload"]["title"] == "Moby Dick"
    texts = [part.choices[0].delta.content or "" for part in parts if part.choices]
    assert "".join(texts) == message.content
    assert (parts[-2].choices[0].finish_reason, parts[-1].usage.total_tokens) == ("stop", 0)


def test_each_number_opens_its_passage_in_the_api_and_in_the_console(http: httpx.Client) -> None:
    answer = http.post("/v1/answers", json={"question": WHALE, "domain": "document", "expand": "off"}).json()
    page = http.get("/ask", params={"q": WHALE, "domain": "document"})

    (citation,) = answer["citations"]
    passage = citation["passage"]
    row = http.get(f"/v1/domains/document/rows/{citation['id']}").json()
    assert row["payload"]["text"][passage["start"] : passage["end"]] == passage["text"]
    number = citation["number"]
    assert f'<a href="#passage-{number}">[{number}]</a>' in page.text
    opened = page.text.partition(f'id="passage-{number}"')[2]
    assert passage["text"] in opened


@pytest.mark.parametrize("path", ["/v1/answers", "/v1/chat/completions"])
def test_an_answer_whose_client_goes_is_not_paid_further(
    part: HttpPart, library: Library, fake: FakeLlm, path: str
) -> None:
    question = f"{WHALE} Asked by {path} and left"
    body: dict[str, Any] = {"question": question, "domain": "document"}
    if "chat" in path:
        body = {"model": "pcw/document", "messages": [{"role": "user", "content": question}]}
    behave, asked, url = fake.behaviour, len(fake.asked), httpx.URL(part.url)
    fake.behaviour = lambda _: Said(wait=True)
    try:
        with socket.create_connection((url.host, url.port)) as client:
            content = json.dumps(body).encode()
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            client.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
            eventually(lambda: len(fake.asked) > asked)
        ended = "SELECT error FROM answers WHERE question = %s AND state = 'failed'"
        eventually(lambda: library.stack.query(ended, question), within_s=15, what="the end of the answer")
        assert library.stack.query(ended, question) == [("the caller has gone, or an internal error",)]
    finally:
        fake.behaviour = behave


def test_a_follow_up_is_understood(part: HttpPart) -> None:
    client = openai.OpenAI(base_url=f"{part.url}/v1", api_key="none", max_retries=0)

    answer = client.chat.completions.create(
        model="pcw/document",
        messages=[
            {"role": "user", "content": "Which book is about a captain?"},
            {"role": "assistant", "content": "Moby Dick [1]."},
            {"role": "user", "content": "And what does he hunt?"},
        ],
    )

    assert "white whale" in (answer.choices[0].message.content or "")


@pytest.mark.parametrize(
    ("model", "status"), [("pcw/nothing", 404), ("gpt-4o", 404), ("pcw/document", 422)], ids=["domain", "model", "turn"]
)
def test_wrong_chats_have_the_errors_of_openai(http: httpx.Client, model: str, status: int) -> None:
    role = "assistant" if status == 422 else "user"

    answer = http.post("/v1/chat/completions", json={"model": model, "messages": [{"role": role, "content": "a"}]})

    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]


def test_the_command_answers_lists_and_shows(library: Library, fake: FakeLlm, tmp_path: Path) -> None:
    env = library.stack.env | {"PC_WORKER_LLM": fake.model("m")}

    answered = run_command("answer", WHALE, "--domain", "document", "--json", env=env)
    listed = run_command("answer", "log", "--json", env=env)
    document = json.loads(answered.out)
    shown = run_command("answer", "show", document["id"], env=env)
    off = run_command("answer", WHALE, "--domain", "document", env=library.stack.env)

    assert answered.code == 0, answered.err
    assert "white whale" in document["answer"]
    assert document["id"] in [answer["answer_id"] for answer in json.loads(listed.out)]
    assert json.loads(shown.out)["state"] == "answered"
    assert (off.code, off.err.startswith("error: no language model is configured")) == (69, True)
