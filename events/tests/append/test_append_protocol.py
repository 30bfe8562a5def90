"""FR7: the append protocol holds for every way of inserting, in every order of statements. Most of
these appends are plain SQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connections, transaction
from psycopg import sql

from events.errors import HeadMismatchError
from events.store.append import InTransactionError, NoTransactionError, insert_events, open_append
from events.tests.support.ledger import OPENING, Ledger
from events.tests.support.raw_append import follow, honest_row, insert


@pytest.fixture
def app(ledger: Ledger) -> Iterator[psycopg.Connection[Any]]:
    with ledger.connect("portal_app") as connection:
        yield connection


def is_whole(ledger: Ledger, count: int) -> None:
    """`count` events behind the opening, no hole, a whole chain, and a head that agrees."""
    last = OPENING + count
    assert ledger.query("SELECT sequence FROM events ORDER BY 1") == [
        (n,) for n in range(1, last + 1)
    ]
    assert ledger.query("SELECT * FROM verify_chain()") == []
    head = ledger.store.head()
    assert (head.max_sequence, head.event_count) == (last, last)


def appends(ledger: Ledger) -> list[Any]:
    """First and last sequence, and count, of each append behind the opening."""
    return ledger.query(
        "SELECT first_sequence, last_sequence, event_count FROM appends"
        " WHERE first_sequence > %s ORDER BY 1",
        [OPENING],
    )


def test_a_plain_insert_needs_no_call_of_open_append(
    ledger: Ledger, app: psycopg.Connection[Any]
) -> None:
    with app.transaction():
        row = honest_row(app)
        insert(app, row)
    app.execute("SELECT nextval('events_sequence_seq')")  # gone astray, and put back by the trigger
    with app.transaction():
        following = {**follow(row), "authority_timestamp": now(app)}
        insert(app, {**following, "content_hash": hash_in_sql(app, following)})
    is_whole(ledger, 2)


def test_two_inserts_in_one_transaction(ledger: Ledger, app: psycopg.Connection[Any]) -> None:
    with app.transaction():
        first = honest_row(app)
        insert(app, first)
        insert(app, follow(first))
        insert(app, honest_row(app))
    is_whole(ledger, 3)
    assert appends(ledger) == [(4, 4, 4), (5, 5, 5), (6, 6, 6)]


def test_one_insert_of_many_rows(ledger: Ledger, app: psycopg.Connection[Any]) -> None:
    with app.transaction():
        rows = [honest_row(app)]
        for _ in range(9):
            rows.append(follow(rows[-1]))
        insert(app, *rows)
    is_whole(ledger, 10)
    assert appends(ledger) == [(4, 13, 13)]


def test_an_insert_of_no_row_moves_nothing(ledger: Ledger, app: psycopg.Connection[Any]) -> None:
    ledger.write(1)
    app.execute("INSERT INTO events SELECT * FROM events WHERE false")
    is_whole(ledger, 1)


def test_copy(ledger: Ledger, app: psycopg.Connection[Any]) -> None:
    ledger.write(1)
    with app.transaction():
        first = honest_row(app)
        copy_in(app, first, follow(first))
    is_whole(ledger, 3)


def test_copy_with_a_wrong_row_leaves_nothing(ledger: Ledger, app: psycopg.Connection[Any]) -> None:
    ledger.write(1)
    app.autocommit = False
    first = honest_row(app)
    with pytest.raises(psycopg.Error) as refused:
        copy_in(app, first, {**follow(first), "prev_hash": "a" * 64})
    app.rollback()
    assert refused.value.sqlstate == "AP003"
    ledger.write(1)
    is_whole(ledger, 2)


def test_numbers_drawn_by_a_stranger_leave_no_gap(
    ledger: Ledger, app: psycopg.Connection[Any]
) -> None:
    ledger.write(2)
    app.execute("SELECT nextval('events_sequence_seq') FROM generate_series(1, 1000)")
    ledger.write(1)
    with app.transaction():
        row = honest_row(app)
        app.execute("SELECT nextval('events_sequence_seq')")  # even under the lock
        insert(app, row)
    is_whole(ledger, 4)


def test_nobody_but_the_owner_can_set_the_sequence(
    ledger: Ledger, app: psycopg.Connection[Any]
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("SELECT setval('events_sequence_seq', 1000)")
    with ledger.connect("portal_owner") as owner:
        owner.execute("SELECT setval('events_sequence_seq', 1000)")
    ledger.write(1)
    is_whole(ledger, 1)


def test_a_rollback_after_the_insert_leaves_no_gap(
    ledger: Ledger, app: psycopg.Connection[Any]
) -> None:
    ledger.write(1)
    with app.transaction(force_rollback=True):
        first = honest_row(app)
        insert(app, first, follow(first))
    assert ledger.query("SELECT last_value FROM events_sequence_seq") == [(6,)]
    ledger.write(1)
    is_whole(ledger, 2)


def test_a_rollback_to_a_savepoint_leaves_no_gap(
    ledger: Ledger, app: psycopg.Connection[Any]
) -> None:
    with app.transaction():
        first = honest_row(app)
        insert(app, first)
        with app.transaction(force_rollback=True):
            insert(app, follow(first))
        insert(app, follow(first))
    is_whole(ledger, 2)


def test_a_statement_that_fails_halfway_leaves_no_gap(
    ledger: Ledger, app: psycopg.Connection[Any]
) -> None:
    ledger.write(1)
    app.autocommit = False
    rows = [honest_row(app)]
    for _ in range(4):
        rows.append(follow(rows[-1]))
    rows.append({**follow(rows[-1]), "event_id": rows[0]["event_id"]})
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(app, *rows)
    app.rollback()
    assert ledger.query("SELECT last_value FROM events_sequence_seq") == [(10,)]
    ledger.write(1)
    is_whole(ledger, 2)


def test_the_first_append_may_be_rolled_back(ledger: Ledger, app: psycopg.Connection[Any]) -> None:
    with app.transaction(force_rollback=True):
        insert(app, honest_row(app))
    ledger.write(1)
    is_whole(ledger, 1)


CUT = {
    "the tail is cut": "DELETE FROM events WHERE sequence = 6",
    "all is cut": "DELETE FROM events",
    "the tail is forged": f"UPDATE events SET content_hash = '{'a' * 64}' WHERE sequence = 6",
    "the head is lost": "DELETE FROM appends WHERE last_sequence = 6",
    "an event stands beyond the head": (
        "INSERT INTO events SELECT gen_random_uuid(), 7, event_type, payload, prev_hash,"
        " content_hash, signature, 1, 1, agent_id, witness_id, witness_signature, local_timestamp,"
        " authority_timestamp, signing_key_id, payload_hash, payload_salt FROM events"
        " WHERE sequence = 6"
    ),
}


@pytest.mark.parametrize("statement", CUT.values(), ids=CUT.keys())
def test_nothing_is_appended_where_the_tail_is_not_the_head(ledger: Ledger, statement: str) -> None:
    ledger.write(3)
    ledger.tamper(statement)
    before = ledger.query("SELECT count(*) FROM events")
    with pytest.raises(HeadMismatchError, match=r"^CT-13: events end at \d"):
        ledger.write(1)
    assert ledger.query("SELECT count(*) FROM events") == before


def test_the_authority_time_is_read_under_the_lock(ledger: Ledger) -> None:
    """A transaction that has waited for the lock gets the time behind the one it waited for."""
    with ledger.connect() as early, ledger.connect() as late, early.transaction():
        early.execute("SELECT now()")  # its transaction begins first
        with late.transaction():
            first = honest_row(late)
            insert(late, first)
        second = honest_row(early)
        insert(early, second)
    assert first["authority_timestamp"] < second["authority_timestamp"]
    is_whole(ledger, 2)


@pytest.mark.parametrize(
    "call", [lambda: open_append("default"), lambda: insert_events("default", [])]
)
def test_the_store_refuses_to_append_outside_a_transaction(ledger: Ledger, call: Any) -> None:
    with pytest.raises(NoTransactionError, match=r"^FR7: "):
        call()


def test_the_writer_refuses_to_run_inside_another_transaction(ledger: Ledger) -> None:
    """Otherwise it would answer for an event that its caller may still roll back."""
    with pytest.raises(InTransactionError), transaction.atomic(using="default"):
        ledger.write(1)
    connections["default"].close()
    assert ledger.store.get_max_sequence() == OPENING


def copy_in(connection: psycopg.Connection[Any], *rows: dict[str, Any]) -> None:
    names = [name for name in rows[0] if name != "sequence"]
    statement = sql.SQL("COPY events ({}) FROM STDIN").format(
        sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row([row[name] for name in names])


def now(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute("SELECT clock_timestamp()::text").fetchone()
    assert row is not None
    return str(row[0])


def hash_in_sql(connection: psycopg.Connection[Any], row: dict[str, Any]) -> str:
    found = connection.execute(
        "SELECT content_hash_of(%(agent_id)s, %(authority_timestamp)s, %(event_id)s,"
        " %(event_type)s, %(hash_alg_version)s::smallint, %(local_timestamp)s, %(payload_hash)s,"
        " %(prev_hash)s, %(sequence)s, %(sig_alg_version)s::smallint, %(signing_key_id)s,"
        " %(witness_id)s)",
        row,
    ).fetchone()
    assert found is not None
    return str(found[0])
