"""`AtomicEventWriter`: appends events synchronously, in one transaction per call.

Lock, sequence, hash, sign, witness (CT-12), insert, commit; refused while the ledger is halted
(CT-11). `TimeAuthorityService` compares each event's two clocks after the commit (AC4).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import structlog

from events.append.chain import Chain, prepare
from events.append.pending import PendingAppend, Written, as_written, to_append
from events.append.signing_pool import SigningPool
from events.append.transaction import BatchAppender
from events.append.writer_signatures import WriterSignatures
from events.format.drift import Drift
from events.format.event import Event
from events.keys.signing import SigningService, WitnessService
from events.store.append import PATIENCE_MS, insert_events, open_append
from events.store.drift import get_threshold
from events.store.ledger import PostgresEventStore
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
        self.signatures = WriterSignatures(using)

    def write_event(self, submission: Submission) -> Written:
        """Append one event, or return the stored one of the same `event_id`. Errors as
        `write_events`."""
        return self.write_events([submission])[0]

    def write_events(self, submissions: Sequence[Submission]) -> list[Written]:
        """Append events in order, all or none; what is in the ledger already is found, not
        written again.

        Raises:
            EventIdConflictError: an `event_id` is taken with other content.
            NoActiveKeyError: an agent cannot sign, or only its writer can.
            InvalidSubmissionError: a signature of a writer's own does not verify.
            WitnessUnavailableError: RT-1, no witness is available.
            SystemHaltedError: CT-11, the ledger is halted.
            HeadMismatchError: CT-13, the tail of the ledger is not its head.
            AppendRefusedError: FR7, the database found an event wrong.
            LedgerHeldError: a session does not release the ledger's lock; nothing was written.
            LedgerUnavailableError: the database is away; the events may be recorded
                if it went away during the commit. Sending the same ids again settles it.
        """
        request = PendingAppend(submissions)
        self.signatures.check(request.prepared)
        appender = BatchAppender(self.signing, self.witnessing, self.using, SigningPool())
        appender.append(lambda: [request])
        written = request.result()
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
        if to_append(prepared, stored, {}):
            return None
        return as_written(prepared, stored, {}, {}, None)

    def append_in_transaction(
        self, submissions: Sequence[Submission], patience_ms: int = PATIENCE_MS
    ) -> list[Event]:
        """Append new events in the caller's transaction. No lookup by id, no retry, no report.
        Errors as `write_events`."""
        self.signing.forget()  # no retry follows, so no stale key may be used
        self.witnessing.forget()
        prepared = [prepare(submission) for submission in submissions]
        self.signatures.check(prepared)
        signers = self.signing.signers_of(submissions)
        attestor = self.witnessing.attestor()
        opening = open_append(self.using, patience_ms)
        events = list(Chain.behind(opening, signers, attestor).seal(prepared))
        insert_events(self.using, events)
        return events

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
