"""The clients of the stores, with credentials and endpoints by the clouds' usual variables.

Credentials come from the environment or from the machine's role. obstore's own variables work too; these are set here
from those that other tools use:

- S3: an endpoint with ``http://`` (``AWS_ENDPOINT_URL_S3``, ``AWS_ENDPOINT_URL``) needs no further permission;
- Google: ``STORAGE_EMULATOR_HOST``;
- Azure: ``AZURE_STORAGE_CONNECTION_STRING``;
- an authority of one's own: ``AWS_CA_BUNDLE`` for S3, ``SSL_CERT_FILE`` for all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pc_worker.errors import SourceDenied, SourceRejected, Unavailable
from pc_worker.object_store.causes import denial_of, first_line, refused
from pc_worker.object_urls import ObjectUrl

if TYPE_CHECKING:
    from obstore.store import ObjectStore

#: Attempts at one request, and the seconds after which no further one is made.
ATTEMPTS, PATIENCE_S = 6, 30
REQUEST_S = 60
#: Variables with the file of further authorities, by scheme; the first that is set counts.
AUTHORITIES = {"s3": ("AWS_CA_BUNDLE", "SSL_CERT_FILE"), "gs": ("SSL_CERT_FILE",), "az": ("SSL_CERT_FILE",)}


@lru_cache(maxsize=64)
def store_of(scheme: str, bucket: str) -> ObjectStore:
    """Return the client of a bucket.

    Raises:
        SourceDenied: If the cloud's variables are incomplete or contradict each other.
    """
    return open_store(scheme, bucket, {})


def open_store(scheme: str, bucket: str, settings: Mapping[str, str]) -> ObjectStore:
    """Return a client of a bucket with these settings besides those of the cloud's variables.

    Raises:
        SourceDenied: If the variables are incomplete or contradict each other.
    """
    from obstore.exceptions import BaseError
    from obstore.store import AzureStore, GCSStore, S3Store

    kinds: dict[str, Any] = {"s3": (S3Store, s3_options), "gs": (GCSStore, gs_options), "az": (AzureStore, az_options)}
    kind, options = kinds[scheme]
    retries = {
        "max_retries": ATTEMPTS,
        "retry_timeout": timedelta(seconds=PATIENCE_S),
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2},
    }
    config, client = options(os.environ)
    client |= {"timeout": timedelta(seconds=REQUEST_S), "connect_timeout": timedelta(seconds=10)}
    try:
        client |= authorities(scheme, os.environ)
        store: ObjectStore = kind(bucket, config={**config, **settings}, client_options=client, retry_config=retries)
    except (BaseError, ValueError, OSError) as exc:
        raise SourceDenied(f"{scheme}://{bucket}: the store cannot be opened: {first_line(exc)}") from exc
    return store


def authorities(scheme: str, variables: Mapping[str, str]) -> dict[str, bytes]:
    """Return the HTTP options by which certificates of further authorities are trusted.

    Raises:
        OSError: If their file cannot be read; the message names the variable.
    """
    for name in AUTHORITIES[scheme]:
        if path := variables.get(name):
            try:
                return {"root_certificate": Path(path).read_bytes()}
            except OSError as exc:
                raise OSError(f"{name}: {path}: {exc.strerror}") from exc
    return {}


def s3_options(variables: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return settings and HTTP options beyond those that the client reads: AWS_ACCESS_KEY_ID, AWS_REGION, …."""
    endpoint = variables.get("AWS_ENDPOINT_URL_S3") or variables.get("AWS_ENDPOINT_URL") or ""
    config = {"endpoint": endpoint} if endpoint else {}
    return config, {"allow_http": True} if endpoint.startswith("http://") else {}


def gs_options(variables: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return settings and HTTP options beyond those that the client reads: GOOGLE_APPLICATION_CREDENTIALS, …."""
    emulator = variables.get("STORAGE_EMULATOR_HOST", "")
    if not emulator:
        return {}, {}
    base = emulator if "://" in emulator else f"http://{emulator}"
    return {"base_url": base, "skip_signature": "true"}, {"allow_http": base.startswith("http://")}


def az_options(variables: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return settings and HTTP options beyond those that the client reads: AZURE_STORAGE_ACCOUNT_NAME, …."""
    parts = connection_parts(variables.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    if parts.get("usedevelopmentstorage", "").lower() == "true":
        return {"use_emulator": "true"}, {"allow_http": True}
    names = {"accountname": "account_name", "accountkey": "account_key", "sharedaccesssignature": "sas_key"}
    config = {names[name]: value for name, value in parts.items() if name in names and value}
    if "sas_key" in config:
        config["sas_key"] = config["sas_key"].removeprefix("?")
    if endpoint := _az_endpoint(parts):
        config["endpoint"] = endpoint
    insecure = config.get("endpoint", "").startswith("http://")
    return config, {"allow_http": True} if insecure else {}


def connection_parts(text: str) -> dict[str, str]:
    """Return the parts of a connection string, their names in small letters: Azure's own clients accept any case.

    >>> connection_parts("AccountName=a;AccountKey=x==;")
    {'accountname': 'a', 'accountkey': 'x=='}
    """
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _az_endpoint(parts: Mapping[str, str]) -> str:
    """Return the endpoint that a connection string names; empty: the client's own, that of the public cloud."""
    suffix, account = parts.get("endpointsuffix", ""), parts.get("accountname", "")
    if parts.get("blobendpoint") or not suffix or not account:
        return parts.get("blobendpoint", "")
    protocol = parts.get("defaultendpointsprotocol") or "https"
    return f"{protocol}://{account}.blob.{suffix}"


@contextmanager
def errors_named(url: ObjectUrl | str) -> Iterator[None]:
    """Turn a store's errors into ours.

    Raises:
        SourceRejected: If the object is missing.
        SourceDenied: If the store does not serve us, or the settings with which it is asked are wrong.
        Unavailable: If the store does not answer, or answers with an error of its own after all attempts.
    """
    from obstore import exceptions as store

    try:
        yield
    except (store.NotFoundError, FileNotFoundError) as exc:
        missing = "bucket" if any(code in str(exc) for code in _NO_BUCKET) else "object"
        raise SourceRejected(f"{url}: there is no such {missing}") from exc
    except (store.PermissionDeniedError, store.UnauthenticatedError, PermissionError) as exc:
        raise SourceDenied(f"{url}: {refused(exc)}") from exc
    except store.InvalidPathError as exc:
        raise SourceRejected(f"{url}: it is not a key that can be read") from exc
    except store.BaseError as exc:
        if denial := denial_of(exc):
            raise SourceDenied(f"{url}: {denial}") from exc
        raise Unavailable(f"the store of {url} does not answer: {first_line(exc)}") from exc


_NO_BUCKET = ("<Code>NoSuchBucket</Code>", "<Code>ContainerNotFound</Code>")
