"""How fast events come in, read from the record of appends. It must never count rows: the record
carries the running count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from events.store.connection import fetch_all


@dataclass(frozen=True, slots=True)
class Mark:
    """The last append before a moment: where it ended, and how many events there were by then."""

    last_sequence: int
    event_count: int


def marks_before(using: str, moments: Sequence[datetime]) -> list[Mark]:
    """The last append before each moment, in the order of the moments, which must rise."""
    return [Mark(*row) for row in fetch_all(using, "appends_before", {"moments": list(moments)})]
