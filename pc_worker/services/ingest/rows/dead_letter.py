"""From a row that cannot be stored to its dead letter: the reason in words, and the whole row as JSON text.

A row has one of these reasons:

- "the key is null", or another fault of the key (``domains/cleaning/keys.py``).
- "FIELD: fault". A rule (``domains/cleaning/rules.py``), the reading of a vector (``domains/cleaning/vectors.py``) or
  a check of every cell (``domains/cleaning/cells.py``) raises ``BadValue`` with the fault as its text;
  ``domains/cleaning/declared_row.py`` and ``domains/cleaning/whole_row.py`` add the field, and faults of their own
  such as "missing".
- "the row is more than N bytes on the wire": ``too_large`` before its text is embedded, ``too_large_on_wire`` later.
- "the text cannot be encoded: why" (``embed.py``).

Of the first two kinds, ``domains/cleaning/clean.py: clean`` returns ``Dead``. ``prepare.py`` makes the letter of all.
``write.py: write_rows`` inserts the letters with ``store/ledger/dead_letters.py``, in the transaction that writes the
chunk's rows, counts them and ends the chunk.

One reason comes without cleaning: "the worker died 3 times on this row". A chunk that ended the worker is halved, down
to one row; then ``process_chunk.py`` only reads it, for its letter. If that ends the worker, too,
``store/ledger/leases.py: acquire_lease`` stores the letter without the row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

import msgspec

from pc_worker.domains import Record
from pc_worker.model import DeadLetter
from pc_worker.reader import Json, Table
from pc_worker.services.sources import rejecting

#: Bytes of the largest row that can be sent: one message holds 4 MiB with all framing.
WIRE_LIMIT = 4_000_000
#: Characters of a text from which on it is checked before it is embedded.
LONG_TEXT = WIRE_LIMIT // 4

#: Half of a pair: a whole one is one character of a string here.
LONE_SURROGATE = re.compile("[\ud800-\udfff]")

#: Returns the normal form of a row by its number in the source: all its columns, not only those a domain reads.
RowForm = Callable[[int], Mapping[str, Json]]


def dead_letter(row_no: int, reason: str, form: RowForm) -> DeadLetter:
    """Return the dead letter of a row."""
    return DeadLetter(row_no=row_no, reason=reason, row_id=None, normal_form=stored_json(form(row_no)))


def row_form(table: Table, source: str) -> RowForm:
    """Return a function that reads rows' normal forms, with all columns, from the table."""

    def form(row_no: int) -> Mapping[str, Json]:
        with rejecting(source):
            return table.read(row_no, row_no + 1).normal_row(0)

    return form


def too_large(record: Record) -> str | None:
    """Return why a row is certainly too large to be sent, before its text is embedded: that may take hours."""
    if len(record.text or "") < LONG_TEXT or (size := len(msgspec.json.encode(record.payload))) <= WIRE_LIMIT:
        return None
    return f"the row is more than {size:,} bytes on the wire: {WIRE_LIMIT:,} is the most"


def too_large_on_wire(message: bytes) -> str | None:
    """Return why the message of a row is too large to be sent, None if it is not."""
    if len(message) <= WIRE_LIMIT:
        return None
    return f"the row is {len(message):,} bytes on the wire: {WIRE_LIMIT:,} is the most"


def stored_json(value: Json | Mapping[str, Json]) -> str:
    """Return the value as JSON text that is valid UTF-8: only its lone surrogates are escaped."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return LONE_SURROGATE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
