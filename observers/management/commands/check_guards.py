"""`check_guards`: compares the ledger's guards with what the migrations create."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from events.format.names import show
from events.management.base import LedgerCommand, add_json
from observers.guards.comparison import fingerprint
from observers.guards.look import Guards, compare_guards, expectations
from observers.management import arguments


class Command(LedgerCommand):
    """Parse, look, print."""

    help = (
        "Compare what guards the ledger in the database with what the migrations make: every "
        "trigger (on under any setting, and what it does), the source of every function, owners, "
        "the rights of each role, superusers and other roles that no right stops, "
        "session_replication_role, the constraints and defaults of event_id and sequence, rules, "
        "policies, event triggers. Nothing is repaired. " + arguments.EXIT_CODES
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        guards = compare_guards()
        self.stdout.write(arguments.dump(as_dict(guards)) if options["json"] else as_text(guards))
        if guards.deviations:
            sys.exit(arguments.FINDINGS)


def as_dict(guards: Guards) -> dict[str, Any]:
    """The result for machines."""
    return {
        "is_sound": not guards.deviations,
        "compared": len(guards.state.facts),
        "role": guards.role,
        "postgresql": guards.state.major,
        "expectations_of_postgresql": expectations().major,
        "fingerprint": fingerprint(guards.deviations),
        "findings": [{"name": each.name} | each.as_dict() for each in guards.deviations],
    }


def as_text(guards: Guards) -> str:
    """The result for people."""
    lines = [f"{len(guards.state.facts):,} facts compared, as {guards.role}."]
    if guards.compared_in_part:
        lines.append(
            f"  note: this is PostgreSQL {guards.state.major}, the expectations are of "
            f"{expectations().major}: the wording of checks, views and SQL bodies is not compared"
        )
    lines += [f"  {show(str(each))}" for each in guards.deviations]
    count = len(guards.deviations)
    lines.append("Every guard is in place." if not count else f"NOT IN PLACE: {count:,}.")
    return "\n".join(lines)
