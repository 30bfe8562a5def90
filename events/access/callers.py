"""Names whoever makes a request, once somebody has found out who that is.

The name is put beside the request, where the gate in front of everything finds it when the answer
comes back (`auditportal.gate`).
"""

from __future__ import annotations

from django.http import HttpRequest

from events.access.address import client_address, network_of

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
