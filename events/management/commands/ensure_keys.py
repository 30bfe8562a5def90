"""`ensure_keys`: creates the first keys of a new ledger, and leaves existing keys alone."""

from __future__ import annotations

from typing import Any

from events.management.base import LedgerCommand
from events.registrar import registrar


class Command(LedgerCommand):
    """Prints one line for each key created."""

    help = (
        "Open a new ledger: create the system's key, a first witness and a first agent's key, and "
        "write the events that register them. Safe to run repeatedly and concurrently."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for line in registrar().ensure_keys():
            self.stdout.write(line)
