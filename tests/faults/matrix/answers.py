"""Answers whose model misbehaves while the servers or the HTTP part go away."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg2

from pc_worker.store.answers.record import purge_answers
from tests.faults.drill import Drill, Fault
from tests.faults.rig import ENDED
from tests.support.http_part import HttpPart, events, running_http
from tests.support.llm.extractive import extractive
from tests.support.llm.misbehaviour import KINDS
from tests.support.llm.server import FakeLlm
from tests.support.llm.talk import Asked, Behaviour, Said
from tests.support.waiting import eventually

DOMAIN, SOURCE = "document", "answers-drill"
#: Seconds of one answer, and what a loaded machine may add until its end is seen.
DEADLINE_S, SLACK_S = 6.0, 20.0
FACTS = ("The gzip module compresses files with level 9 by default.", "The heapq module implements a priority queue.")
QUESTION = "what level does the gzip module compress files with, by default"
#: The model's faults: hangs, cuts, limits of rates, broken replies, made-up citations; and none.
MODEL = (
    "hangs in the middle", "breaks off in the middle", "limits the rate for ever", "is not JSON", "makes up a citation",
    "calls a tool for ever", "sends garbage in the stream", "reports negative usage",
)  # fmt: skip
HALF_RECORDED = """
SELECT answer_id, state FROM answers
WHERE domain = %(domain)s AND (
    (state IN ('answered', 'refused')) <> (document IS NOT NULL) OR (state <> 'running' AND ended_at IS NULL)
    OR (state <> 'running' AND reserved_usd <> 0) OR (state = 'answered' AND cost_usd IS NULL))
"""
OPEN = "SELECT count(*) FROM answers WHERE domain = %(domain)s AND state = 'running'"
AGE = "UPDATE answers SET created_at = created_at - interval '1 day' WHERE domain = %s AND state = 'running'"


@dataclass(slots=True)
class Desk:
    """The HTTP part of the drill, which can be started again, and its model."""

    drill: Drill
    model: FakeLlm
    part: HttpPart


def misbehaving(drill: Drill) -> None:
    """Ask while the model misbehaves and a server is cut off, or the HTTP part is killed in the middle of an answer."""
    _ingest(drill)
    blows: Sequence[Callable[[Desk], None]] = (_nothing, _cut_postgres, _cut_redis, _lose_commit, _kill)
    with FakeLlm(extractive) as model:
        while drill.injected < drill.times:
            with _part(drill, model) as part:
                desk = Desk(drill, model, part)
                while drill.injected < drill.times and part.process.poll() is None:
                    name = MODEL[drill.injected % len(MODEL)]
                    model.behaviour = _by(name, drill.injected)
                    _ask(desk, f"{QUESTION} ({drill.injected})", blows[drill.injected % len(blows)])
                    drill.injected += 1
    _check(drill)


def _by(name: str, number: int) -> Behaviour:
    """Return a first model that misbehaves, and a second one that answers, every other time slowly enough to be hit."""

    def behave(asked: Asked) -> Said:
        if asked.model == "first":
            return KINDS[name](asked)
        return extractive(asked) if number % 2 else Said(text=extractive(asked).text + " And" * 40)

    return behave


@contextmanager
def _part(drill: Drill, model: FakeLlm) -> Iterator[HttpPart]:
    prices = json.dumps({name: {"input": 1.0, "output": 2.0} for name in ("first", "second")})
    settings = {
        "LLM": f"{model.model('first')},{model.model('second')}",
        "LLM_TIMEOUT_S": str(DEADLINE_S),
        "LLM_PRICES": prices,
        "LLM_BUDGET_USD": "1000",
        "HTTP_ADDRESS": "127.0.0.1:0",
    }
    with running_http(drill.rig.stack, drill.rig.folder, **settings) as part:
        yield part


def _ask(desk: Desk, question: str, blow: Callable[[Desk], None]) -> None:
    """Ask for a stream and hit after its first event; it must end in time, valid or with an error."""
    drill, began, last = desk.drill, time.monotonic(), ""
    body = {"question": question, "domain": DOMAIN, "where": f"source={SOURCE}", "stream": True}
    try:
        with (
            desk.part.client() as client,
            client.stream("POST", "/v1/answers", json=body, timeout=DEADLINE_S + SLACK_S) as answer,
        ):
            for number, event in enumerate(events(answer)):
                last = event.event
                if number == 0:
                    blow(desk)
                if last == "done":
                    drill.expect(_valid(event.data), f"an answer is not valid: {event.data}")
            whole = last in ("done", "error") or answer.status_code in (429, 503, 504)
            drill.expect(whole, f"{question}: status {answer.status_code}, ended after event {last!r}")
    except httpx.HTTPError as exc:
        gone = desk.part.process.poll() is not None
        drill.expect(gone, f"{question}: {type(exc).__name__} although the HTTP part lives")
    took = time.monotonic() - began
    drill.settled_s.append(took)
    drill.expect(took < DEADLINE_S + SLACK_S, f"{question} took {took:.1f} s (last event {last})")


def _valid(document: dict[str, Any]) -> bool:
    cited = {citation["number"] for citation in document["citations"]}
    numbers = {number for number in range(100) if f"[{number}]" in document["answer"]}
    return cited == numbers and document["refused"] == (not cited) and document["usage"]["cost_usd"] >= 0


def _nothing(_: Desk) -> None:
    """Leave the servers alone."""


def _cut_postgres(desk: Desk) -> None:
    desk.drill.rig.to_postgres.cut()


def _cut_redis(desk: Desk) -> None:
    desk.drill.rig.to_redis.cut()


def _lose_commit(desk: Desk) -> None:
    """Lose the next commit of the stack: sometimes it is the record of the answer."""
    desk.drill.rig.to_postgres.commits_to_lose.append(True)


def _kill(desk: Desk) -> None:
    desk.part.process.send_signal(signal.SIGKILL)
    desk.part.process.wait()


def _ingest(drill: Drill) -> None:
    path = drill.rig.folder / "sources" / f"{SOURCE}.jsonl"
    path.write_text("".join(json.dumps({"id": text, "text": text, "source": SOURCE}) + "\n" for text in FACTS))
    job = drill.rig.stack.run("ingest", str(Path(path)), "--domain", DOMAIN, "--source", SOURCE, "--json").json()
    state = "SELECT state FROM jobs WHERE job_id = %(j)s"
    eventually(lambda: drill.rig.query(state, {"j": job["job_id"]})[0][0] in ENDED, within_s=120, what="the rows")


def _check(drill: Drill) -> None:
    """Check that no record is half written, and that those of killed processes end."""
    rig = drill.rig
    rig.to_postgres.commits_to_lose.clear()
    half = rig.query(HALF_RECORDED, {"domain": DOMAIN})
    drill.expect(not half, f"answers are half recorded: {half}")
    (open_,) = rig.query(OPEN, {"domain": DOMAIN})[0]
    drill.expect(open_ <= drill.injected, f"{open_} answers are open")
    with psycopg2.connect(rig.servers.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(AGE, (DOMAIN,))
        purge_answers(cursor, text_s=1e7, record_s=1e7)
    (open_,) = rig.query(OPEN, {"domain": DOMAIN})[0]
    drill.expect(open_ == 0, f"{open_} answers stay open after the purge")
    drill.expect(not rig.query(HALF_RECORDED, {"domain": DOMAIN}), "the purge left half a record")


FAULTS = (
    Fault(
        name="answer-cut",
        matrix="14",
        what="a language model that misbehaves while a server or the HTTP part goes away in the middle of an answer",
        times=40,
        run=misbehaving,
    ),
)
