"""Damaged files of every other format: refused or another table, never another error, never the end of the process."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.orc

EACH = 6


def good_files() -> dict[str, bytes]:
    """Return a small file of each format."""
    frame = pd.DataFrame(
        {"id": range(30), "text": [f"t{n}" for n in range(30)], "list": [[float(n)] for n in range(30)]}
    )
    table = pa.Table.from_pandas(frame, preserve_index=False)
    feather, stream, orc, excel, zipped = (io.BytesIO() for _ in range(5))
    pyarrow.feather.write_feather(table, feather, compression="zstd")
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)
    pyarrow.orc.write_table(table, orc)
    frame[["id", "text"]].to_excel(excel, index=False)
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.csv", frame[["id", "text"]].to_csv(index=False))
    files = {"feather": feather, "stream": stream, "orc": orc, "excel": excel, "zip": zipped}
    texts = {"csv": frame.to_csv(index=False, quoting=1), "json": frame.to_json(orient="records")}
    return {name: file.getvalue() for name, file in files.items()} | {name: t.encode() for name, t in texts.items()}


def cases() -> Iterator[tuple[str, bytes]]:
    """Yield each file with flipped bits, truncated, or with an impossible number of eight bytes."""
    chance = random.Random(7)
    for name, good in good_files().items():
        for number in range(EACH):
            data = bytearray(good)
            at = chance.randrange(len(data))
            match number % 3:
                case 0:
                    data[at] ^= 1 << chance.randrange(8)
                case 1:
                    del data[at:]
                case _:
                    data[at : at + 8] = chance.choice([b"\xff" * 8, (1 << 40).to_bytes(8, "little")])
            yield f"damaged-{name}-{number}", bytes(data)
