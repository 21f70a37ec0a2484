"""Domains at a glance: rows, head, model, index and consumers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pc_worker.errors import NotFound
from pc_worker.services.declarations import DomainState, State, domain_states
from pc_worker.services.dependencies import Services
from pc_worker.store.log.subscriptions import list_subscriptions
from pc_worker.store.rows.domain_totals import ActiveModel, DomainIndex, DomainTotals, domain_totals


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainOverview:
    """A domain.

    Attributes:
        domain: Its name.
        state: ``ok``, ``changed`` (declared otherwise than its log was made), ``removed`` or ``new`` (without a log).
        note: What to do about a state that is not ``ok``.
        rows: Stored rows.
        head: The newest position of its log.
        epoch: The epoch of its log; None without one.
        model: Its active model.
        index: Its vector index; without one every vector is compared.
        consumers: Its subscriptions, as ``subscriptions list --json`` prints them.
    """

    domain: str
    state: State
    note: str | None
    rows: int
    head: int
    epoch: str | None
    model: ActiveModel | None
    index: DomainIndex | None
    consumers: list[dict[str, Any]]


def domain_overviews(
    services: Services, domains: Collection[str] | None = None, *, retention_s: float
) -> list[DomainOverview]:
    """Return every domain that is declared or has a log, or those named, by name.

    Args:
        services: This process's shared dependencies.
        domains: Names; those without a domain are left out.
        retention_s: How long an unused subscription is kept, for ``expires_at``; 0 = without limit.
    """
    states = [state for state in domain_states(services.database) if domains is None or state.domain in domains]
    names = [state.domain for state in states]
    with services.database.transaction() as cursor:
        totals = {found.domain: found for found in domain_totals(cursor, names)}
        consumers = list_subscriptions(cursor, domains=names, retention_s=retention_s)
    return [_overview(state, totals.get(state.domain), consumers) for state in states]


def domain_overview(services: Services, domain: str, *, retention_s: float) -> DomainOverview:
    """Return one domain.

    Raises:
        NotFound: If there is none of this name.
    """
    for found in domain_overviews(services, (domain,), retention_s=retention_s):
        return found
    raise NotFound(f"there is no domain {domain[:80]!r}")


def _overview(state: DomainState, totals: DomainTotals | None, consumers: list[dict[str, Any]]) -> DomainOverview:
    return DomainOverview(
        domain=state.domain,
        state=state.state,
        note=state.what or None,
        rows=0 if totals is None else totals.rows,
        head=0 if totals is None else totals.head,
        epoch=None if totals is None else totals.epoch,
        model=None if totals is None else totals.model,
        index=None if totals is None else totals.index,
        consumers=[one for one in consumers if one["domain"] == state.domain],
    )
