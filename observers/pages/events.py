"""The events in sequence. It must never order them by anything else, nor page by offset."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from events.store.drift import get_threshold
from events.store.ledger import PostgresEventStore
from observers.pages.addresses import page_address
from observers.pages.filters import EventFilterForm
from observers.pages.rendering import render_page
from observers.pages.standing import read_outlook
from observers.pages.timeline import Page, read_page


@login_required
@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """A page of events and gaps; 400 when the address asks for what cannot be."""
    form = EventFilterForm(request.GET)
    outlook = read_outlook()
    if not form.is_valid():
        return render_page(request, "events.html", outlook, {"form": form}, status=400)
    using = settings.LEDGER_READ_ALIAS
    cursor = form.cursor()
    page = read_page(
        PostgresEventStore(using),
        form.event_filter(),
        cursor,
        outlook.standing.last_sequence,
        outlook.scan.found,
    )
    context = {
        "form": form,
        "page": page,
        "threshold": get_threshold(using),
        "links": _links(
            form, page, outlook.standing.last_sequence, newest_first=cursor.newest_first
        ),
    }
    return render_page(request, "events.html", outlook, context)


def _links(
    form: EventFilterForm, page: Page, last_sequence: int, *, newest_first: bool
) -> dict[str, str | None]:
    """First, previous, next and last page, in the order of the listing."""
    here = form.chosen
    lower = page_address(here, before=page.low) if page.has_lower else None
    higher = page_address(here, after=page.high) if page.has_higher else None
    if newest_first:
        last = page_address(here, after=0) if lower else None
        return {
            "first": page_address(here) if higher else None,
            "previous": higher,
            "next": lower,
            "last": last,
        }
    last = page_address(here, before=last_sequence + 1) if higher else None
    return {
        "first": page_address(here) if lower else None,
        "previous": lower,
        "next": higher,
        "last": last,
    }
