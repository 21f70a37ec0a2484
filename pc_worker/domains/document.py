"""The domain ``document``: any table with a text column, embedded here; the payload is the source row."""

from __future__ import annotations

from pc_worker.domains.declaration.domain import AnyTable, Domain

DOMAIN = Domain(
    name="document",
    key=("id",),
    any_table=AnyTable(text_columns=("text", "content", "body", "document", "description", "docstring")),
)
