"""Explains expected failures in one line: an unavailable database, a full disk, a bad setting.

Programming errors keep their traceback.
"""

from __future__ import annotations

import errno

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError

from auditportal.embedded import EmbeddedPostgresError
from events.errors import LedgerError

EXIT_COULD_NOT_RUN = 2
_OF_THE_SYSTEM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE}
_DATABASE = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


def explain(error: BaseException) -> str | None:
    """One line for an expected failure; None for anything else."""
    if isinstance(error, ImproperlyConfigured | EmbeddedPostgresError | LedgerError):
        return _one_line(error)
    if isinstance(error, _DATABASE):
        return f"the database does not answer: {_one_line(error)}"
    if isinstance(error, OSError) and error.errno in _OF_THE_SYSTEM:
        return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)
    return None


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
