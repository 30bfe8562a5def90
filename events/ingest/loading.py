"""Writes submissions in batches; a record that cannot be written is rejected alone.

What the ledger as a whole refuses ends the ingestion.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from django.db import DataError

from events.errors import AppendRefusedError, EventIdConflictError, LedgerError
from events.group_commit import GroupCommit
from events.ingest.event_ids import record_event_id
from events.ingest.import_record import ImportRecord
from events.ingest.records import Record
from events.ingest.reports import Counts
from events.ingest.signals import signals_deferred
from events.requests import Request
from events.store.connection import first_line
from events.store.drift import get_threshold
from events.submission import Submission
from events.writer import AtomicEventWriter, Written

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
    appending: GroupCommit
    reject: Reject
    counts: Counts
    batch_size: int
    source: str
    record: ImportRecord
    _batch: dict[str, Item] = field(default_factory=dict)
    _bytes: int = 0
    _under_way: deque[tuple[list[Item], Request]] = field(default_factory=deque)

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
