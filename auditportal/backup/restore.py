"""Restores a backup into an empty database, verifies it, and only then lets it be served.

The database is marked from the first step to the last, and neither server nor worker runs on a
marked one. The dump is loaded in one transaction: a killed restore leaves nothing, or everything
and the mark, and the same command resumes it. The private keys of the backup, if any, are copied
to the key folder.

Invariants: only an empty database or this restore's own is touched. An existing key is kept; one
that differs stops the restore.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import DatabaseError
from django.db.migrations.loader import MigrationLoader

from auditportal.backup.manifest import (
    DUMP,
    BackupError,
    Manifest,
    NotTheBackupError,
    check_files,
    read_manifest,
    sync_folder,
)
from auditportal.backup.pg_tools import find_program, run_program
from events.append.services import key_backend
from events.models import WatchLook
from events.store import maintenance
from events.store.connection import first_line
from events.store.maintenance import Target, grant
from events.store.registry import list_agent_keys, list_witnesses
from events.store.status import read_tail
from observers.guards.comparison import Deviation
from observers.guards.look import compare_guards
from observers.heads.rollback import (
    Rollback,
    acknowledgement,
    current_head,
    find_rollback,
    halt_rolled_back,
    rollback_from,
)
from observers.heads.seen import SeenHead
from observers.heads.store import memory_of
from observers.verification.ledger import reachable_end, verify_ledger
from observers.verification.report import Report
from observers.watch.memory import look_memory_of


def put_keys(folder: Path, manifest: Manifest) -> None:
    """Copy missing keys from the backup; all of them, or none if an existing key differs.

    Raises:
        BackupError: a different key of that name exists, or a key cannot be written.
    """
    target = Path(settings.PORTAL_KEY_DIR)
    try:
        wanted = {Path(file.path).name: folder / file.path for file in manifest.key_files}
        missing = {name: path for name, path in wanted.items() if not (target / name).exists()}
        for name in wanted.keys() - missing.keys():
            if (target / name).read_bytes() != wanted[name].read_bytes():
                raise BackupError(
                    f"{target / name} differs from the key in the backup; move it away"
                )
        if missing:
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, path in missing.items():
                _put(target / name, path.read_bytes())
            sync_folder(target)
    except OSError as error:
        raise BackupError(f"cannot put the keys into {target}: {error.strerror}") from error


def missing_keys(using: str) -> list[str]:
    """Active keys and witnesses that cannot sign, since their private key is not here."""
    backend = key_backend()
    names = [k.key_id for k in list_agent_keys(using) if k.validity.until_sequence is None]
    names += [w.witness_id for w in list_witnesses(using) if w.validity.until_sequence is None]
    return [name for name in names if not backend.holds(name)]


def _put(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.restored")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


OWNER = "owner"


@dataclass(frozen=True)
class Wanted:
    """Options of the restore. `seen` are heads that were saved elsewhere."""

    folder: Path
    workers: int
    accept_findings: bool = False
    seen: Sequence[SeenHead] = ()


@dataclass
class Restored:
    """The result. `is_open`: the database may be served."""

    manifest: Manifest
    report: Report
    deviations: Sequence[Deviation] = ()
    rollback: Rollback | None = None
    missing_keys: Sequence[str] = ()
    is_open: bool = False

    @property
    def is_sound(self) -> bool:
        """Restored, verified, guarded, and not behind a seen head."""
        whole = self.report.is_sound and not self.deviations and self.rollback is None
        return self.is_open and whole


def restore(
    wanted: Wanted,
    *,
    say: Callable[[str], None],
    progress: Callable[[int], Callable[[int], None]],
) -> Restored:
    """Restore and verify. `say` gets each step; `progress` gets the number of events to verify and
    returns the callback for those done.

    Raises:
        BackupError: it cannot be restored here, or is not a complete backup.
        NotTheBackupError: the restored ledger does not end where the backup says.
    """
    manifest, digest = read_manifest(wanted.folder)
    target = maintenance.read_target(OWNER)
    _require_room(target, digest)
    _require_known(manifest, target)
    say("Checking the files")
    check_files(wanted.folder, manifest, lambda _: None)
    put_keys(wanted.folder, manifest)
    if not target.is_marked:
        _mark(target, digest)
    if not target.has_events:
        say("Loading the database")
        _load(wanted.folder, manifest, target)
    say("Bringing the tables up to date")
    call_command("migrate", verbosity=0, interactive=False)
    if not maintenance.read_mark(OWNER).verified:
        maintenance.analyze(OWNER)
        _require_head(manifest)
    say("Verifying every event")
    restored = Restored(manifest, _verify(wanted.workers, progress))
    if restored.report.is_sound or wanted.accept_findings:
        maintenance.note_verified(OWNER)
        _open(restored, wanted)
    return restored


def _require_room(target: Target, digest: str) -> None:
    if target.is_marked:
        if maintenance.read_mark(OWNER).manifest_sha256 != digest:
            raise BackupError(
                f"the database {target.database} is half restored from another backup; finish "
                "that, or drop the database and recreate it"
            )
    elif target.relations:
        what = "a ledger" if target.has_events else "something"
        raise BackupError(
            f"the database {target.database} has {what} in it ({target.relations} tables or "
            "other objects); a backup can only be restored into an empty one. Nothing was changed"
        )


def _require_known(manifest: Manifest, target: Target) -> None:
    if manifest.server_major > target.server_major:
        raise BackupError(
            f"the backup was made by PostgreSQL {manifest.server_major}, and this server is "
            f"PostgreSQL {target.server_major}: restore into the same or a newer version"
        )
    known = MigrationLoader(None).disk_migrations
    foreign = [each for each in manifest.migrations if tuple(each.split(".", 1)) not in known]
    if foreign:
        raise BackupError(
            f"the backup was made by a newer portal: this one does not know {foreign[0]}"
            + (f" and {len(foreign) - 1} more migrations" if len(foreign) > 1 else "")
        )


def _mark(target: Target, digest: str) -> None:
    try:
        maintenance.set_mark(OWNER, digest)
    except DatabaseError as error:
        raise BackupError(
            f"cannot create tables in the database {target.database}: {first_line(error)}; the "
            "role of OWNER_DATABASE_URL must own it, as `manage.py database_roles` sees to"
        ) from error


def _load(folder: Path, manifest: Manifest, target: Target) -> None:
    """Load everything or nothing. Owners and rights are set afterwards, not taken from the dump."""
    program, _ = find_program("pg_restore", max(manifest.dump_major, target.server_major))
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    run_program(program, [*options, str(folder / DUMP)])


def _require_head(manifest: Manifest) -> None:
    """Compare the end and number of events of the ledger with the manifest."""
    standing = read_tail(OWNER)
    head, promised = asdict(standing.head), asdict(manifest.head)
    if head != promised or not standing.ends_at_head:
        raise NotTheBackupError(
            f"CT-13: the restored ledger differs from the manifest: the events end at "
            f"{standing.tail_sequence} ({standing.tail_hash}), the head is "
            f"{head['max_sequence']} ({head['content_hash']}) of {head['event_count']} events; "
            f"the manifest says {promised['max_sequence']} ({promised['content_hash']}) of "
            f"{promised['event_count']}. The database stays closed"
        )


def _verify(workers: int, progress: Callable[[int], Callable[[int], None]]) -> Report:
    """Run every check over every event, as the owner: the database is still closed to others."""
    end = reachable_end(OWNER, None)
    return verify_ledger(OWNER, 1, end, workers=workers, progress=progress(end))


def _open(restored: Restored, wanted: Wanted) -> None:
    """Grant rights, check the guards, halt if a later head was seen, then remove the mark."""
    grant()
    Session.objects.using(OWNER).all().delete()  # nobody stays signed in
    WatchLook.objects.using(OWNER).all().delete()
    look_memory_of("default").forget()  # it refers to triggers that were recreated
    restored.missing_keys = missing_keys(OWNER)
    restored.deviations = compare_guards().deviations
    if restored.deviations and not wanted.accept_findings:
        return
    restored.rollback = _find_rollback(wanted.seen)
    if restored.rollback:
        halt_rolled_back(restored.rollback)
    maintenance.take_mark_away(OWNER)
    restored.is_open = True


def _find_rollback(seen: Sequence[SeenHead]) -> Rollback | None:
    """A rollback found by the heads seen by this portal at this address, or saved elsewhere."""
    own = find_rollback("default", memory_of())
    if own:
        return own
    theirs = rollback_from("default", seen, current_head("default"))
    if theirs and acknowledgement("default", str(theirs.lost.head)) is None:
        return theirs
    return None
