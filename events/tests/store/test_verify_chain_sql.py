"""`verify_chain()`: what an auditor with only psql learns about a sound and a tampered ledger."""

from __future__ import annotations

import pytest

from events.append.services import writer
from events.tests.support.ledger import Ledger, submission

LAST = 12


@pytest.fixture
def written(ledger: Ledger) -> Ledger:
    """Nine events behind the opening: three alone, then a batch of six."""
    ledger.write(3)
    writer().write_events([submission(number=n) for n in range(6)])
    return ledger


def findings(ledger: Ledger, bounds: str = "") -> list[tuple[int, str]]:
    rows = ledger.query(f"SELECT sequence, failed_check FROM verify_chain({bounds})")
    return [(sequence, check) for sequence, check in rows]


@pytest.mark.parametrize("bounds", ["", "1", "1, 12", "7", "7, 9", "12, 12", "1, 1", "0", "-5, 8"])
def test_a_sound_ledger_has_no_finding(written: Ledger, bounds: str) -> None:
    assert findings(written, bounds) == []


BEYOND = ["13", "13, 20", "1, 1000", "8, 6", "1, 0", "1, 9223372036854775807"]


@pytest.mark.parametrize("bounds", BEYOND)
def test_bounds_beyond_the_head_or_empty_are_not_findings(written: Ledger, bounds: str) -> None:
    assert findings(written, bounds) == []


@pytest.mark.parametrize("bounds", ["", "1, 10", "5"])
def test_an_empty_ledger_is_sound(unopened: Ledger, bounds: str) -> None:
    assert findings(unopened, bounds) == []


EDITED = {
    "event_type": "'test.other'",
    "agent_id": "'agent-8'",
    "local_timestamp": "local_timestamp + interval '1 microsecond'",
    "authority_timestamp": "authority_timestamp - interval '1 day'",
    "payload_hash": "repeat('a', 64)",
    "signing_key_id": "'agent-8-0'",
    "witness_id": "'WITNESS:beta'",
    "event_id": "gen_random_uuid()",
}


@pytest.mark.parametrize("column", EDITED)
@pytest.mark.parametrize("sequence", [1, 8, LAST])
def test_an_edited_field_is_found_where_it_is(written: Ledger, column: str, sequence: int) -> None:
    written.tamper(
        "ALTER TABLE events DROP CONSTRAINT events_type_of_an_agent",
        f"UPDATE events SET {column} = {EDITED[column]} WHERE sequence = {sequence}",
    )
    assert findings(written) == [(sequence, "content_hash")]
    assert findings(written, f"{sequence}, {sequence}") == [(sequence, "content_hash")]


REHASH = (
    "UPDATE events SET content_hash = content_hash_of(agent_id, authority_timestamp, event_id,"
    " event_type, hash_alg_version, local_timestamp, payload_hash, prev_hash, sequence,"
    " sig_alg_version, signing_key_id, witness_id) WHERE sequence = {}"
)

TAMPERED: dict[str, tuple[list[str], list[tuple[int, str]]]] = {
    "an event edited and hashed again": (
        ["UPDATE events SET event_type = 'x' WHERE sequence = 8", REHASH.format(8)],
        [(9, "prev_hash")],
    ),
    "the last event edited and hashed again": (
        ["UPDATE events SET event_type = 'x' WHERE sequence = 12", REHASH.format(12)],
        [(12, "head")],
    ),
    "a link edited": (
        ["UPDATE events SET prev_hash = repeat('a', 64) WHERE sequence = 8"],
        [(8, "content_hash"), (8, "prev_hash")],
    ),
    "the first link edited": (
        ["UPDATE events SET prev_hash = repeat('a', 64) WHERE sequence = 1"],
        [(1, "content_hash"), (1, "prev_hash")],
    ),
    "the first deleted": (["DELETE FROM events WHERE sequence = 1"], [(1, "gap")]),
    "one deleted": (["DELETE FROM events WHERE sequence = 8"], [(8, "gap")]),
    "a run deleted": (["DELETE FROM events WHERE sequence BETWEEN 7 AND 9"], [(7, "gap")]),
    "two runs deleted": (
        ["DELETE FROM events WHERE sequence IN (5, 8, 9)"],
        [(5, "gap"), (8, "gap")],
    ),
    "the tail deleted": (["DELETE FROM events WHERE sequence >= 11"], [(11, "gap")]),
    "everything deleted": (["DELETE FROM events"], [(1, "gap")]),
    "two events swapped": (
        [
            "UPDATE events SET sequence = 100 WHERE sequence = 7",
            "UPDATE events SET sequence = 7 WHERE sequence = 10",
            "UPDATE events SET sequence = 10 WHERE sequence = 100",
        ],
        [
            (7, "content_hash"),
            (7, "prev_hash"),
            (8, "prev_hash"),
            (10, "content_hash"),
            (10, "prev_hash"),
            (11, "prev_hash"),
        ],
    ),
    "an event moved far beyond the head": (
        ["UPDATE events SET sequence = 1000000000 WHERE sequence = 12"],
        [(12, "gap"), (1000000000, "content_hash"), (1000000000, "head")],
    ),
    "the head edited": (
        ["UPDATE appends SET content_hash = repeat('a', 64) WHERE last_sequence = 12"],
        [(12, "head")],
    ),
    "the head moved on": (
        ["UPDATE appends SET last_sequence = 15 WHERE last_sequence = 12"],
        [(13, "gap")],
    ),
    "the head deleted": (
        ["DELETE FROM appends WHERE last_sequence = 12"],
        [(n, "head") for n in range(7, 13)],
    ),
    "the last event without its hashes, and with another payload": (
        [
            "ALTER TABLE events ALTER COLUMN content_hash DROP NOT NULL",
            "ALTER TABLE events ALTER COLUMN prev_hash DROP NOT NULL",
            "ALTER TABLE events ALTER COLUMN payload_hash DROP NOT NULL",
            "UPDATE events SET content_hash = NULL, prev_hash = NULL, payload_hash = NULL,"
            " payload = '{}' WHERE sequence = 12",
        ],
        [(12, "content_hash"), (12, "head"), (12, "prev_hash")],
    ),
    "a signed field that is missing": (
        [
            "ALTER TABLE events ALTER COLUMN event_type DROP NOT NULL",
            "ALTER TABLE events ALTER COLUMN content_hash DROP NOT NULL",
            "UPDATE events SET event_type = NULL, content_hash = NULL WHERE sequence = 12",
        ],
        [(12, "content_hash"), (12, "head")],
    ),
    "numbers below 1": (
        [
            "ALTER TABLE events DROP CONSTRAINT events_sequence_check",
            "ALTER TABLE events DROP CONSTRAINT events_pkey CASCADE",
            "ALTER TABLE events DROP CONSTRAINT events_sequence_key",
            "INSERT INTO events SELECT (e).* FROM (SELECT e FROM events e WHERE sequence = 7) x",
            "UPDATE events SET sequence = 0 WHERE ctid = (SELECT max(ctid) FROM events)",
        ],
        [(0, "gap")],
    ),
    "one number twice": (
        [
            "ALTER TABLE events DROP CONSTRAINT events_sequence_key",
            "UPDATE events SET sequence = 10 WHERE sequence = 11",
        ],
        [(10, "content_hash"), (10, "gap"), (11, "gap")],
    ),
    "a time before the first year, of the same digits": (
        [
            "ALTER TABLE events DROP CONSTRAINT events_local_timestamp_check",
            "UPDATE events SET local_timestamp = (to_char(local_timestamp AT TIME ZONE 'UTC',"
            " 'YYYY-MM-DD HH24:MI:SS.US') || '+00 BC')::timestamptz WHERE sequence = 8",
        ],
        [(8, "content_hash")],
    ),
    "an infinite time": (
        [
            "ALTER TABLE events DROP CONSTRAINT events_local_timestamp_check",
            "UPDATE events SET local_timestamp = 'infinity' WHERE sequence = 8",
        ],
        [(8, "content_hash")],
    ),
}


@pytest.mark.parametrize(("statements", "found"), TAMPERED.values(), ids=TAMPERED.keys())
def test_tampering_is_found_and_located(
    written: Ledger, statements: list[str], found: list[tuple[int, str]]
) -> None:
    written.tamper(*statements)
    assert findings(written) == found


def test_a_forged_event_beyond_the_head_is_found(written: Ledger) -> None:
    """Chained on and hashed as it should be: only the head tells."""
    written.tamper(
        "INSERT INTO events SELECT gen_random_uuid(), 13, event_type, payload, content_hash,"
        " content_hash, signature, 1, 1, agent_id, witness_id, witness_signature, local_timestamp,"
        " authority_timestamp, signing_key_id, payload_hash, payload_salt FROM events"
        " WHERE sequence = 12",
        REHASH.format(13),
    )
    assert findings(written) == [(13, "head")]


def test_a_finding_tells_what_was_expected_and_found(written: Ledger) -> None:
    (original,) = written.query("SELECT content_hash FROM events WHERE sequence = 8")[0]
    written.tamper(f"UPDATE events SET content_hash = '{'a' * 64}' WHERE sequence = 8")
    assert written.query("SELECT * FROM verify_chain()") == [
        (8, "content_hash", original, "a" * 64),
        (9, "prev_hash", "a" * 64, original),
    ]


def test_a_range_is_judged_by_itself(written: Ledger) -> None:
    written.tamper("DELETE FROM events WHERE sequence = 8")
    assert findings(written, "1, 7") == []
    assert findings(written, "9, 12") == []
    assert findings(written, "8, 8") == findings(written, "1, 8") == [(8, "gap")]
    assert findings(written, "8, 12") == findings(written, "7, 9") == [(8, "gap")]


def test_a_range_is_linked_to_the_event_before_it(written: Ledger) -> None:
    written.tamper("UPDATE events SET event_type = 'x' WHERE sequence = 8", REHASH.format(8))
    assert findings(written, "9, 12") == [(9, "prev_hash")]
    assert findings(written, "10, 12") == []


def test_the_observer_and_the_application_see_the_same(written: Ledger) -> None:
    written.tamper("DELETE FROM events WHERE sequence = 8")
    for role in ("portal_app", "portal_observer"):
        with written.connect(role) as connection:
            rows = connection.execute("SELECT sequence, failed_check FROM verify_chain()")
            assert rows.fetchall() == [(8, "gap")]
