"""`verify_ledger`: ranges, documented gaps, exports, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from events.composition import signing_service, writer
from events.event import event_json
from events.store import registry
from events.store.people import list_people
from events.tests.ceremonies import document_gap, forge
from events.tests.ledger import Ledger, submission
from observers.tests.commands import findings, run


def skip_ceremony(ledger: Ledger, first: int, last: int, people: tuple[str, ...]) -> None:
    """An event of the system that names a range and people, none of whom signed."""
    approvals = [{"person": person} for person in people]
    payload = {"first": first, "last": last, "reason": "lost with a disk", "approvals": approvals}
    forge(ledger, payload)


def save_keys(path: Path) -> Path:
    """The answer of `GET /api/v1/keys`, saved."""
    document = {
        "agents": [
            {
                "key_id": key.key_id,
                "agent_id": key.agent_id,
                "public_key": key.public_key,
                "active_from": key.validity.active_from,
                "active_until": key.validity.active_until,
                "from_sequence": key.validity.from_sequence,
                "until_sequence": key.validity.until_sequence,
            }
            for key in registry.list_agent_keys("default")
        ],
        "witnesses": [
            {
                "witness_id": witness.witness_id,
                "public_key": witness.public_key,
                "active_from": witness.validity.active_from,
                "active_until": witness.validity.active_until,
                "from_sequence": witness.validity.from_sequence,
                "until_sequence": witness.validity.until_sequence,
            }
            for witness in registry.list_witnesses("default")
        ],
        "people": [
            {
                "person": key.person,
                "public_key": key.public_key,
                "active_from": key.validity.active_from,
                "active_until": key.validity.active_until,
                "from_sequence": key.validity.from_sequence,
                "until_sequence": key.validity.until_sequence,
            }
            for key in list_people("default")
        ],
    }
    path.write_text(json.dumps(document))
    return path


def save_export(ledger: Ledger, path: Path) -> Path:
    """The whole ledger as JSON lines."""
    events = ledger.store.get_events_by_sequence_range(1, 10**9)
    path.write_bytes(b"".join(event_json(event) + b"\n" for event in events))
    return path


def test_an_empty_ledger_is_sound(ledger: Ledger) -> None:
    assert run("verify_ledger") == (0, "The ledger is empty: nothing to verify.\n")


def test_a_sound_ledger_exits_0(ledger: Ledger) -> None:
    ledger.write(5)
    ran = run("verify_ledger")
    assert ran.code == 0
    assert ran.text.startswith("Sequences 1 to 5: 5 events verified")
    assert ran.text.endswith("Sound.\n")


def test_old_events_verify_after_their_key_is_rotated(ledger: Ledger) -> None:
    ledger.write(3)
    signing_service().rotate_key("agent-7")
    ledger.write(3)
    assert findings() == []


def test_a_range_is_linked_to_the_event_before_it(ledger: Ledger) -> None:
    ledger.write(6)
    ledger.tamper("UPDATE events SET content_hash = repeat('a', 64) WHERE sequence = 3")
    assert findings("--start", "4", "--end", "5") == [(4, "prev_hash")]
    assert findings("--start", "5") == []


def test_a_range_beyond_the_head_ends_at_the_head(ledger: Ledger) -> None:
    ledger.write(3)
    assert run("verify_ledger", "--json", "--end", "1000000000").json["end"] == 3


def test_a_range_that_ends_before_it_starts_is_refused(ledger: Ledger) -> None:
    assert run("verify_ledger", "--start", "5", "--end", "4") == (
        2,
        "the range ends at 4, before it starts at 5",
    )


def test_a_gap_that_a_ceremony_documents_is_no_finding(ledger: Ledger) -> None:
    ledger.write(5)
    ledger.tamper("DELETE FROM events WHERE sequence IN (3, 4)")
    document_gap(ledger, 3, 4)
    ran = run("verify_ledger", "--json")
    assert ran.code == 0
    assert ran.json["documented_gaps"] == [
        {"start": 3, "end": 4, "count": 2, "documented": True, "ceremony_sequence": 6}
    ]
    assert findings("--end", "5") == [], "a ceremony beyond the range documents it as well"
    assert findings("--end", "3") == [], "a range may end inside the gap"
    assert findings("--start", "4") == [], "a range may start inside the gap"


@pytest.mark.parametrize(
    ("first", "last", "people"),
    [
        (3, 4, ("first person",)),
        (3, 4, ("first person", "first person")),
        (3, 5, ("first person", "second person")),
        (2, 4, ("first person", "second person")),
    ],
    ids=["one approval", "one person twice", "range too long", "range too early"],
)
def test_a_ceremony_that_does_not_fit_documents_nothing(
    ledger: Ledger, first: int, last: int, people: tuple[str, ...]
) -> None:
    ledger.write(5)
    skip_ceremony(ledger, first, last, people)
    ledger.tamper("DELETE FROM events WHERE sequence IN (3, 4)")
    assert findings() == [(3, "gap"), (6, "ceremony")]


def test_a_ceremony_that_is_itself_forged_documents_nothing(ledger: Ledger) -> None:
    ledger.write(5)
    ledger.tamper("DELETE FROM events WHERE sequence IN (2, 4)")
    document_gap(ledger, 2, 2)
    ledger.tamper(
        """UPDATE events SET payload = payload || '{"first": 4, "last": 4}' WHERE sequence = 6"""
    )
    assert findings() == [(2, "gap"), (4, "gap"), (6, "payload_hash"), (6, "ceremony")]


def test_an_export_verifies_without_the_database(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write(4)
    writer().write_event(submission({"big": -(2**63), "e21": 1e21, "text": "Prüfung 😀"}))
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    assert findings("--export", str(export), "--keys", str(keys)) == []

    tampered = export.read_bytes().replace(b'"number":2', b'"number":3')
    export.write_bytes(tampered)
    assert findings("--export", str(export), "--keys", str(keys)) == [(3, "payload_hash")]


def test_a_part_of_the_ledger_exported_verifies_by_itself(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write(6)
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    lines = export.read_bytes().splitlines(keepends=True)
    export.write_bytes(b"".join(lines[2:5]))
    ran = run("verify_ledger", "--json", "--export", str(export), "--keys", str(keys))
    assert (ran.code, ran.json["start"], ran.json["end"]) == (0, 3, 5)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[]", "line 2: an event is a JSON object"),
        ("{", "line 2: not JSON"),
        ('{"sequence": 9}', "line 2: missing or unknown fields: agent_id"),
    ],
)
def test_a_line_of_an_export_that_is_no_event_is_named(
    ledger: Ledger, tmp_path: Path, line: str, complaint: str
) -> None:
    ledger.write(1)
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    with export.open("a") as file:
        file.write(line + "\n")
    ran = run("verify_ledger", "--export", str(export), "--keys", str(keys))
    assert ran.code == 2
    assert complaint in ran.text


def test_lines_of_an_export_out_of_order_are_named(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write(3)
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    lines = export.read_bytes().splitlines(keepends=True)
    export.write_bytes(lines[1] + lines[0] + lines[2])
    ran = run("verify_ledger", "--export", str(export), "--keys", str(keys))
    assert ran.code == 2
    assert "line 2: AC3: sequence 1 follows 2" in ran.text


def test_files_that_are_not_there_are_named(ledger: Ledger, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.jsonl")
    ran = run("verify_ledger", "--export", missing, "--keys", missing)
    assert (ran.code, ran.text) == (2, f"cannot read {missing}: No such file or directory")
    assert run("verify_ledger", "--export", missing).code == 2
