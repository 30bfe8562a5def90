"""People of an export count from the event that registers them, which the list of keys names: a key
that was put into the list, or into the registry, speaks in no ceremony."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from events.append.services import writer
from events.format.canonical import canonicalize
from events.submission import Submission
from events.tests.support.ceremonies import hold, person, register
from events.tests.support.ledger import Ledger
from observers.tests.support.commands import findings
from observers.tests.verification.test_documented_verifier import (
    genesis,
    outsider,
    verifier,
)
from observers.tests.verification.test_verify_ledger_command import save_export
from observers.verification.keyring import public_keys

__all__ = ["verifier"]

CEREMONY, SKIP = 10, 11


@pytest.fixture
def held(ledger: Ledger) -> Ledger:
    """Ada, Bela and Cleo by events 4 to 6; Dana by ceremony 10; 11 explains that 8 is gone."""
    register()
    ledger.write(3)
    hold(ledger, "add_person", person("Dana").details)
    ledger.tamper("DELETE FROM events WHERE sequence = 8")
    hold(ledger, "sequence_skip", {"first": 8, "last": 8})
    return ledger


def save(
    path: Path, change: Callable[[list[dict[str, Any]]], object] = lambda people: None
) -> Path:
    """The keys as the portal gives them, then changed."""
    document = public_keys("default")
    change(document["people"])
    path.write_text(json.dumps(document))
    return path


def test_people_whom_events_register_are_believed(
    held: Ledger, verifier: Path, tmp_path: Path
) -> None:
    export, keys = save_export(held, tmp_path / "ledger.jsonl"), save(tmp_path / "keys.json")
    assert findings("--export", str(export), "--genesis", genesis()) == []
    places = [each["registered_by"] for each in public_keys("default")["people"]]
    assert places == [4, 5, 6, CEREMONY]
    assert findings("--export", str(export), "--keys", str(keys)) == []
    # The page's verifier leaves out which gaps ceremonies explain.
    assert outsider(verifier, export, genesis()) == (1, "sequence 9: gap\n")


WRONG: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "no event": lambda people: people[1].update(registered_by=None),
    "an event that registers another": lambda people: people[1].update(registered_by=4),
    "an event that registers nobody": lambda people: people[1].update(registered_by=7),
    "an event that is missing": lambda people: people[1].update(registered_by=8),
    "an event behind the ceremony": lambda people: people[1].update(registered_by=12),
    "no sequence": lambda people: people[1].update(registered_by=0),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_a_person_whom_no_event_registers_speaks_in_no_ceremony(
    held: Ledger, tmp_path: Path, change: Callable[[list[dict[str, Any]]], object]
) -> None:
    bela = canonicalize(person("Bela").details)
    late = Submission("system.person_registered", bela, agent_id=None)
    assert writer().write_event(late).event.sequence == SKIP + 1
    export, keys = save_export(held, tmp_path / "ledger.jsonl"), save(tmp_path / "k.json", change)
    assert findings("--export", str(export), "--keys", str(keys)) == [
        (8, "gap"),
        (CEREMONY, "ceremony"),
        (SKIP, "ceremony"),
        (SKIP + 1, "key_history"),
    ]


UNREGISTERED: dict[str, Callable[[list[bytes], bytes], list[bytes]]] = {
    "no event": lambda lines, late: lines[:4] + lines[5:],
    "an event that is changed": lambda lines, late: [
        line.replace(b'"Bela"', b'"Bele"') if at == 4 else line for at, line in enumerate(lines)
    ],
    "an event behind the ceremony": lambda lines, late: [*lines[:4], *lines[5:], late],
}


@pytest.mark.parametrize("change", UNREGISTERED.values(), ids=UNREGISTERED.keys())
def test_a_person_whom_the_export_does_not_register_speaks_in_no_ceremony(
    held: Ledger, verifier: Path, tmp_path: Path, change: Callable[..., list[bytes]]
) -> None:
    bela = canonicalize(person("Bela").details)
    writer().write_event(Submission("system.person_registered", bela, agent_id=None))
    export = save_export(held, tmp_path / "ledger.jsonl")
    *lines, late = export.read_bytes().splitlines(keepends=True)
    export.write_bytes(b"".join(change(lines, late)))
    found = findings("--export", str(export), "--genesis", genesis())
    assert {(CEREMONY, "ceremony"), (SKIP, "ceremony")} <= set(found)
    code, said = outsider(verifier, export, genesis())
    assert (code, f"sequence {CEREMONY}: ceremony" in said) == (1, True)


def test_an_export_that_begins_later_takes_the_list_at_its_word(
    held: Ledger, tmp_path: Path
) -> None:
    export, keys = save_export(held, tmp_path / "ledger.jsonl"), save(tmp_path / "keys.json")
    export.write_bytes(b"".join(export.read_bytes().splitlines(keepends=True)[7:]))
    assert findings("--export", str(export), "--keys", str(keys), "--start", "9") == []
