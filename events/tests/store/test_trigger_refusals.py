"""FR7: the database refuses every append that it can see is wrong, whoever sends it.

Each refusal is tried as the application, as the owner and as a superuser with the triggers on.
Nothing is written, and the next append works.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from events.registrar import registrar
from events.tests.support.ledger import OPENING, Ledger
from events.tests.support.raw_append import active_key, follow, honest_row, insert

ROLES = ("portal_app", "portal_owner", "postgres")
REFUSED = "AP003"

Rows = Callable[[psycopg.Connection[Any]], list[dict[str, Any]]]


def one(**changes: Any) -> Rows:
    return lambda connection: [honest_row(connection, **changes)]


def broken_link_inside_a_batch(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    first = honest_row(connection)
    return [first, follow({**follow(first), "sequence": first["sequence"]})]


def swapped_batch(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    first = honest_row(connection)
    return [follow(first), first]


def retired_key(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    old, _ = registrar().rotate_key("agent-7")
    return [honest_row(connection, signing_key_id=old)]


def retired_witness(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    retired = registrar().create_witness(f"beta-{connection.info.user}")
    registrar().retire_witness(retired)
    return [honest_row(connection, witness_id=retired)]


def key_of_another_agent(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    return [honest_row(connection, signing_key_id=active_key("agent-8"))]


def agents_key_for_the_system(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    return [honest_row(connection, agent_id=None)]


def systems_key_for_an_agent(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    return [honest_row(connection, signing_key_id=active_key(None))]


WRONG: dict[str, tuple[Rows, str]] = {
    "prev_hash of nothing": (one(prev_hash="0" * 64), "prev_hash"),
    "prev_hash of somewhere": (one(prev_hash="a" * 64), "prev_hash"),
    "content_hash of something else": (one(content_hash="b" * 64), "content_hash"),
    "a sequence hashed that is not next": (one(sequence=99), "content_hash"),
    "an agent changed after hashing": (
        lambda c: [{**honest_row(c), "agent_id": "agent-8"}],
        "content_hash",
    ),
    "a type changed after hashing": (
        lambda c: [{**honest_row(c), "event_type": "test.other"}],
        "content_hash",
    ),
    "a local time changed after hashing": (
        lambda c: [{**honest_row(c), "local_timestamp": "1999-01-01T00:00:00.000000Z"}],
        "content_hash",
    ),
    "a payload hash changed after hashing": (
        lambda c: [{**honest_row(c), "payload_hash": "c" * 64}],
        "content_hash",
    ),
    "an authority time before the transaction": (
        one(authority_timestamp="2020-01-01T00:00:00.000000Z"),
        "authority_timestamp",
    ),
    "an authority time to come": (
        one(authority_timestamp="2999-01-01T00:00:00.000000Z"),
        "authority_timestamp",
    ),
    "an unknown key": (one(signing_key_id="nobody-0"), "signing_key"),
    "a retired key": (retired_key, "signing_key"),
    "the key of another agent": (key_of_another_agent, "signing_key"),
    "an agent's key for the system": (agents_key_for_the_system, "signing_key"),
    "the system's key for an agent": (systems_key_for_an_agent, "signing_key"),
    "an unknown witness": (one(witness_id="WITNESS:nobody"), "witness"),
    "a retired witness": (retired_witness, "witness"),
    "a broken link inside a batch": (broken_link_inside_a_batch, "prev_hash"),
    "a batch in the wrong order": (swapped_batch, "prev_hash"),
}


@pytest.mark.parametrize(("rows", "check"), WRONG.values(), ids=WRONG.keys())
def test_refuses(ledger: Ledger, rows: Rows, check: str) -> None:
    ledger.write(2)
    for role in ROLES:
        with ledger.connect(role) as connection:
            assert refusal(ledger, connection, rows) == (REFUSED, check)
            nothing_was_written(ledger)


NOT_NEXT: dict[str, tuple[Callable[[int], int], str]] = {
    "negative": (lambda head: -1, "events_sequence_check"),
    "zero": (lambda head: 0, "events_sequence_check"),
    "the first again": (lambda head: 1, "events_sequence_key"),
    "the last again": (lambda head: head, "events_sequence_key"),
    "one too far": (lambda head: head + 2, "sequence"),
    "the largest": (lambda head: 2**63 - 1, "sequence"),
}


@pytest.mark.parametrize(("number", "check"), NOT_NEXT.values(), ids=NOT_NEXT.keys())
def test_refuses_an_explicit_sequence_that_is_not_next(
    ledger: Ledger, number: Callable[[int], int], check: str
) -> None:
    ledger.write(2)
    for role in ROLES:
        wrong = number(ledger.store.get_max_sequence())
        with ledger.connect(role) as connection, pytest.raises(psycopg.Error) as refused:
            insert_in_transaction(connection, one(sequence=wrong), sequence=True)
        assert refused.value.diag.constraint_name == check
        nothing_was_written(ledger)


def test_takes_an_explicit_sequence_that_is_next(ledger: Ledger) -> None:
    for number, role in enumerate(ROLES, start=OPENING + 1):
        with ledger.connect(role) as connection:
            insert_in_transaction(connection, one(sequence=number), sequence=True)
    assert ledger.write()[0].sequence == 7
    assert ledger.query("SELECT * FROM verify_chain()") == []


MALFORMED: dict[str, tuple[dict[str, Any], str]] = {
    "no witness": ({"witness_id": None}, "witness_id"),
    "no witness signature": ({"witness_signature": None}, "witness_signature"),
    "no signature": ({"signature": None}, "signature"),
    "no payload": ({"payload": None}, "payload"),
    "no local time": ({"local_timestamp": None}, "local_timestamp"),
    "a signature that is none": ({"signature": "x" * 88}, "events_signature_check"),
    "a witness signature that is none": (
        {"witness_signature": "x"},
        "events_witness_signature_check",
    ),
    "an empty type": ({"event_type": ""}, "events_event_type_check"),
    "a long type": ({"event_type": "t" * 201}, "events_event_type_check"),
    "a control character in a type": ({"event_type": "a\tb"}, "events_event_type_check"),
    "a blank type": ({"event_type": " "}, "events_event_type_check"),
    "a filler in a type": ({"event_type": "a\u3164b"}, "events_event_type_check"),
    "a type of the system": ({"event_type": "system.halted"}, "events_type_of_an_agent"),
    "a type like the system's": ({"event_type": "syst\u0435m.x"}, "events_type_of_an_agent"),
    "an empty agent": ({"agent_id": ""}, "events_agent_id_check"),
    "an unknown hash algorithm": ({"hash_alg_version": 2}, "events_hash_alg_version_check"),
    "an unknown signature algorithm": ({"sig_alg_version": 3}, "events_sig_alg_version_check"),
    "a hash in capitals": ({"content_hash": "A" * 64}, "events_content_hash_check"),
    "a short salt": ({"payload_salt": "00"}, "events_payload_salt_check"),
    "an infinite local time": ({"local_timestamp": "infinity"}, "events_local_timestamp_check"),
    "a local time before Christ": (
        {"local_timestamp": "0044-03-15 12:00:00+00 BC"},
        "events_local_timestamp_check",
    ),
    "a local time after year 9999": (
        {"local_timestamp": "10000-01-01 00:00:00+00"},
        "events_local_timestamp_check",
    ),
}


@pytest.mark.parametrize(("changes", "where"), MALFORMED.values(), ids=MALFORMED.keys())
def test_refuses_malformed_columns(ledger: Ledger, changes: dict[str, Any], where: str) -> None:
    ledger.write(2)
    for role in ROLES:
        with ledger.connect(role) as connection, pytest.raises(psycopg.IntegrityError) as refused:
            insert_in_transaction(connection, lambda c: [{**honest_row(c), **changes}])
        diagnostics = refused.value.diag
        assert where in (diagnostics.constraint_name, diagnostics.column_name)
        nothing_was_written(ledger)


def test_refuses_even_when_replication_mode_switches_ordinary_triggers_off(ledger: Ledger) -> None:
    ledger.write(2)
    with ledger.connect("postgres") as superuser:
        superuser.execute("SET session_replication_role = replica")
        assert refusal(ledger, superuser, one(prev_hash="a" * 64)) == (REFUSED, "prev_hash")
    nothing_was_written(ledger)


def test_refuses_a_repeated_event_id(ledger: Ledger) -> None:
    stored = ledger.write(2)[0]
    with ledger.connect() as connection:
        with pytest.raises(psycopg.errors.UniqueViolation) as refused:
            insert_in_transaction(connection, one(event_id=stored.event_id))
        assert refused.value.diag.constraint_name == "events_pkey"
    nothing_was_written(ledger)


def refusal(
    ledger: Ledger, connection: psycopg.Connection[Any], rows: Rows
) -> tuple[str | None, str | None]:
    """The SQLSTATE of the refusal and the check that failed."""
    with pytest.raises(psycopg.Error) as refused:
        insert_in_transaction(connection, rows)
    return refused.value.sqlstate, refused.value.diag.constraint_name


def insert_in_transaction(
    connection: psycopg.Connection[Any], rows: Rows, *, sequence: bool = False
) -> None:
    with connection.transaction():
        insert(connection, *rows(connection), sequence=sequence)


def nothing_was_written(ledger: Ledger) -> None:
    """The refused append left no trace, and the next honest one takes the next number."""
    before = ledger.store.head()
    assert ledger.query("SELECT count(*), max(sequence) FROM events") == [
        (before.event_count, before.max_sequence)
    ]
    assert ledger.query("SELECT max(last_sequence), max(event_count) FROM appends") == [
        (before.max_sequence, before.event_count)
    ]
    assert ledger.write()[0].sequence == before.max_sequence + 1
    assert ledger.query("SELECT last_value, is_called FROM events_sequence_seq") == [
        (before.max_sequence + 1, True)
    ]
    assert ledger.query("SELECT * FROM verify_chain()") == []
