"""Records that cannot be stored can be recorded as text, with the reason."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from events.store.ledger import EventFilter
from events.tests.ingest.test_ingest_command import Run
from events.tests.support.ledger import Ledger

LINES = [
    b'{"a":1}',
    b'{"a":1,"a":2}',
    b'{"a":"\\u0000"}',
    b'{"a":99999999999999999999999}',
    b"no JSON",
    b'{"a":"\xff"}',
    b'{"a":"\x00"}',
    b"5",
]


def test_a_record_that_cannot_be_stored_is_wrapped_with_its_reason(
    ledger: Ledger, tmp_path: Path
) -> None:
    log = tmp_path / "app.jsonl"
    log.write_bytes(b"\r\n".join(LINES) + b"\n")
    run = Run(str(log), "--wrap-rejects", "--agent", "agent-7", "--json")
    assert (run.status, run.counts()) == (0, [(8, 8, 0, 0)])
    assert run.summary["inputs"][0]["wrapped"] == 7
    events = ledger.store.select(EventFilter(agent_id="agent-7"), limit=9)
    wrapped = [json.loads(e.payload) for e in events if e.event_type == "log.rejected"]
    assert [one.get("line") for one in wrapped] == [
        *(line.decode() for line in LINES[1:5]),
        None,
        None,
        "5",
    ]
    assert [base64.b64decode(one["base64"]) for one in wrapped[4:6]] == LINES[5:7]
    reasons = ("appears twice", "U+0000", "outside", "not JSON", "not UTF-8", "not JSON", "scalars")
    for one, reason in zip(wrapped, reasons, strict=True):
        assert reason in one["reason"]
    again = Run(str(log), "--wrap-rejects", "--agent", "agent-7", "--json")
    assert (again.status, again.counts()) == (0, [(8, 0, 8, 0)])


def test_a_type_that_was_asked_for_is_that_of_what_is_wrapped(
    ledger: Ledger, tmp_path: Path
) -> None:
    log = tmp_path / "app.jsonl"
    log.write_bytes(b'{"a":1}\nx\n' + b"y" * (9 * 2**20) + b"\n")
    run = Run(str(log), "--wrap-rejects", "--type", "app.line", "--json")
    assert (run.status, run.counts()) == (1, [(3, 2, 0, 1)])
    assert {e.event_type for e in ledger.store.select(EventFilter(), limit=9) if e.agent_id} == {
        "app.line"
    }


def test_a_record_without_a_mapped_field_is_not_wrapped(ledger: Ledger, tmp_path: Path) -> None:
    log = tmp_path / "app.jsonl"
    log.write_bytes(b'{"action":"a"}\n{"b":1}\n')
    run = Run(str(log), "--wrap-rejects", "--type-field", "action", "--agent", "agent-7", "--json")
    assert (run.status, run.counts()) == (1, [(2, 1, 0, 1)])
