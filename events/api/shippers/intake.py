"""Writes the valid records of one body, in groups of one transaction each.

Each group is written whole or not at all. If the ledger refuses a group, earlier ones stay, and the
same body sent again finds them by their ids. An agent under a token's prefix gets a key on the
server when it is first named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import structlog
from django.db import DataError

from events.api.problems import INVALID_BATCH, INVALID_EVENT, MAX_ERRORS, Refused
from events.api.shippers.mapping import Ids, RejectedError, TokenMapping
from events.append.chain import prepare
from events.append.services import shared_writer
from events.errors import EventIdConflictError, FieldError, KeyRegistryError
from events.format import key_events
from events.format.event import Event
from events.registrar import registrar
from events.store import registry
from events.store.connection import first_line
from events.store.ledger import PostgresEventStore
from events.submission import MAX_BATCH, Submission

log = structlog.get_logger(__name__)

MAX_AGENTS = 10_000
"""Agents under one prefix: what names them is the sender's, and a key is never deleted."""


REFUSED = {
    None: "the agent is retired: it has no active key",
    key_events.WRITER: "the agent signs its own events, so nobody else can write for it",
}
"""Why an agent cannot be written for, by the custody of its active key."""


def refused_agents(agent_ids: Iterable[str], under: str) -> dict[str, str]:
    """Return why each of these agents cannot be written for; the others have a key now.

    Raises:
        KeyBackendError: no private key can be kept here.
    """
    keys = registrar()
    wanted = set(agent_ids)
    known = registry.known_agents(keys.using, wanted)
    refused = {agent: REFUSED[custody] for agent, custody in known.items() if custody in REFUSED}
    new = sorted(wanted - known.keys())
    if not new:
        return refused
    room = max(0, MAX_AGENTS - registry.count_agents_under(keys.using, under))
    for agent in new[:room]:
        try:
            key_id = keys.create_key(agent)
        except KeyRegistryError:
            # Another process may have been first; the registry tells.
            if agent not in registry.active_keys(keys.using, [agent]):
                raise
        else:
            log.info("agent_of_a_collector", agent_id=agent, key_id=key_id)
    full = f"there are {MAX_AGENTS:,} agents under {under} already, which is the limit"
    return refused | dict.fromkeys(new[room:], full)


GROUP_BYTES = 8 * 2**20
"""Payload bytes at which a group is written."""

Read = Callable[[int], Submission]
"""Maps the record at a position to a submission, or raises `RejectedError`."""


class Item(NamedTuple):
    """A record being processed, with its position in the body from 0."""

    place: int
    submission: Submission


class Fate(NamedTuple):
    """Outcome of one record. `sequence` is None for a rejected one, whose `reason` says why."""

    event_id: str
    sequence: int | None
    created: bool
    reason: str = ""
    is_conflict: bool = False


@dataclass
class Outcome:
    """Outcome of a body's records. `fates` are kept only on request."""

    received: int
    fates: list[Fate | None] | None = None
    created: int = 0
    already_there: int = 0
    rejected: int = 0
    first_sequence: int | None = None
    last_sequence: int | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def taken(self) -> int:
        """Number of records in the ledger."""
        return self.created + self.already_there

    def count(self, place: int, event: Event, created: bool) -> None:
        """Count a record that is in the ledger."""
        self.created += created
        self.already_there += not created
        self.first_sequence = min(self.first_sequence or event.sequence, event.sequence)
        self.last_sequence = max(self.last_sequence or event.sequence, event.sequence)
        if self.fates is not None:
            self.fates[place] = Fate(event.event_id, event.sequence, created)

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as it is answered."""
        return {
            "received": self.received,
            "created": self.created,
            "already_there": self.already_there,
            "rejected": self.rejected,
            "first_sequence": self.first_sequence,
            "last_sequence": self.last_sequence,
            "errors": self.errors,
        }


@dataclass
class Intake:
    """Processes one body. `lines` are the lines of its records, if it has any."""

    mapping: TokenMapping
    ids: Ids
    outcome: Outcome
    lines: Sequence[int] | None = None

    def take(self, read: Read) -> None:
        """Write the valid records; raises the ledger's errors as `write_events` does."""
        group: list[Item] = []
        size = 0
        for place in range(self.outcome.received):
            try:
                submission = read(place)
            except RejectedError as error:
                self._reject(place, *error.errors)
                continue
            group.append(Item(place, submission))
            size += len(submission.canonical_payload)
            if len(group) == MAX_BATCH or size >= GROUP_BYTES:
                self._write(self._with_keys(group))
                group, size = [], 0
        self._write(self._with_keys(group))

    def take_all(self, read: Read) -> None:
        """Write every record in one transaction, or none.

        Raises:
            Refused: there are too many, or one cannot be taken.
        """
        if self.outcome.received > MAX_BATCH:
            raise Refused(
                INVALID_BATCH,
                f"all or nothing is for at most {MAX_BATCH:,} records, not {self.outcome.received}",
            )
        items = []
        for place in range(self.outcome.received):
            try:
                items.append(Item(place, read(place)))
            except RejectedError as error:
                self._reject(place, *error.errors)
        if not self.outcome.rejected:
            items = self._with_keys(items)
        if self.outcome.rejected:
            raise self.none_taken("so nothing was written")
        for item, one in zip(items, self._written(items), strict=True):
            self.outcome.count(item.place, one.event, one.created)

    def none_taken(self, why: str) -> Refused:
        """Return the refusal of a body of which nothing is in the ledger."""
        outcome, first = self.outcome, self.outcome.errors[0]
        return Refused(
            INVALID_EVENT,
            f"{outcome.rejected:,} of {outcome.received:,} records cannot be recorded, {why}; the "
            f"first: record {first['index']}: {first['detail']}",
            errors=outcome.errors,
            received=outcome.received,
            rejected=outcome.rejected,
        )

    def _with_keys(self, items: list[Item]) -> list[Item]:
        """Reject the items of agents that have no key and get none; return the others."""
        own = self.mapping.agent_id
        others = {i.submission.agent_id for i in items if i.submission.agent_id != own}
        if not others or self.mapping.agents_under is None:
            return items
        refused = refused_agents((str(agent) for agent in others), self.mapping.agents_under)
        permitted = []
        for item in items:
            if why := refused.get(str(item.submission.agent_id)):
                self._reject(item.place, FieldError("", why))
            else:
                permitted.append(item)
        return permitted

    def _written(self, items: Sequence[Item]) -> Any:
        return shared_writer().write_events([item.submission for item in items])

    def _write(self, items: Sequence[Item]) -> None:
        if not items:
            return
        try:
            written = self._written(items)
        except EventIdConflictError as error:
            self._write_apart(items, error)
        except DataError as error:
            if len(items) == 1:
                self._reject(
                    items[0].place, FieldError("", f"the database refuses it: {first_line(error)}")
                )
                return
            middle = len(items) // 2
            self._write(items[:middle])
            self._write(items[middle:])
        else:
            for item, one in zip(items, written, strict=True):
                self.outcome.count(item.place, one.event, one.created)

    def _write_apart(self, items: Sequence[Item], error: EventIdConflictError) -> None:
        """Handle a conflicting id: compare with the events in the ledger, and write the rest."""
        stored = PostgresEventStore().get_events_by_id([i.submission.event_id or "" for i in items])
        first: dict[str, Submission] = {}
        rest = []
        for item in items:
            submission, event_id = item.submission, item.submission.event_id or ""
            if there := stored.get(event_id):
                self._find(item, there)
            elif first.setdefault(event_id, submission) == submission:
                rest.append(item)
            else:
                self._reject_taken(item)
        if len(rest) == len(items):
            raise error
        self._write(rest)

    def _find(self, item: Item, there: Event) -> None:
        """Look up an id in the ledger and compare the content.

        An id of the body and the position means the same content, also after the payload was
        erased.
        """
        prepared = prepare(item.submission)
        is_of_its_place = there.event_id == self.ids.of_place(item.place)
        if prepared.is_same(there) or (is_of_its_place and prepared.is_same_but_erased(there)):
            self.outcome.count(item.place, there, created=False)
        else:
            self._reject_taken(item)

    def _reject_taken(self, item: Item) -> None:
        taken = f"its id {item.submission.event_id} is used by another event"
        self._reject(item.place, FieldError("", taken), is_conflict=True)

    def _reject(self, place: int, *errors: FieldError, is_conflict: bool = False) -> None:
        outcome = self.outcome
        outcome.rejected += 1
        at = {"index": place} | ({} if self.lines is None else {"line": self.lines[place]})
        room = MAX_ERRORS - len(outcome.errors)
        outcome.errors += [
            {"pointer": error.pointer, "detail": error.detail} | at for error in errors[:room]
        ]
        if outcome.fates is not None:
            outcome.fates[place] = Fate("", None, False, errors[0].detail, is_conflict)
