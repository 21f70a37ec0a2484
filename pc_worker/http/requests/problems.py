"""The edge of every request: errors become RFC 9457 problem documents with a stable code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from pc_worker.errors import LlmUnavailable, PcWorkerError, RateLimited, UnknownDomain
from pc_worker.http.requests.request_ids import request_id_of

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:pc-worker:problem:"
INTERNAL_ERROR = "the server met an error of its own, which is in its log: try again, and tell its operator if it stays"
#: Seconds after which a call that met an unavailable server may be tried again.
AWAY_S = 5
#: Codes of errors that the framework raises.
CODES = {400: "invalid_request", 404: "not_found", 405: "method_not_allowed", 408: "too_slow", 413: "too_large"}
#: Errors of one request that are listed; a body may have thousands.
MAX_ERRORS = 20


class FieldError(BaseModel):
    """One wrong field of a request."""

    field: str = Field(description="Where: `body.domain`, `query.limit`, `path.job`.")
    message: str


class Problem(BaseModel):
    """An error (RFC 9457). `code` is stable; `detail` is one sentence for people."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:pc-worker:problem:` and the code.")
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None = Field(default=None, description="The request in our log.")
    errors: list[FieldError] = Field(default_factory=list, description="The wrong fields, if any.")


#: The members that a route's clients read beyond a problem's own, from the problem and the header `Authorization`.
ProblemMembers = Callable[[Problem, str | None], dict[str, Any]]


def problem_of(error: PcWorkerError) -> Problem:
    """Return the document of an error of ours."""
    return make_problem(error.http_status, error.code, " ".join(str(error).split()))


def make_problem(status: int, code: str, detail: str, errors: list[FieldError] | None = None, **more: Any) -> Problem:
    """Return a problem document; ``more`` are its own members."""
    return Problem(
        type=f"{TYPE}{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        request_id=request_id_of(),
        errors=errors or [],
        **more,
    )


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the response with a problem document; without a list of errors if there are none."""
    content = problem.model_dump(mode="json")
    if not problem.errors:
        del content["errors"]
    return JSONResponse(_sendable(content), problem.status, dict(headers or {}), MEDIA_TYPE)


def error_response(error: PcWorkerError, request: Request | None = None) -> JSONResponse:
    """Return the response to a request that ended with an error of ours."""
    headers: dict[str, str] = {}
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="pc_worker"'
    elif isinstance(error, RateLimited | LlmUnavailable) and error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_s + 0.5)))
    elif error.http_status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        headers["Retry-After"] = str(AWAY_S)
    if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request_failed", code=error.code, reason=str(error))
    return problem_response(_with_members(request, problem_of(error)), headers)


def install_problems(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    app.add_exception_handler(PcWorkerError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(Exception, _unexpected)


def _ours(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, PcWorkerError)  # noqa: S101 - the handler is registered for it
    if isinstance(exc, UnknownDomain) and _is_narrow(request):
        exc = UnknownDomain("there is no such domain")  # the message names all of them
    return error_response(exc, request)


def _is_narrow(request: Request) -> bool:
    """Return whether the caller may know some domains only."""
    return getattr(getattr(request.state, "caller", None), "domains", None) is not None


def _invalid(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)  # noqa: S101 - the handler is registered for it
    found = exc.errors()[:MAX_ERRORS]
    for error in found:
        if error["type"] == "json_invalid":
            problem = make_problem(400, "invalid_json", f"the body cannot be read as JSON: {_json_reason(error)}")
            return problem_response(_with_members(request, problem))
    errors = [FieldError(field=".".join(map(str, error["loc"])), message=error["msg"]) for error in found]
    first = f"{errors[0].field}: {errors[0].message}" if errors else "the request is wrong"
    return problem_response(_with_members(request, make_problem(422, "invalid_request", first, errors)))


def _json_reason(error: Mapping[str, Any]) -> str:
    """Return why a body could not be read, with the place where that is known."""
    reason, place = error["ctx"]["error"], error["loc"][-1]
    return f"{reason} (character {place})" if place else str(reason)


def _framework(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)  # noqa: S101 - the handler is registered for it
    code = CODES.get(exc.status_code, "invalid_request" if exc.status_code < 500 else "internal")
    return problem_response(_with_members(request, make_problem(exc.status_code, code, exc.detail)), exc.headers)


def _unexpected(request: Request, _exc: Exception) -> JSONResponse:
    return unexpected_response(request)


def unexpected_response(request: Request) -> JSONResponse:
    """Return the response to a request that ended with an error of our own."""
    return problem_response(_with_members(request, make_problem(500, "internal", INTERNAL_ERROR)))


def _with_members(request: Request | None, problem: Problem) -> Problem:
    """Return the problem with the members that the clients of its route read, too."""
    members: ProblemMembers | None = getattr(request.state, "problem_members", None) if request else None
    if request is None or members is None:
        return problem
    return problem.model_copy(update=members(problem, request.headers.get("authorization")))


def _sendable(content: Any) -> Any:
    """Replace lone surrogates, which an error may repeat from a request: they cannot be sent."""
    if isinstance(content, str):
        return content.encode("utf-8", "replace").decode()
    if isinstance(content, dict):
        return {_sendable(key): _sendable(value) for key, value in content.items()}
    return [_sendable(item) for item in content] if isinstance(content, list) else content
