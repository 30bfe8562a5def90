"""Examines one falsified ledger with three observers: `verify_ledger`, the watch, and an auditor's
pages. Each sees what it would see in production."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings

from events.store.guards import read_versions
from events.tests.support.ledger import Ledger
from observers.tests.corpus.case import Case
from observers.tests.support.commands import findings
from observers.tests.support.pages import Reader, sign_in
from observers.watch.findings import Found, Kind
from observers.watch.memory import look_memory_of
from observers.watch.watch import Outcome, Watch

MADE_UP = re.compile(r"-[0-9a-f]{12}$")
"""Suffix that makes the name of a new key unique."""


@dataclass(frozen=True)
class Seen:
    """The findings, written as in a case."""

    verified: tuple[tuple[int, str], ...]
    watched: tuple[str, ...]
    recorded: bool
    banner: tuple[str, ...]
    event: tuple[int, tuple[str, ...]] | None
    saved_head: bool


def look(case: Case, ledger: Ledger) -> Seen:
    """Write a healthy ledger, have it looked at, falsify it, look again."""
    events = case.healthy(ledger)
    reader = Reader(ledger, sign_in(staff=False))
    healthy = Watch().look()
    assert healthy is not None
    assert healthy.is_sound, healthy
    assert findings("--workers", "1") == []
    head = ledger.store.head()
    if not case.heads_remain:
        _forget_the_heads()
    case.tamper(ledger, events)
    if not case.leaves_traces:
        _forget_the_triggers()
    verified = tuple(findings("--workers", "1"))
    found = ledger.store.get_event(head.max_sequence)
    outcome = Watch().look()
    assert outcome is not None
    _assert_recorded(ledger, outcome)
    return Seen(
        verified,
        tuple(sorted(name for each in outcome.began for name in _names(each))),
        not outcome.unrecorded,
        tuple(alarm.title for alarm in reader.get("/").context["outlook"].alarms()),
        (case.event[0], _failed(reader, case.event[0])) if case.event else None,
        found is None or found.content_hash != head.content_hash,
    )


def _forget_the_heads() -> None:
    """Heads remembered beside the database are saved ones: the cases say what is found without,
    by whoever took the machine together with its database."""
    for path in Path(settings.PORTAL_HEADS_DIR).glob("*.jsonl"):
        path.unlink()


def _forget_the_triggers() -> None:
    """Notes the present versions of the triggers as seen before, as if the change had been made
    in the data files."""
    memory = look_memory_of()
    before = memory.read()
    assert before is not None
    memory.note(replace(before, versions=read_versions()))


def _names(found: Found) -> list[str]:
    if found.kind is Kind.GUARDS:
        return [
            f"guards {each['aspect']} {MADE_UP.sub('', each['subject'])}"
            for each in found.payload["deviations"]
        ]
    if found.kind in (Kind.HEAD, Kind.ROLLBACK):
        return [found.kind.value]
    return [MADE_UP.sub("", found.key) if found.key.startswith("stray key/") else found.key]


def _assert_recorded(ledger: Ledger, outcome: Outcome) -> None:
    """Every finding is an event of the ledger, or kept to be told as one that is none."""
    for each in outcome.began:
        if each.key not in outcome.unrecorded:
            said = ledger.query(
                "SELECT count(*) FROM events WHERE agent_id IS NULL"
                " AND event_type LIKE 's%%' AND payload ->> 'finding' = %s",
                [each.key],
            )
            assert said == [(1,)], each


def _failed(reader: Reader, sequence: int) -> tuple[str, ...]:
    response = reader.client.get(f"/events/{sequence}/")
    if response.status_code == 404:
        return ("missing",)
    verdicts = response.context["verdicts"]
    return tuple(verdict.check for verdict in verdicts if verdict.failures)
