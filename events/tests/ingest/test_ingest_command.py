"""`ingest` records every record once, explains rejects and reflects both in its exit status."""

from __future__ import annotations

import gzip
import json
import logging
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from events.append.services import signing_service
from events.format.event import Event
from events.registrar import registrar
from events.store.drift import DriftFilter, list_warnings
from events.store.ledger import EventFilter
from events.tests.support.ledger import OPENING, Ledger

CASES = Path(__file__).parents[1] / "cases" / "logs"
GOOD = [{"action": f"did.{n}", "who": "agent-7", "n": n} for n in range(5)]


class Run:
    """Exit status and output of a run; `summary` with --json."""

    def __init__(self, *arguments: str) -> None:
        self.out, self.err, self.status = StringIO(), StringIO(), 0
        try:
            call_command("ingest", *arguments, stdout=self.out, stderr=self.err)
        except CommandError as error:
            self.status = error.returncode
            self.err.write(str(error))
        except SystemExit as leaving:
            self.status = int(leaving.code or 0)

    @property
    def summary(self) -> dict[str, Any]:
        return dict(json.loads(self.out.getvalue()))

    def counts(self) -> list[tuple[int, int, int, int]]:
        """The counts read, added, already_there and rejected of each input."""
        return [
            (one["read"], one["added"], one["already_there"], one["rejected"])
            for one in self.summary["inputs"]
        ]


def write(path: Path, *records: object) -> str:
    lines = (r if isinstance(r, bytes) else json.dumps(r).encode() for r in records)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return str(path)


def taken(ledger: Ledger) -> list[Event]:
    """The events of agents, without the import records."""
    return ledger.store.select(EventFilter(system=False), limit=99_999)


def payloads(ledger: Ledger) -> list[Any]:
    return [json.loads(event.payload) for event in taken(ledger)]


@pytest.fixture
def log(tmp_path: Path) -> str:
    return write(tmp_path / "app.jsonl", *GOOD)


def test_every_line_is_in_and_a_second_run_adds_nothing(ledger: Ledger, log: str) -> None:
    first = Run(log, "--type-field", "action", "--agent-field", "who", "--json")
    assert (first.status, first.counts()) == (0, [(5, 5, 0, 0)])
    assert payloads(ledger) == GOOD
    events = taken(ledger)
    assert [e.event_type for e in events] == [f"did.{n}" for n in range(5)]
    assert {e.agent_id for e in events} == {"agent-7"}
    again = Run(log, "--type-field", "action", "--agent-field", "who", "--json")
    assert (again.status, again.counts()) == (0, [(5, 0, 5, 0)])
    assert ledger.store.get_max_sequence() == 10


def test_a_file_alone_works_and_says_what_it_assumed(ledger: Ledger, log: str) -> None:
    run = Run(log)
    assert run.status == 0
    assert "type log.line, agent first-agent" in run.err.getvalue()
    assert "5 read, 5 added (sequence 6 to 10), 0 already there, 0 rejected" in run.out.getvalue()
    event = taken(ledger)[0]
    assert (event.event_type, event.agent_id) == ("log.line", "first-agent")


def test_a_known_kind_of_log_is_recognized(ledger: Ledger, tmp_path: Path) -> None:
    trail = tmp_path / "trail.json"
    record = {
        "eventName": "PutObject",
        "eventSource": "s3.amazonaws.com",
        "userIdentity": {"userName": "agent-8"},
    }
    trail.write_text(json.dumps({"Records": [record, record]}))
    run = Run(str(trail), "--json")
    assert run.summary["inputs"][0]["preset"] == "cloudtrail"
    assert run.counts() == [(2, 2, 0, 0)]
    assert "recognized as cloudtrail" in run.err.getvalue()


def test_a_file_that_grew_adds_the_new_lines(ledger: Ledger, log: str) -> None:
    Run(log)
    with Path(log).open("ab") as file:
        file.write(b'{"n": 5}\n')
    assert Run(log, "--json").counts() == [(6, 1, 5, 0)]


def test_compressed_is_the_same_source(ledger: Ledger, log: str) -> None:
    Run(log)
    packed = Path(f"{log}.gz")
    packed.write_bytes(gzip.compress(Path(log).read_bytes()))
    assert Run(str(packed), "--json").counts() == [(5, 0, 5, 0)]


def test_a_byte_order_mark_is_not_part_of_the_record(ledger: Ledger, log: str) -> None:
    Run(log)
    Path(log).write_bytes(b"\xef\xbb\xbf" + Path(log).read_bytes())
    assert Run(log, "--json").counts() == [(5, 0, 5, 0)]


def test_bad_lines_are_reported_and_saved_and_the_rest_is_ingested(
    ledger: Ledger, tmp_path: Path
) -> None:
    bad = [b'{"n": 1, "n": 2}', b"  not json", b'{"n": 99999999999999999999999}\r']
    log = write(tmp_path / "mixed.jsonl", GOOD[0], bad[0], GOOD[1], b"", bad[1], bad[2], GOOD[2])
    rejects = tmp_path / "rejects"
    run = Run(log, "--json", "--rejects", str(rejects))
    assert (run.status, run.counts()) == (1, [(6, 3, 0, 3)])
    assert payloads(ledger) == GOOD[:3]
    assert rejects.read_bytes() == b"".join(line + b"\n" for line in bad)
    told = run.err.getvalue()
    for line, why in ((2, "appears twice"), (5, "not JSON"), (6, "outside")):
        assert any(f"{log}:{line}: " in text and why in text for text in told.splitlines())


def test_only_the_first_errors_are_listed_one_by_one(ledger: Ledger, tmp_path: Path) -> None:
    log = write(tmp_path / "bad.jsonl", *[b"x"] * 9)
    told = Run(log, "--format", "lines", "--max-errors", "2").err.getvalue()
    assert told.count("rejected: ") == 2
    assert "7 more records" in told


def test_a_conflict_is_rejected_and_its_neighbours_go_in(ledger: Ledger, tmp_path: Path) -> None:
    ids = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(6)]
    first = [{"id": ids[n], "n": n} for n in (1, 3, 4)]
    Run(write(tmp_path / "first.jsonl", *first), "--id-field", "id")
    changed = [{"id": ids[n], "n": n * (10 if n in (1, 3) else 1)} for n in range(6)]
    run = Run(write(tmp_path / "second.jsonl", *changed), "--id-field", "id", "--json")
    assert (run.status, run.counts()) == (1, [(6, 3, 1, 2)])
    assert run.err.getvalue().count("with other content") == 2


def test_one_id_twice_in_a_file(ledger: Ledger, tmp_path: Path) -> None:
    same = {"id": "00000000-0000-4000-8000-000000000001", "n": 1}
    log = write(tmp_path / "twice.jsonl", same, {"n": 0} | same, same | {"n": 2})
    assert Run(log, "--id-field", "id", "--json").counts() == [(3, 1, 1, 1)]


def test_another_mapping_cannot_record_a_line_twice(ledger: Ledger, log: str) -> None:
    Run(log)
    run = Run(log, "--type", "other", "--json")
    assert (run.status, run.counts()) == (1, [(5, 0, 0, 5)])


def test_agents_without_key_get_one_when_asked(ledger: Ledger, tmp_path: Path) -> None:
    log = write(tmp_path / "a.jsonl", {"who": "new-1"}, {"who": "agent-7"}, {"who": "new-1"})
    run = Run(log, "--agent-field", "who", "--agents-from-field", "--json")
    assert run.counts() == [(3, 3, 0, 0)]
    assert run.summary["new_agents"] == ["new-1"]
    assert "new agent new-1" in run.err.getvalue()


def test_names_that_anybody_can_write_get_no_key_unless_asked(
    ledger: Ledger, tmp_path: Path
) -> None:
    guesses = ["root", "agent-7", "=HYPERLINK(1)", "a\u202eb", "x" * 300]
    log = write(tmp_path / "a.jsonl", *({"who": name} for name in guesses))
    run = Run(log, "--agent-field", "who", "--agent", "agent-8")
    assert run.status == 0
    assert "4 of agents without a key" in run.out.getvalue()
    assert "agents without a key, recorded for --agent instead: root" in run.err.getvalue()
    events = ledger.store.get_events_by_sequence_range(5, 9)
    agents = [event.agent_id for event in events if event.agent_id]
    assert agents == ["agent-8", "agent-7", "agent-8", "agent-8", "agent-8"]
    assert Run(log, "--agent-field", "who", "--agent", "agent-8", "--json").counts() == [
        (5, 0, 5, 0)
    ]


def test_new_agents_can_be_refused(ledger: Ledger, tmp_path: Path) -> None:
    log = write(tmp_path / "a.jsonl", {"who": "new-1"}, {"who": "agent-7"})
    run = Run(log, "--agent-field", "who", "--no-new-agents", "--json")
    assert (run.status, run.counts()) == (1, [(2, 1, 0, 1)])


def test_a_retired_agent_is_not_brought_back(ledger: Ledger, tmp_path: Path) -> None:
    registrar().retire_key(signing_service().active_key("agent-7"))
    log = write(tmp_path / "a.jsonl", {"who": "agent-7"}, {"who": "agent-8"})
    run = Run(log, "--agent-field", "who", "--agents-from-field", "--json")
    assert run.counts() == [(2, 1, 0, 1)]
    assert "retired" in run.err.getvalue()


def test_local_time_is_the_ingesting_clock_unless_a_field_is_named(
    ledger: Ledger, tmp_path: Path
) -> None:
    log = write(tmp_path / "t.jsonl", {"t": "2001-01-01 02:00:00"})
    Run(log, "--local-time", "t", "--local-zone", "+02:00")
    [event] = taken(ledger)
    assert event.local_timestamp == "2001-01-01T00:00:00.000000Z"
    assert len(list_warnings("default", DriftFilter(), limit=9)) == 1
    now = write(tmp_path / "now.jsonl", {"t": "2001-01-01 02:00:00", "of": "another log"})
    assert Run(now, "--json").summary["inputs"][0]["drifted"] == 0


def test_a_record_without_time_gets_the_imports_clock_and_is_counted(
    ledger: Ledger, tmp_path: Path
) -> None:
    # cases/logs/10: one record has t, one ts, one neither.
    case = str(CASES / "10-time-missing-in-one.jsonl")
    times = ("--local-time", "t,ts", "--local-time-unit", "ms")
    strict = Run(case, *times, "--local-time-required", "--dry-run", "--json")
    assert (strict.status, strict.counts()) == (1, [(3, 0, 0, 1)])
    run = Run(case, *times)
    assert run.status == 0
    assert "3 added" in run.out.getvalue()
    assert "1 without a time, given the import's clock" in run.out.getvalue()
    one, other, third = taken(ledger)
    assert one.local_timestamp == "2026-01-02T03:04:05.000000Z"
    assert not other.drift.exceeds(Decimal(60))
    assert third.local_timestamp == "2026-01-02T03:04:05.123000Z"
    again = Run(case, *times, "--json")
    assert (again.status, again.counts()) == (0, [(3, 0, 3, 0)])
    assert again.summary["inputs"][0]["without_time"] == 1


def test_a_preset_brings_its_time(ledger: Ledger, tmp_path: Path) -> None:
    record = {"eventName": "PutObject", "eventSource": "s3", "eventTime": "2023-07-10T12:00:05Z"}
    trail = write(tmp_path / "trail.jsonl", record)
    assert Run(trail, "--local-time", "preset").status == 0
    [event] = taken(ledger)
    assert event.local_timestamp == "2023-07-10T12:00:05.000000Z"
    assert Run(trail, "--type", "x", "--local-time", "preset").status == 2


def test_log_lines_are_held_back_only_while_it_runs(ledger: Ledger, log: str) -> None:
    before = [list(handler.filters) for handler in logging.getLogger().handlers]
    Run(log)
    assert [list(handler.filters) for handler in logging.getLogger().handlers] == before


def test_a_dry_run_shows_and_writes_nothing(ledger: Ledger, log: str) -> None:
    run = Run(log, "--dry-run", "--type-field", "action", "--agent", "nobody-yet")
    assert run.status == 0
    assert "event_type=did.0" in run.out.getvalue()
    assert "agent_id=nobody-yet" in run.out.getvalue()
    assert ledger.store.get_max_sequence() == OPENING


def test_small_batches_add_the_same(ledger: Ledger, log: str) -> None:
    Run(log, "--batch", "2")
    assert payloads(ledger) == GOOD
    # Batches that wait for one another may share a transaction.
    appends = ledger.query("SELECT 1 FROM appends WHERE first_sequence > %s", [OPENING])
    assert 2 + 2 <= len(appends) <= 3 + 2


def test_several_files_are_counted_each(ledger: Ledger, log: str, tmp_path: Path) -> None:
    other = write(tmp_path / "other.jsonl", *GOOD)
    assert Run(log, other, "--json").counts() == [(5, 5, 0, 0)] * 2


def test_a_halted_ledger_stops_with_one_line(ledger: Ledger, log: str) -> None:
    ledger.query("SELECT halt_ledger('a test')")
    run = Run(log, "--agent", "agent-7", "--json")
    assert run.status == 2
    assert "halted" in run.err.getvalue()
    assert run.summary["complete"] is False
    assert ledger.store.get_max_sequence() == OPENING


def test_a_missing_witness_stops_and_another_run_finishes(ledger: Ledger, log: str) -> None:
    Run(log, "--agent", "agent-7")
    Path(log).write_bytes(Path(log).read_bytes() + b'{"n":5}\n')
    ledger.tamper("UPDATE witnesses SET active_until = now(), until_sequence = 10")
    run = Run(log, "--agent", "agent-7", "--batch", "5")
    assert run.status == 2
    assert "RT-1" in run.err.getvalue()
    assert f"{log}, line 6" in run.err.getvalue()
    ledger.tamper("UPDATE witnesses SET active_until = NULL, until_sequence = NULL")
    assert Run(log, "--agent", "agent-7", "--json").counts() == [(6, 1, 5, 0)]


def test_a_database_that_is_away_stops_with_one_line(ledger: Ledger, log: str) -> None:
    Run(log)
    with ledger.connect("postgres") as superuser:
        superuser.execute("ALTER ROLE portal_app NOLOGIN")
        try:
            superuser.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename='portal_app'"
            )
            with pytest.raises(Exception, match="database is not available"):
                call_command("ingest", log)
        finally:
            superuser.execute("ALTER ROLE portal_app LOGIN")


def test_a_damaged_gzip_keeps_what_could_be_read(ledger: Ledger, tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(json.dumps({"n": n}).encode() + b"\n" for n in range(20_000)))
    damaged = tmp_path / "cut.jsonl.gz"
    damaged.write_bytes(whole[: len(whole) // 2])
    run = Run(str(damaged), "--json", "--batch", "1000")
    assert run.status == 2
    assert "damaged" in run.err.getvalue()
    [(read, added, _, _)] = run.counts()
    assert 0 < added == read == len(taken(ledger))


@pytest.mark.parametrize(
    ("content", "why"),
    [("\ufeffx".encode("utf-16"), "UTF-16"), (b"\x28\xb5\x2f\xfd12345", "zstd")],
)
def test_bytes_of_another_kind_are_named(
    ledger: Ledger, tmp_path: Path, content: bytes, why: str
) -> None:
    path = tmp_path / "odd"
    path.write_bytes(content)
    run = Run(str(path))
    assert run.status == 2
    assert why in run.err.getvalue()


def test_impossible_options_are_refused_before_anything_is_written(
    ledger: Ledger, log: str, tmp_path: Path
) -> None:
    folder = tmp_path / "b"
    folder.mkdir()
    twin = write(folder / "app.jsonl", *GOOD)
    for arguments in (
        (log, str(tmp_path / "missing")),
        (log, str(tmp_path)),
        (log, twin),
        (log, "--source", "a", twin),
        (log, "--rejects", log),
        (log, "--rejects", str(tmp_path)),
        (log, "--type-field", "a..b"),
        (log, "--local-zone", "UTC"),
        (log, "--any-time"),
        (log, "--local-time", "t", "--local-time-format", "%Y"),
        (log, "--local-time", "t", "--local-zone", "Nowhere"),
        (log, "--batch", "1001"),
        (log, "--batch", "0"),
        (log, "--preset", "unknown"),
    ):
        assert Run(*arguments).status in (1, 2), arguments
        assert ledger.store.get_max_sequence() == OPENING, arguments
    assert len(Path(log).read_bytes().splitlines()) == 5


def test_standard_input(ledger: Ledger, log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for expected in ((5, 5, 0, 0), (5, 0, 5, 0)):
        with Path(log).open() as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            run = Run("-", "--json")
        assert run.counts() == [expected]
        assert run.summary["inputs"][0]["source"] == "stdin"
