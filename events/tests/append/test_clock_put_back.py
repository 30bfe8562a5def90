"""The database's clock is put back while an append is under way: it is taken (AC4), and the
authority time is still the opening's own reading and no other.

The clock is that of the functions in this database: their text is changed to read another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from events.append.queue import AppendQueue
from events.append.services import writer
from events.store.append import PipelinedAppend
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import OPENING, Ledger, submission
from events.tests.support.raw_append import honest_row, insert

STEPS = ("0.001 s", "5 s", "2 days")
CLOCK = "clock_timestamp()"


def put_back(ledger: Ledger, *functions: str, by: str) -> None:
    """These functions read a clock that is behind, from now on."""
    with ledger.connect("postgres") as superuser:
        for name in functions:
            (source,) = ledger.query("SELECT pg_get_functiondef(%s::regproc)", [name])[0]
            assert CLOCK in source
            behind = f"({CLOCK} - interval '{by}')"
            superuser.execute(source.replace(CLOCK, behind).encode())


WRITES: dict[str, Callable[[], Any]] = {
    "alone": lambda: writer().write_event(submission()),
    "in a batch": lambda: writer().write_events([submission(), submission()]),
    "grouped": lambda: AppendQueue(writer()).write_events([submission(), submission()]),
}


@pytest.mark.parametrize("by", STEPS)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_before_the_opening(ledger: Ledger, write: Callable[[], Any], by: str) -> None:
    """As while it waited for the lock: the reading is before the transaction's beginning."""
    ledger.write(1)
    put_back(ledger, "open_append", "check_append", by=by)
    write()
    assert ledger.query("SELECT * FROM verify_chain()") == []
    assert ledger.store.get_max_sequence() > OPENING + 1


@pytest.mark.parametrize("by", STEPS)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_after_the_opening(ledger: Ledger, write: Callable[[], Any], by: str) -> None:
    """As while it was signed: what is checked against is before the reading."""
    ledger.write(1)
    put_back(ledger, "check_append", by=by)
    write()
    assert_intact(ledger, len(ledger.written()))


@pytest.mark.parametrize("by", STEPS)
def test_between_two_openings_of_one_transaction(ledger: Ledger, by: str) -> None:
    with ledger.connect() as app, app.transaction():
        first = honest_row(app)
        insert(app, first)
        put_back(ledger, "check_append", by=by)
        second = honest_row(app)
        insert(app, second)
    assert second["authority_timestamp"] == first["authority_timestamp"]
    assert_intact(ledger, 2)


def test_in_the_middle_of_a_group(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the opening that group commit asked for and the one that the trigger makes."""
    start = PipelinedAppend.start

    def start_later(append: PipelinedAppend) -> None:
        put_back(ledger, "open_append", "check_append", by="1 hour")
        start(append)

    monkeypatch.setattr(PipelinedAppend, "start", start_later)
    AppendQueue(writer()).write_events([submission()])
    assert_intact(ledger, 1)


def shifted(moment: str, seconds: str) -> str:
    """The expression of a time that far from another, in the form that is signed."""
    return (
        f"SELECT to_char(({moment}) + interval '{seconds} s', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    )


FORGED = {
    "before the opening, inside the transaction": "-0.05",
    "long before": "-86400",
    "in a while": "3600",
    "in a moment": "5",
}


@pytest.mark.parametrize("put", [False, True])
@pytest.mark.parametrize("forgery", FORGED)
def test_another_time_is_still_refused(ledger: Ledger, forgery: str, put: bool) -> None:
    """The application's role cannot choose the authority time, also where the clock was
    put back: before, any time since the transaction began was taken."""
    ledger.write(1)
    if put:
        put_back(ledger, "open_append", "check_append", by="1 hour")
    with ledger.connect() as app:
        app.execute("BEGIN")
        app.execute("SELECT pg_sleep(0.2)")
        (opened,) = app.execute(
            "SELECT authority_timestamp AT TIME ZONE 'UTC' FROM open_append()"
        ).fetchone() or (None,)
        moment = app.execute(
            shifted(f"timestamp '{opened}'", FORGED[forgery]).encode()
        ).fetchone() or ("",)
        row = honest_row(app, authority_timestamp=moment[0])
        with pytest.raises(psycopg.Error, match="authority_timestamp"):
            insert(app, row)
    assert_intact(ledger, 1)


def test_the_reading_of_another_transaction_is_not_ones_own(ledger: Ledger) -> None:
    """An opening that came to nothing leaves its reading behind; nobody else may use it."""
    with ledger.connect() as other:
        other.execute("BEGIN")
        (earlier,) = other.execute(
            shifted(
                "SELECT authority_timestamp AT TIME ZONE 'UTC' FROM open_append()", "0"
            ).encode()
        ).fetchone() or ("",)
        other.execute("ROLLBACK")
    with ledger.connect() as app:
        app.execute("BEGIN")
        row = honest_row(app, authority_timestamp=earlier)
        with pytest.raises(psycopg.Error, match="authority_timestamp"):
            insert(app, row)
