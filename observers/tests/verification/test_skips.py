"""A gap is documented by a ceremony that names exactly it and passes every check, and by nothing
else; who asks, and through what, makes no difference."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections

from events.format.event import Event
from events.tests.support import api
from events.tests.support.ceremonies import document_gap, forge
from events.tests.support.ledger import Ledger
from observers.tests.support import forgery
from observers.tests.support.commands import findings, run
from observers.tests.support.pages import remove
from observers.verification.explained_gaps import find_gaps


@pytest.fixture
def skip(ledger: Ledger) -> Event:
    """6 and 7 are missing, and a ceremony explains it."""
    ledger.write(6)
    remove(ledger, 6, 7)
    return document_gap(ledger, 6, 7)


def documented(start: int = 1, end: int | None = None) -> list[int | None]:
    return [known.ceremony_sequence for known in find_gaps("default", start, end).gaps]


def seen_by_all() -> list[list[int | None]]:
    """Maps each consumer to its answer: the event that documents each gap."""
    http = api.observer().get("continuity").json()["gaps"]
    listed = api.observer().get("events?start=1&limit=100").json()["completeness"]["gaps"]
    command = run("check_continuity", "--json").json["gaps"]
    remembered = run("check_continuity", "--remembered", "--json").json["gaps"]
    answers = [http, listed, command, remembered]
    return [[gap["ceremony_sequence"] for gap in gaps] for gaps in answers]


def test_a_sound_ceremony_documents_its_gap_for_everybody(ledger: Ledger, skip: Event) -> None:
    assert seen_by_all() == [[skip.sequence]] * 4
    assert findings() == []


@pytest.mark.parametrize("bounds", [(1, 6), (7, 10), (6, 6), (7, 7), (6, 7), (5, 8)], ids=str)
def test_a_documented_gap_stays_so_where_bounds_cut_it_off(
    ledger: Ledger, skip: Event, bounds: tuple[int, int]
) -> None:
    assert documented(*bounds) == [skip.sequence]
    assert findings("--start", str(bounds[0]), "--end", str(bounds[1])) == []


def test_a_larger_gap_is_not_what_was_decided(ledger: Ledger, skip: Event) -> None:
    remove(ledger, 8)
    assert documented() == [None]
    assert documented(6, 7) == [None], "cut to what the ceremony names, it is still larger"
    assert findings("--start", "6", "--end", "7") == [(6, "gap")]


def test_a_smaller_gap_is_not_what_was_decided(ledger: Ledger, skip: Event) -> None:
    (eight,) = ledger.store.get_events_by_sequence_range(8, 8)
    with ledger.tampering() as superuser:
        forgery.insert(
            superuser, replace(eight, sequence=7, event_id="0191d7a0-0000-7000-8000-00000000000f")
        )
    assert documented() == [None]
    assert (6, "gap") in findings()


def test_a_gap_elsewhere_is_not_what_was_decided(ledger: Ledger, skip: Event) -> None:
    ledger.write(4)
    remove(ledger, 15, 16)
    assert documented() == [skip.sequence, None]
    assert findings() == [(15, "gap")]


UNSOUND: dict[str, str] = {
    "payload changed": "payload = jsonb_set(payload, '{proposal,reason}', '\"another\"')",
    "signature of another event": "signature = (SELECT signature FROM events WHERE sequence = 9)",
    "no witness": "witness_signature = (SELECT signature FROM events WHERE sequence = 9)",
    "hash of another event": "content_hash = repeat('a', 64)",
    "key that is not registered": "signing_key_id = 'unknown'",
    "bent link": "prev_hash = repeat('b', 64)",
    "a later time": "authority_timestamp = authority_timestamp + interval '1 second'",
}


@pytest.mark.parametrize("change", UNSOUND.values(), ids=UNSOUND.keys())
def test_a_ceremony_that_fails_a_check_documents_nothing(
    ledger: Ledger, skip: Event, change: str
) -> None:
    ledger.tamper(f"UPDATE events SET {change} WHERE sequence = {skip.sequence}")
    assert seen_by_all() == [[None]] * 4
    assert run("check_continuity").code == 1
    assert (6, "gap") in findings()


def test_a_ceremony_that_its_append_contradicts_documents_nothing(
    ledger: Ledger, skip: Event
) -> None:
    ledger.tamper(
        f"UPDATE appends SET content_hash = repeat('c', 64) WHERE last_sequence = {skip.sequence}"
    )
    assert documented() == [None]


def test_a_ceremony_beyond_the_head_documents_nothing(ledger: Ledger, skip: Event) -> None:
    ledger.tamper(f"DELETE FROM appends WHERE last_sequence = {skip.sequence}")
    assert documented() == [None]


def test_a_relinked_ceremony_with_right_signatures_documents_nothing(
    ledger: Ledger, skip: Event
) -> None:
    """Somebody with the system's and the witness's keys."""
    with ledger.tampering() as superuser:
        forged = forgery.resign(replace(skip, prev_hash="d" * 64))
        forgery.overwrite(superuser, forged)
        forgery.record(superuser, forged)
    assert documented() == [None]


def test_the_first_sound_ceremony_of_a_gap_counts(ledger: Ledger, skip: Event) -> None:
    first = forge(ledger, json.loads(skip.payload))
    assert documented() == [skip.sequence]
    ledger.tamper("UPDATE events SET content_hash = repeat('a', 64) WHERE sequence = 13")
    assert documented() == [None], "14 is linked to what 13 was"
    assert first.sequence == 14


NOT_DOCUMENTED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "one approval": lambda p: p | {"approvals": p["approvals"][:1]},
    "no approval": lambda p: p | {"approvals": []},
    "approvals left out": lambda p: {k: v for k, v in p.items() if k != "approvals"},
    "one person twice": lambda p: p | {"approvals": [p["approvals"][0]] * 2},
    "approvals that are no list": lambda p: p | {"approvals": p["approvals"][0]},
    "other numbers than were signed": lambda p: p | {"first": 1, "last": 1},
    "bounds as text": lambda p: p | {"first": "6", "last": "7"},
    "bounds as fractions": lambda p: p | {"first": 6.5},
    "no object": lambda p: [6, 7],
}


@pytest.mark.parametrize("change", NOT_DOCUMENTED.values(), ids=NOT_DOCUMENTED.keys())
def test_an_event_that_only_looks_like_a_ceremony_documents_nothing(
    ledger: Ledger, skip: Event, change: Callable[[dict[str, Any]], Any]
) -> None:
    """Signed by the system and witnessed, but not what people approved."""
    remove(ledger, skip.sequence)
    with without_the_append(ledger, skip):
        forge(ledger, change(json.loads(skip.payload)))
    assert documented()[0] is None


@contextmanager
def without_the_append(ledger: Ledger, event: Event) -> Iterator[None]:
    """The end of the ledger put back before an event, so that the next takes its place."""
    ledger.tamper(f"DELETE FROM appends WHERE last_sequence = {event.sequence}")
    yield


def test_no_row_without_a_signature_documents_anything(ledger: Ledger) -> None:
    """A superuser without any key."""
    ledger.write(6)
    remove(ledger, 5, 6)
    ledger.tamper(
        "INSERT INTO events SELECT gen_random_uuid(), 10, 'ceremony.sequence_skip',"
        """ '{"first":5,"last":6,"approvals":[{"person":"a"},{"person":"b"}]}', content_hash,"""
        " repeat('a',64), signature, 1, 1, NULL, witness_id, witness_signature, local_timestamp,"
        " authority_timestamp, signing_key_id, repeat('b',64), repeat('c',64)"
        " FROM events WHERE sequence = 9",
        "INSERT INTO appends SELECT 10, 10, content_hash, authority_timestamp, 10 FROM events"
        " WHERE sequence = 10",
    )
    assert seen_by_all() == [[None]] * 4
    assert run("check_continuity").code == 1


def test_the_databases_choice_of_the_ceremony_is_not_trusted(ledger: Ledger, skip: Event) -> None:
    """An operator of the operator's own says that all payloads are equal."""
    ledger.write(6)
    remove(ledger, 15, 16)
    with ledger.connect("postgres") as superuser:
        for statement in (
            "CREATE SCHEMA evil",
            "GRANT USAGE ON SCHEMA evil TO portal_app",
            "CREATE FUNCTION evil.yes(jsonb, jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE"
            " AS 'SELECT true'",
            "CREATE OPERATOR evil.= (LEFTARG = jsonb, RIGHTARG = jsonb, FUNCTION = evil.yes)",
            "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA evil TO portal_app",
            "ALTER ROLE portal_app SET search_path = evil, pg_catalog, public",
        ):
            superuser.execute(statement)
    connections.close_all()
    try:
        assert documented() == [skip.sequence, None]
        assert findings() == [(15, "gap")]
    finally:
        connections.close_all()
        with ledger.connect("postgres") as superuser:
            superuser.execute("ALTER ROLE portal_app RESET search_path")
