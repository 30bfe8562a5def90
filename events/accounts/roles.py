"""The three groups, their rights, and the accounts in them.

Invariant: a right that an administrator gave a group is never taken away.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Q

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
that a name in a record keeps meaning one person."""

STAFF = (OPERATOR, ADMINISTRATOR)
"""Groups that may enter the admin, and that need a second factor where one is required."""


def may(user: Any, right: str) -> bool:
    """Return True if the user has a right. Superusers have all, inactive users none."""
    return user is not None and user.is_authenticated and bool(user.has_perm(right))


SERVICE_USER = "api"
"""The service account that owns all API tokens; it belongs to no person and no group."""


def ensure_groups() -> None:
    """Create the groups, or add rights that they lack.

    Accounts from before there were groups keep their rights: reading, or everything.
    """
    with transaction.atomic():
        first = not Group.objects.filter(name__in=GROUPS).exists()
        for name, rights in GROUPS.items():
            group, _ = Group.objects.get_or_create(name=name)
            group.permissions.add(*_permissions(rights))
        if first:
            for account in User.objects.filter(groups=None).exclude(username=SERVICE_USER):
                set_group(account, ADMINISTRATOR if account.is_superuser else AUDITOR)


def set_group(account: User, name: str) -> None:
    """Move an account into one of the groups, and out of the others."""
    account.groups.remove(*Group.objects.filter(name__in=GROUPS).exclude(name=name))
    account.groups.add(Group.objects.get(name=name))
    follow_group(account)


def follow_group(account: User) -> None:
    """Derive admin access from the group."""
    staff = account.is_superuser or group_of(account) in STAFF
    if account.is_staff != staff:
        account.is_staff = staff
        account.save(update_fields=["is_staff"])


def group_of(account: User) -> str | None:
    """Return the group with the most rights that an account is in."""
    names = set(account.groups.values_list("name", flat=True))
    return next((name for name in reversed(GROUPS) if name in names), None)


def _permissions(rights: tuple[str, ...]) -> list[Permission]:
    wanted = Q()
    for right in rights:
        app, _, codename = right.partition(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    return list(Permission.objects.filter(wanted))
