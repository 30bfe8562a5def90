"""Faults injected into the writer: it inserts, and then its transaction is rolled back."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError

from events.append import writer as writer_module
from events.format.event import Event
from events.store.append import PipelinedAppend, insert_events

send = PipelinedAppend.send

ROLLED_BACK = "test.rolled_back"
"""Events of this type are inserted, checked by every trigger, and then rolled back."""


class InjectedError(Exception):
    """The fault behind the insert and before the commit."""


def insert_and_fail(using: str, events: Sequence[Event]) -> None:
    """`insert_events`, with a fault behind it for events of the type `ROLLED_BACK`."""
    insert_events(using, events)
    if any(e.event_type == ROLLED_BACK for e in events):
        raise InjectedError


def send_and_fail(append: PipelinedAppend, events: Sequence[Event]) -> None:
    """`PipelinedAppend.send`, then a fault for events of the type `ROLLED_BACK`: one that some
    request of the group is to blame for, so the others are written without it."""
    send(append, events)
    if any(e.event_type == ROLLED_BACK for e in events):
        raise IntegrityError("injected")


def install() -> None:
    """Inject for the rest of this process."""
    writer_module.insert_events = insert_and_fail  # type: ignore[attr-defined]
    setattr(PipelinedAppend, "send", send_and_fail)  # noqa: B010 - a method is replaced on purpose
