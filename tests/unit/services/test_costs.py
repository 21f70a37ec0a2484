"""The costs of an estimate, from past jobs and from the sample, and the windows that are sampled."""

from __future__ import annotations

import pytest

from pc_worker.model import DEFAULT_CHUNK_ROWS, Model, Stages
from pc_worker.services.dependencies import Services
from pc_worker.services.estimate.costs import Costs, costs
from pc_worker.services.estimate.sample import WINDOWS, SourceSample, sample_windows
from pc_worker.store.ledger.timings import PastJob

MODEL = Model(model_id=1, name="m", revision="1", dimension=3, normalised=True, encodable=True)


def found(sample: SourceSample, past: list[PastJob]) -> Costs:
    no_services: Services = None  # type: ignore[assignment]  # nothing is encoded here
    return costs(no_services, MODEL, sample, past, processes=2)


def job(*, chunks: int = 100, stages: Stages, wall_s: float, tokens: int = 0) -> PastJob:
    return PastJob(chunks=chunks, rows=1000, written=500, tokens=tokens, stages=stages, wall_s=wall_s)


def test_past_jobs_give_the_cost_of_each_stage() -> None:
    past = [job(stages=Stages(read=1, clean=1, embed=20, write=5), wall_s=15, tokens=10_000)]

    cost = found(SourceSample(), past)

    assert cost.basis == "measured"
    assert cost.prepare_row == pytest.approx(0.002)
    assert cost.token == pytest.approx(0.002)
    assert cost.written_row == pytest.approx(0.01)
    assert cost.at_once == pytest.approx(27 / 15)
    assert cost.seconds(rows=1000, tokens=10_000, written=500) == pytest.approx(15)


def test_a_small_past_job_does_not_show_how_many_processes_work_at_once() -> None:
    small = job(chunks=1, stages=Stages(read=1, clean=1, embed=1, write=1), wall_s=4)

    assert found(SourceSample(), [small]).at_once > 1 / 2


def test_vectors_that_come_with_the_source_cost_no_tokens() -> None:
    cost = found(SourceSample(), [job(stages=Stages(read=1, clean=1, embed=5, write=5), wall_s=6)])

    assert cost.seconds(rows=1000, tokens=0, written=500) == pytest.approx(6)


def test_without_past_jobs_the_sample_gives_the_costs() -> None:
    sample = SourceSample(rows=100, written=50, seconds={"prepare": 1.0, "write": 0.5})

    cost = found(sample, [])

    assert cost.basis == "calibrated"
    assert cost.prepare_row == pytest.approx(0.01)


@pytest.mark.parametrize("rows", [0, 1, 299, 300, 301, 1800, 1801, 60_000])
def test_a_sample_is_inside_the_file_and_spread_over_it(rows: int) -> None:
    chosen = [row for window in sample_windows(rows) for row in window]

    assert len(set(chosen)) == len(chosen) == min(rows, DEFAULT_CHUNK_ROWS * WINDOWS)
    assert not chosen or (chosen[0], chosen[-1]) == (0, rows - 1)
