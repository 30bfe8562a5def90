"""The watch of one process, and its periodic job: looks, compares with what the ledger records,
records changes, sends alerts, and halts if configured. Only one watch looks at a time; others
return at once."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connections
from procrastinate.contrib.django import app

from events.append.services import writer
from events.errors import LedgerError
from events.format import names
from events.format.event import Event
from events.format.timestamps import format_timestamp
from events.halting import halt
from events.models import WatchLook
from events.store.connection import first_line, named_errors
from events.store.integrity import recorded_events
from events.store.locks import WATCH, try_lock
from observers.heads.store import SeenHeadStore, memory_of
from observers.verification.strays import Sweep
from observers.watch.chain import Place, Timing
from observers.watch.delivery import QUEUE, defer_waiting, queue_alerts, resend_forged
from observers.watch.findings import TYPES, Changes, Found, Kind, Known, diff, known_findings
from observers.watch.look import Seen, look
from observers.watch.memory import Before, LookMemory, look_memory_of
from observers.watch.recording import describe, record, texts

KEPT = timedelta(days=1)
"""Retention of looks."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one look: open findings, those that began and ended, and those that could not
    be recorded."""

    began: tuple[Found, ...]
    ended: tuple[Known, ...]
    open: tuple[str, ...]
    unrecorded: tuple[str, ...]
    head: int
    place: Place
    seconds: float

    @property
    def is_sound(self) -> bool:
        return not self.open and not self.unrecorded

    def open_by_kind(self) -> dict[str, int]:
        """Counts the open findings of each kind, recorded or not."""
        kinds = [key.split(" ", 1)[0] for key in {*self.open, *self.unrecorded}]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}

    def as_dict(self) -> dict[str, Any]:
        """As one line of JSON."""
        return {
            "is_sound": self.is_sound,
            "head_sequence": self.head,
            "verified_through": self.place.verified,
            "verified_since": _moment(self.place.since),
            "promised_seconds": int(settings.PORTAL_WATCH_HOURS * 3600),
            "began": [{"finding": each.key, "text": each.text} for each in self.began],
            "ended": [each.key for each in self.ended],
            "open": list(self.open),
            "unrecorded": list(self.unrecorded),
            "seconds": round(self.seconds, 3),
        }


@dataclass
class Watch:
    """Keeps, besides the ledger's own record, the findings that the ledger could not record and the
    heads seen, which a ledger restored from a backup lacks."""

    halt_on: Collection[Kind] = ()
    using: str = "default"
    _alerted: set[str] = field(default_factory=set)
    """Findings whose alert went out in this process though their event could not be written."""
    _unwritten: dict[str, Found] = field(default_factory=dict)
    _memory: SeenHeadStore | None = None
    _looks: LookMemory | None = None
    _sweep: Sweep = field(default_factory=Sweep)

    def look(self) -> Outcome | None:
        """Looks once; returns None when another watch is looking at this moment.

        Raises:
            LedgerUnavailableError: the database is away.
        """
        with try_lock(self.using, WATCH, 0) as alone:
            outcome = self._look() if alone else None
        if outcome is not None:
            defer_waiting()
        return outcome

    def _look(self) -> Outcome:
        began_at, began = datetime.now(UTC), time.monotonic()
        timing = Timing(settings.PORTAL_WATCH_HOURS * 3600, began_at.timestamp())
        recorded = [
            (each.sequence, each.event_type, each.finding, each.authority_timestamp)
            for each in recorded_events(self.using, TYPES)
        ]
        self._memory = self._memory or memory_of(self.using)
        self._looks = self._looks or look_memory_of(self.using)
        before = self._looks.read()
        known_before = known_findings(recorded).values()
        seen = look(self.using, before, known_before, self._memory, timing, self._sweep)
        known = known_findings(recorded, seen.wrong_events)
        found = {each.key: each for each in seen.found}
        change = diff(known, (self._unwritten | found).values(), seen.looked_at, seen.sound_again)
        written = self._record(change)
        self._halt_rolled_back(seen)
        open_now = _open_after(known, change if written else Changes((), ()))
        outcome = Outcome(
            change.begun,
            change.ended if written else (),
            tuple(sorted(open_now)),
            tuple(sorted(self._unwritten)),
            seen.standing.head.max_sequence,
            seen.place,
            time.monotonic() - began,
        )
        self._looks.note(
            Before(
                seen.place,
                outcome.head,
                format_timestamp(began_at),
                seen.versions,
                outcome.open_by_kind(),
                resend_forged(before.told_again if before else ()),
            )
        )
        _note(seen, began_at, outcome)
        return outcome

    def _record(self, change: Changes) -> bool:
        """Records the events, sends alerts and halts; returns False when the ledger refused the
        events."""
        fresh = [each for each in change.begun if each.key not in self._alerted]
        try:
            events = record(self.using, change, self._alerted)
        except (LedgerError, DatabaseError) as error:
            # The one place that goes on after a halt: nothing more is written to the ledger, and
            # whoever must know is told all the same.
            self._alert_unrecorded(fresh, change, first_line(error))
            written = False
        else:
            _log(change, events)
            self._unwritten.clear()
            self._alerted.clear()
            written = True
        grave = [each for each in fresh if each.kind in self.halt_on]
        if grave:
            self._halt(f"the watch found: {texts(grave)}")
        return written

    def _alert_unrecorded(self, fresh: list[Found], change: Changes, reason: str) -> None:
        for each in fresh:
            log.critical("watch_finding_not_recorded", finding=each.key, text=each.text, why=reason)
        self._alerted |= {each.key for each in fresh}
        self._unwritten |= {each.key: each for each in change.begun}
        try:
            queue_alerts([describe(each, None) for each in fresh])
        except (LedgerError, DatabaseError) as error:
            log.critical("watch_alerts_not_queued", why=first_line(error))

    def _halt_rolled_back(self, seen: Seen) -> None:
        """Halts whatever the configuration, and at every look that finds a rolled-back ledger
        writing without the ceremony that acknowledges the loss: it would reuse lost sequence
        numbers."""
        halted = seen.standing.halt is None or seen.standing.halt.halted
        lost = [each for each in seen.found if each.kind is Kind.ROLLBACK]
        if lost and not halted:
            self._halt(lost[0].text)

    def _halt(self, reason: str) -> None:
        try:
            halt(writer(), reason=names.shown(reason, names.MAX_REASON), by="watch")
        except (LedgerError, DatabaseError) as error:
            log.critical("watch_could_not_halt", why=first_line(error), reason=reason)
        else:
            log.critical("watch_halted_the_ledger", reason=reason)


def _open_after(known: dict[str, Known], change: Changes) -> set[str]:
    begun = {each.key for each in change.begun}
    if any(each.kind is Kind.GUARDS for each in change.begun):
        known = {key: each for key, each in known.items() if each.kind is not Kind.GUARDS}
    return (known.keys() | begun) - {each.key for each in change.ended}


def _log(change: Changes, events: list[Event]) -> None:
    for found, event in zip(change.begun, events, strict=False):
        log.error("watch_finding", finding=found.key, text=found.text, sequence=event.sequence)
    for known in change.ended:
        log.warning("watch_finding_closed", finding=known.key, opened_by=known.sequence)


def _moment(seconds: float) -> str:
    return format_timestamp(datetime.fromtimestamp(seconds, UTC))


def _note(seen: Seen, began_at: datetime, outcome: Outcome) -> None:
    """Saves the result of this look, and deletes those older than a day."""
    if seen.backward_steps:
        log.warning("authority_clock_ran_backwards", steps=seen.backward_steps)
    place = seen.place
    with named_errors():
        WatchLook.objects.create(
            began_at=began_at,
            seconds=Decimal(str(round(outcome.seconds, 3))),
            watcher=f"{socket.gethostname()}:{os.getpid()}",
            head_sequence=outcome.head,
            verified_through=place.verified,
            verified_since=datetime.fromtimestamp(place.since, UTC),
            rolled_through=place.rolled,
            round_end=place.end,
            round_began_at=datetime.fromtimestamp(place.began, UTC),
            round_seconds=None if place.lasted is None else Decimal(str(round(place.lasted, 3))),
            promised_seconds=int(settings.PORTAL_WATCH_HOURS * 3600),
            backward_steps=seen.backward_steps,
            open_findings=outcome.open_by_kind(),
            unrecorded=list(outcome.unrecorded),
        )
        WatchLook.objects.filter(began_at__lt=began_at - KEPT).delete()


@app.periodic(cron="* * * * * */30")
@app.task(name="watch", queue=QUEUE, queueing_lock="watch")
def watch(timestamp: int) -> None:
    """Looks once, with the watch of this process."""
    try:
        _watch().look()
    finally:
        connections.close_all()


@cache
def _watch() -> Watch:
    return Watch([Kind(name) for name in settings.PORTAL_WATCH_HALT_ON])
