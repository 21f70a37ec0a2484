"""What an error of a store means: its settings or credentials here are wrong, which an operator repairs, or it passes.

The clients distinguish few kinds of errors, so the code of the store's answer is read, and what they say of a
connection. The paths of URLs are cut first: a key may hold any of these words.
"""

from __future__ import annotations

import re

#: Characters of a store's own words that a message repeats.
LONGEST = 500

_PATH = re.compile(r"(https?://[^/\s?]+)[^\s)\"]*")
_QUERY = re.compile(r"(https?://[^\s?]+)\?[^\s)\"]*")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: ([1-5]\d\d)")
#: Requests for the role of a machine: by the host, or at an address of its own by the whole path.
_METADATA_HOST = re.compile(
    r"https?://(?:169\.254\.\d+\.\d+|\[fd00:ec2::\d+\]|metadata\.google\.internal|metadata)(?:[:/\s]|$)"
)
_METADATA_PATH = re.compile(
    r"Error performing (?:PUT https?://[^/\s]+/latest/api/token"
    r"|GET https?://[^/\s]+/latest/meta-data/iam/security-credentials(?:/[^/\s]*)?) "
)
_CERTIFICATE = re.compile(r"invalid peer certificate: ([\w ]+)|InvalidCertificate\(\s*(\w+)")
_TIMEOUT = r"(?<![A-Za-z_])[Tt]imed? ?[Oo]ut\b"  # not the client's own settings, such as retry_timeout
_INNER = re.compile(rf"Connection refused|Connection reset|dns error|failed to lookup address|{_TIMEOUT}", re.ASCII)

_EXPIRED = "its credentials have expired: set new ones (of S3: AWS_SESSION_TOKEN too), and restart what uses them"
_REGION = "the bucket is in another region, or the endpoint is not its own: set AWS_REGION and AWS_ENDPOINT_URL"
_CLOCK = "the clock of this machine is wrong, so that the store refuses its requests: set the clock"
_CREDENTIALS = "no permission to read it: check the credentials of the store"
_NONE_SET = (
    "there are no credentials for its store, neither in variables nor as the machine's role: set them, or for a public "
    "bucket AWS_SKIP_SIGNATURE=true (GOOGLE_SKIP_SIGNATURE, AZURE_SKIP_SIGNATURE)"
)
_ROLE = "no credentials are set, and the machine's role cannot be asked for now"
_NO_TLS = "its endpoint does not speak TLS: begin the URL of the endpoint with http://"
_NO_BUCKET = "there is no such bucket"

#: What a code of the store's answer means.
_BY_CODE = {
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"), _EXPIRED),
    **dict.fromkeys(
        (
            "AuthorizationHeaderMalformed",
            "PermanentRedirect",
            "TemporaryRedirect",
            "IllegalLocationConstraintException",
        ),
        _REGION,
    ),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestInTheFuture"), _CLOCK),
    **dict.fromkeys(("NoSuchBucket", "ContainerNotFound"), _NO_BUCKET),
}
#: Codes of answers with a status that says the request is wrong, although it is only too early.
_PASSING_CODES = frozenset(
    ("RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "RequestThrottled", "TooManyRequestsException")
)
#: Statuses of denials that pass: too long, a conflict, too early, too many.
_PASSING_STATUSES = frozenset((408, 409, 425, 429))


def denial_of(error: Exception) -> str | None:
    """Return what is wrong with the settings or credentials of a store, with what to set; None: it may pass."""
    whole = str(error)
    text = _PATH.sub(r"\1", whole)
    code = _CODE.search(text)
    if code is not None and code[1] in _BY_CODE:
        return _BY_CODE[code[1]]
    if code is None and _is_of_metadata(whole, text):
        return None if _passes(text) else _NONE_SET
    if trust := _CERTIFICATE.search(text):
        reason = (trust[1] or trust[2]).strip()
        return f"the certificate of its endpoint is not trusted ({reason}): set AWS_CA_BUNDLE or SSL_CERT_FILE"
    if "InvalidContentType" in text or "corrupt message" in text:
        return _NO_TLS
    if "incorrectly configured region" in text:
        return _REGION
    return _of_status(text, code[1] if code is not None else "")


def is_unexplained(error: Exception) -> bool:
    """Return whether a store refused without a code: replies to HEAD have no body."""
    text = _PATH.sub(r"\1", str(error))
    return _CODE.search(text) is None and _of_status(text, "") not in (None, _NO_BUCKET)


def _is_of_metadata(whole: str, text: str) -> bool:
    """Return whether the role of the machine was asked for; ``text`` is without the paths of URLs."""
    return _METADATA_HOST.search(text) is not None or _METADATA_PATH.search(whole) is not None


def _passes(text: str) -> bool:
    """Return whether a service did not answer in time, or answered that it cannot now."""
    status = _status(text)
    return status >= 500 or status in _PASSING_STATUSES or re.search(_TIMEOUT, text) is not None


def _status(text: str) -> int:
    found = _STATUS.search(text)
    return 0 if found is None else int(found[1])


def _of_status(text: str, code: str) -> str | None:
    status = _status(text)
    if not 300 <= status < 500 or status in _PASSING_STATUSES or code in _PASSING_CODES:
        return None
    if status < 400:
        return _REGION
    named = f" ({code})" if code else ""
    if status in (401, 403):
        return f"{_CREDENTIALS}{named}"
    if status == 404:
        return _NO_BUCKET
    return f"its store refuses the request{named or f' with status {status}'}: check its endpoint and credentials"


def refused(error: Exception) -> str:
    """Return what is wrong if a store refused for want of permission."""
    return denial_of(error) or _CREDENTIALS


def first_line(error: Exception) -> str:
    """Return the beginning of an error, and what it says further down of the connection; no query, which may sign."""
    whole = str(error)
    line = next((line.strip() for line in whole.splitlines() if line.strip()), type(error).__name__)
    text = _PATH.sub(r"\1", whole)
    inner = _INNER.search(text)
    if inner is not None and inner[0] not in line:
        line = f"{line[:LONGEST]} ({inner[0]})"
    if _is_of_metadata(whole, text):
        line = f"{_ROLE}: {line}"
    return _QUERY.sub(r"\1", line)[: LONGEST + 50]
