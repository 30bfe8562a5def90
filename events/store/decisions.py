"""Reading what stands beside the chain of decisions, to compare it with the events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from events.store.connection import fetch_all


class CeremonyRow(NamedTuple):
    """A row of `ceremonies`, column by column; None is what is not there."""

    ceremony_id: str
    kind: str | None
    step: str | None
    person: str | None
    proposal: str | None
    proposal_hash: str | None
    public_key: str | None
    signature: str | None
    sequence: str | None
    event_id: str | None
    at: str | None


def ceremony_rows(using: str, ceremony_ids: Sequence[str]) -> list[CeremonyRow]:
    """All rows about these ceremonies, oldest first."""
    rows = fetch_all(using, "ceremony_rows", {"ceremony_ids": list(ceremony_ids)})
    return [CeremonyRow(*row) for row in rows]


def ceremonies_without_event(using: str, *, limit: int) -> list[tuple[str, str | None]]:
    """Id of each ceremony that no event of its own records though a row says so, and the sequence
    that the row names."""
    return fetch_all(using, "ceremonies_without_event", {"limit": limit})
