"""How the columns of one source become records: decided once a job, pinned with it as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """Which source column is read as what.

    Attributes:
        domain: The domain's name.
        source: What the source is called.
        scope: Keys are unique within it; ``""`` where they are unique in the whole domain.
        key: The key column; None = a row's key is made from its content.
        fields: Each payload field with the column it is read from.
        vector: The column that holds the ready vector.
        vector_parts: In its place, the columns that hold one number of it each.
        text: Columns to embed (``any_table`` domains).
        omitted: Vector columns that stay out of the payload (``any_table`` domains).
        columns: Columns to read for ``clean`` (and ``row_keys``); None = all.
        key_columns: Columns to read where only ``row_keys`` is wanted; None = all.
    """

    domain: str
    source: str
    scope: str = ""
    key: str | None = None
    fields: tuple[tuple[str, str], ...] = ()
    vector: str | None = None
    text: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    key_columns: tuple[str, ...] | None = None
    vector_parts: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        values = {name: _as_lists(value) for name, value in asdict(self).items()}
        if not self.vector_parts:  # the version before does not know it
            del values["vector_parts"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From what ``to_dict`` gave, also after a trip through JSON."""
        return cls(**{name: _as_tuples(value) for name, value in values.items()})


def _as_lists(value: Any) -> Any:
    return [_as_lists(item) for item in value] if isinstance(value, tuple) else value


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list) else value
