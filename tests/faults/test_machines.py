"""What the drill of two machines hurts. The drill needs root and minutes: ``python -m tests.faults.machines``."""

from __future__ import annotations

import shlex
from importlib.util import find_spec

import pytest
import yaml

from pc_worker.settings import PROJECT
from tests.faults.machines import Fault, faults_of, parsed

WORKFLOW = PROJECT / ".github/workflows/nightly.yml"
DRILLS = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["drill"]["strategy"]["matrix"]["drill"]


def test_one_round_kills_one_machine_and_cuts_the_other() -> None:
    assert faults_of(0) == (Fault("kill", 0), Fault("cut", 1))


def test_two_rounds_kill_and_cut_each_machine() -> None:
    each = {Fault("kill", 0), Fault("kill", 1), Fault("cut", 0), Fault("cut", 1)}

    assert {*faults_of(0), *faults_of(1)} == {*faults_of(2), *faults_of(3)} == each


def test_every_night_hurts_both_machines() -> None:
    (words,) = (words for words in map(shlex.split, DRILLS) if words[0] == "tests.faults.machines")

    assert parsed(words[1:]).faults >= 2


@pytest.mark.parametrize("drill", DRILLS)
def test_a_nightly_drill_exists(drill: str) -> None:
    module = shlex.split(drill)[0]

    assert find_spec(module) is not None
    assert find_spec(f"{module}.__main__") if (PROJECT / module.replace(".", "/")).is_dir() else True
