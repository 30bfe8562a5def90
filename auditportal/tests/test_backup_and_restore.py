"""A backup is one snapshot of the ledger, and a restore is that snapshot, verified, or nothing.

A restored ledger continues where the backup ended, guarded as before.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from pytest_django import Settings

from auditportal.backup.manifest import DUMP, BackupError
from auditportal.backup.pg_tools import find_program
from auditportal.tests.backups import empty_database
from events.append.services import writer
from events.keys.backend import FileKeyBackend
from events.store import maintenance
from events.tests.support.ledger import Ledger, submission
from observers.tests.support.commands import Ran, run
from observers.tests.support.pages import remove, sign_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def target(ledger: Ledger, folder: Path) -> Iterator[Ledger]:
    """An empty database; in `folder` is a backup of a ledger of three events."""
    ledger.write(3)
    assert run("backup", str(folder)).code == 0
    with empty_database(ledger) as other:
        yield other


def restore(folder: Path, *options: str) -> Ran:
    return run("restore", str(folder), "--workers=1", "--json", *options)


def change_manifest(folder: Path, **members: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | members))


def test_a_backup_during_appends_is_a_snapshot_that_can_be_continued(
    ledger: Ledger, folder: Path
) -> None:
    ledger.write(20)
    run("watch_ledger", "--once")
    stop, under_way = threading.Event(), threading.Event()

    def append() -> None:
        try:
            while not stop.is_set():
                writer().write_event(submission())
                under_way.set()
        finally:
            connections.close_all()

    thread = threading.Thread(target=append)
    thread.start()
    under_way.wait()
    try:
        made = run("backup", str(folder), "--json")
    finally:
        stop.set()
        thread.join()
    head = made.json["head"]
    original = ledger.store.get_event(head["max_sequence"])
    assert original is not None
    assert original.content_hash == head["content_hash"]
    with empty_database(ledger) as other:
        ran = restore(folder)
        assert (ran.code, ran.json["is_sound"], ran.json["guards"]) == (0, True, [])
        assert ran.json["verification"]["checked"] == head["event_count"]
        assert other.store.head().content_hash == head["content_hash"]
        assert run("check_guards").code == 0
        event = writer().write_event(submission()).event
        assert (event.sequence, event.prev_hash) == (head["max_sequence"] + 1, head["content_hash"])
        assert run("verify_ledger", "--workers=1").code == 0
        assert run("watch_ledger", "--once", "--json").json["began"] == []


def test_statistics_and_positions_of_sequences_come_back(target: Ledger, folder: Path) -> None:
    assert restore(folder).code == 0
    assert target.query("SELECT stxname FROM pg_statistic_ext") == [("events_blocks",)]
    assert target.query("SELECT last_value, is_called FROM events_sequence_seq") == [(6, True)]
    options = "SELECT reloptions FROM pg_class WHERE oid = 'events'::regclass"
    assert "autovacuum_vacuum_insert_threshold=100000" in target.query(options)[0][0]


def test_a_ledger_is_never_restored_over(ledger: Ledger, folder: Path) -> None:
    ledger.write()
    run("backup", str(folder))
    ledger.write()
    ran = restore(folder)
    assert ran.code == 2
    assert f"the database {ledger.name} has a ledger in it" in ran.text
    assert ledger.store.get_max_sequence() == 5
    assert not maintenance.read_target("owner").is_marked


def test_a_changed_dump_is_refused_by_its_digest(target: Ledger, folder: Path) -> None:
    dump = folder / "ledger.dump"
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.write_bytes(content)
    ran = restore(folder)
    promised = json.loads((folder / "manifest.json").read_text())["files"][0]["sha256"]
    assert ran.code == 2
    assert f"{dump} is not the file that was backed up" in ran.text
    assert promised in ran.text
    assert not maintenance.read_target("owner").is_marked


def test_a_ledger_that_is_not_the_manifests_stays_closed(target: Ledger, folder: Path) -> None:
    head = json.loads((folder / "manifest.json").read_text())["head"]
    change_manifest(folder, head=head | {"max_sequence": 7, "event_count": 7})
    ran = restore(folder, "--accept-findings")
    assert ran.code == 1
    assert "the manifest says 7" in ran.text
    assert maintenance.read_target("owner").is_marked
    assert run("worker", "--once").code == 2


def test_a_manifest_that_is_not_for_here_is_refused(target: Ledger, folder: Path) -> None:
    outside = {"path": "../x", "bytes": 0, "sha256": ""}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"version": 2}, "version 2; this portal reads"),
        ({"head": {}}, "is not a manifest"),
        ({"server_major": 99}, "the backup was made by PostgreSQL 99"),
        ({"migrations": ["events.9999_later"]}, "does not know events.9999_later"),
        ({"files": [outside]}, "names a file that no backup has: '../x'"),
        ({"files": []}, "names no ledger.dump"),
    ]
    whole = (folder / "manifest.json").read_bytes()
    for members, why in wrong:
        (folder / "manifest.json").write_bytes(whole)
        change_manifest(folder, **members)
        ran = restore(folder)
        assert (ran.code, why in ran.text) == (2, True), ran.text
    assert not maintenance.read_target("owner").is_marked


def test_an_unsound_ledger_is_opened_only_when_told_to(ledger: Ledger, folder: Path) -> None:
    ledger.write(5)
    remove(ledger, 3)
    run("backup", str(folder))
    with empty_database(ledger):
        ran = restore(folder)
        assert (ran.code, ran.json["is_open"]) == (1, False)
        assert [f["check"] for f in ran.json["verification"]["findings"]][:1] == ["gap"]
        assert run("serve").code == 2
        ran = restore(folder, "--accept-findings")
        assert (ran.code, ran.json["is_open"], ran.json["is_sound"]) == (1, True, False)
        assert run("check_continuity").code == 1


def test_a_restore_stopped_before_it_verified_can_be_resumed(
    target: Ledger, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("auditportal.backup.restore._verify", _stopped)
        assert restore(folder).code == 2
    assert maintenance.read_target("owner").has_events
    assert "was begun and not finished" in run("serve").text
    with pytest.raises(Exception, match="permission denied"), target.connect() as application:
        application.execute("SELECT FROM events")
    another = tmp_path / "another"
    another.mkdir()
    for name in ("manifest.json", "ledger.dump"):
        (another / name).write_bytes((folder / name).read_bytes())
    change_manifest(another, taken_at="2001-01-01T00:00:00.000000Z")
    assert "half restored from another backup" in restore(another).text
    ran = restore(folder)
    assert (ran.code, ran.json["verification"]["checked"]) == (0, 6)


def _stopped(*args: object) -> None:
    raise BackupError("stopped")


def test_nobody_is_signed_in_by_a_backup(ledger: Ledger, folder: Path) -> None:
    """Sessions are left out of it, and its files are closed to others."""
    ledger.write()
    sign_in()
    assert ledger.query("SELECT count(*) FROM django_session") == [(1,)]
    assert run("backup", str(folder)).code == 0
    assert [path.name for path in folder.iterdir() if path.stat().st_mode & 0o077] == []
    listed = subprocess.run(
        [str(find_program("pg_restore", 15)[0]), "--data-only", "--file=-", str(folder / DUMP)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "COPY public.auth_user " in listed
    assert "COPY public.django_session " not in listed
    with empty_database(ledger) as other:
        assert restore(folder).code == 0
        assert other.query("SELECT count(*) FROM django_session") == [(0,)]
        sign_in(name="somebody")
        assert other.query("SELECT count(*) FROM django_session") == [(1,)]


def test_keys_are_in_it_only_when_asked_for(
    ledger: Ledger, folder: Path, tmp_path: Path, settings: Settings
) -> None:
    ledger.write()
    run("backup", str(folder))
    assert sorted(path.name for path in folder.iterdir()) == ["ledger.dump", "manifest.json"]
    run("backup", str(tmp_path / "with-keys"), "--with-keys")
    settings.PORTAL_KEY_DIR = tmp_path / "other-keys"
    with empty_database(ledger):
        FileKeyBackend(settings.PORTAL_KEY_DIR).create("WITNESS:alpha")
        ran = restore(tmp_path / "with-keys")
        assert ran.code == 2
        assert "differs from the key in the backup" in ran.text
        (settings.PORTAL_KEY_DIR / "WITNESS:alpha.key").unlink()
        ran = restore(tmp_path / "with-keys")
        assert (ran.code, ran.json["missing_private_keys"]) == (0, [])
        writer().write_event(submission())
        modes = {path.stat().st_mode & 0o777 for path in settings.PORTAL_KEY_DIR.iterdir()}
        assert modes == {0o600}


def test_keys_that_are_not_here_are_named(target: Ledger, folder: Path, settings: Settings) -> None:
    settings.PORTAL_KEY_DIR = folder / "none"
    ran = restore(folder)
    assert ran.code == 0
    assert "WITNESS:alpha" in ran.json["missing_private_keys"]


def test_a_folder_with_something_in_it_takes_no_backup(ledger: Ledger, folder: Path) -> None:
    folder.mkdir()
    (folder / "notes").touch()
    assert "holds something (notes)" in run("backup", str(folder)).text
    assert "is a file" in run("backup", str(folder / "notes")).text


def test_a_database_without_a_finished_ledger_is_not_backed_up(
    target: Ledger, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "there is no ledger in the database" in run("backup", str(tmp_path / "new")).text
    monkeypatch.setattr("auditportal.backup.restore._verify", _stopped)
    restore(folder)
    assert "begun and not finished" in run("backup", str(tmp_path / "new")).text
    assert not (tmp_path / "new").exists()


def test_an_owner_without_the_right_to_create_tables_gets_an_explanation(
    target: Ledger, folder: Path
) -> None:
    with target.connect("postgres") as superuser:
        superuser.execute(f"ALTER DATABASE {target.name} OWNER TO postgres")
    ran = restore(folder)
    assert ran.code == 2
    assert "the role of OWNER_DATABASE_URL must own it" in ran.text


def test_programs_that_are_too_old_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 12.1'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    settings.PORTAL_EMBEDDED = False
    assert find_program("pg_dump", 12) == (old, 12)
    assert find_program("pg_dump", 18)[1] == 18
    with pytest.raises(BackupError, match=f"no pg_dump of PostgreSQL 99 or newer .*{old}.* 12;"):
        find_program("pg_dump", 99)
