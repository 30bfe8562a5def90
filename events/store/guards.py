"""Reads the ledger's guards from the database's catalogue: triggers, functions, owners, rights,
constraints, settings; and rows that are in force without an event that decided them.

Reports facts only; `observers` judges them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, OperationalError, connections, transaction

from events.store.connection import execute, fetch_all, first_line, named_errors

OBSERVER = "portal_observer"
"""The observer's role, unless a connection of its own names one."""

DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
"""Durability settings that are reported when off."""

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
"""Settings, in lower case, that a role or the database may override: output formats, which every
connection of the portal sets for itself, limits, planner and logging. Every other override is a
fact."""


class Fact(NamedTuple):
    """One fact from the catalogue. `deparsed`: the value is SQL printed by PostgreSQL, which
    another major version may word differently."""

    aspect: str
    subject: str
    value: str
    deparsed: bool = False


@dataclass(frozen=True, slots=True)
class GuardState:
    """Every fact, as seen by the role of the application."""

    role: str
    major: int
    """PostgreSQL's major version."""
    facts: tuple[Fact, ...]


def ledger_tables() -> list[str]:
    """The tables created in plain SQL: the ledger's and those beside it."""
    models = apps.get_app_config("events").get_models()
    return sorted(model._meta.db_table for model in models if not model._meta.managed)


def read_guards(using: str = "default") -> GuardState:
    """Read all facts. `using` must be the application's own connection: its rights and session
    settings are part of the result."""
    parameters = {
        "tables": ledger_tables(),
        "owner": _owner(using),
        "observer": _user("observer") or OBSERVER,
        "administrators": list(settings.PORTAL_DATABASE_ADMINS),
        "harmless": HARMLESS,
        "durable": list(DURABLE),
    }
    with _pinned(using):
        facts = _read(using, "guards.guard_facts", parameters)
        facts += _read(using, "guards.guard_surroundings", parameters)
        execute(using, "guards.pin_decisions")
        facts += _read(using, "guards.decision_facts", {})
    with named_errors():
        connection = connections[using]
        connection.ensure_connection()
        info = connection.connection.info
        return GuardState(info.user, info.server_version // 10_000, tuple(sorted(facts)))


def _read(using: str, query: str, parameters: Mapping[str, Any]) -> list[Fact]:
    """The facts of one query. A refused query becomes a fact itself: revoking the right to read the
    catalogue or a table must not hide anything."""
    try:
        with transaction.atomic(using=using):
            return [Fact(*row) for row in fetch_all(using, query, parameters)]
    except OperationalError:
        raise  # the connection was lost: no fact about the guards
    except DatabaseError as error:
        return [Fact("reading", query.partition(".")[2], first_line(error))]


def read_versions(using: str = "default") -> dict[str, str]:
    """The catalogue version of each guard with a catalogue row, keyed like `trigger
    events.check_append`."""
    with _pinned(using):
        return dict(fetch_all(using, "guards.versions", {"tables": ledger_tables()}))


@contextmanager
def _pinned(using: str) -> Iterator[None]:
    """A transaction in which names resolve to PostgreSQL's own and text has one form. Rolled back,
    so that nothing of this persists, even inside the caller's transaction."""
    with named_errors(), transaction.atomic(using=using):
        execute(using, "guards.pin_catalogue")
        yield
        transaction.set_rollback(True, using=using)


def _owner(using: str) -> str | None:
    """The owner's role; None if the portal was given none, and the owner of `events` counts."""
    owner = _user("owner")
    return owner if owner != _user(using) else None


def _user(alias: str) -> str | None:
    if alias not in connections.settings:
        return None
    return str(connections[alias].settings_dict["USER"]) or None
