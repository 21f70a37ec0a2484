"""Every file of the hostile corpus is refused with one clear line, and nothing that it names is touched."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pc_worker.reader import Limits, Refused, inspect_file, open_table
from tests.hostile.corpus import CANARY, cases, cell, pickled, stack_global, text
from tests.unit.reader.reading import read_bytes

CASES = cases()
ROOT = Path(__file__).parents[3]

#: Opens each file with the reader under an audit hook, and says what was opened, imported or run meanwhile.
WATCHED = """
import json, sys
from pathlib import Path
from pc_worker.reader import Refused, open_table
import pc_worker.reader.inspection, pc_worker.reader.shapes.arrow_values
from pc_worker.reader.formats.base import Format, table_format
from pc_worker.reader.options import ENCODINGS
[table_format(kind) for kind in Format], ["".encode(name) for name in ENCODINGS]
import encodings.raw_unicode_escape, encodings.cp437, encodings.latin_1
folder, spool, seen, watching = Path(sys.argv[1]), Path(sys.argv[2]), [], False
QUIET = ("sys", "gc", "code", "marshal", "array", "cpython", "builtins", "_thread", "threading")
def hook(event, args):
    if not watching or event.split(".")[0] in QUIET or event == "object.__getattr__":
        return
    path = str(args[0]) if args else ""
    inside = path.startswith((str(folder), str(spool))) or path.isdigit()
    if inside and event in ("open", "tempfile.mkstemp", "os.rename", "os.remove", "shutil.rmtree"):
        return
    seen.append([event, path[:200]])
sys.addaudithook(hook)
read = []
for path in sorted(folder.iterdir()):
    watching = True
    try:
        with open_table(path, spool=spool) as table:
            table.read(0, 10)
        read.append(path.name)
    except Refused:
        pass
    finally:
        watching = False
unwanted = {"antigravity", "webbrowser", "runpy", "torch", "pip"}
print(json.dumps({"seen": seen, "read": read, "modules": sorted(unwanted & set(sys.modules))}))
"""


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(CASES[name])

    with pytest.raises(Refused) as caught:
        open_table(path, spool=tmp_path)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert not (tmp_path / CANARY).exists()
    assert not list(tmp_path.glob("*.index")), "a refused file leaves no index"


def test_the_corpus_has_more_than_200_files() -> None:
    assert len(CASES) > 200


def test_refusals_survive_a_process_boundary() -> None:
    error = Refused("unsafe", "why", 12, "column", 3)

    again = pickle.loads(pickle.dumps(error))

    assert (str(again), again.offset, again.row) == ("unsafe: why (at byte 12, column column, row 3)", 12, 3)


def test_reading_hostile_files_opens_imports_and_runs_nothing(tmp_path: Path) -> None:
    """Watched by an audit hook in a process of its own: only the files themselves and the spool are opened."""
    import json

    folder, spool = tmp_path / "files", tmp_path / "spool"
    folder.mkdir()
    spool.mkdir()
    for name, data in CASES.items():
        if len(data) < 1 << 20:
            (folder / name).write_bytes(data)

    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(folder), str(spool)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )

    report = json.loads(done.stdout)
    forbidden = [event for event in report["seen"] if not _is_harmless(event)]
    assert report["read"] == []
    assert forbidden == []
    assert report["modules"] == []
    assert not (ROOT / CANARY).exists()


def _is_harmless(event: list[str]) -> bool:
    """Loading our own lazily imported libraries is not the file's doing."""
    kind, what = event
    own = ("pyarrow", "pandas", "numpy", "pc_worker", "tzdata")
    return kind in ("import", "open") and any(part in what for part in own)


def test_a_refusal_names_the_offset_and_the_name(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(pickled(b"](" + text("x") + stack_global("os", "system") + text("id") + b"\x85Re"))

    report = inspect_file(path, spool=tmp_path)

    assert report.refusal is not None
    assert "os.system" in report.verdict
    assert report.refusal.offset == 19


def test_a_shared_value_is_no_bomb_while_it_stays_small(tmp_path: Path) -> None:
    value = ["x", "y"]
    for _ in range(6):
        value = [value, value]  # type: ignore[list-item]  # nested on purpose

    rows = read_bytes(pickle.dumps([{"a": value}] * 3), tmp_path)

    assert rows[0]["a"] == value


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        pytest.param(Limits(rows=10), "rows", id="rows"),
        pytest.param(Limits(columns=1), "columns", id="columns"),
        pytest.param(Limits(file_bytes=100), "bytes", id="file"),
        pytest.param(Limits(memo=20), "memoizes", id="memo"),
        pytest.param(Limits(depth=3), "deep", id="depth"),
        pytest.param(Limits(opcodes=20), "opcodes", id="opcodes"),
        pytest.param(Limits(stack=100), "wait", id="stack"),
    ],
)
def test_every_limit_is_a_setting_that_refuses_clearly(limits: Limits, words: str, tmp_path: Path) -> None:
    path = tmp_path / "f.pkl"
    cells = [[[["deep" + str(n)]]] for n in range(60_000)]
    pd.DataFrame({"a": range(60_000), "b": cells, "c": pd.Series(map(str, range(60_000)), dtype=object)}).to_pickle(
        path
    )

    with pytest.raises(Refused) as caught:
        open_table(path, spool=tmp_path, limits=limits)

    assert caught.value.kind == "over a limit"
    assert words in caught.value.reason


def test_a_cell_larger_than_its_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.pkl"
    path.write_bytes(cell(b"(" + text("x" * 250) * 1000 + b"t", before=60))

    with pytest.raises(Refused, match="one cell holds more than 100000 bytes"):
        open_table(path, spool=tmp_path, limits=Limits(cell_bytes=100_000))
