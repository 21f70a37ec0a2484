"""An array that is printed item by item equals the document printed as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pc_worker.cli.output import STYLE, print_json, print_json_array, print_table, visible
from pc_worker.invisible_characters import UNSEEN


@pytest.mark.parametrize("values", [[], [1], [{"a": [1, "two\nlines"]}, None, {"leer": "\ud800"}]])
def test_an_array_printed_by_items(values: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    print_json(values)
    whole = capsys.readouterr().out

    print_json_array(iter(values))

    assert capsys.readouterr().out == whole


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x9b2J\x7f", "\\x1b[31mred\\x9b2J\\x7f"),
        ("a\tb\nc\rd", "a\\tb\\nc\\rd"),
        ("caf\udce9 \ud800", "caf\\xe9 \\ud800"),
        ("gnp\u202eexe", "gnp\\u202eexe"),
        ("한글 👩‍👩‍👧 naïve", "한글 👩‍👩‍👧 naïve"),
    ],
)
def test_nothing_acts_on_a_terminal(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert visible(text) == shown

    print_table(("a",), [(text,)])
    assert capsys.readouterr().out.splitlines()[1].strip() == shown

    print_json({text: text})
    printed = capsys.readouterr().out
    assert UNSEEN.search(printed.replace("\n", "")) is None
    assert json.loads(printed) == {text: text}


def test_a_table_in_a_pipe_has_no_blanks_at_the_ends_of_lines_and_no_empty_head(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("", ""), [("size", "1"), ("verdict", "readable"), ("note", "")])

    assert capsys.readouterr().out == "size     1\nverdict  readable\nnote\n"


def test_one_long_cell_does_not_slow_the_other_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Each of them has that many blanks inside."""
    long = "x" * 90_000

    print_table(("domain", "state"), [(long, "failed"), *[("recruit", "completed")] * 20])

    head, first, *others = capsys.readouterr().out.splitlines()
    assert head.split() == ["domain", "state"]
    assert first == f"{long}  failed"
    assert [line.split() for line in others] == [["recruit", "completed"]] * 20


def test_ids_stay_whole_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    row_id, path = "e9619384-00e6-418a-83ad-8f7d84b77a1b", "/data/" + "long/" * 30 + "name.pkl"

    print_table(("job", "state", "source"), [(row_id, "completed", path)])

    head, *lines = (STYLE.sub("", line) for line in capsys.readouterr().out.splitlines())
    assert head.split() == ["job", "state", "source"]
    assert lines[0].startswith(f"{row_id}  completed  /data/long/")
    assert "".join(line[len(row_id) + 2 + len("completed") + 2 :] for line in lines) == path
    assert [line for line in (head, *lines) if line != line.rstrip()] == []


def test_a_table_shows_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("[b]head[/b]",), [("[red]x[/red] :smile: [/]",)])

    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
        "[b]head[/b]",
        "[red]x[/red] :smile: [/]",
    ]
