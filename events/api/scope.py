"""What of the ledger the caller may see.

It must never widen: a view that does not say how it narrows itself is closed to those who may
read their own agent's events alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, TypeVar

from django.conf import settings
from rest_framework.request import Request

from events.accounts.rights import READ, may
from events.api.problems import FORBIDDEN, Refused
from events.models import ApiToken, Reads


class Narrowable(Protocol):
    """A filter that can be narrowed to an agent."""

    @property
    def agent_id(self) -> str | None:
        """The agent whose rows pass; None lets every one pass."""


F = TypeVar("F", bound=Narrowable)


def only_agent(request: Request) -> str | None:
    """The agent whose events alone the caller may read; None: all of them."""
    return request.auth.only_agent if isinstance(request.auth, ApiToken) else None


def refusal_to_read(request: Request, *, narrows: bool) -> str:
    """Why the caller may not read here; "" if he may. `narrows`: this address can leave out
    what is not of one agent."""
    token = request.auth
    if isinstance(token, ApiToken):
        if token.reads == Reads.NOTHING:
            return "this token may only write"
        if token.reads == Reads.OWN and not narrows:
            return f"this token may only read the events of {token.agent_id}; here is more"
        return ""
    if settings.PORTAL_PUBLIC_READING or may(request.user, READ):
        return ""
    return "this account may not read the ledger"


def narrow(request: Request, chosen: F) -> F:
    """The filter, held to what the caller may see.

    Raises:
        Refused: another agent's events, or the system's, were asked for by name.
    """
    own = only_agent(request)
    if own is None:
        return chosen
    if chosen.agent_id not in (None, own) or getattr(chosen, "system", None):
        raise Refused(FORBIDDEN, f"this token may only read the events of {own}")
    return replace(chosen, agent_id=own)  # type: ignore[type-var]
