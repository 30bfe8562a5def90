"""Per-request context for the access log: request id, caller, token, number of events returned.

The id appears on log lines and on error pages and problem documents. The caller's name is stored on
the request, where the outermost middleware (`auditportal.gate`) finds it with the response.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils import timezone
from uuid_utils import uuid4

from events.access.client_address import client_address, network_of
from events.access.recorder import recorder
from events.models import ApiToken

API = "/api/v1/"

SHIPPERS = ("/api/v1/ingest", "/services/collector", "/elastic", "/v1/logs")
"""Addresses to which log shippers send records."""

MACHINES = (API, *SHIPPERS)
"""Prefixes of addresses for machines, which authenticate by token; no page links to them."""


_ID = "portal.request_id"


def request_id(request: HttpRequest) -> str:
    """Return the request id, created on first use; no client input has a part in it."""
    found = request.META.get(_ID)
    if not isinstance(found, str):
        found = request.META[_ID] = str(uuid4())
    return found


NOTED_SECONDS = 60.0
"""Seconds between two recorded uses of a token."""

_noted: dict[str, float] = {}
"""Time of the last recorded use of each token, in this process."""


@dataclass
class AccessContext:
    """Filled in while a request is answered."""

    token: ApiToken | None = None
    events: int | None = None
    left_out: bool = False


def note_of(request: HttpRequest) -> AccessContext:
    """Return the context of a request, created on first use."""
    note: AccessContext | None = getattr(request, "access_note", None)
    if note is None:
        note = AccessContext()
        request.access_note = note  # type: ignore[attr-defined]
    return note


def note_token(request: HttpRequest, token: ApiToken) -> None:
    """Record that the request used this token."""
    note_of(request).token = token
    now = time.monotonic()
    if now - _noted.get(token.token_key, -NOTED_SECONDS) >= NOTED_SECONDS:
        _noted[token.token_key] = now
        recorder().note_use(token.token_key, timezone.now())


def note_events(request: HttpRequest, count: int) -> None:
    """Record the number of events returned."""
    note_of(request).events = count


def leave_out(request: HttpRequest) -> None:
    """Leave this request out of the log: it shows nothing that was not recorded before."""
    note_of(request).left_out = True


def count_lines(request: HttpRequest, pieces: Iterable[bytes], header: bytes) -> Iterator[bytes]:
    """Yield the pieces of a file of one event a line, counting each event as it is sent.

    Canonical JSON contains no line end, and neither does any field of an event.
    """
    note = note_of(request)
    lines = -header.count(b"\n")
    for piece in pieces:
        lines += piece.count(b"\n")
        note.events = max(0, lines)
        yield piece


_CALLER = "portal.caller"


def name_token(request: HttpRequest, token_key: str) -> None:
    """Name the caller by a valid token."""
    request.META[_CALLER] = f"token {token_key}"


def name_account(request: HttpRequest, account: object) -> None:
    """Name the caller by the account of the session."""
    request.META[_CALLER] = f"account {account}"


def known_caller(request: HttpRequest) -> str | None:
    """Return the authenticated caller; None for a stranger or before authentication."""
    found: str | None = request.META.get(_CALLER)
    return found


def caller_of(request: HttpRequest) -> str:
    """Return the caller; strangers are told apart by their address."""
    return known_caller(request) or stranger(request)


def stranger(request: HttpRequest) -> str:
    """Return the name of an unknown caller at this address."""
    return f"address {network_of(client_address(request))}"
