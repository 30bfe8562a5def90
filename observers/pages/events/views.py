"""Serves the events page and the live mode's requests for new lines.

Events are ordered by sequence and paged by keyset. Display options (order, page size, density,
columns) are kept in the session and fill in only what the address leaves out.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_safe

from events.access.client_address import client_address
from events.access.request_context import leave_out, note_events
from events.access.view_marks import polled
from events.store.drift import shown_threshold
from events.store.ledger import PostgresEventStore
from events.store.sequence import first_sequence_at
from observers.pages.events.filters_in_force import api_query, as_curl, chips
from observers.pages.events.form import SENT, VIEW, EventFilterForm
from observers.pages.events.timeline import Cursor, Page, read_page
from observers.pages.listing import page_address
from observers.pages.permissions import require_reader
from observers.pages.rendering import render_page
from observers.pages.status import LedgerStatus, read_status
from observers.replica.reading import alias_reaching

KEPT = "events-view"


def with_remembered(request: HttpRequest) -> QueryDict:
    """The query, with missing display options taken from the session."""
    query = request.GET.copy()
    remembered = request.session.get(KEPT, {})
    for name, choices in VIEW.items():
        known = [value for value in remembered.get(name, ()) if value in choices]
        if name not in query and known:
            query.setlist(name, known)
    return query


def remember(request: HttpRequest, form: EventFilterForm) -> bool:
    """Stores the display options if the form was submitted. Returns True if it was.

    A shared address never counts as a submitted form, because the page redirects to one without
    the marker; a link from another site is ignored. Anonymous readers have no session.
    """
    if form.cleaned_data[SENT] != "sent":
        return False
    ours = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    known = request.user.is_authenticated
    if ours and known and request.session.get(KEPT, {}) != form.view:
        request.session[KEPT] = form.view
    return True


LIVE_EVENTS = 200
"""Maximum number of events in one live-mode response."""


ASKED_AGAIN = 600.0
"""Seconds after which the same filtered live request is logged again although it found nothing."""

MOST_ASKED = 10_000
"""Live requests that a process remembers."""

_asked: dict[tuple[str, str | None, str], float] = {}
_lock = threading.Lock()


@require_reader
@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """A page of events and gaps; 400 for an invalid query."""
    form = EventFilterForm(with_remembered(request))
    using = _alias_for(form)
    outlook = read_status(using)
    if form.is_valid() and form.cleaned_data["jump"] is not None:
        place = _find_place(form, outlook)
        if place is not None:
            remember(request, form)
            return HttpResponseRedirect(reverse("events") + _address_of(form, place))
    if not form.is_valid():
        return render_page(request, "events.html", outlook, {"form": form}, status=400)
    if remember(request, form):
        return HttpResponseRedirect(reverse("events") + _here(form))
    page = _read(using, form, outlook, form.cursor())
    note_events(request, _count(page))
    return render_page(request, "events.html", outlook, _context(request, form, outlook, page))


@polled
@require_reader
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The lines above `after` for an open page: at most `LIVE_EVENTS` of them."""
    form = EventFilterForm(with_remembered(request))
    using = _alias_for(form)
    outlook = read_status(using)
    if not form.is_valid() or form.cleaned_data["after"] is None:
        return render_page(request, "events/live.html", outlook, {}, status=400)
    after = form.cleaned_data["after"]
    newest_first = form.cursor().newest_first
    cursor = Cursor(newest_first=newest_first, limit=LIVE_EVENTS, after=after)
    page = _read(using, form, outlook, cursor)
    note_events(request, _count(page))
    context = {
        "page": page,
        "columns": form.shown_columns,
        "after": after,
        "reached": max(page.high, after),
        "regressed": _regressed(outlook.standing.last_sequence, after),
    }
    response = render_page(request, "events/live.html", outlook, context)
    if not page.lines and not _is_new_question(request, form):
        leave_out(request)  # an open page polls every two seconds
    return response


def _regressed(last: int, shown: int) -> str:
    """The alarm for a ledger that ends before what the page has shown; "" otherwise."""
    if last >= shown:
        return ""
    return (
        f"The ledger now ends at {last}, but this page has shown it up to {shown}: "
        "events were removed from its end."
    )


def _is_new_question(request: HttpRequest, form: EventFilterForm) -> bool:
    """True when the access log lacks a recent entry for this reader's filtered request: an empty
    answer to a filter discloses something about the ledger."""
    if not form.narrows:
        return False
    key, now = (request.user.get_username(), client_address(request), _here(form)), time.monotonic()
    with _lock:
        if now - _asked.get(key, -ASKED_AGAIN) < ASKED_AGAIN:
            return False
        if len(_asked) >= MOST_ASKED:
            _asked.clear()
        _asked[key] = now
    return True


def _count(page: Page) -> int:
    return sum(line.event is not None for line in page.lines)


def _alias_for(form: EventFilterForm) -> str:
    """The database to read: only a replica that has reached the numbers in the address, so that
    a number already shown is never reported as missing."""
    chosen = form.cleaned_data if form.is_valid() else {}
    named = (chosen.get("after"), chosen.get("jump"))
    return alias_reaching(max((each for each in named if isinstance(each, int)), default=None))


def _read(using: str, form: EventFilterForm, outlook: LedgerStatus, cursor: Cursor) -> Page:
    store = PostgresEventStore(using)
    last = outlook.standing.last_sequence
    return read_page(store, form.event_filter(), cursor, last, outlook.scan.found)


def _context(
    request: HttpRequest, form: EventFilterForm, outlook: LedgerStatus, page: Page
) -> dict[str, Any]:
    site, query = f"{request.scheme}://{request.get_host()}", api_query(form)
    last, newest_first = outlook.standing.last_sequence, form.cursor().newest_first
    links = _links(form, page, last, newest_first=newest_first)
    return {
        "form": form,
        "page": page,
        "columns": form.shown_columns,
        "caption": f"Events in sequence, {'newest' if newest_first else 'oldest'} first",
        "compact": form.cleaned_data["density"] == "compact",
        "newest_first": newest_first,
        "threshold": shown_threshold(settings.LEDGER_READ_ALIAS),
        "links": links,
        "nothing": _nothing(form, outlook, page),
        "also_missing": _also_missing(form, page),
        "further": links["next"] if form.cursor().reads_down is newest_first else links["previous"],
        "chips": chips(form),
        "clear": page_address(form.view),
        "curl": as_curl(site, query),
        "export": f"{reverse('api-export')}?{query}{'&' if query else ''}format=",
        "live": None if page.has_higher else reverse("events-live") + _here(form),
    }


def _nothing(form: EventFilterForm, outlook: LedgerStatus, page: Page) -> str:
    """The sentence above a list without events; "" when there are events."""
    if page.event_count:
        return ""
    if outlook.empty:
        return "0 events. The ledger is empty."
    searched = f"sequence {page.low} to {page.high}"
    if page.stopped:
        return f"0 events so far: none matches these filters in {searched}."
    if not form.narrows:
        return "0 events on this page."
    missing = "" if page.lines else ", and no number is missing there"
    if not page.lines and (form.filters.keys() & {"authority_from", "authority_to"}):
        missing = ", and no number is missing that was given out in this time"
    return f"0 events. No event matches these filters in {searched}{missing}."


def _also_missing(form: EventFilterForm, page: Page) -> str:
    """The sentence above a filtered list that contains gaps; "" when it has none."""
    if not form.narrows or not page.gap_count:
        return ""
    gaps = "1 gap" if page.gap_count == 1 else f"{page.gap_count} gaps"
    return (
        f"Also missing in the searched range, sequence {page.begins} to {page.ends}: {gaps}. "
        "The lost events may or may not have matched the filters."
    )


def _here(form: EventFilterForm) -> str:
    return page_address(form.here)


def _find_place(form: EventFilterForm, outlook: LedgerStatus) -> int | None:
    """The sequence number to go to; None, with an error on the field, when it is after the end."""
    wanted, last = form.cleaned_data["jump"], outlook.standing.last_sequence
    if isinstance(wanted, datetime):
        place = first_sequence_at(settings.LEDGER_READ_ALIAS, wanted, last)
        if place is None:
            form.add_error("jump", "The ledger has no event at or after that time.")
        return place
    if wanted > last:
        form.add_error("jump", f"The ledger ends at {last}." if last else "The ledger is empty.")
        return None
    return int(wanted)


def _address_of(form: EventFilterForm, sequence: int) -> str:
    """The address of the page that begins with a sequence number."""
    newest_first = form.cursor().newest_first
    place = {"before": sequence + 1} if newest_first else {"after": sequence - 1}
    return page_address(form.here, **place) + f"#s{sequence}"


def _links(
    form: EventFilterForm, page: Page, last_sequence: int, *, newest_first: bool
) -> dict[str, str | None]:
    """First, previous, next and last page, in the order of the listing."""
    here = form.here
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
