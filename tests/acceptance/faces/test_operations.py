"""Ingests, jobs, dead letters, rows, subscriptions and questions: the same through each face that has them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.faces.conftest import DOMAIN, MINE, WRONG, agreed, cases
from tests.support.faces import Faces, search_words

LONG = "x" * 1001
#: The options of an ingest that are refused, and the faces that cannot say them.
REFUSED_INGESTS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    *cases((), "max_dead", -1, 2**63, 10**30, 1.5),
    *cases(("command",), "max_dead", "5", True, []),
    *cases(("command",), "chunk_size", 0, 1001, 1.5, "5", True),
    *(
        case
        for name in ("source", "id_column", "vector_column", "delimiter", "encoding", "sheet")
        for case in cases((), name, LONG)
    ),
    *(case for name in ("source", "id_column", "delimiter", "sheet") for case in cases(("command",), name, 5, [])),
    *(case for name in ("source", "delimiter", "encoding", "sheet", "vector_column") for case in cases((), name, "")),
    *cases((), "text_columns", ["a", "a"], [LONG], [f"c{number}" for number in range(1001)]),
    *cases(("command",), "text_columns", "text", [5], [None]),
    *cases((), "delimiter", "ab", "x", '"', "é"),
    *cases((), "encoding", "nope", "rot13", "unicode_escape"),
    *cases((), "domain", "", "nope", "x" * 201),
    ({"domain": 5}, ("command",)),
    ({"domain": "recruit", "source": "s"}, ()),
    ({"domain": "recruit", "text_columns": ["t"]}, ()),
    *cases(("command",), "path", "", "relative.jsonl", "~/x", "/" + "x" * 5000, 5),
    *cases((), "path", "s3://b/k", "s3://", "ftp://x/y"),
]


@pytest.mark.parametrize(("wrong", "without"), REFUSED_INGESTS, ids=lambda value: ascii(value)[:60])
def test_a_wrong_ingest_is_refused_with_one_sentence(
    faces: Faces, tmp_path: Path, wrong: dict[str, Any], without: tuple[str, ...]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n')
    asked = {"path": str(path), "domain": DOMAIN} | wrong

    found = {
        "task": faces.task("pc_worker.ingest_file", asked),
        "http": faces.call("POST", "/v1/jobs", asked),
        **({} if without else {"command": faces.command(*_ingest_words(asked))}),
    }

    assert agreed(found).sentence
    assert found["http"].code in (404, 422)
    assert found["task"].code in ("InvalidRequest", "InvalidOption", "UnknownDomain")
    assert without or found["command"].code == 2


def _ingest_words(asked: Mapping[str, Any]) -> Iterator[str]:
    yield from ("ingest", "--json", asked["path"])
    for name, value in asked.items():
        if name == "text_columns":
            yield from (f"--text-column={column}" for column in value)
        elif name != "path":
            yield f"--{name.replace('_', '-')}={value}"


LETTERS: list[dict[str, str]] = [
    *({"job": job} for job in ("nope", "x" * 400, "a b", "é")),
    *({"domain": domain} for domain in ("", "nope", "Document", "x" * 201, DOMAIN)),
    *({"domain": DOMAIN, "reason": reason} for reason in ("zzz", "%", "x" * 1001)),
]


@pytest.mark.parametrize("selection", LETTERS, ids=lambda value: ascii(value)[:60])
def test_a_selection_of_dead_letters_means_the_same(faces: Faces, selection: dict[str, str]) -> None:
    options = [f"--{name}={value}" for name, value in selection.items()]
    listed = faces.command("dead", "list", "--json", *options)
    page = faces.call("GET", "/v1/dead-letters", limit="100", **selection)

    assert listed.sentence == page.sentence
    assert listed.document == (None if page.document is None else page.document["items"])
    if listed.sentence:
        for act in ("retry", "drop"):
            done = faces.call("POST", f"/v1/dead-letters/{act}", {"filter": selection})
            assert faces.command("dead", act, *options).sentence == done.sentence == listed.sentence


@pytest.mark.parametrize("job", ["nope", "x" * 400, "a b", "%", "é", str(uuid.UUID(int=1))], ids=lambda job: job[:9])
def test_a_job_that_does_not_exist_is_refused_with_one_sentence(faces: Faces, job: str) -> None:
    path = f"/v1/jobs/{job.replace('%', '%25')}"

    for command, method, under in (("status", "GET", ""), ("cancel", "POST", "/cancel"), ("resume", "POST", "/resume")):
        assert agreed({"command": faces.command(command, job), "http": faces.call(method, path + under)}).sentence


def test_a_job_is_the_same_document_and_in_the_same_state(faces: Faces) -> None:
    newest = faces.call("GET", "/v1/jobs", state="completed").document["items"][0]
    job = newest["job_id"]

    assert agreed({"command": faces.command("status", "--json", job), "http": faces.call("GET", f"/v1/jobs/{job}")})
    for act in ("cancel", "resume"):
        both = {"command": faces.command(act, job), "http": faces.call("POST", f"/v1/jobs/{job}/{act}")}
        assert agreed(both).sentence
        assert [outcome.code for outcome in both.values()] == [2, 409]


@pytest.mark.parametrize("row", ["nope", "x" * 300, "0" * 32, f"{{{uuid.UUID(int=1)}}}", str(uuid.UUID(int=1))])
@pytest.mark.parametrize("domain", [DOMAIN, "nope"])
def test_a_row_that_cannot_be_forgotten_is_refused_with_one_sentence(faces: Faces, domain: str, row: str) -> None:
    both = {
        "command": faces.command("forget", "--domain", domain, f"--id={row}"),
        "http": faces.call("DELETE", f"/v1/domains/{domain}/rows/{row}"),
    }

    assert agreed(both).sentence
    assert both["command"].code == 2


def test_a_row_is_forgotten_by_either_face_in_either_case(faces: Faces) -> None:
    found = faces.command(*search_words({"domain": DOMAIN, "query": "whale", "where": [MINE]})).document["hits"]
    first, second = (hit["id"].upper() for hit in found[:2])

    assert faces.command("forget", "--domain", DOMAIN, "--id", first).code == 0
    assert faces.call("DELETE", f"/v1/domains/{DOMAIN}/rows/{second}").code == 204
    assert {faces.call("GET", f"/v1/domains/{DOMAIN}/rows/{row}").code for row in (first, second)} == {404}


@pytest.mark.parametrize("name", ["none", "x" * 1001, "a/b", "é"], ids=lambda name: name[:9])
def test_a_subscription_that_does_not_exist_is_refused_with_one_sentence(faces: Faces, name: str) -> None:
    for domain in (DOMAIN, "nope", "x" * 201):
        both = {
            "command": faces.command("subscriptions", "drop", "--domain", domain, name),
            "http": faces.call("DELETE", f"/v1/subscriptions/{domain}/{name}"),
        }
        assert agreed(both).sentence


def test_domains_and_subscriptions_are_listed_the_same(faces: Faces) -> None:
    declared = faces.command("domains", "list", "--json").document
    domains = faces.call("GET", "/v1/domains", limit="100").document["items"]
    assert [(one["domain"], one["state"]) for one in declared] == [(one["domain"], one["state"]) for one in domains]

    listed = faces.command("subscriptions", "list", "--json").document
    assert listed == faces.call("GET", "/v1/subscriptions", limit="100").document["items"]


@pytest.mark.parametrize(
    ("wrong", "without"),
    [
        *cases((), "k", 0, -1, 101, 1.5, 2**63),
        *cases(("command",), "k", "8", True),
        *cases((), "question", "", " ", "x" * 4001),
        *cases((), "expand", "OFF", "", "x"),
        *cases((), "where", ["n==5"], [""], ["n>=0"] * 65),
        *cases(("command",), "where", 5, {"and": []}),
        ({"domain": "x" * 201}, ()),
        ({"bogus": 1}, ("command",)),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_a_wrong_question_is_refused_with_one_sentence(
    faces: Faces, wrong: dict[str, Any], without: tuple[str, ...]
) -> None:
    asked = {"question": "Who meets the captain?", "domain": DOMAIN} | wrong
    found = {"http": faces.call("POST", "/v1/answers", asked)}
    if not without:
        options = search_words({name: value for name, value in asked.items() if name != "question"})[1:]
        found["command"] = faces.command("answer", "ask", *options, "--", asked["question"])

    assert agreed(found).sentence
    assert {name: outcome.code for name, outcome in found.items()} == {name: WRONG[name] for name in found}


def test_without_a_language_model_every_face_says_so(faces: Faces) -> None:
    asked = {"question": "Who meets the captain?", "domain": DOMAIN}
    chat = {"model": f"pcw/{DOMAIN}", "messages": [{"role": "user", "content": asked["question"]}]}
    found = {
        "command": faces.command("answer", asked["question"], "--domain", DOMAIN),
        "http": faces.call("POST", "/v1/answers", asked),
        "chat": faces.call("POST", "/v1/chat/completions", chat),
    }

    assert agreed(found).sentence
    assert {name: outcome.code for name, outcome in found.items()} == {"command": 69, "http": 503, "chat": 503}
