"""The manifest of a backup: the head of the ledger at its snapshot, and the digest of each file.

Invariant: it is written only after every file that it names is synced to disk.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from events.errors import LedgerError


class BackupError(LedgerError):
    """A backup cannot be made, read or restored."""


class NotTheBackupError(BackupError):
    """CT-13: what was restored is not what the backup says it is."""


FORMAT = "audit-portal backup"
VERSION = 1
NAME = "manifest.json"
DUMP = "ledger.dump"
KEYS = "keys"
BLOCK = 1 << 20

Counted = Callable[[int], None]
"""Called with the number of bytes done since the last call."""


@dataclass(frozen=True)
class BackedUpHead:
    """The head at the moment of the backup, with the field names of `GET /api/v1/head`."""

    max_sequence: int
    content_hash: str
    authority_timestamp: str | None
    event_count: int


@dataclass(frozen=True)
class BackedUpFile:
    """One file of the backup: its relative path, size in bytes and SHA-256 in hex."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """`taken_at` is the database's clock. `migrations` are the applied ones."""

    format: str
    version: int
    taken_at: str
    server_version: str
    server_major: int
    dump_major: int
    head: BackedUpHead
    keys: dict[str, Any]
    migrations: list[str]
    files: list[BackedUpFile]

    @property
    def key_files(self) -> list[BackedUpFile]:
        """The private keys in the backup, if any."""
        return [file for file in self.files if file.path.startswith(f"{KEYS}/")]


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """The manifest, and the SHA-256 of its file.

    Raises:
        BackupError: it is missing, unreadable, invalid or of an unknown version.
    """
    path = folder / NAME
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise BackupError(
            f"{folder} has no {NAME}: it is not a backup, or an unfinished one"
        ) from None
    except OSError as error:
        raise BackupError(f"cannot read {path}: {error.strerror}") from error
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BackupError(f"{path} is not a manifest: {error}") from None
    if (manifest.format, manifest.version) != (FORMAT, VERSION):
        raise BackupError(
            f"{path} is {manifest.format!r} version {manifest.version}; "
            f"this portal reads {FORMAT!r} version {VERSION}"
        )
    for file in manifest.files:
        parts = PurePosixPath(file.path).parts
        if file.path != DUMP and (len(parts) != 2 or parts[0] != KEYS or parts[1][0] == "."):
            raise BackupError(f"{path} names a file that no backup has: {file.path!r}")
    if all(file.path != DUMP for file in manifest.files):
        raise BackupError(f"{path} names no {DUMP}")
    return manifest, hashlib.sha256(text).hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> str:
    """Write the manifest atomically and return its SHA-256; it makes the folder a backup."""
    text = msgspec.json.format(msgspec.json.encode(asdict(manifest)), indent=2) + b"\n"
    fresh = folder / f".{NAME}.new"
    with fresh.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)
    fresh.rename(folder / NAME)
    sync_folder(folder)
    return hashlib.sha256(text).hexdigest()


def describe_file(folder: Path, path: str, counted: Counted = lambda _: None) -> BackedUpFile:
    """Read a file of the backup and describe it."""
    digest, size = hashlib.sha256(), 0
    with (folder / path).open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            counted(len(block))
    return BackedUpFile(path, size, digest.hexdigest())


def check_files(folder: Path, manifest: Manifest, counted: Counted) -> None:
    """Check every file against the manifest.

    Raises:
        BackupError: a file is missing or differs.
    """
    for file in manifest.files:
        try:
            found = describe_file(folder, file.path, counted)
        except OSError as error:
            raise BackupError(f"cannot read {folder / file.path}: {error.strerror}") from error
        if found != file:
            raise BackupError(
                f"{folder / file.path} is not the file that was backed up: it has {found.bytes:,} "
                f"bytes and SHA-256 {found.sha256}, the manifest says {file.bytes:,} bytes and "
                f"{file.sha256}"
            )


def sync_folder(folder: Path) -> None:
    """Sync a folder's entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
