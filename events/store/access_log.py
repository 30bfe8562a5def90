"""The access log in the database: entries put in, entries found, uses of tokens noted.

It must never change an entry: the table refuses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from datetime import datetime

from events.store.connection import execute, fetch_all


@dataclass(frozen=True, slots=True)
class Access:
    """One look at the ledger.

    `kind` is `account`, `token` or `public`; `who` the account's name or the token's beginning.
    `route` is the address's name, `asked` the method and the whole address. `outcome`: an answer
    was `answered` or `refused`; a file was `begun`, and then `sent` or `broken off`. `events` are
    the events that were shown, where they are counted.
    """

    at: datetime
    kind: str
    who: str | None
    agent_id: str | None
    address: str
    route: str
    asked: str
    outcome: str
    status: int
    events: int | None


NAMES = tuple(field.name for field in fields(Access))


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """Which entries; None leaves a side open. Times are half-open; `before` and `after` are ids."""

    who: str | None = None
    route: str | None = None
    address: str | None = None
    outcome: str | None = None
    at_from: datetime | None = None
    at_to: datetime | None = None
    before: int | None = None
    after: int | None = None


def insert(using: str, entries: Sequence[Access]) -> None:
    """Add entries, all of them or none."""
    columns = zip(*map(astuple, entries), strict=True)
    execute(using, "insert_access", dict(zip(NAMES, map(list, columns), strict=True)))


def newest(using: str, chosen: AccessFilter, *, limit: int) -> list[tuple[int, Access]]:
    """Entries with their ids, the newest first."""
    return _select(using, "access_descending", chosen, limit)


def oldest(using: str, chosen: AccessFilter, *, limit: int) -> list[tuple[int, Access]]:
    """Entries with their ids, the oldest first."""
    return _select(using, "access_ascending", chosen, limit)


def note_uses(using: str, uses: Iterable[tuple[str, datetime]]) -> None:
    """Tokens, by their beginning, were used at a time. One that was noted within the minute is
    left alone, so that however many processes note it, a token costs one UPDATE a minute."""
    keys, moments = zip(*uses, strict=True)
    execute(using, "note_token_uses", {"tokens": list(keys), "moments": list(moments)})


def _select(using: str, query: str, chosen: AccessFilter, limit: int) -> list[tuple[int, Access]]:
    parameters: Mapping[str, object] = {**asdict(chosen), "limit": limit}
    return [(row[0], Access(*row[1:])) for row in fetch_all(using, query, parameters)]
