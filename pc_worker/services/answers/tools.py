"""The tools of a model: read-only, of one domain, and bounded in calls, rows and time.

A wrong argument goes back to the model as an error. No tool takes a domain: it is that of the question.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from pc_worker.errors import InvalidRequest, NotFound, PcWorkerError
from pc_worker.model.filter import AllOf, Filter
from pc_worker.services.answers.checks.check import numbers
from pc_worker.services.answers.evidence import AnswerPassage, Evidence, shown_line
from pc_worker.services.answers.retrieval.retrieve import ROW_CHARS, Wanted, record_text, retrieve
from pc_worker.services.dependencies import Services
from pc_worker.services.stored_rows import stored_row
from pc_worker.store.answers.passages import SampleRow, count_matching, payload_fields, sample_rows
from pc_worker.store.search.filters.where import read_where

T = TypeVar("T")

#: Rows and tokens that one call of `search` may return.
TOOL_ROWS = 5
TOOL_TOKENS = 1_500
MAX_CALLS = 4
#: Rows that a count shows, so that it can be cited, and characters of each.
SAMPLES, SAMPLE_CHARS = 2, 500
TOOL_S = 10.0


class RunWork(Protocol):
    """Runs a blocking function with services of its own thread."""

    def __call__(self, work: Callable[[Services], T], *, within_s: float | None = None) -> Awaitable[T]:
        """Return the result of ``work``."""


@dataclass(slots=True, kw_only=True)
class Toolbox:
    """The tools of one answer.

    Attributes:
        run: Runs a search in a thread.
        domain: The domain of the question.
        where: The filter of the question; tools can only narrow it.
        evidence: Gets the passages that are found, with further numbers.
    """

    run: RunWork
    domain: str
    where: Filter | None
    evidence: Evidence
    calls: int = field(default=0)

    def functions(self) -> list[Callable[..., Any]]:
        """Return the tools as functions whose signatures and docstrings are their schemas."""

        async def search(query: str, where: list[str] | None = None) -> str:
            """Search further passages of the collection.

            Args:
                query: What to search for, in a few words.
                where: Filters such as "field=value", "field>=5" or "field!=value"; all must hold.
            """
            return await self._call(lambda: self._search(query, where))

        async def get_row(row_id: str) -> str:
            """Read one row whole, by the id that a passage or a count shows.

            Args:
                row_id: The UUID of the row.
            """
            return await self._call(lambda: self._row(row_id))

        async def count_rows(where: list[str] | None = None) -> str:
            """Count the rows that meet all filters; returns the number, and some of the rows as passages to cite.

            Args:
                where: Filters such as "field=value" or "field>=5"; none = all rows.
            """
            return await self._call(lambda: self._count(where))

        async def list_fields() -> str:
            """List the fields of the rows, for filters: name, how many of a sample have it, an example."""
            return await self._call(self._fields)

        return [search, get_row, count_rows, list_fields]

    async def _call(self, work: Callable[[], Awaitable[str]]) -> str:
        from pydantic_ai import ModelRetry  # loaded already: a model is calling

        self.calls += 1
        if self.calls > MAX_CALLS:
            return "No more calls are possible: answer from the passages, or write NO_ANSWER."
        try:
            return await work()
        except InvalidRequest as exc:  # also NotFound
            raise ModelRetry(str(exc)) from exc
        except PcWorkerError as exc:
            return f"The tool cannot be used now: {exc}"

    async def _search(self, query: str, where: list[str] | None) -> str:
        if not query.strip():
            raise InvalidRequest("the query is empty")
        wanted = Wanted(question=query, domain=self.domain, k=TOOL_ROWS, where=self._filter(where), tokens=TOOL_TOKENS)
        found = await self.run(
            lambda services: retrieve(services.database, wanted, encoder=services.encoder, timeout_s=TOOL_S),
            within_s=TOOL_S,
        )
        shown = self.evidence.shown(self.evidence.add(found))
        return shown or "Nothing relevant was found."

    async def _row(self, row_id: str) -> str:
        row = await self.run(lambda services: stored_row(services, self.domain, row_id), within_s=TOOL_S)
        text = (row.text or record_text(row.payload))[:ROW_CHARS]
        if self.where is not None and not await self._meets(row_id):
            raise NotFound(f"domain {self.domain} has no row {row_id} that meets the filter of the question")
        return self.evidence.shown(self.evidence.add([self._passage(row.id, row.payload, text)]))

    def _passage(self, row_id: str, payload: dict[str, Any], text: str) -> AnswerPassage:
        shown = text or record_text(payload)[:SAMPLE_CHARS]
        return AnswerPassage(row_id=row_id, domain=self.domain, text=shown, start=0, end=len(shown), payload=payload)

    async def _meets(self, row_id: str) -> bool:
        def work(services: Services) -> bool:
            with services.database.transaction() as cursor:
                return count_matching(cursor, self.domain, self.where, timeout_s=TOOL_S, row_id=row_id) == 1

        return await self.run(work, within_s=TOOL_S)

    async def _count(self, where: list[str] | None) -> str:
        tree = self._filter(where)

        def work(services: Services) -> tuple[int, list[SampleRow]]:
            with services.database.transaction() as cursor:
                count = count_matching(cursor, self.domain, tree, timeout_s=TOOL_S)
                return count, sample_rows(cursor, self.domain, tree, rows=SAMPLES, chars=SAMPLE_CHARS)

        count, rows = await self.run(work, within_s=TOOL_S)
        self.evidence.facts |= numbers(str(count))
        some = [self._passage(*row) for row in rows]
        return f"{count} rows\n{self.evidence.shown(self.evidence.add(some))}"

    async def _fields(self) -> str:
        def work(services: Services) -> list[tuple[str, int, str]]:
            with services.database.transaction() as cursor:
                return payload_fields(cursor, self.domain, self.where)

        found = await self.run(work, within_s=TOOL_S)
        lines = (
            f"{shown_line(name)} ({count} rows), for example {shown_line(example)}" for name, count, example in found
        )
        return self.evidence.fenced("fields", "\n".join(lines))

    def _filter(self, where: list[str] | None) -> Filter | None:
        own = read_where(where or [])
        parts = [part for part in (self.where, own) if part is not None]
        return AllOf(tuple(parts)) if len(parts) > 1 else next(iter(parts), None)
