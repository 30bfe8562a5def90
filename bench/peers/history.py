"""The usual choice in Django: saving a model whose history a package keeps.

The counted rows are those of the history.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import django
from django.conf import settings

from bench.peers import Write, nothing
from bench.play import Happening

APPS = (
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "pgtrigger",
    "pghistory",
    "auditlog",
    "simple_history",
    "bench.peers.records",
)


class _History:
    """A save is one transaction: the row and its history are durable together."""

    model = ""
    history = ""

    def __init__(self, dsn: dict[str, str]) -> None:
        self.opened = nothing
        database = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": f"django_{self.model.lower()}",
            "HOST": dsn["host"],
            "PORT": dsn["port"],
            "USER": dsn["user"],
        }
        self._dsn = dsn
        settings.configure(
            DATABASES={"default": database},
            INSTALLED_APPS=APPS,
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            USE_TZ=True,
        )
        django.setup()

    def install(self) -> None:
        import psycopg
        from django.core.management import call_command
        from psycopg import sql

        name = settings.DATABASES["default"]["NAME"]
        with psycopg.connect(**self._dsn, autocommit=True) as connection:  # type: ignore[arg-type]
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        # A history refers to accounts, so their tables are made first.
        call_command("migrate", "auth", verbosity=0)
        call_command("migrate", run_syncdb=True, verbosity=0)
        call_command("pgtrigger", "install")

    @contextmanager
    def caller(self) -> Iterator[Write]:
        from django.apps import apps
        from django.db import connections, transaction

        model = apps.get_model("records", self.model)

        def write(happenings: Sequence[Happening]) -> None:
            for one in happenings:
                with transaction.atomic():
                    model(
                        event_type=one.event_type,
                        agent_id=one.agent_id,
                        payload=json.loads(one.payload),
                        local_timestamp=one.local_time(datetime.now(UTC)),
                    ).save()

        try:
            yield write
        finally:
            connections.close_all()

    def rows(self) -> int:
        from django.apps import apps

        return int(apps.get_model(self.history)._default_manager.count())


class Pghistory(_History):
    """django-pghistory."""

    model = "PghistoryRecord"
    history = "records.PghistoryRecordEvent"


class Auditlog(_History):
    """django-auditlog."""

    model = "AuditlogRecord"
    history = "auditlog.LogEntry"


class SimpleHistory(_History):
    """django-simple-history."""

    model = "SimpleHistoryRecord"
    history = "records.HistoricalSimpleHistoryRecord"
