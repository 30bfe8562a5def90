"""A payload is erased by a ceremony and by nothing else; what is left says so (CT-13)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from events import ceremonies
from events.append.services import key_backend, writer
from events.ceremonies import complete_details
from events.errors import CeremonyRefusedError, EventIdConflictError
from events.format.ceremony import REJECTED
from events.format.event import Event
from events.tests.support import api
from events.tests.support.ceremonies import hold, three_people
from events.tests.support.ledger import Ledger, submission
from observers.tests.support.commands import findings, run
from observers.tests.support.pages import Reader, sign_in
from observers.tests.verification.test_documented_verifier import (
    genesis,
    outsider,
    verifier,
)
from observers.tests.verification.test_verify_ledger_command import save_export, save_keys

__all__ = ["verifier"]

ID = "0191d7a0-0000-7000-8000-%012d"
SECRET = "born on 1 April 1970"


@pytest.fixture
def personal(ledger: Ledger) -> Event:
    """An event among others whose payload must go."""
    ledger.write(2)
    event = writer().write_event(submission({"note": SECRET})).event
    ledger.write(2)
    return event


def erase(ledger: Ledger, event: Event) -> Event:
    details = {
        "sequence": event.sequence,
        "event_id": event.event_id,
        "payload_hash": event.payload_hash,
    }
    return hold(ledger, "erase_payload", details, "asked for by law")


def test_an_erased_payload_is_gone_everywhere_and_the_rest_is_whole(
    ledger: Ledger, personal: Event, tmp_path: Path
) -> None:
    ceremony = erase(ledger, personal)
    marker = {
        "erased": {
            "ceremony_id": json.loads(ceremony.payload)["ceremony_id"],
            "ceremony_sequence": ceremony.sequence,
        }
    }
    ((payload, salt),) = ledger.query("SELECT payload, payload_salt FROM events WHERE sequence = 6")
    assert (payload, salt) == (marker, "0" * 64)
    observer = api.observer()
    answer = observer.get("events/6").json()
    assert answer["payload"] == marker
    assert (answer["payload_hash"], answer["signature"]) == (
        personal.payload_hash,
        personal.signature,
    )
    for address in ("events/6", "events", "export?format=jsonl", "export?format=csv"):
        response = observer.get(address)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        assert SECRET.encode() not in body
    page = Reader(ledger, sign_in()).text("/events/6/")
    assert SECRET not in page
    assert f'by law</strong>, by\n  <a href="/events/{ceremony.sequence}/">' in page

    assert run("check_continuity").code == 0
    assert ledger.query("SELECT * FROM verify_chain()") == []
    ran = run("verify_ledger", "--json")
    assert ran.code == 0
    assert ran.json["erased"] == [{"sequence": 6, "ceremony_sequence": ceremony.sequence}]
    assert "sequence 6: the payload was erased by ceremony" in run("verify_ledger").text
    part = run("verify_ledger", "--json", "--start", "6", "--end", "6")
    assert (part.code, part.json["erased_count"]) == (0, 1)
    exported = run(
        "verify_ledger",
        "--json",
        "--export",
        str(save_export(ledger, tmp_path / "export.jsonl")),
        "--keys",
        str(save_keys(tmp_path / "keys.json")),
    )
    assert (exported.code, exported.json["erased_count"]) == (0, 1)


def test_the_same_change_without_a_ceremony_is_refused_and_found(
    ledger: Ledger, personal: Event
) -> None:
    other = writer().write_event(submission({"note": "another"})).event
    ceremony = erase(ledger, other)
    change = (
        "UPDATE events SET payload = (SELECT payload FROM events WHERE sequence = 9),"
        " payload_salt = repeat('0', 64) WHERE sequence = 6"
    )
    for role in ("portal_owner", "postgres"):
        with ledger.connect(role) as connection, pytest.raises(psycopg.Error) as refused:
            connection.execute(change)
        assert refused.value.sqlstate == "AP004"
    assert findings() == []
    ledger.tamper(change)
    assert findings() == [(6, "payload_hash")]
    assert ceremony.sequence == 13


def test_inside_its_ceremony_only_the_named_payload_may_change(
    ledger: Ledger, personal: Event
) -> None:
    """The owner, holding the very transaction of an erasure."""
    ceremony = erase(ledger, personal)
    with ledger.connect("portal_owner") as owner, owner.transaction():
        owner.execute("ALTER TABLE ceremony_openings DISABLE TRIGGER ALL")
        owner.execute("SELECT pg_current_xact_id()")
        owner.execute("UPDATE ceremony_openings SET transaction = this_transaction()")
        owner.execute("ALTER TABLE ceremony_openings ENABLE TRIGGER ALL")
        for change in (
            "payload = '{}', payload_salt = repeat('0', 64) WHERE sequence = 6",
            "event_type = 'x' WHERE sequence = 6",
            "payload = (SELECT payload FROM events WHERE sequence = 6),"
            " payload_salt = repeat('0', 64) WHERE sequence = 5",
        ):
            with pytest.raises(psycopg.Error) as refused, owner.transaction():
                owner.execute(f"UPDATE events SET {change}")
            assert refused.value.sqlstate == "AP004"
    assert findings() == []
    assert ceremony.sequence == 12


NAMED: dict[str, dict[str, Any]] = {
    "another hash": {"payload_hash": "0" * 64},
    "another id": {"event_id": "0191d7a0-0000-7000-8000-000000000001"},
    "another place": {"sequence": 5},
    "nowhere": {"sequence": 999},
}


def test_what_is_erased_is_named_exactly(ledger: Ledger, personal: Event) -> None:
    exact: dict[str, Any] = {
        "sequence": personal.sequence,
        "event_id": personal.event_id,
        "payload_hash": personal.payload_hash,
    }
    for change in NAMED.values():
        with pytest.raises(CeremonyRefusedError, match="no such event"):
            hold(ledger, "erase_payload", exact | change)
    ceremony = erase(ledger, personal)
    with pytest.raises(CeremonyRefusedError, match="erased already"):
        erase(ledger, personal)
    with pytest.raises(CeremonyRefusedError, match="the system itself"):
        erase(ledger, ceremony)


def test_an_erased_event_that_is_sent_again_is_a_conflict_and_stays_erased(
    ledger: Ledger,
) -> None:
    """With its payload the salt is gone, so nobody can say whether it is the same."""
    same = submission({"note": SECRET}, event_id="0191d7a0-0000-7000-8000-000000000001")
    erase(ledger, writer().write_event(same).event)
    for again in (same, replace(same, canonical_payload=b'{"note":"another"}')):
        with pytest.raises(EventIdConflictError, match="can no longer be compared") as conflict:
            writer().write_event(again)
        assert (conflict.value.sequence, conflict.value.is_erased) == (4, True)
    with pytest.raises(EventIdConflictError, match="with other content") as conflict:
        writer().write_event(replace(same, event_type="test.other"))
    assert not conflict.value.is_erased
    assert SECRET not in str(ledger.query("SELECT payload FROM events"))
    assert findings() == []


PLACES = [0, -1, 5, 10**30, True, None, "9"]


def test_a_marker_that_names_no_ceremony_is_found_and_breaks_nothing(
    ledger: Ledger, personal: Event
) -> None:
    """Any number may stand there, also one that no sequence can be."""
    for place in PLACES:
        marker = json.dumps({"erased": {"ceremony_id": "x", "ceremony_sequence": place}})
        ledger.tamper(
            f"UPDATE events SET payload = '{marker}', payload_salt = repeat('0', 64)"
            " WHERE sequence = 6"
        )
        assert findings() == [(6, "payload_hash")], place


def test_a_log_with_an_erased_line_is_ingested_again_without_error(
    ledger: Ledger, tmp_path: Path
) -> None:
    log = tmp_path / "app.jsonl"
    log.write_text("".join(json.dumps({"note": n, "id": ID % n}) + "\n" for n in range(4)))
    again = ("ingest", str(log), "--agent", "agent-7", "--json")
    assert run(*again).code == 0
    erase(ledger, next(iter(ledger.store.get_events_by_sequence_range(5, 5))))
    ran = run(*again)
    assert (ran.code, ran.json["inputs"][0]["already_there"]) == (0, 4)
    assert ran.json["inputs"][0]["rejected"] == 0
    assert len(ledger.written()) == 10, "four lines, the import around them, people, the ceremony"


CHANGED = """UPDATE events SET payload = '{"note": "altered"}' WHERE sequence = 6"""


@pytest.fixture
def changed(ledger: Ledger, personal: Event) -> Event:
    """The event, after somebody has put another payload in its place."""
    ledger.tamper(CHANGED)
    return personal


def details_of(event: Event) -> dict[str, Any]:
    return {
        "sequence": event.sequence,
        "event_id": event.event_id,
        "payload_hash": event.payload_hash,
    }


def test_a_changed_payload_is_erased_only_by_a_proposal_that_says_so(
    ledger: Ledger, changed: Event
) -> None:
    with pytest.raises(CeremonyRefusedError, match="is not what was signed") as refused:
        erase(ledger, changed)
    assert refused.value.check == "details"
    for word in (True, None, "false", 0):
        with pytest.raises(CeremonyRefusedError, match="needs exactly"):
            hold(ledger, "erase_payload", details_of(changed) | {"payload_matched": word})
    assert findings() == [(6, "payload_hash")]


def test_a_payload_that_is_whole_is_not_called_changed(ledger: Ledger, personal: Event) -> None:
    with pytest.raises(CeremonyRefusedError, match="hashes to its payload_hash"):
        hold(ledger, "erase_payload", details_of(personal) | {"payload_matched": False})


@pytest.mark.parametrize("when", ["before an approval", "before it is recorded"])
def test_a_statement_about_a_payload_must_hold_until_it_is_recorded(
    ledger: Ledger, personal: Event, when: str
) -> None:
    ada, bela, cleo = three_people(ledger)
    proposal = ada.propose("erase_payload", details_of(personal))
    bela.say(proposal)
    if when == "before it is recorded":
        cleo.say(proposal)
    ledger.tamper(CHANGED)
    if when == "before an approval":
        with pytest.raises(CeremonyRefusedError, match="is not what was signed"):
            cleo.say(proposal)
        cleo.say(proposal, REJECTED)
    else:
        with pytest.raises(CeremonyRefusedError, match="is not what was signed"):
            ceremonies.record(writer(), proposal.ceremony_id)
    assert findings() == [(6, "payload_hash")]


def test_a_changed_payload_stays_reported_after_its_erasure(
    ledger: Ledger, changed: Event, tmp_path: Path, verifier: Path
) -> None:
    details = complete_details(
        "erase_payload", {"sequence": "6"}, using="default", backend=key_backend()
    )
    assert details == details_of(changed) | {"payload_matched": False}
    ceremony = hold(ledger, "erase_payload", details, "asked for by law")
    assert json.loads(ceremony.payload)["proposal"]["details"]["payload_matched"] is False
    ran = run("verify_ledger", "--json")
    known = {"sequence": 6, "ceremony_sequence": ceremony.sequence, "payload_matched": False}
    assert (ran.code, ran.json["erased"]) == (0, [known])
    assert "which says that it had been CHANGED BEFORE" in run("verify_ledger").text
    answer = api.observer().get("verification?start=6&end=6").json()
    assert answer["erased"] == [known]

    reader = Reader(ledger, sign_in())
    page = reader.text("/events/6/")
    assert "What was erased was not what was signed" in page
    assert "the payload was changed before it was erased" in page
    assert "All checks passed" not in page
    assert "No check failed" not in page
    ceremony_id = json.loads(ceremony.payload)["ceremony_id"]
    assert "is not what was signed" in reader.text(f"/ceremonies/{ceremony_id}/")

    export = save_export(ledger, tmp_path / "e.jsonl")
    said = "sequence 6: the payload was erased, and had been changed before\n"
    assert outsider(verifier, export, genesis()) == (0, said)
    assert findings("--export", str(export), "--genesis", genesis()) == []


def test_the_page_calls_an_erasure_mark_what_it_is(ledger: Ledger, personal: Event) -> None:
    reader = Reader(ledger, sign_in())
    assert "Canonical JSON, as hashed" in reader.text("/events/6/")
    erase(ledger, personal)
    page = reader.text("/events/6/")
    assert "Canonical JSON, as hashed" not in page
    assert "of the mark that replaces the payload" in page
