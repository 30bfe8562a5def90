"""kill -9 during a backup or restore leaves nothing that looks complete."""

from __future__ import annotations

from pathlib import Path

from auditportal.tests.backups import empty_database, kill_when_waiting, start_command
from events.store import maintenance
from events.tests.support.ledger import Ledger
from observers.tests.support.commands import run


def test_a_killed_backup_is_not_accepted_as_a_backup(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write()
    folder = tmp_path / "backup"
    with ledger.connect("postgres") as superuser, superuser.transaction():
        superuser.execute("LOCK TABLE api_tokens IN ACCESS EXCLUSIVE MODE")
        process = start_command(ledger, tmp_path / "home", "backup", str(folder))
        kill_when_waiting(process, ledger, "pg_dump")
    assert not (folder / "manifest.json").exists()
    ran = run("restore", str(folder))
    assert ran.code == 2
    assert "it is not a backup, or an unfinished one" in ran.text
    assert "holds an unfinished backup" in run("backup", str(folder)).text


def test_a_killed_restore_stays_closed_and_can_be_run_again(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write(4)
    folder = tmp_path / "backup"
    run("backup", str(folder))
    with empty_database(ledger) as target:
        with target.connect("portal_owner") as owner, owner.transaction(force_rollback=True):
            owner.execute("CREATE TABLE verifications ()")  # pg_restore waits for its name
            process = start_command(target, tmp_path / "home", "restore", str(folder))
            kill_when_waiting(process, target, "pg_restore")
        found = maintenance.read_target("owner")
        assert (found.is_marked, found.has_events, found.relations) == (True, False, 0)
        assert "was begun and not finished" in run("serve").text
        ran = run("restore", str(folder), "--workers=1", "--json")
        assert (ran.code, ran.json["is_sound"]) == (0, True)
        assert not maintenance.read_target("owner").is_marked
        assert target.store.get_max_sequence() == 7
