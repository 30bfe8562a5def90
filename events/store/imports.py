"""The imports that the ledger knows of, by their own records in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from events.store.connection import fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class Started:
    """The record of an import's beginning: its sequence and its payload."""

    sequence: int
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Events that may be an import's: how many, and from where to where. `agents` is None where
    they are too many to name."""

    count: int
    first_sequence: int | None
    last_sequence: int | None
    agents: list[str] | None


@dataclass(frozen=True, slots=True)
class Imported:
    """A whole file that an import took in: its source, size and digest of the unpacked content,
    and the sequence of the import's record."""

    source: str
    content_bytes: int
    content_sha256: str
    sequence: int


def list_contents(using: str, imports: int) -> list[Imported]:
    """The files of the newest so many imports."""
    return [Imported(*row) for row in fetch_all(using, "imported_contents", {"imports": imports})]


def list_open(using: str) -> list[Started]:
    """Imports that were started and have no record of their end."""
    rows = fetch_all(using, "open_imports")
    return [Started(sequence, dict(as_json(payload))) for sequence, payload in rows]


def find_stretch(using: str, after: int, *, any_id: bool, most_agents: int) -> Stretch:
    """What may have come in by files since a sequence: events whose ids are as `ingest` makes
    them, or with `any_id` every agent's."""
    values = {"after": after, "any_id": any_id, "most": most_agents}
    count, first, last, agents = fetch_one(using, "import_stretch", values)
    return Stretch(count, first, last, None if len(agents or ()) > most_agents else agents or [])


def as_json(value: Any) -> Any:
    """A JSONB value, parsed if the connection gives it as text."""
    return orjson.loads(value) if isinstance(value, str | bytes) else value
