"""The indexed text of a row that is stored already."""

from __future__ import annotations

from collections.abc import Mapping

from pc_worker.domains.cleaning.declared_row import declared_search_text
from pc_worker.domains.cleaning.whole_row import stored_search_text
from pc_worker.domains.declaration.domain import Domain
from pc_worker.reader import Json


def search_text(domain: Domain, *, payload: Mapping[str, Json], text: str | None) -> str:
    """Return the text whose terms are indexed, from a row's stored payload and embedded text."""
    if domain.any_table is None:
        return declared_search_text(domain, payload)
    return stored_search_text(text or "", payload)
