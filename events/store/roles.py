"""The database's roles and their rights, made from `roles.sql` and `grants.sql`.

It must never set a password, nor run but when it is asked to: what it would put right must be
seen first.
"""

from __future__ import annotations

import psycopg
from django.conf import settings
from django.db import connections, transaction

from events import sql
from events.errors import LedgerError
from events.store.connection import first_line
from events.store.session import pin


class RolesError(LedgerError):
    """The roles cannot be made with what was given."""


def script() -> str:
    """Everything as one script for psql: as an administrator, in the ledger's database."""
    return (
        f"{sql.load('roles.sql')}\n"
        "-- After `manage.py migrate`, as the owner; `manage.py apply_grants` does the same.\n"
        "SET ROLE portal_owner;\n"
        f"{sql.load('grants.sql')}RESET ROLE;\n"
    )


def make_roles(url: str) -> None:
    """Make the roles through an administrator's connection.

    Raises:
        RolesError: it cannot connect, or may not.
    """
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            pin(connection)
            connection.execute(sql.load("roles.sql").encode())
    except psycopg.Error as error:
        raise RolesError(f"the roles are not made: {first_line(error)}") from error


def grant() -> None:
    """Give the roles their rights, as the owner, and take every other away; and tell the database
    how long a proposal stands."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(sql.load("grants.sql"))
        cursor.execute(sql.load("queries/set_proposal_days.sql"), [settings.PORTAL_PROPOSAL_DAYS])


def is_migrated() -> bool:
    """Whether the ledger's tables are there to be granted."""
    with connections["owner"].cursor() as cursor:
        return "events" in connections["owner"].introspection.table_names(cursor)
