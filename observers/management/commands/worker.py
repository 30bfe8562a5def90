"""`worker`: runs verifications from the queue, the watch, and the delivery of alerts."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.db import connections
from procrastinate.exceptions import ConnectorException

from events.errors import LedgerError
from events.management.base import LedgerCommand, refuse
from events.store.maintenance import refuse_unfinished
from observers.verification_jobs.worker import connector, work


class Command(LedgerCommand):
    """Work until told to stop."""

    help = (
        "Carry out the verifications that people start in the portal, one at a time, watch the "
        "ledger every 30 seconds, and deliver alerts. `portal` runs one; more, on any machine, "
        "share the work. Nothing is lost when it is stopped or killed: the next one continues from "
        "the last checkpoint."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what is waiting now, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            refuse_unfinished("default")
        except LedgerError as error:
            refuse(str(error))
        connections.close_all()
        try:
            asyncio.run(work(connector(), wait=not options["once"]))
        except ConnectorException as error:
            refuse(f"the database went away: {error.__cause__ or error}")
