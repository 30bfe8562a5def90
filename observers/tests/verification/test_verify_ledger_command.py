"""`verify_ledger`: ranges, documented gaps, exports, and what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from events.append.services import writer
from events.format import ed25519
from events.format.event import event_json
from events.registrar import registrar
from events.store import registry
from events.store.registry import list_people
from events.tests.support.ceremonies import document_gap, forge
from events.tests.support.ledger import Ledger, submission
from observers.tests.support.commands import findings, run
from observers.verification.keyring import KeyringError, keyring_from_json


def skip_ceremony(ledger: Ledger, first: int, last: int, people: tuple[str, ...]) -> None:
    """An event of the system that names a range and people, none of whom signed."""
    approvals = [{"person": person} for person in people]
    payload = {"first": first, "last": last, "reason": "lost with a disk", "approvals": approvals}
    forge(ledger, payload)


def save_keys(path: Path) -> Path:
    """The answer of `GET /api/v1/keys`, saved, but for the events that register people."""
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


def test_an_empty_ledger_is_sound(unopened: Ledger) -> None:
    assert run("verify_ledger") == (0, "The ledger is empty: nothing to verify.\n")


def test_a_sound_ledger_exits_0(ledger: Ledger) -> None:
    ledger.write(5)
    ran = run("verify_ledger")
    assert ran.code == 0
    assert ran.text.startswith("Sequences 1 to 8: 8 events verified")
    assert ran.text.endswith("Sound.\n")


def test_old_events_verify_after_their_key_is_rotated(ledger: Ledger) -> None:
    ledger.write(3)
    registrar().rotate_key("agent-7")
    ledger.write(3)
    assert findings() == []


def test_a_range_is_linked_to_the_event_before_it(ledger: Ledger) -> None:
    ledger.write(6)
    ledger.tamper("UPDATE events SET content_hash = repeat('a', 64) WHERE sequence = 6")
    assert findings("--start", "7", "--end", "8") == [(7, "prev_hash")]
    assert findings("--start", "8") == []


def test_a_range_beyond_the_head_ends_at_the_head(ledger: Ledger) -> None:
    ledger.write(3)
    assert run("verify_ledger", "--json", "--end", "1000000000").json["end"] == 6


def test_a_range_that_ends_before_it_starts_is_refused(ledger: Ledger) -> None:
    assert run("verify_ledger", "--start", "5", "--end", "4") == (
        2,
        "the range ends at 4, before it starts at 5",
    )


def test_a_gap_that_a_ceremony_documents_is_not_a_finding(ledger: Ledger) -> None:
    ledger.write(5)
    ledger.tamper("DELETE FROM events WHERE sequence IN (6, 7)")
    document_gap(ledger, 6, 7)
    ran = run("verify_ledger", "--json")
    assert ran.code == 0
    assert ran.json["documented_gaps"] == [
        {"start": 6, "end": 7, "count": 2, "documented": True, "ceremony_sequence": 12}
    ]
    assert findings("--end", "8") == [], "a ceremony beyond the range documents it as well"
    assert findings("--end", "6") == [], "a range may end inside the gap"
    assert findings("--start", "7") == [], "a range may start inside the gap"


@pytest.mark.parametrize(
    ("first", "last", "people"),
    [
        (6, 7, ("first person",)),
        (6, 7, ("first person", "first person")),
        (6, 8, ("first person", "second person")),
        (5, 7, ("first person", "second person")),
    ],
    ids=["one approval", "one person twice", "range too long", "range too early"],
)
def test_a_ceremony_that_does_not_fit_documents_nothing(
    ledger: Ledger, first: int, last: int, people: tuple[str, ...]
) -> None:
    ledger.write(5)
    skip_ceremony(ledger, first, last, people)
    ledger.tamper("DELETE FROM events WHERE sequence IN (6, 7)")
    assert findings() == [(6, "gap"), (9, "ceremony")]


def test_a_ceremony_that_is_itself_forged_documents_nothing(ledger: Ledger) -> None:
    ledger.write(5)
    ledger.tamper("DELETE FROM events WHERE sequence IN (5, 7)")
    document_gap(ledger, 5, 5)
    ledger.tamper(
        """UPDATE events SET payload = payload || '{"first": 7, "last": 7}' WHERE sequence = 12"""
    )
    assert findings() == [(5, "gap"), (7, "gap"), (12, "payload_hash"), (12, "ceremony")]


def test_an_export_verifies_without_the_database(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write(4)
    writer().write_event(submission({"big": -(2**63), "e21": 1e21, "text": "Prüfung 😀"}))
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    assert findings("--export", str(export), "--keys", str(keys)) == []

    tampered = export.read_bytes().replace(b'"number":3', b'"number":4')
    export.write_bytes(tampered)
    assert findings("--export", str(export), "--keys", str(keys)) == [(7, "payload_hash")]


def test_a_part_of_the_ledger_exported_verifies_by_itself(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write(6)
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    lines = export.read_bytes().splitlines(keepends=True)
    export.write_bytes(b"".join(lines[5:8]))
    files = ("--export", str(export), "--keys", str(keys))
    ran = run("verify_ledger", "--json", "--start", "6", *files)
    assert (ran.code, ran.json["start"], ran.json["end"]) == (0, 6, 8)
    (note,) = ran.json["notes"]
    assert "that it follows the event before it was not checked" in note


def test_an_export_that_begins_after_its_start_has_a_gap(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write(5)
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    export.write_bytes(b"".join(export.read_bytes().splitlines(keepends=True)[3:]))
    for start in ((), ("--start", "1"), ("--start", "2")):
        files = ("--export", str(export), "--keys", str(keys))
        assert findings(*files, *start) == [(int(start[1]) if start else 1, "gap")]
    ran = run("verify_ledger", "--export", str(export), "--keys", str(keys))
    assert "the export begins with sequence 4, and 1 was expected" in ran.text
    assert "say --start 4" in ran.text
    assert findings("--export", str(export), "--keys", str(keys), "--end", "9")[-1] == (9, "gap")


@pytest.mark.parametrize("text", ["", "\n", " \r\n\r\n"], ids=["nothing", "a line", "blank lines"])
def test_an_export_without_events_is_not_sound(ledger: Ledger, tmp_path: Path, text: str) -> None:
    export, keys = tmp_path / "ledger.jsonl", save_keys(tmp_path / "keys.json")
    export.write_text(text)
    for more in ((), ("--start", "2"), ("--json",), ("--no-signatures",)):
        ran = run("verify_ledger", "--export", str(export), "--keys", str(keys), *more)
        assert (ran.code, ran.text) == (2, f"{export} holds no event: nothing was verified"), more


def test_a_start_after_the_end_of_an_export_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write(3)
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    ran = run("verify_ledger", "--export", str(export), "--keys", str(keys), "--start", "10")
    said = f"{export} ends with sequence 6, before the start at 10"
    assert (ran.code, ran.text) == (2, said)


def test_a_filtered_export_says_what_it_cannot_show(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write(6)
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    export.write_bytes(b"".join(export.read_bytes().splitlines(keepends=True)[::2]))
    ran = run("verify_ledger", "--export", str(export), "--keys", str(keys))
    assert ran.code == 1
    assert "an export that was filtered leaves numbers out" in ran.text


def test_line_ends_of_an_export_do_not_matter(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write(3)
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    export.write_bytes(export.read_bytes().replace(b"\n", b"\r\n\r\n").rstrip())
    assert findings("--export", str(export), "--keys", str(keys)) == []
    export.write_bytes("\ufeff".encode() + export.read_bytes())
    assert run("verify_ledger", "--export", str(export), "--keys", str(keys)).code == 2


PUBLIC, OTHER, THIRD = (ed25519.encode(ed25519.public_key(bytes([n]) * 32)) for n in range(3))
UNUSABLE = ed25519.encode(bytes(32))

WRONG_KEYS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a key twice": (
        lambda keys: keys["agents"].insert(0, keys["agents"][0] | {"public_key": UNUSABLE}),
        "it names key_id 'k' twice",
    ),
    "a witness twice": (
        lambda keys: keys["witnesses"].append(dict(keys["witnesses"][0])),
        "it names witness_id 'WITNESS:w' twice",
    ),
    "a person's key twice": (
        lambda keys: keys["people"].append(keys["people"][0] | {"person": "Bela"}),
        "it names public_key .* twice",
    ),
    "a key under two names": (
        lambda keys: keys["agents"].append(keys["agents"][0] | {"key_id": "l", "agent_id": "b"}),
        "two entries of key_id have the same public key",
    ),
    "two keys of an agent at once": (
        lambda keys: keys["agents"].append(
            keys["agents"][0] | {"key_id": "l", "public_key": OTHER, "from_sequence": 7}
        ),
        "it gives 'a' two keys at sequence 7",
    ),
    "two keys of a person at once": (
        lambda keys: keys["people"].append(keys["people"][0] | {"public_key": OTHER}),
        "it gives 'Ada' two keys at sequence 1",
    ),
    "a place as a text": (
        lambda keys: keys["agents"][0].update(from_sequence="1"),
        "'1' is not a sequence number",
    ),
    "a place that is true": (
        lambda keys: keys["agents"][0].update(from_sequence=True),
        "True is not a sequence number",
    ),
    "a name that is none": (lambda keys: keys["agents"][0].update(key_id=None), "must be strings"),
    "no list": (lambda keys: keys.update(agents=None), "not an answer of GET /api/v1/keys"),
}


def test_a_list_of_keys_that_says_two_things_is_refused(tmp_path: Path) -> None:
    validity = {
        "active_from": "2026-01-01T00:00:00.000000Z",
        "active_until": None,
        "from_sequence": 1,
        "until_sequence": None,
    }
    document = {
        "agents": [{"key_id": "k", "agent_id": "a", "public_key": PUBLIC, **validity}],
        "witnesses": [{"witness_id": "WITNESS:w", "public_key": OTHER, **validity}],
        "people": [{"person": "Ada", "public_key": THIRD, **validity}],
    }
    keyring_from_json(document)
    retired = document["agents"][0] | {"key_id": "j", "until_sequence": 6, "public_key": THIRD}
    follows = document["agents"][0] | {"from_sequence": 7}
    keyring_from_json(document | {"agents": [follows, retired]})
    for change, complaint in WRONG_KEYS.values():
        changed = json.loads(json.dumps(document))
        change(changed)
        with pytest.raises(KeyringError, match=complaint):
            keyring_from_json(changed)


def test_an_unusable_key_of_a_list_verifies_nothing(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write(1)
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    document = json.loads(keys.read_text())
    for listed, check, places in (
        ("agents", "signature", [4]),
        ("witnesses", "witness_signature", [1, 2, 3, 4]),
    ):
        # An event has one of the keys; the other entries stay as they are.
        name = "agent_id" if listed == "agents" else "witness_id"
        wanted = "agent-7" if listed == "agents" else document[listed][0][name]
        entries = [
            entry | {"public_key": UNUSABLE} if entry[name] == wanted else entry
            for entry in document[listed]
        ]
        keys.write_text(json.dumps(document | {listed: entries}))
        found = findings("--export", str(export), "--keys", str(keys))
        registered = 2 if listed == "agents" else 1
        assert sorted(found) == sorted(
            [(registered, "key_history"), *((place, check) for place in places)]
        )


def test_a_list_of_keys_that_names_one_twice_verifies_nothing(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.write(1)
    keys = save_keys(tmp_path / "keys.json")
    export = save_export(ledger, tmp_path / "ledger.jsonl")
    document = json.loads(keys.read_text())
    for listed in ("agents", "witnesses"):
        entry = document[listed][0]
        keys.write_text(json.dumps(document | {listed: [entry | {"public_key": UNUSABLE}, entry]}))
        ran = run("verify_ledger", "--export", str(export), "--keys", str(keys))
        assert ran.code == 2
        assert "twice" in ran.text


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[]", "line 5: an event is a JSON object"),
        ("{", "line 5: not JSON"),
        ('{"sequence": 9}', "line 5: missing or unknown fields: agent_id"),
    ],
)
def test_an_invalid_line_of_an_export_is_named(
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
