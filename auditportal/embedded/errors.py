"""The error of the embedded PostgreSQL. Its message says what is wrong, where, and what to do."""

from __future__ import annotations


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be made, started, found or stopped."""
