"""The errors of backups. Their messages must never need a traceback beside them."""

from __future__ import annotations

from events.errors import LedgerError


class BackupError(LedgerError):
    """A backup cannot be made, read or restored."""


class NotTheBackupError(BackupError):
    """CT-13: what was restored is not what the backup says it is."""
