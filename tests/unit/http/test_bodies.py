from __future__ import annotations

import json

import pytest

from pc_worker.http.bodies import read_json


def test_a_document_is_read() -> None:
    body = '{"text": "é \\u00e9 \\ud83d\\ude00", "number": 9007199254740993, "float": 1e3}'.encode()

    assert read_json(body) == {"text": "é é 😀", "number": 9007199254740993, "float": 1000.0}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": 1} x',
        b"[" * 500_000,
        b'{"a":' * 100_000,
        b"1" * 1_000_000,
        b"-" + b"1" * 1_000_000,
        b"1e999",
        b"-1e999",
        b"NaN",
        b'{"a": Infinity}',
        b'"\\ud800"',
        b'{"\\uDC00": 1}',
        b'["a\\u0000b"]',
        b'"\x00"',
        b"\xff\xfe\x00",
        "{}".encode("utf-16"),
        "\ufeff{}".encode(),
    ],
)
def test_what_is_no_bounded_document_is_an_error_of_json(body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        read_json(body)


def test_an_escaped_backslash_is_no_escape() -> None:
    assert read_json(b'"\\\\u0000 \\\\ud800"') == "\\u0000 \\ud800"
