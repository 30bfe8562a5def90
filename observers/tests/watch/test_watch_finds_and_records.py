"""A finding of the watch is recorded in the ledger once, at the first look, whoever looks and
however often."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from pytest_django import Settings

from events import ceremonies
from events.append.services import writer
from events.models import WatchAlert, WatchLook
from events.tests.support.ceremonies import register
from events.tests.support.ledger import Ledger, submission
from events.tests.support.race import together
from observers.tests.support.commands import run
from observers.tests.support.pages import remove
from observers.watch.findings import TYPES, Kind
from observers.watch.watch import Watch


@pytest.fixture
def alerted(settings: Settings) -> None:
    """Somebody is to be told; nothing is sent, the alerts stay queued."""
    settings.PORTAL_ALERT_EMAIL_TO = ["auditor@example.org"]


def recorded(ledger: Ledger) -> list[tuple[str, dict[str, Any]]]:
    """The watch's own events, oldest first."""
    rows = ledger.query(
        "SELECT event_type, payload FROM events WHERE event_type = ANY (%s) ORDER BY sequence",
        [list(TYPES)],
    )
    return [(event_type, payload) for event_type, payload in rows]


def types(ledger: Ledger) -> list[str]:
    return [event_type for event_type, _ in recorded(ledger)]


def look_once() -> dict[str, Any]:
    """As `watch_ledger --once` in a process of its own: nothing is remembered but in the ledger."""
    return dict(run("watch_ledger", "--once", "--json").json)


def test_a_sound_ledger_gets_no_event(ledger: Ledger) -> None:
    ledger.write(3)
    ran = run("watch_ledger", "--once", "--json")
    assert (ran.code, ran.json["is_sound"], ran.json["verified_through"]) == (0, True, 6)
    assert look_once()["open"] == []
    assert recorded(ledger) == []
    assert WatchLook.objects.count() == 2


def test_two_lost_numbers_are_one_event_and_one_alert(ledger: Ledger, alerted: None) -> None:
    ledger.write(8)
    look_once()
    remove(ledger, 7, 8)
    ran = run("watch_ledger", "--once", "--json")
    assert ran.code == 1
    for _ in range(2):  # each a watcher that has just been started
        assert look_once()["began"] == []
    together([Watch().look, Watch().look])
    gaps = [payload for event_type, payload in recorded(ledger) if event_type.startswith("seq")]
    assert len(gaps) == 1
    assert gaps[0]["last_seen_whole"] is not None
    assert {
        name: gaps[0][name] for name in ("expected", "actual", "gap_size", "first", "last")
    } == {
        "expected": 7,
        "actual": 9,
        "gap_size": 2,
        "first": 7,
        "last": 8,
    }
    told = [f["place"] for a in WatchAlert.objects.all() for f in a.findings if f["kind"] == "gap"]
    assert told == ["7-8"]


def test_a_documented_gap_is_closed(ledger: Ledger) -> None:
    proposer, *others = register()
    ledger.write(8)
    remove(ledger, 7, 8)
    look_once()
    proposal = proposer.propose("sequence_skip", {"first": 7, "last": 8}, "lost with a disk")
    for other in others:
        other.say(proposal)
    sequence = ceremonies.record(writer(), proposal.ceremony_id).sequence
    assert look_once()["open"] == []
    event_type, payload = recorded(ledger)[-1]
    assert (event_type, payload["finding"]) == ("system.finding_closed", "gap 7-8")
    assert payload["reason"] == f"documented by event {sequence}"
    assert look_once()["ended"] == []


def test_a_gap_that_comes_again_is_found_again(ledger: Ledger) -> None:
    ledger.write(5)
    with ledger.connect("postgres") as superuser:
        superuser.execute("CREATE TABLE kept AS SELECT * FROM events WHERE sequence = 6")
    for _ in range(2):
        remove(ledger, 6)
        look_once()
        ledger.tamper("INSERT INTO events SELECT * FROM kept")
        look_once()
    gaps = [t for t, p in recorded(ledger) if p["finding"] == "gap 6-6"]
    assert gaps == ["sequence.gap_detected", "system.finding_closed"] * 2


TAMPERED = {
    "a payload": ("UPDATE events SET payload = '{}' WHERE sequence = 5", "5-5 payload_hash"),
    "a time": (
        "UPDATE events SET local_timestamp = 'epoch' WHERE sequence = 5",
        "5-5 content_hash",
    ),
    "a link": ("UPDATE events SET prev_hash = repeat('a', 64) WHERE sequence = 5", "5-5 prev_hash"),
    "a signature": (
        "UPDATE events SET signature = witness_signature WHERE sequence = 5",
        "5-5 signature",
    ),
}


@pytest.mark.parametrize("looked_before", [False, True], ids=["new", "verified before"])
@pytest.mark.parametrize("name", TAMPERED)
def test_a_changed_event_is_found(ledger: Ledger, name: str, looked_before: bool) -> None:
    statement, place = TAMPERED[name]
    ledger.write(4)
    if looked_before:
        look_once()
    ledger.tamper(statement)
    assert f"chain {place}" in look_once()["open"]
    assert look_once()["began"] == []


def test_a_fork_is_found(ledger: Ledger) -> None:
    """Event 7 is made to name the predecessor of event 5 with a hash that is right."""
    ledger.write(4)
    ledger.tamper(
        "UPDATE events SET prev_hash = (SELECT prev_hash FROM events WHERE sequence = 5)"
        " WHERE sequence = 7"
    )
    # The fork's event cannot be the last: the head would not let anything be written.
    assert "fork 5,7" in look_once()["open"]
    assert look_once()["began"] == []


def test_a_finding_that_cannot_be_recorded_is_reported_once(ledger: Ledger, alerted: None) -> None:
    """The tail is cut: nothing can be appended, so the alert is all there is."""
    ledger.write(4)
    ledger.tamper("DELETE FROM events WHERE sequence = 7")
    watch = Watch()
    for _ in range(3):
        outcome = watch.look()
        assert outcome is not None
        assert any(key.startswith("head ") for key in outcome.unrecorded)
    assert recorded(ledger) == []
    (alert,) = WatchAlert.objects.all()
    assert {each["kind"] for each in alert.findings} == {"head", "gap"}
    assert {each["event_id"] for each in alert.findings} == {None}


def test_the_watch_halts_on_the_chosen_findings(ledger: Ledger) -> None:
    ledger.write(5)
    remove(ledger, 6)
    Watch([Kind.FORK]).look()
    assert not ledger.store.halt().halted
    remove(ledger, 5)
    Watch([Kind.GAP]).look()
    halt = ledger.store.halt()
    assert halt.halted
    assert "5 to 6 are missing" in str(halt.reason)


def test_a_guard_switched_off_and_on_leaves_two_events(ledger: Ledger) -> None:
    ledger.write(2)
    look_once()
    with ledger.connect("postgres") as superuser:
        superuser.execute("ALTER TABLE events DISABLE TRIGGER refuse_change_of_events")
        assert look_once()["is_sound"] is False
        look_once()
        superuser.execute("ALTER TABLE events ENABLE ALWAYS TRIGGER refuse_change_of_events")
    assert look_once()["is_sound"] is True
    look_once()
    assert types(ledger) == ["system.guards_changed", "system.guards_restored"]
    deviations = recorded(ledger)[0][1]["deviations"]
    assert {
        "aspect": "state of trigger",
        "subject": "events.refuse_change_of_events",
        "expected": "always on",
        "found": "switched off",
    } in deviations


def test_a_guard_that_was_off_between_two_looks_leaves_its_trace(ledger: Ledger) -> None:
    ledger.write(2)
    look_once()
    ledger.tamper("UPDATE ledger_config SET proposal_days = 7")
    look_once()
    look_once()
    assert types(ledger) == ["system.guards_changed", "system.guards_restored"]
    assert "altered since" in json.dumps(recorded(ledger)[0][1])


def test_a_forged_record_does_not_hide_a_gap(ledger: Ledger) -> None:
    """The role that may insert can claim that the gap is known, but cannot sign as the system."""
    ledger.write(6)
    remove(ledger, 6)
    known = submission({"finding": "gap 6-6"}, event_type="sequence.gap_detected", agent_id=None)
    sequence = writer().write_event(known).event.sequence
    ledger.tamper(f"UPDATE events SET signature = witness_signature WHERE sequence = {sequence}")
    ledger.write(1)
    look_once()
    gaps = [t for t, p in recorded(ledger) if p["finding"] == "gap 6-6"]
    assert gaps == ["sequence.gap_detected"] * 2


ATTACKS = {
    "update": "UPDATE events SET payload = '{}'",
    "delete": "DELETE FROM events",
    "truncate": "TRUNCATE events CASCADE",
    "disable": "ALTER TABLE events DISABLE TRIGGER refuse_change_of_events",
    "replica": "SET session_replication_role = replica",
    "drop trigger": "DROP TRIGGER refuse_change_of_events ON events",
    "drop": "DROP TABLE clock_drift_warnings",
}
ALLOWED = {
    "portal_app": set(),
    "portal_owner": {"disable", "drop trigger", "drop"},
    "postgres": {"disable", "drop trigger", "drop", "replica"},
}


@pytest.mark.parametrize("role", ALLOWED)
def test_each_attack_is_refused_or_found_by_the_next_look(ledger: Ledger, role: str) -> None:
    ledger.write(3)
    look_once()
    before = ledger.query("SELECT count(*) FROM events WHERE payload <> '{}'")
    done = set()
    for name, statement in ATTACKS.items():
        with ledger.connect(role) as connection:
            try:
                connection.execute(statement)
                done.add(name)
            except psycopg.Error:
                continue
        if name != "replica":  # which ends with its session
            assert run("check_guards").code == 1, name
            assert any(key.startswith("guards ") for key in look_once()["open"]), name
            assert types(ledger)[-1] == "system.guards_changed", name
    assert done == ALLOWED[role]
    assert ledger.query("SELECT count(*) FROM events WHERE sequence < 7") == [(6,)]
    assert before == [(6,)]
