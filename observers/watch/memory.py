"""Keeps the state of the last look in a file beside the seen heads.

Invariant: never in the database, whose roles could move the watch's position past an event for
ever.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import structlog

from events.format.timestamps import parse_canonical
from observers.heads.store import memory_of
from observers.watch.chain import Place

RECENT_SECONDS = 90

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Before:
    """The state of the previous look: position, head and its time, guards, open findings, and the
    alerts queued again."""

    place: Place
    head: int
    began_at: str
    versions: Mapping[str, str]
    open_findings: Mapping[str, int] = field(default_factory=dict)
    told_again: Sequence[int] = ()


class LookMemory:
    """One file, replaced atomically. This process also keeps its state in memory where the file
    cannot be written; where it cannot be read, the watch starts as at its first look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own: Before | None = None

    def read(self) -> Before | None:
        """Returns the previous look; None before the first one."""
        try:
            document = json.loads(self.path.read_bytes())
            return Before(**document | {"place": Place(**document["place"])})
        except FileNotFoundError:
            return self._own
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.error("look_before_unreadable", path=str(self.path), why=str(error))
            return self._own

    def note(self, look: Before) -> None:
        """Saves a look, with fsync."""
        self._own = look
        fresh = self.path.with_name(f".{self.path.name}.new")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with fresh.open("w") as file:
                os.fchmod(file.fileno(), 0o600)
                json.dump(asdict(look), file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
        except OSError as error:
            log.error("look_not_kept", path=str(self.path), why=str(error))

    def forget(self) -> None:
        """Starts over: the database was replaced, so its triggers are new."""
        self._own = None
        self.path.unlink(missing_ok=True)


def recently_open() -> Mapping[str, int]:
    """Counts the findings of each kind that this machine's watch left open, while that is recent;
    later, another machine's watch may have looked. The pages need not trust the database alone."""
    before = look_memory_of().read()
    if before is None:
        return {}
    age = time.time() - parse_canonical(before.began_at).timestamp()
    return before.open_findings if 0 <= age < RECENT_SECONDS else {}


def look_memory_of(using: str = "default") -> LookMemory:
    """Returns the state file of the ledger behind an alias, stored beside its seen heads."""
    return LookMemory(memory_of(using).path.with_suffix(".watch"))
