"""A user's options for a source, as they are stored with the job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from pc_worker.domains.declaration.domain import Domain
from pc_worker.errors import InvalidOption

#: Characters of a column's name, at most.
LONGEST_NAME = 1000
#: Bytes of a source in UTF-8, at most: with the longest key it must fit an entry of a B-tree, 2,704 bytes.
LONGEST_SOURCE = 600


@dataclass(frozen=True, slots=True)
class Options:
    """A user's options for a source; all but ``vector_column`` are for ``any_table`` domains.

    Attributes:
        source: The scope of its keys; None = the file's name.
        id_column: The key column; None = the domain's own, or none.
        text_columns: Columns to embed, joined by blank lines; empty = chosen by name, then by length.
        vector_column: The column of ready vectors, or a prefix and ``*`` for columns that hold one number each; for
            domains with vectors from the source; None = the domain's own.
    """

    source: str | None = None
    id_column: str | None = None
    text_columns: tuple[str, ...] = ()
    vector_column: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        return {**asdict(self), "text_columns": list(self.text_columns)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the options from the result of ``to_dict``; a missing value is the default."""
        return cls(
            values.get("source"),
            values.get("id_column"),
            tuple(values.get("text_columns") or ()),
            values.get("vector_column"),
        )


def check_options(domain: Domain, options: Options) -> None:
    """Check that the options fit the domain.

    Raises:
        InvalidOption: If one does not.
    """
    _check_texts(options)
    if options.vector_column is not None and domain.vector is None:
        raise InvalidOption(f"domain {domain.name} makes its vectors from text: leave out --vector-column")
    if domain.any_table is None and options != Options(vector_column=options.vector_column):
        raise InvalidOption(
            f"domain {domain.name} has fixed columns: leave out --source, --id-column and --text-column"
        )


def _check_texts(options: Options) -> None:
    if options.source is not None:
        check_source(options.source)
    columns = (*options.text_columns, options.id_column or "", options.vector_column or "")
    if (longest := max(map(len, columns))) > LONGEST_NAME:
        raise InvalidOption(f"the name of a column has at most {LONGEST_NAME:,} characters, not {longest:,}")


def check_source(source: str) -> None:
    """Check that the name of a source can be stored with its keys.

    Raises:
        InvalidOption: If it is empty or too long.
    """
    if not 1 <= (size := len(source.encode("utf-8", "surrogatepass"))) <= LONGEST_SOURCE:
        raise InvalidOption(f"the source must have 1 to {LONGEST_SOURCE} bytes in UTF-8, not {size:,}")
