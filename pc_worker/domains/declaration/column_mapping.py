"""Which columns of a source a job reads, for which field: decided once and stored with the job as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """Which source column is read for which field.

    Attributes:
        domain: The domain's name.
        source: The source's name.
        scope: Keys are unique within it; ``""`` if they are unique in the whole domain.
        key: The key column; None = a row's key is made from its content.
        fields: Each payload field with the column it is read from; none that the source has no column for.
        vector: The column of the ready vector.
        vector_parts: Instead of it, the columns that hold one number of the vector each.
        text: Columns to embed (``any_table`` domains).
        omitted: Vector columns that are left out of the payload (``any_table`` domains).
        columns: Columns to read for ``clean`` (and ``row_keys``); None = all.
        key_columns: Columns to read for ``row_keys`` alone; None = all.
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
        """Return the mapping as JSON values."""
        values = {name: _as_lists(value) for name, value in asdict(self).items()}
        if not self.vector_parts:  # unknown to the previous version, which may still run
            del values["vector_parts"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the mapping from the result of ``to_dict``, also after it was JSON."""
        return cls(**{name: _as_tuples(value) for name, value in values.items()})


def _as_lists(value: Any) -> Any:
    return [_as_lists(item) for item in value] if isinstance(value, tuple) else value


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list) else value
