"""What `doctor` says of the environment."""

from __future__ import annotations

from functools import partial

import pytest

from pc_worker.doctor import _ask, _unknown_settings
from pc_worker.errors import NotServable, ReadOnlyServer, Unavailable


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


def test_a_server_that_does_not_answer_is_asked_once() -> None:
    """Each try takes many seconds where a server accepts the connection and is silent."""
    asked: list[str] = []

    def silent(check: str) -> str:
        asked.append(check)
        raise Unavailable("Redis does not answer: timeout")

    found = list(_ask(*((check, f"mend {check}", partial(silent, check)) for check in ("Redis", "rights", "policy"))))

    assert asked == ["Redis"]
    assert [(finding.check, finding.ok, finding.fix) for finding in found] == [
        ("Redis", False, "mend Redis"),
        ("rights", False, "mend rights"),
        ("policy", False, "mend policy"),
    ]
    assert {finding.found for finding in found} == {"Redis does not answer: timeout"}


@pytest.mark.parametrize("error", [ReadOnlyServer("a replica"), NotServable("too old"), OSError("odd")])
def test_every_check_of_a_server_that_answers_is_made(error: Exception) -> None:
    def failing() -> str:
        raise error

    found = list(_ask(("Redis", "", failing), ("rights", "", lambda: "all")))

    assert [(finding.ok, finding.found) for finding in found] == [(False, str(error)), (True, "all")]
