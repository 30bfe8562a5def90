"""`drift_report`: whose clocks were off, by how much, and at which events."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django.conf import settings

from events.management.command import LedgerCommand
from events.names import show
from events.store import drift
from events.store.drift import AgentDrift
from observers.management import arguments


class Command(LedgerCommand):
    """Parse, ask the store, print."""

    help = (
        "Clock drift by agent (AC4): events whose writer's clock differs from the database's by "
        "more than the threshold. They were accepted all the same; timestamps order nothing. "
        + arguments.EXIT_CODES
        + " A drift warning is a finding."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        arguments.add_range(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        arguments.require_order(options["start"], options["end"])
        using = settings.LEDGER_READ_ALIAS
        threshold = drift.get_threshold(using)
        agents = drift.drift_by_agent(using, start=options["start"], end=options["end"])
        if options["json"]:
            self.stdout.write(arguments.dump(as_json(threshold, agents)))
        else:
            self.stdout.write(as_text(threshold, agents))
        if agents:
            sys.exit(arguments.FINDINGS)


def as_json(threshold: Decimal, agents: list[AgentDrift]) -> dict[str, Any]:
    """Seconds are decimal strings, so that none of them is rounded on the way."""
    return {
        "threshold_seconds": str(threshold),
        "warnings": sum(agent.warnings for agent in agents),
        "agents": [asdict(agent) for agent in agents],
    }


def as_text(threshold: Decimal, agents: list[AgentDrift]) -> str:
    """A table, the worst agent first."""
    if not agents:
        return f"No clock differs by more than {threshold.normalize():f} s."
    rows: list[tuple[str, ...]] = [
        ("agent", "warnings", "median s", "95 % s", "worst s", "direction", "sequences")
    ]
    rows += [_row(agent) for agent in agents]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = [
        "  ".join(
            cell.ljust(width) if column in (0, 5, 6) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    total = sum(agent.warnings for agent in agents)
    return "\n".join([f"{total:,} drift warnings above {threshold.normalize():f} s", *table])


def _row(agent: AgentDrift) -> tuple[str, ...]:
    behind = agent.warnings - agent.ahead
    direction = "ahead" if not behind else "behind" if not agent.ahead else "both"
    return (
        show(agent.agent_id or "(system)"),
        f"{agent.warnings:,}",
        f"{agent.median_seconds:,}",
        f"{agent.p95_seconds:,}",
        f"{agent.worst_seconds:,}",
        direction,
        f"{agent.first_sequence} to {agent.last_sequence}",
    )
