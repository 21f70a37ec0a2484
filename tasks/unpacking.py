"""Compressed messages: unpacked within the limit of a message, because a few bytes may expand to gigabytes."""

from __future__ import annotations

import binascii
import bz2
import lzma
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, MutableMapping
from typing import Any

from tasks.envelope import MAX_BYTES, InvalidMessage

#: Memory that a message in LZMA may make its decoder take.
LZMA_BYTES = 64 * 1024 * 1024
#: zlib or gzip, as the first bytes say.
EITHER_HEADER = zlib.MAX_WBITS | 32

#: How each of kombu's names for a compression is undone.
DECODERS: dict[str, Callable[[], Any]] = {
    "application/x-gzip": lambda: zlib.decompressobj(EITHER_HEADER),
    "application/x-bz2": bz2.BZ2Decompressor,
    "application/x-lzma": lambda: lzma.LZMADecompressor(memlimit=LZMA_BYTES),
}


def unpack_body(envelope: MutableMapping[str, Any]) -> None:
    """Replace a compressed body by the plain one, as if the sender had not compressed it.

    Raises:
        InvalidMessage: If it cannot be unpacked, or is longer than a message may be.
    """
    compression = envelope["headers"].pop("compression", None)
    if not compression:
        return
    if not isinstance(compression, str) or compression not in DECODERS:
        raise InvalidMessage(f"its body is compressed otherwise than by {', '.join(DECODERS)}")
    decoder = DECODERS[compression]()
    try:
        plain = decoder.decompress(b64decode(envelope["body"], validate=True), MAX_BYTES)
    except (binascii.Error, ValueError, OSError, EOFError, MemoryError, zlib.error, lzma.LZMAError) as exc:
        raise InvalidMessage(f"its body cannot be unpacked: {type(exc).__name__}") from exc
    if not decoder.eof:
        raise InvalidMessage(f"its body is cut off, or longer than {MAX_BYTES:,} bytes when unpacked")
    envelope["body"] = b64encode(plain).decode()
    envelope["properties"]["body_encoding"] = "base64"
