"""A writer that is interrupted says so, writes all or nothing, and leaves a usable connection."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from events.tests.support.ledger import Ledger

SLOW = """
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
PERFORM pg_sleep(2); RETURN NULL; END $$;
CREATE {} TRIGGER zz_dawdle AFTER INSERT ON events {} FOR EACH ROW EXECUTE FUNCTION dawdle();
"""


@contextmanager
def interrupted_soon() -> Iterator[None]:
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        yield
    timer.join()
    assert time.monotonic() - began < 2


def test_while_it_waits_for_the_lock(ledger: Ledger) -> None:
    ledger.write(1)
    with ledger.connect("postgres") as other, other.transaction():
        other.execute("SELECT open_append()")
        with interrupted_soon():
            ledger.write(1)
    ledger.write(1)
    assert [event.sequence for event in ledger.written()] == [4, 5]


@pytest.mark.parametrize(
    "when", [("", ""), ("CONSTRAINT", "DEFERRABLE INITIALLY DEFERRED")], ids=["copy", "commit"]
)
def test_while_the_rows_are_checked(ledger: Ledger, when: tuple[str, str]) -> None:
    ledger.write(1)
    with ledger.connect("postgres") as superuser:
        superuser.execute(SLOW.format(*when))
        with interrupted_soon():
            ledger.write(1)
        superuser.execute("DROP TRIGGER zz_dawdle ON events; DROP FUNCTION dawdle()")
    ledger.write(1)
    assert [event.sequence for event in ledger.written()] == [4, 5]
