"""The clients of the stores, with credentials and endpoints by the clouds' usual variables.

Credentials come from the environment or from the machine's role. obstore's own variables work too; these are set here
from those that other tools use:

- S3: an endpoint with ``http://`` (``AWS_ENDPOINT_URL_S3``, ``AWS_ENDPOINT_URL``) needs no further permission;
- Google: ``STORAGE_EMULATOR_HOST``;
- Azure: ``AZURE_STORAGE_CONNECTION_STRING``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pc_worker.errors import SourceForbidden, SourceRejected, Unavailable
from pc_worker.object_urls import ObjectUrl

if TYPE_CHECKING:
    from obstore.store import ObjectStore

#: Attempts at one request, and the seconds after which no further one is made.
ATTEMPTS, PATIENCE_S = 6, 30
REQUEST_S = 60


@lru_cache(maxsize=64)
def store_of(scheme: str, bucket: str) -> ObjectStore:
    """Return the client of a bucket.

    Raises:
        SourceRejected: If the cloud's variables are incomplete or contradict each other.
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
        store: ObjectStore = kind(bucket, config=config, client_options=client, retry_config=retries)
    except (BaseError, ValueError) as exc:
        raise SourceRejected(f"{scheme}://{bucket}: the store cannot be opened: {_first_line(exc)}") from exc
    return store


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
    parts = dict(
        part.split("=", 1) for part in variables.get("AZURE_STORAGE_CONNECTION_STRING", "").split(";") if "=" in part
    )
    names = {
        "AccountName": "account_name",
        "AccountKey": "account_key",
        "BlobEndpoint": "endpoint",
        "SharedAccessSignature": "sas_key",
    }
    config = {names[name]: value for name, value in parts.items() if name in names}
    insecure = config.get("endpoint", "").startswith("http://")
    return config, {"allow_http": True} if insecure else {}


@contextmanager
def errors_named(url: ObjectUrl | str) -> Iterator[None]:
    """Turn a store's errors into ours.

    Raises:
        SourceRejected: If the object is missing or must not be read.
        Unavailable: If the store does not answer, or answers with an error of its own after all attempts.
    """
    from obstore import exceptions as store

    try:
        yield
    except (store.NotFoundError, FileNotFoundError) as exc:
        raise SourceRejected(f"{url}: there is no such object") from exc
    except (store.PermissionDeniedError, store.UnauthenticatedError, PermissionError) as exc:
        raise SourceForbidden(f"{url}: no permission to read it: check the credentials of the store") from exc
    except store.InvalidPathError as exc:
        raise SourceRejected(f"{url}: it is not a key that can be read") from exc
    except store.BaseError as exc:
        if any(mark in str(exc) for mark in _REFUSED):
            raise SourceForbidden(f"{url}: no permission to read it: check the credentials of the store") from exc
        if any(mark in str(exc) for mark in _MISSING):
            raise SourceRejected(f"{url}: there is no such bucket") from exc
        raise Unavailable(f"the store of {url} does not answer: {_first_line(exc)}") from exc


#: What a store says of wrong credentials with a status that its client does not distinguish.
_REFUSED = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "status code: 403", "status code: 401")
_MISSING = ("NoSuchBucket", "status code: 404", "ContainerNotFound")
_LONGEST = 160


def _first_line(error: Exception) -> str:
    """Return the beginning of an error; its later lines are a chain of inner errors."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return line[:_LONGEST]
