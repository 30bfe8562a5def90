"""The PostgreSQL that comes with the portal, for running it without a database of one's own.

It must never be used when `DATABASE_URL` is set, listen on a network, or open a folder it did
not make itself.
"""

from auditportal.embedded.errors import EmbeddedPostgresError
from auditportal.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]
