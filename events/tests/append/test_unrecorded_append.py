"""CT-13: when the guard that records appends is switched off, nobody appends past it."""

from __future__ import annotations

import pytest

from events.append.queue import AppendQueue
from events.append.services import writer
from events.append.writer import AtomicEventWriter
from events.errors import HeadMismatchError
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import Ledger, submission


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared"])
def test_an_append_that_no_guard_recorded_is_not_made(ledger: Ledger, shared: bool) -> None:
    direct = writer()
    door: AtomicEventWriter | AppendQueue = AppendQueue(direct) if shared else direct
    door.write_event(submission())
    with ledger.connect("postgres") as superuser:
        superuser.execute("ALTER TABLE events DISABLE TRIGGER check_append_on_insert")
        with pytest.raises(HeadMismatchError, match="check_append"):
            door.write_event(submission())
        superuser.execute("ALTER TABLE events ENABLE ALWAYS TRIGGER check_append_on_insert")
    assert door.write_event(submission()).event.sequence == 5
    assert_intact(ledger, 2)
