"""Calls the endpoints of log shippers, with the token in the form of each protocol."""

from __future__ import annotations

import base64
from typing import Any

from django.test import Client

from events.format import key_events
from events.tests.support import api
from events.tests.support.ledger import OPENING, Ledger


def send(
    path: str,
    body: bytes,
    authorization: str,
    content_type: str = "application/json",
    **headers: str,
) -> Any:
    """POST a body to an address outside the API."""
    return Client(raise_request_exception=False).generic(
        "POST",
        path,
        body,
        content_type,
        headers={"Authorization": authorization, **headers} if authorization else headers,
        # The client says neither type nor length of an empty body.
        CONTENT_TYPE=content_type,
        CONTENT_LENGTH=str(len(body)),
    )


def token(*options: str) -> str:
    """A token of agent-7."""
    return api.issue("--agent", "agent-7", *options)


def basic(secret: str, name: str = "elastic") -> str:
    """A header with the token as a password."""
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def rows(ledger: Ledger) -> list[tuple[str, str | None, Any]]:
    """Type, agent and payload of every event behind the opening that registers no key."""
    return ledger.query(
        "SELECT event_type, agent_id, payload FROM events"
        " WHERE sequence > %s AND event_type <> %s ORDER BY sequence",
        [OPENING, key_events.REGISTERED],
    )
