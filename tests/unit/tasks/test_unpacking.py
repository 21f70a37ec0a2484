"""Compressed messages are unpacked, and never to more than a message may have."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import pytest
from kombu.compression import compress

from tasks.envelope import MAX_BYTES, InvalidMessage
from tasks.unpacking import unpack_body

BODY = b'[[], {"path": "/data/a.pkl"}, {}]'
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "application/x-gzip": zlib.compress,
    "application/x-bz2": bz2.compress,
    "application/x-lzma": lzma.compress,
}


def envelope(compression: Any, body: bytes) -> dict[str, Any]:
    return {
        "body": b64encode(body).decode(),
        "headers": {"compression": compression},
        "properties": {"body_encoding": "base64"},
    }


@pytest.mark.parametrize("name", ["gzip", "zlib", "bzip2", "xz"])
def test_what_kombu_compresses_is_unpacked(name: str) -> None:
    packed, compression = compress(BODY, name)
    message = envelope(compression, packed)

    unpack_body(message)

    assert b64decode(message["body"]) == BODY
    assert message["headers"] == {}


def test_gzip_of_other_clients_is_unpacked() -> None:
    message = envelope("application/x-gzip", gzip.compress(BODY))
    unpack_body(message)
    assert b64decode(message["body"]) == BODY


@pytest.mark.parametrize("compression", PACKED)
def test_a_body_is_unpacked_to_the_limit_and_no_further(compression: str) -> None:
    pack = PACKED[compression]
    unpack_body(envelope(compression, pack(b" " * MAX_BYTES)))
    with pytest.raises(InvalidMessage, match="longer than"):
        unpack_body(envelope(compression, pack(b" " * (MAX_BYTES + 1))))


@pytest.mark.parametrize("compression", PACKED)
@pytest.mark.parametrize("damage", [lambda packed: packed[:-5], lambda packed: b"x" + packed, lambda _: b""])
def test_a_damaged_body_is_refused(compression: str, damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InvalidMessage):
        unpack_body(envelope(compression, damage(PACKED[compression](BODY * 100))))


@pytest.mark.parametrize("compression", ["zlib", "application/x-brotli", 5, ["application/x-gzip"], {"a": 1}])
def test_another_compression_is_refused(compression: Any) -> None:
    with pytest.raises(InvalidMessage, match="otherwise"):
        unpack_body(envelope(compression, BODY))


@pytest.mark.parametrize("compression", [None, "", False])
def test_a_plain_body_stays(compression: Any) -> None:
    message = envelope(compression, BODY)
    unpack_body(message)
    assert b64decode(message["body"]) == BODY
