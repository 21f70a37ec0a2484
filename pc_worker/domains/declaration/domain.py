"""How a domain is declared: which source columns make a record, by which rules, and how it is embedded and sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pc_worker.reader import Json

#: A rule gives the clean value of a cell that is not null, or raises ``BadValue`` or ``DropRow``.
Rule = Callable[[object], Json]

#: The row type of the wire's ``RowChunk`` that carries a domain; ``document`` serves all but the three stock ones.
RowType = Literal["recruit", "candidate", "skill_dic", "document"]

#: What a null or missing cell does: stays null, kills the row (kept as dead letter), or drops the row.
WhenNull = Literal["keep", "dead", "skip"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record.

    Attributes:
        name: Its name in the payload (on the wire, for the stock arms).
        columns: Source columns that may hold it; the first one the source has is read, one must be there.
        rule: Turns a cell into the value.
        when_null: What a null cell does.
        default: Stands for null where ``when_null`` is ``keep``.
    """

    name: str
    columns: tuple[str, ...]
    rule: Rule
    when_null: WhenNull = "keep"
    default: Json = None


@dataclass(frozen=True, slots=True)
class SourceVector:
    """The vector a source brings along.

    Attributes:
        name: What the wire calls it.
        columns: Source columns that may hold it; the first one the source has is read.
        dimension: How many numbers it has.
    """

    name: str
    columns: tuple[str, ...]
    dimension: int


@dataclass(frozen=True, slots=True)
class AnyTable:
    """Takes any table with a text column: the source row is the payload, the job's options may name columns.

    Attributes:
        text_columns: Names tried, in this order, for the text to embed.
    """

    text_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Everything that sets one kind of record apart; plain data.

    Exactly one of ``vector``, ``text`` and ``any_table`` says where vectors come from.

    Attributes:
        name: What users and the wire call it.
        key: Source columns that may hold the key; the first one the source has is it.
        key_field: Payload field that shows the key, if any.
        fields: The other payload fields; none for ``any_table``.
        vector: The vector comes ready-made from the source.
        text: Payload fields whose text, joined by blank lines, is embedded here.
        any_table: The payload is the whole source row.
        search: Payload fields whose words are searched; for ``any_table`` all text of the row.
        row_type: Its row type on the wire.
        revision: Raise it when a change of rules makes other records of the same source.
    """

    name: str
    key: tuple[str, ...]
    key_field: str | None = None
    fields: tuple[Field, ...] = ()
    vector: SourceVector | None = None
    text: tuple[str, ...] = ()
    any_table: AnyTable | None = None
    search: tuple[str, ...] = ()
    row_type: RowType = "document"
    revision: int = 1

    def __post_init__(self) -> None:
        """Refuse a declaration that cannot work, where its author sees it first."""
        sources = [bool(self.vector), bool(self.text), bool(self.any_table)]
        if sources.count(True) != 1:
            raise ValueError(f"domain {self.name}: give exactly one of vector, text and any_table")
        if bool(self.any_table) == bool(self.fields):
            raise ValueError(f"domain {self.name}: give fields, or any_table")
        unknown = sorted({*self.text, *self.search} - self.field_names)
        if unknown:
            raise ValueError(f"domain {self.name}: text and search name no field of its own: {unknown}")

    @property
    def field_names(self) -> frozenset[str]:
        """Names of all declared payload fields."""
        own = frozenset(field.name for field in self.fields)
        return own | {self.key_field} if self.key_field else own

    @property
    def embedded_here(self) -> bool:
        """Whether our model makes the vectors; else the source brings them."""
        return self.vector is None
