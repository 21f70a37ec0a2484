"""The form in which an index holds vectors: all or the first numbers, in full or half precision, or their signs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["full", "half", "binary"]

#: SQL type, operator class, operator of the distance, and the most dimensions that pgvector indexes.
TYPES: dict[Precision, tuple[str, str, str, int]] = {
    "full": ("vector", "vector_cosine_ops", "<=>", 2_000),
    "half": ("halfvec", "halfvec_cosine_ops", "<=>", 4_000),
    "binary": ("bit", "bit_hamming_ops", "<~>", 64_000),
}
#: Neighbours by a coarse index that are compared with the full vectors, for each neighbour wanted; and at least.
RERANKED, MIN_RERANKED = 8, 200

# The precision of `vector_indexes i`.
PRECISION = "CASE WHEN i.bits THEN 'binary' WHEN i.half THEN 'half' ELSE 'full' END"


@dataclass(frozen=True, slots=True)
class VectorForm:
    """What an index holds of vectors of ``dimension`` numbers; ``first`` = only that many, None = all."""

    dimension: int
    precision: Precision = "full"
    first: int | None = None

    @property
    def numbers(self) -> int:
        """The indexed numbers of a vector."""
        return min(self.first or self.dimension, self.dimension)

    @property
    def bytes(self) -> int:
        """The bytes of an indexed vector."""
        return -(-self.numbers * {"full": 32, "half": 16, "binary": 1}[self.precision] // 8)

    @property
    def indexable(self) -> bool:
        """Whether pgvector indexes vectors of this form."""
        return self.numbers <= TYPES[self.precision][3]

    @property
    def coarse(self) -> bool:
        """Whether the order of the index is only roughly that of the vectors, so that more are compared."""
        return self.precision == "binary" or self.numbers < self.dimension

    @property
    def operators(self) -> str:
        """The operator class of an index."""
        return TYPES[self.precision][1]

    def expression(self, vector: str) -> str:
        """Return the SQL of a vector in this form; an index is used only for its very expression."""
        part = vector if self.numbers == self.dimension else f"subvector({vector}, 1, {self.numbers})"
        bits = f"binary_quantize({part})" if self.precision == "binary" else f"({part})"
        return f"{bits}::{TYPES[self.precision][0]}({self.numbers})"

    def distance(self, one: str, other: str) -> str:
        """Return the SQL of the distance of two vectors in this form."""
        return f"{self.expression(one)} {TYPES[self.precision][2]} {self.expression(other)}"

    def __str__(self) -> str:
        """Return the form as tables show it."""
        first = f"first {self.numbers:,} of {self.dimension:,} numbers" if self.numbers < self.dimension else ""
        return ", ".join(filter(None, ("" if self.precision == "full" else self.precision, first)))
