"""Django database backend of the portal. Django requires this module name.

Applies the session settings, and raises `OperationalError` for a read-only server too.
"""

from __future__ import annotations

from types import TracebackType

from django.db import OperationalError
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property

from events.store.session import PINS, WRITABLE, is_lost


class _Lost(DatabaseErrorWrapper):
    """Raises `OperationalError` for errors of a lost server that psycopg classifies otherwise."""

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
            self._connection.errors_occurred = True  # has Django check it when the request ends
            raise OperationalError(*exc_value.args).with_traceback(traceback) from exc_value  # type: ignore[union-attr]
        super().__exit__(exc_type, exc_value, traceback)


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL with the portal's session settings."""

    @property
    def must_write(self) -> bool:
        """True if a read-only server is the wrong one."""
        return True

    @cached_property
    def wrap_database_errors(self) -> _Lost:
        """Maps psycopg's errors to Django's."""
        return _Lost(self)

    def init_connection_state(self) -> None:
        """Apply the session settings before any other statement."""
        with self.connection.cursor() as cursor:
            for statement in PINS:
                cursor.execute(statement)
        super().init_connection_state()

    def is_usable(self) -> bool:
        """False if the server is gone or read-only. A connection that was opened before a failover
        still answers; a new one may lead to the new primary."""
        if self.connection is None or not self.must_write:
            return bool(super().is_usable())
        try:
            with self.connection.cursor() as cursor:
                return bool(cursor.execute(WRITABLE).fetchone()[0])
        except self.Database.Error:
            return False
