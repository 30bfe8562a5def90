"""Votes on a ceremony: each voice is one registered person's, signed, about exactly what
was proposed (CT-13)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest
from pytest_django import Settings

from events import ceremonies
from events.append.services import owner_writer, writer
from events.errors import CeremonyRefusedError
from events.format.canonical import canonicalize
from events.format.ceremony import (
    APPROVED,
    KINDS,
    PROPOSED,
    REJECTED,
    Proposal,
    proposal_of,
    propose,
    read_details,
    read_proposal,
)
from events.people import register_first
from events.store.ceremonies import find_ceremony
from events.store.maintenance import grant
from events.store.registry import list_people
from events.tests.support.ceremonies import Person, guard_off, hold, person, register, three_people
from events.tests.support.intact import assert_intact
from events.tests.support.ledger import OPENING, Ledger
from events.tests.support.race import together


@pytest.fixture
def proposed(ledger: Ledger) -> Proposal:
    """A proposal of Ada's."""
    ledger.write(1)
    ada, *_ = three_people(ledger)
    return ada.propose("drift_threshold", {"seconds": "7.5"})


def say(
    proposal: Proposal, name: str, signer: Person, step: str = APPROVED, about: str = ""
) -> None:
    signed = replace(proposal, text=about) if about else proposal
    signature = Person(name, signer.seed).sign(signed, step)
    ceremonies.vote("default", proposal.ceremony_id, step=step, person=name, signature=signature)


REFUSED: dict[str, tuple[Callable[[Proposal], None], str]] = {
    "with another's key": (lambda p: say(p, "Bela", person("Cleo")), "signature"),
    "with a key of nobody's": (lambda p: say(p, "Bela", person("Stranger")), "signature"),
    "by a stranger": (lambda p: say(p, "Stranger", person("Stranger")), "person"),
    "by the proposer": (lambda p: say(p, "Ada", person("Ada")), "own_proposal"),
    "after the content changed": (
        lambda p: say(p, "Bela", person("Bela"), about=p.text.replace("7.5", "7500")),
        "signature",
    ),
    "a rejection as an approval": (
        lambda p: ceremonies.vote(
            "default",
            p.ceremony_id,
            step=APPROVED,
            person="Bela",
            signature=person("Bela").sign(p, REJECTED),
        ),
        "signature",
    ),
    "no signature": (
        lambda p: ceremonies.vote(
            "default", p.ceremony_id, step=APPROVED, person="Bela", signature="yes"
        ),
        "signature",
    ),
}


def test_refused_voices(proposed: Proposal) -> None:
    for how, (speak, check) in REFUSED.items():
        with pytest.raises(CeremonyRefusedError, match=r"^CT-13: ") as refused:
            speak(proposed)
        assert refused.value.check == check, how
    assert [step.step for step in find_ceremony("default", proposed.ceremony_id).steps] == [
        "proposed"
    ]


def test_nobody_votes_twice(proposed: Proposal) -> None:
    bela = person("Bela")
    bela.say(proposed)
    for step in (APPROVED, REJECTED):
        with pytest.raises(CeremonyRefusedError, match="Bela has voted"):
            bela.say(proposed, step)


def test_nobody_votes_twice_at_once(proposed: Proposal) -> None:
    def vote() -> str:
        try:
            person("Bela").say(proposed)
        except CeremonyRefusedError:
            return "refused"
        return "kept"

    assert sorted(together([vote] * 4)) == ["kept", "refused", "refused", "refused"]


def test_a_person_who_is_retired_no_longer_counts(ledger: Ledger, proposed: Proposal) -> None:
    bela, cleo = person("Bela"), person("Cleo")
    bela.say(proposed)
    dana = person("Dana")
    hold(ledger, "add_person", dana.details)
    hold(ledger, "retire_person", {"person": "Bela"})
    cleo.say(proposed)
    with pytest.raises(CeremonyRefusedError, match="two people besides the proposer"):
        ceremonies.record(writer(), proposed.ceremony_id)
    with pytest.raises(CeremonyRefusedError, match="no person 'Bela'"):
        bela.say(proposed)
    dana.say(proposed)
    event = ceremonies.record(writer(), proposed.ceremony_id)
    assert '"Bela"' not in event.payload
    assert_intact(ledger, 7)


def test_three_people_remain(ledger: Ledger) -> None:
    with pytest.raises(CeremonyRefusedError, match="three people must remain"):
        hold(ledger, "retire_person", {"person": "Cleo"})


def test_a_proposal_is_recorded_once_by_whoever_is_first(
    ledger: Ledger, proposed: Proposal
) -> None:
    for name in ("Bela", "Cleo"):
        person(name).say(proposed)

    def record() -> int:
        try:
            return ceremonies.record(writer(), proposed.ceremony_id).sequence
        except CeremonyRefusedError:
            return 0

    assert sorted(together([record] * 3)) == [0, 0, OPENING + 5]
    assert_intact(ledger, 5)


def test_the_first_three_are_the_operators_the_fourth_takes_a_ceremony(ledger: Ledger) -> None:
    register()
    assert [key.person for key in list_people("default")] == ["Ada", "Bela", "Cleo"]
    dana = person("Dana")
    with pytest.raises(CeremonyRefusedError, match="takes a ceremony"):
        register_first(owner_writer(), "Dana", dana.public_key, dana.proof)
    event = hold(ledger, "add_person", dana.details)
    added = list_people("default")[-1]
    assert (added.person, added.validity.from_sequence) == ("Dana", event.sequence + 1)


WRONG_PEOPLE = {
    "the same name": ("Ada", "Stranger"),
    "the same key": ("Another", "Ada"),
    "the same name in capitals": ("ADA", "Stranger"),
    "no name": ("", "Stranger"),
    "a name with a line end": ("A\nB", "Stranger"),
    "the same name in full width": ("Ａｄａ", "Stranger"),
    "the same name and a zero width": ("A\u200bda", "Stranger"),
    "the same name and a direction": ("Ada\u202e", "Stranger"),
    "the same name and a blank": ("Ada ", "Stranger"),
    "an accent of its own": ("Jose\u0301", "Stranger"),
}


def test_a_name_and_a_key_are_one_persons(ledger: Ledger) -> None:
    register("Ada")
    for name, key_of in WRONG_PEOPLE.values():
        key = person(key_of)
        with pytest.raises(CeremonyRefusedError, match=r"^CT-13: "):
            register_first(owner_writer(), name, key.public_key, replace(key, name=name).proof)
    with pytest.raises(CeremonyRefusedError, match="base64 of 32 bytes"):
        register_first(owner_writer(), "Zoe", "AAAA")
    assert_intact(ledger, 1)


WRONG_PROPOSALS: dict[str, tuple[str, dict[str, object]]] = {
    "no such kind": ("nothing", {}),
    "a detail too many": ("retire_key", {"old_key": "x", "new_key": "y"}),
    "a detail missing": ("sequence_skip", {"first": 1}),
    "a number as a text": ("sequence_skip", {"first": "1", "last": "2"}),
}


@pytest.mark.parametrize(("kind", "details"), WRONG_PROPOSALS.values(), ids=WRONG_PROPOSALS.keys())
def test_a_proposal_says_what_its_kind_says(kind: str, details: dict[str, object]) -> None:
    with pytest.raises(CeremonyRefusedError, match=r"^CT-13: "):
        propose("0191d7a0-0000-7000-8000-000000000001", kind, "a reason", details)


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 2001])
def test_a_proposal_has_a_reason_that_can_be_shown(reason: str) -> None:
    with pytest.raises(CeremonyRefusedError, match="the reason must"):
        propose("0191d7a0-0000-7000-8000-000000000001", "retire_key", reason, {"old_key": "x"})


@pytest.mark.parametrize("seconds", ["0", "-1", "NaN", "Infinity", "five", "1e30"])
def test_a_threshold_is_a_positive_number(seconds: str) -> None:
    with pytest.raises(CeremonyRefusedError, match="seconds is not"):
        read_details("drift_threshold", {"seconds": seconds})


def test_the_database_knows_the_same_kinds(ledger: Ledger) -> None:
    """A proposal with the right members and nonsense in them is refused for the nonsense."""
    ada, *_ = three_people(ledger)
    for kind in KINDS.values():
        details: dict[str, object] = {
            name: 9 if name in ("first", "last", "sequence") else "x" for name in kind.details
        }
        for name in {"public_key", "new_public_key"} & set(details):
            details[name] = ada.public_key
        if "unwritten" in details:
            details["unwritten"] = []
        if kind.name == "add_person":
            details |= ada.details
        with pytest.raises(CeremonyRefusedError) as refused:
            ada.propose(kind.name, details)
        assert refused.value.check == "details", kind
        assert " exactly " not in str(refused.value), kind


def test_a_ledger_without_events_has_nothing_to_skip(unopened: Ledger) -> None:
    """Ada is put into the registry by force: nobody is registered before the ledger is opened."""
    ada = person("Ada")
    with guard_off(unopened, "person_keys", "guard_person_keys_before_insert") as superuser:
        superuser.execute(
            "INSERT INTO person_keys (public_key, person, event_id, active_from, from_sequence)"
            " VALUES (%s, 'Ada', gen_random_uuid(), now(), 1)",
            [ada.public_key],
        )
    with pytest.raises(CeremonyRefusedError, match="the ledger is empty"):
        ada.propose("sequence_skip", {"first": 1, "last": 9})


ONE_PERSON = [("ΝΙΚΟΣ", "νικος"), ("Élodie", "élodie"), ("straße", "STRASSE"), ("ıan", "Ian")]


@pytest.mark.parametrize(("name", "again"), ONE_PERSON)
def test_a_name_in_another_case_is_the_same_person(ledger: Ledger, name: str, again: str) -> None:
    """Command and SQL agree for every locale of the database."""
    register(name)
    with pytest.raises(CeremonyRefusedError, match="registered already"):
        register(again)
    same = person(again)
    with ledger.connect("portal_owner") as owner:
        owner.execute("SELECT halt_ledger('a test')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            owner.execute(
                "SELECT register_first_person(%s, %s, NULL, %s)",
                [again, same.public_key, same.proof],
            )


UNSHOWN = {
    "an escape": "routine\x1b[2Jok",
    "a line end": "routine\nApproved by the board",
    "a direction": "routine \u202e0009",
    "a C1 control": "routine \x9b31m",
    "a filler": "routine\u3164",
    "nothing but a blank": " ",
}


@pytest.mark.parametrize("text", UNSHOWN.values(), ids=UNSHOWN.keys())
def test_no_text_of_a_proposal_can_hide_or_forge_what_is_signed(ledger: Ledger, text: str) -> None:
    """The source (page, command or SQL) and the position make no difference."""
    ada, *_ = three_people(ledger)
    for kind, details, reason in (
        ("drift_threshold", {"seconds": "7"}, text),
        ("retire_key", {"old_key": text}, "a test"),
        ("retire_person", {"person": text}, "a test"),
    ):
        document = {
            "ceremony_id": str(uuid.uuid4()),
            "details": details,
            "kind": f"ceremony.{kind}",
            "reason": reason,
        }
        written = canonicalize(document).decode()
        with pytest.raises(CeremonyRefusedError, match="must"):
            read_proposal(written)
        proposal = proposal_of(document)
        content = {
            "proposal": written,
            "public_key": ada.public_key,
            "signature": ada.sign(proposal, PROPOSED),
        }
        with ledger.connect("portal_app") as application, pytest.raises(psycopg.Error) as refused:
            application.execute(
                "INSERT INTO ceremonies (ceremony_id, kind, step, person, content)"
                " VALUES (%s, %s, 'proposed', 'Ada', %s)",
                [proposal.ceremony_id, proposal.kind, json.dumps(content)],
            )
        assert refused.value.sqlstate == "AP005"


def test_a_proposal_expires(ledger: Ledger, proposed: Proposal) -> None:
    """After 30 days by the database's clock nobody votes on it, and it is not recorded."""
    person("Bela").say(proposed)
    held = find_ceremony("default", proposed.ceremony_id)
    assert not held.is_expired
    ledger.tamper("UPDATE ceremonies SET recorded_at = recorded_at - interval '30 days'")
    held = find_ceremony("default", proposed.ceremony_id)
    assert held.is_expired
    with pytest.raises(CeremonyRefusedError, match="the proposal expired at") as refused:
        person("Cleo").say(proposed)
    assert refused.value.check == "expired"
    ledger.tamper("UPDATE ceremonies SET recorded_at = recorded_at + interval '1 day'")
    person("Cleo").say(proposed)
    ledger.tamper("UPDATE ceremonies SET recorded_at = recorded_at - interval '1 day'")
    with pytest.raises(CeremonyRefusedError, match="the proposal expired at"):
        ceremonies.record(writer(), proposed.ceremony_id)


def test_the_lifetime_of_a_proposal_is_configurable(
    ledger: Ledger, proposed: Proposal, settings: Settings
) -> None:
    settings.PORTAL_PROPOSAL_DAYS = 2
    grant()
    ledger.tamper("UPDATE ceremonies SET recorded_at = recorded_at - interval '2 days'")
    with pytest.raises(CeremonyRefusedError, match="the proposal expired at"):
        person("Bela").say(proposed)
    settings.PORTAL_PROPOSAL_DAYS = 3
    grant()
    person("Bela").say(proposed)


def test_a_person_shows_that_the_key_is_theirs(ledger: Ledger) -> None:
    """A key that nobody can sign with, among the first three, would end all ceremonies."""
    ada, bela = person("Ada"), person("Bela")
    for name, key, proof in (
        ("Ada", ada.public_key, ""),
        ("Ada", ada.public_key, bela.proof),
        ("Bela", ada.public_key, ada.proof),
        ("Ada", bela.public_key, ada.proof),
    ):
        with pytest.raises(CeremonyRefusedError, match="the proof is not") as refused:
            register_first(owner_writer(), name, key, proof)
        assert refused.value.check == "proof"
    register()
    dana = person("Dana")
    with pytest.raises(CeremonyRefusedError, match="the proof is not"):
        ada.propose("add_person", dana.details | {"proof": ada.proof})
    assert_intact(ledger, 3)
