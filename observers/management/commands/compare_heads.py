"""`compare_heads`: checks that heads saved elsewhere are still in the ledger."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any

from events.errors import LedgerError
from events.format.names import show
from events.management.base import LedgerCommand, add_json, refuse
from observers.heads.rollback import Compared, compare
from observers.heads.seen import read_files
from observers.management import arguments
from observers.replica.reading import alias_reaching

SHOWN = 100

EPILOG = (
    """\
Save a head as often as you like, on a machine that is not the ledger's:

  curl -sf -H "Authorization: Bearer $TOKEN" https://ledger.example.org/api/v1/head >> heads.jsonl
  echo >> heads.jsonl

A head that is no longer in the ledger means that the ledger was put back to an earlier state,
or rewritten: keep the file, and ask who runs the ledger for the event that says so.

"""
    + arguments.EXIT_CODES
)


class Command(LedgerCommand):
    """Parse, compare, print."""

    help = (
        "Compare saved answers of GET /api/v1/head with the ledger: is the event that each names "
        "there, with that hash? A file holds one answer, an array of answers, or one per line. "
        "The exit code is 1 if any is missing."
    )
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name,
            subcommand,
            formatter_class=RawDescriptionHelpFormatter,
            epilog=EPILOG,
            **kwargs,
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="- is standard input")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            placed = read_files(options["files"])
            if not placed:
                refuse(f"no head in {', '.join(options['files'])}")
            using = alias_reaching(max(head.sequence for _, head in placed) or None)
            compared = compare(using, [head for _, head in placed])
        except LedgerError as error:
            refuse(str(error))
        places = [place for place, _ in placed]
        document = as_dict(places, compared)
        self.stdout.write(
            arguments.dump(document) if options["json"] else as_text(places, compared)
        )
        if not document["is_sound"]:
            sys.exit(arguments.FINDINGS)


def as_dict(places: Sequence[str], compared: Sequence[Compared]) -> dict[str, Any]:
    """The result for machines."""
    lost = sum(not each.is_kept for each in compared)
    return {
        "is_sound": lost == 0,
        "compared": len(compared),
        "not_in_ledger": lost,
        "last_sequence": compared[0].last,
        "heads": [
            {"place": place} | each.as_dict() for place, each in zip(places, compared, strict=True)
        ],
    }


def as_text(places: Sequence[str], compared: Sequence[Compared]) -> str:
    """The result for people."""
    pairs = list(zip(places, compared, strict=True))
    lost = [(place, each) for place, each in pairs if not each.is_kept]
    lines = [f"Heads compared: {len(pairs):,}; the ledger ends at {compared[0].last:,}."]
    listed = (f"{place}: head {each.head}: {each.found}" for place, each in lost[:SHOWN])
    lines += [f"  {show(text)}" for text in listed]
    if len(lost) > SHOWN:
        lines.append(f"  … and {len(lost) - SHOWN:,} more (--json lists all)")
    kept = [each.head.sequence for _, each in pairs if each.is_kept]
    if lost and kept:
        lines.append(f"  The last one found in the ledger is {max(kept):,}.")
    lines.append(
        "All were found in the ledger." if not lost else f"NOT IN THE LEDGER: {len(lost):,}."
    )
    return "\n".join(lines)
