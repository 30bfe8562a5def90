"""Django's connection starts the embedded server, and restarts it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from auditportal.embedded import EmbeddedPostgres, sharing

Manage = Callable[..., subprocess.CompletedProcess[str]]


def shell(manage: Manage, source: str, **environment: str) -> str:
    ran = manage("shell", "--no-imports", "-c", source, **environment)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_command_starts_the_server_for_as_long_as_it_needs_it(manage: Manage, home: Path) -> None:
    ask = (
        "from django.db import connections\n"
        "for alias in ('default', 'owner'):\n"
        "    with connections[alias].cursor() as cursor:\n"
        "        cursor.execute('SELECT current_user, current_setting(%s)', ['TimeZone'])\n"
        "        print(*cursor.fetchone())\n"
    )
    assert shell(manage, ask) == "portal_app UTC\nportal_owner UTC\n"
    assert EmbeddedPostgres(home).pid is None


def test_a_command_uses_a_running_server_and_leaves_it(
    manage: Manage, server: EmbeddedPostgres
) -> None:
    """`server` is not a counted user, so a counted one holds it open meanwhile."""
    sharing.use(server)
    before = server.pid
    try:
        shell(manage, "from django.db import connection; connection.ensure_connection()")
        assert server.pid == before
    finally:
        sharing.leave(server)


def test_a_new_connection_revives_a_killed_server(manage: Manage, home: Path) -> None:
    """The old connection fails once; the next request opens a new one, and it answers."""
    ask = (
        "from django.db import connection, OperationalError\n"
        "from django.conf import settings\n"
        "from auditportal.embedded import EmbeddedPostgres\n"
        "connection.ensure_connection()\n"
        "EmbeddedPostgres(settings.PORTAL_HOME).kill()\n"
        "from django.core.signals import request_started\n"
        "request_started.send(None)\n"
        "cursor = connection.cursor()\n"
        "cursor.execute('SELECT 7')\n"
        "print(*cursor.fetchone())\n"
    )
    assert shell(manage, ask) == "7\n"
    assert EmbeddedPostgres(home).pid is None


def test_a_database_elsewhere_is_left_alone(manage: Manage, home: Path) -> None:
    ran = manage(
        "showmigrations",
        DATABASE_URL="postgresql://127.0.0.1:1/portal",
        DJANGO_SECRET_KEY="x" * 50,
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("manage.py: the database does not answer: ")
    assert len(ran.stderr.splitlines()) == 1
    assert not home.exists()


def test_a_broken_home_is_reported_in_one_line(manage: Manage, home: Path) -> None:
    home.write_text("")
    ran = manage("showmigrations")
    home.unlink()
    assert ran.returncode == 2
    assert f"{home} is a file, not a folder" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_migrations_run_as_the_owner_alone(manage: Manage) -> None:
    ran = manage("migrate", "--database", "default")
    assert ran.returncode == 2
    assert "migrations run as the owner" in ran.stderr
