"""What the client of the Hugging Face hub raises, as errors of ours: one sentence and what to do."""

from __future__ import annotations

import errno

from pc_worker.errors import InvalidRequest, ModelUnavailable, NotFound, PcWorkerError, Unavailable
from pc_worker.retry import RetryPolicy

ELSEWHERE = "pull it on a machine with a network, copy the folder and give its path"
RETRIES = RetryPolicy(attempts=4, first_s=0.5, longest_s=8.0)
LONGEST_PAUSE_S = 60.0
PASSING = frozenset({408, 429, 500, 502, 503, 504})


class WrongContent(OSError):
    """A downloaded file is not what the hub announced."""


def is_passing(error: Exception) -> bool | float:
    """Return whether a call may succeed when it is repeated, or the pause in seconds that the server asks for."""
    from httpx2 import TransportError
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        asked = str(error.response.headers.get("Retry-After", ""))
        if error.response.status_code in PASSING and asked.isdigit():
            return min(float(asked), LONGEST_PAUSE_S)
        return error.response.status_code in PASSING
    return isinstance(error, (TransportError, WrongContent)) or "Consistency check failed" in str(error)


def explained(error: Exception, *, name: str, revision: str | None, endpoint: str) -> PcWorkerError:
    """Return the error for users.

    Args:
        error: What the client raised.
        name: The model's name on the hub.
        revision: The revision that was asked for; None = the newest.
        endpoint: The hub's URL.
    """
    from httpx2 import TransportError
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, HFValidationError):
        return InvalidRequest(f"{name!r} is not a model's name on the hub: give it as ORGANISATION/NAME")
    if isinstance(error, OfflineModeIsEnabled):
        return Unavailable(f"the model {name} cannot be downloaded: HF_HUB_OFFLINE is set; unset it, or {ELSEWHERE}")
    if isinstance(error, GatedRepoError):
        return ModelUnavailable(
            f"the model {name} is gated: accept its conditions at {endpoint}/{name} and set HF_TOKEN to your token"
        )
    if isinstance(error, RepositoryNotFoundError):
        return NotFound(f"{endpoint} has no model {name} for us: check the name; if it is private, set HF_TOKEN")
    if isinstance(error, RevisionNotFoundError):
        return NotFound(f"the model {name} has no revision {revision!r}: give a branch, a tag or a commit of it")
    if isinstance(error, HfHubHTTPError):
        return _status(error.response.status_code, name=name, endpoint=endpoint)
    if isinstance(error, TransportError):
        return Unavailable(f"{endpoint} cannot be reached to download {name} ({_first(error)}): {ELSEWHERE}")
    return _local(error, name=name)


def _status(status: int, *, name: str, endpoint: str) -> PcWorkerError:
    if status in (401, 403):
        return ModelUnavailable(
            f"{endpoint} denies the model {name} ({status}): set HF_TOKEN to a token that may read it"
        )
    return Unavailable(f"{endpoint} answers with {status} for the model {name}: try again later")


def _local(error: Exception, *, name: str) -> PcWorkerError:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(f"the disk is full: the model {name} was not downloaded; make room and pull it again")
    return Unavailable(f"the model {name} was not downloaded: {_first(error)}; pull it again")


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
