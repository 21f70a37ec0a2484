"""The built-in model exported once for all tests here, and small models of other kinds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pc_worker.encoding import Encoder, load_encoder
from tests.support.certificates import one_authority
from tests.support.stack import SHARED_MODELS


@pytest.fixture(autouse=True, scope="package")
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with one_authority(tmp_path_factory.mktemp("authority")):
        yield


@pytest.fixture(scope="session")
def cache(small: Path) -> Path:
    """Return the folder of what is ready of the small models."""
    return small / "cache"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of the built-in model's export, shared by all tests: it takes 20 s of all cores."""
    SHARED_MODELS.mkdir(parents=True, exist_ok=True)
    return SHARED_MODELS


@pytest.fixture(scope="session")
def onnx(shared: Path) -> Encoder:
    return load_encoder(cache=shared, backend="onnx")


@pytest.fixture(scope="session")
def int8(shared: Path) -> Encoder:
    return load_encoder(cache=shared, backend="onnx-int8")


@pytest.fixture(scope="session")
def torch(shared: Path) -> Encoder:
    return load_encoder(cache=shared, backend="torch")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of small models, made in another process, because one that imports PyTorch stays large."""
    target = tmp_path_factory.mktemp("small")
    module = "tests.integration.encoding.small_models"
    subprocess.run([sys.executable, "-m", module, str(target)], check=True, capture_output=True)
    return target
