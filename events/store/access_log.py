"""Access log, token use, counts of refused requests and sign-in rate limit, in the database.

Shared by all processes. The table of the access log refuses changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from datetime import datetime

from events.models import RefusalCount
from events.store.connection import execute, fetch_all, fetch_one


@dataclass(frozen=True, slots=True)
class Access:
    """One access to the ledger.

    `kind` is `account`, `token` or `public`; `who` the account's name or the token's prefix.
    `route` is the route's name, `asked` the method and the full URL. `outcome`: `answered` or
    `refused`; for a file `begun`, then `sent` or `broken off`. `events` is the number of events
    shown, where counted.
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
    """Filter of entries; None leaves a side open. Times are half-open; `before` and `after` are
    ids."""

    who: str | None = None
    route: str | None = None
    address: str | None = None
    outcome: str | None = None
    at_from: datetime | None = None
    at_to: datetime | None = None
    before: int | None = None
    after: int | None = None


def insert(using: str, entries: Sequence[Access]) -> None:
    """Insert entries, all or none."""
    columns = zip(*map(astuple, entries), strict=True)
    execute(using, "access_log.insert", dict(zip(NAMES, map(list, columns), strict=True)))


def newest(using: str, chosen: AccessFilter, *, limit: int) -> list[tuple[int, Access]]:
    """Entries with their ids, newest first."""
    return _select(using, "access_log.newest", chosen, limit)


def oldest(using: str, chosen: AccessFilter, *, limit: int) -> list[tuple[int, Access]]:
    """Entries with their ids, oldest first."""
    return _select(using, "access_log.oldest", chosen, limit)


def note_uses(using: str, uses: Iterable[tuple[str, datetime]]) -> None:
    """Store when tokens, given by prefix, were used. A token that was updated within the last
    minute is skipped, so it costs one UPDATE a minute however many processes report it."""
    keys, moments = zip(*uses, strict=True)
    execute(using, "access_log.note_token_uses", {"tokens": list(keys), "moments": list(moments)})


def _select(using: str, query: str, chosen: AccessFilter, limit: int) -> list[tuple[int, Access]]:
    parameters: Mapping[str, object] = {**asdict(chosen), "limit": limit}
    return [(row[0], Access(*row[1:])) for row in fetch_all(using, query, parameters)]


def add(using: str, counts: Mapping[str, int]) -> None:
    """Add to the counts of these kinds."""
    parameters = {"problems": list(counts), "numbers": list(counts.values())}
    execute(using, "access_log.count_refusals", parameters)


def counted(using: str) -> dict[str, int]:
    """Number of refusals by kind, where not zero."""
    return dict(RefusalCount.objects.using(using).values_list("problem", "number"))


USING = "default"


def take_sign_in(network: str, most: int) -> bool:
    """Take one sign-in attempt from the network's bucket; False when it is empty. A bucket holds
    `most` attempts and refills in a minute."""
    taken = (
        fetch_one(USING, "access_log.take_sign_in", {"network": network, "most": most}) is not None
    )
    execute(USING, "access_log.forget_sign_ins")
    return taken
