"""The translation of pip's settings for uv, which installs the requirements where it can."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.install import pip_settings, uv_environment

ALWAYS = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_NO_CONFIG": "1"}


def test_without_settings_only_the_choice_of_an_index_is_pips() -> None:
    assert uv_environment({}) == ALWAYS


def test_a_mirror_with_its_certificate_and_folders_of_wheels() -> None:
    settings = {
        "index-url": "https://mirror.example/simple",
        "extra-index-url": "file:///a/simple file:///b/simple",
        "find-links": "/wheels /more",
        "cert": "/etc/ca.pem",
        "no-input": "1",
    }

    assert uv_environment(settings) == {
        **ALWAYS,
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "file:///a/simple file:///b/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "SSL_CERT_FILE": "/etc/ca.pem",
    }


def test_a_setting_that_uv_does_not_have_leaves_the_work_to_pip() -> None:
    assert uv_environment({"client-cert": "/etc/client.pem"}) is None


def test_pips_settings_are_read_and_its_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nfind-links = /wheels\ncert = /etc/ca.pem\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_CERT", raising=False)
    monkeypatch.setenv("PIP_FIND_LINKS", "/other wheels")

    found = pip_settings()

    assert (found["find-links"], found["cert"]) == ("/other wheels", "/etc/ca.pem")
