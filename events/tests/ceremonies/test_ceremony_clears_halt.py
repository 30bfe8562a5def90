"""A halt ends by a ceremony of three people, and by nothing else (CT-11, CT-13)."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from events import ceremonies
from events.append.services import key_backend, writer
from events.errors import CeremonyRefusedError, SystemHaltedError
from events.format import names
from events.format.canonical import canonicalize
from events.format.ceremony import APPROVED, REJECTED
from events.format.event import Event, payload_hash
from events.halting import Halted, HaltReasonError, halt
from events.store.guards import read_guards
from events.tests.support.ceremonies import guard_off, halt_details, hold, person, register
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import OPENING, Ledger, submission
from events.tests.support.race import together
from events.tests.support.raw_append import SALT, active_key, honest_row, insert


def halted(reason: str = "a fork was found") -> Halted:
    return halt(writer(), reason=reason, by="keeper")


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
    assert_intact(ledger, 3)


@pytest.mark.parametrize("reason", ["", " ", "two\nlines", "x" * 2001])
def test_a_halt_without_a_reason_that_can_be_shown_is_refused(ledger: Ledger, reason: str) -> None:
    with pytest.raises(HaltReasonError, match=r"^CT-11: "):
        halted(reason)
    ledger.write(1)


def lose_the_witness(ledger: Ledger) -> None:
    Path(key_backend().folder / "WITNESS:alpha.key").rename(key_backend().folder / "lost")
    key_backend()._seeds.clear()


def cut_the_tail(ledger: Ledger) -> None:
    ledger.tamper("DELETE FROM events WHERE sequence > 6")


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
    register()
    ledger.write(2)
    lose_the_witness(ledger)
    halted()
    Path(key_backend().folder / "lost").rename(key_backend().folder / "WITNESS:alpha.key")
    cleared = hold(ledger, "clear_halt", halt_details())
    record, ceremony = last(ledger, 2)
    assert (record.event_type, ceremony.sequence) == ("system.halted", cleared.sequence)
    assert ledger.query("SELECT event_id::text FROM unwritten_records") == [(record.event_id,)]
    assert not ledger.store.halt().halted
    assert_intact(ledger, 7)


def test_three_people_clear_a_halt_and_all_of_it_is_in_the_ledger(ledger: Ledger) -> None:
    ledger.write(1)
    ada, bela, cleo = register()
    halted()
    proposal = ada.propose("clear_halt", halt_details(), "the fork was a false alarm")
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
    assert_intact(ledger, 7)
    with pytest.raises(CeremonyRefusedError, match="recorded already"):
        ceremonies.record(writer(), proposal.ceremony_id)


def test_a_ceremony_clears_the_halt_it_names_and_no_later_one(ledger: Ledger) -> None:
    ada, bela, cleo = register()
    halted()
    old = ada.propose("clear_halt", halt_details())
    bela.say(old)
    cleo.say(old)
    hold(ledger, "clear_halt", halt_details())
    halted("another fork")
    with pytest.raises(CeremonyRefusedError, match="that is not the halt"):
        ceremonies.record(writer(), old.ceremony_id)
    assert ledger.store.halt().reason == "another fork"


def test_a_halted_ledger_takes_no_other_event_of_the_people(ledger: Ledger) -> None:
    ada, bela, cleo = register()
    halted()
    proposal = ada.propose("clear_halt", halt_details())
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
    bela.say(ada.propose("clear_halt", halt_details()))
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
    proposal = ada.propose("clear_halt", halt_details())
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


FORGED = """
    INSERT INTO ceremonies (ceremony_id, kind, step, person, content) VALUES
    (%s, 'ceremony.clear_halt', 'approved', %s, jsonb_build_object(
        'proposal_hash', %s::text, 'public_key', %s::text, 'signature', %s::text))"""


def test_the_database_refuses_a_vote_that_its_person_did_not_sign(ledger: Ledger) -> None:
    """Whatever role it comes from: nothing, somebody else's, of another step, of another text."""
    ada, bela, cleo = register()
    halted()
    proposal = ada.propose("clear_halt", halt_details())
    other = ada.propose("drift_threshold", {"seconds": "7"})
    signatures = [
        "",
        "A" * 86 + "==",
        cleo.sign(proposal, APPROVED),
        bela.sign(proposal, REJECTED),
        bela.sign(other, APPROVED),
    ]
    for role in ("portal_app", "portal_owner", "postgres"):
        for signature in signatures:
            values = [proposal.ceremony_id, "Bela", proposal.hash, bela.public_key, signature]
            with ledger.connect(role) as connection, pytest.raises(psycopg.Error) as refused:
                connection.execute(FORGED, values)
            assert refused.value.sqlstate == "AP005"
            assert refused.value.diag.constraint_name == "signature"


def test_a_forged_vote_is_not_recorded_even_if_it_got_past_the_trigger(ledger: Ledger) -> None:
    ada, bela, cleo = register()
    halted()
    proposal = ada.propose("clear_halt", halt_details())
    with guard_off(ledger, "ceremonies", "check_ceremony_step_before_insert") as superuser:
        for each in (bela, cleo):
            superuser.execute(
                FORGED,
                [proposal.ceremony_id, each.name, proposal.hash, each.public_key, "A" * 86 + "=="],
            )
    with pytest.raises(CeremonyRefusedError, match=r"^CT-13: the signature of Bela"):
        ceremonies.record(writer(), proposal.ceremony_id)
    with ledger.connect() as application, pytest.raises(psycopg.Error) as refused:
        application.execute("SELECT open_ceremony(%s)", [proposal.ceremony_id])
    assert refused.value.diag.constraint_name == "signature"
    assert ledger.store.halt().halted


def forged_event(connection: psycopg.Connection[Any], event_type: str, payload: str) -> str:
    """Insert an event of the system that another key than the system's has signed."""
    canonical = canonicalize(json.loads(payload))
    row = honest_row(
        connection,
        agent_id=None,
        signing_key_id=active_key(None),
        event_type=event_type,
        payload_hash=payload_hash(SALT, canonical),
        payload=canonical.decode(),
    )
    insert(connection, row)
    return str(row["event_id"])


def test_a_decision_takes_no_effect_by_an_event_that_the_system_did_not_sign(
    ledger: Ledger,
) -> None:
    ada, bela, cleo = register()
    halted()
    proposal = ada.propose("clear_halt", halt_details())
    bela.say(proposal)
    cleo.say(proposal)
    with ledger.connect() as application:
        application.autocommit = False
        opened = application.execute("SELECT * FROM open_ceremony(%s)", [proposal.ceremony_id])
        kind, payload = opened.fetchone() or ("", "")
        forged_event(application, kind, payload)
        with pytest.raises(psycopg.Error) as refused:
            application.commit()
    assert refused.value.diag.constraint_name == "signature"
    assert ledger.store.halt().halted


def test_nobody_is_registered_by_an_event_that_the_system_did_not_sign(ledger: Ledger) -> None:
    zoe = person("Zoe")
    with ledger.connect("portal_owner") as owner:
        owner.autocommit = False
        event_id = forged_event(owner, "system.person_registered", json.dumps(zoe.details))
        with pytest.raises(psycopg.Error) as refused:
            owner.execute("SELECT register_first_person('Zoe', %s, %s)", [zoe.public_key, event_id])
    assert refused.value.diag.constraint_name == "signature"
    assert ledger.query("SELECT count(*) FROM person_keys") == [(0,)]


@pytest.mark.parametrize("proof", [None, "", "A" * 86 + "=="])
def test_nobody_is_registered_without_proof_of_possession(
    ledger: Ledger, proof: str | None
) -> None:
    zoe = person("Zoe")
    with ledger.connect("portal_owner") as owner:
        owner.execute("SELECT halt_ledger('a test')")
        with pytest.raises(psycopg.Error) as refused:
            owner.execute(
                "SELECT register_first_person('Zoe', %s, NULL, %s)", [zoe.public_key, proof]
            )
    assert refused.value.diag.constraint_name == "proof"


def test_an_event_that_only_looks_like_a_ceremony_is_refused(ledger: Ledger) -> None:
    register()
    payload = {"first": 9, "last": 9, "approvals": [{"person": "Ada"}, {"person": "Bela"}]}
    forged = submission(payload, event_type="ceremony.sequence_skip", agent_id=None)
    with pytest.raises(CeremonyRefusedError, match="not the record of an approved ceremony"):
        writer().write_event(forged)
    assert_intact(ledger, 3)


def test_an_opened_ceremony_that_is_not_recorded_comes_to_nothing(ledger: Ledger) -> None:
    ada, bela, cleo = register()
    halted()
    proposal = ada.propose("clear_halt", halt_details())
    bela.say(proposal)
    cleo.say(proposal)
    with ledger.connect() as application, pytest.raises(psycopg.Error, match="not recorded"):
        application.execute("SELECT open_ceremony(%s)", [proposal.ceremony_id])
    assert ledger.query("SELECT count(*) FROM ceremony_openings") == [(0,)]


def test_halting_under_load_ends_the_ledger_at_the_halt(ledger: Ledger) -> None:
    """The lock puts the halt between two appends: nothing is accepted behind it."""
    register()
    before = ledger.store.get_max_sequence()

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
    assert sorted(n for numbers in accepted for n in numbers) == list(range(before + 1, at))
    cleared = hold(ledger, "clear_halt", halt_details())
    assert cleared.sequence == at + 1
    assert_intact(ledger, cleared.sequence - OPENING)


def test_a_lock_that_somebody_keeps_does_not_keep_the_halt(ledger: Ledger) -> None:
    register()
    ledger.write(1)
    with ledger.connect("postgres") as rogue, rogue.transaction():
        rogue.execute("SELECT open_append()")
        declared = halted()
        assert declared.is_new
        assert declared.event is None
        assert ledger.store.halt().halted
    with pytest.raises(SystemHaltedError):
        ledger.write(1)
    hold(ledger, "clear_halt", halt_details())
    assert_intact(ledger, 6)


def test_a_ceremony_id_is_of_one_ceremony(ledger: Ledger) -> None:
    register()
    with pytest.raises(CeremonyRefusedError, match="there is no ceremony"):
        ceremonies.record(writer(), str(uuid4()))


def insert_record(ledger: Ledger, event_type: str, payload: str, role: str) -> None:
    with ledger.connect(role) as connection:
        connection.execute(
            "INSERT INTO unwritten_records (event_type, payload, recorded_at)"
            " VALUES (%s, %s, '2020-01-01')",
            [event_type, payload],
        )


CONFESSION = '{"by": "Ada", "reason": "I confess"}'
UNCALLED_FOR = {
    "a halt that is not": ("system.halted", CONFESSION),
    "a person": ("system.person_registered", '{"person": "Mallory", "public_key": "x"}'),
    "anything of the system's": ("system.anything", "{}"),
}


@pytest.mark.parametrize(("event_type", "payload"), UNCALLED_FOR.values(), ids=UNCALLED_FOR.keys())
def test_no_record_waits_that_nothing_calls_for(
    ledger: Ledger, event_type: str, payload: str
) -> None:
    register()
    for role in ("portal_owner", "postgres"):
        for declare in (False, True):
            if declare:
                halted()
            with pytest.raises(psycopg.Error) as refused:
                insert_record(ledger, event_type, payload, role)
            assert refused.value.sqlstate in {"AP005", "23514"}


@pytest.mark.parametrize("kind", ["clear_halt", "drift_threshold"])
def test_records_forced_into_the_table_are_not_signed(ledger: Ledger, kind: str) -> None:
    """Not even where the guard of the table was off, and whatever ceremony comes next."""
    register()
    ledger.tamper(
        "INSERT INTO unwritten_records (event_type, payload, recorded_at)"
        f" VALUES ('system.halted', '{CONFESSION}', '2020-01-01')"
    )
    halted()
    proposed = halt_details() if kind == "clear_halt" else {"seconds": "7"}
    event = hold(ledger, kind, proposed)
    assert event.sequence == OPENING + 5
    assert ledger.query("SELECT count(*) FROM events WHERE payload ->> 'by' = 'Ada'") == [(0,)]
    (fact,) = [each for each in read_guards().facts if each.aspect == "record"]
    assert fact.value == "waits to be written, and nothing calls for it"


def test_a_record_that_comes_after_the_proposal_is_not_written_with_it(ledger: Ledger) -> None:
    """People sign what is written before the halt is cleared; something else is proposed anew."""
    ledger.write(1)
    ada, bela = register("Ada", "Bela")
    lose_the_witness(ledger)
    halted()
    Path(key_backend().folder / "lost").rename(key_backend().folder / "WITNESS:alpha.key")
    (cleo,) = register("Cleo")
    proposal = ada.propose("clear_halt", halt_details())
    assert [each["event_type"] for each in proposal.details["unwritten"]] == [
        "system.halted",
        "system.person_registered",
    ]
    for each in (bela, cleo):
        each.say(proposal)
    ledger.tamper(
        'UPDATE unwritten_records SET payload = payload || \'{"unwitnessed_because": "nothing"}\''
        " WHERE event_type = 'system.halted'"
    )
    with pytest.raises(CeremonyRefusedError, match="other records wait"):
        ceremonies.record(writer(), proposal.ceremony_id)
    assert ledger.store.halt().halted


def test_three_people_forced_while_it_is_halted_are_not_made_people(ledger: Ledger) -> None:
    """A superuser with all triggers off gives three people of his own records that wait."""
    register()
    halted()
    forged = [person(name) for name in ("Mallory", "Nick", "Oscar")]
    for each in forged:
        ledger.tamper(
            "INSERT INTO unwritten_records (event_type, payload) VALUES"
            f" ('system.person_registered', '{json.dumps(each.details)}')",
            "INSERT INTO person_keys (public_key, person, event_id, active_from, from_sequence)"
            f" SELECT '{each.public_key}', '{each.name}', event_id, now(), 1 FROM unwritten_records"
            f" WHERE payload ->> 'person' = '{each.name}'",
        )
    assert halt_details()["unwritten"] == []
    mallory, *others = forged
    proposal = mallory.propose("clear_halt", halt_details())
    for other in others:
        other.say(proposal)
    for _ in ("meanwhile", "afterwards"):
        found = {(each.aspect, each.value) for each in read_guards().facts}
        assert ("person", "registered, and no event says so") in found
        assert ("record", "waits to be written, and nothing calls for it") in found
        with suppress(CeremonyRefusedError):
            ceremonies.record(writer(), proposal.ceremony_id)
    assert ledger.query(
        "SELECT count(*) FROM events WHERE event_type = 'system.person_registered'"
    ) == [(3,)]


def test_a_halt_by_sql_that_names_another_event_keeps_its_record(ledger: Ledger) -> None:
    """The event that says so is of the same transaction, of this reason and this name."""
    register()
    first = halted()
    assert first.event
    hold(ledger, "clear_halt", halt_details())
    with ledger.connect() as application:
        application.execute(
            "SELECT halt_ledger('a fork was found', 'keeper', %s)", [first.event.event_id]
        )
    (record,) = halt_details()["unwritten"]
    assert record["payload"] == {"by": "keeper", "reason": "a fork was found"}
    assert record["local_timestamp"] == ledger.store.halt().halted_at


def test_a_person_is_registered_by_the_event_that_names_them(ledger: Ledger) -> None:
    ledger.write(1)
    register("Ada")
    zoe = person("Zoe")
    events = [row[0] for row in ledger.query("SELECT event_id FROM events")]
    for event_id in events:
        with ledger.connect("portal_owner") as owner, pytest.raises(psycopg.Error) as refused:
            owner.execute("SELECT register_first_person('Zoe', %s, %s)", [zoe.public_key, event_id])
        assert refused.value.sqlstate == "AP005"


@pytest.mark.parametrize("reason", ["two\nlines \u202e", "x" * 3000, "  of   blanks "])
def test_no_wording_keeps_sql_from_halting(ledger: Ledger, reason: str) -> None:
    """Unprintable characters in a reason are replaced, so that people can sign what it says."""
    register()
    with ledger.connect() as application:
        application.execute("SELECT halt_ledger(%s, %s)", [reason, "Ada\x1b[2J"])
    state = ledger.store.halt()
    assert state.halted
    assert state.reason
    assert names.wrong_reason(state.reason) is None
    assert state.halted_by == "Ada\ufffd[2J"
    hold(ledger, "clear_halt", halt_details())
    assert not ledger.store.halt().halted
