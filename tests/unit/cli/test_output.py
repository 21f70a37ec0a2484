"""An array that is printed item by item is the document that printing it whole gives."""

from __future__ import annotations

from typing import Any

import pytest

from pc_worker.cli.output import print_json, print_json_array


@pytest.mark.parametrize("values", [[], [1], [{"a": [1, "two\nlines"]}, None, {"leer": "\ud800"}]])
def test_an_array_printed_by_items(values: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    print_json(values)
    whole = capsys.readouterr().out

    print_json_array(iter(values))

    assert capsys.readouterr().out == whole
