"""`ensure_keys`: creates the first keys of a new ledger, and leaves existing keys alone."""

from __future__ import annotations

from typing import Any

from events.append.services import signing_service, witness_service
from events.keys.first_keys import ensure_keys
from events.management.base import LedgerCommand


class Command(LedgerCommand):
    """Prints one line for each key created."""

    help = (
        "Create the system's key, a first agent's key and a first witness, each only if the ledger "
        "never had one. Safe to run repeatedly and concurrently."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for line in ensure_keys(signing_service(), witness_service()):
            self.stdout.write(line)
