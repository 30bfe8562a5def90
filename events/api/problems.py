"""RFC 9457 problem details, with a stable `type`, for every refusal of the API.

Invariant: neither internals nor credentials reach the caller; payloads and tokens are not logged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation, TooManyFieldsSent
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions

from events import errors as ledger
from events.access.refusals import note_refusal
from events.access.request_context import request_id
from events.store.connection import AWAY
from events.store.ledger import HaltStateMissingError

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
MAX_ERRORS = 100
"""Maximum number of `errors` in one response."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of refusal. `name` ends its `type`; neither ever changes."""

    name: str
    status: int
    title: str

    @property
    def type(self) -> str:
        """The URI that identifies the kind (RFC 9457 section 3.1.1)."""
        return f"urn:audit-portal:problem:{self.name}"


MALFORMED_JSON = Problem("malformed-json", 400, "The body is not JSON that the ledger can store")
INVALID_EVENT = Problem("invalid-event", 400, "An event is not valid")
INVALID_BATCH = Problem("invalid-batch", 400, "The batch is not valid")
INVALID_KEY = Problem("invalid-key", 400, "The key cannot be registered")
INVALID_PARAMETER = Problem("invalid-parameter", 400, "A query parameter is not valid")
BAD_REQUEST = Problem("bad-request", 400, "The request cannot be understood")
UNAUTHENTICATED = Problem("unauthenticated", 401, "A valid token is required")
SIGNATURE_REQUIRED = Problem("signature-required", 403, "The agent signs its own events")
FORBIDDEN = Problem("forbidden", 403, "The token does not permit this")
NOT_FOUND = Problem("not-found", 404, "Nothing was found at this address")
METHOD_NOT_ALLOWED = Problem("method-not-allowed", 405, "The method is not allowed here")
NOT_ACCEPTABLE = Problem("not-acceptable", 406, "No acceptable representation is available")
EVENT_ID_CONFLICT = Problem("event-id-conflict", 409, "The event_id is used by another event")
LENGTH_REQUIRED = Problem("length-required", 411, "The length of the body is required")
TOO_LARGE = Problem("too-large", 413, "The body is too large")
UNSUPPORTED_MEDIA_TYPE = Problem(
    "unsupported-media-type", 415, "The body's format is not supported"
)
TOO_MANY_REQUESTS = Problem("too-many-requests", 429, "Too many requests")
INTERNAL_ERROR = Problem("internal-error", 500, "The portal failed to answer")
UNREADABLE_EVENT = Problem("unreadable-event", 500, "A stored event cannot be read")
APPEND_REFUSED = Problem("append-refused", 500, "The database refused the append")
HALTED = Problem("halted", 503, "The ledger is halted")
HEAD_MISMATCH = Problem("head-mismatch", 503, "The ledger's end is not where it was recorded")
KEY_UNAVAILABLE = Problem("key-unavailable", 503, "The agent has no usable signing key")
WITNESS_UNAVAILABLE = Problem("witness-unavailable", 503, "No witness is available")
BUSY = Problem("busy", 503, "The portal is busy")
TOO_MANY_EXPORTS = Problem("too-many-exports", 503, "Too many exports are running")
TOO_MANY_VERIFICATIONS = Problem(
    "too-many-verifications", 503, "Too many verifications are running"
)
QUEUE_FULL = Problem("queue-full", 503, "Too many events are waiting to be written")
LEDGER_LOCKED = Problem("ledger-locked", 503, "Another transaction holds the ledger's lock")
DATABASE_UNAVAILABLE = Problem("database-unavailable", 503, "The database is not available")

_LOADS = frozenset({QUEUE_FULL, TOO_MANY_EXPORTS, TOO_MANY_VERIFICATIONS})
"""A load, not a fault."""

PROBLEMS = tuple(value for value in list(globals().values()) if isinstance(value, Problem))


class Refused(Exception):
    """Raised to refuse a request with a problem detail; `members` are its extension members."""

    def __init__(
        self,
        problem: Problem,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        self.problem = problem
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.members = members
        super().__init__(detail)


_OF_THE_LEDGER: Mapping[type[Exception], Problem] = {
    ledger.CanonicalJSONError: MALFORMED_JSON,
    ledger.SystemHaltedError: HALTED,
    HaltStateMissingError: HALTED,
    ledger.HeadMismatchError: HEAD_MISMATCH,
    ledger.WriterHeldKeyError: SIGNATURE_REQUIRED,
    ledger.KeyRegistryError: INVALID_KEY,
    ledger.NoActiveKeyError: KEY_UNAVAILABLE,
    ledger.KeyBackendError: KEY_UNAVAILABLE,
    ledger.WitnessUnavailableError: WITNESS_UNAVAILABLE,
    ledger.AppendRefusedError: APPEND_REFUSED,
    ledger.QueueFullError: QUEUE_FULL,
    ledger.LedgerHeldError: LEDGER_LOCKED,
}
_OF_THE_FRAMEWORK: Mapping[type[Exception], Problem] = {
    exceptions.AuthenticationFailed: UNAUTHENTICATED,
    exceptions.NotAuthenticated: UNAUTHENTICATED,
    exceptions.PermissionDenied: FORBIDDEN,
    PermissionDenied: FORBIDDEN,
    exceptions.NotFound: NOT_FOUND,
    Http404: NOT_FOUND,
    exceptions.MethodNotAllowed: METHOD_NOT_ALLOWED,
    exceptions.NotAcceptable: NOT_ACCEPTABLE,
    SuspiciousOperation: BAD_REQUEST,
}
# Details for the operator go to the log, not to the caller.
_PUBLIC_DETAILS: Mapping[Problem, str] = {
    KEY_UNAVAILABLE: "the agent of this token cannot sign now; nothing was written",
    WITNESS_UNAVAILABLE: "RT-1: no witness is available, so nothing was written",
    HEAD_MISMATCH: "CT-13: the events do not end where the last append recorded; nothing was "
    "written",
    APPEND_REFUSED: "FR7: the database refused the append; nothing was written",
    QUEUE_FULL: "the writer's queue is full; nothing was accepted, so send it again in a moment",
    LEDGER_LOCKED: (
        "another transaction in the database holds the ledger's lock; nothing was written, so send "
        "it again in a moment"
    ),
    DATABASE_UNAVAILABLE: (
        "the database does not answer; a write in progress may or may not have been "
        "committed, so send it again with the same event_id"
    ),
    INTERNAL_ERROR: "the error is in the portal's log, under this request_id",
}


def handle(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """Django REST framework's exception handler: turns any exception of a view into a response."""
    return respond(refusal(error), context["request"]._request, error)


def respond(refused: Refused, request: HttpRequest, cause: Exception | None = None) -> HttpResponse:
    """Build and log the problem detail of a refusal."""
    problem = refused.problem
    body: dict[str, Any] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": refused.detail,
        "instance": request.path,
        **refused.members,
    }
    if problem.status == INTERNAL_ERROR.status:
        body["request_id"] = request_id(request)
    if refused.errors:
        body["errors"] = refused.errors[:MAX_ERRORS]
    note(refused, request, cause)
    answer = HttpResponse(_encode(body), status=problem.status, content_type=MEDIA_TYPE)
    for name, value in refused.headers.items():
        answer[name] = value
    answer["Cache-Control"] = "no-store"
    return answer


def refusal(error: Exception) -> Refused:
    """Map an exception to a problem detail; an unexpected one discloses only that it happened."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, ledger.InvalidSubmissionError):
        return Refused(INVALID_EVENT, str(error), errors=[e.as_dict() for e in error.errors])
    if isinstance(error, ledger.CanonicalJSONError):
        return Refused(
            MALFORMED_JSON, str(error), errors=[{"pointer": error.path, "detail": error.reason}]
        )
    if isinstance(error, ledger.EventIdConflictError):
        taken = f"event_id {error.event_id} is used by an event of another agent"
        return Refused(
            EVENT_ID_CONFLICT,
            taken if error.is_foreign else str(error),
            event_id=error.event_id,
            sequence=None if error.is_foreign else error.sequence,
            index=error.index,
        )
    if isinstance(error, AWAY):
        return _of_the_ledger(DATABASE_UNAVAILABLE, error, retry_after=RETRY_SECONDS)
    for kind, problem in _OF_THE_LEDGER.items():
        if isinstance(error, kind):
            return _of_the_ledger(problem, error, retry_after=getattr(error, "retry_after", None))
    for kind, problem in _OF_THE_FRAMEWORK.items():
        if isinstance(error, kind):
            return _of_the_framework(problem, error)
    return _of_the_ledger(INTERNAL_ERROR, error)


def _of_the_ledger(
    problem: Problem, error: Exception, *, retry_after: int | None = None
) -> Refused:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Refused(problem, _PUBLIC_DETAILS.get(problem, str(error)), headers=headers)


def _of_the_framework(problem: Problem, error: Exception) -> Refused:
    detail = str(getattr(error, "detail", "")) or problem.title
    if isinstance(error, TooManyFieldsSent):
        most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        detail = f"the address has more than {most:,} parameters"
    challenge = getattr(error, "auth_header", None)
    return Refused(problem, detail, headers={"WWW-Authenticate": challenge} if challenge else {})


def note(refused: Refused, request: HttpRequest, cause: Exception | None = None) -> None:
    """Log and count a refusal, whatever the form of its response.

    Details of a caller's mistake can quote what was sent, so they are not logged.
    """
    if isinstance(cause, Refused):
        cause = cause.__cause__ if isinstance(cause.__cause__, Exception) else None
    note_refusal(request, refused.problem.name, refused.errors)
    seen = {"problem": refused.problem.name, "status": refused.problem.status}
    if refused.problem is BUSY:  # the gate counts these; a line for each would be a flood too
        log.debug("request_refused", **seen)
    elif refused.problem in _LOADS:
        log.warning("request_refused", **seen)
    elif refused.problem is INTERNAL_ERROR:
        log.error("request_failed", **seen, exc_info=cause)
    elif refused.problem.status >= 500:
        log.error("request_refused", **seen, reason=str(cause or refused))
    else:
        log.info("request_refused", **seen, errors=len(refused.errors))


def _encode(body: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # a lone surrogate of the caller's, quoted in a detail
        return orjson.dumps(_storable(body))


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {key: _storable(member) for key, member in value.items()}
    return [_storable(member) for member in value] if isinstance(value, list) else value
