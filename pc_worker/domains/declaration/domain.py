"""How a domain is declared: which source columns make a record, by which rules, and how it is embedded and sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pc_worker.domains.declaration.join import Join
from pc_worker.model.joined import is_joined_name
from pc_worker.reader import Json

#: Returns the clean value of a cell that is not null; raises ``BadValue`` or ``DropRow``.
CleaningRule = Callable[[object], Json]

#: The field of ``RowChunk`` that carries a domain's rows; ``document`` for all but the three stock domains.
RowType = Literal["recruit", "candidate", "skill_dic", "document"]

#: The effect of a null or missing cell: it stays null, makes the row dead, or skips the row.
WhenNull = Literal["keep", "dead", "skip"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record.

    Attributes:
        name: Its name in the payload, and on the wire for the stock domains.
        columns: Source columns that may hold it. The first one that the source has is read.
        rule: Converts a cell to the value.
        when_null: The effect of a null cell.
        default: Replaces null if ``when_null`` is ``keep``.
        optional: Whether a source may have none of the columns: every cell is null then.
    """

    name: str
    columns: tuple[str, ...]
    rule: CleaningRule
    when_null: WhenNull = "keep"
    default: Json = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class SourceVector:
    """A vector that the source has ready.

    Attributes:
        name: Its name on the wire.
        columns: Source columns that may hold it. The first one that the source has is read.
        dimension: Its length.
    """

    name: str
    columns: tuple[str, ...]
    dimension: int


@dataclass(frozen=True, slots=True)
class AnyTable:
    """Accepts any table with a text column: the source row is the payload, the job's options may name columns.

    Attributes:
        text_columns: Names that are tried for the text to embed, in this order.
    """

    text_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """The declaration of one kind of record; plain data.

    Exactly one of ``vector``, ``text`` and ``any_table`` defines where vectors come from.

    Attributes:
        name: Its name for users and on the wire.
        key: Source columns that may hold the key; the first one that the source has is used.
        key_fields: Payload fields that identify a row of a source without a key column, with a number for equal ones.
        key_field: Payload field that contains the key, if any.
        fields: The other payload fields; none for ``any_table``.
        vector: The source has the vector ready.
        text: Payload fields whose text, joined by blank lines, is embedded here.
        any_table: The payload is the whole source row.
        search: Payload fields whose terms are indexed; for ``any_table`` all text of the row.
        join: How neighbouring rows are joined into the passages that are searched; None = each row has its own.
        feedback: Whether searches that do not say otherwise are extended by their best rows.
        row_type: Its row type on the wire.
        revision: Increase it if a change of rules changes the records of the same source.
    """

    name: str
    key: tuple[str, ...]
    key_fields: tuple[str, ...] = ()
    key_field: str | None = None
    fields: tuple[Field, ...] = ()
    vector: SourceVector | None = None
    text: tuple[str, ...] = ()
    any_table: AnyTable | None = None
    search: tuple[str, ...] = ()
    join: Join | None = None
    feedback: bool = False
    row_type: RowType = "document"
    revision: int = 1

    def __post_init__(self) -> None:
        """Raise ValueError for an inconsistent declaration, at import, where its author sees it."""
        sources = [bool(self.vector), bool(self.text), bool(self.any_table)]
        if sources.count(True) != 1:
            raise ValueError(f"domain {self.name}: give exactly one of vector, text and any_table")
        if bool(self.any_table) == bool(self.fields):
            raise ValueError(f"domain {self.name}: give fields, or any_table")
        joined = self.join.fields if self.join else set()
        unknown = sorted({*self.text, *self.search, *self.key_fields, *joined} - self.field_names)
        if unknown:
            raise ValueError(
                f"domain {self.name}: text, search, key_fields and join name no field of its own: {unknown}"
            )
        if optional := sorted({field.name for field in self.fields if field.optional} & set(self.key_fields)):
            raise ValueError(f"domain {self.name}: fields that identify a row cannot be optional: {optional}")
        if self.join and not self.text:
            raise ValueError(f"domain {self.name}: only rows whose text is embedded here can be joined")
        if is_joined_name(self.name):
            raise ValueError(f"domain {self.name}: names of this form are those of joined passages")

    @property
    def field_names(self) -> frozenset[str]:
        """Names of all declared payload fields."""
        own = frozenset(field.name for field in self.fields)
        return own | {self.key_field} if self.key_field else own

    @property
    def embedded_here(self) -> bool:
        """Whether our model computes the vectors; otherwise the source has them."""
        return self.vector is None
