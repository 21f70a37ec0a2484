"""One row as the JSON object that a stock batch server reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pc_worker.push.rules import Json, Unfit
from pc_worker.push.tables import StockTable

#: The server takes 4 MiB (4,194,304 bytes) a message; this leaves room for all framing.
MESSAGE_BYTES = 4_000_000
#: Brackets of the array, and the field's tag and length around it.
FRAMING_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class StockRow:
    """A row ready to be sent.

    Attributes:
        position: Its place in the log.
        row_id: Its UUID here.
        key: What the server's upsert goes by; no two rows of one chunk may share it.
        skills: How many skills it names, each a bind value there.
        json: One JSON object, UTF-8 without blanks.
    """

    position: int
    row_id: str
    key: str
    skills: int
    json: bytes


def stock_row(table: StockTable, *, position: int, row_id: str, payload: Mapping[str, Json], vector: str) -> StockRow:
    """Turn a stored row into what the server takes.

    Args:
        table: The domain as the server knows it.
        position: The row's place in the log.
        row_id: Its UUID, 36 lower-case characters.
        payload: Its fields; those that the server does not know stay behind.
        vector: Its vector as JSON text in the shortest form that gives the same float32 back, which is how
            pgvector prints one: 19 kB for 1536 numbers instead of 34 kB widened to doubles.

    Raises:
        Unfit: If the server could not store it, or no message could hold it.
    """
    values = _values(table, row_id, payload)
    fields = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = f'{fields[:-1]},"{table.vector}":{vector}}}'.encode()
    if len(text) + FRAMING_BYTES > MESSAGE_BYTES:
        raise Unfit(f"the row is {len(text):,} bytes of JSON: a message of the batch server holds {MESSAGE_BYTES:,}")
    named = values.get("skills")
    return StockRow(
        position=position,
        row_id=row_id,
        key=str(values[table.key]),
        skills=len(named) if isinstance(named, list) else 0,
        json=text,
    )


def _values(table: StockTable, row_id: str, payload: Mapping[str, Json]) -> dict[str, Json]:
    values: dict[str, Json] = {} if table.key in table.fields else {table.key: row_id}
    faults = []
    for name, rule in table.fields.items():
        try:
            values[name] = rule(payload.get(name))
        except Unfit as fault:
            faults.append(f"{name}: {fault}")
    if faults:
        raise Unfit("; ".join(faults))
    return values
