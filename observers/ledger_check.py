"""Verification of the database's ledger: the range, then what only the database knows (check 10).

It must never write, and never take the head's word for what the events themselves can show.
"""

from __future__ import annotations

from collections.abc import Iterator

from events.continuity import Gap
from events.store import appends
from events.store.ledger import PostgresEventStore
from observers.checks import Check, Finding, check_event
from observers.keyring import Keyring, keyring_from_registry
from observers.verification import MAX_FINDINGS, Progress, Report, explained_gap, verify


def verify_ledger(
    using: str, start: int = 1, end: int | None = None, *, progress: Progress | None = None
) -> Report:
    """Checks 1 to 10 over start … end; without `end`, as far as the events or the head go."""
    store = PostgresEventStore(using)
    last = store.last_sequence()
    end = last if end is None else min(end, last)

    keys = keyring_from_registry(using)

    def documented_by(gap: Gap) -> int | None:
        return _find_ceremony(store, keys, gap, range(start, end + 1))

    report = verify(store, keys, start, end, progress=progress, documented_by=documented_by)
    for finding in _head_findings(store, start, end):
        report.add(finding)
    report.findings.sort(key=lambda finding: (finding.sequence, finding.check.number))
    return report


def _find_ceremony(
    store: PostgresEventStore, keys: Keyring, gap: Gap, verified: range
) -> int | None:
    """The ceremony that documents a gap, which may go on beyond the verified range.

    One outside the range must be sound by itself; one inside is checked with the range.
    """
    known = store.find_gaps(gap.start, gap.end, limit=1).gaps
    sequence = known[0].ceremony_sequence if known else None
    if sequence is None or sequence in verified:
        return sequence
    ceremony = store.get_event(sequence)
    if ceremony is None or explained_gap(ceremony) is None or any(check_event(ceremony, keys)):
        return None
    return sequence


def _head_findings(store: PostgresEventStore, start: int, end: int) -> Iterator[Finding]:
    """Check 10. A missing event is check 1's to report."""
    for wrong in appends.disagreements(store.using, start, end, limit=MAX_FINDINGS):
        if wrong.found_hash is not None:
            yield Finding(
                wrong.sequence,
                Check.HEAD,
                f"content_hash is {wrong.found_hash}, its append recorded {wrong.recorded_hash}",
            )
    head = store.head().max_sequence
    for extra in store.get_events_by_sequence_range(max(start, head + 1), end):
        yield Finding(
            extra.sequence, Check.HEAD, f"the head is {head}; no append recorded this event"
        )
