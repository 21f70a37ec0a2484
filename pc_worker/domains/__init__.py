"""Rows of a source become clean records: one declarative file a domain, the rules it names, and the registry."""

from __future__ import annotations

from pc_worker.domains.cleaning import clean
from pc_worker.domains.declaration import AnyTable, Domain, Field, SourceVector
from pc_worker.domains.keys import is_uuid, row_keys
from pc_worker.domains.options import Options, UnusableOption, check_options
from pc_worker.domains.plan import Plan
from pc_worker.domains.records import Dead, Outcome, Record, Skipped, content_hash
from pc_worker.domains.registry import UnknownDomain, domain_names, get_domain
from pc_worker.domains.schema import SchemaMismatch, resolve
from pc_worker.domains.table import BatchView, ColumnView
from pc_worker.reader import Json

__all__ = [
    "AnyTable",
    "BatchView",
    "ColumnView",
    "Dead",
    "Domain",
    "Field",
    "Json",
    "Options",
    "Outcome",
    "Plan",
    "Record",
    "SchemaMismatch",
    "Skipped",
    "SourceVector",
    "UnknownDomain",
    "UnusableOption",
    "check_options",
    "clean",
    "content_hash",
    "domain_names",
    "get_domain",
    "is_uuid",
    "resolve",
    "row_keys",
]
