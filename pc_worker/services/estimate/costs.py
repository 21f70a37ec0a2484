"""The seconds of an ingest: from the domain's past jobs here, else from a quick calibration."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

from pc_worker.encoding.remote import EngineEncoder
from pc_worker.errors import Unavailable
from pc_worker.model import Model
from pc_worker.services.dependencies import Services
from pc_worker.services.estimate.sample import OwnTime, SourceSample
from pc_worker.store.ledger.timings import PastJob

#: Seconds of encoding in a calibration, and texts encoded at once.
CALIBRATION_S, TEXTS_AT_ONCE = 3.0, 8
#: Calibration only: the writes of a dry run have no write-ahead log, no foreign keys to check and no commit.
WRITE_FACTOR = 1.5
#: Calibration only: the share of the cores that PostgreSQL, Redis and the messages leave for the workers.
EFFICIENCY = 0.75

Basis = Literal["measured", "calibrated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Seconds of one process per row, token and written row, and how many processes effectively work at once."""

    basis: Basis
    prepare_row: float
    token: float
    written_row: float
    at_once: float

    def seconds(self, *, rows: int, tokens: int, written: int) -> float:
        """Return the seconds of a job."""
        busy = rows * self.prepare_row + tokens * self.token + written * self.written_row
        return busy / self.at_once


def costs(services: Services, model: Model, sample: SourceSample, past: Sequence[PastJob], *, processes: int) -> Costs:
    """Return the costs of each stage here: from past jobs, and from the sample for a stage that none of them had."""
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
        # Vectors from the source need no tokens: their seconds in the embed stage count as writing.
        written_row=(write if tokens else write + embed) / written,
        at_once=_at_once(past, processes) or calibrated.at_once,
    )


def _at_once(past: Sequence[PastJob], processes: int) -> float | None:
    """Return how many processes effectively worked at once in the larger past jobs; small ones do not use them all."""
    large = [p for p in past if p.chunks >= 4 * processes]
    wall = sum(p.wall_s for p in large)
    return sum(p.stages.total for p in large) / wall if wall else None


def _calibrated(services: Services, model: Model, sample: SourceSample, *, processes: int, needs_token: bool) -> Costs:
    return Costs(
        basis="calibrated",
        prepare_row=sample.seconds["prepare"] / max(sample.rows, 1),
        token=_token_seconds(services, model, sample.new_texts) if needs_token and sample.new_texts else 0.0,
        written_row=WRITE_FACTOR * sample.seconds["write"] / max(sample.written, 1),
        at_once=max(0.5, EFFICIENCY * min(processes, os.cpu_count() or 1)),
    )


def _token_seconds(services: Services, model: Model, texts: Sequence[str]) -> float:
    """Encode some texts and return the seconds per token; the texts are spread over the sample, as lengths vary."""
    encoder = services.encoder(model)
    if isinstance(encoder, EngineEncoder):
        return _engine_token_seconds(encoder, texts[:TEXTS_AT_ONCE])
    encoder.encode(texts[:1])  # the first text is slower
    step = max(1, len(texts) // 512)
    chosen = texts[::step]
    tokens, began, own = encoder.encoded_tokens, perf_counter(), OwnTime()
    for start in range(0, len(chosen), TEXTS_AT_ONCE):
        encoder.encode(chosen[start : start + TEXTS_AT_ONCE])
        if perf_counter() - began > CALIBRATION_S:
            break
    return own.seconds / max(encoder.encoded_tokens - tokens, 1)


def _engine_token_seconds(encoder: EngineEncoder, texts: Sequence[str]) -> float:
    """Return the seconds per token of one small request, as each costs money; 0 if its limit of tokens decides."""
    if encoder.options.limits.tpm is not None:
        return 0.0
    tokens, began = encoder.encoded_tokens, perf_counter()
    try:
        encoder.encode_each(texts)
    except Unavailable:  # an estimate without its speed is better than none
        return 0.0
    return (perf_counter() - began) / max(encoder.encoded_tokens - tokens, 1)
