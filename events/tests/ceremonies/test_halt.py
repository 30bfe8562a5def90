"""CT-11: a halted ledger takes nothing, tells why, and stays halted."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from events.append.services import writer
from events.errors import SystemHaltedError
from events.registrar import registrar
from events.store.ledger import HaltStateMissingError
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import OPENING, Ledger, submission
from events.tests.support.race import together
from events.tests.support.raw_append import honest_row, insert


def halt(ledger: Ledger, why: str = "a fork was found") -> None:
    with ledger.connect() as app:
        app.execute("SELECT halt_ledger(%s)", [why])


def test_a_running_ledger_is_not_halted(ledger: Ledger) -> None:
    state = ledger.store.halt()
    assert (state.halted, state.reason, state.halted_at) == (False, None, None)


WRITES: dict[str, Callable[[Ledger], object]] = {
    "one event": lambda ledger: writer().write_event(submission()),
    "a batch": lambda ledger: writer().write_events([submission(), submission()]),
    "a system event": lambda ledger: writer().write_event(submission(agent_id=None)),
    "a new key": lambda ledger: registrar().create_key("agent-9"),
    "a rotation": lambda ledger: registrar().rotate_key("agent-7"),
    "a retirement": lambda ledger: registrar().retire_witness("WITNESS:alpha"),
    "a new witness": lambda ledger: registrar().create_witness("beta"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_halted_ledger_refuses(ledger: Ledger, write: Callable[[Ledger], object]) -> None:
    ledger.write(2)
    halt(ledger)
    registered = ledger.query("SELECT to_jsonb(k) FROM agent_keys k")
    with pytest.raises(SystemHaltedError, match=r"^CT-11: the ledger is halted: a fork was found$"):
        write(ledger)
    assert_intact(ledger, 2)
    assert ledger.query("SELECT to_jsonb(k) FROM agent_keys k") == registered


@pytest.mark.parametrize("role", ["portal_app", "portal_owner", "postgres"])
def test_a_halted_ledger_refuses_plain_sql(ledger: Ledger, role: str) -> None:
    ledger.write(1)
    with ledger.connect(role) as connection:
        with connection.transaction():
            row = honest_row(connection)
        halt(ledger)
        with pytest.raises(psycopg.Error, match="CT-11") as refused:
            insert(connection, row)
    assert refused.value.sqlstate == "AP001"
    assert_intact(ledger, 1)


def test_stored_events_can_still_be_found_and_read(ledger: Ledger) -> None:
    event_id = "0191d7a0-0000-7000-8000-000000000001"
    same = submission(event_id=event_id)
    writer().write_event(same)
    halt(ledger)
    again = writer().write_event(same)
    assert (again.created, again.event.sequence) == (False, OPENING + 1)
    assert_intact(ledger, 1)


def test_the_halt_state_says_when_and_why(ledger: Ledger) -> None:
    halt(ledger, "first reason")
    state = ledger.store.halt()
    assert (state.halted, state.reason) == (True, "first reason")
    halt(ledger, "second reason")
    assert ledger.store.halt() == state


STICKY = [
    "UPDATE halt_state SET halted = false, reason = NULL, halted_at = NULL",
    "UPDATE halt_state SET reason = 'another'",
    "DELETE FROM halt_state",
    "TRUNCATE halt_state",
]


@pytest.mark.parametrize("statement", STICKY)
def test_a_halt_is_sticky(ledger: Ledger, statement: str) -> None:
    halt(ledger)
    for role in ("portal_owner", "postgres"):
        with ledger.connect(role) as connection, pytest.raises(psycopg.Error) as refused:
            connection.execute(statement)
        assert refused.value.sqlstate == "AP004"
    assert ledger.store.halt().reason == "a fork was found"


def test_a_halt_needs_a_reason(ledger: Ledger) -> None:
    with ledger.connect() as app, pytest.raises(psycopg.errors.CheckViolation):
        app.execute("SELECT halt_ledger(NULL)")
    ledger.write(1)


def test_without_a_halt_state_nothing_is_written(ledger: Ledger) -> None:
    ledger.write(1)
    ledger.tamper("DELETE FROM halt_state")
    with pytest.raises(SystemHaltedError, match=r"^CT-11: the halt state is gone"):
        ledger.write(1)
    with pytest.raises(HaltStateMissingError, match=r"^CT-11: "):
        ledger.store.halt()
    assert ledger.store.get_max_sequence() == OPENING + 1


def test_nothing_is_written_after_a_halt_that_races_the_writers(ledger: Ledger) -> None:
    """The halt takes the append lock, so what is written is written before it."""

    def write_until_halted() -> str:
        while True:
            try:
                last = writer().write_event(submission()).event.authority_timestamp
            except SystemHaltedError:
                return last

    def halt_soon() -> str:
        while ledger.store.get_max_sequence() < 20:
            pass
        halt(ledger)
        return str(ledger.store.halt().halted_at)

    *written, halted_at = together([write_until_halted] * 3 + [halt_soon])
    assert max(written) <= halted_at
    assert_intact(ledger, len(ledger.written()))
