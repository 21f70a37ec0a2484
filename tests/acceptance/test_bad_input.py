"""Bad input: one clear line, the right exit code, and nothing half-stored."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pandas as pd
import pytest

from tests.support.frames import recruit_row, write_recruit
from tests.support.stack import LiveStack, Result, environment, run_command


def assert_one_line(result: Result, code: int, *words: str) -> None:
    """Check for one line on stderr that begins with `error: ` and names the fault; never a traceback."""
    assert result.code == code, (result.code, result.out, result.err)
    lines = result.err.strip().splitlines()
    assert len(lines) == 1, result.err
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0]


def test_the_first_command_of_a_new_home_may_be_inspect(tmp_path: Path) -> None:
    source = write_recruit(tmp_path / "r.pkl", 3)

    result = run_command("inspect", str(source), env=environment(tmp_path / "new", PC_WORKER_DATA_ROOTS=str(tmp_path)))

    assert (result.code, result.err) == (0, "")
    assert "readable" in result.out


def test_a_table_in_a_pipe_has_a_line_a_job(stack: LiveStack, tmp_path: Path) -> None:
    job = stack.ingest(write_recruit(tmp_path / "r.pkl", 3), "recruit")

    [line] = [line for line in stack.run("jobs").out.splitlines() if job["job_id"] in line]

    assert job["source"] in line


def test_what_is_wrong_with_a_path_is_said_before_anything_is_stored(stack: LiveStack, tmp_path: Path) -> None:
    before = len(stack.run("jobs", "--json").json())
    (tmp_path / "folder").mkdir()
    outside = Path("/etc/hostname")

    missing = stack.run("ingest", str(tmp_path / "no.pkl"), "--domain", "recruit")
    folder = stack.run("ingest", str(tmp_path / "folder"), "--domain", "recruit")
    forbidden = stack.run("ingest", str(outside), "--domain", "recruit")

    assert_one_line(missing, 65, "no.pkl", "no such file")
    assert_one_line(folder, 65, "it is a directory")
    assert_one_line(forbidden, 65, "outside the data roots")
    assert len(stack.run("jobs", "--json").json()) == before


def test_a_symbolic_link_out_of_the_data_roots_is_refused(stack: LiveStack, tmp_path: Path) -> None:
    (tmp_path / "link.pkl").symlink_to("/etc/hostname")

    assert_one_line(stack.run("ingest", str(tmp_path / "link.pkl"), "--domain", "recruit"), 65, "outside")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("ingest", "x.pkl", "--domain", "nope"), id="unknown domain"),
        pytest.param(("ingest", "x.pkl"), id="no domain"),
        pytest.param(("ingest", "x.pkl", "--domain", "recruit", "--id-column", "a"), id="option of another domain"),
        pytest.param(("ingest", "x.pkl", "--domain", "recruit", "--max-dead", "-1"), id="negative max-dead"),
        pytest.param(("status", "nope"), id="unknown job"),
        pytest.param(("cancel", "nope"), id="cancel unknown job"),
        pytest.param(("resume", "nope"), id="resume unknown job"),
        pytest.param(("frobnicate",), id="unknown command"),
        pytest.param(("stream", "--domain", "nope"), id="stream unknown domain"),
        pytest.param(("stream", "--domain", "recruit", "--chunk-size", "1001"), id="chunk size"),
        pytest.param(("stream", "--domain", "recruit", "--after", "nope"), id="after neither uuid nor position"),
        pytest.param(("stream", "--domain", "recruit", "--after", "999999999"), id="position beyond the head"),
        pytest.param(
            ("stream", "--domain", "recruit", "--after", "00000000-0000-0000-0000-000000000000"), id="unknown uuid"
        ),
        pytest.param(("search", "x", "--domain", "nope"), id="search unknown domain"),
        pytest.param(("search", "--domain", "document"), id="no query"),
        pytest.param(("search", "x", "--domain", "recruit", "--mode", "vector"), id="vector search without a model"),
        pytest.param(("dead", "list", "--job", "nope"), id="dead letters of an unknown job"),
        pytest.param(("bench", "nope"), id="unknown bench"),
        pytest.param(("ingest", "x.csv", "--domain", "document", "--delimiter", "ab"), id="delimiter"),
        pytest.param(("rows", "x.csv", "--encoding", "rot13"), id="encoding"),
    ],
)
def test_a_wrong_request_exits_with_2(stack: LiveStack, arguments: tuple[str, ...]) -> None:
    assert_one_line(stack.run(*arguments), 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_ADDRESS", "nowhere"),
        ("QUEUE_MAX_BYTES", "much"),
        ("ENCODER", "abacus"),
        ("LOG_LEVEL", "LOUD"),
        ("FLOWER_AUTH", "nocolon"),
        ("REDIS_URL", "redis://127.0.0.1:1"),  # without data roots
        ("DATABASE_URL", "postgresql+psycopg2://u:Sup3rS3cret@127.0.0.1/x"),
        ("DATABASE_URL", "postgresql://u:p#Sup3rS3cret@127.0.0.1/x"),
        ("REDIS_URL", "sentinel://:Sup3rS3cret@127.0.0.1:26379"),
    ],
)
def test_a_wrong_setting_exits_with_2(tmp_path: Path, name: str, value: str) -> None:
    env = environment(tmp_path, **{f"PC_WORKER_{name}": value})

    result = run_command("jobs", env=env)

    assert_one_line(result, 2, "PC_WORKER_")
    assert "Sup3rS3cret" not in result.err


def test_nothing_runs_under_this_home(tmp_path: Path) -> None:
    assert_one_line(run_command("jobs", env=environment(tmp_path)), 69, "nothing runs under", "up")


def test_servers_that_do_not_answer(tmp_path: Path) -> None:
    env = environment(
        tmp_path,
        PC_WORKER_DATABASE_URL="postgresql://postgres@127.0.0.1:1/x",
        PC_WORKER_REDIS_URL="redis://127.0.0.1:1",
        PC_WORKER_DATA_ROOTS=str(tmp_path),
    )

    assert_one_line(run_command("jobs", env=env), 69, "PostgreSQL does not answer")
    assert_one_line(run_command("stream", "--domain", "recruit", "--address", "127.0.0.1:1", env=env), 69)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/pcw-was-here",)


def refused_files(folder: Path) -> dict[str, Path]:
    good = [recruit_row(n) for n in range(3)]
    files = {name: folder / f"{name}.pkl" for name in ("evil", "truncated", "no table", "empty", "no column")}
    files["evil"].write_bytes(pickle.dumps({"data_frame": Evil()}))
    files["truncated"].write_bytes(pickle.dumps(good)[:-200])
    files["no table"].write_bytes(pickle.dumps("just text"))
    files["empty"].write_bytes(b"")
    pd.DataFrame(good).drop(columns="Position").to_pickle(files["no column"])
    return files


@pytest.mark.parametrize("name", ["evil", "truncated", "no table", "empty", "no column"])
def test_a_refused_file_is_a_failed_job_and_exit_65(stack: LiveStack, tmp_path: Path, name: str) -> None:
    path = refused_files(tmp_path)[name]

    result = stack.run("ingest", str(path), "--domain", "recruit", "--wait", "--json")

    assert_one_line(result, 65, str(path))
    status = result.json()
    assert (status["state"], status["rows_written"]) == ("failed", 0)
    assert status["error"]
    assert not Path("/tmp/pcw-was-here").exists()
    for command in ("inspect", "rows"):
        if name != "no column":
            assert stack.run(command, str(path)).code == 65


def test_an_empty_table_is_a_completed_job(stack: LiveStack, tmp_path: Path) -> None:
    pd.DataFrame({"text": pd.Series([], dtype=object)}).to_pickle(tmp_path / "empty.pkl")

    status = stack.ingest(tmp_path / "empty.pkl", "document")

    assert (status["state"], status["rows_total"], status["chunks_total"]) == ("completed", 0, 0)


def test_dead_rows_beyond_max_dead_make_the_job_partial(stack: LiveStack, tmp_path: Path) -> None:
    path = write_recruit(tmp_path / "r.pkl", 20, changes={3: {"Position": None}, 4: {"skill_vector": "no"}})

    partial = stack.run("ingest", str(path), "--domain", "recruit", "--wait", "--json")
    allowed = stack.run("ingest", str(path), "--domain", "recruit", "--wait", "--json", "--max-dead", "2")

    assert (partial.code, partial.json()["state"], partial.json()["rows_dead"]) == (1, "partial", 2)
    assert (allowed.code, allowed.json()["state"]) == (0, "completed")


def test_what_is_said_about_a_file_holds_for_its_whole_job(stack: LiveStack, tmp_path: Path) -> None:
    """Without options this text is rejected: several delimiters are possible."""
    path = tmp_path / "told.txt"
    rows = ["text,note;more", "žluťoučký kůň,a;b", "nu\0l,c;d", "x" * 4_500_000 + ",e;f"]
    path.write_bytes("\n".join(rows).encode("cp1250"))
    said = ("--encoding", "windows-1250", "--delimiter", ";")

    assert_one_line(stack.run("ingest", str(path), "--domain", "document", "--wait"), 65, "--delimiter")
    result = stack.run("ingest", str(path), "--domain", "document", *said, "--wait", "--json")

    status = result.json()
    assert (result.code, status["state"], status["rows_written"], status["rows_dead"]) == (1, "partial", 1, 2)
    retried = stack.run("dead", "retry", "--job", status["job_id"], "--json").json()
    assert [letter["from_stored_form"] for letter in retried] == [False, False]
    shown = stack.run("rows", str(path), *said, "--limit", "1").json()
    assert shown == {"text,note": "žluťoučký kůň,a", "more": "b"}
    report = stack.run("inspect", str(path), *said, "--json").json()
    assert (report["encoding"], report["delimiter"]) == ("cp1250", "semicolon")
