"""Small files that would cost much time or memory."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pyarrow as pa

from tests.hostile.assembler import NDARRAY, OBJECT, RECONSTRUCT, Name, assemble, pickled

Case = tuple[str, bytes]


def cases() -> Iterator[Case]:
    """Yield all of them by name."""
    for family in (doublings, arrow_files, archives, opcodes):
        yield from family()


def row(cell: bytes) -> bytes:
    """Return a list of one dict whose one value is ``cell``."""
    return b"\x80\x04](}" + assemble("a") + cell + b"se."


def doublings() -> Iterator[Case]:
    """Yield values that contain the previous one twice: in dicts, arrays, sets and keys."""
    text = assemble("x" * 100) + b"\x94"
    pairs = b"".join(b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86\x94" for n in range(40))
    dicts = b"".join(b"}(K\x01h" + bytes([n]) + b"K\x02h" + bytes([n]) + b"u\x94" for n in range(50))
    yield "doubling-dicts", row(b"(" + text + dicts + b"t")
    yield "doubling-in-a-set", row(b"(" + text + pairs + b"\x8f(h\x28\x90t")
    yield "doubling-as-key", row(b"(" + text + pairs + b"}h\x28Nst")
    parts = b"".join(assemble(name) + b"\x94" for name in (OBJECT, RECONSTRUCT, NDARRAY)) + text
    made = b"h\x01h\x02K\x00\x85C\x01b\x87R(K\x01K\x02\x85h\x00\x89]("
    arrays = b"".join(made + (b"h" + bytes([3 + n])) * 2 + b"etb\x94" for n in range(45))
    yield "doubling-object-arrays", row(b"(" + parts + arrays + b"t")
    megabytes = (assemble(part) + b"\x94" for part in (Name("_codecs", "encode"), "x" * (8 << 20), "latin1"))
    encoded = b"h\0h\1h\2\x86R" * 200
    yield "8-megabytes-of-text-as-bytes-200-times", b"\x80\x04(" + b"".join(megabytes) + encoded + b"t."
    frozen = assemble(Name("builtins", "frozenset")) + b"\x94" + text
    chain = b"".join(b"h\x00](h" + bytes([n + 1]) + assemble(str(n)) + b"e\x85R\x94" for n in range(70))
    yield "chain-of-frozensets", row(b"(" + frozen + chain + b"t")
    yield (
        "60-megabytes-again-and-again",
        (
            b"\x80\x04](}"
            + assemble("a")
            + b"\x94"
            + assemble("x" * (60 << 20))
            + b"\x94s"
            + b"}h\x00h\x01s" * 2000
            + b"e."
        ),
    )


def arrow_files() -> Iterator[Case]:
    """Yield Arrow batches and dictionaries that take little in the file and much in memory."""
    word = pa.DictionaryArray.from_arrays(pa.array([0] * (1 << 17), pa.int8()), pa.array(["x" * (1 << 20)]))
    yield "arrow-file-of-one-word", arrow_file(word, pa.ipc.new_file)
    size = 1 << 20
    for name, new in (("file", pa.ipc.new_file), ("stream", pa.ipc.new_stream)):
        claims = struct.pack("<q", size), struct.pack("<q", 1 << 32)
        yield f"arrow-{name}-that-claims-4-gigabytes", arrow_file(pa.array([bytes(size)]), new).replace(*claims)
        yield f"arrow-{name}-of-a-union", arrow_file(UNION, new)


UNION = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["x", "y"])])


def arrow_file(column: Any, new: Callable[..., Any]) -> bytes:
    """Return a file of one column, with compressed buffers."""
    target, table = BytesIO(), pa.table({"a": column})
    with new(target, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return target.getvalue()


def archives() -> Iterator[Case]:
    """Yield compressed files that need much memory."""
    yield "xz-dictionary-of-4g", xz_with_dictionary(40)
    yield "xz-dictionary-of-1g", xz_with_dictionary(36)
    yield "zip-lzma", zipped(zipfile.ZIP_LZMA)
    yield "zip-of-zeros", zipped(zipfile.ZIP_DEFLATED, bytes(300 << 20))
    yield "xz-of-zeros", lzma.compress(bytes(300 << 20), preset=0)


def xz_with_dictionary(code: int) -> bytes:
    """Return a valid xz file whose header asks for the dictionary size of that code."""
    data = bytearray(lzma.compress(b"\x80\x04]." * 10, format=lzma.FORMAT_XZ))
    end = 12 + (data[12] + 1) * 4
    header = data[12 : end - 4]
    header[header.index(b"\x21\x01") + 2] = code
    data[12:end] = header + struct.pack("<I", zlib.crc32(bytes(header)))
    return bytes(data)


def zipped(method: int, data: bytes = b"\x80\x04].") -> bytes:
    """Return a zip file of one member."""
    target = BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.writestr("a.pkl", data)
    return target.getvalue()


def opcodes() -> Iterator[Case]:
    """Yield huge numbers of items."""
    yield "millions-of-nones-in-a-cell", row(b"](" + b"N" * (30 << 20) + b"e")
    yield "millions-of-tuples-in-a-cell", row(b"(" + b")" * 2_500_000 + b"t")
    yield "hundreds-of-thousands-of-tables", b"\x80\x04].\x80\x04]." * 100_000
    yield "no-end-of-marks", b"\x80\x04" + b"(" * 5_000_000
    nothing = b"\x80\x04" + b"}}" * 50
    yield "protocols-over-and-over", nothing + b"\x80\x04" * 100_000 + b"."
    yield "empty-rows-and-no-table", pickled([{}, [], {}])
