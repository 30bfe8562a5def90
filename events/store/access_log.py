"""The access log in the database: entries put in, entries found, uses of tokens noted.

It must never change an entry: the table refuses it.

How many requests were refused, by kind of problem, counted for all processes together.

How often a network may try to sign in, counted in the database for all processes together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from datetime import datetime

from events.models import RefusalCount
from events.store.connection import execute, fetch_all, fetch_one


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


def add(using: str, counts: Mapping[str, int]) -> None:
    """Add to the counts of these kinds."""
    parameters = {"problems": list(counts), "numbers": list(counts.values())}
    execute(using, "count_refusals", parameters)


def counted(using: str) -> dict[str, int]:
    """The refusals of each kind that there were any of."""
    return dict(RefusalCount.objects.using(using).values_list("problem", "number"))


USING = "default"


def take_sign_in(network: str, most: int) -> bool:
    """Whether the network may try once more: it has `most` tries, which come back in a minute."""
    taken = fetch_one(USING, "take_sign_in", {"network": network, "most": most}) is not None
    execute(USING, "forget_sign_ins", {})
    return taken
