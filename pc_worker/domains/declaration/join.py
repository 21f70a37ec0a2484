"""How neighbouring rows of a domain are joined into passages for the search."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

#: Maximum tokens of a passage.
MAX_TOKENS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Joins the texts of neighbouring rows into passages; all names are those of payload fields.

    Attributes:
        group: Rows are neighbours only if they have equal values of all these fields.
        order: The order of a group's rows: numbers before times before other text, null last.
        speaker: Who says the row's text. The passage names each speaker where the text changes to them.
        begins: When the row begins.
        ends: When it ends; None, or null in a row: when it begins.
        max_tokens: Maximum tokens of a passage. A longer row is its own passage.
    """

    group: tuple[str, ...]
    order: tuple[str, ...]
    speaker: str | None = None
    begins: str | None = None
    ends: str | None = None
    max_tokens: int = MAX_TOKENS

    def __post_init__(self) -> None:
        """Raise ValueError for a rule that joins nothing."""
        if not self.group or not self.order:
            raise ValueError("a join needs fields to group by, and fields to order by")
        if self.max_tokens < 1:
            raise ValueError("a joined passage needs at least one token")

    @property
    def fields(self) -> set[str]:
        """All payload fields that the rule names."""
        return {*self.group, *self.order, *filter(None, (self.speaker, self.begins, self.ends))}

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as it is stored with the domain's log."""
        return asdict(self) | {"group": list(self.group), "order": list(self.order)}
