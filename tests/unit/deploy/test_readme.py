"""The README speaks of every setting and of every command that a user may call."""

from __future__ import annotations

import re

from pc_worker.settings import PROJECT, Settings

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_every_setting_is_documented_and_no_other() -> None:
    settings = {f"PC_WORKER_{name.upper()}" for name in Settings.model_fields}
    secrets = {
        f"PC_WORKER_{name.upper()}_FILE" for name, field in Settings.model_fields.items() if "Secret" in str(field)
    }

    assert set(re.findall(r"PC_WORKER_[A-Z_]+", README)) == settings | secrets | {"PC_WORKER_DATA"}


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (PROJECT / target).exists(), target
