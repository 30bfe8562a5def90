"""From where this thread's connection of observers reads, and where to read what was just written.

It must never send a reader away from a number that the ledger has.
"""

from __future__ import annotations

from django.conf import settings
from django.db import connections

from events.format.event import Event
from events.store.ledger import PostgresEventStore
from observers.replica.lag import PRIMARY, Lag, read_lag
from observers.replica.trust import Left, trust


def has_replica() -> bool:
    """Whether observers have a database of their own."""
    return bool(settings.LEDGER_READ_ALIAS != PRIMARY)


def alias_reaching(sequence: int | None) -> str:
    """Where observers read, or the primary when only that has gone as far as `sequence`.

    A writer who follows the `Location` of a 201, or a reader who was served by the primary before,
    asks for numbers that a replica may not have replayed yet. While the primary serves in the
    replica's place it is named outright: a connection opened meanwhile, as in another process,
    must not lead to a replica that is back and has not gone so far.
    """
    using: str = settings.LEDGER_READ_ALIAS
    if sequence is None or not has_replica():
        return using
    if not reads_replica():
        return PRIMARY
    here = PostgresEventStore(using).last_sequence()
    if here >= sequence:
        return using
    return PRIMARY if PostgresEventStore(PRIMARY).last_sequence() > here else using


def find_by_id(event_id: str) -> Event | None:
    """The event of an id, from the primary when a replica does not have it yet."""
    found = PostgresEventStore(settings.LEDGER_READ_ALIAS).get_events_by_id([event_id])
    if not found and reads_replica():
        found = PostgresEventStore(PRIMARY).get_events_by_id([event_id])
    return found.get(event_id)


def reads_replica() -> bool:
    """Whether this thread's connection leads to the observers' database, not to the primary in
    its place."""
    if not has_replica():
        return False
    connection = connections[settings.LEDGER_READ_ALIAS]
    connection.ensure_connection()
    return bool(getattr(connection, "at_replica", True))


def lag_of(using: str) -> Lag | None:
    """How far the observers' database is behind; None when the primary serves `using`."""
    if using == PRIMARY or not reads_replica():
        return None
    return read_lag(using)


def why_left() -> Left | None:
    """Why the primary serves in the replica's place; None when it does not."""
    return trust.left if has_replica() and not reads_replica() else None
