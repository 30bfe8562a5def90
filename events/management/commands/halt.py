"""`halt`: stops every append until a ceremony clears the halt."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from events.append.services import writer
from events.errors import LedgerError
from events.format.names import show
from events.halting import halt
from events.management.base import LedgerCommand, add_json, refuse
from events.store.registry import are_ceremonies_in_force


class Command(LedgerCommand):
    """Prints the ledger's state."""

    help = (
        "Halt the ledger (CT-11): within a second no writer can append. Reading stays "
        "possible. The halt is an event of the ledger; if that cannot be written, "
        "the ledger is halted anyway, and the record is written later. Only a ceremony of "
        "three people clears it (`ceremony propose clear_halt`). Exit codes: 0 halted by "
        "this command, 1 halted already, 2 could not halt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", required=True, help="why; visible to everybody")
        parser.add_argument("--by", required=True, metavar="PERSON", help="who halts")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = halt(writer(), reason=options["reason"], by=options["by"])
            in_force = are_ceremonies_in_force("default")
        except LedgerError as error:
            refuse(str(error))
        answer = {
            "halted": done.state.halted,
            "is_new": done.is_new,
            "reason": done.state.reason,
            "by": done.state.halted_by,
            "since": done.state.halted_at,
            "sequence": done.event.sequence if done.event else None,
            "unwitnessed_because": done.unwitnessed_because,
        }
        self.answer(answer, _text(answer), options)
        if not in_force:
            self.stderr.write(
                "WARNING: fewer than three people are registered, so no ceremony can clear this "
                "halt. `people add` registers the first three."
            )
        if not done.is_new:
            sys.exit(1)


def _text(answer: dict[str, Any]) -> str:
    reason = show(answer["reason"])
    if not answer["is_new"]:
        return f"Halted already since {answer['since']}: {reason}"
    where = f"event {answer['sequence']} says so"
    if answer["unwitnessed_because"]:
        where = (
            f"no event could be written ({show(answer['unwitnessed_because'])}); the record is "
            "kept and written when the halt is cleared"
        )
    return f"Halted since {answer['since']}: {reason}. In the ledger: {where}."
