"""What must be there before the portal serves: tables, grants, groups, keys, somebody, style.

It must never keep a password in clear, and never prepare twice at the same time.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from events.accounts.groups import ensure_groups, set_group
from events.accounts.rights import ADMINISTRATOR
from observers.watch.at_start import repair_on_record

# Any number that nothing else of the portal locks.
PREPARATION_LOCK = 0x7072_6570


def prepare() -> str | None:
    """Bring everything up to date; the first administrator's password if it was made just now."""
    str(settings.SECRET_KEY)  # made now, so that a home that cannot keep it is told of now
    with _alone():
        with _on_record():
            call_command("migrate", verbosity=0, interactive=False)
            call_command("apply_grants")
        ensure_groups()
        call_command("ensure_keys")
        call_command("collectstatic", verbosity=0, interactive=False)
        return _first_administrator()


@contextmanager
def _alone() -> Iterator[None]:
    """Several portals may start at once on one database; they prepare one after the other."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SET lock_timeout = '15min'")  # longer than any of them takes
        cursor.execute("SELECT pg_advisory_lock(%s)", [PREPARATION_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [PREPARATION_LOCK])


def _on_record() -> AbstractContextManager[None]:
    """A database that still waits for migrations differs from what is expected because of these."""
    executor = MigrationExecutor(connections["owner"])
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return nullcontext() if waiting else repair_on_record()


def _first_administrator() -> str | None:
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(15)
    administrator = User(username="admin", is_staff=True, is_superuser=True)
    administrator.set_password(password)
    administrator.save()
    set_group(administrator, ADMINISTRATOR)
    return password
