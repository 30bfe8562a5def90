"""The rights that there are, and which group has which.

It must never be asked for a name: a right is one of these permissions, or it is none.
"""

from __future__ import annotations

from typing import Any

READ = "events.read_ledger"
VERIFY = "events.start_verification"
SEE_ACCESS = "events.view_accessentry"
HALT = "events.halt_ledger"
KEYS = "events.manage_keys"
CEREMONIES = "events.hold_ceremonies"

AUDITOR, OPERATOR, ADMINISTRATOR = "auditor", "operator", "administrator"

_MIRRORS = (
    "ledgerevent",
    "append",
    "agentkey",
    "witness",
    "clockdriftwarning",
    "ledgerconfig",
    "haltstate",
    "ceremonystep",
    "verification",
)
_AUDITOR = (READ, VERIFY, SEE_ACCESS, *(f"events.view_{name}" for name in _MIRRORS))
_OPERATOR = (
    *_AUDITOR,
    HALT,
    KEYS,
    CEREMONIES,
    "events.view_apitoken",
    "events.delete_apitoken",
)
_ADMINISTRATOR = (
    *_OPERATOR,
    "auth.view_user",
    "auth.add_user",
    "auth.change_user",
    "auth.view_group",
)

GROUPS: dict[str, tuple[str, ...]] = {
    AUDITOR: _AUDITOR,
    OPERATOR: _OPERATOR,
    ADMINISTRATOR: _ADMINISTRATOR,
}
"""Each group has all that the one before has. Nobody deletes accounts: they are switched off, so
that a name in a record goes on meaning one person."""

STAFF = (OPERATOR, ADMINISTRATOR)
"""Groups that may enter the admin, and that need a second factor where one is required."""


def may(user: Any, right: str) -> bool:
    """Whether a user of a request has a right. Superusers have all, who is not active has none."""
    return user is not None and user.is_authenticated and bool(user.has_perm(right))
