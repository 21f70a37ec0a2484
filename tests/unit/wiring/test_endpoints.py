"""What needs only the database asks for no more; the places of sources are those of the running stack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from pc_worker.embedded import write_addresses
from pc_worker.errors import SourceRejected, Unavailable
from pc_worker.object_urls import ObjectUrl
from pc_worker.settings import Settings
from pc_worker.wiring import endpoints, make_services
from tests.unit.embedded.test_addresses import ADDRESSES

DATABASE = "postgresql://u:p@127.0.0.1:1/d"


def test_a_database_alone_is_enough_for_what_uses_no_redis(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=SecretStr(DATABASE))

    services = make_services(settings)

    assert endpoints(settings).database_url == DATABASE
    with pytest.raises(Unavailable, match=f"nothing runs under {tmp_path}"):
        assert services.hot_buffer
    with pytest.raises(Unavailable, match=f"nothing runs under {tmp_path}"):
        endpoints(Settings(home=tmp_path))


def test_sources_are_checked_against_the_roots_of_the_running_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("home", "data", "other"):
        (tmp_path / name).mkdir()
    for name in ("data", "other"):
        (tmp_path / name / "a.csv").write_text("id,text\n1,a\n")
    roots = [str(tmp_path / "data"), "s3://bucket/in"]
    write_addresses(tmp_path / "home", replace(ADDRESSES, data_roots=roots))
    monkeypatch.chdir(tmp_path / "other")

    sources = make_services(Settings(home=tmp_path / "home")).sources

    sources.check(str(tmp_path / "data" / "a.csv"))
    with pytest.raises(SourceRejected, match="lies outside the data roots"):
        sources.check(str(tmp_path / "other" / "a.csv"))
    assert sources.is_allowed(ObjectUrl("s3", "bucket", "in/a.csv"))
