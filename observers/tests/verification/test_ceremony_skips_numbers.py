"""Missing numbers are documented by a ceremony that names exactly them, and skipped by nothing
else (CT-13)."""

from __future__ import annotations

import json

import pytest

from events import ceremonies
from events.append.services import writer
from events.errors import CeremonyRefusedError, HeadMismatchError
from events.format.ceremony import APPROVED, PROPOSED
from events.halting import halt
from events.tests.support.ceremonies import (
    document_gap,
    forge,
    guard_off,
    halt_details,
    hold,
    person,
    three_people,
)
from events.tests.support.ledger import Ledger
from observers.tests.support.commands import findings, run
from observers.tests.support.pages import remove


def test_two_lost_numbers_are_documented_and_the_rest_is_an_incident(ledger: Ledger) -> None:
    ledger.write(9)
    remove(ledger, 6, 7)
    assert run("check_continuity").code == 1
    ceremony = document_gap(ledger, 6, 7).sequence
    ran = run("check_continuity")
    assert ran.code == 0
    assert f"  6 to 7 (2): documented by event {ceremony}" in ran.text
    assert findings() == []
    remove(ledger, 10)
    ran = run("check_continuity")
    assert ran.code == 1
    assert "  10: not explained" in ran.text
    assert findings() == [(10, "gap")]


NOT_EXACTLY = {
    "a part": (6, 6),
    "more": (5, 7),
    "what is there": (9, 9),
    "beyond the head": (12, 15),
    "backwards": (7, 6),
    "numbers that do not come next": (15, 16),
}


@pytest.mark.parametrize("bounds", NOT_EXACTLY.values(), ids=NOT_EXACTLY.keys())
def test_a_range_that_is_not_exactly_what_is_missing_is_refused(
    ledger: Ledger, bounds: tuple[int, int]
) -> None:
    ledger.write(9)
    remove(ledger, 6, 7)
    with pytest.raises(CeremonyRefusedError, match=r"^CT-13: ") as refused:
        document_gap(ledger, *bounds)
    assert refused.value.check == "details"


def test_the_next_numbers_are_skipped_only_by_a_ceremony(ledger: Ledger) -> None:
    three_people(ledger)
    ledger.write(5)
    ledger.tamper("SELECT setval('events_sequence_seq', 14)")
    assert ledger.write(1)[0].sequence == 12, "a number drawn by anybody else is given back"
    (before,) = ledger.store.get_events_by_sequence_range(12, 12)
    skip = document_gap(ledger, 13, 1_000_012, "numbers printed on forms that burnt")
    assert (skip.sequence, skip.prev_hash) == (1_000_013, before.content_hash)
    (after,) = ledger.write(1)
    assert (after.sequence, after.prev_hash) == (1_000_014, skip.content_hash)
    head = ledger.store.head()
    assert (head.max_sequence, head.event_count) == (1_000_014, 14)
    assert run("check_continuity").code == 0
    assert findings() == []


def test_a_lost_tail_is_documented_even_while_the_ledger_is_halted(ledger: Ledger) -> None:
    three_people(ledger)
    written = ledger.write(6)
    remove(ledger, 11, 12)
    with pytest.raises(HeadMismatchError):
        ledger.write(1)
    halt(writer(), reason="the tail is gone", by="keeper")
    ceremony = document_gap(ledger, 11, 12)
    assert ceremony.sequence == 13
    assert ceremony.prev_hash == written[-1].content_hash, "the head remembers what was lost"
    cleared = hold(ledger, "clear_halt", halt_details())
    records = ledger.store.get_events_by_sequence_range(14, cleared.sequence)
    assert [each.event_type for each in records] == ["system.halted", "ceremony.clear_halt"]
    ledger.write(1)
    assert run("check_continuity").code == 0
    assert findings() == []


def test_a_tail_that_is_lost_further_than_approved_is_refused(ledger: Ledger) -> None:
    ada, bela, cleo = three_people(ledger)
    ledger.write(6)
    remove(ledger, 12)
    proposal = ada.propose("sequence_skip", {"first": 12, "last": 12})
    bela.say(proposal)
    cleo.say(proposal)
    remove(ledger, 11)
    with pytest.raises(CeremonyRefusedError, match="the gap is larger"):
        ceremonies.record(writer(), proposal.ceremony_id)


def test_an_event_that_only_looks_like_a_ceremony_is_found(ledger: Ledger) -> None:
    """Written past the database's guard, with the system's key and two names."""
    ledger.write(5)
    remove(ledger, 6)
    approvals = [{"person": "Ada"}, {"person": "Bela"}]
    forged = forge(ledger, {"first": 6, "last": 6, "reason": "lost", "approvals": approvals})
    assert findings() == [(6, "gap"), (forged.sequence, "ceremony")]


def test_a_ceremony_with_a_signature_of_another_text_is_found(ledger: Ledger) -> None:
    ledger.write(5)
    honest = hold(ledger, "drift_threshold", {"seconds": "7.5"})
    payload = json.loads(honest.payload)
    payload["proposal"]["reason"] = "another reason"
    changed = forge(ledger, payload, "ceremony.drift_threshold")
    ran = run("verify_ledger", "--json")
    assert [(f["sequence"], f["check"]) for f in ran.json["findings"]] == [
        (changed.sequence, "ceremony")
    ] * 3
    assert "the signature of Ada is not of what was proposed" in ran.json["findings"][0]["detail"]


def test_the_second_approval_is_the_one_that_is_missing(ledger: Ledger) -> None:
    """One approval, kept by the guard, and recorded past it."""
    ledger.write(3)
    ada, bela, _ = three_people(ledger)
    proposal = ceremonies.draft("drift_threshold", "a test", {"seconds": "9"})
    voices = [
        {
            "person": each.name,
            "public_key": each.public_key,
            "signature": each.sign(proposal, step),
            "at": "2026-01-01T00:00:00.000000Z",
        }
        for each, step in ((ada, PROPOSED), (bela, APPROVED))
    ]
    payload = {
        "ceremony_id": proposal.ceremony_id,
        "proposal": json.loads(proposal.text),
        "proposed_by": voices[0],
        "approvals": voices[1:],
        "rejections": [],
    }
    forged = forge(ledger, payload, "ceremony.drift_threshold")
    ran = run("verify_ledger", "--json")
    assert [(f["sequence"], f["detail"]) for f in ran.json["findings"]] == [
        (forged.sequence, "1 approved and 0 rejected it: too few approvals")
    ]


def test_a_retired_person_counts_where_they_counted_then(ledger: Ledger) -> None:
    ledger.write(1)
    hold(ledger, "drift_threshold", {"seconds": "7.5"})
    hold(ledger, "add_person", person("Dana").details)
    hold(ledger, "retire_person", {"person": "Ada"})
    assert findings() == []
    with guard_off(ledger, "person_keys", "refuse_change_of_person_keys") as superuser:
        superuser.execute("UPDATE person_keys SET until_sequence = 7 WHERE person = 'Ada'")
    assert findings() == [(5, "key_history"), *((n, "ceremony") for n in (8, 9, 10))]
