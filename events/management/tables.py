"""Plain tables for a terminal. They must never hold a control character."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from events.names import show


def table(titles: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str) -> str:
    """Columns under their titles, numbers to the right; `empty` when there is no row."""
    if not rows:
        return empty
    texts = [[show(str(value)) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *texts, strict=True)]
    right = [any(isinstance(row[place], int) for row in rows) for place in range(len(titles))]
    lines = (
        "  ".join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in [titles, *texts]
    )
    return "\n".join(lines)


def until(first: int, last: int | None) -> str | int:
    """The last sequence of a key: nothing while it is active, `never used` if it has none."""
    if last is None:
        return ""
    return last if last >= first else "never used"
