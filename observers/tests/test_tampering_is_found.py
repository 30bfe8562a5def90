"""What a superuser with the triggers off can do, and where `verify_ledger` finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from events import ed25519, event
from events.composition import key_backend, signing_service, witness_service, writer
from events.errors import HeadMismatchError
from events.event import Event
from events.tests.ledger import Ledger, submission
from observers.tests import forgery
from observers.tests.commands import findings, run

EVENTS = 12


@dataclass(frozen=True)
class Case:
    """A tampering, and every finding it must lead to."""

    name: str
    tamper: Callable[[Ledger, list[Event]], None]
    expected: list[tuple[int, str]]


def statement(*statements: str) -> Callable[[Ledger, list[Event]], None]:
    """A tampering by plain SQL."""
    return lambda ledger, events: ledger.tamper(*statements)


def edit_payload_and_its_hash(ledger: Ledger, events: list[Event]) -> None:
    with ledger.tampering() as superuser:
        edited = replace(events[4], payload='{"number":400}')
        digest = event.payload_hash(bytes.fromhex(edited.payload_salt), edited.canonical_payload)
        forgery.overwrite(superuser, replace(edited, payload_hash=digest))


def edit_and_fix_own_hashes(ledger: Ledger, events: list[Event]) -> None:
    with ledger.tampering() as superuser:
        edited = replace(events[4], payload='{"number":400}')
        forgery.overwrite(superuser, forgery.rehash(edited, edited.prev_hash))


def rechain_without_keys(ledger: Ledger, events: list[Event]) -> None:
    with ledger.tampering() as superuser:
        forgery.rechain(superuser, events, replace(events[9], payload='{"number":400}'))


def swap_two(ledger: Ledger, events: list[Event]) -> None:
    ledger.tamper(
        "UPDATE events SET sequence = 1000 WHERE sequence = 4",
        "UPDATE events SET sequence = 4 WHERE sequence = 7",
        "UPDATE events SET sequence = 7 WHERE sequence = 1000",
    )


def forge_beyond_the_head(ledger: Ledger, events: list[Event]) -> None:
    last = events[-1]
    forged = replace(last, event_id="0191d7a0-0000-7000-8000-00000000000f", sequence=EVENTS + 1)
    with ledger.tampering() as superuser:
        forgery.insert(superuser, forgery.rehash(forged, last.content_hash))


def forge_with_its_append(ledger: Ledger, events: list[Event]) -> None:
    forge_beyond_the_head(ledger, events)
    ledger.tamper(
        "INSERT INTO appends SELECT sequence, sequence, content_hash, authority_timestamp, sequence"
        f" FROM events WHERE sequence = {EVENTS + 1}"
    )


def sign_by_another_agent(ledger: Ledger, events: list[Event]) -> None:
    """A stolen key of agent-8 signs an event of agent-7, and all hashes are made right."""
    edited = replace(events[-1], signing_key_id=signing_service().active_key("agent-8"))
    _sign_again(ledger, edited)


def sign_by_a_retired_key(ledger: Ledger, events: list[Event]) -> None:
    """A key retired before the event's place signs it."""
    old = signing_service().active_key("agent-7")
    signing_service().rotate_key("agent-7")
    appended = ledger.write()[0]
    _sign_again(ledger, replace(appended, signing_key_id=old))


def witness_by_a_retired_witness(ledger: Ledger, events: list[Event]) -> None:
    witness_service().create_witness("beta")
    witness_service().retire_witness("WITNESS:alpha")
    appended = ledger.write()[0]
    _sign_again(ledger, replace(appended, witness_id="WITNESS:alpha"))


def _sign_again(ledger: Ledger, edited: Event) -> None:
    forged = forgery.rehash(edited, edited.prev_hash)
    signable = forged.signable_content()
    signature = key_backend().sign(forged.signing_key_id, event.agent_message(signable))
    attestation = key_backend().sign(forged.witness_id, event.witness_message(signature, signable))
    forged = replace(
        forged,
        signature=ed25519.encode(signature),
        witness_signature=ed25519.encode(attestation),
    )
    with ledger.tampering() as superuser:
        forgery.overwrite(superuser, forged)
        superuser.execute(
            "UPDATE appends SET content_hash = %s WHERE last_sequence = %s",
            (forged.content_hash, forged.sequence),
        )


SIGNED = ["signature", "witness_signature"]
CASES = [
    Case(
        "payload edited",
        statement("""UPDATE events SET payload = '{"number": 400}' WHERE sequence = 5"""),
        [(5, "payload_hash")],
    ),
    Case(
        "payload set to a number no double can hold",
        statement("UPDATE events SET payload = '1e400' WHERE sequence = 5"),
        [(5, "payload_hash")],
    ),
    Case(
        "payload and payload_hash edited",
        edit_payload_and_its_hash,
        [(5, "content_hash"), (5, "signature"), (5, "witness_signature")],
    ),
    Case(
        "edited, with its own hashes made right",
        edit_and_fix_own_hashes,
        [(5, "signature"), (5, "witness_signature"), (5, "head"), (6, "prev_hash")],
    ),
    Case(
        "re-chained to the end without the keys",
        rechain_without_keys,
        [(n, check) for n in (10, 11, 12) for check in SIGNED],
    ),
    Case(
        "writer's time edited",
        statement("UPDATE events SET local_timestamp = '1999-01-01Z' WHERE sequence = 5"),
        [(5, "content_hash"), (5, "signature"), (5, "witness_signature")],
    ),
    Case(
        "authority time backdated",
        statement("UPDATE events SET authority_timestamp = '2020-01-01Z' WHERE sequence = 5"),
        [(5, "content_hash"), (5, "signature"), (5, "witness_signature")],
    ),
    Case(
        "type edited",
        statement("UPDATE events SET event_type = 'test.never' WHERE sequence = 5"),
        [(5, "content_hash"), (5, "signature"), (5, "witness_signature")],
    ),
    Case(
        "agent edited",
        statement("UPDATE events SET agent_id = 'agent-8' WHERE sequence = 5"),
        [(5, "content_hash"), (5, "signing_key"), (5, "signature"), (5, "witness_signature")],
    ),
    Case(
        "event_id edited",
        statement(
            "UPDATE events SET event_id = '0191d7a0-0000-7000-8000-00000000000f' WHERE sequence = 5"
        ),
        [(5, "content_hash"), (5, "signature"), (5, "witness_signature")],
    ),
    Case(
        "deleted in the middle",
        statement("DELETE FROM events WHERE sequence BETWEEN 5 AND 7"),
        [(5, "gap")],
    ),
    Case("first one deleted", statement("DELETE FROM events WHERE sequence = 1"), [(1, "gap")]),
    Case("tail deleted", statement("DELETE FROM events WHERE sequence > 10"), [(11, "gap")]),
    Case("all deleted", statement("DELETE FROM events"), [(1, "gap")]),
    Case(
        "two swapped",
        swap_two,
        [
            (4, "content_hash"),
            (4, "prev_hash"),
            (4, "signature"),
            (4, "witness_signature"),
            (4, "head"),
            (5, "prev_hash"),
            (7, "content_hash"),
            (7, "prev_hash"),
            (7, "signature"),
            (7, "witness_signature"),
            (7, "head"),
            (8, "prev_hash"),
        ],
    ),
    Case(
        "forged one inserted beyond the head",
        forge_beyond_the_head,
        [(13, "signature"), (13, "witness_signature"), (13, "head")],
    ),
    Case(
        "forged one inserted with its append",
        forge_with_its_append,
        [(13, "signature"), (13, "witness_signature")],
    ),
    Case("signed by another agent's key", sign_by_another_agent, [(12, "signing_key")]),
    Case("signed by a retired key", sign_by_a_retired_key, [(13, "signing_key")]),
    Case("attested by a retired witness", witness_by_a_retired_witness, [(13, "witness")]),
    Case(
        "signature replaced",
        statement(
            "UPDATE events SET signature = (SELECT signature FROM events WHERE sequence = 4)"
            " WHERE sequence = 5"
        ),
        [(5, "signature"), (5, "witness_signature")],
    ),
    Case(
        "attestation replaced",
        statement(
            "UPDATE events SET witness_signature ="
            " (SELECT witness_signature FROM events WHERE sequence = 4) WHERE sequence = 5"
        ),
        [(5, "witness_signature")],
    ),
    Case(
        "witness removed from the registry",
        statement("DELETE FROM witnesses"),
        [(n, check) for n in range(1, 13) for check in ("witness", "witness_signature")],
    ),
    Case(
        "time out of every calendar",
        statement(
            "ALTER TABLE events DROP CONSTRAINT events_local_timestamp_check",
            "UPDATE events SET local_timestamp = 'infinity' WHERE sequence = 5",
        ),
        [(5, "format"), (5, "content_hash"), (5, "signature"), (5, "witness_signature")],
    ),
    Case(
        "record of an append edited",
        statement("UPDATE appends SET content_hash = repeat('0', 64) WHERE last_sequence = 5"),
        [(5, "head")],
    ),
    Case(
        "tail of the record of appends deleted",
        statement("DELETE FROM appends WHERE last_sequence > 10"),
        [(11, "head"), (12, "head")],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_tampering_is_found_and_located(ledger: Ledger, case: Case) -> None:
    events = ledger.write(EVENTS)
    assert findings() == []
    case.tamper(ledger, events)
    assert findings() == case.expected


def test_each_finding_is_named_for_people(ledger: Ledger) -> None:
    ledger.write(3)
    ledger.tamper("""UPDATE events SET payload = '"changed"' WHERE sequence = 2""")
    ran = run("verify_ledger")
    assert ran.code == 1
    assert "sequence 2: check 3, payload_hash: the payload hashes to" in ran.text
    assert ran.text.rstrip().endswith("NOT SOUND: 1 findings.")


@pytest.mark.parametrize(
    "cut", ["DELETE FROM events WHERE sequence = 3", "DELETE FROM appends WHERE last_sequence = 3"]
)
def test_nothing_is_appended_to_a_ledger_whose_tail_is_not_its_head(
    ledger: Ledger, cut: str
) -> None:
    ledger.write(3)
    ledger.tamper(cut)
    with pytest.raises(HeadMismatchError, match="CT-13"):
        writer().write_event(submission())
