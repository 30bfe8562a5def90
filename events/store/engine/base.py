"""The connection class of every database of the portal; Django loads it by this module's name.

It pins the session, and says of a server that no longer takes writes what Django says of one that
is away.
"""

from __future__ import annotations

from types import TracebackType

from django.db import OperationalError
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property

from events.store.session import PINS, WRITABLE, is_lost


class _Lost(DatabaseErrorWrapper):
    """Raises `OperationalError` for errors of a lost server that psycopg files elsewhere."""

    def __init__(self, connection: DatabaseWrapper) -> None:
        super().__init__(connection)
        self._connection = connection

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if is_lost(exc_value):
            self._connection.errors_occurred = True  # so it is looked at when the request ends
            raise OperationalError(*exc_value.args).with_traceback(traceback) from exc_value  # type: ignore[union-attr]
        super().__exit__(exc_type, exc_value, traceback)


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL as the portal relies on it."""

    @property
    def must_write(self) -> bool:
        """Whether a server that takes no writes is the wrong one."""
        return True

    @cached_property
    def wrap_database_errors(self) -> _Lost:
        """Turns psycopg's errors into Django's."""
        return _Lost(self)

    def init_connection_state(self) -> None:
        """Set what the portal relies on before anything else is asked of the connection."""
        with self.connection.cursor() as cursor:
            for statement in PINS:
                cursor.execute(statement)
        super().init_connection_state()

    def is_usable(self) -> bool:
        """Whether to go on with this connection. One that led to the primary and leads to a standby
        now, or was opened while nothing could be written, still answers: another may be better."""
        if self.connection is None or not self.must_write:
            return bool(super().is_usable())
        try:
            with self.connection.cursor() as cursor:
                return bool(cursor.execute(WRITABLE).fetchone()[0])
        except self.Database.Error:
            return False
