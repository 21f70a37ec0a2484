"""What a hub's client raises, as sentences that say what to do, and which of it is tried again."""

from __future__ import annotations

import errno

import httpx2
import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from pc_worker.encoding.models.hub_errors import LONGEST_PAUSE_S, WrongContent, explained, is_passing
from pc_worker.errors import InvalidRequest, ModelUnavailable, NotFound, PcWorkerError, Unavailable


def answer(status: int, kind: type[HfHubHTTPError] = HfHubHTTPError, *, after: str | None = None) -> HfHubHTTPError:
    request, headers = httpx2.Request("GET", "https://hub.example/x"), {"Retry-After": after} if after else {}
    return kind("no", response=httpx2.Response(status, headers=headers, request=request))


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (HFValidationError("x"), InvalidRequest, "ORGANISATION/NAME"),
        (OfflineModeIsEnabled("x"), Unavailable, "HF_HUB_OFFLINE is set"),
        (answer(403, GatedRepoError), ModelUnavailable, "accept its conditions at https://hub.example/a/b"),
        (answer(404, RepositoryNotFoundError), NotFound, "check the name"),
        (answer(404, RevisionNotFoundError), NotFound, "no revision 'v2'"),
        (answer(401), ModelUnavailable, "set HF_TOKEN"),
        (answer(403), ModelUnavailable, "set HF_TOKEN"),
        (answer(503), Unavailable, "answers with 503"),
        (httpx2.ConnectError("refused\nmore"), Unavailable, "cannot be reached to download a/b (refused)"),
        (OSError(errno.ENOSPC, "x"), Unavailable, "the disk is full"),
        (OSError(errno.EDQUOT, "x"), Unavailable, "the disk is full"),
        (ValueError(""), Unavailable, "was not downloaded: ValueError; pull it again"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_failure_says_what_to_do(error: Exception, kind: type[PcWorkerError], words: str) -> None:
    found = explained(error, name="a/b", revision="v2", endpoint="https://hub.example")

    assert type(found) is kind
    assert words in str(found)
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (answer(503), True),
        (answer(429, after="7"), 7.0),
        (answer(429, after="9999"), LONGEST_PAUSE_S),
        (answer(429, after="tomorrow"), True),
        (answer(404, after="7"), False),
        (httpx2.ReadTimeout("slow"), True),
        (WrongContent("cut"), True),
        (OSError("Consistency check failed: 3 of 7 bytes"), True),
        (OSError(errno.ENOSPC, "full"), False),
    ],
)
def test_what_passes_by_itself_is_tried_again(error: Exception, expected: bool | float) -> None:
    assert is_passing(error) == expected
