"""`watch_ledger`: looks at the ledger every half minute, and prints findings."""

from __future__ import annotations

import json
import sys
import threading
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.db import connections

from events.errors import LedgerError
from events.format.names import show
from events.management.base import LedgerCommand, refuse
from events.store.connection import first_line
from observers.management import arguments
from observers.watch.findings import Kind
from observers.watch.watch import Outcome, Watch


def kinds(text: str) -> list[Kind]:
    """Parses kinds of findings separated by commas."""
    try:
        return [Kind(word.strip()) for word in text.split(",") if word.strip()]
    except ValueError:
        raise ArgumentTypeError(f"{text!r}: choose from {', '.join(Kind)}") from None


def seconds(text: str) -> float:
    """Parses a pause of a second or more."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 3600:
        raise ArgumentTypeError("a number of seconds from 1 to 3600")
    return number


class Command(LedgerCommand):
    """Look, print, wait."""

    help = (
        "Look repeatedly for gaps, broken links, hashes and signatures, forks, a head that is not "
        "the last event, a head that was seen and has disappeared (which halts), and guards that "
        "are not in place. What is found is written into the ledger once, logged, and reported by "
        "e-mail and webhook where those are set; a finding that has been resolved is closed by "
        "another event. `worker` does the same every 30 seconds, and delivers the alerts. With "
        "--once, exit codes are: 0 nothing open, 1 open findings, 2 could not look."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="look once, then end")
        parser.add_argument("--interval", type=seconds, default=30.0, metavar="SECONDS")
        parser.add_argument(
            "--halt-on",
            type=kinds,
            default=[],
            metavar="KINDS",
            help=f"halt the ledger on a new finding of these: {', '.join(Kind)}",
        )
        parser.add_argument("--json", action="store_true", help="one line of JSON per look")

    def handle(self, *args: Any, **options: Any) -> None:
        watch, pause = Watch(options["halt_on"]), threading.Event()
        while True:
            try:
                outcome = watch.look()
            except LedgerError as error:
                if options["once"]:
                    refuse(f"could not look: {first_line(error)}")
                self.stderr.write(f"could not look: {first_line(error)}")
            else:
                self._say(outcome, options["json"])
                if options["once"]:
                    sys.exit(arguments.FINDINGS if outcome and not outcome.is_sound else 0)
            connections.close_all()
            pause.wait(options["interval"])

    def _say(self, outcome: Outcome | None, as_json: bool) -> None:
        if as_json:
            document = {"skipped": True} if outcome is None else outcome.as_dict()
            self.stdout.write(json.dumps(document, ensure_ascii=False))
        else:
            self.stdout.write(as_text(outcome))


def as_text(outcome: Outcome | None) -> str:
    """One look for people."""
    if outcome is None:
        return "Another watcher is looking."
    lines = [f"NEW {show(each.key)}: {show(each.text)}" for each in outcome.began]
    lines += [f"closed {show(each.key)}" for each in outcome.ended]
    state = "nothing open" if outcome.is_sound else f"{len(outcome.open)} open"
    if outcome.unrecorded:
        state += f", {len(outcome.unrecorded)} not recorded"
    lines.append(f"head {outcome.head}, verified through {outcome.place.verified}: {state}")
    return "\n".join(lines)
