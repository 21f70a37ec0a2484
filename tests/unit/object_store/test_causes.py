"""What an error of a store's client means: the machine's role is missing, or its service does not answer now."""

from __future__ import annotations

import pytest

from pc_worker.object_store.causes import denial_of, first_line

SETTINGS = "RetryErrorImpl {\n    retries: 1,\n    retry_timeout: 1s,\n"


def told(request: str, outcome: str, inner: str = "") -> Exception:
    """Return an error as the client words it."""
    first = f"Generic S3 error: Error performing {request} in 1.1ms, after 1 retries, retry_timeout: 1s  - {outcome}"
    return ValueError(f"{first}\n\nDebug source:\n{SETTINGS}    inner: {inner},\n}}")


def status(number: int) -> str:
    return f"Server returned non-2xx status code: {number} Words: "


REQUESTS = (
    "PUT http://169.254.169.254/latest/api/token",
    "GET http://169.254.170.2/v2/credentials/abc",
    "PUT http://127.0.0.1:1/latest/api/token",
    "GET http://127.0.0.1:1/latest/meta-data/iam/security-credentials/role",
    "GET http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token",
)
OF_KEYS = (
    "GET https://data.s3.amazonaws.com/latest/meta-data.csv",
    "GET https://data.s3.amazonaws.com/latest/api/token",
    "GET http://127.0.0.1:9000/data/http://169.254.169.254/a.csv",
)
LACKING = {
    "refused": ("HTTP error: error sending request", 'Os { code: 111, message: "Connection refused" }'),
    "no role": (status(404), ""),
    "not for us": (status(403), ""),
}
PASSING = {
    "429": (status(429), ""),
    "503": (status(503), ""),
    "a late answer": ("HTTP error: error sending request", "HttpError { kind: Timeout, source: TimedOut }"),
    "a late connection": ("HTTP error: error sending request", 'Custom { message: "operation timed out" }'),
}


@pytest.mark.parametrize("request_line", REQUESTS)
@pytest.mark.parametrize("case", LACKING)
def test_a_machine_without_a_role_has_no_credentials(request_line: str, case: str) -> None:
    assert str(denial_of(told(request_line, *LACKING[case]))).startswith("there are no credentials for its store")


@pytest.mark.parametrize("request_line", REQUESTS)
@pytest.mark.parametrize("case", PASSING)
def test_a_role_that_cannot_be_asked_for_now_is_no_denial(request_line: str, case: str) -> None:
    error = told(request_line, *PASSING[case])

    assert denial_of(error) is None
    assert first_line(error).startswith("no credentials are set, and the machine's role cannot be asked for now: ")


@pytest.mark.parametrize("request_line", OF_KEYS)
@pytest.mark.parametrize("case", LACKING)
def test_a_key_that_is_named_like_a_role_is_a_key(request_line: str, case: str) -> None:
    error = told(request_line, *LACKING[case])

    assert "no credentials" not in f"{denial_of(error)} {first_line(error)}"


def test_the_reason_of_a_connection_is_said_and_not_the_settings_of_the_client() -> None:
    error = told("GET http://127.0.0.1:1/data/a.csv", *LACKING["refused"])

    assert first_line(error).endswith("(Connection refused)")
