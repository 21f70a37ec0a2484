"""Settings are read from the environment, checked, and wrong ones are named."""

from __future__ import annotations

import pytest

from pc_worker.errors import InvalidRequest
from pc_worker.settings import is_loopback, read_settings, split_address


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("GATEWAY_ADDRESS", "here", "is not HOST:PORT"),
        ("GATEWAY_ADDRESS", "a:1,b", "is not HOST:PORT"),
        ("FLOWER_ADDRESS", "a:99999", "is not HOST:PORT"),
        ("FLOWER_AUTH", "nobody", "is not USER:PASSWORD"),
        ("ENCODER", "magic", "'onnx'"),
        ("QUEUE_MAX_BYTES", "-1", "greater than"),
        ("CONCURRENCY", "many", "valid integer"),
        ("DATA_ROOTS", ":", "names no folder"),
        ("BATCH_SERVERS", "a", "is not HOST:PORT"),
        ("REDIS_URL", "redis://h", "PC_WORKER_DATA_ROOTS"),
        ("TLS_CERT", "/c.pem", "PC_WORKER_TLS_KEY"),
        ("TLS_CLIENT_CA", "/c.pem", "PC_WORKER_TLS_CERT"),
        ("RATE_LIMITS", "document", "DOMAIN=ROWS_A_SECOND"),
        ("RATE_LIMITS", "document=nan", "DOMAIN=ROWS_A_SECOND"),
        ("RATE_LIMITS", "document=0", "DOMAIN=ROWS_A_SECOND"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    monkeypatch.setenv(f"PC_WORKER_{name}", value)

    with pytest.raises(InvalidRequest, match="PC_WORKER_") as refused:
        read_settings()

    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_rate_limits_are_rows_a_second_by_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_WORKER_RATE_LIMITS", "document=200, recruit=12.5,")

    assert read_settings().rate_limits == (("document", 200.0), ("recruit", 12.5))
    assert hash(read_settings())


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PC_WORKER_REDIS_URL", "")
    monkeypatch.setenv("PC_WORKER_GATEWAY_ADDRESS", "")

    assert read_settings().gateway_addresses == ("127.0.0.1:50051",)


def test_addresses() -> None:
    assert split_address("[::1]:80") == ("::1", 80)
    assert is_loopback("127.0.0.1:1")
    assert is_loopback("localhost:1")
    assert not is_loopback("0.0.0.0:1")
