"""`BatchAppender`: one transaction for several callers, with a separate outcome for each.

One request's failure does not affect another, and nothing is reported as written before it is
durable. What each caller gets when

- a request repeats an id with other content, its agent has no key, or it is signed with another key
  than the agent's active one: its own error before anything is written; the others continue;
- a trigger, a constraint or a key backend refuses something: the group is bisected down to the one
  request at fault;
- a key was retired since lookup: keys are looked up again and the group is retried;
- the ledger's lock does not come in time: the holder is looked up. While the lock changes hands, as
  under load, the wait is repeated; if one session does not release it, everybody gets an error;
- the ledger is halted, its head is wrong, or no witness is available: all get the same error,
  except those whose events are already in the ledger;
- the connection is lost before COMMIT was sent: one retry on a new connection, then the error;
- the connection is lost after COMMIT was sent: retries for `SETTLE_SECONDS` until the ids show the
  outcome. Committed or not, every event goes in once, and its caller is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain

from django.db import DataError, IntegrityError

from events.append.chain import Chain, PreparedEvent
from events.append.pending import PendingAppend, Written, as_written, to_append
from events.append.signing_pool import SigningPool
from events.errors import (
    AppendRefusedError,
    EventIdConflictError,
    HeadMismatchError,
    InvalidSubmissionError,
    KeyBackendError,
    LedgerConfigurationError,
    LedgerHeldError,
    NoActiveKeyError,
    SystemHaltedError,
    WitnessUnavailableError,
)
from events.format.event import Event
from events.keys.signing import Signer, SigningService, WitnessService
from events.store.append import Opening, PipelinedAppend, append_on
from events.store.connection import LedgerUnavailableError, constraint, key_taken
from events.store.ledger import PostgresEventStore
from events.store.locks import Patience

ATTEMPTS = 4
"""Attempts when a key was retired between lookup and lock."""

MAX_SECONDS = 0.5
"""Time limit for signing in one transaction; the rest goes into the next."""

WORTH_WAITING = 24
"""Below this batch size, callers are answered immediately instead of after the next send: two small
transactions cost more than one large one."""

SETTLE_SECONDS = 10.0
"""Search time for events whose commit was not answered, before reporting an unknown outcome."""

_ONE_REQUESTS_FAULT = (AppendRefusedError, KeyBackendError, IntegrityError, DataError)
_NO_REQUESTS_FAULT = (
    HeadMismatchError,
    LedgerConfigurationError,
    LedgerHeldError,
    SystemHaltedError,
    WitnessUnavailableError,
)

Take = Callable[[], Sequence[PendingAppend]]


class BatchAppender:
    """Writes for one or many callers, from one thread, on that thread's connection.

    Callers whose events are durable may be woken only after the next transaction is sent: then they
    take their answers and return while PostgreSQL commits, and sleep while events are signed.
    `wake_callers` wakes them where nothing is gained by waiting.
    """

    def __init__(
        self, signing: SigningService, witnessing: WitnessService, using: str, pool: SigningPool
    ) -> None:
        self.signing = signing
        self.witnessing = witnessing
        self.using = using
        self.pool = pool
        self.store = PostgresEventStore(using)
        self._unwoken: list[PendingAppend] = []

    def wake_callers(self) -> None:
        """Wake every caller whose events are durable."""
        unwoken, self._unwoken = self._unwoken, []
        for request in unwoken:
            request.wake()

    def append(self, take: Take) -> None:
        """Write the requests that `take` returns once the ledger's lock is held. Requests left
        unanswered did not fit.

        Invariant: `take` returns the same requests when a retry calls it again.
        """
        try:
            self._persist(take)
        except _ONE_REQUESTS_FAULT as error:
            self._bisect(_unanswered(take()), error)
        except _NO_REQUESTS_FAULT as error:
            self._refuse(_unanswered(take()), error)
        except LedgerUnavailableError as error:
            for request in take():
                request.answer(error)

    def _refuse(self, requests: Sequence[PendingAppend], error: Exception) -> None:
        """Answer all with `error`, except requests whose events are already in the ledger. An
        earlier attempt may have written them without an answer; it is over, because its lock was
        taken since."""
        ids = [event_id for request in requests for event_id in request.ids()]
        try:
            stored = self.store.get_events_by_id(ids)
        except LedgerUnavailableError as unavailable:
            stored, error = {}, unavailable
        for request in requests:
            request.answer(_stored_answer(request, stored) or error)

    def _bisect(self, requests: Sequence[PendingAppend], error: Exception) -> None:
        """Bisect a group of which nothing was written, to find the request at fault."""
        if len(requests) == 1:
            requests[0].answer(self._conflict_with_stray(requests[0], error) or error)
            return
        middle = len(requests) // 2
        for half in (requests[:middle], requests[middle:]):
            left: Sequence[PendingAppend] = half
            while left:
                self.append(lambda left=left: left)  # type: ignore[misc]
                left = _unanswered(left)

    def _conflict_with_stray(
        self, request: PendingAppend, error: Exception
    ) -> EventIdConflictError | None:
        """The conflict error if the refused id belongs to no event of the ledger but to a stray
        row, which the watch reports; else None."""
        event_id = key_taken(error)
        if constraint(error) != "events_pkey" or event_id not in request.ids():
            return None
        return EventIdConflictError(event_id, None, is_unseen=True)

    def _persist(self, take: Take) -> None:
        """Run transactions, with retries where a retry may succeed."""
        began = time.monotonic()
        attempt, unknown = 1, False
        patience = Patience()
        while True:
            transaction = _BatchTransaction(
                self,
                self.wake_callers if self._unwoken else None,
                patience.milliseconds,
                everything=unknown,
            )
            try:
                durable = transaction.run(take)
                self._unwoken += durable
                if len(durable) < WORTH_WAITING:
                    self.wake_callers()
                return
            except AppendRefusedError as error:
                if attempt == ATTEMPTS or not self._refresh_keys_after(error):
                    raise
            except LedgerHeldError:
                self.wake_callers()
                patience.again(self.using)
                continue
            except LedgerUnavailableError:
                self.wake_callers()  # retries may take long and do not concern them
                unknown = unknown or transaction.committing
                if not _may_retry(attempt, unknown, began):
                    raise
            attempt += 1

    def _refresh_keys_after(self, refused: AppendRefusedError) -> bool:
        """Return True, with the cached keys dropped, if a key was retired between lookup and lock;
        a retry may then succeed."""
        if refused.check not in ("signing_key", "witness"):
            return False
        self.signing.forget()
        self.witnessing.forget()
        return True


def _may_retry(attempt: int, unknown: bool, began: float) -> bool:
    if not unknown:
        return attempt == 1
    time.sleep(0.1)
    return time.monotonic() - began < SETTLE_SECONDS


def _stored_answer(
    request: PendingAppend, stored: Mapping[str, Event]
) -> list[Written] | EventIdConflictError | None:
    """The answer to a request whose events are all in the ledger; None if one is missing."""
    try:
        wanted = to_append(request.prepared, stored, {})
    except EventIdConflictError as error:
        return error
    return None if wanted else as_written(request.prepared, stored, {}, {}, None)


def _unanswered(requests: Sequence[PendingAppend]) -> list[PendingAppend]:
    return [request for request in requests if not request.is_answered]


class _BatchTransaction:
    """One attempt: the requests that fit, and their events."""

    def __init__(
        self,
        appender: BatchAppender,
        before_waiting: Callable[[], None] | None,
        patience_ms: int,
        *,
        everything: bool,
    ) -> None:
        self._appender = appender
        self._before_waiting = before_waiting
        self._patience_ms = patience_ms
        self._everything = everything
        """True if generated ids may be in the ledger too, after a commit of unknown outcome."""
        self._append: PipelinedAppend | None = None
        self._stored: dict[str, Event] = {}
        self._placed: dict[str, PreparedEvent] = {}
        self._appended: dict[str, Event] = {}
        self._signers: dict[str | None, Signer] = {}
        self._included: list[PendingAppend] = []

    @property
    def committing(self) -> bool:
        """True if this attempt may have been committed."""
        return self._append is not None and self._append.committing

    def run(self, take: Take) -> list[PendingAppend]:
        """Append, and return the requests whose events are now durable and whose callers may be
        woken.

        Raises errors that concern all requests, and those that only bisecting can attribute to one.
        """
        with append_on(self._appender.using, self._patience_ms) as self._append:
            opening = self._append.open(self._before_waiting)
            requests = _unanswered(take())
            self._look_up(requests)
            self._find_signers(requests)
            wanted = self._wanted(requests)
            first = next(wanted, None)
            if first is not None:
                expected = sum(map(len, requests))
                self._send(self._append, opening, chain([first], wanted), expected)
        for request in self._included:
            request.decide(
                as_written(
                    request.prepared,
                    self._stored,
                    self._appended,
                    self._placed,
                    opening.drift_threshold,
                )
            )
        return self._included

    def _send(
        self,
        append: PipelinedAppend,
        opening: Opening,
        wanted: Iterator[PreparedEvent],
        expected: int,
    ) -> None:
        attestor = self._appender.witnessing.attestor()
        append.start()
        end = Chain.behind(opening, self._signers, attestor)
        with closing(self._appender.pool.sign(map(end.place, wanted), expected)) as pieces:
            for piece in pieces:
                append.send(piece)
                for event in piece:
                    self._appended[event.event_id] = event
        if self._before_waiting is not None:
            self._before_waiting()
        append.finish()

    def _look_up(self, requests: Sequence[PendingAppend]) -> None:
        """Read the stored events of the ids. The lock is held, so the result stays valid."""
        ids = [
            event_id
            for request in requests
            for event_id in (request.ids() if self._everything else request.named())
        ]
        if ids:
            self._stored = self._appender.store.get_events_by_id(ids)

    def _find_signers(self, requests: Sequence[PendingAppend]) -> None:
        """Look up the signers of what is not in the ledger yet. Must precede COPY, during which the
        connection answers no queries."""
        for request in requests:
            if self._stored and all(event_id in self._stored for event_id in request.ids()):
                continue
            try:
                self._signers |= self._appender.signing.signers_of(request.submissions)
            except (NoActiveKeyError, InvalidSubmissionError) as error:
                request.answer(error)

    def _wanted(self, requests: Sequence[PendingAppend]) -> Iterator[PreparedEvent]:
        """Yield what is to be appended, request by request, until `MAX_SECONDS` is over.

        A request that is already in the ledger costs no time and is always included: the next
        attempt might not know that it may be in.
        """
        began = time.monotonic()
        for request in _unanswered(requests):
            if self._placed and time.monotonic() - began > MAX_SECONDS:
                return
            try:
                wanted = to_append(request.prepared, self._stored, self._placed)
            except EventIdConflictError as error:
                # A conflict with an event that is not durable yet is decided in the next one.
                if error.event_id not in self._placed:
                    request.answer(error)
                continue
            self._included.append(request)
            for item in wanted:
                self._placed[item.event_id] = item
            yield from wanted
