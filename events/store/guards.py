"""What guards the ledger in the database, as its catalogue has it: triggers, functions, owners,
rights, constraints, settings; and what is in force that no event decided. It must never judge or
repair: it only says what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, OperationalError, connections, transaction

from events.store.connection import execute, fetch_all, first_line, named_errors

OBSERVER = "portal_observer"
"""The observer's role where no connection of its own names one."""

DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
"""Settings that are said to be off where they are."""

_FORMS = (
    "application_name backslash_quote bytea_output client_encoding client_min_messages datestyle "
    "escape_string_warning extra_float_digits intervalstyle lc_.* quote_all_identifiers "
    "standard_conforming_strings timezone"
)
_LIMITS = (
    "client_connection_check_interval deadlock_timeout idle_in_transaction_session_timeout "
    "idle_session_timeout lock_timeout statement_timeout tcp_.* temp_file_limit transaction_timeout"
)
_PLANS = (
    "constraint_exclusion cpu_.*_cost cursor_tuple_fraction default_statistics_target effective_.* "
    "enable_.* .*_collapse_limit geqo.* hash_mem_multiplier jit.* maintenance_work_mem "
    ".*parallel.* plan_cache_mode random_page_cost seq_page_cost temp_buffers work_mem"
)
_LOGS = r"auto_explain\..* log_.* pg_stat_statements\..* track_.*"
HARMLESS = re.sub(" +", "|", f"^({_FORMS} {_LIMITS} {_PLANS} {_LOGS})$")
"""Settings, in lower case, of which a role or the database may have its own: forms of text, which
every connection of the portal sets for itself, limits, plans and logs. Every other is a fact."""


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
        "harmless": HARMLESS,
        "durable": list(DURABLE),
    }
    with _pinned(using):
        facts = _read(using, "guard_facts", parameters)
        facts += _read(using, "guard_surroundings", parameters)
        execute(using, "pin_decisions", {})
        facts += _read(using, "decision_facts", {})
    with named_errors():
        connection = connections[using]
        connection.ensure_connection()
        info = connection.connection.info
        return GuardState(info.user, info.server_version // 10_000, tuple(sorted(facts)))


def _read(using: str, query: str, parameters: Mapping[str, Any]) -> list[Fact]:
    """The facts of one query. One that is refused is a fact too: who takes the right to read the
    catalogue away, or a table, is not to be passed over."""
    try:
        with transaction.atomic(using=using):
            return [Fact(*row) for row in fetch_all(using, query, parameters)]
    except OperationalError:
        raise  # the connection was lost at the savepoint, and says nothing of the guards
    except DatabaseError as error:
        return [Fact("reading", query, first_line(error))]


def read_versions(using: str = "default") -> dict[str, str]:
    """Of each guard that the catalogue has a row for, as `trigger events.check_append`, which
    change of the catalogue made it what it is."""
    with _pinned(using):
        return dict(fetch_all(using, "guard_versions", {"tables": ledger_tables()}))


@contextmanager
def _pinned(using: str) -> Iterator[None]:
    """One transaction in which names are PostgreSQL's own and text has one form. It is rolled back,
    so that nothing of this stays, also inside of a transaction of the caller's."""
    with named_errors(), transaction.atomic(using=using):
        execute(using, "pin_catalogue", {})
        yield
        transaction.set_rollback(True, using=using)


def _owner(using: str) -> str | None:
    """The owner's role; None where the portal was given none, and whoever owns `events` is it."""
    owner = _user("owner")
    return owner if owner != _user(using) else None


def _user(alias: str) -> str | None:
    if alias not in connections.settings:
        return None
    return str(connections[alias].settings_dict["USER"]) or None
