"""`drift_report`: lists agents by clock drift, with amounts and events; imports are counted
apart."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from django.conf import settings

from events.format.names import show
from events.management.base import LedgerCommand, table
from events.store.drift import get_threshold
from events.store.drift_figures import AgentDrift, drift_by_agent
from events.store.imports import Import, ImportDrift, drift_of_imports, list_imports, spans_of
from observers.management import arguments

TITLES = ("agent", "warnings", "median s", "95 % s", "worst s", "direction", "sequences")


class Command(LedgerCommand):
    """Parse, ask the store, print."""

    help = (
        "Clock drift by agent (AC4): events whose writer's clock differs from the database's by "
        "more than the threshold. They were accepted; timestamps do not decide the order. "
        "Clocks that ran while their events were written come first; events of imports, which have "
        "the times of old records, are counted apart. "
        + arguments.EXIT_CODES
        + " Warnings of running clocks are findings (exit code 1); those of imports are not."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        arguments.add_range(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        arguments.require_order(options["start"], options["end"])
        using = settings.LEDGER_READ_ALIAS
        threshold = get_threshold(using)
        start, end = options["start"], options["end"]
        imports = list_imports(using)
        agents = drift_by_agent(using, spans_of(imports), start=start, end=end)
        drifted = drift_of_imports(using, _within(imports, start, end))
        if options["json"]:
            self.stdout.write(arguments.dump(as_json(threshold, agents, drifted)))
        else:
            self.stdout.write(as_text(threshold, agents))
            for line in imports_as_text(drifted):
                self.stdout.write(line)
        if agents:
            sys.exit(arguments.FINDINGS)


def as_json(
    threshold: Decimal, agents: list[AgentDrift], imports: list[ImportDrift]
) -> dict[str, Any]:
    """`warnings` and `agents` are of running clocks. Seconds are decimal strings, so that none of
    them is rounded on the way."""
    return {
        "threshold_seconds": str(threshold),
        "warnings": sum(agent.warnings for agent in agents),
        "agents": [asdict(agent) for agent in agents],
        "import_warnings": sum(each.warnings for each in imports),
        "imports": [
            {
                "sequence": each.record.sequence,
                "first_sequence": each.record.first_sequence,
                "last_sequence": each.record.last_sequence,
                "sources": list(each.record.sources),
                "inputs": each.record.inputs,
                "warnings": each.warnings,
            }
            for each in imports
        ],
    }


def as_text(threshold: Decimal, agents: list[AgentDrift]) -> str:
    """A table, the worst agent first."""
    if not agents:
        return f"No clock differs by more than {threshold.normalize():f} s."
    total = sum(agent.warnings for agent in agents)
    rows = table(TITLES, [_row(agent) for agent in agents], empty="", numbers=",")
    return f"{total:,} drift warnings above {threshold.normalize():f} s\n{rows}"


def imports_as_text(imports: list[ImportDrift]) -> Iterator[str]:
    """Formats a line for each import that has warnings, and one for all."""
    if imports:
        total = sum(each.warnings for each in imports)
        yield f"{total:,} more come from imports, whose local times are those of old records:"
    for each in imports:
        record = each.record
        more = f" and {record.more_inputs:,} more" if record.more_inputs else ""
        yield (
            f"  {each.warnings:,} of {show(', '.join(record.sources))}{more}, "
            f"sequences {record.first_sequence} to {record.last_sequence}, event {record.sequence}"
        )


def _within(imports: list[Import], start: int | None, end: int | None) -> list[Import]:
    """Clips the imports to a range."""
    cut = [
        replace(
            one,
            first_sequence=max(one.first_sequence, start or 1),
            last_sequence=one.last_sequence if end is None else min(one.last_sequence, end),
        )
        for one in imports
    ]
    return [one for one in cut if one.first_sequence <= one.last_sequence]


def _row(agent: AgentDrift) -> tuple[str | int | Decimal, ...]:
    behind = agent.warnings - agent.ahead
    direction = "ahead" if not behind else "behind" if not agent.ahead else "both"
    return (
        agent.agent_id or "(system)",
        agent.warnings,
        agent.median_seconds,
        agent.p95_seconds,
        agent.worst_seconds,
        direction,
        f"{agent.first_sequence} to {agent.last_sequence}",
    )
