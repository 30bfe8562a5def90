"""`database_roles`: the roles of a database of one's own, made or mended, and never twice."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from psycopg.conninfo import make_conninfo
from pytest_django import Settings

from events.tests.support.ledger import Ledger

ATTRIBUTES = "SELECT rolsuper, rolcreaterole, rolcanlogin FROM pg_roles WHERE rolname = %s"


@pytest.fixture
def admin(ledger: Ledger, settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """The command's administrator is the superuser; roles are put right again afterwards, since
    they belong to the whole server."""
    url = make_conninfo(**ledger.server.dsn("postgres", ledger.name))
    settings.PORTAL_ADMIN_DATABASE_URL = url
    with ledger.connect("postgres") as superuser:
        yield superuser
        superuser.execute("ALTER ROLE portal_app NOSUPERUSER NOCREATEROLE")
        superuser.execute("REVOKE portal_owner FROM portal_app")


def apply() -> str:
    output = io.StringIO()
    call_command("database_roles", "--apply", stdout=output)
    return output.getvalue()


def test_takes_away_what_is_too_much(ledger: Ledger, admin: psycopg.Connection[Any]) -> None:
    admin.execute("ALTER ROLE portal_app CREATEROLE")
    admin.execute("GRANT portal_owner TO portal_app")
    admin.execute("GRANT UPDATE ON events TO portal_app")
    assert "rights are up to date" in apply()
    assert ledger.query(ATTRIBUTES, ["portal_app"]) == [(False, False, True)]
    assert ledger.query(
        "SELECT pg_has_role('portal_app', 'portal_owner', 'MEMBER'),"
        " has_table_privilege('portal_app', 'events', 'UPDATE'),"
        " has_table_privilege('portal_app', 'events', 'INSERT')"
    ) == [(False, False, True)]
    assert apply() == apply()


def test_gives_a_database_to_the_owner(ledger: Ledger, admin: psycopg.Connection[Any]) -> None:
    admin.execute(f"ALTER DATABASE {ledger.name} OWNER TO postgres")
    apply()
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert ledger.query(owner) == [("portal_owner",)]


def test_what_is_printed_is_what_is_applied(ledger: Ledger, admin: psycopg.Connection[Any]) -> None:
    output = io.StringIO()
    call_command("database_roles", "--print", stdout=output)
    admin.execute("GRANT DELETE ON events TO portal_app")
    admin.execute(output.getvalue())
    assert ledger.query("SELECT has_table_privilege('portal_app', 'events', 'DELETE')") == [
        (False,)
    ]


def test_says_what_is_missing(ledger: Ledger, settings: Settings) -> None:
    settings.PORTAL_ADMIN_DATABASE_URL = ""
    with pytest.raises(CommandError, match="ADMIN_DATABASE_URL is not set"):
        apply()
    settings.PORTAL_ADMIN_DATABASE_URL = "postgresql://nobody@127.0.0.1:1/nothing"
    with pytest.raises(Exception, match="the roles were not created: "):
        apply()
