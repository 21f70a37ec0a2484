"""Clients of language models for plain HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.certificates import one_authority


@pytest.fixture(autouse=True, scope="package")
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with one_authority(tmp_path_factory.mktemp("authority")):
        yield
