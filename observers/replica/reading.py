"""Chooses where observers read: the replica, or the primary when the replica is away or has not
replayed the requested number yet."""

from __future__ import annotations

from django.conf import settings
from django.db import connections

from events.format.event import Event
from events.store.ledger import PostgresEventStore
from observers.replica.lag import PRIMARY, Lag, read_lag
from observers.replica.trust import Left, trust


def has_replica() -> bool:
    """True when observers have a database of their own."""
    return bool(settings.LEDGER_READ_ALIAS != PRIMARY)


def alias_reaching(sequence: int | None) -> str:
    """Returns the observers' alias, or the primary's when the replica has not reached `sequence`.

    A writer who follows the `Location` of a 201, or a reader served by the primary before, asks for
    numbers that a replica may not have replayed yet. While the primary serves in the replica's
    place it is named explicitly: a connection opened meanwhile, as in another process, could lead
    to a replica that is back and behind.
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
    """Finds an event by id, from the primary when a replica does not have it yet."""
    found = PostgresEventStore(settings.LEDGER_READ_ALIAS).get_events_by_id([event_id])
    if not found and reads_replica():
        found = PostgresEventStore(PRIMARY).get_events_by_id([event_id])
    return found.get(event_id)


def reads_replica() -> bool:
    """Tells whether this thread's connection leads to the replica and not to the primary in its
    place."""
    if not has_replica():
        return False
    connection = connections[settings.LEDGER_READ_ALIAS]
    connection.ensure_connection()
    return bool(getattr(connection, "at_replica", True))


def lag_of(using: str) -> Lag | None:
    """Returns the replica's lag; None when the primary serves `using`."""
    if using == PRIMARY or not reads_replica():
        return None
    return read_lag(using)


def why_left() -> Left | None:
    """Returns why the primary serves in the replica's place; None when it does not."""
    return trust.left if has_replica() and not reads_replica() else None
