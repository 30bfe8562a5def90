"""One slice of a verification: every check over it, and an end that was cut since it was asked for.

It must never touch a record.
"""

from __future__ import annotations

from collections.abc import Callable

from observers.checks import Check, Finding
from observers.ledger_check import verify_ledger
from observers.report import Report
from observers.sweep import compare, pieces_of


class Stopped(Exception):
    """The worker was told to stop; the slice under way is done again by the next one."""


def verify_slice(using: str, start: int, end: int, stopping: Callable[[], bool]) -> Report:
    """Every check over start … end, an end that was there when the verification was asked for."""

    def look_up(sequence: int) -> None:
        if stopping():
            raise Stopped

    report = verify_ledger(using, start, end, progress=look_up)
    if start == 1:
        for piece in pieces_of(using):
            look_up(start)
            report.add_all(each.finding() for each in compare(using, piece))
    if report.end < end:
        report.add(Finding(max(start, report.end + 1), Check.GAP, _cut(report.end, end)))
    return report


def _cut(last: int, end: int) -> str:
    return (
        f"the ledger went to {end} or beyond when this verification was asked for; "
        f"now its events and its head end at {last}"
    )
