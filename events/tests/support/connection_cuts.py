"""Appends that fail on purpose: rolled back, cut off before their commit, or never answered. Other
appends are untouched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any

import psycopg
import pytest

from events.format.event import Event
from events.store.append import PipelinedAppend
from events.tests.support.fault_injection import send, send_and_fail
from events.tests.support.ledger import Ledger

finish = PipelinedAppend.finish


class Cut(Enum):
    """Points at which the server ends the connection of an append."""

    SENDING = "test.cut.sending"
    """The rows are there, the commit was not sent."""

    COMMITTING = "test.cut.committing"
    """The writer asks for the commit, which does not happen."""

    UNANSWERED = "test.unanswered"
    """The commit happened, and nobody says so."""


class Cuts:
    """Cuts the append that carries an event of the type of a `Cut`, once an event."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._types = {cut.value: cut for cut in Cut}
        self._done: set[str] = set()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Inject these faults, and those of `events.tests.support.fault_injection`, meanwhile."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                PipelinedAppend, "send", lambda append, events: self._send(append, events)
            )
            patch.setattr(PipelinedAppend, "finish", lambda append: self._finish(append))
            yield

    @contextmanager
    def of(self, event_type: str, cut: Cut | None) -> Iterator[None]:
        """Cut the events of another type too, meanwhile."""
        before = dict(self._types)
        if cut is not None:
            self._types[event_type] = cut
        yield
        self._types = before

    def was_cut(self, event_id: str | None) -> bool:
        """Tells whether the connection was cut at the event of this id."""
        return event_id in self._done

    def _due(self, events: Sequence[Event]) -> Cut | None:
        """The cut of the first of these events that wants one and has not had it."""
        found = None
        for event in events:
            cut = self._types.get(event.event_type)
            if cut is not None and event.event_id not in self._done:
                self._done.add(event.event_id)
                found = found or cut
        return found

    def _send(self, append: PipelinedAppend, events: Sequence[Event]) -> None:
        cut = self._due(events)
        if cut is None:
            send_and_fail(append, events)
            return
        send(append, events)
        if cut is Cut.SENDING:
            self._end(append._connection)
        else:
            vars(append)["cut"] = cut

    def _finish(self, append: PipelinedAppend) -> None:
        cut = vars(append).pop("cut", None)
        if cut is Cut.COMMITTING:
            append.committing = True
            self._end(append._connection)
        finish(append)
        if cut is Cut.UNANSWERED:
            self._end(append._connection)
            append._connection.execute("SELECT 1")

    def _end(self, connection: psycopg.Connection[Any]) -> None:
        """End the server's side of it, and wait until that is done: its lock is free then."""
        pid = connection.info.backend_pid
        assert self._ledger.query("SELECT pg_terminate_backend(%s, 30000)", [pid]) == [(True,)]
