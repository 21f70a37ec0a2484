"""The sample files: real and shaped as described, the same every time, and the outcomes of their rows."""

from __future__ import annotations

import json
import pickle
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pc_worker.domains import Dead, Record, Skipped, clean, get_domain, resolve, row_keys
from pc_worker.reader import open_table
from pc_worker.samples import Expected, Sample, write_samples
from pc_worker.samples.skills import skills_vector


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    return {sample.domain: sample for sample in write_samples(tmp_path_factory.mktemp("samples"))}


def _rows(sample: Sample) -> list[dict[str, Any]]:
    loaded = pd.read_pickle(sample.path)
    if isinstance(loaded, list):
        return loaded
    frame = loaded["data_frame"] if isinstance(loaded, dict) else loaded
    return [dict(zip(frame.columns, cells, strict=True)) for cells in frame.itertuples(index=False, name=None)]


@pytest.mark.parametrize("domain", ["document", "recruit", "candidate", "skill_dic", "transcript"])
def test_reading_and_cleaning_each_sample_gives_what_its_maker_expects(
    samples: dict[str, Sample], domain: str, tmp_path: Path
) -> None:
    sample, declared = samples[domain], get_domain(domain)
    with open_table(sample.path, spool=tmp_path) as table:
        plan = resolve(declared, sample.options, table.columns, table.read(0, 100), sample.path.name)
        batch = table.read(0, table.rows, plan.columns)
        keys = row_keys(declared, plan, batch)
        last = {key: row_no for row_no, key in enumerate(keys)}
        superseded = {row_no for row_no, key in enumerate(keys) if last[key] != row_no}

        outcomes = Counter(type(outcome) for outcome in clean(declared, plan, batch, keys=keys, superseded=superseded))

    assert len(batch) == sample.rows
    assert Expected(outcomes[Record], outcomes[Skipped], outcomes[Dead]) == sample.expected


def test_the_same_files_come_out_every_time(samples: dict[str, Sample], tmp_path: Path) -> None:
    for again in write_samples(tmp_path):
        assert again.path.read_bytes() == samples[again.domain].path.read_bytes()
    assert len(list(tmp_path.iterdir())) == 5


def test_the_documentation_is_real_and_has_long_and_repeated_texts(samples: dict[str, Sample]) -> None:
    rows = _rows(samples["document"])

    assert len(rows) >= 3000
    assert len({row["id"] for row in rows}) == len(rows)
    assert {row["kind"] for row in rows} == {"module", "class", "function", "method"}
    assert sum(len(row["text"].split()) > 256 for row in rows) >= 20
    assert len({row["text"] for row in rows}) < len(rows)
    [dumps] = [row for row in rows if row["id"] == "json.dumps"]
    assert (dumps["module"], dumps["name"], dumps["kind"]) == ("json", "dumps", "function")
    assert dumps["signature"].startswith("(obj, *, skipkeys=False")
    assert "JSON formatted" in dumps["text"]


def test_containers_are_those_of_the_predecessors(samples: dict[str, Sample]) -> None:
    loaded = {name: pickle.loads(sample.path.read_bytes()) for name, sample in samples.items()}

    assert list(loaded["recruit"]) == ["data_frame"]
    assert isinstance(loaded["candidate"], pd.DataFrame)
    assert isinstance(loaded["skill_dic"], list)
    assert isinstance(loaded["document"], pd.DataFrame)


def test_columns_are_objects_but_the_index_column_and_a_candidates_years(samples: dict[str, Sample]) -> None:
    recruits = pd.read_pickle(samples["recruit"].path)["data_frame"].dtypes.astype(str)
    candidates = pd.read_pickle(samples["candidate"].path).dtypes.astype(str)

    assert recruits[recruits != "object"].to_dict() == {"__index_level_0__": "int64"}
    assert candidates[candidates != "object"].to_dict() == {
        "Experience Years": "float64",
        "__index_level_0__": "int64",
    }


def test_cells_look_like_those_of_the_predecessors(samples: dict[str, Sample]) -> None:
    recruits, candidates = _rows(samples["recruit"]), _rows(samples["candidate"])

    assert uuid.UUID(recruits[0]["id"]).version == 5
    assert isinstance(recruits[0]["skills"], np.ndarray)
    assert len(json.loads(recruits[0]["skill_vector"])) == 1536
    assert {"no_exp", "3y", None} <= {row["Exp Years"] for row in recruits}
    assert 0.4 < sum(row["Looking For"] is None for row in candidates) / len(candidates) < 0.6


def test_the_dictionary_has_147_skills(samples: dict[str, Sample]) -> None:
    assert len({row["name"] for row in _rows(samples["skill_dic"])}) == 147


def test_skills_of_one_category_lie_nearer_than_others() -> None:
    spring, hibernate, figma = (skills_vector([skill]) for skill in ("spring", "hibernate", "figma"))

    assert spring @ hibernate > 0.4 > 0.2 > abs(spring @ figma)


def test_the_meetings_are_in_two_languages_and_make_several_passages(samples: dict[str, Sample]) -> None:
    utterances = pd.DataFrame(pickle.loads(samples["transcript"].path.read_bytes()))

    assert list(utterances.columns) == ["meeting", "speaker", "start", "end", "text"]
    assert [
        any("가" <= char <= "힣" for char in "".join(said)) for _, said in utterances.groupby("meeting")["text"]
    ] == [
        False,
        True,
    ]
    assert (utterances["end"] > utterances["start"]).all()
