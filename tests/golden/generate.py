"""Writes the golden files: each pandas writes pickles in its own environment, and says what they hold.

    python tests/golden/generate.py            all environments, made in a folder that is removed afterwards
    python tests/golden/generate.py --write P  what the environment of this interpreter writes, to the archive P

One archive for each environment; in it ``CASE.pN.pkl`` (N = protocol) or another ending, and ``CASE.jsonl``, the
rows in normal form as the writing pandas itself reads them back.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import pickle
import pickletools
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: Archive, interpreter, packages. 2.3.3 is what wrote the files in use; 1.5.3 is the oldest pandas that is promised.
ENVIRONMENTS = (
    ("pandas-1.5.3-numpy-1.22", "3.8", ("pandas==1.5.3", "numpy==1.22.4", "pyarrow==17.0.0")),
    ("pandas-2.2.3-numpy-1.26", "3.10", ("pandas==2.2.3", "numpy==1.26.4", "pyarrow==17.0.0")),
    ("pandas-2.2.3-numpy-2.1", "3.11", ("pandas==2.2.3", "numpy==2.1.3", "pyarrow==18.1.0")),
    ("pandas-2.3.3-numpy-2.3", "3.11", ("pandas==2.3.3", "numpy==2.3.5", "pyarrow==18.1.0")),
    ("pandas-3.0.0-numpy-2.4", "3.11", ("pandas==3.0.0", "numpy==2.4.6", "pyarrow==26.0.1")),
)
#: Each kind of frame, by ``frames.py``: the oldest pandas that is promised, one between, and the newest.
FRAMES = (
    ("pandas-1.5.3", "3.9", ("pandas==1.5.3", "numpy==1.23.5", "pyarrow==12.0.1")),
    ("pandas-2.2.3", "3.11", ("pandas==2.2.3", "numpy==1.26.4", "pyarrow==15.0.2")),
    ("pandas-3.1.1", "3.11", ("pandas==3.1.1", "numpy==2.4.6", "pyarrow==26.0.1")),
)
#: What pandas was before: ``former.py`` writes what changed since.
FORMER = (
    ("pandas-0.25.3", "3.7", ("pandas==0.25.3", "numpy==1.17.5")),
    ("pandas-1.0.5", "3.8", ("pandas==1.0.5", "numpy==1.18.5")),
    ("pandas-1.1.5", "3.8", ("pandas==1.1.5", "numpy==1.19.5")),
    ("pandas-1.2.5", "3.8", ("pandas==1.2.5", "numpy==1.20.3")),
    ("pandas-1.3.5", "3.8", ("pandas==1.3.5", "numpy==1.21.6")),
    ("pandas-1.4.4", "3.10", ("pandas==1.4.4", "numpy==1.22.4")),
)
ALSO = ("python-dateutil", "pytz", "zstandard")


def main(arguments):
    if arguments[:1] == ["--write"]:
        write_archive(Path(arguments[1]))
        return
    with tempfile.TemporaryDirectory(prefix="golden-") as folder:
        for name, version, packages in ENVIRONMENTS:
            python = environment(Path(folder) / name, version, packages)
            run(python, str(Path(__file__).resolve()), "--write", str(HERE / "archives" / (name + ".tar.xz")))
        for kind, environments in (("frames", FRAMES), ("former", FORMER)):
            for name, version, packages in environments:
                name = kind + "-" + name
                python = environment(Path(folder) / name, version, packages)
                run(python, str(HERE / (kind + ".py")), str(HERE / "archives" / (name + ".tar.xz")))


def environment(folder, version, packages):
    """Return the interpreter of a new environment with ``packages``; ``python3.N`` must be on the PATH."""
    run("python" + version, "-m", "venv", str(folder))
    python = str(folder / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *packages, *ALSO)
    return python


def run(*command):
    # Sets of texts are pickled in the order of their hashes.
    subprocess.run(command, check=True, env=dict(os.environ, PYTHONHASHSEED="0"))


def write_archive(target):
    """Write every case in every form into one archive, reproducibly."""
    import cases
    import normal_form

    members = {}
    for name, value in cases.cases().items():
        is_stream = isinstance(value, cases.Stream)
        items = list(value) if is_stream else [value]
        forms = pickled_forms(name, items)
        rows = [
            normal_form.stream_rows(again) if is_stream else normal_form.rows_of(again[0])
            for again in map(read_back, forms.values())
        ]
        assert all(same(other, rows[0]) for other in rows), name
        members.update(forms)
        members[name + ".jsonl"] = lines(rows[0])
    members.update(compressed(members["frame.p4.pkl"]))
    members["frame_packed.jsonl"] = members["frame.jsonl"]
    save(target, members)


def pickled_forms(name, items):
    """Return the pickles of ``items``, one after another, in every protocol, and as other writers make them."""
    forms = {}
    for protocol in range(6):
        forms["%s.p%d.pkl" % (name, protocol)] = b"".join(pickle.dumps(item, protocol) for item in items)
    forms[name + ".p4.optimized.pkl"] = b"".join(pickletools.optimize(pickle.dumps(item, 4)) for item in items)
    # That pickler fails on an object whose state brings the object into its memo.
    with contextlib.suppress(AssertionError):
        forms[name + ".p5.python.pkl"] = b"".join(by_python(item) for item in items)
    return forms


def by_python(item):
    """Return ``item`` from the pickler written in Python, which frames a little differently."""
    out = io.BytesIO()
    pickle._Pickler(out, 5).dump(item)
    return out.getvalue()


def read_back(data):
    """Return all that ``data`` contains, by the writing environment's own pickle."""
    stream, items = io.BytesIO(data), []
    while stream.tell() < len(data):
        items.append(pickle.load(stream))
    return items


def same(first, second):
    return json.dumps(first) == json.dumps(second)


def lines(rows):
    return "".join(json.dumps(row, ensure_ascii=True, allow_nan=False) + "\n" for row in rows).encode("ascii")


def compressed(data):
    """Return one pickle in every compression that is detected by content."""
    import zstandard

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frame.pkl", data)
    return {
        "frame_packed.p4.gz": gzip.compress(data),
        "frame_packed.p4.members.gz": gzip.compress(data[:99]) + gzip.compress(data[99:]),
        "frame_packed.p4.bz2": bz2.compress(data),
        "frame_packed.p4.xz": lzma.compress(data),
        "frame_packed.p4.zst": zstandard.ZstdCompressor().compress(data),
        "frame_packed.p4.zip": packed.getvalue(),
        "frame_packed.p4.misnamed.csv": gzip.compress(data),
    }


def save(target, members):
    target.parent.mkdir(exist_ok=True)
    with tarfile.open(target, "w:xz") as archive:
        for name in sorted(members):
            info = tarfile.TarInfo(name)
            info.size = len(members[name])
            archive.addfile(info, io.BytesIO(members[name]))


if __name__ == "__main__":
    main(sys.argv[1:])
