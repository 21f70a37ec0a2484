"""Formats that are known and not read: each by its name, with a hint what to do."""

from __future__ import annotations

from collections.abc import Callable

from pc_worker.reader.errors import Rejected, not_a_table

_EXPORT = "export the table as Parquet or CSV"
_UNPACK = "unpack it, and give a table that was in it"
_LOAD = "load it where it was made, and save its table as Parquet or as a pickle of a DataFrame"
_ENCRYPTED = "an encrypted Parquet file", "save it without encryption"
#: What a file begins with, its format's name, and the hint.
_STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "read it with pandas.read_hdf or h5py, and save it as Parquet"),
    (b"\x93NUMPY", "a NumPy array file (npy)", "put the array into a DataFrame, and save that as Parquet or a pickle"),
    (b"FEA1", "a Feather file of version 1", "load it with pandas.read_feather, and save it as Feather or Parquet"),
    (b"Obj\x01", "an Avro file", "convert it to Parquet"),
    (b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (b"%PDF-", "a PDF document", "extract its tables as CSV"),
    (b"\x04\x22\x4d\x18", "an lz4 archive", "unpack it with lz4 -d, or pack it with zstd or gzip"),
    (b"\x02\x21\x4c\x18", "an lz4 archive of the old kind", "unpack it with lz4 -d"),
    (b"\xff\x06\x00\x00sNaPpY", "a Snappy archive", "unpack it, or pack it with zstd or gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"LZIP", "an lzip archive", "unpack it with lzip -d"),
    (b"\x1f\x9d", "a file packed with compress (.Z)", "unpack it with gzip -d"),
    (b"\x89LZO\x00\r\n\x1a\n", "an lzop archive", "unpack it with lzop -d"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "a file of old Microsoft Office (such as xls)",
        "save it as xlsx without a password, or as CSV",
    ),
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer", "fetch the file itself with git lfs pull"),
    (b"ZF", "a compressed joblib file", _LOAD),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", "give a table"),
    (b"\xff\xd8\xff", "a JPEG image", "give a table"),
    (b"GIF87a", "a GIF image", "give a table"),
    (b"GIF89a", "a GIF image", "give a table"),
    (b"II*\x00", "a TIFF image", "give a table"),
    (b"MM\x00*", "a TIFF image", "give a table"),
    (b"\x7fELF", "a program", "give a table"),
    (b"MZ\x90\x00", "a Windows program", "give a table"),
    (b"CDF\x01", "a NetCDF file", "read it with xarray, and save it as Parquet"),
    (b"CDF\x02", "a NetCDF file", "read it with xarray, and save it as Parquet"),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file", _EXPORT),
    (b"$FL2", "an SPSS file", _EXPORT),
    (b"$FL3", "an SPSS file", _EXPORT),
    (b"<stata_dta>", "a Stata file", _EXPORT),
    (b"\x00" * 12 + b"\xc2\xea\x81\x60", "a SAS file", _EXPORT),
    (b"RDX2\n", "an R data file", _EXPORT),
    (b"RDX3\n", "an R data file", _EXPORT),
    (b"SEQ\x06", "a Hadoop sequence file", "convert it to Parquet"),
    (b"GGUF", "a GGUF model", "give a table"),
    (b"PARE", *_ENCRYPTED),
    (b"{\\rtf", "an RTF document", "export its table as CSV"),
    (b"%!PS", "a PostScript document", "extract its tables as CSV"),
)
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar" or head[257:265] == b"ustar  \x00"


def _is_duckdb(head: bytes) -> bool:
    return head[8:12] == b"DUCK"


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"WAVE", b"AVI ")


def _is_safetensors(head: bytes) -> bool:
    return len(head) > 9 and 2 <= int.from_bytes(head[:8], "little") < 1 << 32 and head[8:10] == b'{"'


def _is_zlib(head: bytes) -> bool:
    return head.startswith(_ZLIB) and sum(byte >= 0x80 or byte < 9 for byte in head[2:66]) > len(head[2:66]) // 4


def _is_joblib(head: bytes) -> bool:
    return head[:1] == b"\x80" and b"joblib.numpy_pickle" in head


_RULES: tuple[tuple[Callable[[bytes], bool], str, str], ...] = (
    (_is_tar, "a tar archive", _UNPACK),
    (_is_duckdb, "a DuckDB database", _EXPORT),
    (_is_webp, "an image, a sound or a film", "give a table"),
    (_is_safetensors, "a safetensors file", "put its tensors into a DataFrame, and save that as Parquet"),
    (_is_zlib, "a zlib stream, as compressed joblib files are", _LOAD),
    (_is_joblib, "a joblib file", _LOAD),
)


def foreign(head: bytes) -> Rejected | None:
    """Return the error for a file that begins like one of another format, None if it is of none that is known."""
    for start, name, hint in _STARTS:
        if head.startswith(start):
            return rejection(name, hint)
    for rule, name, hint in _RULES:
        if rule(head):
            return rejection(name, hint)
    return _markup(head)


def encrypted() -> Rejected:
    """Return the error for a Parquet file that is encrypted."""
    return rejection(*_ENCRYPTED)


def rejection(name: str, hint: str) -> Rejected:
    """Return the error for a file of the format ``name``."""
    return not_a_table(f"it is {name}: {hint}")


def _markup(head: bytes) -> Rejected | None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1024].lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")):
        return rejection("an HTML page", "it may be a login or error page; download the file itself")
    if text.startswith((b"<?xml", b"<!doctype", b"<svg", b"<!--", b"<rss", b"<feed")):
        kind = "an HTML page" if b"<html" in text else "an XML document"
        return rejection(kind, "convert its table to CSV, JSON Lines or Parquet")
    return None
