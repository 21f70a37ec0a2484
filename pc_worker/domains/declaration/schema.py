"""Maps the fields of a domain to the columns that a source has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from pc_worker.domains.declaration.column_mapping import ColumnMapping
from pc_worker.domains.declaration.domain import AnyTable, Domain
from pc_worker.domains.declaration.options import LONGEST_SOURCE, Options, check_options
from pc_worker.domains.declaration.table import BatchView, ColumnView
from pc_worker.domains.declaration.text_column import find_text_column
from pc_worker.domains.declaration.text_vectors import holds_vectors
from pc_worker.errors import InvalidOption, SchemaMismatch
from pc_worker.invisible_characters import UNSTORABLE
from pc_worker.reader import exploded_columns

# Enough names to recognise the file; a wide table must not fill the message.
_NAMES_SHOWN = 20


def resolve(
    domain: Domain, options: Options, columns: Sequence[ColumnView], sample: BatchView, source_name: str
) -> ColumnMapping:
    """Decide which columns of a source are read, for which field.

    Args:
        domain: The job's domain.
        options: The user's options.
        columns: The source's columns.
        sample: Some of its first rows, all columns; empty only if the source has no rows.
        source_name: The file's name: the source's name unless the options name one.

    Raises:
        SchemaMismatch: If a required column is missing.
        InvalidOption: If the options do not fit the domain.
    """
    check_options(domain, options)
    source = source_name if options.source is None else options.source
    if not columns and not len(sample):  # an empty list of dicts: no row lacks a column
        return ColumnMapping(domain=domain.name, source=source, columns=(), key_columns=())
    if domain.any_table is None:
        return _declared(domain, [column.name for column in columns], source, options.vector_column)
    return _any_table(domain, domain.any_table, options, columns, sample, source)


def _declared(domain: Domain, names: Sequence[str], source: str, vector_column: str | None) -> ColumnMapping:
    parts = _vector_parts(domain, vector_column, names)
    vector_choice = domain.vector.columns if domain.vector and not parts else ()
    if vector_column is not None and not parts:
        vector_choice = (vector_column,)
    key = _first(domain.key, names)
    vector = _first(vector_choice, names)
    required = [*(field.columns for field in domain.fields if not field.optional), *filter(None, [vector_choice])]
    missing = [
        choice
        for choice in (required if domain.key_fields else [domain.key, *required])
        if _first(choice, names) is None
    ]
    if missing:
        raise SchemaMismatch(_lacks(domain, missing, names))
    fields = {field.name: name for field in domain.fields if (name := _first(field.columns, names)) is not None}
    key_columns = tuple(fields[name] for name in domain.key_fields) if key is None else (key,)
    return ColumnMapping(
        domain=domain.name,
        source=source,
        key=key,
        fields=tuple(fields.items()),
        vector=vector,
        vector_parts=parts,
        columns=tuple(dict.fromkeys([*key_columns, *fields.values(), *filter(None, [vector]), *parts])),
        key_columns=tuple(dict.fromkeys(key_columns)),
    )


def _vector_parts(domain: Domain, wanted: str | None, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that hold one number each of the ready vector, if a pattern names them."""
    if domain.vector is None or wanted is None or not wanted.endswith("*") or wanted in names:
        return ()
    parts = exploded_columns(wanted, names)
    if len(parts) == domain.vector.dimension:
        return parts
    found = f"{len(parts)} such columns" if parts else "no such columns with consecutive numbers"
    needed = f'{domain.vector.dimension} numbers from the columns "{wanted}"'
    raise SchemaMismatch(f"domain {domain.name} needs {needed}, and the file has {found}")


def _first(choice: Iterable[str], names: Sequence[str]) -> str | None:
    return next((name for name in choice if name in names), None)


def _any_table(
    domain: Domain,
    table: AnyTable,
    options: Options,
    columns: Sequence[ColumnView],
    sample: BatchView,
    source: str,
) -> ColumnMapping:
    _check_file_name(source, options)
    names = [column.name for column in columns]
    _require(domain, [*options.text_columns, *filter(None, [options.id_column])], names)
    key = options.id_column or _first(domain.key, names)
    omitted = tuple(column.name for column in columns if column.name != key and _is_vector(column, sample))
    text = options.text_columns or _default_text(domain, table, columns, sample, (key, *omitted))
    _check_no_vectors(text, omitted)
    _check_storable(text)
    # A name that cannot be stored makes the rows dead that have a value of it: it is not stored with the job either.
    omitted = tuple(name for name in omitted if not UNSTORABLE.search(name))
    all_storable = not any(map(UNSTORABLE.search, names))
    return ColumnMapping(
        domain=domain.name,
        source=source,
        scope=source,
        key=key,
        text=tuple(dict.fromkeys(text)),
        omitted=omitted,
        # A key computed from the content needs every column, also those left out of the payload.
        columns=tuple(name for name in names if name not in omitted) if key is not None and all_storable else None,
        key_columns=None if key is None else (key,),
    )


def _check_file_name(source: str, options: Options) -> None:
    """Check a source that has its file's name: an object's may be too long to be the scope of keys."""
    size = len(source.encode("utf-8", "surrogatepass"))
    if options.source is None and size > LONGEST_SOURCE:
        few = f"a source has at most {LONGEST_SOURCE}: name one with --source"
        raise InvalidOption(f"the file's name has {size:,} bytes in UTF-8, and {few}")


def _is_vector(column: ColumnView, sample: BatchView) -> bool:
    return column.kind == "vector" or holds_vectors(sample.columns[column.name])


def _require(domain: Domain, wanted: Sequence[str], names: Sequence[str]) -> None:
    missing = [(name,) for name in wanted if name not in names]
    if missing:
        raise SchemaMismatch(_lacks(domain, missing, names))


def _default_text(
    domain: Domain,
    table: AnyTable,
    columns: Sequence[ColumnView],
    sample: BatchView,
    left_out: Collection[str | None],
) -> tuple[str, ...]:
    found = find_text_column(columns, sample, preferred=table.text_columns, left_out=left_out)
    if found is not None:
        return (found,)
    if not len(sample):  # no rows: nothing to judge a column by, and nothing to embed
        return ()
    kinds = _listed([f'"{column.name}" ({column.kind})' for column in columns])
    raise SchemaMismatch(
        f"domain {domain.name} needs a column of text, and the file has {kinds}; "
        "if one of them is meant, name it with --text-column"
    )


def _check_no_vectors(text: Sequence[str], vectors: Sequence[str]) -> None:
    wrong = _first(text, vectors)
    if wrong is not None:
        raise SchemaMismatch(f'the text column "{wrong}" holds vectors; name a column of text')


def _check_storable(text: Sequence[str]) -> None:
    wrong = next(filter(UNSTORABLE.search, text), None)
    if wrong is not None:
        raise SchemaMismatch(f"the name of the text column {wrong!a} has a NUL or a lone surrogate: rename it")


def _lacks(domain: Domain, missing: Iterable[Sequence[str]], names: Sequence[str]) -> str:
    needed = [" or ".join(f'"{name}"' for name in choice) for choice in missing]
    if len(needed) > 1:
        needed = [f"({choice})" if " or " in choice else choice for choice in needed]
    present = _listed([f'"{name}"' for name in names])
    word = "columns" if len(needed) > 1 else "column"
    return f"domain {domain.name} needs the {word} {', '.join(needed)}, and the file has {present}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "no columns"
