"""The budget of a job for an engine over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pc_worker.encoding import Encoder
from pc_worker.encoding.remote import EngineEncoder
from pc_worker.errors import BudgetExhausted
from pc_worker.services.dependencies import Services
from pc_worker.store.ledger import spending


@contextmanager
def spending_of(services: Services, job_id: str | None, encoder: Encoder, texts: Sequence[str]) -> Iterator[None]:
    """Reserve what the texts will cost, and correct it after the block by the tokens that were really counted.

    Args:
        services: This process's shared dependencies.
        job_id: The job that pays; None = no job, and no budget.
        encoder: Its engine's tokens have a price; those of a local model have none.
        texts: The texts that the block encodes.

    Raises:
        BudgetExhausted: If the job's budget does not suffice; or if it has one and the price is not known.
    """
    if job_id is None or not texts or not isinstance(encoder, EngineEncoder):
        yield
        return
    price = encoder.usd_per_token
    if price is None:
        if services.budget_usd is not None:
            raise BudgetExhausted(
                f"the price of {encoder.label} is not known, so the job's budget cannot be kept: state it in "
                "PC_WORKER_LLM_PRICES, restart the workers, and `resume` the job"
            )
        yield
        return
    reserved = price * sum(min(tokens, encoder.max_tokens) for tokens in encoder.count_tokens(texts))
    _reserve(services, job_id, reserved)
    before = encoder.encoded_tokens
    try:
        yield
    finally:
        real = price * (encoder.encoded_tokens - before)
        with services.database.transaction() as cursor:
            spending.correct(cursor, job_id, real - reserved)


def _reserve(services: Services, job_id: str, usd: float) -> None:
    with services.database.transaction() as cursor:
        if spending.reserve(cursor, job_id, usd, budget=services.budget_usd):
            return
        so_far, _ = spending.spent(cursor, job_id)
    raise BudgetExhausted(
        f"the job's budget of {services.budget_usd:g} USD for embeddings does not suffice ({so_far or 0.0:.6f} USD are "
        f"spent): raise PC_WORKER_EMBEDDINGS_BUDGET_USD, restart the workers, and `resume` the job"
    )
