"""A restored ledger that ends before a seen head is halted until people acknowledge the loss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auditportal.backup.manifest import BackupError
from auditportal.tests.backups import emptied, empty_database, start_command
from events.append.services import writer
from events.errors import SystemHaltedError
from events.tests.support.ceremonies import halt_details, hold, register
from events.tests.support.ledger import Ledger, submission
from observers.heads.store import memory_of
from observers.tests.support.commands import run
from observers.watch.at_start import check_before_serving


def test_an_old_backup_is_restored_halted_and_a_ceremony_resumes_writing(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register()
    kept = ledger.write(3)[2]
    run("backup", str(tmp_path / "backup"))
    lost = ledger.write(2)[1]
    check_before_serving()
    with emptied(ledger):
        with monkeypatch.context() as patched:  # stopped when it has halted, before it is done
            patched.setattr("events.store.maintenance.take_mark_away", _stopped)
            assert run("restore", str(tmp_path / "backup"), "--workers=1").code == 2
        assert "was begun and not finished" in run("serve").text
        ran = run("restore", str(tmp_path / "backup"), "--workers=1")
        assert ran.code == 1
        assert (
            f"Restored, and HALTED: the ledger was rolled back: the head 11 ({lost.content_hash})"
            in ran.text
        )
        assert f"its head is now 9 ({kept.content_hash})" in (ledger.store.halt().reason or "")
        with pytest.raises(SystemHaltedError):
            writer().write_event(submission())
        check_before_serving()
        hold(ledger, "clear_halt", halt_details())
        check_before_serving()
        assert not ledger.store.halt().halted
        # 10 says that it was halted, 11 that people cleared it: traces at the lost numbers.
        assert writer().write_event(submission()).event.sequence == 12
        check_before_serving()
        assert not ledger.store.halt().halted
        assert run("verify_ledger", "--workers=1").code == 0


def _stopped(*args: object) -> None:
    raise BackupError("stopped")


def test_heads_that_observers_saved_halt_a_restore_elsewhere(
    ledger: Ledger, tmp_path: Path
) -> None:
    ledger.write(2)
    run("backup", str(tmp_path / "backup"))
    event = ledger.write()[0]
    seen = tmp_path / "head.json"
    head = {"max_sequence": event.sequence, "content_hash": event.content_hash}
    seen.write_text(json.dumps(head))
    with empty_database(ledger) as target:
        ran = run("restore", str(tmp_path / "backup"), f"--seen={seen}", "--workers=1", "--json")
        assert ran.code == 1
        assert ran.json["rollback"]["seen_hash"] == event.content_hash
        assert target.store.halt().halted
        assert run("compare_heads", str(seen)).code == 1


def test_an_empty_ledger_is_not_begun_where_one_was_seen(ledger: Ledger, tmp_path: Path) -> None:
    event = ledger.write()[0]
    home = tmp_path / "home"
    with empty_database(ledger) as target:
        place = home / "heads" / memory_of().path.name
        place.parent.mkdir(parents=True)
        head = {"max_sequence": event.sequence, "content_hash": event.content_hash}
        place.write_text(json.dumps(head) + "\n")
        portal = start_command(target, home, "portal", "--port=0")
        said = portal.communicate(timeout=60)[0]
        assert portal.returncode == 2
        assert f"the ledger is empty, but its head 4 ({event.content_hash}) was seen here" in said
        assert target.query("SELECT count(*) FROM pg_class WHERE relname = 'events'") == [(0,)]
