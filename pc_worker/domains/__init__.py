"""From the rows of a source to clean records: one declarative module per domain, its cleaning rules, the registry."""

from __future__ import annotations

from pc_worker.domains.cleaning.clean import clean
from pc_worker.domains.cleaning.keys import row_keys
from pc_worker.domains.cleaning.records import CleanedRow, Dead, Record, Skipped, content_hash
from pc_worker.domains.cleaning.stored import search_text
from pc_worker.domains.declaration.column_mapping import ColumnMapping
from pc_worker.domains.declaration.domain import AnyTable, Domain, Field, SourceVector
from pc_worker.domains.declaration.join import Join
from pc_worker.domains.declaration.options import LONGEST_NAME, LONGEST_SOURCE, Options, check_options, check_source
from pc_worker.domains.declaration.schema import resolve
from pc_worker.domains.declaration.table import BatchView, ColumnView
from pc_worker.domains.joining import JoinedText, Member, Spoken, group_of, join_rows, spoken
from pc_worker.domains.registry import domain_names, get_domain
from pc_worker.errors import InvalidOption, SchemaMismatch, UnknownDomain
from pc_worker.reader import Json

__all__ = [
    "LONGEST_NAME",
    "LONGEST_SOURCE",
    "AnyTable",
    "BatchView",
    "CleanedRow",
    "ColumnMapping",
    "ColumnView",
    "Dead",
    "Domain",
    "Field",
    "InvalidOption",
    "Join",
    "JoinedText",
    "Json",
    "Member",
    "Options",
    "Record",
    "SchemaMismatch",
    "Skipped",
    "SourceVector",
    "Spoken",
    "UnknownDomain",
    "check_options",
    "check_source",
    "clean",
    "content_hash",
    "domain_names",
    "get_domain",
    "group_of",
    "join_rows",
    "resolve",
    "row_keys",
    "search_text",
    "spoken",
]
