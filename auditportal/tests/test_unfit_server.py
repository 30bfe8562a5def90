"""Starting on an unfit server or database fails with one clear line."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from pytest_django import DjangoDbBlocker
from structlog.testing import capture_logs

from auditportal.bootstrap import UnfitServer
from auditportal.embedded import EmbeddedPostgres
from auditportal.management.commands.serve import Command as Serve
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import Ledger, administering, point_at, put_keys_into

HOSTILE = {
    "standard_conforming_strings": "off",
    "DateStyle": "'German, DMY'",
    "IntervalStyle": "iso_8601",
    "bytea_output": "escape",
    "quote_all_identifiers": "on",
    "search_path": "nowhere",
    "client_encoding": "LATIN1",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "lock_timeout": "'1ms'",
    "idle_in_transaction_session_timeout": "'200ms'",
    "exit_on_error": "on",
    "extra_float_digits": "-15",
    "transform_null_equals": "on",
    "client_min_messages": "debug1",
}
NAME = "unfit"

Make = Callable[[str], psycopg.Connection[Any]]


@pytest.fixture
def make(postgres: EmbeddedPostgres, django_db_blocker: DjangoDbBlocker) -> Iterator[Make]:
    """Create an empty database of an encoding, which every alias points to, and drop it afterwards;
    a superuser's connection to it."""
    with administering(postgres) as admin, django_db_blocker.unblock():

        def make(encoding: str) -> psycopg.Connection[Any]:
            admin.execute(
                f"CREATE DATABASE {NAME} OWNER portal_owner ENCODING '{encoding}'"
                " TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'"
            )
            point_at(postgres, NAME)
            return Ledger(postgres, NAME).connect("postgres")

        yield make
        connections.close_all()
        admin.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


def start(command: str) -> str:
    """The error of a command that prepares the database."""
    options: dict[str, Any] = {}
    if command == "portal":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            options["port"] = free.getsockname()[1]
    with pytest.raises(CommandError) as refused:
        call_command(command, **options, stdout=io.StringIO(), stderr=io.StringIO())
    assert refused.value.returncode == 2
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_is_not_utf8_is_refused(make: Make, encoding: str) -> None:
    with make(encoding) as admin:
        for command in ("migrate", "portal"):
            said = start(command)
            assert f"'unfit' has the encoding {encoding}, and a ledger needs UTF8" in said
            assert "CREATE DATABASE" in said
        with pytest.raises(UnfitServer):
            Serve(stderr=io.StringIO())._check_server()
        tables = admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert tables.fetchall() == []


def test_a_server_that_takes_no_writes_is_refused(make: Make) -> None:
    with make("UTF8") as admin:
        admin.execute(f"ALTER DATABASE {NAME} SET default_transaction_read_only = on")
        connections.close_all()
        for command in ("migrate", "portal"):
            said = start(command)
            assert "'unfit' does not accept writes" in said
            assert "target_session_attrs=read-write" in said


def test_a_damaged_ledger_is_served_for_reading_with_a_warning(make: Make) -> None:
    with make("UTF8") as admin:
        admin.execute(f"ALTER DATABASE {NAME} SET default_transaction_read_only = on")
        connections.close_all()
        said = io.StringIO()
        with capture_logs() as lines:
            Serve(stderr=said)._check_server()
    assert "WARNING: the database 'unfit' does not accept writes" in said.getvalue()
    assert "database_read_only" in [line["event"] for line in lines]


def test_settings_without_which_a_power_cut_destroys_are_said(make: Make) -> None:
    """The server of the tests has both of them off."""
    with make("UTF8"):
        said = io.StringIO()
        with capture_logs() as lines:
            call_command("migrate", stdout=io.StringIO(), stderr=said)
    for name in ("fsync", "full_page_writes"):
        assert f"WARNING: {name} is off on the database server" in said.getvalue()
        assert any(line.get("setting") == name for line in lines)


def test_migrating_and_writing_do_not_depend_on_settings(
    make: Make, postgres: EmbeddedPostgres, tmp_path: Any, settings: Any
) -> None:
    settings.PORTAL_KEY_DIR = tmp_path / "keys"
    with make("UTF8") as admin:
        for name, value in HOSTILE.items():
            admin.execute(f"ALTER DATABASE {NAME} SET {name} = {value}".encode())
        connections.close_all()
        call_command("migrate", verbosity=0)
        call_command("apply_grants", verbosity=0)
        put_keys_into(tmp_path / "keys")
        ledger = Ledger(postgres, NAME)
        ledger.write(2)
        admin.execute(f"ALTER DATABASE {NAME} RESET ALL")
        assert_intact(ledger, 2)
