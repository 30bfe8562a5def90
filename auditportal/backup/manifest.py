"""What a backup says of itself: the ledger's head at its moment, and the digest of each file.

It must never be written before everything that it names is safe on disk.

The errors of backups. Their messages must never need a traceback beside them.
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
"""Told how many more bytes are done."""


@dataclass(frozen=True)
class BackedUpHead:
    """The head at the moment of the backup, with the names of `GET /api/v1/head`."""

    max_sequence: int
    content_hash: str
    authority_timestamp: str | None
    event_count: int


@dataclass(frozen=True)
class BackedUpFile:
    """One file of the backup: its path in it, its size in bytes, its SHA-256 in hex."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """`taken_at` is the database's clock. `migrations` are those that were applied."""

    format: str
    version: int
    taken_at: str
    server_version: str
    server_major: int
    dump_major: int
    head: BackedUpHead
    keys: dict[str, list[dict[str, Any]]]
    migrations: list[str]
    files: list[BackedUpFile]

    @property
    def key_files(self) -> list[BackedUpFile]:
        """The private keys in it, if it was made with them."""
        return [file for file in self.files if file.path.startswith(f"{KEYS}/")]


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """The manifest, and the SHA-256 of its file.

    Raises:
        BackupError: there is none, or it is none that this portal understands.
    """
    path = folder / NAME
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise BackupError(
            f"{folder} holds no {NAME}: it is no backup, or one that was never finished"
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
    """Write it as a whole or not at all, and give its SHA-256: from here on this is a backup."""
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
    """A file of the backup, read to its end."""
    digest, size = hashlib.sha256(), 0
    with (folder / path).open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            counted(len(block))
    return BackedUpFile(path, size, digest.hexdigest())


def check_files(folder: Path, manifest: Manifest, counted: Counted) -> None:
    """Every file must be the one that the manifest names.

    Raises:
        BackupError: one is missing, or another.
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
    """Have the names in a folder safe on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
