"""What a user may say about a source, as it is kept with the job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from pc_worker.domains.declaration.domain import Domain
from pc_worker.errors import InvalidOption


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may say about a source; all but ``vector_column`` is for ``any_table`` domains.

    Attributes:
        source: Scope of its keys; None = the file's name.
        id_column: The key column; None = the domain's own, or none.
        text_columns: Columns to embed, joined by blank lines; empty = found by name, then by length.
        vector_column: The column of ready vectors, or a prefix and ``*`` for columns that hold one number each; for
            domains whose vectors come from the source; None = the domain's own.
    """

    source: str | None = None
    id_column: str | None = None
    text_columns: tuple[str, ...] = ()
    vector_column: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "text_columns": list(self.text_columns)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From what ``to_dict`` gave; what is left out is as if the user had not said it."""
        return cls(
            values.get("source"),
            values.get("id_column"),
            tuple(values.get("text_columns") or ()),
            values.get("vector_column"),
        )


def check_options(domain: Domain, options: Options) -> None:
    """Refuse options that the domain has no use for.

    Raises:
        InvalidOption: If one is given to another domain.
    """
    if options.vector_column is not None and domain.vector is None:
        raise InvalidOption(f"domain {domain.name} makes its vectors from text: leave out --vector-column")
    if domain.any_table is None and options != Options(vector_column=options.vector_column):
        raise InvalidOption(
            f"domain {domain.name} has fixed columns: leave out --source, --id-column and --text-column"
        )
