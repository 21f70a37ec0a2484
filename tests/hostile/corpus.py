"""Files that attack a pickle reader, each by one trick; none may be read, and none may run.

``python -m tests.hostile.corpus FOLDER`` writes them out. The payloads would create the file named by ``CANARY``.
"""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

#: What every attack that runs would create, in the current directory.
CANARY = "hostile-file-was-executed"
COMMAND = f"touch {CANARY}"


def text(value: str) -> bytes:
    """Return SHORT_BINUNICODE or BINUNICODE."""
    raw = value.encode("utf-8", "surrogatepass")
    return b"\x8c" + bytes([len(raw)]) + raw if len(raw) < 256 else b"X" + struct.pack("<I", len(raw)) + raw


def stack_global(module: str, name: str) -> bytes:
    """Return STACK_GLOBAL with its two texts."""
    return text(module) + text(name) + b"\x93"


def line_global(module: str, name: str) -> bytes:
    """Return GLOBAL."""
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def pickled(body: bytes, protocol: int = 4) -> bytes:
    """Return a whole pickle."""
    return b"\x80" + bytes([protocol]) + body + b"."


def cell(body: bytes, before: int = 0) -> bytes:
    """Return a list of dicts of which one value is ``body``, after ``before`` harmless rows."""
    row = b"}" + text("a") + b"K\x01s"
    return pickled(b"](" + row * before + b"}" + text("a") + body + b"se")


def frame(**changes: bytes) -> bytes:
    """Return a small DataFrame's pickle with some of its bytes replaced."""
    data = pickle.dumps(pd.DataFrame({"a": [1, 2, 3], "b": pd.Series(["x", "y", "z"], dtype=object)}), protocol=4)
    for old, new in ((key.encode(), value) for key, value in changes.items()):
        data = data.replace(old, new)
    return data


def unframed(value: object, protocol: int = 4) -> bytes:
    """Return a pickle without FRAME, so that bytes can be inserted and removed."""
    data = pickle.dumps(value, protocol=protocol)
    out, pos = data[:2], 2
    for opcode, _, at in __import__("pickletools").genops(data):
        if opcode.name == "FRAME":
            out += data[pos:at]
            pos = at + 9
    return out + data[pos:]


def names() -> Iterator[tuple[str, bytes]]:
    """Yield names that are not on the allow-list, called in every way."""
    for module, name, arguments in (
        ("os", "system", text(COMMAND)),
        ("posix", "system", text(COMMAND)),
        ("subprocess", "getoutput", text(COMMAND)),
        ("builtins", "eval", text(f"open({CANARY!r},'w')")),
        ("builtins", "exec", text(f"open({CANARY!r},'w')")),
        ("builtins", "__import__", text("os")),
        ("builtins", "open", text(CANARY) + text("w")),
        ("builtins", "print", text("x")),
        ("__builtin__", "eval", text("1")),
        ("importlib", "import_module", text("antigravity")),
        ("runpy", "run_path", text("x")),
        ("pkgutil", "resolve_name", text("os:system")),
        ("pip", "main", b"]" + text("list") + b"a"),
        ("webbrowser", "open", text("http://127.0.0.1/")),
        ("urllib.request", "urlopen", text("http://127.0.0.1/")),
        ("ctypes", "CDLL", text("libc.so.6")),
        ("timeit", "timeit", text("1")),
        ("pickle", "loads", b"C\x04N.N."),
        ("_pickle", "loads", b"C\x02N."),
        ("operator", "methodcaller", text("system")),
        ("functools", "partial", text("x")),
        ("types", "CodeType", b"K\x00"),
        ("numpy.f2py.crackfortran", "getlincoef", text("1") + b"}"),
        ("numpy.testing._private.utils", "runstring", text("1") + b"}"),
        ("numpy.lib._utils_impl", "source", text("x")),
        ("numpy", "load", text(CANARY)),
        ("numpy", "fromfile", text("/etc/passwd")),
        ("numpy", "memmap", text(CANARY)),
        ("pandas", "eval", text("1")),
        ("pandas", "read_pickle", text(CANARY)),
        ("pandas", "read_csv", text("/etc/passwd")),
        ("pandas.io.common", "get_handle", text("/etc/passwd")),
        ("pandas.core.frame", "DataFrame.eval", text("1")),
        ("torch", "load", text("x")),
        ("joblib", "load", text("x")),
        ("cloudpickle.cloudpickle", "_builtin_type", text("CodeType")),
    ):
        made = b"(" + arguments + b"t"
        yield f"reduce-{module}.{name}", pickled(stack_global(module, name) + made + b"R")
        if module in ("os", "builtins", "pandas"):
            yield f"global-{module}.{name}", pickled(line_global(module, name) + made + b"R", 2)
            yield f"cell-{module}.{name}", cell(stack_global(module, name) + made + b"R", before=200)


def dotted() -> Iterator[tuple[str, bytes]]:
    """Yield names with dots, by which protocol 4 reaches anything from an allowed module."""
    for module, name in (
        ("pandas", "io.common.os.system"),
        ("numpy", "lib._utils_impl.os.system"),
        ("numpy", "f2py.crackfortran.os.system"),
        ("pandas.core.frame", "sys.modules"),
        ("datetime", "sys.modules"),
        ("decimal", "Decimal.from_float"),
        ("uuid", "os.system"),
        ("zoneinfo", "ZoneInfo.from_file"),
    ):
        yield f"dotted-{module}.{name}", pickled(stack_global(module, name) + b"(" + text(COMMAND) + b"tR")


def opcodes() -> Iterator[tuple[str, bytes]]:
    """Yield opcodes that no table needs."""
    command = text(COMMAND)
    yield "inst", pickled(b"(" + command + b"ios\nsystem\n", 2)
    yield "inst-allowed-name", pickled(b"(S'1'\nidecimal\nDecimal\n", 0)
    yield "obj", pickled(b"(" + stack_global("os", "system") + command + b"o")
    yield "obj-then-pop", pickled(b"(" + stack_global("os", "system") + command + b"o0N")
    yield "persid", pickled(b"Pid\n", 0)
    yield "binpersid", pickled(b"K\x01Q")
    yield "ext1", pickled(b"\x82\x01")
    yield "ext2", pickled(b"\x83\x01\x00")
    yield "ext4", pickled(b"\x84\x01\x00\x00\x00")
    yield "next-buffer", pickled(b"\x97", 5)
    yield "readonly-buffer", pickled(b"C\x01a\x98", 5)
    yield "dup", pickled(b"]2\x86")
    yield "pop", pickled(b"]]0")
    yield "pop-mark", pickled(b"](K\x011")
    yield "newobj-os", pickled(stack_global("os", "_wrap_close") + b"N\x85\x81")
    yield "newobj-dict", pickled(stack_global("builtins", "dict") + b")\x81")
    yield "newobj-ex", pickled(stack_global("decimal", "Decimal") + b")}\x92")
    yield "build-on-dict", pickled(b"}}" + text("__class__") + b"K\x01sb")
    yield "build-on-symbol", pickled(stack_global("pandas", "DataFrame") + b"}b")
    yield "build-on-text", pickled(text("x") + b"}b")
    yield "build-twice", unframed(pd.DataFrame({"a": [1]}))[:-1] + b"}b."
    yield "reduce-of-text", pickled(text("os") + b")R")
    yield "reduce-without-tuple", pickled(stack_global("decimal", "Decimal") + text("1") + b"R")
    yield "unknown-opcode", pickled(b"\xff")
    yield "protocol-9", b"\x80\x09N."
    yield "proto-inside", pickled(b"]\x80\x04")
    yield "nested-pickle-loads", cell(stack_global("pickle", "loads") + b"C\x02N.\x85R")


def arguments() -> Iterator[tuple[str, bytes]]:
    """Yield allowed names with arguments that no writer uses."""
    dtype = stack_global("numpy", "dtype")
    array = stack_global("numpy._core.multiarray", "_reconstruct")
    buffer = stack_global("numpy._core.numeric", "_frombuffer")
    f4 = dtype + text("f4") + b"\x89\x88\x87R"
    objects = dtype + text("O8") + b"\x89\x88\x87R"
    yield "dtype-of-dict", cell(dtype + b"}\x89\x88\x87R")
    yield "dtype-with-commas", cell(dtype + text("f4,O") + b"\x89\x88\x87R")
    yield "dtype-huge-item", cell(dtype + text("V99999999999") + b"\x89\x88\x87R")
    yield "reconstruct-subclass", cell(array + stack_global("numpy", "memmap") + b"K\x00\x85C\x01b\x87R")
    yield "reconstruct-shape", cell(array + stack_global("numpy", "ndarray") + b"J\xff\xff\xff\x7f\x85C\x01b\x87R")
    yield "ndarray-called", cell(stack_global("numpy", "ndarray") + b"J\x00\x00\x00\x40\x85\x85R")
    yield "frombuffer-short", cell(buffer + b"(C\x04abcd" + f4 + b"J\xff\xff\xff\x7f\x85" + text("C") + b"tR")
    yield "frombuffer-negative", cell(buffer + b"(C\x04abcd" + f4 + b"J\xff\xff\xff\xff\x85" + text("C") + b"tR")
    yield "frombuffer-objects", cell(buffer + b"(C\x08abcdefgh" + objects + b"K\x01\x85" + text("C") + b"tR")
    yield "frombuffer-order", cell(buffer + b"(C\x04abcd" + f4 + b"K\x01\x85" + text("Z") + b"tR")
    yield (
        "frombuffer-overflow",
        cell(buffer + b"(C\x00" + f4 + b"\x8a\x08" + bytes(7) + b"\x40K\x04\x86" + text("C") + b"tR"),
    )
    state = b"(K\x01K\x02\x85" + objects + b"\x89"
    made = array + stack_global("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
    yield "object-array-too-few", cell(made + state + b"]K\x01atb")
    yield "object-array-of-bytes", cell(made + state + b"C\x10" + bytes(16) + b"tb")
    yield "object-array-of-symbols", cell(made + b"(K\x01K\x01\x85" + objects + b"\x89]" + dtype + b"atb")
    yield "array-without-state", cell(made)
    yield "array-state-version", cell(made + b"(K\x09K\x00\x85" + f4 + b"\x89C\x00tb")
    yield "scalar-short", cell(stack_global("numpy._core.multiarray", "scalar") + f4 + b"C\x01a\x86R")
    yield "scalar-object", cell(stack_global("numpy._core.multiarray", "scalar") + objects + b"C\x08abcdefgh\x86R")
    yield "decimal-of-nonsense", cell(stack_global("decimal", "Decimal") + text("one") + b"\x85R")
    yield "decimal-huge", cell(stack_global("decimal", "Decimal") + text("9" * 3000) + b"\x85R")
    yield (
        "datetime-month-13",
        cell(stack_global("datetime", "datetime") + b"C\x0a\x07\xe5\x0d\x01" + bytes(6) + b"\x85R"),
    )
    yield "datetime-year", cell(stack_global("datetime", "datetime") + b"M\xe5\x07K\x01K\x01\x87R")
    yield (
        "datetime-zone-symbol",
        cell(
            stack_global("datetime", "datetime")
            + b"C\x0a\x07\xe5\x01\x01"
            + bytes(6)
            + stack_global("numpy", "ndarray")
            + b"\x86R"
        ),
    )
    yield (
        "timedelta-of-texts",
        cell(stack_global("datetime", "timedelta") + text("1") + text("2") + text("3") + b"\x87R"),
    )
    yield (
        "timezone-of-days",
        cell(
            stack_global("datetime", "timezone") + stack_global("datetime", "timedelta") + b"K\x63K\x00K\x00\x87R\x85R"
        ),
    )
    yield (
        "zone-path",
        cell(
            stack_global("datetime", "datetime")
            + b"C\x0a\x07\xe5\x01\x01"
            + bytes(6)
            + stack_global("pytz", "_p")
            + text("../../etc/passwd")
            + b"\x85R\x86R"
        ),
    )
    yield (
        "getattr-anything",
        cell(stack_global("builtins", "getattr") + stack_global("datetime", "datetime") + text("__class__") + b"\x86R"),
    )
    yield (
        "getattr-zoneinfo-init",
        cell(stack_global("builtins", "getattr") + stack_global("zoneinfo", "ZoneInfo") + text("__init__") + b"\x86R"),
    )
    yield "bytes-of-number", cell(stack_global("builtins", "bytes") + b"J\xff\xff\xff\x7f\x85R")
    yield "bytearray-of-number", cell(stack_global("builtins", "bytearray") + b"J\xff\xff\xff\x7f\x85R")
    yield "codecs-zlib", cell(stack_global("_codecs", "encode") + text("x") + text("zlib") + b"\x86R")
    yield "codecs-wide", cell(stack_global("_codecs", "encode") + text("ㄱ") + text("latin1") + b"\x86R")
    yield "slice-as-cell", cell(stack_global("builtins", "slice") + b"K\x00K\x01K\x01\x87R")
    yield "symbol-as-cell", cell(stack_global("pandas", "DataFrame"))
    yield "dtype-as-cell", cell(f4, before=100)
    yield "frame-as-cell", cell(unframed(pd.DataFrame({"a": [1]}))[2:-1])
    yield "uuid-without-int", cell(stack_global("uuid", "UUID") + b")\x81}" + text("hex") + text("x") + b"sb")
    yield (
        "uuid-too-large",
        cell(stack_global("uuid", "UUID") + b")\x81}" + text("int") + b"\x8a\x12" + b"\xff" * 17 + b"\x00sb"),
    )
    yield "uuid-never-built", cell(stack_global("uuid", "UUID") + b")\x81")
    yield (
        "reconstructor-of-module",
        cell(
            stack_global("copyreg", "_reconstructor")
            + stack_global("uuid", "UUID")
            + stack_global("uuid", "UUID")
            + b"N\x87R"
        ),
    )
    yield "set-of-lists", cell(b"\x8f(]e\x90")
    yield "key-is-a-list", pickled(b"](}]K\x01se")
    yield "key-is-an-array", cell(b"}" + buffer + b"(C\x04abcd" + f4 + b"K\x01\x85" + text("C") + b"tRK\x01s")
    yield (
        "timestamp-unit",
        cell(stack_global("pandas._libs.tslibs.timestamps", "_unpickle_timestamp") + b"(K\x01NNK\x63tR"),
    )
    yield (
        "timestamp-huge",
        cell(
            stack_global("pandas._libs.tslibs.timestamps", "_unpickle_timestamp")
            + b"(\x8a\x0a"
            + b"\xff" * 9
            + b"\x00NNK\x0atR"
        ),
    )
    yield (
        "interval-of-frames",
        cell(
            stack_global("pandas", "Interval")
            + stack_global("pandas", "DataFrame")
            + b"K\x01"
            + text("left")
            + b"\x87R"
        ),
    )
    yield "period-frequency", cell(stack_global("pandas", "Period") + b"NNK\x01\x87R")
    yield (
        "index-class",
        pickled(
            stack_global("pandas.core.indexes.base", "_new_Index") + stack_global("pandas", "DataFrame") + b"}\x86R"
        ),
    )
    yield "block-manager-empty", pickled(stack_global("pandas.core.internals.managers", "BlockManager") + b")]\x86R")
    yield "arrow-buffer-of-number", pickled(stack_global("pyarrow.lib", "py_buffer") + b"K\x05\x85R")
    yield "arrow-type-of-call", pickled(stack_global("pyarrow.lib", "type_for_alias") + b"]\x85R")


def memo() -> Iterator[tuple[str, bytes]]:
    """Yield tricks with the memo."""
    yield "get-unset", cell(b"h\x63")
    yield "long-get-unset", cell(b"j\xff\xff\xff\xff")
    yield "text-get-unset", pickled(b"](}S'a'\ng99\nse", 0)
    yield "put-huge-index", cell(text("x") + b"r\x00\x00\x00\x10")
    yield "put-out-of-order", pickled(b"]q\x05", 2)
    yield "put-twice", pickled(b"]q\x00q\x00", 2)
    yield "list-in-itself", pickled(b"]\x94h\x00a")
    yield "row-in-itself", pickled(b"](}\x94" + text("a") + b"h\x00se")
    yield "change-after-get", pickled(b"](}" + text("a") + b"]\x94s}" + text("a") + b"h\x00K\x01ase")
    yield "memo-of-nothing", pickled(b"\x94N")
    chain = (
        b"]"
        + text("x")
        + b"\x94a\x94"
        + b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86\x94" for i in range(1, 60))
    )
    yield "doubling", pickled(b"](}" + text("a") + chain[1:] + b"se")
    doubled = text("x") + b"\x94" + b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86\x94" for i in range(60))
    yield "doubling-tuple", pickled(b"](}" + text("a") + b"(" + doubled + b"tse")
    lists = text("x" * 200) + b"\x94" + b"".join(b"](" + (b"h" + bytes([i])) * 10 + b"e\x94" for i in range(12))
    yield "ten-to-the-twelfth", cell(b"(" + lists + b"t")
    yield "args-as-cell", cell(b"(" + stack_global("numpy", "dtype") + b"(" + text("f4") + b"\x89\x88t\x94Rt") + b""
    symbol = text("numpy") + text("dtype") + b"\x93\x94"
    yield "symbol-from-memo", pickled(b"](}" + text("a") + b"(" + symbol + b"h\x00tse")


def sizes() -> Iterator[tuple[str, bytes]]:
    """Yield lengths and depths."""
    yield "binunicode8-2g", cell(b"\x8d" + struct.pack("<Q", 2**31) + b"x")
    yield "binunicode8-max", cell(b"\x8d" + b"\xff" * 8)
    yield "binbytes8-2g", cell(b"\x8e" + struct.pack("<Q", 2**31))
    yield "bytearray8-max", cell(b"\x96" + b"\xff" * 8)
    yield "binunicode-4g", cell(b"X\xff\xff\xff\xff")
    yield "long4-2g", cell(b"\x8b\xff\xff\xff\x7f")
    yield "long-million-digits", pickled(b"](}S'a'\nL" + b"9" * 10**6 + b"L\nse", 0)
    yield "long4-64k", cell(b"\x8b" + struct.pack("<I", 65536) + bytes(65536))
    yield "frame-too-long", b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"N."
    yield "frame-crossed", b"\x80\x04\x95" + struct.pack("<Q", 4) + text("abcdef") + b"."
    yield "frame-nested", b"\x80\x04\x95" + struct.pack("<Q", 12) + b"\x95" + struct.pack("<Q", 2) + b"N."
    yield "frame-after-stop", b"\x80\x04\x95" + struct.pack("<Q", 5) + b"]." + b"xxx"
    yield "tuples-deep", cell(b")" + b"\x85" * 100_000)
    yield "lists-deep", cell(b"]" * 100_000 + b"a" * 99_999)
    yield "marks-deep", pickled(b"(" * 3_000_000)
    yield "stack-high", pickled(b"N" * 5_000_000)
    yield "dicts-deep", cell((b"}" + text("k")) * 5000 + b"N" + b"s" * 5000)
    yield "wide-cell", cell(b"(" + b")" * 6_000_000 + b"t")
    numbers = b"".join(b"\x8a\x0a" + (k * (2**61 - 1)).to_bytes(10, "little") + b"N" for k in range(1, 30_000))
    yield "colliding-keys", cell(b"}(" + numbers + b"u")
    yield (
        "colliding-set",
        cell(
            b"\x8f("
            + b"".join(b"\x8a\x0a" + (k * (2**61 - 1)).to_bytes(10, "little") for k in range(1, 30_000))
            + b"\x90"
        ),
    )
    yield "many-columns", pickled(b"](}(" + b"".join(text(f"c{k}") + b"N" for k in range(30_000)) + b"ue")
    yield "gzip-bomb", gzip.compress(bytes(400 << 20), 9)
    yield "gzip-twice", gzip.compress(gzip.compress(b"\x80\x04]."))
    yield "zip-of-two", _zip({"a.pkl": b"\x80\x04].", "b.pkl": b"\x80\x04]"})
    yield "zip-broken", _zip({"a.pkl": b"\x80\x04]." * 100})[:-30]


def _zip(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def broken() -> Iterator[tuple[str, bytes]]:
    """Yield streams that no writer produces."""
    whole = unframed(pd.DataFrame({"a": [1, 2], "b": pd.Series(["x", "y"], dtype=object), "v": [np.ones(3, "f4")] * 2}))
    yield "empty", b""
    yield "only-proto", b"\x80\x04"
    for part in range(1, 12):
        yield f"truncated-{part}", whole[: len(whole) * part // 12]
    yield "no-stop", whole[:-1]
    yield "trailing-bytes", whole + b"garbage"
    yield "trailing-attack", whole + pickled(stack_global("os", "system") + text(COMMAND) + b"\x85R")
    yield "attack-first", pickled(stack_global("os", "system") + text(COMMAND) + b"\x85R") + whole
    yield "text-not-utf8", cell(b"\x8c\x02\xff\xfe")
    yield "long-text-not-utf8", cell(b"X" + struct.pack("<I", 3_000_000) + b"a" * 2_999_999 + b"\xff")
    yield "two-values-left", pickled(b"]]")
    yield "nothing-left", b"\x80\x04."
    yield "append-to-tuple", pickled(b")K\x01a")
    yield "appends-without-mark", pickled(b"]e")
    yield "setitem-odd", pickled(b"}(K\x01u")
    yield "below-mark", pickled(b"](a")
    yield "int-line-nonsense", pickled(b"](}S'a'\nIxyz\nse", 0)
    yield "no-table-number", pickled(b"K\x01")
    yield "no-table-list", pickled(b"](K\x01K\x02e")
    yield "no-table-dict", pickled(b"}" + text("a") + b"K\x01s")
    yield "unequal-columns", pickled(b"}(" + text("a") + b"](K\x01K\x02e" + text("b") + b"](K\x01eu")
    yield "png", b"\x89PNG\r\n\x1a\n" + bytes(100)
    yield "html", b"<html><body>no</body></html>"
    yield "jsonl-broken", b'{"a": 1}\n{"a": \n'
    yield "jsonl-list", b'{"a": 1}\n[1]\n'
    yield "jsonl-deep", b'{"a": ' + b"[" * 100_000 + b"\n"
    yield "parquet-broken", b"PAR1" + bytes(200) + b"PAR1"


def skeletons() -> Iterator[tuple[str, bytes]]:
    """Yield frames whose parts do not fit."""
    plain = pd.DataFrame(
        {"a": [1, 2, 3], "b": pd.Series(["x", "y", "z"], dtype=object), "c": pd.Categorical(list("xyx"))}
    )
    data = unframed(plain)
    yield "frame-one-column-twice", data.replace(b"K\x01K\x02K\x01\x87", b"K\x00K\x01K\x01\x87", 1)
    yield "frame-place-beyond", data.replace(b"K\x01K\x02K\x01\x87", b"K\x09K\x0aK\x01\x87", 1)
    yield "frame-index-longer", data.replace(text("stop") + b"\x94K\x03", text("stop") + b"\x94K\x04")
    yield "frame-index-step-0", data.replace(text("step") + b"\x94K\x01", text("step") + b"\x94K\x00")
    yield "frame-index-missing", data.replace(text("start"), text("begin"))
    yield "frame-no-manager", data.replace(text("_mgr"), text("_gmr"))
    yield "categories-out-of-range", data.replace(b"C\x03\x00\x01\x00", b"C\x03\x00\x07\x00")
    yield "array-shape-lies", data.replace(b"K\x01K\x03\x86", b"K\x01K\x09\x86", 1)
    yield "checksum-class", data.replace(text("Categorical"), text("DataFrame"))


def cases() -> dict[str, bytes]:
    """Return every file of the corpus, by name."""
    found: dict[str, bytes] = {}
    for group in (names, dotted, opcodes, arguments, memo, sizes, broken, skeletons):
        for name, data in group():
            if name in found:
                raise ValueError(f"two files are called {name}")
            found[name] = data
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    os.makedirs(folder, exist_ok=True)
    for name, data in cases().items():
        (folder / f"{name}.pkl").write_bytes(data)
