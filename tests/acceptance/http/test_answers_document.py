"""The examples of docs/answers.md work, with a fake model: all commands in one process, in the order they are read."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pc_worker.settings import PROJECT
from tests.acceptance.http.conftest import Library
from tests.support.documents import blocks
from tests.support.http_part import HttpPart, running_http
from tests.support.llm.extractive import extractive
from tests.support.llm.server import FakeLlm
from tests.support.llm.talk import Asked, Said

WHALE = "Who hunts a white whale across the oceans?"
SHOWN_ID = "6f1e8a8e-0000-4000-8000-000000000000"
#: Runs each argument as a command line; a redirection at its end is honoured.
RUNNER = """
import contextlib, shlex, sys
from pc_worker.cli import cli
for line in sys.argv[1:]:
    command, _, target = line.partition(" >> ")
    with open(target.strip() or "out.txt", "a") as out, contextlib.redirect_stdout(out):
        print(line) if not target else None
        cli.main(shlex.split(command), standalone_mode=False)
"""


def behave(asked: Asked) -> Said:
    if "You judge" in asked.system:
        return Said(text='{"supported": 1, "facts": 1}')
    if "write search queries" in asked.system or "only used to search" in asked.system:
        return Said(text="a captain hunts a whale")
    return extractive(asked)


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeLlm]:
    with FakeLlm(behave) as server:
        yield server


@pytest.fixture(scope="module")
def part(library: Library, fake: FakeLlm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpPart]:
    folder = tmp_path_factory.mktemp("document")
    with running_http(library.stack, folder, LLM=fake.model("m")) as running:
        yield running


def test_the_examples_work(part: HttpPart, library: Library, fake: FakeLlm, tmp_path: Path) -> None:
    with part.client() as client:
        answer = client.post("/v1/answers", json={"question": WHALE, "domain": "document"}).json()
    assert answer["citations"], answer
    whale, key = {"question": WHALE, "relevant": ["whales"]}, {"query": WHALE, "relevant": {"whales": 1}}
    (tmp_path / "questions.jsonl").write_text(json.dumps(whale))
    (tmp_path / "judged.jsonl").write_text(json.dumps(key) + "\n")
    (tmp_path / "my-prompt.txt").write_text("Answer.")
    texts = [block.text for block in blocks(PROJECT / "docs" / "answers.md", "sh", "python")]
    lines = re.findall(r"^\./run ([^#\n]*)", "\n".join(texts), re.MULTILINE)
    asked = [line.strip().replace(SHOWN_ID, answer["id"]).replace("year=2024", "year=1851") for line in lines]
    python = next(text for text in texts if "import OpenAI" in text)
    env = library.stack.env | {"PC_WORKER_LLM": fake.model("m")}

    done = subprocess.run(
        [sys.executable, "-c", RUNNER, *asked], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    client_done = subprocess.run(
        [sys.executable, "-c", python.replace("http://127.0.0.1:8080", part.url)],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip

    out = (tmp_path / "out.txt").read_text()
    assert done.returncode == 0, out[-2000:] + done.stderr[-2000:]
    assert len(asked) >= 12
    assert all(shlex.split(line.partition(" >> ")[0]) for line in asked)
    assert re.search(r"^[1-9][0-9]* queries were expanded by a model$", out, re.MULTILINE)
    assert len((tmp_path / "judged.jsonl").read_text().splitlines()) == 2, "`answer judge` adds a judged query"
    assert client_done.returncode == 0, client_done.stderr
    assert client_done.stdout.strip()
