"""`AtomicEventWriter`: the one door to the ledger.

Lock, sequence, hash, sign, witness, insert, commit: one transaction, however many events. It
must never write an event unwitnessed (CT-12), nor go on when the ledger is halted (CT-11).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice

import structlog
from django.db import DataError, IntegrityError, connections, transaction

from events import ed25519, event
from events.errors import (
    AppendRefusedError,
    EventIdConflictError,
    HeadMismatchError,
    KeyBackendError,
    LedgerConfigurationError,
    NoActiveKeyError,
    SystemHaltedError,
    WitnessUnavailableError,
)
from events.event import Event
from events.event_ids import new_event_id
from events.keys.signing import Signer, SigningService
from events.keys.witness import Attestor, WitnessService
from events.store.append import Opening, insert_events, open_append
from events.store.connection import LedgerUnavailableError, constraint, named_errors
from events.store.ledger import PostgresEventStore
from events.submission import Submission
from events.time_authority import TimeAuthorityService
from events.timestamps import format_timestamp

log = structlog.get_logger(__name__)

ATTEMPTS = 4
"""A key retired, or an event_id taken, between the look and the lock: look again."""


@dataclass(frozen=True, slots=True)
class Written:
    """An event in the ledger, and whether this call put it there or found it."""

    event: Event
    created: bool
    drift_threshold: Decimal | None = None
    """In seconds, when the event was appended; None when it was found."""


Outcome = list[Written] | Exception
"""What became of one caller's events: where they are, or why they are not there."""

_ONE_GROUPS_FAULT = (
    AppendRefusedError,
    EventIdConflictError,
    KeyBackendError,
    NoActiveKeyError,
    IntegrityError,
    DataError,
)
_NO_GROUPS_FAULT = (
    HeadMismatchError,
    LedgerConfigurationError,
    LedgerUnavailableError,
    SystemHaltedError,
    WitnessUnavailableError,
)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """All of an event that can be known before the lock."""

    event_id: str
    submission: Submission
    local_timestamp: str
    salt: bytes
    payload_hash: str


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
        """Append one event, or find it by its `event_id`. Errors as `write_events`."""
        return self.write_events([submission])[0]

    def write_groups(self, groups: Sequence[Sequence[Submission]]) -> list[Outcome]:
        """Append several callers' events in one transaction; each group is all or none by itself.

        A group that cannot be written fails alone: when they cannot go together, each is tried
        by itself. An error that is no group's fault (the ledger is halted, the database is away)
        is every group's outcome. Each caller calls `report` for its own.
        """
        if len(groups) > 1:
            try:
                return self._write_together(groups)
            except _ONE_GROUPS_FAULT:
                # Raised before the commit: nothing was written.
                pass
        return [self._outcome(group) for group in groups]

    def _write_together(self, groups: Sequence[Sequence[Submission]]) -> list[Outcome]:
        try:
            everything = [one for group in groups for one in group]
            written = iter(self._write_attempts(everything))
        except _NO_GROUPS_FAULT as error:
            return [error for _ in groups]
        return [list(islice(written, len(group))) for group in groups]

    def _outcome(self, group: Sequence[Submission]) -> Outcome:
        try:
            return self._write_attempts(group)
        except Exception as error:
            return error

    def write_events(self, submissions: Sequence[Submission]) -> list[Written]:
        """Append events in order, all or none; what is in the ledger already is found, not
        written again.

        Raises:
            EventIdConflictError: an `event_id` is taken with other content.
            NoActiveKeyError: an agent cannot sign.
            WitnessUnavailableError: RT-1, nobody can attest.
            SystemHaltedError: CT-11, the ledger is halted.
            HeadMismatchError: CT-13, the tail of the ledger is not its head.
            AppendRefusedError: FR7, the database found an event wrong.
            LedgerUnavailableError: the database is away; whether the events are in is unknown
                if it went away during the commit. Sending the same ids again settles it.
        """
        written = self._write_attempts(submissions)
        self.report(written)
        return written

    def _write_attempts(self, submissions: Sequence[Submission]) -> list[Written]:
        with_ids = [(s.event_id or new_event_id(), s) for s in submissions]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._write(with_ids)
            except IntegrityError as error:
                if constraint(error) != "events_pkey" or attempt == ATTEMPTS:
                    raise
            except AppendRefusedError as error:
                if error.check not in ("signing_key", "witness") or attempt == ATTEMPTS:
                    raise
            except LedgerUnavailableError:
                connections[self.using].close()
                raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _write(self, submissions: Sequence[tuple[str, Submission]]) -> list[Written]:
        found = self._find(submissions)
        wanted = _without_repeats(submissions, found)
        appended: dict[str, Event] = {}
        threshold = None
        if wanted:
            appended, threshold = self._append([_prepare(*entry) for entry in wanted])
        events = found | appended
        # An id that stands twice is created where it stands first.
        first = {event_id: n for n, (event_id, _) in reversed([*enumerate(submissions)])}
        return [
            Written(events[event_id], True, threshold)
            if event_id in appended and first[event_id] == n
            else Written(events[event_id], False)
            for n, (event_id, _) in enumerate(submissions)
        ]

    def _find(self, submissions: Sequence[tuple[str, Submission]]) -> dict[str, Event]:
        """The stored events among those whose writer named an id, proved to be the same."""
        named = {event_id: s for event_id, s in submissions if s.event_id is not None}
        found = self.store.get_events_by_id(list(named)) if named else {}
        for index, (event_id, submission) in enumerate(submissions):
            stored = found.get(event_id)
            if stored is not None and not _is_same(stored, submission):
                raise EventIdConflictError(event_id, stored.sequence, index)
        return found

    def _append(self, prepared: Sequence[_Prepared]) -> tuple[dict[str, Event], Decimal]:
        signers = self.signing.signers({p.submission.agent_id for p in prepared})
        attestor = self.witnessing.attestor()
        with named_errors(), transaction.atomic(using=self.using, durable=True):
            opening = open_append(self.using)
            events = _seal(prepared, opening, signers, attestor)
            insert_events(self.using, events)
        return {e.event_id: e for e in events}, opening.drift_threshold

    def report(self, written: Sequence[Written]) -> None:
        """Log what was appended, and what drifted, in the context of whoever asked for it.

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


def _without_repeats(
    submissions: Sequence[tuple[str, Submission]], found: dict[str, Event]
) -> list[tuple[str, Submission]]:
    """The submissions to append: not in the ledger yet, each id once.

    Raises:
        EventIdConflictError: one id stands twice, with different content.
    """
    first: dict[str, Submission] = {}
    for index, (event_id, submission) in enumerate(submissions):
        if event_id in found:
            continue
        if first.setdefault(event_id, submission) != submission:
            raise EventIdConflictError(event_id, None, index)
    return list(first.items())


def _is_same(stored: Event, submission: Submission) -> bool:
    """Whether a stored event is what is submitted again. The payload is compared by its salted
    hash; a submission without clock reading is the same at any time."""
    same_payload = stored.payload_hash == event.payload_hash(
        bytes.fromhex(stored.payload_salt), submission.canonical_payload
    )
    same_time = submission.local_timestamp is None or stored.local_timestamp == format_timestamp(
        submission.local_timestamp
    )
    return (
        same_payload
        and same_time
        and stored.event_type == submission.event_type
        and stored.agent_id == submission.agent_id
    )


def _prepare(event_id: str, submission: Submission) -> _Prepared:
    salt = secrets.token_bytes(event.SALT_BYTES)
    return _Prepared(
        event_id=event_id,
        submission=submission,
        local_timestamp=format_timestamp(submission.local_timestamp or datetime.now(UTC)),
        salt=salt,
        payload_hash=event.payload_hash(salt, submission.canonical_payload),
    )


def _seal(
    prepared: Sequence[_Prepared],
    opening: Opening,
    signers: dict[str | None, Signer],
    attestor: Attestor,
) -> list[Event]:
    """Give each event its place, its hashes and its two signatures (sign complete: a signature
    covers `signable_content()`, never the payload alone)."""
    sealed: list[Event] = []
    previous = opening.content_hash
    for sequence, item in enumerate(prepared, start=opening.last_sequence + 1):
        signer = signers[item.submission.agent_id]
        signable = event.signable_content(
            agent_id=item.submission.agent_id,
            authority_timestamp=opening.authority_timestamp,
            event_id=item.event_id,
            event_type=item.submission.event_type,
            hash_alg_version=event.HASH_ALG_VERSION,
            local_timestamp=item.local_timestamp,
            payload_hash=item.payload_hash,
            prev_hash=previous,
            sequence=sequence,
            sig_alg_version=event.SIG_ALG_VERSION,
            signing_key_id=signer.key_id,
            witness_id=attestor.witness_id,
        )
        signature = signer.sign(event.agent_message(signable))
        attestation = attestor.sign(event.witness_message(signature, signable))
        sealed.append(
            Event(
                event_id=item.event_id,
                sequence=sequence,
                event_type=item.submission.event_type,
                payload=item.submission.canonical_payload.decode(),
                prev_hash=previous,
                content_hash=event.content_hash(signable),
                signature=ed25519.encode(signature),
                hash_alg_version=event.HASH_ALG_VERSION,
                sig_alg_version=event.SIG_ALG_VERSION,
                agent_id=item.submission.agent_id,
                witness_id=attestor.witness_id,
                witness_signature=ed25519.encode(attestation),
                local_timestamp=item.local_timestamp,
                authority_timestamp=opening.authority_timestamp,
                signing_key_id=signer.key_id,
                payload_hash=item.payload_hash,
                payload_salt=item.salt.hex(),
            )
        )
        previous = sealed[-1].content_hash
    return sealed
