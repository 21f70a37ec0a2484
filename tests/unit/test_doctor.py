"""What `doctor` says of the environment."""

from __future__ import annotations

import pytest

from pc_worker.doctor import _unknown_settings


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("PC_WORKER_CHUNKSIZE", "did you mean PC_WORKER_CHUNK_SIZE?"),
        ("PC_WORKER_TOKEN_FILES", "did you mean PC_WORKER_TOKEN_FILE?"),
        ("PC_WORKER_ZZZZZZZZZZZZZZZZ", "unset it"),
    ],
)
def test_a_misspelled_setting_is_a_finding(name: str, advice: str) -> None:
    (finding,) = _unknown_settings({name: "1", "PC_WORKER_HOME": "/x", "PC_WORKER_TOKEN_FILE": "/x", "PATH": "/bin"})

    assert not finding.ok
    assert finding.check == name
    assert finding.fix.startswith(advice)


@pytest.mark.parametrize(
    "name", ["PC_WORKER_SERVICE_HOST", "PC_WORKER_GATEWAY_PORT", "PC_WORKER_GATEWAY_PORT_50051_TCP_ADDR"]
)
def test_what_kubernetes_sets_is_none(name: str) -> None:
    assert list(_unknown_settings({name: "1"})) == []
