"""The tools: each is one service, with what the token of its request allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from pc_worker.errors import InvalidRequest, NotFound
from pc_worker.http.documents import domain_document
from pc_worker.http.mcp.documents import DomainList, FetchedItem, FoundItem, FoundItems
from pc_worker.http.requests.context import AppContext
from pc_worker.http.requests.roles import HttpCaller
from pc_worker.http.routes.job_documents import JobDocument
from pc_worker.http.routes.search import searched
from pc_worker.http.shapes.hits import hit_text, hit_title, link_of, text_of, title_of, unit_score
from pc_worker.services.dependencies import Services
from pc_worker.services.domain_overview import domain_overviews
from pc_worker.services.jobs.job_control import status_document
from pc_worker.services.jobs.progress import job_progress
from pc_worker.services.search.reply import SearchHit, SearchResult
from pc_worker.services.search.request import SearchRequest
from pc_worker.services.stored_rows import stored_row
from pc_worker.store.ledger.declarations import stored_domains
from pc_worker.store.ledger.jobs import no_job


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool: what all requests share, who calls, and the address that links begin with."""

    context: AppContext
    caller: HttpCaller
    base_url: str

    async def search(self, request: dict[str, Any], domain: str | None) -> FoundItems:
        """Return the rows found in a domain; without one, in all that the caller may search, best of each first.

        A domain that cannot be searched so, as one without a field of the filter or a model for queries, has none.

        Raises:
            PcWorkerError: What the search raises; if all domains refuse it, the first of their reasons.
        """
        domains = [domain] if domain is not None else await self._domains_with_rows()
        found: list[SearchResult] = []
        refused: InvalidRequest | None = None
        for name in domains:
            wanted = SearchRequest.model_validate(request | {"domain": name})
            try:
                found.append(await searched(self.caller, self.context, wanted))
            except InvalidRequest as exc:
                refused = refused or exc
        if refused is not None and not found:
            raise refused
        lists = ([self._item(result, hit) for hit in result.hits] for result in found)
        merged = [item for item in chain.from_iterable(zip_longest(*lists)) if item is not None]
        return FoundItems(results=merged[: int(request["k"])])

    async def fetch(self, item_id: str) -> FetchedItem:
        """Return a whole row.

        Raises:
            InvalidRequest: If the id is not one of a search.
            NotFound: If there is no such row, or the caller may not know it.
        """
        domain, slash, row_id = item_id.rpartition("/")
        if not slash:
            raise InvalidRequest(f"{item_id[:80]!r} is not an id of a search: it is DOMAIN/UUID")
        self.caller.check(domain)
        row = await self.context.services.run(lambda s: stored_row(s, domain, row_id))
        metadata = {"domain": row.domain, "row_id": row.id, "source": row.source, "payload": row.payload}
        return FetchedItem(
            id=f"{row.domain}/{row.id}",
            title=title_of(row.payload, row.text, row.id),
            text=text_of(row.payload, row.text),
            url=link_of(row.payload, self._own_link(row.domain, row.id)),
            metadata=metadata | {"updated_at": row.updated_at.isoformat()},
        )

    async def list_domains(self) -> DomainList:
        """Return the domains of the caller."""
        retention_s = self.context.settings.subscription_retention_s
        found = await self.context.services.run(
            lambda s: domain_overviews(s, self.caller.domains, retention_s=retention_s)
        )
        return DomainList(domains=[domain_document(one) for one in found])

    async def job_status(self, job_id: str) -> JobDocument:
        """Return a job.

        Raises:
            NotFound: If there is no such job, or the caller may not know its domain.
        """
        job, progress = await self.context.services.run(lambda s: job_progress(s, job_id))
        if not self.caller.allows(job.domain):
            raise no_job(job_id)
        return JobDocument(**status_document(job) | progress.to_dict())

    async def _domains_with_rows(self) -> Sequence[str]:
        def read(services: Services) -> list[str]:
            with services.database.transaction() as cursor:
                return [found.name for found in stored_domains(cursor) if found.has_rows]

        names = [name for name in await self.context.services.run(read) if self.caller.allows(name)]
        if not names:
            raise NotFound("no domain of this token has rows")
        return names

    def _item(self, result: SearchResult, hit: SearchHit) -> FoundItem:
        return FoundItem(
            id=f"{result.domain}/{hit.id}",
            title=hit_title(hit),
            url=link_of(hit.payload, self._own_link(result.domain, hit.id)),
            text=hit_text(hit),
            score=unit_score(hit.score, result.mode),
            domain=result.domain,
            metadata=hit.payload,
        )

    def _own_link(self, domain: str, row_id: str) -> str:
        return f"{self.base_url}v1/domains/{domain}/rows/{row_id}"
