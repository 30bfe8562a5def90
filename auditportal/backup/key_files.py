"""The private keys of a backup made with them, put where the portal looks for them.

It must never replace a key: one that differs is somebody's, and stops the restore.
"""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings

from auditportal.backup.errors import BackupError
from auditportal.backup.manifest import Manifest, sync_folder
from events.composition import key_backend
from events.store.registry import list_agent_keys, list_witnesses


def put_keys(folder: Path, manifest: Manifest) -> None:
    """Copy the keys of a backup that are not there yet; all or, if one differs, none.

    Raises:
        BackupError: another key of that name is there, or it cannot be written.
    """
    target = Path(settings.PORTAL_KEY_DIR)
    try:
        wanted = {Path(file.path).name: folder / file.path for file in manifest.key_files}
        missing = {name: path for name, path in wanted.items() if not (target / name).exists()}
        for name in wanted.keys() - missing.keys():
            if (target / name).read_bytes() != wanted[name].read_bytes():
                raise BackupError(f"{target / name} is another key than the backup's; move it away")
        if missing:
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, path in missing.items():
                _put(target / name, path.read_bytes())
            sync_folder(target)
    except OSError as error:
        raise BackupError(f"cannot put the keys into {target}: {error.strerror}") from error


def missing_keys(using: str) -> list[str]:
    """Active keys and witnesses whose private half is not here: who cannot sign."""
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
