"""Stores the heads that this portal has seen, in a file outside the database and in this process.

Invariant: a head is dropped only by a ceremony, never because the database lacks it.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson
import structlog
from django.conf import settings
from django.db import connections

from observers.heads.seen import SavedHeadError, SeenHead, read_head

KEPT = 500
"""Heads that the file holds after it was cut; it is cut when it holds twice as many. The newest one
in the ledger proves every earlier one by the chain; older ones tell how far a rollback went."""

log = structlog.get_logger(__name__)


class SeenHeadStore:
    """One file of seen heads, one line of JSON each, oldest first. Any number of processes may add
    heads; a process keeps its own in memory even where the file cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own: SeenHead | None = None

    def read(self) -> list[SeenHead]:
        """Returns the heads, oldest first.

        Raises:
            SavedHeadError: the file cannot be read, or a line of it is no head.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            lines = [b""]
        except OSError as error:
            raise SavedHeadError(f"cannot read {self.path}: {error.strerror}") from error
        # What follows the last line's end was torn by a crash, and never counted as noted.
        heads = [self._parse(line, number) for number, line in enumerate(lines[:-1], 1)]
        own = [self._own] if self._own and self._own not in heads else []
        return [*heads, *own]

    def note(self, head: SeenHead) -> None:
        """Saves a head, with fsync, unless it is the last one saved."""
        if head.sequence == 0 or head == self._own:
            return
        self._own = head
        try:
            with self._alone():
                self._append(head)
        except (OSError, SavedHeadError) as error:
            log.error("seen_head_not_kept", head=str(head), path=str(self.path), why=str(error))

    def forget_through(self, head: SeenHead) -> None:
        """Drops this head and all earlier ones, after a ceremony acknowledged their loss."""
        try:
            with self._alone():
                heads = self.read()
                if head in heads:
                    self._rewrite(heads[heads.index(head) + 1 :])
        except OSError as error:
            log.error("lost_head_not_forgotten", path=str(self.path), why=str(error))
        if self._own == head:
            self._own = None

    def _append(self, head: SeenHead) -> None:
        heads = self._on_disk()
        if heads and heads[-1] == head:
            return
        if len(heads) >= 2 * KEPT or self._is_torn():
            self._rewrite([*heads[-KEPT:], head])
            return
        with self.path.open("ab") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(head.as_line())
            file.flush()
            os.fsync(file.fileno())

    def _on_disk(self) -> list[SeenHead]:
        own, self._own = self._own, None
        try:
            return self.read()
        finally:
            self._own = own

    def _is_torn(self) -> bool:
        text = self.path.read_bytes() if self.path.exists() else b""
        return text != b"" and not text.endswith(b"\n")

    def _rewrite(self, heads: Sequence[SeenHead]) -> None:
        """Replaces the file atomically."""
        fresh = self.path.with_name(f".{self.path.name}.new")
        with fresh.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.writelines(head.as_line() for head in heads)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)

    def _parse(self, line: bytes, number: int) -> SeenHead:
        place = f"{self.path}:{number}"
        try:
            return read_head(orjson.loads(line), place)
        except orjson.JSONDecodeError:
            raise SavedHeadError(f"{place}: not JSON") from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Serialises writers of one file by a file lock, released when the process ends."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def memory_of(using: str = "default") -> SeenHeadStore:
    """Returns the store of the ledger behind an alias. It is keyed by the database's address and
    not by its contents, so that a replaced database is noticed."""
    place = connections[using].settings_dict
    where = [str(place[part]) for part in ("HOST", "PORT", "NAME") if place[part]]
    if not place["HOST"]:
        where.insert(0, "embedded" if settings.PORTAL_EMBEDDED else "local")
    name = re.sub(r"[^A-Za-z0-9.-]+", "_", "_".join(where)).strip("_")
    return SeenHeadStore(Path(settings.PORTAL_HEADS_DIR) / f"{name[-200:]}.jsonl")
