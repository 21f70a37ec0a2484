"""Which module reads which format."""

from __future__ import annotations

from typing import assert_never

from pc_worker.reader.formats.base import Format, TableFormat


def table_format(kind: Format) -> TableFormat:
    """Return how ``kind`` is read. Modules are loaded when first needed: pyarrow is large, most files are pickles."""
    match kind:
        case Format.PICKLE:
            from pc_worker.reader.formats import pickle

            return pickle.FORMAT
        case Format.PARQUET:
            from pc_worker.reader.formats import parquet

            return parquet.FORMAT
        case Format.CSV:
            from pc_worker.reader.formats import csv

            return csv.FORMAT
        case Format.JSON_LINES:
            from pc_worker.reader.formats import json_lines

            return json_lines.FORMAT
        case Format.JSON_ARRAY:
            from pc_worker.reader.formats import json_array

            return json_array.FORMAT
        case Format.ARROW_FILE | Format.ARROW_STREAM:
            from pc_worker.reader.formats import arrow_ipc

            return arrow_ipc.FORMATS[kind]
        case Format.ORC:
            from pc_worker.reader.formats import orc

            return orc.FORMAT
        case Format.EXCEL:
            from pc_worker.reader.formats import excel

            return excel.FORMAT
        case Format.ZIPPED:
            from pc_worker.reader.formats import zip_tables

            return zip_tables.FORMAT
    assert_never(kind)
