"""A log over its rotations: which files hold it, and what each line of it is called.

The file that is written now, `audit.log`, and the older ones, `audit.log.1`, `audit.log.2.gz`, are
generations of one log. A generation is known by its first line that is not blank, which stays the
same when the file is renamed, copied or packed; a line is known by its generation and its number.
So a line has one event id wherever it is found, and no state has to be kept beside the ledger.
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
"""A file that was rotated and did not grow for so long gets no more lines."""

_BOM = b"\xef\xbb\xbf"
_ROTATED = re.compile(r"[.-][0-9][0-9.\-_T]*(\.gz|\.xz|\.bz2)?")
"""What rotation appends to a log's name: .1, .2.gz, -20260131, -20260131-1769817600.xz."""


@dataclass
class Lines:
    """Splits the bytes of one generation into records, however they come. `identity` is there once
    the first line that is not blank is whole."""

    identity: str | None = None
    number: int = 0
    _held: bytes = b""
    _is_long: bool = False

    def feed(self, piece: bytes) -> Iterator[Record]:
        """The lines that end in a piece; what follows the last line break waits."""
        *whole, rest = piece.split(b"\n")
        for end in whole:
            text, self._held = self._held + end, b""
            yield from self._line(text)
        self._held += rest
        if len(self._held) > MAX_RECORD_BYTES:
            self._held, self._is_long = b"", True

    def end(self) -> Iterator[Record]:
        """The last line, when no line break is to come."""
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
    """What stands for the source name in the event id of a line of a followed log."""
    return f"{source}\n{identity}"


@dataclass
class Growing:
    """An open file that may grow: the log itself, or what it was until it was rotated."""

    path: Path
    descriptor: int
    lines: Lines = field(default_factory=Lines)
    position: int = 0
    head: bytes = b""
    grew_at: float = 0.0

    @classmethod
    def open(cls, path: Path, now: float) -> Growing | None:
        """The file at a path, if there is one."""
        try:
            return cls(path, os.open(path, os.O_RDONLY), grew_at=now)
        except FileNotFoundError:
            return None

    def close(self) -> None:
        """Read no more of it."""
        os.close(self.descriptor)

    @property
    def key(self) -> tuple[int, int]:
        """Which file it is, whatever its name."""
        found = os.fstat(self.descriptor)
        return found.st_dev, found.st_ino

    def is_current(self) -> bool:
        """Whether the log's name still leads to this file."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self.key

    def read(self, now: float) -> bytes | None:
        """More of it; nothing at its end; None when it was truncated and another generation begins
        in the same file. It is looked at behind the reading, so that nothing that was read is taken
        for the generation before."""
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
        """The file was truncated: its next generation begins."""
        self.lines, self.position, self.head = Lines(), 0, b""


def rotated(path: Path) -> list[Path]:
    """The older files of a log, the oldest first."""
    found = []
    for other in path.parent.iterdir() if path.parent.is_dir() else ():
        rest = other.name.removeprefix(path.name)
        if rest != other.name and _ROTATED.fullmatch(rest) and other.is_file():
            found.append(other)
    return sorted(found, key=lambda one: (one.stat().st_mtime, one.name))


def is_rotated(path: Path) -> bool:
    """Whether a name looks like an older file of another log that is there or was."""
    base = re.match(r"(.*?)" + _ROTATED.pattern + r"$", path.name)
    return bool(base and base[1] and path.with_name(base[1]).exists())
