"""The record of a domain that declares its fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pc_worker.domains.cleaning.cells import BadValue, DropRow, is_null
from pc_worker.domains.cleaning.records import Record, Vector
from pc_worker.domains.cleaning.vectors import to_vector
from pc_worker.domains.declaration.column_mapping import ColumnMapping
from pc_worker.domains.declaration.domain import Domain, Field
from pc_worker.domains.declaration.table import BatchView
from pc_worker.reader import Json


def declared_record(domain: Domain, mapping: ColumnMapping, batch: BatchView, i: int, key: str) -> Record:
    """Return the record of row ``i`` of ``batch``.

    Raises:
        DropRow: If a rule drops the row; other faults do not matter then.
        BadValue: If a value cannot be stored; names the first such field.
    """
    payload, faults = _payload(domain, mapping, batch, i, key)
    vector, vector_faults = _vector(domain, mapping, batch, i)
    if faults or vector_faults:
        raise BadValue((faults + vector_faults)[0])
    return Record(
        row_no=batch.start + i,
        key=key,
        payload=payload,
        text=_text(domain, payload),
        vector=vector,
        search_text=declared_search_text(domain, payload),
    )


def declared_search_text(domain: Domain, payload: Mapping[str, Json]) -> str:
    """Return the text of a payload whose terms are indexed."""
    return "\n".join(_words(payload.get(name) for name in domain.search))


def _payload(
    domain: Domain, mapping: ColumnMapping, batch: BatchView, i: int, key: str
) -> tuple[dict[str, Json], list[str]]:
    """Return the valid fields by name, and the faults of the others.

    A field without a column is null: the source has none, or the field was declared after the job was split.
    """
    payload: dict[str, Json] = {domain.key_field: key} if domain.key_field else {}
    faults = []
    columns = dict(mapping.fields)
    for field in domain.fields:
        column = columns.get(field.name)
        try:
            payload[field.name] = _value(field, None if column is None else batch.columns[column][i])
        except BadValue as fault:
            faults.append(f"{field.name}: {fault}")
        except DropRow as reason:
            raise DropRow(f"{field.name}: {reason}") from reason
    return payload, faults


def _value(field: Field, cell: object) -> Json:
    if not is_null(cell):
        return field.rule(cell)
    if field.when_null == "dead":
        raise BadValue("missing")
    if field.when_null == "skip":
        raise DropRow("missing")
    return field.default


def _vector(domain: Domain, mapping: ColumnMapping, batch: BatchView, i: int) -> tuple[Vector | None, list[str]]:
    """Return the ready vector, if the domain has one, and its faults."""
    if domain.vector is None or not (mapping.vector or mapping.vector_parts):
        return None, []
    cell = _vector_cell(mapping, batch, i)
    if is_null(cell):
        raise DropRow(f"{domain.vector.name}: missing")
    try:
        return to_vector(cell, domain.vector.dimension), []
    except BadValue as fault:
        return None, [f"{domain.vector.name}: {fault}"]


def _vector_cell(mapping: ColumnMapping, batch: BatchView, i: int) -> object:
    """Return the cell of the vector, or the list of its parts; None if all parts are null."""
    if mapping.vector is not None:
        return batch.columns[mapping.vector][i]
    numbers = [batch.columns[name][i] for name in mapping.vector_parts]
    return None if all(map(is_null, numbers)) else numbers


def _text(domain: Domain, payload: dict[str, Json]) -> str | None:
    """Return the text to embed: the non-empty text fields of the domain, joined by blank lines."""
    if not domain.embedded_here:
        return None
    text = "\n\n".join(_words(payload[name] for name in domain.text))
    if not text:
        raise DropRow(f"{', '.join(domain.text)}: no text to embed")
    return text


def _words(values: Iterable[Json]) -> list[str]:
    """Return the values that are text; a list of texts becomes one text."""
    texts = [" ".join(filter(None, map(str, value))) if isinstance(value, list) else value for value in values]
    return [text for text in texts if isinstance(text, str) and text.strip()]
