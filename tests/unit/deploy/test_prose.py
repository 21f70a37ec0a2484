"""The check of the language: what it reports, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import check_prose


def found(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    return [f"{finding.line}: {finding.found}" for finding in check_prose.check_file(path)]


@pytest.mark.parametrize(
    "first", ["Give rows.", "Gives rows.", "Returns rows.", "The rows.", "Whether rows.", "``rows``.", "MARK: rows."]
)
def test_a_docstring_that_is_not_imperative_is_reported(tmp_path: Path, first: str) -> None:
    assert len(found(tmp_path / "a.py", f'def rows():\n    """{first}"""\n')) == 1


@pytest.mark.parametrize("first", ["Return rows.", "Process rows.", "Percent-encode rows.", "Embed rows."])
def test_an_imperative_docstring_is_left_alone(tmp_path: Path, first: str) -> None:
    assert found(tmp_path / "a.py", f'def rows():\n    """{first}"""\n') == []


def test_a_function_without_a_result_does_not_return_one(tmp_path: Path) -> None:
    text = 'def {0}() -> {1}:\n    """Return rows."""\n'
    assert len(found(tmp_path / "a.py", text.format("close", "None"))) == 1
    assert found(tmp_path / "a.py", text.format("rows", "list[int]")) == []


def test_a_property_may_be_named_by_a_noun(tmp_path: Path) -> None:
    assert found(tmp_path / "a.py", 'class A:\n    @property\n    def rows(self):\n        """The rows."""\n') == []


def test_a_banned_word_is_reported_with_its_line_in_docstrings_and_comments(tmp_path: Path) -> None:
    text = '"""One.\n\nBuilt anew.\n"""\n\nx = 1  # of so\n# much\n# there are so\n# many\n'
    assert found(tmp_path / "a.py", text) == ['3: "anew"', '6: "so much"', '8: "so many"']


def test_names_in_code_marks_strings_and_fences_are_left_alone(tmp_path: Path) -> None:
    assert found(tmp_path / "a.py", '"""The queue ``pcw.upkeep`` and `anew`."""\nx = "anew"\n') == []
    assert found(tmp_path / "a.md", "A\n```sh\nanew\n```\n`anew` [so](anew.md)\nanew\n") == ['6: "anew"']


@pytest.fixture
def in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(check_prose, "PROJECT", tmp_path)
    (tmp_path / "pc_worker").mkdir()
    return tmp_path / "pc_worker" / "a.py"


@pytest.mark.parametrize("array", ["NDArray[f]", "np.ndarray"])
def test_a_public_array_without_its_shape_is_reported(in_the_package: Path, array: str) -> None:
    text = (
        f'def mean(a: {array}) -> float:\n    """Return the mean."""\n'
        f'class Rows:\n    """Rows."""\n    vectors: {array}\nVector = {array}\n'
        'def best(a: Vectors | None) -> int:\n    """Return the best."""\n'
    )
    assert found(in_the_package, text) == ["1: mean: array", "5: vectors: array", "6: Vector: array", "7: best: array"]


def test_an_array_with_its_shape_and_a_private_one_are_left_alone(in_the_package: Path) -> None:
    text = (
        'def mean(a: NDArray[f]) -> float:\n    """Return the mean of ``a``, shape (n, dim)."""\n'
        'def _mean(a: NDArray[f]) -> float:\n    """Return the mean."""\n'
        'class Rows:\n    """Rows; vectors of shape ``(n, dim)``."""\n    vectors: NDArray[f]\n'
        "#: A row's vector, shape (dim,).\nVector = NDArray[f]\n"
    )
    assert found(in_the_package, text) == []


def test_a_banned_word_is_reported_in_messages_of_errors_and_options(in_the_package: Path) -> None:
    text = 'raise Wrong(f"copy {x} anew")\noption(help="Built anew.")\nquery("not anew")\nraise Wrong("give a file")\n'
    assert found(in_the_package, text) == ['1: "anew"', '2: "anew"']
