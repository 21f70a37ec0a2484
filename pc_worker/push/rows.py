"""One row as the JSON object that a stock batch server reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pc_worker.push.rules import Json, UnfitValue
from pc_worker.push.tables import StockTable

#: The server accepts messages of 4 MiB (4,194,304 bytes); this leaves space for all framing.
MESSAGE_BYTES = 4_000_000
#: Brackets of the array, and the field's tag and length around it.
FRAMING_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class StockRow:
    """A row ready to be sent.

    Attributes:
        position: Its position in the log.
        row_id: Its UUID.
        key: The value that identifies it in the server's upsert; unique in a message.
        skills: The number of its skills, each of which needs bind values in the server.
        json: One JSON object in UTF-8, without spaces.
    """

    position: int
    row_id: str
    key: str
    skills: int
    json: bytes


def stock_row(table: StockTable, *, position: int, row_id: str, payload: Mapping[str, Json], vector: str) -> StockRow:
    """Return a stored row in the form that the server accepts.

    Args:
        table: The server's table of the domain.
        position: The row's position in the log.
        row_id: Its UUID, 36 lower-case characters.
        payload: Its fields; those that the server does not have are left out.
        vector: Its vector as JSON text in the shortest form that parses to the same float32, as pgvector prints it:
            19 kB for 1536 numbers, instead of 34 kB as doubles.

    Raises:
        UnfitValue: If the server could not store the row, or it does not fit in a message.
    """
    values = _values(table, row_id, payload)
    fields = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = f'{fields[:-1]},"{table.vector}":{vector}}}'.encode()
    if len(text) + FRAMING_BYTES > MESSAGE_BYTES:
        raise UnfitValue(
            f"the row is {len(text):,} bytes of JSON: a message of the batch server holds {MESSAGE_BYTES:,}"
        )
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
        except UnfitValue as fault:
            faults.append(f"{name}: {fault}")
    if faults:
        raise UnfitValue("; ".join(faults))
    return values
