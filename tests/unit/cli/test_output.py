"""An array that is printed item by item equals the document printed as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pc_worker.cli.output import print_json, print_json_array, print_table, visible
from pc_worker.unseen import UNSEEN


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


def test_a_table_shows_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("[b]head[/b]",), [("[red]x[/red] :smile: [/]",)])

    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == [
        "[b]head[/b]",
        "[red]x[/red] :smile: [/]",
    ]
