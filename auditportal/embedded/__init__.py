"""The PostgreSQL that comes with the portal, used without `DATABASE_URL`.

It listens on a Unix socket only, and uses only folders that it made.
"""

from auditportal.embedded.errors import EmbeddedPostgresError
from auditportal.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]
