"""`check_continuity`: lists missing sequence numbers and the ceremonies that explain them."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from events.format.names import show
from events.management.base import LedgerCommand, refuse
from observers.continuity import Continuity, check_continuity, recall_continuity
from observers.management import arguments
from observers.replica.reading import alias_reaching
from observers.verification.report import KnownGap


class Command(LedgerCommand):
    """Parse, ask `observers.continuity`, print."""

    help = (
        "Look for missing sequence numbers (FR7, CT-13). A gap is a range; it is documented when a "
        "ceremony.sequence_skip event in the chain names exactly that range and passes every check "
        "of an event. Documented gaps are listed and are not findings. Rows numbered below 1, "
        "or twice, are findings. Every number is counted again; --remembered uses the portal's "
        "cached counts, and counts only what is new. " + arguments.EXIT_CODES
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        arguments.add_range(parser)
        parser.add_argument(
            "--remembered",
            action="store_true",
            help="the whole ledger, from the cached counts that the pages show",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        arguments.require_order(options["start"], options["end"])
        using = alias_reaching(options["end"])
        if options["remembered"]:
            if options["start"] != 1 or options["end"] is not None:
                refuse("--remembered covers the whole ledger: leave out --start and --end")
            result = recall_continuity(using)
        else:
            result = check_continuity(using, options["start"], options["end"])
        since = result.looked_since
        document = result.as_dict() | {"looked_since": since.isoformat() if since else None}
        render = arguments.dump(document) if options["json"] else as_text(result)
        self.stdout.write(render)
        if not result.is_sound:
            sys.exit(arguments.FINDINGS)


def as_text(result: Continuity) -> str:
    """The result for people."""
    if result.end < result.start and not result.stray_count:
        return "The ledger is empty; nothing can be missing." if result.end == 0 else "No events."
    span = f"Sequences {result.start:,} to {result.end:,}"
    strays = [f"  {show(each.text)}" for each in result.strays]
    if result.stray_count:
        strays.append(f"INCIDENT: {result.stray_count:,} rows outside the sequence.")
    if result.is_continuous:
        return "\n".join([f"{span}: none missing.", *strays, _kind(result)])
    lines = [f"{span}: {result.missing_count:,} missing in {_gaps(result.gap_count)}."]
    lines += [f"  {_line(known)}" for known in result.listed]
    if len(result.listed) < result.gap_count:
        lines.append(f"  … and {_gaps(result.gap_count - len(result.listed))} more")
    if result.is_explained:
        lines.append("Every gap is documented.")
    else:
        lines.append(
            f"INCIDENT: {_gaps(result.undocumented_gaps)} "
            f"({result.undocumented_missing:,} numbers) without explanation."
        )
    return "\n".join([*lines, *strays, _kind(result)])


def _kind(result: Continuity) -> str:
    if result.looked_since is None:
        return "Every number was counted now."
    return (
        f"From cached counts: every number was last checked after {result.looked_since:%F %T} UTC."
    )


def _line(known: KnownGap) -> str:
    gap = known.gap
    span = f"{gap.start}" if gap.count == 1 else f"{gap.start} to {gap.end} ({gap.count:,})"
    if known.documented:
        return f"{span}: documented by event {known.ceremony_sequence}"
    return f"{span}: not explained"


def _gaps(count: int) -> str:
    return "1 gap" if count == 1 else f"{count:,} gaps"
