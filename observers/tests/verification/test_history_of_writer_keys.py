"""Check 12 follows keys that writers hold, and believes a writer's own replacement by its signature
alone."""

from __future__ import annotations

import pytest

from events.append.services import key_backend, writer
from events.ceremonies import complete_details
from events.format import key_events
from events.format.canonical import canonicalize
from events.submission import Submission
from events.tests.support.ceremonies import guard_off, hold
from events.tests.support.ceremonies import register as register_people
from events.tests.support.ledger import Ledger
from events.tests.support.writer import WRITER, Writer
from observers.verification.key_comparison import compare_keys

pytestmark = pytest.mark.usefixtures("ledger")


def test_the_chain_tells_every_key_that_a_writer_holds(ledger: Ledger) -> None:
    first, second, third = Writer(), Writer(key_id="second"), Writer(key_id="third")
    first.register()
    register_people()
    second.register(replaces=first)
    asked = third.registration(replaces=second)
    given = {"old_key": second.key_id, "new_key": third.key_id, "proof": asked["proof"]}
    given["new_public_key"] = third.public_key
    details = complete_details("rotate_key", given, using="default", backend=key_backend())
    hold(ledger, "rotate_key", details)
    assert compare_keys("default") == []


@pytest.mark.parametrize(
    ("proof", "reason"),
    [
        (None, "takes a ceremony"),
        ("own", "replaced_proof is not a signature by the key agent-9-own"),
    ],
)
def test_a_replacement_that_the_replaced_key_did_not_sign_is_found(
    ledger: Ledger, proof: str | None, reason: str
) -> None:
    """The system's key wrote it, past the database's guard."""
    first, second = Writer(), Writer(key_id="second")
    first.register()
    register_people()
    asked = second.registration(replaces=first)
    said = key_events.registration(
        "agent", "second", second.public_key, owner=WRITER, custody="writer", replaces=first.key_id
    )
    said["proof"] = asked["proof"]
    if proof:
        said["replaced_proof"] = asked["proof"]
    with guard_off(ledger, "events", "carry_out_system_event_at_commit"):
        written = writer().write_event(
            Submission(key_events.REGISTERED, canonicalize(said), agent_id=None)
        )
    (found,) = compare_keys("default")
    assert found.sequence == written.event.sequence
    assert reason in found.text
