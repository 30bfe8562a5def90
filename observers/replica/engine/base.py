"""The connection class of `OBSERVER_DATABASE_URL`; Django loads it by this module's name.

It leads to the replica while that serves and is not too far behind, and otherwise to the primary.
Invariant: the server does not change within a request. It is chosen when a connection is opened,
and again where Django checks whether the connection still works.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections
from psycopg import OperationalError

from events.store.connection import LedgerUnavailableError, first_line
from events.store.engine import base
from observers.replica.lag import PRIMARY, Lag, read_lag
from observers.replica.trust import Why, trust


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to the replica, or to the primary in its place, in the application's role.

    The observer's role may be known to the replica's own rules of access alone.
    """

    at_replica = True

    @property
    def must_write(self) -> bool:
        """A replica takes no writes; the primary in its place does."""
        return not self.at_replica

    def connect(self) -> None:
        """Try the replica where it may be tried, and take the primary otherwise."""
        if trust.claim() and self._connect_to_replica():
            return
        self.at_replica = False
        super().connect()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.at_replica:
            return super().get_new_connection(conn_params)
        primary = connections[PRIMARY]
        return primary.get_new_connection(primary.get_connection_params())

    def is_usable(self) -> bool:
        """True if this connection is kept; Django asks once a request, before its first query."""
        self.health_check_done = True  # so that the queries below do not check again
        if not self.at_replica:
            return not trust.due and super().is_usable()
        if trust.left or not super().is_usable():
            return False
        return not trust.claim_look() or self._keeps_up()

    def _connect_to_replica(self) -> bool:
        self.at_replica = True
        try:
            super().connect()
            if self._keeps_up():
                trust.come_back()
                return True
        except OperationalError as error:
            trust.leave(Why.AWAY, first_line(error))
        self.close()
        return False

    def _keeps_up(self) -> bool:
        """True if the replica is recent enough. If not, reads go to the primary, as they do when it
        cannot be read: without the tables yet, or closed to the observers' role."""
        try:
            lag = read_lag(self.alias)
        except (LedgerUnavailableError, DatabaseError) as error:
            trust.leave(Why.AWAY, first_line(error))
            return False
        if lag.seconds is None or lag.seconds <= settings.PORTAL_REPLICA_LAG:
            return True
        trust.leave(Why.BEHIND, _how_far(lag))
        return False


def _how_far(lag: Lag) -> str:
    return f"it is {lag.events} events and {lag.seconds:.0f} s behind the primary"
