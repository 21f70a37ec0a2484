"""What can go wrong, by what to do about it.

PcWorkerError
├── InvalidRequest    the request is wrong: correct it              exit 2,  INVALID_ARGUMENT
│   ├── NotFound      it names something that is not there          exit 2,  NOT_FOUND
│   └── NotServable   it is sound, but not as things stand here     exit 2,  FAILED_PRECONDITION
├── InputRefused      the source is wrong and stays wrong           exit 65, INVALID_ARGUMENT
├── Unavailable       a neighbour is down: try again later          exit 69, UNAVAILABLE
│   └── ReadOnlyServer    it answers, but takes no writes now       exit 69, UNAVAILABLE
├── Conflict          somebody else was faster: do the work anew    (never leaves a worker)
└── ContractBroken    model, dimension or schema disagree: stop     exit 1,  FAILED_PRECONDITION

Every class keeps all its arguments in ``args``: Celery rebuilds errors from them.
"""

from __future__ import annotations

from typing import ClassVar


class PcWorkerError(Exception):
    """Base of every error this system raises on purpose; ``str()`` is one clear sentence."""

    exit_code: ClassVar[int] = 1


class InvalidRequest(PcWorkerError):
    """The request is wrong: an unknown domain, option or value."""

    exit_code = 2


class NotFound(InvalidRequest):
    """The request names a job, row or subscription that does not exist."""


class NotServable(InvalidRequest):
    """The request is sound, but what it needs is not set up here."""


class InputRefused(PcWorkerError):
    """The source is unsafe, broken, no table, of the wrong schema, missing or out of bounds."""

    exit_code = 65


class Unavailable(PcWorkerError):
    """A service this one needs does not answer; the same call may succeed later."""

    exit_code = 69


class ReadOnlyServer(Unavailable):
    """A server answers, but takes no writes: a standby or replica, before or after a failover."""


class Conflict(PcWorkerError):
    """State changed between reading and writing; nothing was written, do the work anew."""


class ModelSwitched(Conflict):
    """The domain's model is no longer the one the work was done with: do it with the new one."""


class Fenced(Conflict):
    """A newer attempt owns the work now: stop without a trace."""


class ContractBroken(PcWorkerError):
    """Model, dimension or schema disagree with what is stored: an operator must look."""
