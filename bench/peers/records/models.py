"""One record, kept three times, each under another package's history.

Only for the Django project of `bench.peers.history`, not for the portal's INSTALLED_APPS.
"""

from __future__ import annotations

import pghistory
from auditlog.registry import auditlog
from django.db import models
from simple_history.models import HistoricalRecords


class Record(models.Model):
    """An event as a Django project without the portal would store it."""

    event_type = models.TextField()
    agent_id = models.TextField()
    payload = models.JSONField()
    local_timestamp = models.DateTimeField()

    class Meta:
        abstract = True


@pghistory.track()
class PghistoryRecord(Record):
    """Followed by triggers."""


class AuditlogRecord(Record):
    """Followed by signals, into one table for all models."""


class SimpleHistoryRecord(Record):
    """Followed by signals, into a table of its own."""

    history = HistoricalRecords()


auditlog.register(AuditlogRecord)
