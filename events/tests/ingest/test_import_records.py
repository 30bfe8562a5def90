"""Each import writes two events: its inputs at the start, its result at the end."""

from __future__ import annotations

import gzip
import hashlib
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from events.append.services import writer
from events.ingest.import_records import FINISHED, STARTED, close_interrupted
from events.tests.ingest.test_ingest_command import GOOD, Run, write
from events.tests.ingest.test_ingest_resumes import child, until_written
from events.tests.support.ledger import OPENING, Ledger


def records(ledger: Ledger, event_type: str = FINISHED) -> list[dict[str, Any]]:
    events = ledger.store.system_events(event_type)
    return [json.loads(event.payload) for event in events]


def test_the_records_of_an_import_enclose_its_events(ledger: Ledger, tmp_path: Path) -> None:
    log = write(tmp_path / "app.jsonl", *GOOD, b"no json")
    Run(log, "--type-field", "action", "--agent-field", "who")
    types = [event.event_type for event in ledger.written()]
    assert types == [STARTED, *(f"did.{n}" for n in range(5)), FINISHED]
    [started], [finished] = records(ledger, STARTED), records(ledger)
    text = Path(log).read_bytes()
    named = {"name": log, "source": "app.jsonl", "bytes": len(text)}
    options = {"format": "auto", "type_field": ["action"], "agent_field": ["who"]}
    import_id = ledger.written()[0].event_id
    assert started == {"import_id": import_id, "inputs": [named], "options": options}
    digest = hashlib.sha256(text).hexdigest()
    assert finished.pop("inputs") == [
        {
            **named,
            "sha256": digest,
            "content_bytes": len(text),
            "content_sha256": digest,
            "format": "lines",
            "preset": None,
            "read": 6,
            "added": 5,
            "already_there": 0,
            "rejected": 1,
            "wrapped": 0,
            "first_sequence": 5,
            "last_sequence": 9,
        }
    ]
    assert finished == {
        "import_id": import_id,
        "outcome": "complete",
        "reason": None,
        "options": options,
        "first_sequence": 5,
        "last_sequence": 9,
        "agents": ["agent-7"],
        "local_time": "now",
    }


def test_a_file_taken_again_leaves_no_second_record(ledger: Ledger, tmp_path: Path) -> None:
    log = write(tmp_path / "app.jsonl", *GOOD)
    Run(log)
    head = ledger.store.get_max_sequence()
    Run(log)
    assert ledger.store.get_max_sequence() == head


def test_nothing_that_is_rejected_begins_an_import(ledger: Ledger, tmp_path: Path) -> None:
    Run(write(tmp_path / "app.jsonl", b"no", b"json"))
    assert ledger.store.get_max_sequence() == OPENING


def test_a_packed_file_has_two_digests(ledger: Ledger, tmp_path: Path) -> None:
    content = b'{"a":1}\n'
    (tmp_path / "a.jsonl.gz").write_bytes(packed := gzip.compress(content))
    Run(str(tmp_path / "a.jsonl.gz"))
    [[one]] = [record["inputs"] for record in records(ledger)]
    assert (one["bytes"], one["sha256"]) == (len(packed), hashlib.sha256(packed).hexdigest())
    assert (one["content_bytes"], one["content_sha256"]) == (
        len(content),
        hashlib.sha256(content).hexdigest(),
    )


def test_a_run_that_has_to_stop_says_why(ledger: Ledger, tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b'{"n":%d}\n' % n for n in range(20_000)))
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    run = Run(str(tmp_path / "cut.jsonl.gz"))
    assert run.status == 2
    [record] = records(ledger)
    assert record["outcome"] == "stopped"
    assert "damaged" in record["reason"]
    assert record["inputs"][0]["content_sha256"] is None


def test_file_names_that_are_not_valid_text_can_be_recorded(ledger: Ledger, tmp_path: Path) -> None:
    name = b"a\xff.jsonl".decode("utf-8", "surrogateescape")
    Run(write(tmp_path / name, *GOOD))
    assert records(ledger)[0]["inputs"][0]["source"] == "a?.jsonl"


def test_a_run_asked_to_stop_closes_its_import(ledger: Ledger, tmp_path: Path) -> None:
    log = write(tmp_path / "app.jsonl", *({"n": n} for n in range(4000)))
    with child(ledger, log) as process:
        until_written(ledger, 100, process)
        process.send_signal(signal.SIGTERM)
        process.communicate()
    [record] = records(ledger)
    assert record["outcome"] == "stopped"
    assert "signal" in record["reason"]
    assert record["last_sequence"] == ledger.store.get_max_sequence() - 1


def test_a_killed_run_is_closed_by_the_next(ledger: Ledger, tmp_path: Path) -> None:
    log = write(tmp_path / "app.jsonl", *({"n": n} for n in range(4000)))
    with child(ledger, log) as process:
        until_written(ledger, 100, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    killed_at = ledger.store.get_max_sequence()
    ledger.write(1)  # of somebody else, and no part of the import
    call_command("ingest", log, "--agent", "agent-7")
    interrupted, complete = records(ledger)
    assert [interrupted["outcome"], complete["outcome"]] == ["interrupted", "complete"]
    assert interrupted["import_id"] == records(ledger, STARTED)[0]["import_id"]
    assert (interrupted["first_sequence"], interrupted["last_sequence"]) == (5, killed_at)
    assert interrupted["agents"] == ["agent-7"]
    [one] = interrupted["inputs"]
    assert (one["source"], one["sha256"], one["added"]) == ("app.jsonl", None, None)
    assert complete["inputs"][0]["already_there"] == killed_at - OPENING - 1


def test_a_run_that_lives_is_not_closed_by_another(ledger: Ledger, tmp_path: Path) -> None:
    with child(ledger, "-") as process:
        assert process.stdin
        process.stdin.write(b'{"n":1}\n')
        process.stdin.flush()
        until_written(ledger, 2, process)
        assert close_interrupted(writer()) == []
        process.stdin.close()
        assert process.wait() == 0
    assert [record["outcome"] for record in records(ledger)] == ["complete"]


def test_a_halted_ledger_leaves_the_import_for_the_next_run(ledger: Ledger, tmp_path: Path) -> None:
    with child(ledger, "-") as process:
        assert process.stdin
        process.stdin.write(b'{"n":1}\n')
        process.stdin.flush()
        until_written(ledger, 2, process)
        ledger.query("SELECT halt_ledger('a test')")
        process.stdin.close()
        assert process.wait() == 2
        assert process.stderr
        assert b"the next run records it" in process.stderr.read()
    run = Run(write(tmp_path / "app.jsonl", *GOOD))
    assert run.status == 2
    assert "halted" in run.err.getvalue()


def test_agents_beyond_a_thousand_are_not_named(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.ingest.import_records.MAX_AGENTS", 1)
    log = write(tmp_path / "a.jsonl", {"who": "agent-7"}, {"who": "agent-8"})
    Run(log, "--agent-field", "who")
    assert records(ledger)[0]["agents"] is None


def test_a_run_over_many_files_is_several_imports(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.ingest.ingestion.MAX_INPUTS", 2)
    logs = [write(tmp_path / f"{n}.jsonl", {"n": n}) for n in range(3)]
    Run(*logs)
    assert [len(record["inputs"]) for record in records(ledger)] == [2, 1]
