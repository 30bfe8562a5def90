"""`ingest` previews what will be recorded before it writes, and asks on a terminal."""

from __future__ import annotations

import json
import os
import pty
from pathlib import Path

import pytest

from events.tests.ingest.test_ingest_command import GOOD, Run, write
from events.tests.ingest.test_ingest_resumes import arguments_of_a_child, environment_of_a_child
from events.tests.support.ledger import OPENING, Ledger

TRAIL = {
    "eventName": "PutObject",
    "eventSource": "s3.amazonaws.com",
    "eventTime": "2023-07-10T12:00:00Z",
    "userIdentity": {"userName": "deployer"},
}


def test_a_preview_is_shown_before_anything_is_recorded(ledger: Ledger, tmp_path: Path) -> None:
    log = write(tmp_path / "trail.jsonl", TRAIL, TRAIL | {"eventTime": "2023-07-11T00:00:00Z"})
    said = Run(log, "--agents-from-field").err.getvalue()
    for part in (
        "recognized as cloudtrail",
        "by 2 of the first 2 records",
        "local time: the clock of this computer, now",
        "--local-time preset (eventTime)   2023-07-10T12:00:00Z to 2023-07-11T00:00:00Z, in 2",
        "agents: deployer",
        "new agents, each of which gets a key: deployer",
        "event_type=PutObject  agent_id=deployer  local_timestamp=now",
    ):
        assert part in said
    assert said.index("recognized") < said.index("created the key")


def test_a_dry_run_says_the_same_to_machines(ledger: Ledger, tmp_path: Path) -> None:
    log = write(tmp_path / "trail.jsonl", TRAIL, b"no json", {"other": 1})
    [look] = Run(log, "--dry-run", "--json").summary["looks"]
    assert (look["preset"], look["recognized"], look["looked_at"]) == ("cloudtrail", True, 3)
    assert look["kinds"] == {"cloudtrail": 1, "not a JSON object": 1, "JSON object": 1}
    assert look["agents"] == {"first-agent": 2}
    assert look["passed_over"] == ["deployer"]
    assert look["new_agents"] == ["first-agent"]
    assert [one["path"] for one in look["times"]] == ["eventTime"]
    assert [one["event_type"] for one in look["events"]] == ["PutObject", "log.line"]
    assert [one["place"] for one in look["rejected"]] == [f"{log}:2"]
    assert ledger.store.get_max_sequence() == OPENING


def test_numbers_that_read_as_times_name_their_unit(ledger: Ledger, tmp_path: Path) -> None:
    log = write(
        tmp_path / "t.jsonl",
        {"ts": 1_700_000_000_123, "e": {"time": "2026-01-02 03:04:05"}, "n": 5},
    )
    said = Run(log, "--dry-run").out.getvalue()
    assert "--local-time ts --local-time-unit ms   2023-11-14" in said
    assert "--local-time e.time --local-zone ZONE   2026-01-02T03:04:05Z" in said


def test_the_kind_of_most_records_counts_and_not_the_first_one_s(
    ledger: Ledger, tmp_path: Path
) -> None:
    log = write(tmp_path / "trail.jsonl", {"odd": 1}, TRAIL, TRAIL)
    run = Run(log, "--agent", "agent-7", "--dry-run")
    assert "no preset, as asked" in run.out.getvalue()
    run = Run(log)
    assert "by 2 of the first 3 records" in run.err.getvalue()
    assert "note: the records are of several kinds: 2 cloudtrail, 1 JSON object" in (
        run.err.getvalue()
    )


def test_a_run_whose_first_records_all_fail_stops_early(ledger: Ledger, tmp_path: Path) -> None:
    log = write(tmp_path / "text.log", *[b"no json"] * 1500, {"n": 1})
    run = Run(log, "--json", "--format", "lines")
    assert (run.status, run.counts()) == (2, [(1000, 0, 0, 1000)])
    assert "--max-rejects N" in run.err.getvalue()
    run = Run(log, "--json", "--format", "lines", "--max-rejects", "1500")
    assert (run.status, run.counts()) == (1, [(1501, 1, 0, 1500)])


def test_a_run_stops_at_the_rejects_that_were_allowed(ledger: Ledger, tmp_path: Path) -> None:
    log = write(tmp_path / "mixed.log", GOOD[0], b"no", GOOD[1], b"json", GOOD[2])
    run = Run(log, "--json", "--max-rejects", "1")
    assert (run.status, run.counts()) == (2, [(4, 2, 0, 2)])
    assert "more than 1 records were rejected" in run.err.getvalue()


@pytest.mark.parametrize(("answer", "status", "events"), [(b"y\n", 0, 8), (b"n\n", 2, 0)])
def test_on_a_terminal_it_asks(
    ledger: Ledger, tmp_path: Path, answer: bytes, status: int, events: int
) -> None:
    log = write(tmp_path / "app.jsonl", *GOOD)
    said, code = on_a_terminal(ledger, [log], answer)
    assert code == status, said
    assert b"Write " in said
    assert b"[y/N]" in said
    assert b"event_type=log.line" in said
    assert ledger.store.get_max_sequence() == OPENING + events


def test_asked_not_to_ask_it_does_not(ledger: Ledger, tmp_path: Path) -> None:
    log = write(tmp_path / "app.jsonl", *GOOD)
    said, code = on_a_terminal(ledger, [log, "--yes"], b"")
    assert code == 0, said
    assert b"[y/N]" not in said


def on_a_terminal(ledger: Ledger, arguments: list[str], answer: bytes) -> tuple[bytes, int]:
    """Run `ingest` in a pseudo-terminal. Returns its output and exit code."""
    environment = environment_of_a_child(ledger)
    command = arguments_of_a_child(*arguments)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, environment)  # noqa: S606
    said = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said += piece
        if answer and b"[y/N]" in said:
            os.write(terminal, answer)
            answer = b""
    return said, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_json_of_a_dry_run_is_one_document(ledger: Ledger, tmp_path: Path) -> None:
    run = Run(write(tmp_path / "app.jsonl", *GOOD), "--dry-run", "--json")
    assert json.loads(run.out.getvalue())["dry_run"] is True
