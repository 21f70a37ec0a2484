"""Which dead rows a caller means: those of a job, of some domains, with some text in their reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

#: A reason without its values: quotations and numbers differ from row to row, the fault is the same. The number of a
#: standard (ISO 8601) is no value.
GROUP_SQL = r"""regexp_replace(regexp_replace({reason}, '"[^"]*"', '"…"', 'g'),
                               '(?<!ISO |[0-9.,])[0-9][0-9.,]*', 'N', 'g')"""
FILTER_SQL = """(%(job)s::text IS NULL OR {job} = %(job)s)
  AND (%(domains)s::text[] IS NULL OR {domain} = ANY (%(domains)s::text[]))
  AND (%(until)s::timestamptz IS NULL OR {at} <= %(until)s::timestamptz)
  AND (%(reason)s = '' OR strpos(lower({reason}), lower(%(reason)s)) > 0
                       OR strpos(lower({group}), lower(%(reason)s)) > 0)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """The conditions; the default matches everything.

    Attributes:
        job_id: Only of this job.
        domains: Only of these domains; None = of all.
        reason: Only with this text in the reason, in upper or lower case, or in the reason's group.
        until: Only those recorded up to this time: rows that die meanwhile cannot prolong an operation.
    """

    job_id: str | None = None
    domains: frozenset[str] | None = None
    reason: str = ""
    until: datetime | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of the SQL condition."""
        domains = None if self.domains is None else sorted(self.domains)
        return {"job": self.job_id, "domains": domains, "until": self.until, "reason": self.reason}


def filter_sql(*, job: str, domain: str, at: str, reason: str) -> str:
    """Return the SQL condition for these columns."""
    return FILTER_SQL.format(job=job, domain=domain, at=at, reason=reason, group=GROUP_SQL.format(reason=reason))
