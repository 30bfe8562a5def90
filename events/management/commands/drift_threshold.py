"""`drift_threshold`: shows or sets the clock difference above which an event gets a warning.

A change is an event of the ledger, which sets the row that the trigger reads.
"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from events.management.base import LedgerCommand, add_json
from events.registrar import registrar
from events.store.drift import get_threshold


class Command(LedgerCommand):
    """Prints the threshold in seconds, after a change the new one."""

    help = (
        "Show the clock drift threshold in seconds, or set it. It applies to events written "
        "from then on; existing warnings stay."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "seconds", nargs="?", help="a positive number of seconds, such as 5 or 0.250"
        )
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = options["seconds"]
        seconds = get_threshold("default") if wanted is None else registrar().set_threshold(wanted)
        self.answer({"threshold_seconds": str(seconds)}, f"{seconds} seconds", options)
