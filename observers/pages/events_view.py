"""How a reader likes the listing: its order, length, density and columns, kept in the session.

It must never change what an address says of its own: only what it leaves out is filled in.
"""

from __future__ import annotations

from django.http import HttpRequest, QueryDict

from observers.pages.events_form import VIEW, EventFilterForm

KEPT = "events-view"


def with_remembered(request: HttpRequest) -> QueryDict:
    """The address, and for the looks that it leaves open those that were last chosen."""
    query = request.GET.copy()
    remembered = request.session.get(KEPT, {})
    for name, choices in VIEW.items():
        known = [value for value in remembered.get(name, ()) if value in choices]
        if name not in query and known:
            query.setlist(name, known)
    return query


def remember(request: HttpRequest, form: EventFilterForm) -> None:
    """Keep the looks that were chosen; the session is written only when they change, and a
    stranger has none to write to."""
    if request.user.is_anonymous:
        return
    if request.session.get(KEPT, {}) != form.view and any(name in request.GET for name in VIEW):
        request.session[KEPT] = form.view
