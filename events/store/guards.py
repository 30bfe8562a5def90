"""What guards the ledger in the database, as its catalogue has it: triggers, functions, owners,
rights, constraints, settings; and what is in force that no event decided. It must never judge or
repair: it only says what is there."""

from __future__ import annotations

from dataclasses import dataclass

from django.apps import apps
from django.conf import settings
from django.db import connections

from events.store.connection import fetch_all, named_errors

OBSERVER = "portal_observer"
"""The observer's role where no connection of its own names one."""


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """One thing the catalogue says. `deparsed`: PostgreSQL wrote the value out anew, and another
    major version may word it otherwise."""

    aspect: str
    subject: str
    value: str
    deparsed: bool = False


@dataclass(frozen=True, slots=True)
class GuardState:
    """Every fact, seen by the role of the application."""

    role: str
    major: int
    """PostgreSQL's major version."""
    facts: tuple[Fact, ...]


def ledger_tables() -> list[str]:
    """The tables that raw SQL made: the ledger's, and what is kept beside it."""
    models = apps.get_app_config("events").get_models()
    return sorted(model._meta.db_table for model in models if not model._meta.managed)


def read_guards(using: str = "default") -> GuardState:
    """The facts of this moment. `using` must be the application's own connection: what its role
    may do, and how its sessions are set, is part of the answer."""
    parameters = {
        "tables": ledger_tables(),
        "owner": _owner(using),
        "observer": _user("observer") or OBSERVER,
        "administrators": list(settings.PORTAL_DATABASE_ADMINS),
    }
    rows = fetch_all(using, "guard_facts", parameters) + fetch_all(using, "decision_facts", {})
    facts = tuple(sorted(Fact(*row) for row in rows))
    with named_errors():
        connection = connections[using]
        connection.ensure_connection()
        info = connection.connection.info
        return GuardState(info.user, info.server_version // 10_000, facts)


def read_trigger_versions(using: str = "default") -> dict[str, str]:
    """Of each trigger, which change of the catalogue made it what it is."""
    return dict(fetch_all(using, "trigger_versions", {"tables": ledger_tables()}))


def _owner(using: str) -> str | None:
    """The owner's role; None where the portal was given none, and whoever owns `events` is it."""
    owner = _user("owner")
    return owner if owner != _user(using) else None


def _user(alias: str) -> str | None:
    if alias not in connections.settings:
        return None
    return str(connections[alias].settings_dict["USER"]) or None
