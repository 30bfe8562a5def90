"""What one look leaves for the next, in a file beside the heads that were seen.

Invariant: never in the database. Its roles could set where the watch goes on, and have it pass over
an event for ever.
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
    """What is known of the look before: where the next one goes on, where the head was and when,
    how the guards were, what was open, and which alerts were queued again."""

    place: Place
    head: int
    began_at: str
    versions: Mapping[str, str]
    open_findings: Mapping[str, int] = field(default_factory=dict)
    told_again: Sequence[int] = ()


class LookMemory:
    """One file, replaced as a whole. What this process noted it knows also where the file cannot
    be written, and where it cannot be read, the watch begins as at its first look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own: Before | None = None

    def read(self) -> Before | None:
        """The look before; None before the first one."""
        try:
            document = json.loads(self.path.read_bytes())
            return Before(**document | {"place": Place(**document["place"])})
        except FileNotFoundError:
            return self._own
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.error("look_before_unreadable", path=str(self.path), why=str(error))
            return self._own

    def note(self, look: Before) -> None:
        """Keep a look, safe on disk."""
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
        """Begin anew: the database is another one, whose triggers were made anew."""
        self._own = None
        self.path.unlink(missing_ok=True)


def recently_open() -> Mapping[str, int]:
    """How many findings of each kind this machine's own watch left open, while that is recent:
    later, another machine's may have looked. The pages need not believe the database alone."""
    before = look_memory_of().read()
    if before is None:
        return {}
    age = time.time() - parse_canonical(before.began_at).timestamp()
    return before.open_findings if 0 <= age < RECENT_SECONDS else {}


def look_memory_of(using: str = "default") -> LookMemory:
    """The memory of the looks at the ledger that an alias leads to, beside that of its heads."""
    return LookMemory(memory_of(using).path.with_suffix(".watch"))
