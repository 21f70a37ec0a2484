"""A good file of every format, and damaged ones: refused or another table, never another error or the end of us."""

from __future__ import annotations

import io
import json
import pickle
import random
import zipfile
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet

EACH = 6
#: What the good files hold.
ROWS = [{"id": n, "text": f"t{n}", "list": [float(n)]} for n in range(30)]


def good_files() -> dict[str, bytes]:
    """Return a small file of each format, by the format's name; all tests of every format read it.

    Its rows are those of ``ROWS``, as far as the format has lists and numbers.
    """
    frame = pd.DataFrame(ROWS)
    flat, table = frame[["id", "text"]], pa.Table.from_pandas(frame, preserve_index=False)
    feather, stream, orc, parquet, excel, zipped = (io.BytesIO() for _ in range(6))
    pyarrow.feather.write_feather(table, feather, compression="zstd")
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)
    pyarrow.orc.write_table(table, orc)
    pyarrow.parquet.write_table(table, parquet, row_group_size=10)
    flat.to_excel(excel, index=False)
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.csv", flat[number * 10 : number * 10 + 10].to_csv(index=False))
    return {
        "arrow file": feather.getvalue(),
        "arrow stream": stream.getvalue(),
        "orc": orc.getvalue(),
        "parquet": parquet.getvalue(),
        "excel": excel.getvalue(),
        "zip of tables": zipped.getvalue(),
        "pickle": pickle.dumps(ROWS),
        "csv": flat.to_csv(index=False, quoting=1).encode(),
        "json array": json.dumps(ROWS).encode(),
        "json lines": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    }


#: Formats of ``good_files`` that a process of its own decodes.
DECODED_APART = ("orc",)


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
            yield f"damaged-{name.replace(' ', '-')}-{number}", bytes(data)
