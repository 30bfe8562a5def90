"""Pages of verifications: start one, follow its progress, cancel it, read its record.

The verification itself runs in the worker, not in a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.forms.utils import ErrorList
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from events.access.view_marks import not_logged, polled
from events.accounts.roles import VERIFY, may
from events.format.event import MAX_SEQUENCE
from events.models import Verification
from observers.filters.form_fields import NumberField
from observers.pages.listing import turn_page
from observers.pages.permissions import may_read, require_reader, require_right
from observers.pages.rendering import render_page
from observers.pages.status import LedgerStatus, read_status
from observers.pages.verifications.record import VerificationView
from observers.replica.lag import PRIMARY
from observers.verification_jobs import history
from observers.verification_jobs.records import ask_to_cancel
from observers.verification_jobs.tasks import MAX_OPEN, TooManyOpenError
from observers.verification_jobs.tasks import request as ask

PAGE = 25


class RangeForm(forms.Form):
    """The range of sequences to verify; the whole ledger by default."""

    use_required_attribute = False
    start = NumberField(label="From sequence", min_value=1, required=False)
    end = NumberField(label="To sequence", min_value=1, required=False)

    def __init__(self, data: Mapping[str, Any] | None, last: int, **options: Any) -> None:
        super().__init__(data, auto_id="id_%s", error_class=ErrorList, **options)
        self.last = last
        for field in self.fields.values():
            field.widget.attrs |= {"max": last, "inputmode": "numeric"}
        self.fields["start"].widget.attrs["placeholder"] = "1"
        self.fields["end"].widget.attrs["placeholder"] = str(last)

    def clean(self) -> dict[str, int]:
        """Fills in missing bounds; checks their order and that they lie inside the ledger."""
        if self.errors:
            return self.cleaned_data
        if not self.last:
            raise forms.ValidationError("The ledger is empty: there is nothing to verify.")
        start, end = self.cleaned_data["start"] or 1, self.cleaned_data["end"] or self.last
        if start > self.last:
            self.add_error("start", f"The last event is {self.last}.")
        elif end > self.last:
            self.add_error("end", f"The last event is {self.last}.")
        elif end < start:
            self.add_error("end", "The range ends before it starts.")
        return {"start": start, "end": end}


class PlaceForm(forms.Form):
    """The place in the list, and the range to prefill the form with."""

    after = NumberField(min_value=0, max_value=MAX_SEQUENCE, required=False)
    before = NumberField(min_value=0, max_value=MAX_SEQUENCE, required=False)
    start = NumberField(min_value=1, max_value=MAX_SEQUENCE, required=False)
    end = NumberField(min_value=1, max_value=MAX_SEQUENCE, required=False)


@require_reader
@require_safe
def verifications(request: HttpRequest) -> HttpResponse:
    """Shows the form and a page of records, newest first."""
    outlook = read_status()
    place = PlaceForm(request.GET)
    if not place.is_valid():
        return render_page(request, "verifications.html", outlook, {"place": place}, status=400)
    chosen = place.cleaned_data
    form = RangeForm(None, outlook.standing.last_sequence, initial=chosen)
    return _list(request, outlook, form, chosen["before"], chosen["after"])


@require_right(VERIFY)
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Requests a verification and redirects to its record."""
    outlook = read_status(PRIMARY)
    form = RangeForm(request.POST, outlook.standing.last_sequence)
    if form.is_valid():
        bounds = form.cleaned_data
        try:
            asked = ask(requested_by=request.user.get_username(), **bounds)
            return redirect("verification", number=asked.pk)
        except TooManyOpenError:
            form.add_error(
                None,
                f"{MAX_OPEN} verifications are already waiting or running. Wait for one to end, or "
                "cancel one.",
            )
    return _list(request, outlook, form, status=400)


@require_reader
@require_safe
def verification(request: HttpRequest, number: int) -> HttpResponse:
    """Shows a record, or its progress while it is open."""
    outlook = read_status()
    shown = _find(number)
    context = {
        "shown": shown,
        "may_cancel": _may_cancel(request, shown.record),
        "site": f"{request.scheme}://{request.get_host()}",
    }
    return render_page(request, "verification.html", outlook, context)


@not_logged
@polled
@require_safe
def progress(request: HttpRequest, number: int) -> HttpResponse:
    """Renders the progress for the open page, which htmx reloads when the verification ends."""
    if not request.headers.get("HX-Request"):
        return redirect("verification", number=number)
    reload = HttpResponse(headers={"HX-Refresh": "true", "Cache-Control": "no-store"})
    if not may_read(request):
        return reload
    shown = _find(number)
    if not shown.record.is_open:
        return reload
    response = render(request, "verification/progress.html", {"shown": shown})
    response["Cache-Control"] = "private, no-store"
    return response


@require_right(VERIFY)
@require_POST
def cancel(request: HttpRequest, number: int) -> HttpResponse:
    """Requests the cancellation and redirects to the record."""
    if not _may_cancel(request, _find(number).record):
        raise PermissionDenied
    ask_to_cancel(number, request.user.get_username())
    return redirect("verification", number=number)


def _may_cancel(request: HttpRequest, record: Verification) -> bool:
    """True for the account that requested it, and for staff."""
    user = request.user
    return may(user, VERIFY) and (user.is_staff or user.get_username() == record.requested_by)


def _find(number: int) -> VerificationView:
    record = history.find(number) if number <= MAX_SEQUENCE else None
    if record is None:
        raise Http404
    return VerificationView(record)


def _list(
    request: HttpRequest,
    outlook: LedgerStatus,
    form: RangeForm,
    before: int | None = None,
    after: int | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    if after is not None:
        found = history.newer(PAGE + 1, after=after)
    else:
        found = history.newest(PAGE + 1, before=before)
    page = turn_page(found, PAGE, after=after, before=before, key=attrgetter("pk"), here={})
    context = {
        "form": form,
        "records": [VerificationView(record) for record in page.lines],
        "page": page,
    }
    return render_page(request, "verifications.html", outlook, context, status=status)
