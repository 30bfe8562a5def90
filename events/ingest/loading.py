"""Writes submissions in batches, creates agents' keys and defers signals during a batch.

A record that cannot be written is rejected alone; an error of the ledger as a whole ends the
ingestion.

Invariant: an agent whose keys were retired never gets a new one, because retiring is a decision.
"""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from django.db import DataError

from events.append.pending import PendingAppend, Written
from events.append.queue import AppendQueue
from events.append.writer import AtomicEventWriter
from events.errors import AppendRefusedError, EventIdConflictError, KeyRegistryError, LedgerError
from events.format import key_events
from events.ingest.errors import RejectedRecordError
from events.ingest.import_records import ImportRecord
from events.ingest.mapping import record_event_id
from events.ingest.records import Record
from events.ingest.reports import Counts
from events.registrar import Registrar
from events.store import registry
from events.store.connection import first_line
from events.store.drift import get_threshold
from events.submission import Submission

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def first_signal_to(hear: Callable[[int], None]) -> Iterator[None]:
    """Within the block, call `hear` for the first Ctrl-C, SIGTERM or SIGHUP instead of its handler;
    later signals are handled as before. Has no effect outside the main thread."""
    is_heard = False
    before: dict[int, Any] = {}

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal is_heard
        if not is_heard:
            is_heard = True
            hear(number)
        elif callable(before[number]):
            before[number](number, frame)

    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            before[number] = signal.getsignal(number)
            signal.signal(number, handle)
    try:
        yield
    finally:
        for replaced, handler in before.items():
            signal.signal(replaced, handler or signal.SIG_DFL)


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Defer the first signal to the end of the block, so that a batch is written and counted."""
    heard: list[int] = []
    try:
        with first_signal_to(heard.append):
            yield
    finally:
        if heard:
            signal.raise_signal(heard[0])


class AgentKeys:
    """Keys of the agents of an import.

    `announce` is called with the agent and the key_id of each new key; without it no key is
    created.
    """

    def __init__(self, registrar: Registrar, announce: Callable[[str, str], None] | None) -> None:
        self._registrar = registrar
        self._announce = announce
        keys = registry.list_agent_keys(registrar.using)
        self._active = {key.agent_id for key in keys if key.validity.until_sequence is None}
        self._retired = {key.agent_id for key in keys} - self._active
        self._signing = {
            key.agent_id
            for key in keys
            if key.validity.until_sequence is None and key.custody == key_events.WRITER
        }

    def knows(self, agent_id: str) -> bool:
        """True if the agent has an active key."""
        return agent_id in self._active

    def require(self, agent_id: str) -> None:
        """Make sure that the agent has an active key, creating one if allowed.

        Raises:
            RejectedRecordError: the agent has no key and may not get one, or holds it itself.
        """
        if agent_id in self._signing:
            raise RejectedRecordError(
                f"the agent {agent_id!r} signs its own events, so nobody else can write for it"
            )
        if agent_id in self._active:
            return
        if agent_id in self._retired:
            raise RejectedRecordError(f"the agent {agent_id!r} is retired: it has no active key")
        if self._announce is None:
            raise RejectedRecordError(f"the agent {agent_id!r} has no key (--no-new-agents)")
        try:
            self._announce(agent_id, self._registrar.create_key(agent_id))
        except KeyRegistryError:
            # Another process may have created it first: the registry tells.
            if agent_id not in registry.active_keys(self._registrar.using, [agent_id]):
                raise
        self._active.add(agent_id)


MAX_BATCH_BYTES = 2**20
"""Canonical payload bytes that end a batch, to bound memory."""

AHEAD = 1
"""Batches in flight while the next is collected."""

Item = tuple[Record, Submission]
Reject = Callable[[Record, str], None]


@dataclass
class Loader:
    """Collects submissions and writes them `batch_size` at a time, one transaction a batch.
    `record` is started before the first event that is not in the ledger yet."""

    writer: AtomicEventWriter
    appending: AppendQueue
    reject: Reject
    counts: Counts
    batch_size: int
    source: str
    record: ImportRecord
    _batch: dict[str, Item] = field(default_factory=dict)
    _bytes: int = 0
    _under_way: deque[tuple[list[Item], PendingAppend]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._threshold = get_threshold(self.writer.using)

    def add(self, record: Record, submission: Submission) -> None:
        """Add a submission that has an event_id. Raises the errors of
        `AtomicEventWriter.write_events`, also for earlier submissions."""
        event_id = submission.event_id or ""
        if event_id in self._batch:
            # A repeated id must go into a later batch, which finds the first one in the ledger.
            self._send()
        self._batch[event_id] = (record, submission)
        self._bytes += len(submission.canonical_payload)
        if len(self._batch) >= self.batch_size or self._bytes >= MAX_BATCH_BYTES:
            self._send()

    def flush(self) -> None:
        """Write the collected submissions and wait for all batches."""
        self._send()
        with signals_deferred():
            self._settle(0)

    def abandon(self) -> None:
        """Count the batches in flight when the run had to stop; drop what was only collected."""
        while self._under_way:
            with suppress(LedgerError):
                self._settle(len(self._under_way) - 1)

    def _send(self) -> None:
        """Send the collected batch, which is written while the next is collected."""
        items, self._batch, self._bytes = list(self._batch.values()), {}, 0
        if not items:
            return
        with signals_deferred():
            if self.record.import_id is None and self._takes_known(items):
                return
            self._settle(AHEAD)
            self._under_way.append((items, self.appending.send([one for _, one in items])))

    def _settle(self, most: int) -> None:
        """Wait until at most `most` batches are in flight."""
        while len(self._under_way) > most:
            items, request = self._under_way.popleft()
            self._take(items, lambda request=request: self.appending.receive(request))  # type: ignore[misc]

    def _write(self, items: Sequence[Item]) -> None:
        if self.record.import_id is None and self._takes_known(items):
            return
        self._take(items, lambda: self.appending.write_events([one for _, one in items]))

    def _takes_known(self, items: Sequence[Item]) -> bool:
        """Count items that are all in the ledger already, which start no import. If one is new,
        start the import and return False."""
        found: list[Written] | None = []

        def find() -> list[Written]:
            nonlocal found
            found = self.writer.find_events([one for _, one in items])
            return found or []

        self._take(items, find)
        if found is None:
            self.record.start()
        return found is not None

    def _take(self, items: Sequence[Item], answer: Callable[[], list[Written]]) -> None:
        """Count the written items and reject those that cannot be written."""
        try:
            written = answer()
        except EventIdConflictError as error:
            if error.is_erased and len(items) == 1 and self._names_its_content(*items[0]):
                self.counts.already_there += 1
                return
            self._without(items, str(error), self._apart_from_stored)
        except (AppendRefusedError, DataError) as error:
            self._without(items, f"the database refuses it: {first_line(error)}", _halves)
        else:
            for one in written:
                if one.created:
                    self.counts.add(one.event.sequence, one.event.agent_id)
                    self.counts.drifted += one.event.drift.exceeds(self._threshold)
                else:
                    self.counts.already_there += 1

    def _names_its_content(self, record: Record, submission: Submission) -> bool:
        """True if the id is a digest of the content, so that an equal id means equal content even
        if the stored payload was erased."""
        content = record.identity or submission.canonical_payload
        return submission.event_id == record_event_id(self.source, record.number, content)

    def _without(
        self,
        items: Sequence[Item],
        reason: str,
        parts: Callable[[Sequence[Item]], list[Sequence[Item]]],
    ) -> None:
        """Write the items in smaller parts until the refused one is alone, then reject it."""
        if len(items) == 1:
            self.reject(items[0][0], reason)
            return
        for part in parts(items):
            self._write(part)

    def _apart_from_stored(self, items: Sequence[Item]) -> list[Sequence[Item]]:
        """Split off items whose id is in the ledger, one by one; the others stay together."""
        stored = self.writer.store.get_events_by_id([s.event_id or "" for _, s in items])
        known = [item for item in items if item[1].event_id in stored]
        new = [item for item in items if item[1].event_id not in stored]
        parts: list[Sequence[Item]] = [[item] for item in known]
        return [*parts, new] if known and new else parts or _halves(items)


def _halves(items: Sequence[Item]) -> list[Sequence[Item]]:
    middle = len(items) // 2
    return [items[:middle], items[middle:]]
