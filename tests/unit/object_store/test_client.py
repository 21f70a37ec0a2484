"""The clouds' own variables become the client's settings."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from pc_worker.errors import SourceDenied
from pc_worker.object_store import client, walk
from pc_worker.object_store.client import authorities, az_options, gs_options, s3_options, store_of


def test_the_examples_in_the_modules_hold() -> None:
    assert doctest.testmod(client).failed == 0
    assert doctest.testmod(walk).failed == 0


@pytest.mark.parametrize(
    ("text", "config", "insecure"),
    [
        ("AccountName=a;AccountKey=k==", {"account_name": "a", "account_key": "k=="}, False),
        (
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=k;EndpointSuffix=core.chinacloudapi.cn",
            {"account_name": "a", "account_key": "k", "endpoint": "https://a.blob.core.chinacloudapi.cn"},
            False,
        ),
        (
            "defaultendpointsprotocol=http;accountname=a;endpointsuffix=local",
            {"account_name": "a", "endpoint": "http://a.blob.local"},
            True,
        ),
        (
            "AccountName=a;BlobEndpoint=https://own.example/a;EndpointSuffix=core.windows.net",
            {"account_name": "a", "endpoint": "https://own.example/a"},
            False,
        ),
        (
            "BlobEndpoint=https://a.example;SharedAccessSignature=?sv=1&sig=x%3D",
            {"endpoint": "https://a.example", "sas_key": "sv=1&sig=x%3D"},
            False,
        ),
        ("UseDevelopmentStorage=true", {"use_emulator": "true"}, True),
        ("", {}, False),
    ],
)
def test_a_connection_string_of_azure_is_read(text: str, config: dict[str, str], insecure: bool) -> None:
    options = az_options({"AZURE_STORAGE_CONNECTION_STRING": text})

    assert options == (config, {"allow_http": True} if insecure else {})


@pytest.mark.parametrize(
    ("value", "base", "insecure"),
    [
        ("localhost:4443", "http://localhost:4443", True),
        ("http://localhost:4443", "http://localhost:4443", True),
        ("https://gcs.example", "https://gcs.example", False),
    ],
)
def test_an_emulator_of_google_is_found(value: str, base: str, insecure: bool) -> None:
    config, http = gs_options({"STORAGE_EMULATOR_HOST": value})

    assert config == {"base_url": base, "skip_signature": "true"}
    assert bool(http.get("allow_http")) is insecure
    assert gs_options({}) == ({}, {})


def test_the_endpoint_of_s3_alone_precedes_that_of_all_services() -> None:
    both = {"AWS_ENDPOINT_URL_S3": "https://s3.example", "AWS_ENDPOINT_URL": "http://all.example"}

    assert s3_options(both) == ({"endpoint": "https://s3.example"}, {})
    assert s3_options({"AWS_ENDPOINT_URL": "http://all.example"})[1] == {"allow_http": True}
    assert s3_options({}) == ({}, {})


def test_a_file_of_authorities_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "ca.pem"
    (tmp_path / "other.pem").write_bytes(b"pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(missing))
    store_of.cache_clear()

    with pytest.raises(SourceDenied, match=r"AWS_CA_BUNDLE: .*ca\.pem"):
        store_of("s3", "bucket")
    assert authorities("gs", {"AWS_CA_BUNDLE": "x", "SSL_CERT_FILE": str(tmp_path / "other.pem")}) == {
        "root_certificate": b"pem"
    }
    assert authorities("s3", {}) == {}
