"""Makes a backup: one snapshot of the whole database, and a manifest that describes it.

Invariant: the dump gets its final name when it is complete, and the manifest is written last.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from django.conf import settings

from auditportal.backup.manifest import (
    DUMP,
    FORMAT,
    KEYS,
    VERSION,
    BackedUpFile,
    BackedUpHead,
    BackupError,
    Manifest,
    describe_file,
    sync_folder,
    write_manifest,
)
from auditportal.backup.pg_tools import find_program, run_program
from events.store.ledger import PostgresEventStore
from events.store.maintenance import (
    Snapshot,
    applied_migrations,
    is_migrated,
    refuse_unfinished,
    snapshot,
)
from observers.verification.keyring import public_keys

Progress = Callable[[int], None]
"""Called with the size of the dump so far, in bytes."""

OWNER = "owner"


def make_backup(folder: Path, *, with_keys: bool, progress: Progress) -> Manifest:
    """Back the database up into `folder`, which is new or empty.

    Appends continue meanwhile; the manifest's head belongs to the snapshot of the dump.

    Raises:
        BackupError: the backup failed. The contents of the folder are not a backup then.
        RestoreUnfinishedError: the database is half restored.
    """
    if not is_migrated():
        raise BackupError("there is no ledger in the database: nothing to back up")
    refuse_unfinished(OWNER)
    _make_folder(folder)
    unfinished = folder / f"{DUMP}.unfinished"
    with snapshot(OWNER) as moment:
        program, dump_major = find_program("pg_dump", moment.server_major)
        run_program(
            program,
            [
                "--format=custom",
                "--compress=1",
                "--encoding=UTF8",
                "--lock-wait-timeout=60s",
                # A backup must not contain usable sessions; a restore signs everybody out.
                "--exclude-table-data=public.django_session",
                f"--snapshot={moment.name}",
                f"--file={unfinished}",
            ],
            lambda: progress(unfinished.stat().st_size if unfinished.exists() else 0),
        )
        manifest = _describe(moment, dump_major)
    unfinished.chmod(0o600)
    unfinished.rename(folder / DUMP)
    files = [describe_file(folder, DUMP)]
    if with_keys:
        files += _copy_keys(folder)
    whole = replace(manifest, files=files)
    write_manifest(folder, whole)
    return whole


def _describe(moment: Snapshot, dump_major: int) -> Manifest:
    """The manifest of this snapshot, without the files."""
    head = PostgresEventStore(OWNER).head()
    return Manifest(
        format=FORMAT,
        version=VERSION,
        taken_at=moment.taken_at,
        server_version=moment.server_version,
        server_major=moment.server_major,
        dump_major=dump_major,
        head=BackedUpHead(**asdict(head)),
        keys=public_keys(OWNER),
        migrations=applied_migrations(OWNER),
        files=[],
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = sorted(path.name for path in folder.iterdir())
    except FileExistsError:
        raise BackupError(f"{folder} is a file, not a folder") from None
    except OSError as error:
        raise BackupError(f"cannot make {folder}: {error.strerror}") from error
    if found:
        unfinished = "manifest.json" not in found and f"{DUMP}.unfinished" in found
        what = "an unfinished backup; remove it" if unfinished else f"something ({found[0]})"
        raise BackupError(f"{folder} holds {what}: a backup goes into a new or empty folder")


def _copy_keys(folder: Path) -> Iterator[BackedUpFile]:
    """Copy every present private key; those registered in the snapshot are among them."""
    source = Path(settings.PORTAL_KEY_DIR)
    (folder / KEYS).mkdir(mode=0o700)
    try:
        for path in sorted(source.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                copy = folder / KEYS / path.name
                shutil.copyfile(path, copy)
                copy.chmod(0o600)
                with copy.open("rb") as file:
                    os.fsync(file.fileno())
                yield describe_file(folder, f"{KEYS}/{path.name}")
    except OSError as error:
        raise BackupError(f"cannot copy the keys of {source}: {error.strerror}") from error
    sync_folder(folder / KEYS)
