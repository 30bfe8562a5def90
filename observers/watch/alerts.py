"""Queues alerts for the channels that are set up, in the caller's transaction.

It must never reach the network: `deliveries` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from events.models import WatchAlert

EMAIL, WEBHOOK = "email", "webhook"


def channels() -> list[str]:
    """Where alerts go beside the log and the metrics."""
    chosen = []
    if settings.PORTAL_ALERT_EMAIL_TO:
        chosen.append(EMAIL)
    if settings.PORTAL_ALERT_WEBHOOK_URL:
        chosen.append(WEBHOOK)
    return chosen


def queue_alerts(findings: Sequence[dict[str, Any]]) -> None:
    """One alert a channel for all that one look began."""
    if findings:
        for channel in channels():
            WatchAlert.objects.create(channel=channel, findings=list(findings))
