"""The watch's page: how its looks went, what it found, whom it told. It must never look itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from events.accounts.rights import CEREMONIES, may
from events.models import WatchAlert, WatchLook
from events.store.connection import named_errors
from events.store.watching import RecordedEvent, recorded_events
from observers.pages.doors import reads
from observers.pages.rendering import render_page
from observers.pages.standing import read_outlook
from observers.watch.alerts import channels
from observers.watch.findings import CLOSED, RESTORED, TYPES, Known, known_findings

LOOKS, ALERTS, PAST = 10, 20, 20
OVERDUE_SECONDS = 90
"""Three looks missed: nobody is watching."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Those that are open, newest first, and the watch's last words on others."""

    open: list[Known]
    closed: list[RecordedEvent]


@reads
@require_safe
def watch(request: HttpRequest) -> HttpResponse:
    """Everything of the watch on one page."""
    outlook = read_outlook()
    with named_errors():
        looks = list(WatchLook.objects.order_by("-pk")[:LOOKS])
        alerts = list(WatchAlert.objects.order_by("-pk")[:ALERTS])
    last = looks[0] if looks else None
    context = {
        "looks": looks,
        "may_operate": may(request.user, CEREMONIES),  # who sees hosts, processes, mail servers
        "last": last,
        "overdue": last is None or _age(last.began_at) > OVERDUE_SECONDS,
        "late": last is not None and _age(last.verified_since) > last.promised_seconds,
        "promised": last and _span(last.promised_seconds),
        "round_took": last and last.round_seconds is not None and _span(last.round_seconds),
        "findings": read_findings(),
        "alerts": alerts,
        "channels": channels(),
    }
    return render_page(request, "watch.html", outlook, context)


def read_findings() -> Findings:
    """What the ledger says of findings."""
    recorded = recorded_events("default", TYPES)
    known = known_findings(
        (each.sequence, each.event_type, each.finding, each.authority_timestamp)
        for each in recorded
    )
    closed = [each for each in recorded if each.event_type in (CLOSED, RESTORED)]
    return Findings(list(known.values())[::-1], closed[::-1][:PAST])


def _age(moment: datetime) -> float:
    return (timezone.now() - moment).total_seconds()


def _span(seconds: int | Decimal) -> str:
    """A time in its largest fitting unit, as `24 hours`."""
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"
