"""`compare_heads` says which heads that were saved elsewhere are still in the ledger."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from events.tests.support.ledger import Ledger
from observers.tests.support.commands import run
from observers.tests.support.pages import remove
from observers.tests.watch.test_rollback_is_found import roll_back


@pytest.fixture
def saved(ledger: Ledger, tmp_path: Path) -> Path:
    """Heads 5, 7 and 9 of a ledger of 9, one a line."""
    events = ledger.write(6)
    lines = [
        json.dumps({"max_sequence": event.sequence, "content_hash": event.content_hash})
        for event in events[1::2]
    ]
    path = tmp_path / "heads.jsonl"
    path.write_text("\n\n".join(lines) + "\n")
    return path


def test_heads_that_are_there_are_sound(ledger: Ledger, saved: Path) -> None:
    ran = run("compare_heads", str(saved))
    assert (ran.code, "All were found in the ledger." in ran.text) == (0, True)


def test_lost_heads_are_named_with_their_place(ledger: Ledger, saved: Path) -> None:
    roll_back(ledger, 6)
    ledger.write()  # another event 7
    ran = run("compare_heads", str(saved), "--json")
    assert ran.code == 1
    said = [(h["place"], h["in_ledger"], h["found"]) for h in ran.json["heads"]]
    other = ledger.store.get_event(7)
    assert other is not None
    assert said == [
        (f"{saved}:1", True, "it is there"),
        (f"{saved}:3", False, f"the ledger has a different event there, {other.content_hash}"),
        (f"{saved}:5", False, "the ledger ends at 7"),
    ]
    text = run("compare_heads", str(saved)).text
    assert "The last one found in the ledger is 5." in text
    assert "NOT IN THE LEDGER: 2." in text


def test_a_head_whose_event_is_missing_counts_as_lost(ledger: Ledger, saved: Path) -> None:
    remove(ledger, 7)
    wrong = run("compare_heads", str(saved), "--json").json["heads"][1]
    assert (wrong["in_ledger"], wrong["found"]) == (False, "the event is missing")


def test_an_array_and_standard_input_are_read(
    ledger: Ledger, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.loads(line) for line in saved.read_text().splitlines() if line]
    array = tmp_path / "array.json"
    array.write_text(json.dumps(lines, indent=2))
    one = io.BytesIO(json.dumps(lines[0], indent=2).encode())
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=one))
    ran = run("compare_heads", str(array), "-", "--json")
    assert (ran.code, ran.json["compared"]) == (0, 4)
    assert ran.json["heads"][-1]["place"] == "-"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("nothing\n", ":1: not JSON"),
        ("[1]", "[1]: a head is a JSON object with max_sequence and content_hash"),
        ('{"max_sequence": "1"}', ": max_sequence is not a sequence number"),
        ('{"max_sequence": true, "content_hash": ""}', ": max_sequence is not a sequence number"),
        ('{"max_sequence": 1, "content_hash": "AB"}', ": content_hash is not 64 hex digits"),
        ('{"max_sequence": 9223372036854775808}', ": max_sequence is not a sequence number"),
    ],
)
def test_an_invalid_head_is_named(ledger: Ledger, tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "heads"
    path.write_text(content)
    ran = run("compare_heads", str(path))
    assert (ran.code, ran.text) == (2, f"{path}{why}")


def test_files_without_heads_are_refused(ledger: Ledger, tmp_path: Path) -> None:
    assert run("compare_heads", str(tmp_path / "none")).code == 2
    (tmp_path / "empty").write_text("")
    assert run("compare_heads", str(tmp_path / "empty")).code == 2
