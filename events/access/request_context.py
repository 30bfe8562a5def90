"""What a request comes to know of itself for the access log: whose token it was, how many events
were shown.

It must never hold what was read.

How the addresses of machines begin: they come with a token, and no page leads there.

The id of a request: on its log lines, and on the page or problem document of what failed.

Names whoever makes a request, once somebody has found out who that is.

The name is put beside the request, where the gate in front of everything finds it when the answer
comes back (`auditportal.gate`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone

from events.access.client_address import client_address, network_of
from events.access.recorder import recorder
from events.format.event import random_piece
from events.models import ApiToken

API = "/api/v1/"

SHIPPERS = ("/api/v1/ingest", "/services/collector", "/elastic", "/v1/logs")
"""Where log shippers send what is to be recorded."""

MACHINES = (API, *SHIPPERS)


_ID = "portal.request_id"


def request_id(request: HttpRequest) -> str:
    """The id, made when it is first asked for; nothing that the client sends has a part in it."""
    found = request.META.get(_ID)
    if not isinstance(found, str):
        found = request.META[_ID] = str(UUID(bytes=random_piece()[:16], version=4))
    return found


NOTED_SECONDS = 60.0
"""How often the use of a token is noted."""

_noted: dict[str, float] = {}
"""When the use of each token was last noted by this process."""


@dataclass
class AccessContext:
    """Filled in while a request is answered."""

    token: ApiToken | None = None
    events: int | None = None
    left_out: bool = False


def note_of(request: HttpRequest) -> AccessContext:
    """The note of a request, begun if there is none yet."""
    note: AccessContext | None = getattr(request, "access_note", None)
    if note is None:
        note = AccessContext()
        request.access_note = note  # type: ignore[attr-defined]
    return note


def note_token(request: HttpRequest, token: ApiToken) -> None:
    """The request came with a token, which is thereby used."""
    note_of(request).token = token
    now = time.monotonic()
    if now - _noted.get(token.token_key, -NOTED_SECONDS) >= NOTED_SECONDS:
        _noted[token.token_key] = now
        recorder().note_use(token.token_key, timezone.now())


def note_events(request: HttpRequest, count: int) -> None:
    """So many events were shown."""
    note_of(request).events = count


def leave_out(request: HttpRequest) -> None:
    """Nothing was shown that had not been shown and recorded before."""
    note_of(request).left_out = True


def count_lines(request: HttpRequest, pieces: Iterable[bytes], header: bytes) -> Iterator[bytes]:
    """The pieces of a file of one event a line, each event noted as it goes out: canonical JSON
    has no line end inside, and no field of an event has."""
    note = note_of(request)
    lines = -header.count(b"\n")
    for piece in pieces:
        lines += piece.count(b"\n")
        note.events = max(0, lines)
        yield piece


_CALLER = "portal.caller"


def name_token(request: HttpRequest, token_key: str) -> None:
    """The request came with this token, and the token is valid."""
    request.META[_CALLER] = f"token {token_key}"


def name_account(request: HttpRequest, account: object) -> None:
    """The request belongs to the session of this account."""
    request.META[_CALLER] = f"account {account}"


def known_caller(request: HttpRequest) -> str | None:
    """Whose request it is; None for a stranger's, and as long as nobody has looked."""
    found: str | None = request.META.get(_CALLER)
    return found


def caller_of(request: HttpRequest) -> str:
    """Whose request it is; strangers are told apart by their address."""
    return known_caller(request) or stranger(request)


def stranger(request: HttpRequest) -> str:
    """The name of whoever asks from this address and is not known otherwise."""
    return f"address {network_of(client_address(request))}"
