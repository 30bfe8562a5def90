"""The tables read page by page as they lie, and each row looked up in the indexes: what an index
does not lead to is hidden from whoever reads by it, and what is about no event stands for none."""

from __future__ import annotations

from django.db import transaction

from events.store.connection import fetch_all, fetch_one

TABLES = ("events", "appends", "clock_drift_warnings", "drifted_events")


def count_pages(using: str) -> dict[str, int]:
    """How many pages each table has."""
    rows = fetch_all(using, "pages_of_tables", {"tables": list(TABLES)})
    return dict(zip(TABLES, (pages for (pages,) in rows), strict=True))


def outside_indexes(
    using: str, table: str, first: int, end: int, *, limit: int
) -> list[tuple[int | None, str | None]]:
    """Number and id of the rows in pages first … end - 1 that an index does not lead to."""
    pages = {"first": f"({first},0)", "end": f"({end},0)", "limit": limit}
    with transaction.atomic(using=using):
        fetch_one(using, "only_indexes")
        return fetch_all(using, f"{table}_outside_indexes", pages)
