"""Every error that this system raises on purpose, by what its receiver does about it.

::

    PcWorkerError                                                         exit  HTTP  gRPC status
    ├── InvalidRequest          the request is wrong: correct it             2   422   INVALID_ARGUMENT
    │   ├── UnknownDomain       it names a domain that is not declared       2   404   INVALID_ARGUMENT
    │   ├── InvalidOption       an option does not fit the domain            2   422   INVALID_ARGUMENT
    │   ├── ModelUnavailable    the model is not installed or not usable     2   422   INVALID_ARGUMENT
    │   │   └── EngineRefused   an engine refuses key, model or query        2   503   UNAVAILABLE
    │   ├── HomeInUse           another process owns the home folder         2   500   INVALID_ARGUMENT
    │   ├── HomeUnusable        the home folder cannot hold our state        2   500   INVALID_ARGUMENT
    │   ├── NotFound            it names something that does not exist       2   404   NOT_FOUND
    │   │   └── ModelNotFound   there is no such model for this caller       2   404   NOT_FOUND
    │   ├── WrongState          what it names is in another state already    2   409   FAILED_PRECONDITION
    │   │   └── SubscriptionDiffers  it has other shards or another filter   2   409   FAILED_PRECONDITION
    │   ├── InvalidCursor       its cursor is not one of this list           2   400   INVALID_ARGUMENT
    │   ├── BeyondHead          its position is after the end of the log     2   422   INVALID_ARGUMENT
    │   ├── TooLarge            it is over a limit of bytes or of disk       2   413   INVALID_ARGUMENT
    │   ├── UnsupportedMedia    its content is of no kind that is read       2   415   INVALID_ARGUMENT
    │   └── NotServable         what it needs is not set up here             2   422   FAILED_PRECONDITION
    │       ├── BudgetExhausted the job has spent what it may spend          2   422   FAILED_PRECONDITION
    │       └── NoQueryModel    the domain has no model for queries          2   422   FAILED_PRECONDITION
    ├── SourceRejected          the source is wrong and stays wrong         65   422   INVALID_ARGUMENT
    │   ├── SchemaMismatch      it lacks a column that the domain needs     65   422   INVALID_ARGUMENT
    │   ├── SourceForbidden     this process may not read it                65   422   INVALID_ARGUMENT
    │   │   └── SourceDenied    its store denies us: correct the settings   65   422   INVALID_ARGUMENT
    │   └── EncodingFailed      a text of it cannot be encoded              65   422   INVALID_ARGUMENT
    ├── Unavailable             a server does not answer: try again later   69   503   UNAVAILABLE
    │   ├── ReadOnlyServer      it answers but accepts no writes            69   503   UNAVAILABLE
    │   ├── ServiceFailed       an embedded server did not start            69   503   UNAVAILABLE
    │   ├── HotBufferDamaged    Redis holds no valid entry at our keys      69   503   UNAVAILABLE
    │   ├── EngineMisbehaved    an engine sends wrong replies               69   503   UNAVAILABLE
    │   ├── BatchServerTimeout  a batch server accepted a call only         69   503   UNAVAILABLE
    │   ├── SearchCancelled     the caller has gone, or time is up          69   503   UNAVAILABLE
    │   ├── NoLlm               no language model is configured             69   503   UNAVAILABLE
    │   └── LlmUnavailable      no language model returned an answer        69   503   UNAVAILABLE
    │       └── BudgetSpent     what answers may cost today is spent        69   429   UNAVAILABLE
    ├── Conflict                the state changed meanwhile: do it again     1   409   ABORTED
    │   ├── ModelSwitched       the domain has another model now             1   409   ABORTED
    │   └── Fenced              a newer attempt or holder has the lease      1   409   ABORTED
    │       └── SubscriptionDropped  the subscription was removed            1   409   ABORTED
    ├── Denied                  the caller may not, or not now               1   403   (its subclasses')
    │   ├── Unauthenticated     no token, or an unknown one                  1   401   UNAUTHENTICATED
    │   ├── PermissionDenied    the token is for other domains               1   403   PERMISSION_DENIED
    │   ├── QuotaExceeded       too many calls or subscriptions              1   429   RESOURCE_EXHAUSTED
    │   │   └── RateLimited     too many requests within a minute            1   429   RESOURCE_EXHAUSTED
    │   └── LeaseHeld           another consumer holds the subscription      1   409   RESOURCE_EXHAUSTED
    ├── DeadlineExceeded        the caller or the answer took too long       1   503   DEADLINE_EXCEEDED
    ├── ContractBroken          model, dimension or schema disagree: stop    1   500   FAILED_PRECONDITION
    ├── AttemptsExhausted       the job has failed for good                  1   500   INTERNAL
    └── DatabaseFailed          PostgreSQL reports an internal error         1   500   INTERNAL

A test checks the table. The reader, a separate library, has errors of its own, which ``services.sources`` translates.
Every class keeps all its arguments in ``args``: Celery rebuilds errors from them.
"""

from __future__ import annotations

import re
from typing import ClassVar


class PcWorkerError(Exception):
    """Base of every error this system raises on purpose; ``str()`` is one clear sentence.

    Attributes:
        exit_code: What a command exits with.
        http_status: Status of the HTTP response.
        grpc_status: Name of the gRPC status that a call ends with.
        code: The class's name in snake case.
    """

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    grpc_status: ClassVar[str] = "INTERNAL"
    code: ClassVar[str] = "internal"

    def __init_subclass__(
        cls, *, exit_code: int | None = None, http: int | None = None, grpc: str | None = None
    ) -> None:
        """Set what the class states; the rest is as in its base."""
        super().__init_subclass__()
        cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        cls.exit_code = cls.exit_code if exit_code is None else exit_code
        cls.http_status = cls.http_status if http is None else http
        cls.grpc_status = cls.grpc_status if grpc is None else grpc


class InvalidRequest(PcWorkerError, exit_code=2, http=422, grpc="INVALID_ARGUMENT"):
    """The request is wrong: an unknown domain, option or value."""


class UnknownDomain(InvalidRequest, http=404):
    """There is no domain of that name; the message names the known ones."""


class InvalidOption(InvalidRequest):
    """An option does not fit the domain it was given for."""


class ModelUnavailable(InvalidRequest):
    """The requested model is not installed, or not usable; the message says which and what to do."""


class EngineRefused(ModelUnavailable, http=503, grpc="UNAVAILABLE"):
    """An engine refuses the key, the model, its quota or a query: an operator must look, callers try again later."""


class HomeInUse(InvalidRequest, http=500):
    """Another process owns this home; the arguments are folder and owner. Two owners would run two servers on it."""

    def __str__(self) -> str:
        return f"{self.args[0]} is in use by {self.args[1]}: stop it, or set PC_WORKER_HOME to another folder"


class HomeUnusable(InvalidRequest, http=500):
    """This home cannot hold our state; the arguments are the folder and why: another user's, or not writable."""

    def __str__(self) -> str:
        return f"{self.args[0]} {self.args[1]}, or set PC_WORKER_HOME to a folder of your own"


class NotFound(InvalidRequest, http=404, grpc="NOT_FOUND"):
    """The request names a job, row or subscription that does not exist."""


class ModelNotFound(NotFound):
    """The request names a model that does not exist, or that only other domains use."""


class WrongState(InvalidRequest, http=409, grpc="FAILED_PRECONDITION"):
    """What the request names exists, but is in a state in which this is not possible."""


class SubscriptionDiffers(WrongState):
    """The subscription has other shards or another filter than its consumer asks for."""


class InvalidCursor(InvalidRequest, http=400):
    """The cursor was not returned by the list that it is given to."""


class BeyondHead(InvalidRequest):
    """The position to start after is beyond the log's head: the log was restored, or the position is wrong."""


class TooLarge(InvalidRequest, http=413):
    """The request, or a file in it, is over a limit."""


class UnsupportedMedia(InvalidRequest, http=415):
    """The content is of no kind that is read here."""


class NotServable(InvalidRequest, grpc="FAILED_PRECONDITION"):
    """The request is valid, but what it needs is not set up here."""


class BudgetExhausted(NotServable):
    """The job's next embeddings would cost more than its budget; it can be resumed with a larger one."""


class NoQueryModel(NotServable):
    """The domain's vectors come from its source, made by a model that is not configured here."""


class SourceRejected(PcWorkerError, exit_code=65, http=422, grpc="INVALID_ARGUMENT"):
    """The source is unsafe, broken, not a table, of the wrong schema, missing or over a limit."""


class SchemaMismatch(SourceRejected):
    """The source lacks a column that its domain needs; the message names it and what the source has."""


class SourceForbidden(SourceRejected):
    """This process may not read the source, for its place or its mode; what it holds is unknown."""


class SourceDenied(SourceForbidden):
    """The store of the source denies us: credentials or settings are wrong, not the source; the message says which."""


class EncodingFailed(SourceRejected):
    """At least one of these texts cannot be encoded, now or later: isolate it, do not retry."""


class Unavailable(PcWorkerError, exit_code=69, http=503, grpc="UNAVAILABLE"):
    """A server that is needed does not answer; the same call may succeed later."""


class ReadOnlyServer(Unavailable):
    """A server answers but accepts no writes: a standby or replica, before or after a failover."""


class ServiceFailed(Unavailable):
    """An embedded server did not start; its arguments are its name and the last relevant line of its output."""

    def __str__(self) -> str:
        return f"the embedded {self.args[0]} did not start: {self.args[1]}"


class HotBufferDamaged(Unavailable):
    """Redis answers, but what it holds at a domain's keys is not a valid entry."""


class EngineMisbehaved(Unavailable):
    """A server of embeddings answers, but with vectors that cannot be used; work that it is needed for may fail."""


class BatchServerTimeout(Unavailable):
    """A batch server accepted a call and never answered it."""


class SearchCancelled(Unavailable):
    """The search ended early: its caller has gone, or its time is up."""


class NoLlm(Unavailable):
    """No language model is configured, or the extra ``llm`` is not installed."""


class LlmUnavailable(Unavailable):
    """None of the language models returned an answer; ``retry_after_s`` is when to ask again, if that is known."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message, retry_after_s)
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return str(self.args[0])


class BudgetSpent(LlmUnavailable, http=429):
    """The budget of answers of the day or of the token is spent; ``retry_after_s`` = seconds until the next day."""


class Conflict(PcWorkerError, http=409, grpc="ABORTED"):
    """State changed between reading and writing; nothing was written: do the work again."""


class ModelSwitched(Conflict):
    """The domain's model is no longer the one that the work was done with: do it with the new one."""


class Fenced(Conflict):
    """A newer attempt or holder has the lease: stop without writing."""


class SubscriptionDropped(Fenced):
    """The subscription was removed while it was consumed: stop, and do not create it again."""


class Denied(PcWorkerError, http=403):
    """The caller may not do this, or not now."""


class Unauthenticated(Denied, http=401, grpc="UNAUTHENTICATED"):
    """The call carries no token, or an unknown one."""


class PermissionDenied(Denied, grpc="PERMISSION_DENIED"):
    """The token is valid, but for other domains."""


class QuotaExceeded(Denied, http=429, grpc="RESOURCE_EXHAUSTED"):
    """The gateway's, the client's or the domain's limit of open calls or subscriptions is reached: try again later."""


class RateLimited(QuotaExceeded):
    """The caller made too many requests within a minute; the next one is allowed after ``retry_after_s`` seconds."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message, retry_after_s)
        self.message, self.retry_after_s = message, retry_after_s

    def __str__(self) -> str:
        return self.message


class LeaseHeld(Denied, http=409, grpc="RESOURCE_EXHAUSTED"):
    """Another consumer holds the subscription, and the caller asked to be denied in that case."""


class DeadlineExceeded(PcWorkerError, http=503, grpc="DEADLINE_EXCEEDED"):
    """The caller took too long to send or acknowledge something, or its answer took too long."""


class ContractBroken(PcWorkerError, grpc="FAILED_PRECONDITION"):
    """Model, dimension or schema disagree with what is stored: an operator must look."""


class AttemptsExhausted(PcWorkerError):
    """The job has used all its attempts and has failed."""


class DatabaseFailed(PcWorkerError):
    """PostgreSQL reports an error that neither its state nor the request explains."""
