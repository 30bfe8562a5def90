"""`AtomicEventWriter`: appends events synchronously, in one transaction per call.

Lock, sequence, hash, sign, witness (CT-12), insert, commit; refused while the ledger is halted
(CT-11). `TimeAuthorityService` compares each event's two clocks after the commit (AC4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import structlog
from django.db import IntegrityError, connections, transaction

from events.append.chain import Chain, PreparedEvent, prepare
from events.errors import AppendRefusedError, EventIdConflictError, LedgerHeldError
from events.format.drift import Drift
from events.format.event import Event
from events.keys.signing import Attestor, Signer, SigningService, WitnessService
from events.store.append import PATIENCE_MS, insert_events, open_append
from events.store.connection import LedgerUnavailableError, constraint, named_errors
from events.store.drift import get_threshold
from events.store.ledger import PostgresEventStore
from events.store.locks import Patience
from events.submission import Submission

log = structlog.get_logger(__name__)


class TimeAuthorityService:
    """Logs `clock_drift_detected` when an event's clocks differ by more than the threshold.

    The threshold is the row of `ledger_config` that the trigger reads too. Drift is only logged,
    never refused.
    """

    def __init__(self, using: str = "default") -> None:
        self.using = using

    def check_drift(self, event: Event, *, threshold: Decimal | None = None) -> Drift | None:
        """Return the drift if it exceeds the threshold (seconds; the ledger's own by default)."""
        limit = get_threshold(self.using) if threshold is None else threshold
        drift = event.drift
        if not drift.exceeds(limit):
            return None
        log.warning(
            "clock_drift_detected",
            event_id=event.event_id,
            sequence=event.sequence,
            agent_id=event.agent_id,
            drift_seconds=str(drift.seconds),
            direction=drift.direction,
            threshold_seconds=str(limit),
            local_timestamp=event.local_timestamp,
            authority_timestamp=event.authority_timestamp,
        )
        return drift


ATTEMPTS = 4
"""Attempts when a key was retired or an event_id taken between lookup and lock."""


@dataclass(frozen=True, slots=True)
class Written:
    """An event in the ledger; `created` is False if it was there already."""

    event: Event
    created: bool
    drift_threshold: Decimal | None = None
    """In seconds, when the event was appended; None when it was found."""


class AtomicEventWriter:
    """Appends events; each call is one transaction on the connection `using`."""

    def __init__(
        self,
        signing: SigningService,
        witnessing: WitnessService,
        time_authority: TimeAuthorityService | None = None,
        using: str = "default",
    ) -> None:
        self.signing = signing
        self.witnessing = witnessing
        self.time_authority = time_authority
        self.using = using
        self.store = PostgresEventStore(using)

    def write_event(self, submission: Submission) -> Written:
        """Append one event, or return the stored one of the same `event_id`. Errors as
        `write_events`."""
        return self.write_events([submission])[0]

    def write_events(self, submissions: Sequence[Submission]) -> list[Written]:
        """Append events in order, all or none; what is in the ledger already is found, not
        written again.

        Raises:
            EventIdConflictError: an `event_id` is taken with other content.
            NoActiveKeyError: an agent cannot sign.
            WitnessUnavailableError: RT-1, no witness can attest.
            SystemHaltedError: CT-11, the ledger is halted.
            HeadMismatchError: CT-13, the tail of the ledger is not its head.
            AppendRefusedError: FR7, the database found an event wrong.
            LedgerHeldError: a session does not release the ledger's lock; nothing was written.
            LedgerUnavailableError: the database is away; whether the events are in is unknown
                if it went away during the commit. Sending the same ids again settles it.
        """
        written = self._write_attempts(submissions)
        self.report(written)
        return written

    def find_events(self, submissions: Sequence[Submission]) -> list[Written] | None:
        """The stored events of submissions that have an `event_id`; None if one is missing. Writes
        nothing.

        Raises:
            EventIdConflictError: an `event_id` is taken with other content.
        """
        prepared = [prepare(submission) for submission in submissions]
        stored = self.store.get_events_by_id([item.event_id for item in prepared])
        if len(stored) < len({item.event_id for item in prepared}):
            return None
        return (
            as_written(prepared, stored, {}, None) if not to_append(prepared, stored, {}) else None
        )

    def _write_attempts(self, submissions: Sequence[Submission]) -> list[Written]:
        prepared = [prepare(submission) for submission in submissions]
        patience = Patience()
        attempt = 1
        while True:
            try:
                return self._write(prepared, patience.milliseconds)
            except LedgerHeldError:
                patience.again(self.using)
                continue
            except IntegrityError as error:
                if constraint(error) != "events_pkey" or attempt == ATTEMPTS:
                    raise
            except AppendRefusedError as error:
                if not self.refresh_keys_after(error) or attempt == ATTEMPTS:
                    raise
            except LedgerUnavailableError:
                connections[self.using].close()
                raise
            attempt += 1

    def _write(self, prepared: Sequence[PreparedEvent], patience_ms: int) -> list[Written]:
        named = [p.event_id for p in prepared if p.submission.event_id is not None]
        stored = self.store.get_events_by_id(named) if named else {}
        wanted = to_append(prepared, stored, {})
        if not wanted:
            return as_written(prepared, stored, {}, None)
        appended, threshold = self._append(wanted, patience_ms)
        return as_written(prepared, stored, appended, threshold)

    def _append(
        self, prepared: Sequence[PreparedEvent], patience_ms: int
    ) -> tuple[dict[str, Event], Decimal]:
        signing = self._who_signs(prepared)
        with named_errors(), transaction.atomic(using=self.using, durable=True):
            events, threshold = self._append_under_lock(prepared, *signing, patience_ms)
        return {e.event_id: e for e in events}, threshold

    def _who_signs(
        self, prepared: Sequence[PreparedEvent]
    ) -> tuple[Mapping[str | None, Signer], Attestor]:
        agents = {p.submission.agent_id for p in prepared}
        return self.signing.signers(agents), self.witnessing.attestor()

    def _append_under_lock(
        self,
        prepared: Sequence[PreparedEvent],
        signers: Mapping[str | None, Signer],
        attestor: Attestor,
        patience_ms: int,
    ) -> tuple[list[Event], Decimal]:
        opening = open_append(self.using, patience_ms)
        events = list(Chain.behind(opening, signers, attestor).seal(prepared))
        insert_events(self.using, events)
        return events, opening.drift_threshold

    def refresh_keys_after(self, refused: AppendRefusedError) -> bool:
        """Return True, with the cached keys dropped, if a key was retired between lookup and lock;
        a retry may then succeed."""
        if refused.check not in ("signing_key", "witness"):
            return False
        self._forget()
        return True

    def append_in_transaction(
        self, submissions: Sequence[Submission], patience_ms: int = PATIENCE_MS
    ) -> list[Event]:
        """Append new events in the caller's transaction. No lookup by id, no retry, no report.
        Errors as `write_events`."""
        self._forget()  # no retry follows, so no stale key may be used
        prepared = [prepare(submission) for submission in submissions]
        events, _ = self._append_under_lock(prepared, *self._who_signs(prepared), patience_ms)
        return events

    def _forget(self) -> None:
        self.signing.forget()
        self.witnessing.forget()

    def report(self, written: Sequence[Written]) -> None:
        """Log what was appended, and which clocks drifted, in the caller's logging context.

        Called after the commit: what is logged is in the ledger.
        """
        appended = [one for one in written if one.created]
        if not appended:
            return
        events = [one.event for one in appended]
        log.info(
            "events_appended",
            first_sequence=events[0].sequence,
            last_sequence=events[-1].sequence,
            count=len(events),
            content_hash=events[-1].content_hash,
        )
        if self.time_authority is not None:
            for one in appended:
                self.time_authority.check_drift(one.event, threshold=one.drift_threshold)


def to_append(
    prepared: Sequence[PreparedEvent],
    stored: Mapping[str, Event],
    placed: Mapping[str, Submission],
) -> list[PreparedEvent]:
    """The prepared events that are not in the ledger yet, each id once.

    `stored` are the ledger's events with one of the ids, `placed` the submissions that the same
    transaction appends before them.

    Raises:
        EventIdConflictError: an id is taken with other content.
    """
    first: dict[str, Submission] = {}
    wanted = []
    for index, item in enumerate(prepared):
        there = stored.get(item.event_id)
        if there is not None:
            if not item.is_same(there):
                raise EventIdConflictError(
                    item.event_id,
                    there.sequence,
                    index,
                    is_erased=item.is_same_but_erased(there),
                    is_foreign=there.agent_id != item.submission.agent_id,
                )
            continue
        before = placed.get(item.event_id) or first.get(item.event_id)
        if before is None:
            first[item.event_id] = item.submission
            wanted.append(item)
        elif before != item.submission:
            raise EventIdConflictError(item.event_id, None, index)
    return wanted


def as_written(
    prepared: Sequence[PreparedEvent],
    stored: Mapping[str, Event],
    appended: Mapping[str, Event],
    threshold: Decimal | None,
) -> list[Written]:
    """The outcome for each prepared event. `created` is also true for one that an earlier attempt
    appended without its answer arriving. An id given twice is created once."""
    written = []
    for item in prepared:
        event = appended.get(item.event_id) or stored[item.event_id]
        created = item.made(event)
        written.append(Written(event, created, threshold if created else None))
    return written
