"""Faults injected into the writer: it inserts, and then its transaction is rolled back."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError

from events.format.event import Event
from events.store.append import PipelinedAppend

send = PipelinedAppend.send

ROLLED_BACK = "test.rolled_back"
"""Events of this type are inserted, checked by every trigger, and then rolled back."""


def send_and_fail(append: PipelinedAppend, events: Sequence[Event]) -> None:
    """`PipelinedAppend.send`, then a fault for events of the type `ROLLED_BACK`: one that some
    request of the group is to blame for, so the others are written without it."""
    send(append, events)
    if any(e.event_type == ROLLED_BACK for e in events):
        raise IntegrityError("injected")


def install() -> None:
    """Inject for the rest of this process."""
    setattr(PipelinedAppend, "send", send_and_fail)  # noqa: B010 - a method is replaced on purpose
