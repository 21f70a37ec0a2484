"""How long a planned job will take: from what the domain's past jobs took here, else from a quick calibration."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

from pc_worker.model import Model
from pc_worker.services.dependencies import Services
from pc_worker.services.estimate.own_time import OwnTime
from pc_worker.services.estimate.sample import Sample
from pc_worker.store.ledger.timings import PastJob

#: Seconds of encoding that a calibration takes, and texts at once.
CALIBRATION_S, TEXTS_AT_ONCE = 3.0, 8
#: Calibration only: a rehearsed write has no write-ahead log, no references to check and no commit.
WRITE_FACTOR = 1.5
#: Calibration only: the share of the cores that is left for the workers by PostgreSQL, Redis and the messages.
EFFICIENCY = 0.75

Basis = Literal["measured", "calibrated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Seconds of one process by what there is to do, and how many processes' worth of work gets done at once."""

    basis: Basis
    prepare_row: float
    token: float
    written_row: float
    at_once: float

    def seconds(self, *, rows: int, tokens: int, written: int) -> float:
        """Give the time of a job."""
        busy = rows * self.prepare_row + tokens * self.token + written * self.written_row
        return busy / self.at_once


def costs(services: Services, model: Model, sample: Sample, past: Sequence[PastJob], *, processes: int) -> Costs:
    """Give what the stages cost here; of a stage that no past job tells of, what the sample took."""
    calibrated = _calibrated(services, model, sample, processes=processes, needs_token=not any(p.tokens for p in past))
    rows, written = sum(p.rows for p in past), sum(p.written for p in past)
    if not written:
        return calibrated
    tokens = sum(p.tokens for p in past)
    embed = sum(p.stages.embed for p in past)
    write = sum(p.stages.write for p in past)
    return Costs(
        basis="measured",
        prepare_row=sum(p.stages.read + p.stages.clean for p in past) / rows,
        token=embed / tokens if tokens else calibrated.token,
        # Vectors that come with the source cost no tokens: what their rows take there goes with the writing.
        written_row=(write if tokens else write + embed) / written,
        at_once=_at_once(past, processes) or calibrated.at_once,
    )


def _at_once(past: Sequence[PastJob], processes: int) -> float | None:
    """Give how many processes' worth the larger of the past jobs got done at once; small ones do not fill them all."""
    large = [p for p in past if p.chunks >= 4 * processes]
    wall = sum(p.wall_s for p in large)
    return sum(p.stages.total for p in large) / wall if wall else None


def _calibrated(services: Services, model: Model, sample: Sample, *, processes: int, needs_token: bool) -> Costs:
    return Costs(
        basis="calibrated",
        prepare_row=sample.seconds["prepare"] / max(sample.rows, 1),
        token=_token_seconds(services, model, sample.new_texts) if needs_token and sample.new_texts else 0.0,
        written_row=WRITE_FACTOR * sample.seconds["write"] / max(sample.written, 1),
        at_once=max(0.5, EFFICIENCY * min(processes, os.cpu_count() or 1)),
    )


def _token_seconds(services: Services, model: Model, texts: Sequence[str]) -> float:
    """Encode some texts and give the seconds a token; texts spread over the sample, as lengths go by place."""
    encoder = services.encoder(model)
    encoder.encode(texts[:1])  # the first is slower
    step = max(1, len(texts) // 512)
    chosen = texts[::step]
    tokens, began, own = encoder.encoded_tokens, perf_counter(), OwnTime()
    for start in range(0, len(chosen), TEXTS_AT_ONCE):
        encoder.encode(chosen[start : start + TEXTS_AT_ONCE])
        if perf_counter() - began > CALIBRATION_S:
            break
    return own.seconds / max(encoder.encoded_tokens - tokens, 1)
