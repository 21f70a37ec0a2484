from __future__ import annotations

import pytest

from pc_worker.access.exposure import check_exposure
from pc_worker.errors import InvalidRequest

OPEN = "0.0.0.0:8080"


@pytest.mark.parametrize(("tls", "known"), [(False, False), (True, False), (False, True)])
def test_beyond_loopback_both_tls_and_known_callers_are_needed(tls: bool, known: bool) -> None:
    with pytest.raises(InvalidRequest, match=r"the http may not listen on 0\.0\.0\.0:8080"):
        check_exposure("http", OPEN, tls=tls, known=known, insecure=False)
    check_exposure("http", OPEN, tls=tls, known=known, insecure=True)


@pytest.mark.parametrize(
    "address",
    ["127.example:1", "127.example.org:8080", "127.0.0.1.example.org:1", "127.1.1.1.1:1", "126.1:1", "1:1", "[::]:1"],
)
def test_a_name_that_begins_like_loopback_is_beyond_it(address: str) -> None:
    with pytest.raises(InvalidRequest):
        check_exposure("http", address, tls=False, known=False, insecure=False)


@pytest.mark.parametrize(
    "address", ["127.0.0.1:8080", "[::1]:0", "localhost:1", "127.1:50051", "127.0.1:1", "2130706433:1"]
)
def test_on_loopback_nothing_is_needed(address: str) -> None:
    check_exposure("http", address, tls=False, known=False, insecure=False)


def test_with_both_any_address_is_allowed() -> None:
    check_exposure("http", OPEN, tls=True, known=True, insecure=False)
