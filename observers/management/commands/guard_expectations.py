"""`guard_expectations`: writes the guards of a freshly migrated ledger to a file. Refuses a ledger
that has events."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command

from events.management.base import LedgerCommand, refuse
from events.store.guards import read_guards
from events.store.ledger import PostgresEventStore
from observers.guards.comparison import to_document
from observers.guards.look import EXPECTED


class Command(LedgerCommand):
    """Migrate an empty database, read, write the file."""

    help = (
        "Write the file that check_guards compares with. Run it through `make guard-expectations` "
        "after any migration or grant was added: it migrates an empty database of its own, reads "
        "the catalogue, and writes observers/guards/expected.json. Read its diff before you "
        "commit it: the portal will accept exactly this."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--write", action="store_true", help="write the file instead of standard output"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("apply_grants")
        if PostgresEventStore().last_sequence():
            refuse("this ledger has events: run it on a fresh one")
        state = read_guards()
        document = to_document(state.major, state.facts)
        text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        if options["write"]:
            EXPECTED.write_text(text, encoding="utf-8")
        else:
            self.stdout.write(text)
