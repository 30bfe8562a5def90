"""`migrate`, as the role that owns the tables.

Invariant: it runs on `owner` only. On another alias the router would skip every operation, and
Django would still record the migration as applied.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate

from auditportal.bootstrap import UnfitServer, require_writable
from events.management.base import refuse


class Command(migrate.Command):
    """Django's command on the database `owner`."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["database"] != "owner":
            refuse("migrations run as the owner: omit --database")
        try:
            facts = require_writable("owner")
        except UnfitServer as error:
            refuse(str(error))
        if options["verbosity"]:
            for warning in facts.warnings:
                self.stderr.write(f"WARNING: {warning}")
        super().handle(*args, **options)
