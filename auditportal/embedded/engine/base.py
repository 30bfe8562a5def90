"""The connection class of the embedded engine; Django loads it by this module's name.

A connection with a HOST belongs to another server and is left alone.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from psycopg import OperationalError

from auditportal.embedded import EmbeddedPostgres, EmbeddedPostgresError, sharing
from events.store.engine import base


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL at `settings.PORTAL_HOME`, started on first use or when found dead."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.settings_dict["HOST"]:
            return super().get_new_connection(conn_params)
        server = EmbeddedPostgres(settings.PORTAL_HOME)
        try:
            sharing.use(server)
            try:
                return super().get_new_connection(self._located(server, conn_params))
            except OperationalError:
                sharing.revive(server)
                return super().get_new_connection(self._located(server, conn_params))
        except EmbeddedPostgresError as error:
            raise OperationalError(str(error)) from error

    def _located(self, server: EmbeddedPostgres, conn_params: dict[str, Any]) -> dict[str, Any]:
        """The parameters with the path of the server's socket."""
        return conn_params | server.dsn(self.settings_dict["USER"], self.settings_dict["NAME"])
