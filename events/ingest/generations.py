"""Finds the files of a rotated log and identifies their lines.

The current file `audit.log` and the rotated `audit.log.1`, `audit.log.2.gz` are generations of one
log. A generation is identified by its first line that is not blank, which survives renaming,
copying and compression; a line is identified by its generation and its number. So a line has the
same event id in whichever file it is found, and no state is needed outside the ledger.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from events.ingest.framing.record import MAX_RECORD_BYTES, Record, too_long

CHUNK = 256 * 1024
QUIET_SECONDS = 60.0
"""Seconds without growth after which a rotated file is considered finished."""

_BOM = b"\xef\xbb\xbf"
_ROTATED = re.compile(r"[.-][0-9][0-9.\-_T]*(\.gz|\.xz|\.bz2)?")
"""Suffixes that rotation appends to a log's name: .1, .2.gz, -20260131, -20260131-1769817600.xz."""


@dataclass
class Lines:
    """Splits the bytes of one generation into records. `identity` is the SHA-256 of the first line
    that is not blank, None until that line is complete."""

    identity: str | None = None
    number: int = 0
    _held: bytes = b""
    _is_long: bool = False

    def feed(self, piece: bytes) -> Iterator[Record]:
        """Yield the lines completed by a piece; the rest is buffered."""
        *whole, rest = piece.split(b"\n")
        for end in whole:
            text, self._held = self._held + end, b""
            yield from self._line(text)
        self._held += rest
        if len(self._held) > MAX_RECORD_BYTES:
            self._held, self._is_long = b"", True

    def end(self) -> Iterator[Record]:
        """Yield the last line, when no line break will follow."""
        text, self._held = self._held, b""
        if text or self._is_long:
            yield from self._line(text)

    def _line(self, text: bytes) -> Iterator[Record]:
        self.number += 1
        if self.number == 1:
            text = text.removeprefix(_BOM)
        is_long, self._is_long = self._is_long or len(text) > MAX_RECORD_BYTES, False
        if not is_long and not text.strip():
            return
        if self.identity is None:
            self.identity = hashlib.sha256(text.strip()).hexdigest()
        if is_long:
            yield too_long(self.number, self.number, MAX_RECORD_BYTES)
        else:
            yield Record(self.number, self.number, text)


def id_source(source: str, identity: str) -> str:
    """The source name used in the event ids of a followed log."""
    return f"{source}\n{identity}"


@dataclass
class Growing:
    """An open file that may still grow: the current file or a recently rotated one."""

    path: Path
    descriptor: int
    lines: Lines = field(default_factory=Lines)
    position: int = 0
    head: bytes = b""
    grew_at: float = 0.0

    @classmethod
    def open(cls, path: Path, now: float) -> Growing | None:
        """Open the file at a path; None if there is none."""
        try:
            return cls(path, os.open(path, os.O_RDONLY), grew_at=now)
        except FileNotFoundError:
            return None

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode, which identify the file whatever its name."""
        found = os.fstat(self.descriptor)
        return found.st_dev, found.st_ino

    def is_current(self) -> bool:
        """True while the log's name refers to this file."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self.key

    def read(self, now: float) -> bytes | None:
        """Read the next piece: empty at the end, None if the file was truncated and a new
        generation begins. Truncation is checked after the read, so that no byte of the new
        generation is attributed to the old one."""
        piece = os.pread(self.descriptor, CHUNK, self.position)
        size = os.fstat(self.descriptor).st_size
        if size < self.position or os.pread(self.descriptor, len(self.head), 0) != self.head:
            return None
        if piece:
            self.position += len(piece)
            self.grew_at = now
            if len(self.head) < 4096 and self.lines.identity is None:
                self.head = os.pread(self.descriptor, min(4096, self.position), 0)
        return piece

    def begin_again(self) -> None:
        """Start the next generation after a truncation."""
        self.lines, self.position, self.head = Lines(), 0, b""


def rotated(path: Path) -> list[Path]:
    """The rotated files of a log, oldest first."""
    found = []
    for other in path.parent.iterdir() if path.parent.is_dir() else ():
        rest = other.name.removeprefix(path.name)
        if rest != other.name and _ROTATED.fullmatch(rest) and other.is_file():
            found.append(other)
    return sorted(found, key=lambda one: (one.stat().st_mtime, one.name))


def is_rotated(path: Path) -> bool:
    """True if the name looks like a rotated file of a log that exists."""
    base = re.match(r"(.*?)" + _ROTATED.pattern + r"$", path.name)
    return bool(base and base[1] and path.with_name(base[1]).exists())
