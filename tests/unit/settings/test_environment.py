"""Fields are read from variables: empty ones are unset, given values come first, then spellings in capitals."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from pc_worker.settings.environment import EnvironmentModel


class Example(EnvironmentModel):
    """Fields of the kinds that settings have."""

    port: int = 1
    names: tuple[str, ...] = ()
    key: SecretStr | None = None


def test_a_field_is_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_WORKER_PORT", "80")
    monkeypatch.setenv("PORT", "81")
    monkeypatch.setenv("PC_WORKER_KEY", "k")
    monkeypatch.setenv("PC_WORKER_OTHER", "ignored")

    found = Example()

    assert (found.port, found.names, found.key) == (80, (), SecretStr("k"))


def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_WORKER_PORT", "")

    assert Example().port == 1


def test_a_given_value_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_WORKER_PORT", "80")

    assert Example(port=2).port == 2


def test_the_spelling_in_capitals_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("pc_worker_port", "79")
    assert Example().port == 79

    monkeypatch.setenv("PC_WORKER_PORT", "80")
    monkeypatch.setenv("Pc_Worker_Port", "81")
    assert Example().port == 80


def test_a_wrong_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_WORKER_PORT", "se-cret")

    with pytest.raises(ValidationError) as raised:
        Example()

    assert raised.value.errors()[0]["loc"] == ("port",)
    assert "se-cret" not in str(raised.value)
