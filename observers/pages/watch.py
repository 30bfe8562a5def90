"""The page of the watch: its recent checks, its findings and its alerts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from events.accounts.roles import CEREMONIES, may
from events.models import WatchAlert, WatchLook
from events.store.connection import named_errors
from observers.pages.findings import counts, read_findings
from observers.pages.permissions import require_reader
from observers.pages.rendering import render_page
from observers.pages.status import read_status
from observers.watch.delivery import channels

LOOKS, ALERTS = 10, 20
OVERDUE_SECONDS = 90
"""Three missed checks: the watch does not run."""


@require_reader
@require_safe
def watch(request: HttpRequest) -> HttpResponse:
    """Shows the checks, findings and alerts of the watch."""
    outlook = read_status()
    with named_errors():
        looks = list(WatchLook.objects.order_by("-pk")[:LOOKS])
        alerts = list(WatchAlert.objects.order_by("-pk")[:ALERTS])
    last = looks[0] if looks else None
    findings = read_findings()
    context = {
        "checks": [(look, _open(look)) for look in looks],
        "may_operate": may(request.user, CEREMONIES),  # shows hosts, processes and mail servers
        "last": last,
        "overdue": last is None or _age(last.began_at) > OVERDUE_SECONDS,
        "late": last is not None and _age(last.verified_since) > last.promised_seconds,
        "promised": last and _span(last.promised_seconds),
        "round": last and _round(last),
        "findings": findings,
        "unrecorded": sum(each.sequence is None for each in findings.open),
        "unlisted": _unlisted(findings.unlisted),
        "alerts": alerts,
        "channels": channels(),
    }
    return render_page(request, "watch.html", outlook, context)


def _open(look: WatchLook) -> str:
    """Describes in words what was open at a check."""
    stepped = "; the authority clock stepped back" if look.backward_steps else ""
    return (counts(look.open_findings) or "nothing") + stepped


def _round(last: WatchLook) -> str:
    """Progress of the round that re-checks older events."""
    told = f"now re-checking older events: {last.rolled_through:,} of {last.round_end:,}"
    if last.round_seconds is None:
        return told
    return f"{told}, the last round took {_span(last.round_seconds)}"


def _unlisted(count: int) -> str:
    return (
        f"The last check counted {count:,} more than are listed: the event that opened or closed "
        "such a finding fails a check itself, so the watch does not trust it."
    )


def _age(moment: datetime) -> float:
    return (timezone.now() - moment).total_seconds()


def _span(seconds: int | Decimal) -> str:
    """Format a duration in its largest fitting unit, as `24 hours`."""
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"
