"""The documents are true: their commands run, their examples work, their links lead somewhere.

A block whose first line says ``sh by-hand`` is not run: it needs Docker, minutes, or a choice that is a person's. Its
``./run`` commands must still exist, with the options shown. Those of docs/answers.md are run with a fake model, in
http/test_answers_document.py.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import click
import pandas as pd
import pytest
import yaml

from pc_worker.cli import cli
from pc_worker.cli.default_command import DefaultGroup
from pc_worker.settings import PROJECT
from tests.support.commands import FORWARDER
from tests.support.documents import WITH_COMMANDS, Block, anchors, blocks, commands, links
from tests.support.frames import write_recruit
from tests.support.stack import COMMANDS, LiveStack

#: The row that the README searches the neighbours of.
NEIGHBOUR = "0190a5d4-7b1e-7c3a-9f5e-3f2b1c0d9e8f"
#: Whose examples another test runs: test_client_snippets.py.
ELSEWHERE = {PROJECT / "docs" / "clients.md"}
EXAMPLES = [
    block
    for document in WITH_COMMANDS
    if document not in ELSEWHERE
    for block in blocks(document, "sh", "python")
    if not block.by_hand
]


@dataclass(frozen=True)
class Reader:
    """A reader of the documents, with a folder of files and a running stack."""

    folder: Path
    stack: LiveStack
    job: str

    def follow(self, block: Block) -> subprocess.CompletedProcess[str]:
        """Do what a block says, in the folder."""
        text = re.sub(r"\bJOB\b", self.job, block.text).replace("/data/", f"{self.folder}/")
        text = text.replace("http://127.0.0.1:8080", f"http://{self.stack.addresses.http}")
        prelude = f"REDIS_URL = {self.stack.addresses.redis_url!r}\n"
        argv = ["sh", "-euc", text] if block.language == "sh" else [sys.executable, "-c", prelude + _unfutured(text)]
        return COMMANDS.run_shell(argv, cwd=self.folder, env=self.stack.env, timeout_s=240)


def _unfutured(text: str) -> str:
    return text.replace("from __future__ import annotations\n", "")


@pytest.fixture(scope="module")
def reader(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    folder = tmp_path_factory.mktemp("reader")
    (folder / "run").write_text(FORWARDER, encoding="utf-8")
    (folder / "run").chmod(0o755)
    write_people(folder / "people.pkl")
    pd.DataFrame({"id": ["a", "b"], "skills": [["python"], ["java", "sql"]]}).to_pickle(folder / "candidate_v2.pkl")
    source = write_recruit(folder / "recruit.pkl", 30, changes={4: {"Exp Years": "-1y"}})
    with stack.paused_worker():
        job = stack.run("ingest", str(source), "--domain", "recruit", "--json").json()["job_id"]
        stack.run("cancel", job)
    return Reader(folder, stack, job)


def write_people(path: Path) -> None:
    """Write 300 people, as a reader of the README may have them."""
    topics = ("distributed systems", "compilers", "paediatrics", "Korean cuisine")
    rows = [
        {
            "id": NEIGHBOUR if n == 7 else str(uuid.UUID(int=n)),
            "bio": f"Person {n} works on {topics[n % 4]} in {'Seoul' if n % 3 else 'Oslo'}.",
            "country": "KR" if n % 3 else "NO",
        }
        for n in range(300)
    ]
    pd.DataFrame(rows).to_pickle(path)


def names(documents: list[Path]) -> list[str]:
    return [str(document.relative_to(PROJECT)) for document in documents]


@pytest.mark.parametrize("block", EXAMPLES, ids=str)
def test_every_example_works_in_the_order_it_is_read(block: Block, reader: Reader) -> None:
    done = reader.follow(block)

    assert done.returncode == 0, f"{block.text}\n{done.stdout[-1000:]}\n{done.stderr[-1000:]}"


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=names(WITH_COMMANDS))
def test_every_command_that_is_spoken_of_exists(document: Path) -> None:
    for command in commands(document):
        assert accepts(shlex.split(command)), f"./run {command}"


def accepts(words: list[str]) -> bool:
    """Return whether the command line accepts these arguments; values may be omitted."""
    command: click.Command = cli
    while words and isinstance(command, click.Group):
        if isinstance(command, DefaultGroup) and words[0] not in command.commands:
            words = [command.default, *words]
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return False
        command, words = found, words[1:]
    try:
        command.make_context("./run", list(words))
    except (click.MissingParameter, click.exceptions.NoArgsIsHelpError):
        return True
    except click.UsageError:
        return False
    return True


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=names(WITH_COMMANDS))
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in links(document):
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document

        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_every_alert_has_its_section_in_the_runbook_and_no_section_is_left_over() -> None:
    rules = yaml.safe_load((PROJECT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
    wanted = [rule["annotations"]["runbook"] for group in rules["groups"] for rule in group["rules"]]

    assert {f"docs/runbook.md#{name}" for name in anchors(PROJECT / "docs/runbook.md")} - set(wanted) == {
        "docs/runbook.md#runbook"
    }
    assert all(target.partition("#")[2] in anchors(PROJECT / target.partition("#")[0]) for target in wanted)
