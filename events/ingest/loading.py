"""Writes submissions in batches; a record that cannot be written is rejected alone.

What the ledger as a whole refuses ends the ingestion.

Lets a batch be written and counted before Ctrl-C or SIGTERM ends the run.

Gives the agents of an import the keys to sign with, where they may have them.

Invariant: an agent whose keys were retired gets no other: that was somebody's decision.
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

from events.append.pending import PendingAppend
from events.append.queue import AppendQueue
from events.append.writer import AtomicEventWriter, Written
from events.errors import AppendRefusedError, EventIdConflictError, KeyRegistryError, LedgerError
from events.ingest.errors import RejectedRecordError
from events.ingest.import_records import ImportRecord
from events.ingest.mapping import record_event_id
from events.ingest.records import Record
from events.ingest.reports import Counts
from events.keys.signing import SigningService
from events.store import registry
from events.store.connection import first_line
from events.store.drift import get_threshold
from events.submission import Submission

_WAITING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals_deferred() -> Iterator[None]:
    """The first signal takes effect behind the block, the second at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []
    before: dict[int, Any] = {}

    def ask(number: int, frame: FrameType | None) -> None:
        if asked and callable(before[number]):
            before[number](number, frame)
        asked.append(number)

    for number in _WAITING:
        before[number] = signal.getsignal(number)
        signal.signal(number, ask)
    try:
        yield
    finally:
        for waiting, handler in before.items():
            signal.signal(waiting, handler or signal.SIG_DFL)
        if asked:
            signal.raise_signal(asked[0])


class AgentKeys:
    """The agents that have a key, and those that get one now.

    `announce` is told the agent and the key_id of each key made; without it none is made.
    """

    def __init__(
        self, signing: SigningService, announce: Callable[[str, str], None] | None
    ) -> None:
        self._signing = signing
        self._announce = announce
        keys = registry.list_agent_keys(signing.using)
        self._active = {key.agent_id for key in keys if key.validity.until_sequence is None}
        self._retired = {key.agent_id for key in keys} - self._active

    def knows(self, agent_id: str) -> bool:
        """Whether the agent has a key."""
        return agent_id in self._active

    def require(self, agent_id: str) -> None:
        """Return when the agent has a key.

        Raises:
            RejectedRecordError: it has none and gets none.
        """
        if agent_id in self._active:
            return
        if agent_id in self._retired:
            raise RejectedRecordError(f"the agent {agent_id!r} is retired: it has no active key")
        if self._announce is None:
            raise RejectedRecordError(f"the agent {agent_id!r} has no key, and new ones are off")
        try:
            self._announce(agent_id, self._signing.create_key(agent_id))
        except KeyRegistryError:
            # Another process was first; whether it was is what the registry says.
            if agent_id not in registry.active_keys(self._signing.using, [agent_id]):
                raise
        self._active.add(agent_id)


MAX_BATCH_BYTES = 2**20
"""Canonical payload bytes that end a batch: memory holds some of them."""

AHEAD = 1
"""Batches that may wait or be written while the next is collected."""

Item = tuple[Record, Submission]
Reject = Callable[[Record, str], None]


@dataclass
class Loader:
    """Collects submissions and has them written `batch_size` at a time, each batch one transaction.
    `record` is the import's, begun before the first event that is not in the ledger yet."""

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
        """Take a submission that has an event_id; errors as `AtomicEventWriter.write_events`, also
        those of earlier ones."""
        event_id = submission.event_id or ""
        if event_id in self._batch:
            # An id that comes again is looked up in the ledger, where the first one is by then.
            self._send()
        self._batch[event_id] = (record, submission)
        self._bytes += len(submission.canonical_payload)
        if len(self._batch) >= self.batch_size or self._bytes >= MAX_BATCH_BYTES:
            self._send()

    def flush(self) -> None:
        """Write what is collected, and wait until it is written."""
        self._send()
        with signals_deferred():
            self._settle(0)

    def abandon(self) -> None:
        """Count what was under way when the run had to stop; what is collected is left."""
        while self._under_way:
            with suppress(LedgerError):
                self._settle(len(self._under_way) - 1)

    def _send(self) -> None:
        """Have what is collected written while the next is collected."""
        items, self._batch, self._bytes = list(self._batch.values()), {}, 0
        if not items:
            return
        with signals_deferred():
            if self.record.import_id is None and self._takes_known(items):
                return
            self._settle(AHEAD)
            self._under_way.append((items, self.appending.send([one for _, one in items])))

    def _settle(self, most: int) -> None:
        """Wait until no more than so many batches are under way."""
        while len(self._under_way) > most:
            items, request = self._under_way.popleft()
            self._take(items, lambda request=request: self.appending.receive(request))  # type: ignore[misc]

    def _write(self, items: Sequence[Item]) -> None:
        if self.record.import_id is None and self._takes_known(items):
            return
        self._take(items, lambda: self.appending.write_events([one for _, one in items]))

    def _takes_known(self, items: Sequence[Item]) -> bool:
        """Count items that are all in the ledger already: they begin no import. Where one is new,
        the import begins."""
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
        """Count what was written, and reject what cannot be."""
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
        """Whether the id is a digest of the content, so that the same id is the same content, also
        where that was erased since."""
        content = record.identity or submission.canonical_payload
        return submission.event_id == record_event_id(self.source, record.number, content)

    def _without(
        self,
        items: Sequence[Item],
        reason: str,
        parts: Callable[[Sequence[Item]], list[Sequence[Item]]],
    ) -> None:
        """Write the items in parts, so that the refused one ends up alone, and reject that."""
        if len(items) == 1:
            self.reject(items[0][0], reason)
            return
        for part in parts(items):
            self._write(part)

    def _apart_from_stored(self, items: Sequence[Item]) -> list[Sequence[Item]]:
        """Those whose id is in the ledger one by one, the others together."""
        stored = self.writer.store.get_events_by_id([s.event_id or "" for _, s in items])
        known = [item for item in items if item[1].event_id in stored]
        new = [item for item in items if item[1].event_id not in stored]
        parts: list[Sequence[Item]] = [[item] for item in known]
        return [*parts, new] if known and new else parts or _halves(items)


def _halves(items: Sequence[Item]) -> list[Sequence[Item]]:
    middle = len(items) // 2
    return [items[:middle], items[middle:]]
