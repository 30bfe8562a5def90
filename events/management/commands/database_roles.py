"""`database_roles`: prints or applies the SQL that creates the ledger's three roles."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from events.management.base import LedgerCommand, refuse
from events.store import maintenance


class Command(LedgerCommand):
    """Prints the SQL, or applies it."""

    help = (
        "Create the roles portal_owner (migrates and owns), portal_app (owns nothing; SELECT and "
        "INSERT where the ledger is append-only) and portal_observer (SELECT), give the database "
        "to the owner, and grant each what it needs and nothing else. --print writes the SQL for "
        "psql; --apply runs it as ADMIN_DATABASE_URL. Both can be repeated safely. Set the "
        "passwords yourself. The embedded database creates its own roles."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--print", action="store_true", help="write the SQL to standard output")
        what.add_argument("--apply", action="store_true", help="run it as ADMIN_DATABASE_URL")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["print"]:
            self.stdout.write(maintenance.script())
            return
        if not settings.PORTAL_ADMIN_DATABASE_URL:
            refuse(
                "ADMIN_DATABASE_URL is not set: the ledger's database, as a role that may create "
                "roles"
            )
        maintenance.make_roles(settings.PORTAL_ADMIN_DATABASE_URL)
        self.stdout.write("The roles exist.")
        if maintenance.is_migrated():
            maintenance.grant()
            self.stdout.write("Their rights are up to date.")
        else:
            self.stdout.write("Next, as OWNER_DATABASE_URL: manage.py migrate, then apply_grants.")
