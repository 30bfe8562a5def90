"""How many requests were refused, by kind of problem, counted for all processes together."""

from __future__ import annotations

from collections.abc import Mapping

from events.models import RefusalCount
from events.store.connection import execute


def add(using: str, counts: Mapping[str, int]) -> None:
    """Add to the counts of these kinds."""
    parameters = {"problems": list(counts), "numbers": list(counts.values())}
    execute(using, "count_refusals", parameters)


def counted(using: str) -> dict[str, int]:
    """The refusals of each kind that there were any of."""
    return dict(RefusalCount.objects.using(using).values_list("problem", "number"))
