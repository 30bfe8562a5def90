"""`verify_ledger` over several processes, since the last sound time, and on record."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from functools import reduce
from pathlib import Path

import pytest

from events.append.services import writer
from events.models import Verification
from events.store.connection import LedgerUnavailableError
from events.tests.support.ledger import OPENING, Ledger, submission
from observers.tests.support.commands import findings, run
from observers.tests.support.pages import remove
from observers.verification import ledger as ranges
from observers.verification.keyring import keyring_from_registry
from observers.verification.ledger import finish_part, verify_ledger
from observers.verification.partial_report import merge
from observers.verification.processes import WorkerEndedError
from observers.verification_jobs import records

EVENTS = 12


def test_processes_find_what_a_single_pass_finds(ledger: Ledger) -> None:
    writer().write_events([submission(number=n) for n in range(OPENING, EVENTS)])
    remove(ledger, 4, 5)
    ledger.tamper("UPDATE events SET payload = '[1]' WHERE sequence = 9")
    seen: list[int] = []
    keys = keyring_from_registry("default")
    parts = ranges.scan_ranges("default", keys, 1, EVENTS, workers=2, progress=seen.append, size=3)
    found = finish_part("default", keys, reduce(merge, parts)).as_dict()
    expected = verify_ledger("default").as_dict()
    assert found | {"seconds": 0} == expected | {"seconds": 0}
    assert sum(seen) == EVENTS - 2


def test_a_killed_worker_is_an_error_that_names_it(ledger: Ledger) -> None:
    writer().write_events([submission(number=n) for n in range(OPENING, EVENTS)])
    killed: list[int] = []

    def kill_the_workers(more: int) -> None:
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        for child in children:
            with suppress(ProcessLookupError, FileNotFoundError):  # it has ended since
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    os.kill(int(child), signal.SIGKILL)
                    killed.append(int(child))

    parts = ranges.scan_ranges(
        "default",
        keyring_from_registry("default"),
        1,
        EVENTS,
        workers=1 + 1,
        progress=kill_the_workers,
        size=1,
    )
    with pytest.raises(WorkerEndedError, match="was ended by SIGKILL while it verified"):
        list(parts)
    assert killed


def test_an_error_of_a_worker_is_the_verifications(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    writer().write_events([submission(number=n) for n in range(OPENING, 4)])
    monkeypatch.setattr(ranges, "_place", lambda using: {"HOST": str(tmp_path)})
    keys = keyring_from_registry("default")
    with pytest.raises(LedgerUnavailableError):
        list(ranges.scan_ranges("default", keys, 1, 4, workers=2, size=2))


def test_without_signatures_it_says_so(ledger: Ledger) -> None:
    ledger.write(3)
    ledger.tamper("UPDATE events SET witness_signature = signature WHERE sequence = 5")
    assert findings() == [(5, "witness_signature")]
    ran = run("verify_ledger", "--no-signatures")
    assert (ran.code, "NO SIGNATURE WAS CHECKED" in ran.text) == (0, True)
    assert run("verify_ledger", "--json", "--no-signatures").json["signatures_checked"] is False


def test_since_the_last_sound_verification(ledger: Ledger) -> None:
    ledger.write(3)
    assert run("verify_ledger", "--since-last-sound").code == 2
    assert run("verify_ledger", "--record").code == 0
    assert "No events after sequence 6." in run("verify_ledger", "--since-last-sound").text
    ledger.write(2)
    ran = run("verify_ledger", "--since-last-sound", "--json")
    assert (ran.json["start"], ran.json["checked"], ran.json["since"]["end"]) == (7, 2, 6)
    ledger.tamper("UPDATE events SET content_hash = repeat('a', 64) WHERE sequence = 6")
    assert findings("--since-last-sound") == [(6, "head"), (7, "prev_hash")]


def test_resumes_what_was_interrupted(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    writer().write_events([submission(number=n) for n in range(OPENING, EVENTS)])
    remove(ledger, 5)
    defaults = ranges.scan_ranges.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "size", 5)
    original = records.save_slice

    def interrupt(record: Verification, reached: int, report: object) -> Verification:
        if reached > 6:
            raise KeyboardInterrupt
        return original(record, reached, report)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(records, "save_slice", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run("verify_ledger", "--record", "--workers", "1")
    assert Verification.objects.get().reached_sequence == 6
    ran = run("verify_ledger", "--resume", "--workers", "1", "--json")
    assert (ran.code, ran.json["checked"], ran.json["verification"]) == (1, EVENTS - 1, 1)
    assert [(f["sequence"], f["check"]) for f in ran.json["findings"]] == [(5, "gap")]
    assert Verification.objects.get().state == "finished"
    assert run("verify_ledger", "--resume").code == 2


def test_a_null_is_a_finding(ledger: Ledger) -> None:
    ledger.write(3)
    for column in ("authority_timestamp", "payload", "prev_hash"):
        ledger.tamper(
            f"ALTER TABLE events ALTER {column} DROP NOT NULL",
            f"UPDATE events SET {column} = NULL WHERE sequence = 5",
        )
    assert (5, "format") in findings()
