"""The one error of the embedded PostgreSQL.

Its message must never need a traceback beside it: it says what is wrong, where, and what to do.
"""

from __future__ import annotations


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be made, started, found or stopped."""
