"""The first page: how the ledger stands. It must never show a figure without the way to it."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from events.access.note import note_events
from events.store.drift import shown_threshold
from events.store.drift_imports import recent_drift
from events.store.ledger import EventFilter, PostgresEventStore
from observers.pages.activity import Activity, read_activity
from observers.pages.doors import reads
from observers.pages.remembered import Remembered, remembered
from observers.pages.rendering import render_page
from observers.pages.replica_tile import read_replica_tile
from observers.pages.ribbon import draw
from observers.pages.standing import Outlook, read_outlook
from observers.pages.timeline import Line

LATEST = 15


@reads
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """How the ledger stands, and its latest events."""
    using = settings.LEDGER_READ_ALIAS
    outlook = read_outlook()
    latest = PostgresEventStore(using).select(EventFilter(), limit=LATEST, newest_first=True)
    note_events(request, len(latest))
    drift = remembered("recent-drift", using, lambda: recent_drift(using, timezone.now())).answer
    last_hour, last_day = drift
    activity = _activity(using, outlook)
    context = {
        "lines": [Line(event=event) for event in latest],
        "last_hour": last_hour,
        "last_day": last_day,
        "threshold": shown_threshold(using),
        "ribbon": draw(outlook.scan.found),
        "replica": read_replica_tile(),
        "activity": activity.answer if activity else None,
        "activity_at": activity.found_at if activity else None,
        "site": f"{request.scheme}://{request.get_host()}",
    }
    return render_page(request, "overview.html", outlook, context)


def _activity(using: str, outlook: Outlook) -> Remembered[Activity] | None:
    """None while there is nothing to draw."""
    if outlook.empty:
        return None
    return remembered("activity", using, lambda: read_activity(using))
