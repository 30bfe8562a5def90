"""How a reader likes the listing: its order, length, density and columns, kept in the session.

It must never change what an address says of its own: only what it leaves out is filled in.
"""

from __future__ import annotations

from django.http import HttpRequest, QueryDict

from observers.pages.events_form import SENT, VIEW, EventFilterForm

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


def remember(request: HttpRequest, form: EventFilterForm) -> bool:
    """Keep the looks when the form of the page was sent; whether it was.

    An address that is passed on says nothing of the form (the page redirects to one without it),
    and another site's link to the form is not the reader's choice. A stranger has no session.
    """
    if form.cleaned_data[SENT] != "sent":
        return False
    ours = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    known = request.user.is_authenticated
    if ours and known and request.session.get(KEPT, {}) != form.view:
        request.session[KEPT] = form.view
    return True
