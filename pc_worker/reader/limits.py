"""The budgets that keep a hostile file from costing more than its size."""

from __future__ import annotations

from dataclasses import dataclass

MiB = 1 << 20
GiB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every budget of the reader; passing one refuses the file with a sentence that names it."""

    #: Bytes of the file itself. A hundred times the largest file known in use.
    file_bytes: int = 256 * GiB
    #: Bytes a compressed file may expand to, in all.
    output_bytes: int = 256 * GiB
    #: Output bytes per input byte, once the output is past ``ratio_free_bytes``. Text packs 3 to 10 times.
    ratio: int = 200
    #: Output that is never held against the ratio: a small file of zeros harms no one.
    ratio_free_bytes: int = 256 * MiB
    #: Rows of the table.
    rows: int = 2_000_000_000
    #: Rows per byte of the file, once the rows are past ``rows_free``: ranges, sparse and null columns cost no bytes.
    rows_per_byte: int = 64
    #: Rows that are never held against the file's size.
    rows_free: int = 10_000_000
    #: Columns of the table. PostgreSQL holds 1,600, pandas is unusable long before this.
    columns: int = 20_000
    #: Bytes of one text or bytes cell. Longer ones cannot reach any consumer (4 MB a message).
    text_bytes: int = 64 * MiB
    #: Bytes of one cell with everything it refers to counted as often as it is referred to.
    cell_bytes: int = 64 * MiB
    #: Opcodes that are no plain scalars, between two batches of rows: what one cell, or a frame's skeleton
    #: (blocks, axes, names), may cost.
    opcodes: int = 1_500_000
    #: Lists, tuples, dicts, references and parts that are held at once while the file is indexed: 0.8 kB each at most.
    nodes: int = 300_000
    #: Streams without content that a compressed file may consist of: each costs time and return nothing.
    empty_streams: int = 1000
    #: Nesting of lists, tuples and dicts in a cell, and of parts in the skeleton.
    depth: int = 60
    #: Values that wait to be put together. Writers batch by 1,000.
    stack: int = 2_000_000
    #: Values the file memoizes. Each costs one byte while the file is indexed.
    memo: int = 2_000_000_000
    #: Bytes of one integer: 1,024 bytes are 2,466 digits; Python refuses to print more than 4,300.
    int_bytes: int = 1024
    #: Keys of one dict or set that are not text: numbers can be chosen to collide, text cannot.
    plain_keys: int = 8192
    #: All cells together with shared values counted as often as they are referred to, per byte of the file.
    expansion: int = 1000
    #: Expansion that is never held against the file.
    expansion_free_bytes: int = 64 * GiB
    #: Bytes read again because a value refers back to one that is no longer known, per byte of the file.
    replay: int = 16
    #: Reading again that is never held against the file.
    replay_free_bytes: int = 1 * GiB
    #: Pickles one after another in one file that are not themselves rows.
    pickles: int = 100_000
