"""A halt ends by a ceremony of three people, and by nothing else (CT-11, CT-13).

It must never be enough to be the owner of the database, nor to be one person.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from events import ceremonies
from events.ceremony import REJECTED
from events.composition import key_backend, writer
from events.errors import CeremonyRefusedError, SystemHaltedError
from events.event import Event
from events.halting import Halted, HaltReasonError, halt
from events.tests.ceremonies import hold, person, register
from events.tests.ledger import Ledger, submission
from events.tests.race import together
from events.tests.wholeness import assert_whole


def halted(reason: str = "a fork was found") -> Halted:
    return halt(writer(), reason=reason, by="keeper")


def details(ledger: Ledger) -> dict[str, str]:
    state = ledger.store.halt()
    assert state.halted_at
    assert state.reason
    return {"halted_at": state.halted_at, "halt_reason": state.reason}


def last(ledger: Ledger, count: int = 1) -> list[Event]:
    head = ledger.store.get_max_sequence()
    return list(ledger.store.get_events_by_sequence_range(head - count + 1, head))


def test_the_halt_is_the_last_event_before_it(ledger: Ledger) -> None:
    ledger.write(2)
    declared = halted()
    (event,) = last(ledger)
    assert declared.is_new
    assert declared.event
    assert declared.event.content_hash == event.content_hash
    assert (event.event_type, event.agent_id) == ("system.halted", None)
    assert json.loads(event.payload) == {"by": "keeper", "reason": "a fork was found"}
    assert event.authority_timestamp <= str(declared.state.halted_at)
    assert ledger.query("SELECT count(*) FROM unwritten_records") == [(0,)]
    with pytest.raises(SystemHaltedError):
        ledger.write(1)
    again = halted("another reason")
    assert (again.is_new, again.state) == (False, declared.state)
    assert_whole(ledger, 3)


@pytest.mark.parametrize("reason", ["", " ", "two\nlines", "x" * 2001])
def test_a_halt_without_a_reason_that_can_be_shown_is_refused(ledger: Ledger, reason: str) -> None:
    with pytest.raises(HaltReasonError, match=r"^CT-11: "):
        halted(reason)
    ledger.write(1)


def lose_the_witness(ledger: Ledger) -> None:
    Path(key_backend().folder / "WITNESS:alpha.key").rename(key_backend().folder / "lost")
    key_backend()._seeds.clear()


def cut_the_tail(ledger: Ledger) -> None:
    ledger.tamper("DELETE FROM events WHERE sequence > 3")


UNWRITABLE: dict[str, tuple[Callable[[Ledger], None], str]] = {
    "no witness": (lose_the_witness, "RT-1"),
    "a cut tail": (cut_the_tail, "CT-13"),
}


@pytest.mark.parametrize(("break_it", "because"), UNWRITABLE.values(), ids=UNWRITABLE.keys())
def test_it_halts_when_it_cannot_be_witnessed_and_keeps_the_record(
    ledger: Ledger, break_it: Callable[[Ledger], None], because: str
) -> None:
    ledger.write(4)
    break_it(ledger)
    declared = halted()
    assert declared.is_new
    assert declared.event is None
    assert ledger.store.halt().halted
    ((payload,),) = ledger.query("SELECT payload FROM unwritten_records")
    assert payload.pop("unwitnessed_because").startswith(because)
    assert payload == {"reason": "a fork was found", "by": "keeper"}


def test_clearing_writes_what_could_not_be_written(ledger: Ledger) -> None:
    ledger.write(2)
    lose_the_witness(ledger)
    halted()
    Path(key_backend().folder / "lost").rename(key_backend().folder / "WITNESS:alpha.key")
    cleared = hold(ledger, "clear_halt", details(ledger))
    record, ceremony = last(ledger, 2)
    assert (record.event_type, ceremony.sequence) == ("system.halted", cleared.sequence)
    assert ledger.query("SELECT event_id::text FROM unwritten_records") == [(record.event_id,)]
    assert not ledger.store.halt().halted
    assert_whole(ledger, 4)


def test_three_people_clear_a_halt_and_all_of_it_is_in_the_ledger(ledger: Ledger) -> None:
    ledger.write(1)
    ada, bela, cleo = register()
    halted()
    proposal = ada.propose("clear_halt", details(ledger), "the fork was a false alarm")
    bela.say(proposal)
    with pytest.raises(CeremonyRefusedError, match="two people besides the proposer") as refused:
        ceremonies.record(writer(), proposal.ceremony_id)
    assert refused.value.check == "approvals"
    assert ledger.store.halt().halted
    cleo.say(proposal)
    event = ceremonies.record(writer(), proposal.ceremony_id)
    assert event.content_hash == last(ledger)[0].content_hash
    payload = json.loads(event.payload)
    assert payload["proposed_by"]["person"] == "Ada"
    assert [each["person"] for each in payload["approvals"]] == ["Bela", "Cleo"]
    state = ledger.store.halt()
    assert (state.halted, state.reason) == (False, None)
    ledger.write(1)
    assert_whole(ledger, 7)
    with pytest.raises(CeremonyRefusedError, match="recorded already"):
        ceremonies.record(writer(), proposal.ceremony_id)


def test_a_ceremony_clears_the_halt_it_names_and_no_later_one(ledger: Ledger) -> None:
    ada, bela, cleo = register()
    halted()
    old = ada.propose("clear_halt", details(ledger))
    bela.say(old)
    cleo.say(old)
    hold(ledger, "clear_halt", details(ledger))
    halted("another fork")
    with pytest.raises(CeremonyRefusedError, match="that is not the halt"):
        ceremonies.record(writer(), old.ceremony_id)
    assert ledger.store.halt().reason == "another fork"


def test_a_halted_ledger_takes_no_other_event_of_the_people(ledger: Ledger) -> None:
    ada, bela, cleo = register()
    halted()
    proposal = ada.propose("clear_halt", details(ledger))
    bela.say(proposal, REJECTED)
    cleo.say(proposal)
    with pytest.raises(CeremonyRefusedError, match="more approve than reject"):
        ceremonies.record(writer(), proposal.ceremony_id)
    with pytest.raises(SystemHaltedError):
        ledger.write(1, agent_id=None)


RUNNING = "halted = false, reason = NULL, halted_by = NULL, halted_at = NULL"
CLEARING = {
    "by update": f"UPDATE halt_state SET {RUNNING}",
    "naming a ceremony": (
        f"UPDATE halt_state SET {RUNNING},"
        " cleared_by = (SELECT ceremony_id FROM ceremonies LIMIT 1)"
    ),
    "by an opening": (
        "INSERT INTO ceremony_openings SELECT ceremony_id, '1' FROM ceremonies LIMIT 1"
    ),
    "by a record": (
        "INSERT INTO ceremonies (ceremony_id, kind, step, person, content, event_id)"
        " SELECT ceremony_id, kind, 'recorded', 'x', '{}', (SELECT event_id FROM events LIMIT 1)"
        " FROM ceremonies LIMIT 1"
    ),
    "by opening a ceremony with one approval": (
        "SELECT open_ceremony((SELECT ceremony_id FROM ceremonies LIMIT 1))"
    ),
}


def test_direct_sql_cannot_clear(ledger: Ledger) -> None:
    ada, bela, _ = register()
    halted()
    bela.say(ada.propose("clear_halt", details(ledger)))
    state = ledger.store.halt()
    for role in ("portal_app", "portal_owner", "postgres"):
        for how, statement in CLEARING.items():
            with ledger.connect(role) as connection, pytest.raises(psycopg.Error) as refused:
                connection.execute(statement)
            assert refused.value.sqlstate in {"AP004", "AP005", "42501"}, (role, how)
    assert ledger.store.halt() == state


def test_nobody_votes_by_sql_for_people_who_are_not_registered(ledger: Ledger) -> None:
    ada, *_ = register()
    halted()
    proposal = ada.propose("clear_halt", details(ledger))
    vote = (
        "INSERT INTO ceremonies (ceremony_id, kind, step, person, content) VALUES"
        " (%s, 'ceremony.clear_halt', 'approved', %s, jsonb_build_object("
        " 'proposal_hash', %s::text, 'public_key', %s::text, 'signature', repeat('A', 86) || '=='))"
    )
    stranger = person("Stranger")
    for name, key in (
        ("Stranger", stranger.public_key),
        ("Bela", stranger.public_key),
        ("Ada", ada.public_key),
    ):
        with ledger.connect("portal_owner") as owner, pytest.raises(psycopg.Error) as refused:
            owner.execute(vote, [proposal.ceremony_id, name, proposal.hash, key])
        assert refused.value.sqlstate == "AP005"


def test_a_signature_that_sql_cannot_see_through_is_not_recorded(ledger: Ledger) -> None:
    """Whoever has the database can write votes with a signature of nothing; nobody records them."""
    ada, bela, cleo = register()
    halted()
    proposal = ada.propose("clear_halt", details(ledger))
    with ledger.connect() as application:
        for each in (bela, cleo):
            application.execute(
                "INSERT INTO ceremonies (ceremony_id, kind, step, person, content) VALUES"
                " (%s, 'ceremony.clear_halt', 'approved', %s, jsonb_build_object("
                " 'proposal_hash', %s::text, 'public_key', %s::text,"
                " 'signature', repeat('A', 86) || '=='))",
                [proposal.ceremony_id, each.name, proposal.hash, each.public_key],
            )
    with pytest.raises(CeremonyRefusedError, match=r"^CT-13: the signature of Bela"):
        ceremonies.record(writer(), proposal.ceremony_id)
    assert ledger.store.halt().halted


def test_an_event_that_only_looks_like_a_ceremony_is_refused(ledger: Ledger) -> None:
    register()
    payload = {"first": 9, "last": 9, "approvals": [{"person": "Ada"}, {"person": "Bela"}]}
    forged = submission(payload, event_type="ceremony.sequence_skip", agent_id=None)
    with pytest.raises(CeremonyRefusedError, match="not the record of an approved ceremony"):
        writer().write_event(forged)
    assert_whole(ledger, 3)


def test_an_opened_ceremony_that_is_not_recorded_comes_to_nothing(ledger: Ledger) -> None:
    ada, bela, cleo = register()
    halted()
    proposal = ada.propose("clear_halt", details(ledger))
    bela.say(proposal)
    cleo.say(proposal)
    with ledger.connect() as application, pytest.raises(psycopg.Error, match="not recorded"):
        application.execute("SELECT open_ceremony(%s)", [proposal.ceremony_id])
    assert ledger.query("SELECT count(*) FROM ceremony_openings") == [(0,)]


def test_halting_under_load_ends_the_ledger_at_the_halt(ledger: Ledger) -> None:
    """The lock puts the halt between two appends: nothing is accepted behind it."""

    def write_until_halted() -> list[int]:
        accepted: list[int] = []
        while True:
            try:
                written = writer().write_event(submission(local_timestamp=datetime.now(UTC)))
            except SystemHaltedError:
                return accepted
            accepted.append(written.event.sequence)

    def halt_soon() -> list[int]:
        while ledger.store.get_max_sequence() < 30:
            pass
        declared = halted()
        assert declared.event
        return [declared.event.sequence]

    *accepted, (at,) = together([write_until_halted] * 8 + [halt_soon])
    assert sorted(n for numbers in accepted for n in numbers) == list(range(1, at))
    cleared = hold(ledger, "clear_halt", details(ledger))
    assert cleared.sequence == at + 1
    assert_whole(ledger, at + 1)


def test_a_lock_that_somebody_keeps_does_not_keep_the_halt(ledger: Ledger) -> None:
    ledger.write(1)
    with ledger.connect("postgres") as rogue, rogue.transaction():
        rogue.execute("SELECT open_append()")
        declared = halted()
        assert declared.is_new
        assert declared.event is None
        assert ledger.store.halt().halted
    with pytest.raises(SystemHaltedError):
        ledger.write(1)
    hold(ledger, "clear_halt", details(ledger))
    assert_whole(ledger, 3)


def test_a_ceremony_id_is_of_one_ceremony(ledger: Ledger) -> None:
    register()
    with pytest.raises(CeremonyRefusedError, match="there is no ceremony"):
        ceremonies.record(writer(), str(uuid4()))
